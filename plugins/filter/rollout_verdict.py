# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: rollout_verdict
short_description: Judge a rollout
version_added: 0.1.0
author:
  - failsafe.nginx contributors (@failsafe-nginx)
description:
  - Reads the results that P(failsafe.nginx.nginx_deploy#role) registered on every host of a play. Tells whether the next batch may start,
    whether every host runs the candidate, and why a host does not.
  - The playbook C(failsafe.nginx.deploy) uses it as the guard of every batch and for its exit status.
positional: hosts
options:
  _input:
    description: Ansible's C(hostvars).
    type: dictionary
    required: true
  hosts:
    description: The names of the targeted hosts, usually C(ansible_play_hosts_all).
    type: list
    elements: string
    required: true
  preflight_only:
    description: Whether the run was not asked to roll out, so that a host which is staged and valid is fine.
    type: boolean
    default: false
  max_failures:
    description:
      - The number of hosts that may fail without ending the rollout, or their percentage of O(hosts) such as V(10%).
      - A refused candidate ends it in any case, and so does a batch whose hosts all failed.
    type: raw
    default: 0
"""

EXAMPLES = r"""
- name: Start no further batch once a host has failed
  ansible.builtin.meta: end_batch
  when: (hostvars | failsafe.nginx.rollout_verdict(ansible_play_hosts_all)).stop
"""

RETURN = r"""
_value:
  description: The state of the rollout.
  type: dictionary
  contains:
    stop:
      description: Whether no further batch may start.
      type: bool
    why:
      description: The reason for that, unless it is a failed host.
      type: str
    verdict:
      description: One of V(deployed), V(validated), V(refused), V(stopped), V(rolled_back) and V(incomplete).
      type: str
    revert:
      description: Hosts that run the candidate, or may run it, so that a rollback of the fleet has to include them.
      type: list
      elements: string
    locked:
      description: Hosts that are still reserved for this run.
      type: list
      elements: string
    ok:
      description: Whether every host runs the candidate, confirmed.
      type: bool
    hosts:
      description:
        - Per host its C(host), C(outcome), C(release), C(previous) release, C(reason), C(batch), and whether it is among
          C(revert) and C(locked).
      type: list
      elements: dict
    counts:
      description: The number of hosts for each outcome.
      type: dict
    text:
      description: The lines of a summary for people.
      type: list
      elements: string
    failures:
      description: The message with which each host fails that has no good outcome; a reason that hosts share is told by the first of them.
      type: dict
"""

import typing as t
from collections.abc import Callable, Mapping

from ansible.errors import AnsibleFilterError

from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout.errors import RolloutError
from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout.verdict import judge_fleet


def rollout_verdict(
    hostvars: Mapping[str, t.Any], hosts: list[str], *, preflight_only: bool = False, max_failures: int | str = 0
) -> dict[str, object]:
    """Return the verdict over these hosts."""
    try:
        verdict = judge_fleet(hosts, hostvars, preflight_only=preflight_only, max_failures=max_failures)
    except RolloutError as error:
        raise AnsibleFilterError(str(error)) from None
    return verdict.to_json()


class FilterModule:
    """The collection of this file's filter, as Ansible asks for it."""

    def filters(self) -> dict[str, Callable[..., t.Any]]:
        """Return the filter by its name."""
        return {"rollout_verdict": rollout_verdict}
