# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: targets
short_description: Refuse an empty set of target hosts
version_added: 0.1.0
author:
  - failsafe.nginx contributors (@failsafe-nginx)
description:
  - Returns the host pattern that it was given, or fails when that pattern, or the pattern together with C(--limit), selects no host.
  - Ansible itself skips a play without hosts and exits with 0, so that a deploy to no host looks like a success.
  - Meant for the C(hosts) keyword of a play.
options:
  _terms:
    description: One host pattern, or several, as a list or one a line.
    type: raw
    required: true
notes:
  - A value that is not text is refused. The number that ansible-core 2.19 makes of V(0123), for example, has lost the name that was written.
  - C(--limit) is taken from the variable C(ansible_limit), which Ansible sets.
"""

EXAMPLES = r"""
- name: Never succeed without a host
  hosts: "{{ lookup('failsafe.nginx.targets', nginx_deploy_hosts | default('all')) }}"
  tasks: []
"""

RETURN = r"""
_raw:
  description: The pattern; several as one, separated by commas.
  type: list
  elements: str
"""

import typing as t

from ansible import context
from ansible.errors import AnsibleError
from ansible.inventory.manager import InventoryManager
from ansible.plugins.lookup import LookupBase

from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout.errors import RolloutError
from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout.normalisation import is_empty
from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout.variables import read


class LookupModule(LookupBase):
    """See DOCUMENTATION."""

    def run(self, terms: list[t.Any], variables: dict[str, t.Any] | None = None, **_: t.Any) -> list[str]:
        """Return the pattern in `terms`, after a check that it selects a host."""
        variables = variables or {}
        pattern = _pattern(terms)
        if context.CLIARGS.get("syntax"):
            # --syntax-check runs nothing, and usually without an inventory.
            return [pattern]
        limit = variables.get("ansible_limit")
        inventory = _inventory(self._loader, variables.get("groups") or {})
        matched = [str(host) for host in inventory.get_hosts(pattern)]
        if not matched:
            raise AnsibleError(
                f"No target host: the pattern {pattern!r} selects none of the {len(inventory.get_hosts('all'))} hosts of"
                " the inventory. Nothing was changed. Check nginx_deploy_hosts and the inventory."
            )
        if limit:
            inventory.subset(limit)
            if not inventory.get_hosts(pattern):
                raise AnsibleError(
                    f"No target host: --limit {limit!r} leaves none of the {len(matched)} hosts that {pattern!r} selects."
                    " Nothing was changed."
                )
        return [pattern]


def _pattern(terms: list[t.Any]) -> str:
    """Return one pattern. An empty answer of a form is refused, because it does not mean every host."""
    # Ansible splits a list into terms.
    value = terms[0] if len(terms) == 1 else terms
    if is_empty(value):
        raise AnsibleError(
            "The target hosts have to be a host pattern, and nothing arrived. Set nginx_deploy_hosts to a pattern such as"
            " 'webservers', or to 'all'. Nothing was changed."
        )
    try:
        return str(read("nginx_deploy_hosts", value))
    except RolloutError as error:
        raise AnsibleError(f"{error} Nothing was changed.") from None


def _inventory(loader: t.Any, groups: dict[str, list[str]]) -> InventoryManager:
    """Make an inventory with these groups, because a lookup plugin does not get the real one."""
    inventory = InventoryManager(loader, parse=False)
    for group, hosts in groups.items():
        inventory.add_group(group)
        for host in hosts:
            inventory.add_host(host, group=group)
    return inventory
