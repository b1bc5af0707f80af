#!/usr/bin/python
# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: nginx_route_check
short_description: Compare what requests get from two nginx configurations
version_added: 0.1.0
description:
  - Starts both configurations for real, each in a private world on the host where nothing gets in or out, sends the same
    requests to both, and compares what comes of them. Finds what C(nginx -t) cannot - a valid file with wrong behaviour.
  - The requests are made from both configurations, O(expect) and O(access_log). Upstreams and DNS are stubs, so that no
    request leaves the world, and an outcome names the upstream that would have been asked, and for what.
  - Changes are put into classes and grouped by cause. The task fails if one of O(fail_on) is among them, or if something that
    was expected does not hold; then it names the lines that are guilty.
  - Nothing on the host changes, and nothing of the worlds stays.
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
  access_log:
    description:
      - An access log on the controller whose requests are asked too. Only methods, hosts and paths of it are used.
    type: path
  log_format:
    description:
      - The C(log_format) of O(access_log), as it stands in the configuration. By default the formats of both
        configurations and nginx's own are tried.
    type: str
  probe_limit:
    description:
      - How many requests are made from the configurations at most. By default all.
    type: int
  fail_on:
    description:
      - The classes of change, or whole risks (V(critical), V(high), V(info)), that fail the task. V(none) is no class.
      - A failed expectation fails it always.
    type: list
    elements: str
    default: [critical]
  fail_on_unverified:
    description:
      - Whether a changed block that no request verified fails the task.
    type: bool
    default: false
  accept:
    description:
      - Changes that are meant, beside those of O(expect), each with C(class), and C(server), C(location) and C(until).
    type: list
    elements: dict
    default: []
  require:
    description:
      - Whether the task fails where no private world can be built, such as in a container without the right to mount.
      - If it does not, it warns, and RV(verified) says so.
    type: bool
    default: true
  bisect:
    description:
      - Whether the guilty lines are looked for when the task fails, as M(failsafe.nginx.nginx_bisect) does it.
    type: bool
    default: true
  report:
    description:
      - Files on the controller that get the report. Relative paths start at the playbook's folder. They are written in check
        mode too.
    type: dict
    suboptions:
      json:
        description:
          - Everything, for programs.
        type: path
      markdown:
        description:
          - For a merge request.
        type: path
      html:
        description:
          - One file that needs no other.
        type: path
      junit:
        description:
          - For a CI system. A suite for each server, a case for each expectation and each group of changes.
        type: path
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
    details: What changes is the behaviour.
  idempotent:
    support: full
  platform:
    support: full
    platforms: Linux
seealso:
  - module: failsafe.nginx.nginx_bisect
  - module: failsafe.nginx.nginx_diff
  - module: failsafe.nginx.nginx_release
"""

EXAMPLES = r"""
- name: Compare what a host runs with what it would get
  failsafe.nginx.nginx_route_check:
    src: nginx/
  become: true

- name: Compare two checkouts on the controller, as an ordinary user, with expectations and reports
  failsafe.nginx.nginx_route_check:
    before: build/main/nginx
    after: files/nginx
    expect: routes.yml
    fail_on: [critical, lost, redirect-changed]
    report:
      html: build/behaviour.html
      junit: build/behaviour.xml
  delegate_to: localhost

- name: Accept a change that is meant, until it is everywhere
  failsafe.nginx.nginx_route_check:
    after: r-0f3c66d1a2b4
    accept:
      - class: redirect-changed
        server: blog.example.com
        until: 2026-12-31
  become: true

- name: Ask what clients asked yesterday
  failsafe.nginx.nginx_route_check:
    src: nginx/
    access_log: logs/access.log.1
    fail_on: [critical, high]
  become: true
"""

RETURN = r"""
verified:
  description: Whether the two configurations were run. V(false) where no private world can be built; RV(reason) says why.
  returned: always
  type: bool
reason:
  description: Why nothing was verified.
  returned: when RV(verified) is V(false)
  type: str
refused:
  description: Whether the change is refused - for what is in RV(guilty), or with O(require) because nothing was verified. The task
    fails then. Where the two could not be compared at all it fails without this value.
  returned: when the two configurations were compared, or no private world can be built
  type: bool
summary:
  description: The numbers, with C(requests), C(changed), C(risks), C(classes), C(expectations), C(unverified) and C(covered).
  returned: when RV(verified)
  type: dict
changes:
  description: Groups of requests that changed in the same way for the same cause, worst first.
  returned: when RV(verified)
  type: list
  elements: dict
  contains:
    class:
      description: The class of the change.
      type: str
      sample: error-introduced
    risk:
      description: V(critical), V(high) or V(info).
      type: str
    server:
      description: The server's first name.
      type: str
    old_block:
      description: The location that answered before.
      type: str
    new_block:
      description: The location that answers now.
      type: str
    requests:
      description: How many requests.
      type: int
    example:
      description: One of them, with C(request), C(before) and C(after).
      type: dict
    cause:
      description: The changes of the configuration that explain it, as M(failsafe.nginx.nginx_diff) returns them.
      type: list
      elements: dict
accepted:
  description: The groups that O(accept) or O(expect) allow.
  returned: when RV(verified)
  type: list
  elements: dict
expectations:
  description: What came of O(expect), each with C(name), C(ok), C(expected), C(got), C(file) and C(line).
  returned: when RV(verified)
  type: list
  elements: dict
unverified:
  description: What this comparison does not vouch for, each with C(kind), C(what) and C(reason).
  returned: when RV(verified)
  type: list
  elements: dict
coverage:
  description: Which blocks of the configuration from after the requests reached.
  returned: when RV(verified)
  type: dict
difference:
  description: What changed in the configuration, as M(failsafe.nginx.nginx_diff) finds it, with C(text) and C(changes). V(null)
    where there is no configuration from before.
  returned: always
  type: dict
guilty:
  description: The changes and expectations for which the task failed.
  returned: when RV(verified)
  type: list
  elements: dict
culprits:
  description: The lines that are guilty of it, as M(failsafe.nginx.nginx_bisect) returns them.
  returned: when the task failed and O(bisect)
  type: list
  elements: dict
lines:
  description: The same, each in one line for people.
  returned: when the task failed and O(bisect)
  type: list
  elements: str
searches:
  description: As M(failsafe.nginx.nginx_bisect) returns it.
  returned: when the task failed and O(bisect)
  type: list
  elements: dict
failing:
  description: The requests for which the task failed, for O(failsafe.nginx.nginx_bisect#module:failing).
  returned: when the task failed
  type: list
  elements: dict
worlds:
  description: For each world how long it took to start, in milliseconds, and what was replaced in it.
  returned: when RV(verified)
  type: dict
asked_of:
  description: The host on which the comparison was run, where another one with the same O(plan) did it.
  returned: when another host did it
  type: str
msg:
  description: The numbers in words. When the task fails, what changed and which lines are guilty.
  returned: always
  type: str
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.failsafe.nginx.plugins.module_utils._plan import host
from ansible_collections.failsafe.nginx.plugins.module_utils._plan.options import SIDES


def argument_spec() -> dict[str, t.Any]:
    """Return the options, with those that only the action plugin uses."""
    reports = {name: {"type": "path"} for name in ("json", "markdown", "html", "junit")}
    return {
        **SIDES,
        "access_log": {"type": "path"},
        "log_format": {},
        "probe_limit": {"type": "int"},
        "fail_on": {"type": "list", "elements": "str", "default": ["critical"]},
        "fail_on_unverified": {"type": "bool", "default": False},
        "accept": {"type": "list", "elements": "dict", "default": []},
        "require": {"type": "bool", "default": True},
        "bisect": {"type": "bool", "default": True},
        "report": {"type": "dict", "options": reports},
    }


def main() -> None:
    """Do one step of the route check."""
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    try:
        job = host.unpack(module.params["_payload"])
        answer = host.read(module.params, job) if module.params["_step"] == "read" else host.run(module.params, job)
    except host.ERRORS as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, _answer=host.pack(answer))


if __name__ == "__main__":
    main()
