#!/usr/bin/python
# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The documentation of the nginx_rollout_plan action, which runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nginx_rollout_plan
short_description: Write a plan into a file that a deploy is held to
version_added: 0.1.0
description:
  - Writes the plan that P(failsafe.nginx.deploy_plan#filter) made into a file on the controller, as JSON. The file is replaced as a whole
    and has the mode 0600.
  - The playbook C(failsafe.nginx.plan) does it with C(nginx_deploy_plan_file). With the same variable C(failsafe.nginx.deploy) does
    exactly what the plan showed, accepts exactly the keys in it, and refuses if anything would be otherwise.
author:
  - failsafe.nginx contributors (@failsafe-nginx)
extends_documentation_fragment:
  - failsafe.nginx.attributes
  - failsafe.nginx.attributes.action
options:
  path:
    description:
      - The file. A relative path begins at the folder in which C(ansible-playbook) was started. Missing folders are made.
    type: str
    required: true
  approval:
    description:
      - What RV(failsafe.nginx.deploy_plan#filter:_value.approval) returned.
    type: dict
    required: true
  shown:
    description:
      - The lines that the plan printed, for people who read the file. At most 150 are kept.
    type: list
    elements: str
    default: []
attributes:
  bypass_host_loop:
    details:
      - Meant to be used with C(run_once).
  check_mode:
    support: full
    details:
      - No file is written in check mode.
  connection:
    support: none
  delegation:
    support: none
  diff_mode:
    support: none
  idempotent:
    support: full
  platform:
    platforms: posix
    support: full
"""

EXAMPLES = r"""
- name: Write the plan file
  failsafe.nginx.nginx_rollout_plan:
    path: change.json
    approval: "{{ plan.approval }}"
    shown: "{{ plan.text }}"
  run_once: true
  vars:
    plan: "{{ hostvars | failsafe.nginx.deploy_plan(ansible_play_hosts_all) }}"
"""

RETURN = r"""
path:
  description: The file, as an absolute path.
  returned: success
  type: str
  sample: /home/alice/site/change.json
accept:
  description: The keys that a deploy with this file accepts.
  returned: success
  type: list
  elements: str
  sample: ["lost-3f9a1c2b4d"]
msg:
  description: The file and the keys in words.
  returned: success
  type: str
"""
