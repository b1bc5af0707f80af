# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""nginx_rollout_options runs on the controller alone: no host is asked."""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase
from ansible.utils.vars import load_extra_vars

from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout import variables as entry
from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout.launch import launch, sliced
from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout.options import RolloutError

_ARGUMENT_SPEC: t.Final[dict[str, dict[str, t.Any]]] = {
    "hosts": {"type": "list", "elements": "str", "required": True},
    "needs": {"type": "list", "elements": "str", "default": []},
    "forgive_inventory": {"type": "bool", "default": False},
    "in_slices": {"type": "bool", "default": True},
}

_UNAPPROVED: t.Final = (
    "nginx_deploy_require_approval is set, and no nginx_deploy_approved_plan arrived: run failsafe.nginx.plan before, in the same workflow,"
    " and have its plan approved."
)

Variables = dict[str, t.Any]


class ActionModule(ActionBase):
    """See plugins/modules/nginx_rollout_options.py for the documentation."""

    _supports_check_mode = True
    _supports_async = False
    _requires_connection = False
    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: Variables | None = None) -> dict[str, t.Any]:
        """Look at every variable of every host, then read those of the run."""
        super().run(tmp, task_vars)
        variables = task_vars or {}
        _unused, arguments = self.validate_argument_spec(argument_spec=_ARGUMENT_SPEC)
        try:
            faults, warnings = self._faults(arguments, variables)
            options = {} if faults else self._options(variables)
            if options.get("require_approval") and "approved_plan" not in options:
                faults = [_UNAPPROVED]
        except RolloutError as error:
            faults, warnings, options = [str(error)], [], {}
        if faults:
            return {"failed": True, "msg": "\n".join(["Nothing was changed, and no host was asked.", *faults])}
        return {"changed": False, "options": options, "launch": launch(variables), "warnings": warnings}

    def _faults(self, arguments: dict[str, t.Any], variables: Variables) -> tuple[list[str], list[str]]:
        """What is wrong, and what is wrong with the inventory and forgiven."""
        play, extra = self._task.play.get_vars(), load_extra_vars(self._loader)
        hosts = {host: {**variables["hostvars"].raw_get(host), **play, **extra} for host in arguments["hosts"]}
        hosts[variables["inventory_hostname"]] = {**variables, **extra}
        faults = [*_slices(arguments, variables)]
        inventory = _misplaced(hosts, {*play, *extra})
        if arguments["forgive_inventory"]:
            faults += entry.faults(dict.fromkeys(hosts, extra), needed=arguments["needs"])
            return faults, [each for each in (*inventory, *entry.faults(hosts)) if each not in faults]
        return [*faults, *inventory, *entry.faults(hosts, needed=arguments["needs"])], []

    def _options(self, variables: Variables) -> dict[str, t.Any]:
        """The variables of a run; one without a value is left out, and one that may not be shown."""
        found = {}
        for name, option in entry.RUN.items():
            if option.get("no_log"):
                continue
            value = option.get("default")
            if name in variables:
                value = entry.read(name, self._templar.template(variables[name]))
            if value is not None:
                found[name.removeprefix(entry.PREFIX)] = value
        return found


def _slices(arguments: dict[str, t.Any], variables: Variables) -> list[str]:
    name = "" if arguments["in_slices"] else sliced(variables)
    if not name:
        return []
    fault = (
        f"This job is a slice of the template {name!r}, or it is run by a workflow of the same name: slices would be rollouts of their own,"
        " side by side, each with its own canary. Set the template's job slicing to 1, or rename the workflow."
    )
    return [fault]


def _misplaced(hosts: dict[str, Variables], told: set[str]) -> list[str]:
    """Variables of the inventory that a play's keywords are made of, which know no host."""
    found = [name for name in entry.OF_PLAYS if name not in told and any(name in values for values in hosts.values())]
    return [
        f"{name} is set in the inventory, where it would not be read: it concerns a run and not a host. Give it with -e."
        for name in found
    ]
