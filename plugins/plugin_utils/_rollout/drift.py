# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What was changed by hand over a fleet, told from what each host registered. Plain data in, plain data out."""

from __future__ import annotations

import typing as t
from collections.abc import Iterable, Mapping

from .options import RolloutError

#: What a run does about drift.
POLICIES: t.Final = ("fail", "warn", "adopt")

_STATUS: t.Final = "__nginx_deploy_status"
_ADOPTED: t.Final = "__nginx_deploy_adopted"


def report(
    hosts: Iterable[str], hostvars: Mapping[str, Mapping[str, t.Any]], *, policy: str = "fail", diff: bool = False
) -> dict[str, t.Any]:
    """Where live files differ from the confirmed release.

    Returns:
        A dictionary with `ok` (bool), `hosts` (host -> `clean`, `drifted`, `adopted` or `unknown`), `failed` (names of
        hosts that the policy fails) and `text` (a line per host that is not clean, its diffs with `diff`).

    Raises:
        RolloutError: there is no such policy.

    """
    if policy not in POLICIES:
        raise RolloutError(f"nginx_deploy_drift_policy has to be one of {', '.join(POLICIES)}, not {policy!r}.")
    outcomes: dict[str, str] = {}
    lines: list[str] = []
    for host in hosts:
        outcome, line = _host(hostvars[host])
        outcomes[host] = outcome
        if outcome != "clean":
            lines.append(f"{host}: {line}")
            lines.extend(_diffs(hostvars[host]) if diff else ())
    bad = {"unknown"} if policy == "warn" else {"unknown", "drifted"}
    failed = [host for host, outcome in outcomes.items() if outcome in bad]
    counts = {name: list(outcomes.values()).count(name) for name in ("clean", "drifted", "adopted", "unknown")}
    head = ", ".join(f"{number} {name}" for name, number in counts.items() if number) or "no host"
    return {"ok": bool(outcomes) and not failed, "hosts": outcomes, "failed": failed, "text": [head, *lines]}


def _host(variables: Mapping[str, t.Any]) -> tuple[str, str]:
    info = variables.get(_STATUS)
    if not isinstance(info, Mapping) or "drift" not in info:
        message = str(info.get("msg") or "") if isinstance(info, Mapping) else ""
        return "unknown", f"unknown: {message or 'the host was not asked'}"
    adopted = variables.get(_ADOPTED)
    if not isinstance(adopted, Mapping) or adopted.get("skipped"):
        adopted = {}
    if adopted.get("failed") or adopted.get("unreachable"):
        return "drifted", f"{_paths(info)}; not adopted: {adopted.get('msg') or 'no message'}"
    if not info["drift"]:
        return "clean", ""
    if adopted:
        return "adopted", f"{_paths(info)}; adopted as {adopted.get('release')}"
    return "drifted", _paths(info)


def _paths(info: Mapping[str, t.Any]) -> str:
    details = {row["path"]: row for row in info.get("drift_diff") or ()}
    return "changed by hand: " + ", ".join(f"{path}{_extent(details.get(path))}" for path in info["drift"])


def _extent(row: Mapping[str, t.Any] | None) -> str:
    if row is None:
        return ""
    lines = f" +{row['added']} -{row['removed']}" if row.get("added") or row.get("removed") else ""
    return f" ({row['change']}{lines})"


def _diffs(variables: Mapping[str, t.Any]) -> list[str]:
    info = variables.get(_STATUS) or {}
    return [line for row in info.get("drift_diff") or () for line in str(row.get("diff") or "").splitlines()]
