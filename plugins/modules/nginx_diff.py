#!/usr/bin/python
# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: nginx_diff
short_description: Show the changes between two nginx configurations, as nginx sees them
version_added: 0.1.0
description:
  - Compares the meaning of two configurations. Comments, layout, the order of directives without an order, and the way files
    include each other do not count. The order of rewrites, C(allow) and C(deny), regular expressions and default servers does.
  - Each change has its place in both configurations, a risk, and one line that describes it. If a directive hides inherited
    ones, as one C(add_header) hides all of the server's, the change names them.
  - A configuration is one of these. On the controller, a folder, its main file, or the output of C(nginx -T). On the host,
    the live one, or a release in its store. Or a source folder as it would be deployed.
  - A configuration that cannot be read as a whole fails the task with file and line. Nothing is changed.
author:
  - failsafe.nginx contributors (@failsafe-nginx)
requirements:
  - crossplane >= 0.5.8 on the controller
  - Python 3.7 or newer and nginx on the host, where V(live), a release or O(src) is compared
extends_documentation_fragment:
  - failsafe.nginx.release.instance
  - failsafe.nginx.attributes
  - failsafe.nginx.attributes.action
attributes:
  check_mode:
    support: full
    details:
      - The module only reads, so it does the same in check mode.
  connection:
    support: full
  delegation:
    support: full
  diff_mode:
    support: full
    details:
      - Ansible shows the diff of changed tasks only. Therefore the task is reported as changed in diff mode, if the two
        configurations differ, and never otherwise.
  idempotent:
    support: full
  platform:
    support: full
    platforms: posix
    details:
      - On a host Linux only. Folders, files and dumps are compared on the controller and no host is asked.
options:
  before:
    description:
      - The old configuration. V(live) is the folder O(config_dir) on the host; C(r-) and twelve hex digits are a release in
        O(store). Anything else is a path on the controller. It names a folder, a single file, or a file with the output of
        C(nginx -T).
      - A relative path starts at the playbook's folder, then at the current one.
    type: str
    default: live
  after:
    description:
      - The new configuration, named like O(before).
      - Exactly one of O(after) and O(src) is given.
    type: str
  src:
    description:
      - A source folder as M(failsafe.nginx.nginx_release) deploys it, with templates rendered for the host. The whole folder is
        compared as it would be after the deploy, unmanaged files included.
    type: path
  exclude:
    description:
      - Patterns of names to leave out of O(src), and of a folder in O(before) and O(after). The default is that of
        M(failsafe.nginx.nginx_release).
    type: list
    elements: str
  fail_on:
    description:
      - Fail if there is a change of this risk or a worse one.
      - The risks from the worst on are V(access-control), V(tls), V(routing), V(upstream), V(code), V(headers), V(cache),
        V(logging), V(tuning) and V(cosmetic). With V(cosmetic) any difference fails, comments and layout included.
    type: str
    choices: [access-control, tls, routing, upstream, code, headers, cache, logging, tuning, cosmetic, never]
    default: never
  text_diff:
    description:
      - Return the difference of the files' texts, too.
    type: bool
    default: false
  _payload:
    description:
      - Set by the action plugin to the configurations that the host reads. Not for users.
    type: str
seealso:
  - module: failsafe.nginx.nginx_release
  - module: failsafe.nginx.nginx_lint
"""

EXAMPLES = r"""
- name: Show the changes that a deploy would make on the host
  failsafe.nginx.nginx_diff:
    src: files/nginx
  check_mode: true
  diff: true

- name: Show the changes since the last release
  failsafe.nginx.nginx_diff:
    before: r-0f3c66d1a2b4
    after: live
  register: drift

- name: Compare two folders on the controller, and refuse changes of access
  failsafe.nginx.nginx_diff:
    before: build/main/nginx
    after: build/branch/nginx
    fail_on: access-control
"""

RETURN = r"""
changes:
  description: The changes, the worst risk first, then by file and line.
  returned: when both configurations were read
  type: list
  elements: dict
  contains:
    kind:
      description: One of V(added), V(removed), V(changed), V(moved), V(renamed) and V(reordered). An added or removed block
        is one change.
      type: str
    risk:
      description: The risk, one of the choices of O(fail_on). A block has the worst risk of the directives in it.
      type: str
    before:
      description: File and line in the old configuration, V(null) if it was added.
      type: dict
      contains:
        file:
          description: The file, relative to the configuration folder if it lies there.
          type: str
        line:
          description: The line, counted from 1.
          type: int
    after:
      description: File and line in the new configuration, V(null) if it was removed.
      type: dict
      contains:
        file:
          description: The file, relative to the configuration folder if it lies there.
          type: str
        line:
          description: The line, counted from 1.
          type: int
    block:
      description: The blocks around it.
      type: str
    servers:
      description: The names of the servers that it concerns, empty if it may concern all of them.
      type: list
      elements: str
    line:
      description: The change in one line.
      type: str
    before_text:
      description: The old directive or block, without comments and in one layout.
      type: str
    after_text:
      description: The new one.
      type: str
    lost:
      description: Inherited directives that this change disables at its place.
      type: list
      elements: dict
      contains:
        file:
          description: The file.
          type: str
        line:
          description: The line.
          type: int
        text:
          description: The directive.
          type: str
  sample:
    - kind: changed
      risk: upstream
      before: {file: conf.d/a.conf, line: 12}
      after: {file: conf.d/a.conf, line: 14}
      block: http > server www.example.com > location /api/
      servers: [www.example.com]
      line: "server www.example.com: location /api/: proxy_pass http://a -> http://b"
      before_text: proxy_pass http://a;
      after_text: proxy_pass http://b;
      lost: []
summary:
  description: The numbers of changes.
  returned: when both configurations were read
  type: dict
  contains:
    add:
      description: Added directives and blocks.
      type: int
    change:
      description: Changed, renamed and reordered directives and blocks.
      type: int
    remove:
      description: Removed directives and blocks.
      type: int
    move:
      description: Moved directives and blocks.
      type: int
    cosmetic_files:
      description: Files with another text and the same meaning.
      type: int
    risks:
      description: Changes by risk, the worst first.
      type: dict
    text:
      description: The numbers in words.
      type: str
      sample: 3 to add, 1 to change, 0 to remove (4 routing); 1 moved; 3 files cosmetic only
cosmetic_files:
  description: The files with another text and the same meaning.
  returned: when both configurations were read
  type: list
  elements: str
text_diff:
  description: The files that differ, with C(before_header), C(before), C(after_header) and C(after), as Ansible shows diffs.
  returned: with O(text_diff=true)
  type: list
  elements: dict
unread:
  description:
    - Included files that were not compared, as file, line and reason. They lie outside of a folder or a file on the
      controller, and no host was asked for them.
  returned: when both configurations were read
  type: list
  elements: str
msg:
  description: The summary in words. If the task fails, also every change that made it fail.
  returned: always
  type: str
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.failsafe.nginx.plugins.module_utils._common.json_fields import FieldError, decode
from ansible_collections.failsafe.nginx.plugins.module_utils._common.packing import PackingError, pack_bytes, unpack
from ansible_collections.failsafe.nginx.plugins.module_utils._nginx.instance import Instance, NginxError
from ansible_collections.failsafe.nginx.plugins.module_utils._nginx.validate import validate
from ansible_collections.failsafe.nginx.plugins.module_utils._plan.folders import FolderSpec
from ansible_collections.failsafe.nginx.plugins.module_utils._plan.trees import TreeError, Trees

_RISKS = ["access-control", "tls", "routing", "upstream", "code", "headers", "cache", "logging", "tuning", "cosmetic"]


def argument_spec() -> dict[str, t.Any]:
    """Return the options, with those that only the action plugin uses."""
    return {
        "before": {"default": "live"},
        "after": {},
        "src": {"type": "path"},
        "exclude": {"type": "list", "elements": "str"},
        "fail_on": {"choices": [*_RISKS, "never"], "default": "never"},
        "text_diff": {"type": "bool", "default": False},
        "config_dir": {"type": "path", "default": "/etc/nginx"},
        "main": {"default": "nginx.conf"},
        "store": {"type": "path", "default": "/var/lib/failsafe-nginx"},
        "binary": {},
        "prefix": {"type": "path"},
        "_payload": {"no_log": True},
    }


def read(params: dict[str, t.Any], specs: dict[str, FolderSpec]) -> dict[str, t.Any]:
    """Return the output of `nginx -T` with each configuration, packed, and what this reading could not do."""
    instance = Instance(params["config_dir"], main=params["main"], binary=params["binary"], prefix=params["prefix"])
    trees = Trees(params["config_dir"], params["store"])
    dumps: dict[str, str] = {}
    limits: dict[str, None] = {}
    try:
        for name in sorted(specs):
            found = validate(instance, trees.folder(specs[name]), dump=True)
            if found.dump is None:
                place = f"{found.file}:{found.line}: " if found.file else ""
                raise NginxError(f"nginx cannot read the configuration {name!r}: {place}{found.message}")
            dumps[name] = pack_bytes(found.dump)
            limits.update(dict.fromkeys(found.limits))
    finally:
        trees.close()
    return {"_dumps": dumps, "_limits": list(limits)}


def main() -> None:
    """Read the configurations that only the host has; the action plugin compares."""
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    if not module.params["_payload"]:
        module.fail_json(msg="nothing says what to read: run this module by its action plugin, as a task")
    try:
        specs = unpack(module.params["_payload"])
        result = read(module.params, {name: decode(FolderSpec, spec) for name, spec in specs.items()})
    except (PackingError, FieldError) as error:
        module.fail_json(msg=f"what the controller sent cannot be read: {error}")
    except (TreeError, NginxError) as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=f"{error.filename or 'the host'}: {error.strerror}")
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
