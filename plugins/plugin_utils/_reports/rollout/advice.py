# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What a person does next, and what the data does not say."""

from __future__ import annotations

import shlex
import typing as t
from collections.abc import Mapping, Sequence

_SHOWN: t.Final = 10
#: Outcomes of hosts to which nothing was done.
_UNCHANGED: t.Final = frozenset({"unchanged", "refused", "unreachable"})

#: Outcomes after which nobody knows what became of the host, or what it did by itself.
LOST: t.Final = frozenset({"unknown", "unreachable", "failed"})

Report = Mapping[str, t.Any]


def next_steps(report: Report) -> list[dict[str, str]]:
    """The steps that are left to a person, most urgent first; empty after a rollout that went well.

    Returns:
        Dictionaries with `text` and `command`, which is empty where there is none to type.

    """
    if report["ok"]:
        return []
    if report["finished"] is None:
        return _after_interruption(report)
    steps = []
    outcomes = _hosts_by_outcome(report)
    lost = [*outcomes.get("unknown", []), *outcomes.get("unreachable", [])]
    if lost:
        steps.append(_step("Wait for the leases of the lost hosts, and ask what they run", "status", lost))
    broken = outcomes.get("failed", [])
    if broken:
        steps.append(_step(f"Look at {names(broken)}: the reason stands beside each host"))
    kept = outcomes.get("confirmed", [])
    if kept:
        former = {str(row.get("previous")) for row in report["hosts"] if row["host"] in kept and row.get("previous")}
        back = (
            f"nginx_deploy_release={former.pop()}" if len(former) == 1 else "nginx_deploy_release=<the former release>"
        )
        text = f"{names(kept)} run the new release, confirmed: keep it, or go back"
        steps.append(_step(text, "rollback", kept, back))
    if report["culprits"]:
        places = dict.fromkeys(f"{culprit.get('file')}:{culprit.get('line')}" for culprit in report["culprits"])
        lines = names(list(places))
        steps.append(_step(f"Correct the guilty lines, {lines}, and look at the plan", "plan"))
    else:
        steps.append(_step("Correct what the reasons name, and look at the plan", "plan"))
    steps.append(_step("Deploy again: hosts that run the new release already are asked once and left alone", "deploy"))
    return steps


def _after_interruption(report: Report) -> list[dict[str, str]]:
    hosts = [row["host"] for row in report["hosts"]]
    again = "Deploy again: hosts that run the new release already are asked once and left alone"
    asked = all(row["now"] for row in report["hosts"])
    report_again = _step("Make this report again, with what the hosts did by themselves", "report")
    return [
        _step("Is the run still going on? Then wait for it. If not, ask what the hosts run", "status", hosts),
        *([] if asked else [report_again]),
        _step("Give the hosts back that it still holds", "unlock", hosts),
        _step(again, "deploy"),
    ]


def _step(text: str, playbook: str = "", hosts: Sequence[str] = (), variable: str = "") -> dict[str, str]:
    command = f"ansible-playbook failsafe.nginx.{playbook}" if playbook else ""
    command += f" --limit {shlex.quote(':'.join(hosts))}" if hosts else ""
    command += f" -e {shlex.quote(variable)}" if variable else ""
    return {"text": text, "command": command}


def unknowns(report: Report, untold: Sequence[str]) -> list[str]:
    """What cannot be told from the data, one sentence each; `untold` are hosts of which part of the journal is missing."""
    said = []
    if untold:
        said.append(f"What {names(untold)} did by itself: the journal could not be read")
    lost = [row["host"] for row in report["hosts"] if row["outcome"] in ("unknown", "unreachable") and not row["now"]]
    if lost:
        said.append(f"What {names(lost)} runs now: it was not asked, or did not answer")
    compared = {host for each in report["behaviour"] for host in each.get("hosts") or () if each.get("verified")}
    blind = [row["host"] for row in report["hosts"] if row["outcome"] not in _UNCHANGED and row["host"] not in compared]
    if blind:
        said.append(f"What each request gets before and after on {names(blind)}: no route check says so")
    if not report["ok"] and report["finished"] and not report["culprits"]:
        said.append("Which line is guilty: nothing named one")
    if report["finished"] is None:
        said.append("When the run ended, and why: its controller did not live to say so")
    return said


def _hosts_by_outcome(report: Report) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for row in report["hosts"]:
        grouped.setdefault(str(row.get("outcome")), []).append(row["host"])
    return grouped


def names(hosts: Sequence[str]) -> str:
    """Hosts for people, the first ten by name."""
    shown = ", ".join(hosts[:_SHOWN])
    return f"{shown} and {len(hosts) - _SHOWN} more" if len(hosts) > _SHOWN else shown
