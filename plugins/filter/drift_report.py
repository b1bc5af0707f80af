# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: drift_report
short_description: Report live files that differ from the deployed ones
version_added: 0.1.0
author:
  - failsafe.nginx contributors (@failsafe-nginx)
description:
  - Makes a report of the results of M(failsafe.nginx.nginx_release_info) on every host, with the hosts that a policy fails.
  - The playbook C(failsafe.nginx.drift) uses it.
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
  policy:
    description:
      - With V(fail) and V(adopt) a host with drift fails, unless it was adopted. With V(warn) it does not.
      - A host that could not be asked fails in any case.
    type: string
    choices: [fail, warn, adopt]
    default: fail
  diff:
    description: Whether the text shows the differences too.
    type: boolean
    default: false
"""

EXAMPLES = r"""
- name: Fail on a host whose files were edited
  ansible.builtin.fail:
    msg: "{{ (hostvars | failsafe.nginx.drift_report([inventory_hostname], policy='fail')).text[1:] | join }}"
  when: not (hostvars | failsafe.nginx.drift_report([inventory_hostname], policy='fail')).ok
"""

RETURN = r"""
_value:
  description: The report.
  type: dictionary
  contains:
    ok:
      description: Whether the policy fails no host.
      type: bool
    hosts:
      description: For each host one of V(clean), V(drifted), V(adopted) and V(unknown).
      type: dict
    failed:
      description: Hosts that the policy fails.
      type: list
      elements: string
    text:
      description: The lines of a summary for people.
      type: list
      elements: string
"""

import typing as t
from collections.abc import Callable, Mapping

from ansible.errors import AnsibleFilterError

from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout import drift
from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout.errors import RolloutError


def drift_report(
    hostvars: Mapping[str, t.Any], hosts: list[str], *, policy: str = "fail", diff: bool = False
) -> dict[str, object]:
    """Return the report about these hosts."""
    try:
        return drift.drift_report(hosts, hostvars, policy=policy, diff=diff).to_json()
    except RolloutError as error:
        raise AnsibleFilterError(str(error)) from None


class FilterModule:
    """The collection of this file's filter, as Ansible asks for it."""

    def filters(self) -> dict[str, Callable[..., t.Any]]:
        """Return the filter by its name."""
        return {"drift_report": drift_report}
