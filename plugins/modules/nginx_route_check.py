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
  - Starts both configurations in real nginx processes, each in an isolated private world on the host. Sends the same requests
    to both, and compares the outcomes. This finds valid files with wrong behaviour, which C(nginx -t) accepts.
  - The requests are made from both configurations, O(expect) and O(access_log). Upstreams and DNS are stubs, so no request
    leaves the world. An outcome names the upstream that nginx chose, and the request that it got.
  - Changes are classified and grouped by cause. The task fails if a class of O(fail_on) is among them, or if an expectation
    fails. Then it names the guilty lines.
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
  access_log:
    description:
      - An access log on the controller whose requests are sent too. Only its methods, hosts and paths are used.
    type: path
  log_format:
    description:
      - The C(log_format) of O(access_log), as it stands in the configuration. By default the formats of both
        configurations and nginx's own are tried.
    type: str
  probe_limit:
    description:
      - The most requests that are made from the configurations. By default there is no limit.
    type: int
  fail_on:
    description:
      - The classes of change, or whole risks (V(critical), V(high), V(info)), that fail the task. V(none) is no class.
      - The default is what clients notice as broken or what opens a door. The rest of V(high) is told and does not fail.
      - A failed expectation fails it always.
    type: list
    elements: str
    default: [critical, lost]
  fail_on_unverified:
    description:
      - Fail if a change is not exercised (see RV(accounting)), or if the answer to a request is not stable.
    type: bool
    default: false
  gate_probes:
    description:
      - Default probes of a health gate, such as RV(failsafe.nginx.nginx_release#module:probes). RV(expected) has their outcomes.
    type: list
    elements: dict
    default: []
  accept:
    description:
      - Intended changes, beside those of O(expect).
      - A text is the key of a group, as RV(changes) and the message of a refusal have it. It accepts exactly this group.
      - A dictionary has C(key), or else C(class), with C(server) and C(location) where it is meant for these only. C(until)
        is the last day on which it counts. C(key) and C(class) may be lists.
    type: list
    elements: raw
    default: []
  require:
    description:
      - Fail if no private world can be built, such as in a container without the right to mount.
      - With V(false) the task warns instead, and RV(verified) is V(false).
    type: bool
    default: true
  bisect:
    description:
      - Search for the guilty lines if the task fails, as M(failsafe.nginx.nginx_bisect) does.
    type: bool
    default: true
  report:
    description:
      - Files on the controller for the report. Relative paths start at the playbook's folder. They are written in check mode
        too.
    type: dict
    suboptions:
      json:
        description:
          - The whole report, for programs.
        type: path
      markdown:
        description:
          - For a merge request.
        type: path
      html:
        description:
          - A page in one file.
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
    details: The diff lists the requests whose outcome changed.
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

- name: Accept one group by its key, and another intended change until it is deployed everywhere
  failsafe.nginx.nginx_route_check:
    after: r-0f3c66d1a2b4
    accept:
      - lost-3f9a1c2b4d
      - class: redirect-changed
        server: blog.example.com
        until: 2026-12-31
  become: true

- name: Send the requests that clients sent yesterday
  failsafe.nginx.nginx_route_check:
    src: nginx/
    access_log: logs/access.log.1
    fail_on: [critical, high]
  become: true
"""

RETURN = r"""
verified:
  description: V(true) if the two configurations were run. V(false) if no private world can be built; see RV(reason).
  returned: always
  type: bool
reason:
  description: The reason why nothing was verified.
  returned: when RV(verified) is V(false)
  type: str
refused:
  description: V(true) if the change is refused and the task fails - because of RV(guilty), or with O(require) because nothing
    was verified. If the two could not be compared at all, the task fails without this value.
  returned: when the two configurations were compared, or no private world can be built
  type: bool
expected:
  description: The outcomes of O(gate_probes) as far as the requests had them, for O(failsafe.nginx.nginx_release#module:expected).
  returned: when RV(verified)
  type: list
  elements: dict
  sample:
    - name: GET http://www.example.com/ at 127.0.0.1:80
      before: 200
      after: 301
      upstream: false
summary:
  description: The numbers, with C(requests), C(changed), C(risks), C(classes), C(expectations), C(unverified), C(covered) and
    C(accounting), which has the number of C(changes) and of those in each state of RV(accounting[].state).
  returned: when RV(verified)
  type: dict
accounting:
  description: The account of each change of the configuration but the cosmetic ones, in the order of RV(difference). Empty if
    there is no configuration from before.
  returned: when RV(verified)
  type: list
  elements: dict
  contains:
    change:
      description: The number of the change in C(changes) of RV(difference), from 0.
      type: int
    line:
      description: The change in one line.
      type: str
    place:
      description: Its C(file) and C(line).
      type: dict
    state:
      description: V(shown) if requests get something else; V(without-effect) if a request that the two configurations could have
        answered differently was sent to both, and got the same; V(not-visible) if no single response shows it; V(not-exercised)
        if no such request was found or sent.
      type: str
    groups:
      description: The groups of RV(changes) and RV(accepted) that show it, at most ten, each with C(class), C(server) and
        C(where).
      type: list
      elements: dict
    groups_count:
      description: How many there are.
      type: int
    witnesses:
      description: Ids of requests that exercise it, at most ten.
      type: list
      elements: str
    kind:
      description: What is not visible, such as V(logging), V(timeouts), V(limits), V(caching) or V(balancing). V(null) in the
        other states.
      type: str
    reason:
      description: Why it is not visible or not exercised. V(null) in the other states.
      type: str
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
    key:
      description: The group's key for O(accept). It is the same on every host and as long as the change is the same.
      type: str
      sample: error-introduced-3f9a1c2b4d
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
      description: The number of requests.
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
accept_unused:
  description: The entries and keys of O(accept) and O(expect) that match nothing.
  returned: when RV(verified)
  type: list
  elements: dict
expectations:
  description: The results of O(expect), each with C(name), C(ok), C(expected), C(got), C(file) and C(line).
  returned: when RV(verified)
  type: list
  elements: dict
unverified:
  description: The gaps of this comparison, each with C(kind), C(what) and C(reason). C(kind) is V(changed) for a change that
    is not exercised, V(unstable) for a request whose answers differ by themselves, and V(limit) for what a private world
    cannot show.
  returned: when RV(verified)
  type: list
  elements: dict
unobserved:
  description: How many entries of RV(accounting) are in another state than V(shown).
  returned: when RV(verified)
  type: int
coverage:
  description: The blocks of the configuration from after that requests reached.
  returned: when RV(verified)
  type: dict
difference:
  description: The changes of the configuration, as M(failsafe.nginx.nginx_diff) finds them, with C(text) and C(changes). V(null)
    if there is no configuration from before.
  returned: always
  type: dict
guilty:
  description: The changes and expectations for which the task failed.
  returned: when RV(verified)
  type: list
  elements: dict
culprits:
  description: The guilty lines, as M(failsafe.nginx.nginx_bisect) returns them.
  returned: when the task failed and O(bisect)
  type: list
  elements: dict
lines:
  description: The same lines as text, one string each.
  returned: when the task failed and O(bisect)
  type: list
  elements: str
searches:
  description: The result for each request, as M(failsafe.nginx.nginx_bisect) returns it.
  returned: when the task failed and O(bisect)
  type: list
  elements: dict
searched_on:
  description:
    - The host of this run that searched for the guilty lines. The same statements of the same files change there, with the same findings.
    - RV(searches) has the outcomes from there.
  returned: when another host did it
  type: str
brief:
  description: The refusal in one line, and the line to paste where keys accept it. It has no word of one host.
  returned: when the task failed for what was found
  type: str
failing:
  description: The requests for which the task failed, for O(failsafe.nginx.nginx_bisect#module:failing).
  returned: when the task failed
  type: list
  elements: dict
acceptable:
  description: V(true) if every reason to refuse the change is a group with a key, so that O(accept) lets it pass.
  returned: when RV(verified)
  type: bool
groups:
  description: A digest of the keys of all groups, accepted or not. Two comparisons with the same digest found the same groups.
  returned: when RV(verified)
  type: str
  sample: 3f9a1c2b4d5e6f70
worlds:
  description: For each world the time until it started, in milliseconds, and the files that were replaced in it.
  returned: when RV(verified)
  type: dict
asked_of:
  description: The host with the same O(plan) on which the comparison was run.
  returned: when another host did it
  type: str
console:
  description: What a plan and a deploy print of it, with C(lines), C(summary), the C(keys) that have to be accepted, the keys
    that were C(given), those of them that C(accepted) a group, and the number of C(others) reasons that stop and that no key accepts.
    With O(plan) also C(same_as), the first host of this run with this very change and all that was found, but for words of its own.
  returned: when RV(verified)
  type: dict
msg:
  description: The numbers in words. If the task fails, also the changes and the guilty lines.
  returned: always
  type: str
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.failsafe.nginx.plugins.module_utils._plan import host
from ansible_collections.failsafe.nginx.plugins.module_utils._plan.folders import ReadJob
from ansible_collections.failsafe.nginx.plugins.module_utils._plan.jobs import RouteCheckJob
from ansible_collections.failsafe.nginx.plugins.module_utils._plan.options import SIDES
from ansible_collections.failsafe.nginx.plugins.module_utils._plan.route_check import run


def argument_spec() -> dict[str, t.Any]:
    """Return the options, with those that only the action plugin uses."""
    reports = {name: {"type": "path"} for name in ("json", "markdown", "html", "junit")}
    return {
        **SIDES,
        "access_log": {"type": "path"},
        "log_format": {},
        "probe_limit": {"type": "int"},
        "fail_on": {"type": "list", "elements": "str", "default": ["critical", "lost"]},
        "fail_on_unverified": {"type": "bool", "default": False},
        "accept": {"type": "list", "elements": "raw", "default": []},
        "gate_probes": {"type": "list", "elements": "dict", "default": []},
        "require": {"type": "bool", "default": True},
        "bisect": {"type": "bool", "default": True},
        "report": {"type": "dict", "options": reports},
    }


def main() -> None:
    """Do one step of the route check."""
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    options, payload = host.HostOptions.of(module.params), module.params["_payload"]
    answer: object
    try:
        if module.params["_step"] == "read":
            answer = host.read(options, host.unpack_job(ReadJob, payload))
        else:
            answer = run(options, host.unpack_job(RouteCheckJob, payload))
    except host.ERRORS as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, _answer=host.pack_answer(answer))


if __name__ == "__main__":
    main()
