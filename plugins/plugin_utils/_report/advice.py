# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What a person does next, and what the data does not say."""

from __future__ import annotations

import shlex
import typing as t
from collections.abc import Collection, Mapping, Sequence

_SHOWN: t.Final = 10

Report = Mapping[str, t.Any]


def next_steps(report: Report) -> list[dict[str, str]]:
    """The steps that are left to a person, most urgent first; empty after a rollout that went well.

    Returns:
        Dictionaries with `text` and `command`, which is empty where there is none to type.

    """
    if report["ok"]:
        return []
    steps = []
    outcomes = _hosts_by_outcome(report)
    lost = [*outcomes.get("unknown", []), *outcomes.get("unreachable", [])]
    if lost:
        steps.append(_step("Wait for the leases of the lost hosts, and ask what they run", "status", lost))
    broken = outcomes.get("failed", [])
    if broken:
        steps.append(_step(f"Look at {_names(broken)}: the reason stands beside each host"))
    kept = outcomes.get("confirmed", [])
    if kept:
        steps.append(_step(f"{_names(kept)} run the new release, confirmed: keep it, or go back", "rollback", kept))
    if report["culprits"]:
        lines = ", ".join(f"{culprit.get('file')}:{culprit.get('line')}" for culprit in report["culprits"][:_SHOWN])
        steps.append(_step(f"Correct the guilty lines, {lines}, and look at the plan", "plan"))
    else:
        steps.append(_step("Correct what the reasons name, and look at the plan", "plan"))
    steps.append(_step("Deploy again: hosts that run the new release already are asked once and left alone", "deploy"))
    return steps


def _step(text: str, playbook: str = "", hosts: Sequence[str] = ()) -> dict[str, str]:
    command = f"ansible-playbook failsafe.nginx.{playbook}" if playbook else ""
    if hosts:
        command += f" --limit {shlex.quote(':'.join(hosts))}"
    return {"text": text, "command": command}


def unknowns(report: Report, journals: Collection[str]) -> list[str]:
    """What cannot be told from the data, one sentence each."""
    said = []
    missing = [row["host"] for row in report["hosts"] if row["host"] not in journals]
    if missing:
        said.append(f"What {_names(missing)} did by itself: the journal could not be read")
    lost = [row["host"] for row in report["hosts"] if row.get("outcome") in ("unknown", "unreachable")]
    if lost:
        said.append(f"What {_names(lost)} runs now: the last answer is older than the run's end")
    if report["behaviour"] is None:
        said.append("What each request gets before and after: no route check ran")
    if not report["ok"] and not report["culprits"]:
        said.append("Which line is guilty: no bisect ran, or it found none")
    if report["finished"] is None:
        said.append("When the run ended, and why: its controller did not live to say so")
    return said


def _hosts_by_outcome(report: Report) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for row in report["hosts"]:
        grouped.setdefault(str(row.get("outcome")), []).append(row["host"])
    return grouped


def _names(hosts: list[str]) -> str:
    shown = ", ".join(hosts[:_SHOWN])
    return f"{shown} and {len(hosts) - _SHOWN} more" if len(hosts) > _SHOWN else shown
