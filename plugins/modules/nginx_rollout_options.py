#!/usr/bin/python
# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The documentation of the nginx_rollout_options action, which runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nginx_rollout_options
short_description: Check the variables of a run before any host is asked
version_added: 0.1.0
description:
  - Checks every variable of every host whose name begins with C(nginx_deploy_), before any host is asked.
  - Fails for an unknown name, and tells the nearest known one. Fails for a value that is none of the choices.
    Fails for a value whose written text is lost, such as a number in the place of a name.
  - Reads the variables that concern a run and not a host, as P(failsafe.nginx.deploy_option#filter) does.
  - A value that is a template is checked where it is used, by P(failsafe.nginx.nginx_deploy#role).
  - The collection's playbooks begin with it.
author:
  - failsafe.nginx contributors (@failsafe-nginx)
extends_documentation_fragment:
  - failsafe.nginx.attributes
  - failsafe.nginx.attributes.action
options:
  hosts:
    description:
      - Names of all targeted hosts, usually C(ansible_play_hosts_all).
    type: list
    elements: str
    required: true
  needs:
    description:
      - Names of variables that have to be set on every host.
    type: list
    elements: str
    default: []
  forgive_inventory:
    description:
      - Whether a fault in a variable of the inventory is a warning only. Extra variables of the run are checked in any case.
      - It lets a rollback go on with a misspelt name in the inventory.
    type: bool
    default: false
  in_slices:
    description:
      - Whether a job of AWX or automation controller may be one slice of several. AWX does not say so. A slice is recognised by
        its workflow job, which has the name of the template.
    type: bool
    default: true
  follow_plan:
    description:
      - Whether the run is held to an approved plan. C(nginx_deploy_plan_file) is read then, RV(accept) has the keys of the plan, and
        C(nginx_deploy_require_approval) counts.
    type: bool
    default: false
attributes:
  bypass_host_loop:
    details:
      - Meant to be used with C(run_once).
  check_mode:
    support: full
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
- name: Check the variables
  failsafe.nginx.nginx_rollout_options:
    hosts: "{{ ansible_play_hosts_all }}"
    needs: [nginx_deploy_src]
    in_slices: false
  run_once: true
  register: checked
"""

RETURN = r"""
options:
  description: The variables of a run, without C(nginx_deploy_) in their names, in their types, or their defaults.
  returned: success
  type: dict
  sample: {"serial": [1, "10%", "100%"], "max_failures": 0, "on_failure": "keep"}
accept:
  description: The keys that the approved plan accepts, with O(follow_plan); else none.
  returned: success
  type: list
  elements: str
  sample: ["lost-3f9a1c2b4d"]
launch:
  description: The user and the job template that started the run in AWX; empty outside AWX.
  returned: success
  type: dict
  sample: {"job": "42", "template": "Nginx deploy", "type": "workflow", "user": "alice", "revision": "3f1c2ab"}
"""
