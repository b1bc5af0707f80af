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
  - From its first version on the file says that the run was interrupted, until O(event=finished) says otherwise. Hosts are unknown
    while they are being changed. So the file is true even if the controller is killed or loses its power.
  - Once the run has begun, a record that cannot be written is a warning and stops nothing.
  - If the variable C(nginx_deploy_webhook_url) is set, the begin of the run, its end, and rolled back hosts are posted there. It
    is no option, because callbacks see the options of a task. A message that cannot be sent is a warning.
  - The report of the run lies beside the record, as a page, as Markdown and as JSON. Every version of the record writes it again.
  - The playbooks C(failsafe.nginx.deploy) and C(failsafe.nginx.report) use it. C(docs/fleet.md) and C(docs/report.md) describe the files.
author:
  - failsafe.nginx contributors (@failsafe-nginx)
options:
  event:
    description:
      - The step of the run that begins now.
    type: str
    required: true
    choices:
      started: Nothing has happened yet. Checks O(settings), and makes the run's id and its record.
      batch: The batch O(hosts) begins, and the one before is over.
      settling: No batch is left, and O(hosts) are rolled back with the fleet.
      finished: O(verdict) is final.
      reported: The run is over. Only its report is made again, with the present answers of the hosts.
  path:
    description:
      - The file. If it is a folder or ends with a slash, the file in it is named after the run.
      - Empty means that no record is kept.
      - The default is the folder C(failsafe-nginx) in Ansible's home (C(ANSIBLE_HOME), usually C(~/.ansible)).
        It holds the newest 100 records; older ones are deleted. A folder that this option names keeps all.
      - A relative path begins where C(ansible-playbook) was started.
      - With O(event=reported) it is the record to read, or a folder, whose newest record is read.
    type: str
  report:
    description:
      - The folder of the report, whose files are named after the record.
      - Empty means that no report is written. The default is the record's folder. A relative path is as in O(path).
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
      - The result of P(failsafe.nginx.rollout_verdict#filter). Required with every event but V(started)
        and V(reported).
    type: dict
  settings:
    description:
      - The options of the run. The keys C(on_failure), C(max_failures) and C(serial) are checked; others are kept as they are.
        Used with O(event=started).
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
      - The user and the job template that started the run in AWX, as M(failsafe.nginx.nginx_rollout_options) returns them.
        Used with O(event=started).
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

- name: Record the begin of a batch
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
  description: The record, V(null) if none is kept.
  returned: success
  type: str
  sample: /home/deploy/.ansible/failsafe-nginx/deploy@controller-20261122T190100Z-4f2a9c.json
report:
  description: The files of the report, the page first. Empty if there is none.
  returned: success
  type: list
  elements: str
hosts:
  description: O(hosts), for the tasks that follow.
  returned: every event but V(started) and V(reported)
  type: list
  elements: str
batches:
  description: The number of hosts of each batch.
  returned: O(event=started)
  type: list
  elements: int
  sample: [1, 4, 20, 15]
progress:
  description: The progress of the rollout as this batch begins.
  returned: O(event=batch)
  type: str
  sample: batch 2 of 4, 12 of 40 hosts done, 1 failed
verdict:
  description: The verdict in a word, from O(verdict) or, with O(event=reported), from the record.
  returned: O(event=finished) and O(event=reported)
  type: str
  sample: deployed
text:
  description: A summary for people, from O(verdict).
  returned: O(event=finished)
  type: list
  elements: str
locked:
  description: Hosts that are still reserved for this run, from O(verdict).
  returned: every event but V(started) and V(reported)
  type: list
  elements: str
"""
