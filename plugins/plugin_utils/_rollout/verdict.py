# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""The outcome of a rollout, judged by the results that the role registered on each host."""

from __future__ import annotations

import typing as t
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ansible_collections.failsafe.nginx.plugins.module_utils._common.json_fields import (
    FieldError,
    decode,
    encode,
    omit_none,
    unknown_fields,
)

from .approval import Approval, HostPlan
from .errors import RolloutError
from .limits import failure_budget
from .plain_json import JsonObject, plain
from .results import STEPS, HostResults, Hostvars, StepResult

#: The outcome of a host, in the order in which a summary lists it.
Outcome = t.Literal[
    "confirmed", "unchanged", "planned", "pending", "refused", "reverted", "rolled_back", "failed", "unreachable"
]

#: A host with one of these outcomes uses up the budget of failures.
FAILED: t.Final = frozenset({"rolled_back", "failed", "unreachable"})
#: Requests that a gate did not ask which the summary names.
_UNASKED_SHOWN: t.Final = 5
_GOOD: t.Final = frozenset({"confirmed", "unchanged", "planned"})
#: Refused hosts with one reason that are named; of more, the first one is, and the others are counted.
_MOST_NAMES: t.Final = 6
#: On a host with one of these outcomes this run changed nothing that lasts.
_UNTOUCHED: t.Final = frozenset({"unchanged", "planned", "pending", "refused"})


@dataclass(frozen=True)
class HostVerdict:
    """The outcome of one host.

    Attributes:
        host: its name.
        outcome: one of `Outcome`; a record also has `unknown`.
        release: the candidate.
        reason: why the host does not run it, "" where it does.
        previous: the release that it ran before.
        batch: the hosts that it was rolled out with, none before its turn.
        revert: it runs the candidate, or may, so that a rollback of the fleet has to include it.
        locked: it is still reserved for this run.
        unverified: why it is not known how the change affects requests there, "" where it is known.
        unasked: the requests that its gate left out or could not ask, each with the reason; None where no gate was held.
        unknown: fields of a newer version, kept for the record.
    """

    host: str
    outcome: str
    release: str | None = None
    reason: str = ""
    previous: str | None = None
    batch: tuple[str, ...] = ()
    revert: bool = False
    locked: bool = False
    unverified: str = ""
    unasked: tuple[str, ...] | None = omit_none()
    unknown: JsonObject = unknown_fields()


@dataclass(frozen=True)
class FleetVerdict:
    """The state of a rollout.

    Attributes:
        hosts: the outcome of every host.
        stop: whether no further batch may start.
        why: the reason for that, where it is another one than a failed host.
        ok: whether every host runs the candidate, confirmed.
        verdict: one word, such as `deployed`.
        revert: hosts that a rollback of the fleet has to include.
        locked: hosts that are still reserved for this run.
        counts: outcome -> number of hosts.
        text: a summary for people, worst hosts last.
        failures: host -> the message with which it fails; a reason that hosts share is told by the first of them.
    """

    hosts: tuple[HostVerdict, ...] = ()
    stop: bool = False
    why: str = ""
    ok: bool = False
    verdict: str = ""
    revert: tuple[str, ...] = ()
    locked: tuple[str, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)
    text: tuple[str, ...] = ()
    failures: dict[str, str] = field(default_factory=dict)

    @classmethod
    def from_json(cls, data: object) -> FleetVerdict:
        """Read what the filter rollout_verdict returned.

        Raises:
            RolloutError: it is something else; the message names the field.
        """
        try:
            return decode(cls, plain(data))
        except FieldError as error:
            raise RolloutError(f"The verdict is none that failsafe.nginx.rollout_verdict returned: {error}.") from error

    def to_json(self) -> JsonObject:
        """Write it for Ansible."""
        return encode(self)


def judge_fleet(
    hosts: Iterable[str], hostvars: Hostvars, *, preflight_only: bool = False, max_failures: int | str = 0
) -> FleetVerdict:
    """Judge the state of a rollout over these hosts.

    Args:
        hosts: the names of all targeted hosts.
        hostvars: Ansible's.
        preflight_only: the run was not asked to roll out, so that staged and valid hosts are fine.
        max_failures: the number of hosts, or the percentage of them, that may fail without ending the rollout.

    Raises:
        RolloutError: `max_failures` is neither.
    """
    verdicts = [judge_host(host, hostvars[host]) for host in hosts]
    outcomes = [verdict.outcome for verdict in verdicts]
    counts = {outcome: outcomes.count(outcome) for outcome in t.get_args(Outcome) if outcome in outcomes}
    good = _GOOD | ({"pending"} if preflight_only else set())
    ok = bool(verdicts) and good.issuperset(outcomes)
    stop, why = _stop(verdicts, failure_budget(max_failures, len(verdicts)))
    return FleetVerdict(
        hosts=tuple(verdicts),
        stop=stop,
        why=why,
        ok=ok,
        verdict=_word(verdicts, ok=ok, stop=stop, preflight_only=preflight_only),
        revert=tuple(verdict.host for verdict in verdicts if verdict.revert),
        locked=tuple(verdict.host for verdict in verdicts if verdict.locked),
        counts=counts,
        text=tuple(_text(verdicts, counts, why)),
        failures=failure_messages(verdicts),
    )


def judge_host(host: str, variables: Mapping[str, object]) -> HostVerdict:
    """Judge one host by the results that the role registered on it. A host without any was never reached."""
    results = HostResults(variables)
    staged, confirmed = results.staged, _is_confirmed(results)
    outcome, reason = _outcome(results)
    if outcome in ("unchanged", "planned", "pending") and (unapproved := _unapproved(host, results)):
        outcome, reason = "refused", unapproved
    elif results.route_check.refused and (unapproved := _unapproved(host, results)):
        reason = f"{unapproved}\n{reason}"
    reverted, rolled_back = results.step("reverted"), results.step("rolled_back")
    ran = results.step("activated").ran and staged.state != "confirmed"
    back = reverted.succeeded or (rolled_back.succeeded and not confirmed)
    freed = confirmed or any(results.step(name).succeeded for name in ("rolled_back", "reverted", "unlocked"))
    known = outcome in ("refused", "unreachable", "unchanged")
    return HostVerdict(
        host,
        outcome,
        staged.release,
        reason,
        staged.previous,
        results.batch,
        revert=ran and not back,
        locked=staged.rollout is not None and staged.rollout == results.rollout and not freed,
        unverified="" if known else why_unverified(results),
        unasked=(results.unasked or None) if results.step("gated").ran else None,
    )


def why_unverified(results: HostResults) -> str:
    """Return why it is not known how the change affects requests, or "": it is known, or nothing changes."""
    check = results.route_check
    if check.step.ran:
        return (check.reason or "no reason was given") if check.verified is False else ""
    return "the route check is switched off (nginx_deploy_route_check)" if results.staged.planned else ""


def _unapproved(host: str, results: HostResults) -> str:
    """Return why a host's plan differs from the approved one, or ""."""
    given = results.approved_plan
    if not given:
        return ""
    return Approval.from_json("nginx_deploy_approved_plan", given).difference(HostPlan.of(host, results))


def _outcome(results: HostResults) -> tuple[Outcome, str]:
    staged = results.staged
    if not staged.ran:
        return "failed", "never staged in this run: its preflight was skipped, or the run ended before it"
    if staged.unreachable:
        return "unreachable", f"{staged.reason}; nothing was changed"
    if staged.failed:
        return "refused", staged.reason
    if staged.unchanged:
        return "unchanged", ""
    if staged.state == "planned":
        return "planned", ""
    return _outcome_of_change(results)


def _outcome_of_change(results: HostResults) -> tuple[Outcome, str]:
    """Judge a host that had something to do."""
    confirmed, reverted = _is_confirmed(results), results.step("reverted")
    if confirmed and reverted.succeeded:
        return "reverted", _why(results, "")
    if results.step("failure").ran:
        return _failed(results)
    if not results.step("activated").ran:
        return "pending", "staged and valid; no batch with this host was started"
    if not confirmed:
        return _failed(results)
    if reverted.ran:
        return "failed", f"runs the release, confirmed; the rollback of the fleet failed: {reverted.reason}"
    return "confirmed", ""


def _failed(results: HostResults) -> tuple[Outcome, str]:
    reason = _why(results, "the release was not confirmed")
    rolled_back, reverted = results.step("rolled_back"), results.step("reverted")
    if _is_confirmed(results):
        return "failed", f"runs the release, confirmed, but: {reason}"
    if reverted.succeeded:
        return "rolled_back", f"{reason}; it went back with the fleet"
    if rolled_back.succeeded:
        if not results.step("activated").ran and not rolled_back.changed:
            return "failed", f"{reason}; nothing was changed"
        return "rolled_back", reason
    tried = [result for result in (rolled_back, reverted) if result.ran]
    for result in tried:
        if not result.unreachable:
            return "failed", f"{reason}; the rollback failed too: {result.reason}"
    if tried or any(results.step(name).unreachable for name in STEPS):
        return "unreachable", f"{reason}; {_lease(results)}"
    return "failed", reason


def _lease(results: HostResults) -> str:
    """Return what a host that cannot be reached does by itself."""
    activated = results.step("activated")
    previous = results.staged.previous or "the last confirmed release"
    if not activated.ran:
        return "nothing was changed"
    if activated.lease:
        return f"its lease brings it back to {previous} within {round(activated.lease)} s of the activation"
    return f"if it was activated, its lease brings it back to {previous}"


def _why(results: HostResults, otherwise: str) -> str:
    """Return the reason of the first step that failed, with the guilty lines where they were found."""
    steps: Iterable[StepResult] = map(results.step, (*STEPS, "failure"))
    reason = next((step.reason for step in steps if step.bad), otherwise)
    if results.guilty_lines:
        return f"{reason}; guilty: {'; '.join(results.guilty_lines)}"
    return f"{reason}; no guilty line was found: {results.unsearched}" if results.unsearched else reason


def _is_confirmed(results: HostResults) -> bool:
    confirmed = results.step("confirmed")
    return confirmed.state == "confirmed" and not confirmed.bad


def _stop(verdicts: Sequence[HostVerdict], allowed: int) -> tuple[bool, str]:
    """Return whether the rollout ends here, and the reason where it is another one than a single failure."""
    failed = [verdict for verdict in verdicts if verdict.outcome in FAILED]
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


def _text(verdicts: Sequence[HostVerdict], counts: Mapping[str, int], why: str) -> list[str]:
    lines = [", ".join(f"{number} {outcome.replace('_', ' ')}" for outcome, number in counts.items()) or "no host"]
    for outcome in counts:
        for reason, hosts in _by_reason(verdict for verdict in verdicts if verdict.outcome == outcome).items():
            line = f"{outcome.replace('_', ' ')}: {_named(hosts) if outcome == 'refused' else ', '.join(hosts)}"
            lines.append(f"{line}: {reason}" if reason else line)
    unverified: dict[str, list[str]] = {}
    for verdict in verdicts:
        if verdict.unverified:
            unverified.setdefault(verdict.unverified, []).append(verdict.host)
    lines += [f"behaviour not verified: {', '.join(hosts)}: {reason}" for reason, hosts in unverified.items()]
    lines += _unasked(verdicts)
    return [*lines, f"no further batch: {why}"] if why else lines


def _unasked(verdicts: Sequence[HostVerdict]) -> Iterator[str]:
    """Yield a line for each set of requests that gates left out, with the hosts that share it."""
    shared: dict[tuple[str, ...], list[str]] = {}
    for verdict in verdicts:
        if verdict.unasked:
            shared.setdefault(verdict.unasked, []).append(verdict.host)
    for requests, hosts in shared.items():
        rest = len(requests) - _UNASKED_SHOWN
        more = f"; and {rest} more" if rest > 0 else ""
        yield f"the gate did not ask: {', '.join(hosts)}: {'; '.join(requests[:_UNASKED_SHOWN])}{more}"


def failure_messages(verdicts: Iterable[HostVerdict]) -> dict[str, str]:
    """Return the message with which each host fails that has no good outcome: a shared reason once, at the first host."""
    alike: dict[tuple[str, str], list[str]] = {}
    for verdict in verdicts:
        if verdict.outcome not in _GOOD and verdict.outcome != "pending":
            alike.setdefault((verdict.outcome.replace("_", " "), verdict.reason), []).append(verdict.host)
    messages: dict[str, str] = {}
    for (outcome, reason), hosts in alike.items():
        messages |= dict.fromkeys(hosts, f"{outcome}, for the same reason as {hosts[0]}")
        messages[hosts[0]] = f"{outcome}: {_named(hosts)}: {reason}"
    return messages


def _named(hosts: Sequence[str]) -> str:
    """Name a few hosts, and count the others of many."""
    return ", ".join(hosts) if len(hosts) <= _MOST_NAMES else f"{hosts[0]} and {len(hosts) - 1} more"


def _by_reason(verdicts: Iterable[HostVerdict]) -> dict[str, list[str]]:
    """Return the hosts of each reason, so that the text has a shared one once."""
    grouped: dict[str, list[str]] = {}
    for verdict in verdicts:
        grouped.setdefault(verdict.reason, []).append(verdict.host)
    return grouped
