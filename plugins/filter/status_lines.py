# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: status_lines
short_description: Tell what each host runs, in a line for each
version_added: 0.1.0
author:
  - failsafe.nginx contributors (@failsafe-nginx)
description:
  - Makes a line for each host of the results of M(failsafe.nginx.nginx_release_info).
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
- name: Print what every host runs
  ansible.builtin.debug:
    msg: "{{ hostvars | failsafe.nginx.status_lines(ansible_play_hosts_all) }}"
  run_once: true
"""

RETURN = r"""
_value:
  description: One line per host.
  type: list
  elements: string
"""

import typing as t
from collections.abc import Callable, Mapping

from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout import host_status


def status_lines(hostvars: Mapping[str, t.Any], hosts: list[str]) -> list[str]:
    """Return a line for each of these hosts."""
    return host_status.status_lines(hosts, hostvars)


class FilterModule:
    """The collection of this file's filter, as Ansible asks for it."""

    def filters(self) -> dict[str, Callable[..., t.Any]]:
        """Return the filter by its name."""
        return {"status_lines": status_lines}
