# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What became of a rollout, told from what each host registered. Plain data in, plain data out."""

from __future__ import annotations

import typing as t
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

from . import approval
from .options import budget

#: What a host has come to, in the order in which a summary lists it.
Outcome = t.Literal[
    "confirmed", "unchanged", "planned", "pending", "refused", "reverted", "rolled_back", "failed", "unreachable"
]

#: A host in one of these states uses up the budget of failures.
_FAILED: t.Final = frozenset({"rolled_back", "failed", "unreachable"})
_GOOD: t.Final = frozenset({"confirmed", "unchanged", "planned"})
#: On a host in one of these states this run changed nothing that lasts.
_UNTOUCHED: t.Final = frozenset({"unchanged", "planned", "pending", "refused"})

#: The steps of a rollout in their order, as the role registers them.
_STEPS: t.Final = ("staged", "activated", "gated", "confirmed")

_PREFIX: t.Final = "__nginx_deploy_"

Steps = Mapping[str, Mapping[str, t.Any]]


@dataclass(frozen=True)
class HostVerdict:
    """One host's part: what it came to, the release it was meant to run, why it does not, and what is left to do.

    `revert`: it runs the release of this run, or may, so that a rollback of the fleet has to ask it. `locked`: it is
    still reserved for this run. `batch`: the hosts that it was rolled out with, empty before its turn. `unverified`: why
    nobody knows what the change does to requests there, empty where it is known.
    """

    host: str
    outcome: Outcome
    release: str | None = None
    reason: str = ""
    previous: str | None = None
    batch: tuple[str, ...] = ()
    revert: bool = False
    locked: bool = False
    unverified: str = ""


def judge_host(host: str, variables: Mapping[str, t.Any]) -> HostVerdict:
    """What one host has come to, from the results that the role registered on it.

    `variables` holds `__nginx_deploy_staged`, `_activated`, `_gated`, `_confirmed` and `_rolled_back`,
    each the result of one task, or lacks those that did not run, `__nginx_deploy_failure`, the result of whatever
    task sent the host to its rescue, `_told` with the approved plan, `_behaviour` and `_bisected` of the route check and of the search for the guilty
    lines, and `_reverted` and `_unlocked` of the fleet's plays. A host that registered nothing was never reached.
    """
    others = ("failure", "rolled_back", "reverted", "unlocked", "behaviour", "bisected")
    steps = {name: _result(variables, name) for name in (*_STEPS, *others)}
    outcome, reason = _outcome(steps)
    staged = steps["staged"]
    unapproved = _unapproved(host, steps, _result(variables, "told"))
    if unapproved and outcome in ("unchanged", "planned", "pending"):
        outcome, reason = "refused", unapproved
    ran = bool(steps["activated"]) and staged.get("state") != "confirmed"
    back = _fine(steps["reverted"]) or (_fine(steps["rolled_back"]) and not _is_confirmed(steps))
    freed = _is_confirmed(steps) or any(_fine(steps[name]) for name in ("rolled_back", "reverted", "unlocked"))
    return HostVerdict(
        host,
        outcome,
        staged.get("release"),
        reason,
        staged.get("previous"),
        tuple(_result(variables, "batch").get("hosts") or ()),
        revert=ran and not back,
        locked=_holds(staged, _result(variables, "run")) and not freed,
        unverified=""
        if outcome in ("refused", "unreachable", "unchanged")
        else why_unverified(staged, steps["behaviour"]),
    )


def _unapproved(host: str, steps: Steps, told: Mapping[str, t.Any]) -> str:
    """Why what would be done is not what was approved; empty where it is, and where nothing had to be."""
    approved = (told.get("options") or {}).get("approved_plan")
    return (
        approval.differs(approval.HostPlan.of(host, steps["staged"], steps["behaviour"]), approved) if approved else ""
    )


def why_unverified(staged: Mapping[str, t.Any], behaviour: Mapping[str, t.Any]) -> str:
    """Why nobody knows what the change does to requests, empty where it is known or nothing changes.

    Both are results of the role, empty where the task did not run.
    """
    if behaviour:
        return str(behaviour.get("reason") or "no reason was given") if behaviour.get("verified") is False else ""
    return "the route check is switched off (nginx_deploy_route_check)" if staged.get("plan") else ""


def _outcome(steps: Steps) -> tuple[Outcome, str]:
    staged = steps["staged"]
    if not staged:
        return "failed", "never staged in this run: its preflight was skipped, or the run ended before it"
    if staged.get("unreachable"):
        return "unreachable", f"{_reason(staged)}; nothing was changed"
    if staged.get("failed"):
        return "refused", _reason(staged)
    if staged.get("state") == "confirmed" and not staged.get("reload_needed"):
        return "unchanged", ""
    if staged.get("state") == "planned":
        return "planned", ""
    return _rolled_out(steps)


def _rolled_out(steps: Steps) -> tuple[Outcome, str]:
    """What a host has come to that had something to do."""
    if _is_confirmed(steps) and _fine(steps["reverted"]):
        return "reverted", _why(steps, "")
    if steps["failure"]:
        return _failed(steps)
    if not steps["activated"]:
        return "pending", "staged and valid; no batch with this host was started"
    if not _is_confirmed(steps):
        return _failed(steps)
    if steps["reverted"]:
        return "failed", f"runs the release, confirmed; going back with the fleet failed: {_reason(steps['reverted'])}"
    return "confirmed", ""


def _failed(steps: Steps) -> tuple[Outcome, str]:
    reason = _why(steps, "the release was not confirmed")
    rolled_back = steps["rolled_back"]
    if _is_confirmed(steps):
        return "failed", f"runs the release, confirmed, but: {reason}"
    if _fine(steps["reverted"]):
        return "rolled_back", f"{reason}; it went back with the fleet"
    if _fine(rolled_back):
        if not steps["activated"] and not rolled_back.get("changed"):
            return "failed", f"{reason}; nothing was changed"
        return "rolled_back", reason
    tried = [result for result in (rolled_back, steps["reverted"]) if result]
    for result in tried:
        if not result.get("unreachable"):
            return "failed", f"{reason}; the rollback failed too: {_reason(result)}"
    if tried or any(steps[name].get("unreachable") for name in _STEPS):
        return "unreachable", f"{reason}; {_lease(steps)}"
    return "failed", reason


def _lease(steps: Steps) -> str:
    """What a host that is out of reach does alone."""
    lease = steps["activated"].get("lease")
    previous = steps["staged"].get("previous") or "the last confirmed release"
    if not steps["activated"]:
        return "nothing was changed"
    if isinstance(lease, Mapping) and lease.get("seconds"):
        return f"its lease brings it back to {previous} within {round(lease['seconds'])} s of the activation"
    return f"if it was activated, its lease brings it back to {previous}"


def judge_fleet(
    hosts: Iterable[str],
    hostvars: Mapping[str, Mapping[str, t.Any]],
    *,
    preflight_only: bool = False,
    max_failures: int | str = 0,
) -> dict[str, t.Any]:
    """The state of a whole rollout, or with `preflight_only` of a run that was not asked to roll out.

    Returns:
        A dictionary with `stop` (bool: no further batch may start), `why` (the reason for that, empty for the
        plain one that some host failed), `ok` (bool: every host runs the candidate, confirmed), `verdict` (one of
        `deployed`, `validated`, `refused`, `stopped`, `rolled_back`, `incomplete`), `hosts` (a list of dictionaries
        as `HostVerdict`), `revert` and `locked` (names of hosts, see `HostVerdict`), `counts` (outcome -> number)
        and `text` (a summary for people, worst hosts last).

    Raises:
        RolloutError: `max_failures` is neither a number nor a percentage.

    """
    verdicts = [judge_host(host, hostvars[host]) for host in hosts]
    counts: dict[str, int] = {}
    for outcome in t.get_args(Outcome):
        number = sum(verdict.outcome == outcome for verdict in verdicts)
        if number:
            counts[outcome] = number
    good = _GOOD | ({"pending"} if preflight_only else set())
    ok = bool(verdicts) and all(verdict.outcome in good for verdict in verdicts)
    stop, why = _stop(verdicts, budget(max_failures, len(verdicts)))
    return {
        "stop": stop,
        "why": why,
        "ok": ok,
        "verdict": _word(verdicts, ok=ok, stop=stop, preflight_only=preflight_only),
        "hosts": [asdict(verdict) for verdict in verdicts],
        "revert": [verdict.host for verdict in verdicts if verdict.revert],
        "locked": [verdict.host for verdict in verdicts if verdict.locked],
        "counts": counts,
        "text": _text(verdicts, counts, why),
    }


def _stop(verdicts: Sequence[HostVerdict], allowed: int) -> tuple[bool, str]:
    """Whether the rollout ends here, and why where it is not plain that a single failure ends it."""
    failed = [verdict for verdict in verdicts if verdict.outcome in _FAILED]
    if any(verdict.outcome in ("refused", "reverted") for verdict in verdicts):
        return True, ""
    if len(failed) > allowed:
        return True, f"{len(failed)} of {len(verdicts)} hosts failed, at most {allowed} may" if allowed else ""
    lost = {verdict.host for verdict in failed}
    for batch in dict.fromkeys(verdict.batch for verdict in failed if verdict.batch):
        if lost.issuperset(batch):
            return True, f"every host of the batch {', '.join(batch)} failed, which no budget of failures covers"
    if failed and len(failed) == len(verdicts):
        return True, "every host failed"
    return False, ""


def _word(verdicts: Sequence[HostVerdict], *, ok: bool, stop: bool, preflight_only: bool) -> str:
    outcomes = {verdict.outcome for verdict in verdicts}
    if ok:
        return "validated" if preflight_only else "deployed"
    if "reverted" in outcomes and not any(verdict.revert for verdict in verdicts if verdict.outcome != "reverted"):
        return "rolled_back"
    if outcomes - {"unreachable"} <= _UNTOUCHED and not any(verdict.batch for verdict in verdicts):
        return "refused"
    return "stopped" if stop or "pending" in outcomes else "incomplete"


def _text(verdicts: Iterable[HostVerdict], counts: Mapping[str, int], why: str) -> list[str]:
    verdicts = list(verdicts)
    lines = [", ".join(f"{number} {outcome.replace('_', ' ')}" for outcome, number in counts.items()) or "no host"]
    for outcome in counts:
        for reason, hosts in _by_reason(verdict for verdict in verdicts if verdict.outcome == outcome).items():
            line = f"{outcome.replace('_', ' ')}: {', '.join(hosts)}"
            lines.append(f"{line}: {reason}" if reason else line)
    unverified: dict[str, list[str]] = {}
    for verdict in verdicts:
        if verdict.unverified:
            unverified.setdefault(verdict.unverified, []).append(verdict.host)
    lines += [f"behaviour not verified: {', '.join(hosts)}: {reason}" for reason, hosts in unverified.items()]
    return [*lines, f"no further batch: {why}"] if why else lines


def _by_reason(verdicts: Iterable[HostVerdict]) -> dict[str, list[str]]:
    """Reason -> hosts, so that what forty hosts share is printed once."""
    grouped: dict[str, list[str]] = {}
    for verdict in verdicts:
        grouped.setdefault(verdict.reason, []).append(verdict.host)
    return grouped


def _why(steps: Steps, otherwise: str) -> str:
    """The reason of the first step that failed, with the lines that are guilty of it where they were found."""
    reason = next((_reason(steps[name]) for name in (*_STEPS, "failure") if _bad(steps[name])), otherwise)
    lines = steps["bisected"].get("lines") or ()
    return f"{reason}; guilty: {'; '.join(map(str, lines))}" if lines else reason


def _holds(staged: Mapping[str, t.Any], run: Mapping[str, t.Any]) -> bool:
    """Whether the host is reserved for this run, and not for another one that is why it was refused."""
    holder = staged.get("rollout")
    return isinstance(holder, Mapping) and holder.get("id") is not None and holder.get("id") == run.get("rollout")


def _is_confirmed(steps: Steps) -> bool:
    return steps["confirmed"].get("state") == "confirmed" and not _bad(steps["confirmed"])


def _result(variables: Mapping[str, t.Any], step: str) -> Mapping[str, t.Any]:
    value = variables.get(_PREFIX + step)
    if not isinstance(value, Mapping) or value.get("skipped"):
        return {}
    return value


def _fine(result: Mapping[str, t.Any]) -> bool:
    return bool(result) and not _bad(result)


def _bad(result: Mapping[str, t.Any]) -> bool:
    return bool(result.get("failed") or result.get("unreachable"))


def _reason(result: Mapping[str, t.Any]) -> str:
    message = str(result.get("msg") or "no message").strip()
    return f"unreachable: {message}" if result.get("unreachable") else message
