# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What became of a rollout, told from what each host registered. Plain data in, plain data out."""

from __future__ import annotations

import typing as t
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

#: What a host has come to, in the order in which a summary lists it.
Outcome = t.Literal["confirmed", "unchanged", "planned", "pending", "refused", "rolled_back", "failed", "unreachable"]

#: A host in one of these states stops the rollout: later batches are never touched.
_STOPPING = frozenset({"refused", "rolled_back", "failed", "unreachable"})

#: The steps of a rollout in their order, as the role registers them.
_STEPS = ("staged", "activated", "gated", "confirmed")

_PREFIX = "__nginx_deploy_"


@dataclass(frozen=True)
class HostVerdict:
    """One host's part: what it came to, the release it was meant to run, and why it does not."""

    host: str
    outcome: Outcome
    release: str | None = None
    reason: str = ""


def judge_host(host: str, variables: Mapping[str, t.Any]) -> HostVerdict:
    """What one host has come to, from the results that the role registered on it.

    `variables` holds `__nginx_deploy_staged`, `_activated`, `_gated`, `_confirmed` and `_rolled_back`,
    each the result of one task, or lacks those that did not run, and `__nginx_deploy_failure`, the result
    of whatever task sent the host to its rescue. A host that registered nothing was never reached.
    """
    steps = {name: _result(variables, name) for name in (*_STEPS, "failure", "rolled_back")}
    staged = steps["staged"]
    release = staged.get("release")
    if not staged:
        return HostVerdict(
            host, "failed", release, "never staged in this run: its preflight was skipped, or the run ended before it"
        )
    if staged.get("unreachable"):
        return HostVerdict(host, "unreachable", release, _reason(staged))
    if staged.get("failed"):
        return HostVerdict(host, "refused", release, _reason(staged))
    if staged.get("state") == "confirmed" and not staged.get("reload_needed"):
        return HostVerdict(host, "unchanged", release)
    if staged.get("state") == "planned":
        return HostVerdict(host, "planned", release)
    if steps["failure"]:
        return _failed(host, release, steps)
    if not steps["activated"]:
        return HostVerdict(host, "pending", release, "staged and valid; no batch with this host was started")
    if steps["confirmed"].get("state") == "confirmed" and not _bad(steps["confirmed"]):
        return HostVerdict(host, "confirmed", release)
    return _failed(host, release, steps)


def _failed(host: str, release: str | None, steps: Mapping[str, Mapping[str, t.Any]]) -> HostVerdict:
    reasons = (_reason(steps[name]) for name in (*_STEPS, "failure") if _bad(steps[name]))
    reason = next(reasons, "the release was not confirmed")
    rolled_back = steps["rolled_back"]
    if steps["confirmed"].get("state") == "confirmed" and not _bad(steps["confirmed"]):
        return HostVerdict(host, "failed", release, f"runs the release, confirmed, but: {reason}")
    if rolled_back and not _bad(rolled_back):
        if not steps["activated"] and not rolled_back.get("changed"):
            return HostVerdict(host, "failed", release, f"{reason}; nothing was changed")
        return HostVerdict(host, "rolled_back", release, reason)
    if rolled_back:
        return HostVerdict(host, "failed", release, f"{reason}; the rollback failed too: {_reason(rolled_back)}")
    if any(steps[name].get("unreachable") for name in _STEPS):
        return HostVerdict(host, "unreachable", release, reason)
    return HostVerdict(host, "failed", release, reason)


def judge_fleet(
    hosts: Iterable[str], hostvars: Mapping[str, Mapping[str, t.Any]], *, preflight_only: bool = False
) -> dict[str, t.Any]:
    """The state of a whole rollout, or with `preflight_only` of a run that was not asked to roll out.

    Returns:
        A dictionary with `stop` (bool: no further batch may start), `ok` (bool: every host runs the
        candidate, confirmed), `hosts` (a list of dictionaries as `HostVerdict`), `counts` (outcome ->
        number) and `text` (a summary for people, worst hosts last).

    """
    verdicts = [judge_host(host, hostvars[host]) for host in hosts]
    counts: dict[str, int] = {}
    for outcome in t.get_args(Outcome):
        number = sum(verdict.outcome == outcome for verdict in verdicts)
        if number:
            counts[outcome] = number
    good = {"confirmed", "unchanged", "planned"} | ({"pending"} if preflight_only else set())
    return {
        "stop": any(verdict.outcome in _STOPPING for verdict in verdicts),
        "ok": bool(verdicts) and all(verdict.outcome in good for verdict in verdicts),
        "hosts": [asdict(verdict) for verdict in verdicts],
        "counts": counts,
        "text": _text(verdicts, counts),
    }


def _text(verdicts: list[HostVerdict], counts: Mapping[str, int]) -> list[str]:
    lines = [", ".join(f"{number} {outcome.replace('_', ' ')}" for outcome, number in counts.items()) or "no host"]
    for outcome in counts:
        for reason, hosts in _by_reason(verdict for verdict in verdicts if verdict.outcome == outcome).items():
            line = f"{outcome.replace('_', ' ')}: {', '.join(hosts)}"
            lines.append(f"{line}: {reason}" if reason else line)
    return lines


def _by_reason(verdicts: Iterable[HostVerdict]) -> dict[str, list[str]]:
    """Reason -> hosts, so that what forty hosts share is printed once."""
    grouped: dict[str, list[str]] = {}
    for verdict in verdicts:
        grouped.setdefault(verdict.reason, []).append(verdict.host)
    return grouped


def _result(variables: Mapping[str, t.Any], step: str) -> Mapping[str, t.Any]:
    value = variables.get(_PREFIX + step)
    if not isinstance(value, Mapping) or value.get("skipped"):
        return {}
    return value


def _bad(result: Mapping[str, t.Any]) -> bool:
    return bool(result.get("failed") or result.get("unreachable"))


def _reason(result: Mapping[str, t.Any]) -> str:
    message = str(result.get("msg") or "no message").strip()
    return f"unreachable: {message}" if result.get("unreachable") else message
