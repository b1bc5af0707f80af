#!/usr/bin/python
# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The documentation of the nginx_rollout_record action, which runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nginx_rollout_record
short_description: Keep a record of a rollout that is true however the run ends
version_added: 0.1.0
description:
  - Keeps one JSON file about one run of a rollout, on the controller. Every write replaces the file as a whole.
  - The file says that the run was interrupted from its first version on, until O(event=finished) says otherwise, and calls
    hosts unknown for as long as they are being changed. So it is true as well when the controller is killed or loses its power.
  - Once the run has begun, a record that cannot be written is a warning and stops nothing.
  - Where the variable C(nginx_deploy_webhook_url) is set, the run's begin, its end, and hosts that went back are posted there. It
    is no option, since callbacks see the options of a task. A message that cannot be sent is a warning.
  - Beside it lies the report of the run, as a page, as Markdown and as JSON, which is written again with every version of the record.
  - The playbooks C(failsafe.nginx.deploy) and C(failsafe.nginx.report) use it. C(docs/fleet.md) and C(docs/report.md) describe the files.
author:
  - failsafe.nginx contributors (@failsafe-nginx)
options:
  event:
    description:
      - What the run comes to now.
    type: str
    required: true
    choices:
      started: Nothing has happened yet. Checks O(settings), and makes the run's id and its record.
      batch: The batch O(hosts) begins, and the one before is over.
      settling: No batch is left, and O(hosts) are rolled back with the fleet.
      finished: O(verdict) is final.
      reported: The run is over. Only its report is made again, with what the hosts tell of themselves now.
  path:
    description:
      - The file. If it is a folder or ends with a slash, a file in it that is named after the run.
      - Empty means that no record is kept.
      - The default is the folder C(failsafe-nginx) in Ansible's home (C(ANSIBLE_HOME), usually C(~/.ansible)).
        It holds the newest 100 records; older ones are deleted. A folder that is named here keeps all.
      - A relative path is looked for where C(ansible-playbook) was started.
      - With O(event=reported) the record to read, or a folder, of which it is the newest one.
    type: str
  report:
    description:
      - The folder of the report, whose files are named after the record.
      - Empty means that there is none. The default is the record's folder. A relative path is as in O(path).
      - A report that cannot be written is a warning, except with O(event=reported).
    type: str
  rollout:
    description:
      - The run's id, as RV(rollout) of O(event=started). Required with every other event but V(reported).
    type: str
  hosts:
    description:
      - Names of hosts, all targeted ones with O(event=started).
    type: list
    elements: str
    default: []
  verdict:
    description:
      - What P(failsafe.nginx.rollout_verdict#filter) says now. Required with every event but V(started)
        and V(reported).
    type: dict
  settings:
    description:
      - What the run was told, with the keys C(on_failure), C(max_failures) and C(serial), which are checked, and others, which
        are kept. Used with O(event=started).
    type: dict
    default: {}
  batches:
    description:
      - RV(batches) of O(event=started), for RV(progress). Used with O(event=batch).
    type: list
    elements: int
    default: []
  launch:
    description:
      - By whom and from where AWX launched the run, as M(failsafe.nginx.nginx_rollout_options) returns it. Used with O(event=started).
    type: dict
    default: {}
extends_documentation_fragment:
  - failsafe.nginx.attributes
  - failsafe.nginx.attributes.action
attributes:
  check_mode:
    support: full
    details:
      - No record is kept in check mode.
  connection:
    support: none
  delegation:
    support: none
  diff_mode:
    support: none
  idempotent:
    support: full
    details:
      - Keeping the record never counts as a change.
  platform:
    platforms: posix
    support: full
"""

EXAMPLES = r"""
- name: Begin
  failsafe.nginx.nginx_rollout_record:
    event: started
    path: /var/log/rollouts/
    hosts: "{{ ansible_play_hosts_all }}"
    settings: {on_failure: rollback_fleet, max_failures: "10%", serial: [1, "100%"]}
  run_once: true
  register: rollout

- name: Write down that this batch begins
  failsafe.nginx.nginx_rollout_record:
    event: batch
    path: /var/log/rollouts/
    rollout: "{{ rollout.rollout }}"
    hosts: "{{ ansible_play_batch }}"
    verdict: "{{ hostvars | failsafe.nginx.rollout_verdict(ansible_play_hosts_all) }}"
  run_once: true
"""

RETURN = r"""
rollout:
  description: The run's id.
  returned: success
  type: str
  sample: deploy@controller-20261122T190100Z-4f2a9c
path:
  description: The record, V(null) where none is kept.
  returned: success
  type: str
  sample: /home/deploy/.ansible/failsafe-nginx/deploy@controller-20261122T190100Z-4f2a9c.json
report:
  description: The files of the report, the page first. Empty where there is none.
  returned: success
  type: list
  elements: str
hosts:
  description: O(hosts), for the tasks that follow.
  returned: every event but V(started) and V(reported)
  type: list
  elements: str
batches:
  description: How many hosts each batch has.
  returned: O(event=started)
  type: list
  elements: int
  sample: [1, 4, 20, 15]
progress:
  description: How far the rollout is as this batch begins.
  returned: O(event=batch)
  type: str
  sample: batch 2 of 4, 12 of 40 hosts done, 1 failed
verdict:
  description: What the run came to, as O(verdict) or, with O(event=reported), its record says.
  returned: O(event=finished) and O(event=reported)
  type: str
  sample: deployed
text:
  description: The lines of a summary for people, as O(verdict) says.
  returned: O(event=finished)
  type: list
  elements: str
locked:
  description: Hosts that are still reserved for this run, as O(verdict) says.
  returned: every event but V(started) and V(reported)
  type: list
  elements: str
"""
