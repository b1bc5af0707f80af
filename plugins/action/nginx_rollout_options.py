# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action nginx_rollout_options, which runs on the controller alone."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping

from ansible.plugins.action import ActionBase
from ansible.utils.vars import load_extra_vars

from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout.errors import RolloutError
from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout.launch import Launch
from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout.plan_file import plan_to_follow
from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout.variables import (
    OF_PLAYS,
    PREFIX,
    RUN,
    faults,
    read,
)

_ARGUMENT_SPEC: t.Final = {
    "hosts": {"type": "list", "elements": "str", "required": True},
    "needs": {"type": "list", "elements": "str", "default": []},
    "forgive_inventory": {"type": "bool", "default": False},
    "in_slices": {"type": "bool", "default": True},
    "follow_plan": {"type": "bool", "default": False},
}

_UNAPPROVED: t.Final = (
    "nginx_deploy_require_approval is set, and no nginx_deploy_approved_plan arrived: run failsafe.nginx.plan before, in the same workflow,"
    " and have its plan approved, or give its file in nginx_deploy_plan_file."
)

#: The variables of a host, by name.
Variables = Mapping[str, t.Any]


class Checked(t.NamedTuple):
    """The faults that end a run, and those of the inventory that are forgiven."""

    faults: list[str]
    warnings: list[str]


class ActionModule(ActionBase):
    """See plugins/modules/nginx_rollout_options.py for the documentation."""

    _supports_check_mode = True
    _supports_async = False
    _requires_connection = False
    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: Variables | None = None) -> dict[str, object]:
        """Check every variable of every host, then read those of the run."""
        super().run(tmp, task_vars)
        variables = task_vars or {}
        _unused, arguments = self.validate_argument_spec(argument_spec=_ARGUMENT_SPEC)
        launch, options = Launch.from_variables(variables), {}
        accept: tuple[str, ...] = ()
        try:
            checked = self._check(arguments, variables, launch)
            if not checked.faults:
                options = self._options(variables)
                if arguments["follow_plan"]:
                    if plan := plan_to_follow(options):
                        options["approved_plan"], accept = plan.to_json(), plan.accept
                    elif options.get("require_approval"):
                        checked.faults.append(_UNAPPROVED)
        except RolloutError as error:
            checked = Checked([str(error)], [])
        if checked.faults:
            return {"failed": True, "msg": "\n".join(["Nothing was changed, and no host was asked.", *checked.faults])}
        return {
            "changed": False,
            "options": options,
            "accept": list(accept),
            "launch": launch.to_json(),
            "warnings": checked.warnings,
        }

    def _check(self, arguments: Variables, variables: Variables, launch: Launch) -> Checked:
        play, extra = self._task.play.get_vars(), load_extra_vars(self._loader)
        hosts = {host: {**variables["hostvars"].raw_get(host), **play, **extra} for host in arguments["hosts"]}
        hosts[variables["inventory_hostname"]] = {**variables, **extra}
        found = [] if arguments["in_slices"] else _slices(launch)
        inventory = _misplaced(hosts.values(), {*play, *extra})
        if arguments["forgive_inventory"]:
            found += faults(dict.fromkeys(hosts, extra), needed=arguments["needs"])
            return Checked(found, [each for each in (*inventory, *faults(hosts)) if each not in found])
        return Checked([*found, *inventory, *faults(hosts, needed=arguments["needs"])], [])

    def _options(self, variables: Variables) -> dict[str, object]:
        """Read the variables of a run; one without a value is left out, and one that may not be shown."""
        found = {}
        for name, spec in RUN.items():
            if spec.no_log:
                continue
            value = read(name, self._templar.template(variables[name])) if name in variables else spec.default
            if value is not None:
                found[name.removeprefix(PREFIX)] = value
        return found


def _slices(launch: Launch) -> list[str]:
    if not launch.sliced_template:
        return []
    fault = (
        f"This job is a slice of the template {launch.sliced_template!r}, or it is run by a workflow of the same name: slices would be rollouts"
        " of their own, side by side, each with its own canary. Set the template's job slicing to 1, or rename the workflow."
    )
    return [fault]


def _misplaced(hosts: t.Iterable[Variables], given: set[str]) -> list[str]:
    """Return the faults of variables in the inventory that Ansible makes a play's keywords of."""
    hosts = list(hosts)
    found = [name for name in OF_PLAYS if name not in given and any(name in values for values in hosts)]
    return [
        f"{name} is set in the inventory, where it would not be read: it concerns a run and not a host. Give it with -e."
        for name in found
    ]
