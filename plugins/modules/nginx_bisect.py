#!/usr/bin/python
# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: nginx_bisect
short_description: Find the lines of an nginx configuration that change what a request gets
version_added: 0.1.0
description:
  - Takes two configurations and a request that they answer differently. Finds the smallest part of the change that causes the
    new outcome, by delta debugging. Every test runs nginx with a part of the change, in a private world on the host.
  - A change is one directive, or the head of one block. An added or removed block or file is tried as a whole first, and is
    split if it is guilty. Combinations that nginx refuses decide nothing and are skipped.
  - No single change can be left out of the result, or the request would have its old outcome again. The last test shows
    whether the rest of the change is fine.
  - Nothing on the host changes, and the worlds leave nothing behind.
author:
  - failsafe.nginx contributors (@failsafe-nginx)
requirements:
  - Python 3.7 or newer and nginx on the host, and a kernel that allows namespaces
  - crossplane >= 0.5.8 on the controller
extends_documentation_fragment:
  - failsafe.nginx.release.instance
  - failsafe.nginx.attributes
  - failsafe.nginx.attributes.action
  - failsafe.nginx.behaviour.sides
options:
  request:
    description:
      - The request, with C(url), and C(method), C(headers), C(host), C(client), C(body), C(version), C(sni) and C(address) where
        they matter, as in a file of expectations.
      - Exactly one of O(request), O(expect), O(failing) and O(checks) is needed. Of O(expect), those requests count that fail
        with the configuration from after.
    type: dict
  failing:
    description:
      - The value RV(failsafe.nginx.nginx_route_check#module:failing) of M(failsafe.nginx.nginx_route_check).
    type: list
    elements: dict
  checks:
    description:
      - Health checks that failed, as described in M(failsafe.nginx.nginx_health). They are sent to their address, from an address of
        the host, and with their PROXY line. Certificates are compared by a handshake. RV(msg) tells which of them cannot be searched.
      - Upstreams are stubs in the private world. So a check is explained if the two configurations answer its request
        differently, such as with another upstream. The state of the real upstream does not matter.
    type: list
    elements: dict
  failed:
    description:
      - The names of the O(checks) that count. By default all of them.
    type: list
    elements: str
  limit:
    description:
      - The most combinations that are tried for a request.
    type: int
    default: 300
  _step:
    description:
      - Set by the action plugin.
    type: str
    choices: [read, run]
  _payload:
    description:
      - Set by the action plugin.
    type: str
attributes:
  check_mode:
    support: full
    details: It changes nothing, so check mode makes no difference.
  connection:
    support: full
  delegation:
    support: full
    details: The worlds run where the task is delegated to. With C(connection=local) and two folders no server is needed.
  diff_mode:
    support: full
    details: The diff is the smallest guilty part of the change.
  idempotent:
    support: full
  platform:
    support: full
    platforms: Linux
seealso:
  - module: failsafe.nginx.nginx_route_check
  - module: failsafe.nginx.nginx_diff
"""

EXAMPLES = r"""
- name: Find the line of the last release that makes this page fail
  failsafe.nginx.nginx_bisect:
    before: r-0f3c66d1a2b4
    after: live
    request:
      url: https://www.example.com/api/profile
  become: true

- name: The same with two checkouts on the controller, as an ordinary user
  failsafe.nginx.nginx_bisect:
    before: build/main/nginx
    after: files/nginx
    request:
      url: http://www.example.com/old/page
      client: 203.0.113.7
  delegate_to: localhost
  register: found

- name: Show it
  ansible.builtin.debug:
    msg: "{{ found.culprits | map(attribute='text') }}"
"""

RETURN = r"""
culprits:
  description: The guilty lines of all requests, each once.
  returned: always
  type: list
  elements: dict
  contains:
    file:
      description: The file, below the configuration folder.
      type: str
    line:
      description: The line in the configuration from after; of a removed line, the one in the configuration from before.
      type: int
    kind:
      description: V(added), V(removed), V(changed) or V(moved).
      type: str
    text:
      description: The statement after the change, V(null) if it was removed.
      type: str
    before:
      description: The statement before the change, V(null) if it was added.
      type: str
  sample:
    - file: snippets/api.conf
      line: 6
      kind: added
      text: "rewrite ^/api/profile /api/profile_list last;"
      before: null
lines:
  description: The same lines as text, one string each.
  returned: always
  type: list
  elements: str
searches:
  description: The result for each request.
  returned: always
  type: list
  elements: dict
  contains:
    request:
      description: The request in one line.
      type: str
    before:
      description: The outcome with the configuration from before.
      type: str
    after:
      description: The outcome with the configuration from after.
      type: str
    aspect:
      description: The aspect in which the two outcomes differ. V(null) if they do not; then nothing was searched.
      type: str
    causes:
      description: Sets of lines, each of which suffices to cause the new outcome.
      type: list
      elements: dict
    complement:
      description: The outcome with the rest of the change, without the guilty lines. V(pass) is the old outcome, V(fail) the
        new one. V(unresolved) means that nginx refuses the rest, or that the outcome is a third one. V(null) means that it was not tried.
      type: str
    worlds:
      description: The number of combinations that were tried for it.
      type: int
worlds:
  description: The number of private worlds that were built.
  returned: always
  type: int
changes:
  description: The number of single changes between the two configurations.
  returned: always
  type: int
patch:
  description: The smallest difference that makes the requests fail, as a unified diff.
  returned: always
  type: str
msg:
  description: The guilty lines in words.
  returned: always
  type: str
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.failsafe.nginx.plugins.module_utils._plan import host
from ansible_collections.failsafe.nginx.plugins.module_utils._plan.ddmin import BisectError
from ansible_collections.failsafe.nginx.plugins.module_utils._plan.folders import ReadJob
from ansible_collections.failsafe.nginx.plugins.module_utils._plan.options import SIDES
from ansible_collections.failsafe.nginx.plugins.module_utils._plan.search_jobs import SearchJob
from ansible_collections.failsafe.nginx.plugins.module_utils._plan.search_worlds import search_worlds


def argument_spec() -> dict[str, t.Any]:
    """Return the options, with those that only the action plugin uses."""
    return {
        **SIDES,
        "request": {"type": "dict"},
        "failing": {"type": "list", "elements": "dict"},
        "checks": {"type": "list", "elements": "dict"},
        "failed": {"type": "list", "elements": "str"},
        "limit": {"type": "int", "default": 300},
    }


def main() -> None:
    """Do one step of the search."""
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    options, payload = host.HostOptions.of(module.params), module.params["_payload"]
    answer: object
    try:
        if module.params["_step"] == "read":
            answer = host.read(options, host.unpack_job(ReadJob, payload))
        else:
            answer = search_worlds(options, host.unpack_job(SearchJob, payload))
    except (BisectError, *host.ERRORS) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, _answer=host.pack_answer(answer))


if __name__ == "__main__":
    main()
