# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: deploy_plan
short_description: Tell what a deploy would do, once for all hosts on which it is the same
version_added: 0.1.0
author:
  - failsafe.nginx contributors (@failsafe-nginx)
description:
  - Reads the results that P(failsafe.nginx.nginx_deploy#role) registered on every host of a play in check mode. Tells the files, findings,
    changes of the configuration and changes of behaviour that each group of hosts would get.
  - The playbook C(failsafe.nginx.plan) prints it.
positional: hosts
options:
  _input:
    description: Ansible's C(hostvars).
    type: dictionary
    required: true
  hosts:
    description: The names of the hosts, usually C(ansible_play_hosts_all).
    type: list
    elements: string
    required: true
"""

EXAMPLES = r"""
- name: Print it once
  ansible.builtin.debug:
    msg: "{{ (hostvars | failsafe.nginx.deploy_plan(ansible_play_hosts_all)).text }}"
  run_once: true
"""

RETURN = r"""
_value:
  description: The plan.
  type: dictionary
  contains:
    groups:
      description: Hosts that are alike, each with C(hosts), C(outcome) and C(text).
      type: list
      elements: dict
    approval:
      description:
        - The plan that a deploy compares itself with, as C(nginx_deploy_approved_plan) or out of C(nginx_deploy_plan_file). It has
          C(version), C(digest), C(hosts), C(changes), C(prints), and in C(accept) the keys that a deploy accepts with it.
          It takes less than 10 KB for 1,000 hosts. Null if a host would be refused for something that no key accepts.
      type: dict
    refused:
      description: The reason why a deploy would stop, for each host that would be refused.
      type: dict
    console:
      description: The lines that a deploy prints before it changes anything - lint, what changes for clients, and the last line.
      type: list
      elements: string
    text:
      description: The lines of all groups, and the last line.
      type: list
      elements: string
"""

import typing as t
from collections.abc import Callable, Mapping

from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout import plan


def deploy_plan(hostvars: Mapping[str, t.Any], hosts: list[str]) -> dict[str, object]:
    """Return the plan over these hosts."""
    return plan.deploy_plan(hosts, hostvars).to_json()


class FilterModule:
    """The collection of this file's filter, as Ansible asks for it."""

    def filters(self) -> dict[str, Callable[..., t.Any]]:
        """Return the filter by its name."""
        return {"deploy_plan": deploy_plan}
