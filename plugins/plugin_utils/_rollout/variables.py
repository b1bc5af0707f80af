# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The variables that the playbooks and the role take: which there are, what they hold, and what is wrong with those that arrived.

The role's are in its argument specs. Those of a run, which the playbooks read, are in `RUN`.
"""

from __future__ import annotations

import difflib
import functools
import typing as t
from collections.abc import Iterable, Mapping
from pathlib import Path

import yaml

from .options import ON_FAILURE, RolloutError
from .values import Option, is_empty, normalised

PREFIX: t.Final = "nginx_deploy_"

#: What concerns a run and not a host: only the playbooks read it. See docs/fleet.md.
RUN: t.Final[Mapping[str, Option]] = {
    "nginx_deploy_hosts": {"type": "pattern", "default": "all"},
    "nginx_deploy_serial": {"type": "batches", "default": [1, "10%", "50%", "100%"]},
    "nginx_deploy_rollback_serial": {"type": "batches", "default": ["100%"]},
    "nginx_deploy_max_failures": {"type": "budget", "default": 0},
    "nginx_deploy_on_failure": {"type": "str", "choices": list(ON_FAILURE), "default": "keep"},
    "nginx_deploy_record": {"type": "path", "default": None, "empty": ""},
    "nginx_deploy_approved_plan": {"type": "plan", "default": None},
    "nginx_deploy_require_approval": {"type": "bool", "default": False},
    "nginx_deploy_report": {"type": "path", "default": None, "empty": ""},
    "nginx_deploy_webhook_url": {"type": "str", "default": None, "no_log": True},
    "nginx_deploy_drift_policy": {"type": "str", "choices": ["fail", "warn", "adopt"], "default": "fail"},
}

#: Keywords of a play are made of these before any host is known, so that an inventory's value would never be read.
OF_PLAYS: t.Final = ("nginx_deploy_hosts", "nginx_deploy_serial", "nginx_deploy_rollback_serial")

_SPECS: t.Final = Path(__file__).parents[3] / "roles" / "nginx_deploy" / "meta" / "argument_specs.yml"
_SHOWN: t.Final = 5
_LIKE: t.Final = 0.6


@functools.cache
def options() -> Mapping[str, Option]:
    """Every variable by its name.

    Raises:
        RolloutError: the role's argument specs are not where the collection has them.

    """
    try:
        specs = yaml.load(_SPECS.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))["argument_specs"]  # noqa: S506 - a safe one
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise RolloutError(f"The collection is damaged: {_SPECS} cannot be read: {error}.") from error
    return {**{name: each for spec in specs.values() for name, each in spec["options"].items()}, **RUN}


def read(name: str, value: t.Any) -> t.Any:
    """The value that a known variable was meant to have, see `values.normalised`.

    Raises:
        RolloutError: there is no such variable, or it is not known what was meant.

    """
    option = options().get(name)
    if option is None:
        raise RolloutError(unknown(name))
    return normalised(name, value, option)


def unknown(name: str) -> str:
    """That there is no such variable, and the one that is nearest to it."""
    near = difflib.get_close_matches(
        name.removeprefix(PREFIX).lower(), [each.removeprefix(PREFIX) for each in options()], 1, _LIKE
    )
    return f"There is no variable {name}" + (f"; did you mean {PREFIX}{near[0]}?" if near else ".")


def faults(variables: Mapping[str, Mapping[str, t.Any]], *, needed: Iterable[str] = ()) -> list[str]:
    """What is wrong with the variables of these hosts, one sentence each, with the hosts that it concerns.

    Args:
        variables: host -> its variables as they are written. What is still a template is judged when it is used.
        needed: names that have to be set on every host.

    """
    found: dict[str, list[str]] = {}
    known: dict[tuple[str, int], str] = {}
    needed = tuple(needed)
    for host, values in variables.items():
        ours = {name: value for name, value in values.items() if name.startswith(PREFIX)}
        for name, value in ours.items():
            # Hosts of a group share one object, which is looked at once; `variables` keeps it alive.
            key = (name, id(value))
            if key not in known:
                known[key] = _fault(name, value)
            if known[key]:
                found.setdefault(known[key], []).append(host)
        for name in needed:
            if is_empty(ours.get(name)):
                found.setdefault(_missing(name), []).append(host)
    return [fault + _on(hosts, len(variables)) for fault, hosts in found.items()]


def _fault(name: str, value: t.Any) -> str:
    if name not in options():
        return unknown(name)
    if isinstance(value, str) and "{{" in value:
        return ""
    try:
        read(name, value)
    except RolloutError as error:
        return str(error)
    return ""


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
