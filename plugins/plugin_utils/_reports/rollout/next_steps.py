# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""The steps that a rollout leaves to a person."""

from __future__ import annotations

import shlex
import typing as t
from collections.abc import Sequence

from ansible_collections.failsafe.nginx.plugins.plugin_utils._markup.wording import listed

from .report import NextStep, RolloutReport

_AGAIN: t.Final = "Deploy again: hosts that run the new release already are asked once and left alone"


def next_steps(report: RolloutReport) -> list[NextStep]:
    """Return the steps, most urgent first; none after a rollout that went well."""
    if report.run.ok:
        return []
    if report.run.finished is None:
        return _after_interruption(report)
    steps = []
    outcomes = _hosts_by_outcome(report)
    lost = [*outcomes.get("unknown", []), *outcomes.get("unreachable", [])]
    if lost:
        steps.append(_step("Wait for the leases of the lost hosts, and ask what they run", "status", lost))
    broken = outcomes.get("failed", [])
    if broken:
        steps.append(_step(f"Look at {listed(broken)}: the reason stands beside each host"))
    kept = outcomes.get("confirmed", [])
    if kept:
        steps.append(_keep_or_roll_back(report, kept))
    if report.culprits:
        lines = listed(list(dict.fromkeys(culprit.place for culprit in report.culprits)))
        steps.append(_step(f"Correct the guilty lines, {lines}, and look at the plan", "plan"))
    else:
        steps.append(_step("Correct what the reasons name, and look at the plan", "plan"))
    return [*steps, _step(_AGAIN, "deploy")]


def _keep_or_roll_back(report: RolloutReport, kept: Sequence[str]) -> NextStep:
    former = {row.previous for row in report.hosts if row.host in kept and row.previous}
    release = former.pop() if len(former) == 1 else "<the former release>"
    run = "runs" if len(kept) == 1 else "run"
    text = f"{listed(kept)} {run} the new release, confirmed: keep it, or go back"
    return _step(text, "rollback", kept, f"nginx_deploy_release={release}")


def _after_interruption(report: RolloutReport) -> list[NextStep]:
    hosts = [row.host for row in report.hosts]
    steps = [_step("Is the run still going on? Then wait for it. If not, ask what the hosts run", "status", hosts)]
    if not all(row.now for row in report.hosts):
        steps.append(_step("Make this report again, with what the hosts did by themselves", "report"))
    return [*steps, _step("Give the hosts back that it still holds", "unlock", hosts), _step(_AGAIN, "deploy")]


def _step(text: str, playbook: str = "", hosts: Sequence[str] = (), variable: str = "") -> NextStep:
    command = f"ansible-playbook failsafe.nginx.{playbook}" if playbook else ""
    command += f" --limit {shlex.quote(':'.join(hosts))}" if hosts else ""
    command += f" -e {shlex.quote(variable)}" if variable else ""
    return NextStep(text, command)


def _hosts_by_outcome(report: RolloutReport) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for row in report.hosts:
        grouped.setdefault(row.outcome, []).append(row.host)
    return grouped
