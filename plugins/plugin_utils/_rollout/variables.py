# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""The variables of the playbooks and the role: their names and types, and faults in those that arrived.

The role's are in its argument specs. Those of a run, which the playbooks read, are in `RUN`.
"""

from __future__ import annotations

import difflib
import functools
import typing as t
from collections.abc import Iterable, Mapping
from pathlib import Path

import yaml

from .drift import POLICIES
from .errors import RolloutError
from .limits import ON_FAILURE
from .normalisation import VariableSpec, is_empty, normalise

PREFIX: t.Final = "nginx_deploy_"

_BATCHES: t.Final = [1, "10%", "50%", "100%"]
_AT_ONCE: t.Final = ["100%"]

#: Variables of a run, not of a host: only the playbooks read them. See docs/fleet.md.
RUN: t.Final[Mapping[str, VariableSpec]] = {
    "nginx_deploy_hosts": VariableSpec("pattern", default="all", empty="all"),
    "nginx_deploy_serial": VariableSpec("batches", default=_BATCHES, empty=_BATCHES),
    "nginx_deploy_rollback_serial": VariableSpec("batches", default=_AT_ONCE, empty=_AT_ONCE),
    "nginx_deploy_max_failures": VariableSpec("budget", default=0, empty=0),
    "nginx_deploy_on_failure": VariableSpec(choices=ON_FAILURE, default="keep", empty="keep"),
    "nginx_deploy_record": VariableSpec("path", empty=""),
    "nginx_deploy_approved_plan": VariableSpec("plan"),
    "nginx_deploy_plan_file": VariableSpec("path"),
    "nginx_deploy_plan_for_approval": VariableSpec("bool", default=False, empty=False),
    "nginx_deploy_require_approval": VariableSpec("bool", default=False, empty=False),
    "nginx_deploy_report": VariableSpec("path", empty=""),
    "nginx_deploy_webhook_url": VariableSpec(no_log=True),
    "nginx_deploy_drift_policy": VariableSpec(choices=POLICIES, default="fail", empty="fail"),
}

#: Variables of the role whose type an argument spec cannot say.
_OF_ROLE: t.Final[Mapping[str, VariableSpec]] = {"nginx_deploy_accept": VariableSpec("accept", default=[], empty=[])}

#: Ansible makes keywords of a play of these before it knows any host, so that it would never read an inventory's value.
OF_PLAYS: t.Final = ("nginx_deploy_hosts", "nginx_deploy_serial", "nginx_deploy_rollback_serial")

_SPECS: t.Final = Path(__file__).parents[3] / "roles" / "nginx_deploy" / "meta" / "argument_specs.yml"
_SHOWN: t.Final = 5
_LIKE: t.Final = 0.6


@functools.cache
def specs() -> Mapping[str, VariableSpec]:
    """Return every variable by its name.

    Raises:
        RolloutError: the role's argument specs are not where the collection has them.
    """
    try:
        found = yaml.load(_SPECS.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))["argument_specs"]  # noqa: S506 - a safe one
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise RolloutError(f"The collection is damaged: {_SPECS} cannot be read: {error}.") from error
    of_role = {name: each for entry_point in found.values() for name, each in entry_point["options"].items()}
    return {**{name: VariableSpec.from_json(each) for name, each in of_role.items()}, **_OF_ROLE, **RUN}


def read(name: str, value: t.Any) -> t.Any:
    """Return the value that a known variable was meant to have, see `normalise`.

    Raises:
        RolloutError: the name is unknown, or the value's meaning is not certain.
    """
    spec = specs().get(name)
    if spec is None:
        raise RolloutError(_unknown(name))
    return normalise(name, value, spec)


def faults(variables: Mapping[str, Mapping[str, t.Any]], *, needed: Iterable[str] = ()) -> list[str]:
    """Return the faults in the variables of hosts, one sentence each, with the hosts that have it.

    Args:
        variables: host -> its variables as they are written. A template is judged when it is used.
        needed: names that have to be set on every host.
    """
    found: dict[str, list[str]] = {}
    known: dict[tuple[str, int], str] = {}
    needed = tuple(needed)
    for host, values in variables.items():
        own = {name: value for name, value in values.items() if name.startswith(PREFIX)}
        for name, value in own.items():
            # Hosts of a group share one object, which is checked once; `variables` keeps it alive.
            key = (name, id(value))
            if key not in known:
                known[key] = _fault(name, value)
            if known[key]:
                found.setdefault(known[key], []).append(host)
        for name in needed:
            if is_empty(own.get(name)):
                found.setdefault(_missing(name), []).append(host)
    return [fault + _on(hosts, len(variables)) for fault, hosts in found.items()]


def _fault(name: str, value: object) -> str:
    if name not in specs():
        return _unknown(name)
    if isinstance(value, str) and "{{" in value:
        return ""
    try:
        read(name, value)
    except RolloutError as error:
        return str(error)
    return ""


def _unknown(name: str) -> str:
    """Return the message for an unknown name, with the nearest known one."""
    near = difflib.get_close_matches(
        name.removeprefix(PREFIX).lower(), [each.removeprefix(PREFIX) for each in specs()], 1, _LIKE
    )
    return f"There is no variable {name}" + (f"; did you mean {PREFIX}{near[0]}?" if near else ".")


def _missing(name: str) -> str:
    if name == "nginx_deploy_src":
        return (
            "nginx_deploy_src is not set: it names the folder to deploy, on the controller, laid out as below /etc/nginx."
            " Set it in the inventory, or with -e nginx_deploy_src=site."
        )
    return f"{name} is not set."


def _on(hosts: list[str], total: int) -> str:
    if len(hosts) == total:
        return ""
    more = f" and {len(hosts) - _SHOWN} more" if len(hosts) > _SHOWN else ""
    return f" (on {', '.join(hosts[:_SHOWN])}{more})"
