# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The gate: the checks between a reload and its confirmation, and the error-log lines that appear meanwhile."""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass, replace

from .asking import DOUBTFUL, LIMITED, Asker, Definitions, Key, Question, read_questions
from .check import CheckResult
from .definition import HealthError
from .log_watch import LogWatches
from .pacing import Pacer, longest, spacing
from .probe import parse_limits
from .probe_verdict import BROKEN, REJECTED, Expected, fault, level

_Failed = t.Dict[Key, CheckResult]  # the results that block

_CONFIRMATIONS = 3  # rounds in a row in which a definite failure must be seen
_MOST_REFUSALS = 3  # by a limit, before a question is given up
_REFUSED = (LIMITED, DOUBTFUL)
_AFTER_REFUSAL = 1.1  # seconds at least until what a limit refused is asked again


def record_baseline(
    checks: Definitions,
    probes: Definitions,
    *,
    timeout: float = 10,
    error_logs: t.Sequence[str] = (),
    exclude: t.Sequence[str] = (),
    limits: Definitions | None = None,
    pacer: Pacer | None = None,
) -> list[CheckResult]:
    """Run all checks and probes once, before the switch; return their results, each with `probe` set.

    Args:
        checks: of the user.
        probes: derived from the configuration; they are sent at their pace.
        timeout: seconds for all of it, beside what the pace takes.
        error_logs: of nginx.
        exclude: entries of paths that are not asked, also where a redirect leads there.
        limits: of both configurations, see `Asker`.
        pacer: of this process.

    Raises:
        HealthError: when a definition is wrong.
    """
    questions = read_questions(checks, probes)
    logs = LogWatches(error_logs)
    asker = Asker(questions, pacer or Pacer(), logs, exclude, None if limits is None else parse_limits(limits))
    try:
        end = time.monotonic() + timeout + longest([one.about for one in questions if one.probe])
        results = _ask_once(asker, logs, questions, end)
        again = [index for index, result in enumerate(results) if result.failure in _REFUSED]
        if again:
            repeated = [questions[index] for index in again]
            time.sleep(max(0.0, min(max(map(_pause_after_refusal, repeated)), end - time.monotonic())))
            for index, result in zip(again, _ask_once(asker, logs, repeated, end)):
                results[index] = result
    finally:
        logs.close()
    return [replace(result, probe=question.probe) for question, result in zip(questions, results)]


def _ask_once(asker: Asker, logs: LogWatches, questions: list[Question], end: float) -> list[CheckResult]:
    results = asker.ask(questions, end)
    logs.alarm()
    results = asker.with_refusals(questions, results)
    # Before the switch each limit is the one from before.
    return [replace(one, failure=LIMITED) if one.failure == DOUBTFUL else one for one in results]


def _pause_after_refusal(question: Question) -> float:
    """Return the seconds until a question is asked again that a limit refused."""
    return max([_AFTER_REFUSAL, *map(spacing, question.about.limits)])


@dataclass
class GateResult:
    """The verdict of a gate.

    Attributes:
        skipped: there was nothing to run; that passes.
        failed: results that blocked.
        already_failing: names of probes that failed before the switch.
        rejected_before: names of probes that a status of 400 to 499 answered before the switch.
        unjudged: names of probes that fail and do not block, since there is no record of them.
        unasked: names of what could not be asked, each with its reason.
        unlike_plan: names of probes that an upstream answers in another way than the plan showed.
        unwatched: error logs that could not be read, each with its reason.
        passed: checks and probes whose last answer was good.
    """

    ok: bool
    reason: str
    skipped: bool
    failed: t.List[CheckResult]
    already_failing: t.List[str]
    rejected_before: t.List[str]
    unjudged: t.List[str]
    unasked: t.List[str]
    unlike_plan: t.List[str]
    unwatched: t.List[str]
    passed: int
    rounds: int
    seconds: float


@dataclass
class _Standing:
    """The answers to a question in this gate.

    Attributes:
        result: the last answer, None before the first; a refusal by a limit takes no other one's place.
        streak: definite failures in a row.
        since: when it began to fail, by time.monotonic(); None while it does not.
        asked: when it was last asked.
        refusals: by a limit, in a row.
        doubt: the last answer, if it may be a refusal that counts.
        not_before: the moment until which it is not asked.
    """

    result: CheckResult | None = None
    streak: int = 0
    since: float | None = None
    asked: float = 0
    refusals: int = 0
    doubt: CheckResult | None = None
    not_before: float = 0

    @property
    def given_up(self) -> bool:
        return self.refusals >= _MOST_REFUSALS

    @property
    def settled(self) -> bool:
        """Tell whether it was answered, or cannot be asked."""
        return self.given_up or (self.result is not None and self.result.failure not in _REFUSED and self.doubt is None)


class Gate:
    """Checks and default probes, run in rounds until the verdict is sure.

    A *round* asks each check once, eight at a time; rounds start `interval` seconds apart. Probes take part at their own pace
    (`pacing.py`): wrong answers come first, then those that were not asked yet. A result blocks when it is of

    - a check that fails, even if it failed before the switch (its reason says so then);
    - a probe that is answered worse than in the baseline, in a way that the plan did not show (`probe_verdict.py`);
    - probes with no record, or on whose port nothing listened when it was taken: only if each of them fails and no
      probe that passed before passes now.

    A probe that failed in the baseline otherwise is not run again; `already_failing` names it. A refusal by a limit of the
    configuration is no answer: the question is asked again later, and given up after three of them. Where the change is about
    that limit, or the limit is not known, the third one in a row is an answer.

    The gate passes after `successes` rounds in a row in which nothing blocked, once each probe was answered, followed by
    `soak` seconds of rounds. It fails

    - when one check or probe gives a wrong answer in three rounds in a row (at most 0.4 s with the default interval and a
      quick server): an answer that contradicts the expectation, a certificate, something that is not HTTP;
    - when `timeout` seconds are over: connections refused, reset or without an answer, and slow answers, may end until then.
      A probe has as many from its first failure on;
    - at the first failure during the soak;
    - at a new `[emerg]`, `[alert]` or `[crit]` line in one of `error_logs`. A line with a connection number (`*123`) is about
      one request and does not count.

    Raises:
        HealthError: when a check or a setting is wrong.
    """

    def __init__(
        self,
        checks: Definitions,
        probes: Definitions = (),
        baseline: t.Sequence[CheckResult] | None = None,
        *,
        interval: float = 0.2,
        successes: int = 2,
        timeout: float = 10,
        soak: float = 0,
        error_logs: t.Sequence[str] = (),
        expected: t.Sequence[Expected] = (),
        exclude: t.Sequence[str] = (),
        limits: Definitions | None = None,
        pacer: Pacer | None = None,
    ) -> None:
        if successes < 1 or interval < 0 or soak < 0 or timeout <= (successes - 1) * interval:
            raise HealthError(
                f"{successes} successes at an interval of {interval:g} s cannot pass within {timeout:g} s"
            )
        self._interval, self._successes, self._timeout, self._soak = interval, successes, timeout, soak
        self._log_paths, self._exclude, self._pacer = error_logs, exclude, pacer or Pacer()
        self._limits = None if limits is None else parse_limits(limits)
        self._before = {(bool(record.probe), record.name): record for record in baseline or ()}
        self._expected = {one.name: one for one in expected}
        everything = read_questions(checks, probes)
        self._questions = [one for one in everything if not one.probe or self._is_worth_asking(one.key)]
        known = [self._before[one.key] for one in everything if one.probe and one.key in self._before]
        self._already = [one.name for one in known if level(one) == BROKEN and one.failure != LIMITED]
        self._rejected = [one.name for one in known if one.status is not None and level(one) == REJECTED]
        self._limited = [one.name for one in known if one.failure == LIMITED]
        self._standing = {one.key: _Standing() for one in self._questions}
        self._rounds = 0
        self._failed: _Failed = {}
        self._next_in_doubt = 0.0

    def _is_worth_asking(self, key: Key) -> bool:
        record = self._before.get(key)
        return record is None or record.failure == "refused" or level(record) != BROKEN

    @property
    def results(self) -> list[CheckResult]:
        """Return the last result of each check and probe."""
        found = (self._standing[one.key].result for one in self._questions)
        return [result for result in found if result is not None]

    def run(self) -> GateResult:
        """Run rounds until the verdict is sure."""
        start = time.monotonic()
        logs = LogWatches(self._log_paths)
        asker = Asker(self._questions, self._pacer, logs, self._exclude, self._limits)
        try:
            reason, failed = self._verdict(start, asker, logs)
        finally:
            logs.close()
        skipped = not reason and not self._questions
        if skipped and self._already:
            reason = f"all {len(self._already)} probes failed before the switch too: nothing was asked"
        elif skipped:
            reason = "no checks and no probes: nothing was asked"
        blocking = {result.name for result in failed}.union(self._already)
        results = self.results
        unasked = self._unasked()
        return GateResult(
            ok=skipped or not reason,
            reason=reason or self._success(len(unasked)),
            skipped=skipped,
            failed=failed,
            already_failing=self._already,
            rejected_before=self._rejected,
            unjudged=[
                one.name for one in results if not one.ok and one.name not in blocking and one.failure not in _REFUSED
            ],
            unasked=unasked,
            unlike_plan=self._unlike_plan(),
            unwatched=logs.problems,
            passed=sum(result.ok for result in results),
            rounds=self._rounds,
            seconds=round(time.monotonic() - start, 3),
        )

    def _success(self, unasked: int) -> str:
        limited = unasked - len(self._limited)
        could_not = f"; {unasked} could not be asked because of limits of the configuration" if unasked else ""
        return f"{len(self._questions) - limited} checks and probes passed{could_not}"

    def _unasked(self) -> list[str]:
        before = [f"{name}: a limit of the configuration refused it before the switch" for name in self._limited]
        standing = [(one.check.name, self._standing[one.key].result) for one in self._questions]
        now = [f"{name}: {result.reason}" for name, result in standing if result and result.failure in _REFUSED]
        return before + now

    def _unlike_plan(self) -> list[str]:
        """Name the probes whose answers differ from the plan where the plan could not know: an upstream gives them."""
        answered = [(one, self._standing[one.key].result) for one in self._questions if one.probe]
        found = []
        for one, result in answered:
            plan = self._expected.get(one.check.name)
            if result and result.status and plan and plan.shown and plan.after and result.status != plan.after:
                found.append(f"{one.check.name}: status {result.status}, and the plan showed {plan.after}")
        return found

    def _verdict(self, start: float, asker: Asker, logs: LogWatches) -> tuple[str, list[CheckResult]]:
        """Return the reason why the gate fails and the results behind it; an empty reason when it passes."""
        reason, failed = self._settle(start, asker, logs) if self._questions else ("", [])
        return (reason, failed) if reason else self._stay(asker, logs)

    def _settle(self, start: float, asker: Asker, logs: LogWatches) -> tuple[str, list[CheckResult]]:
        good = 0
        end = start + self._timeout + longest([one.about for one in self._questions if one.probe])
        before: _Failed = {}
        while True:
            began = time.monotonic()
            due = self._due(began, checks=good < self._successes)
            alarm = self._round(due, asker, logs, start + self._timeout, end)
            failed = self._failed
            good = 0 if failed else good + bool(due)
            if alarm or (good >= self._successes and all(each.settled for each in self._standing.values())):
                return alarm, []
            sure = [result for key, result in failed.items() if self._standing[key].streak >= _CONFIRMATIONS]
            if sure:
                return self._reason(failed, sure[0]), list(failed.values())
            deadline = self._deadline(start, end)
            wake = max(began + self._interval, time.monotonic(), time.monotonic() + self._pause(good))
            if wake >= deadline:
                if time.monotonic() >= deadline:  # the round was cut short: the one before it tells more
                    failed = before or failed
                failed = failed or {key: each.doubt for key, each in self._standing.items() if each.doubt}
                if not failed and all(each.settled or each.refusals for each in self._standing.values()):
                    return "", []  # what is left cannot be asked: a limit refused it
                late = f"not passed {self._successes} times in a row within {self._timeout:g} s"
                return late + (f": {self._reason(failed)}" if failed else ""), list(failed.values())
            before = failed
            time.sleep(max(0.0, wake - time.monotonic()))

    def _due(self, now: float, *, checks: bool) -> list[Question]:
        """Return what is asked now: checks, and the probes that the pace allows, the most urgent first."""
        standing = self._standing
        open_ = [
            one for one in self._questions if now >= standing[one.key].not_before and not standing[one.key].given_up
        ]
        due = [one for one in open_ if not one.probe and (checks or not standing[one.key].settled)]
        probes = [one for one in open_ if one.probe]
        failing = [one for one in probes if standing[one.key].since is not None]
        fresh = [one for one in probes if not standing[one.key].settled]
        if not fresh and checks:
            fresh = sorted(probes, key=lambda one: standing[one.key].asked)
        if now < self._next_in_doubt:  # what is in doubt gets its answer first, without others that meet its limit
            fresh = [one for one in fresh if not one.about.limits or standing[one.key].doubt]
        wrong = [one for one in failing if standing[one.key].streak]  # sure after three; a refused connection never is
        wanted = {one.key: one for one in [*wrong, *fresh, *failing]}
        return due + [
            one for one in wanted.values() if self._pacer.take(one.about.limits, spread=standing[one.key].since is None)
        ]

    def _pause(self, good: int) -> float:
        """Return the seconds until something may be asked, where only the pace of probes is waited for."""
        open_ = [(one, self._standing[one.key]) for one in self._questions if not self._standing[one.key].given_up]
        waiting = [pair for pair in open_ if pair[1].since is not None or not pair[1].settled]
        if not waiting or (good < self._successes and any(not one.probe for one, _standing in open_)):
            return 0.0
        now = time.monotonic()
        return min(max(each.not_before - now, self._wait_of(one, each, now)) for one, each in waiting)

    def _wait_of(self, question: Question, standing: _Standing, now: float) -> float:
        """Return the seconds that the pace, or another question in doubt, keeps this one waiting."""
        delay = self._pacer.delay(question.about.limits, spread=standing.since is None)
        held = question.about.limits and standing.doubt is None and standing.since is None
        return max(delay, self._next_in_doubt - now) if held else delay

    def _deadline(self, start: float, end: float) -> float:
        """Return the moment at which the failures that there are decide, `end` without any."""
        moments = [end]
        for key in self._failed:
            since = self._standing[key].since
            moments.append(start + self._timeout if not key[0] or since is None else since + self._timeout)
        return min(moments)

    def _stay(self, asker: Asker, logs: LogWatches) -> tuple[str, list[CheckResult]]:
        began = time.monotonic()
        end = began + self._soak
        while True:
            time.sleep(max(0.0, min(began + self._interval, end) - time.monotonic()))
            began = time.monotonic()
            if began >= end:
                return logs.alarm(), []
            # A round may end after the soak: each check has its own timeout.
            alarm = self._round(self._due(began, checks=True), asker, logs, float("inf"), float("inf"))
            if alarm or self._failed:
                return alarm or f"in the soak: {self._reason(self._failed)}", list(self._failed.values())

    def _round(self, due: list[Question], asker: Asker, logs: LogWatches, end: float, probes_end: float) -> str:
        """Ask what is due and note what blocks; return an alarming line of a log, or ""."""
        began = time.monotonic()
        results = asker.ask(due, probes_end if any(one.probe for one in due) else end, taken=True)
        alarm = logs.alarm()
        # A round of nothing but waiting for the pace is none; one of logs alone is.
        self._rounds += bool(due) or not self._questions
        for one, result in zip(due, asker.with_refusals(due, results, self._may_be_refusal)):
            self._note(one, self._judged(one, result), began)
        self._failed = self._blocking()
        for one in due:
            standing = self._standing[one.key]
            if one.key not in self._failed:
                standing.since = None
            elif standing.since is None:
                standing.since = began
        return alarm

    def _may_be_refusal(self, question: Question) -> bool:
        """Tell whether a refusal in doubt is one: not again and again at the pace at which refusals are asked again."""
        often = self._standing[question.key].refusals >= _MOST_REFUSALS - 1
        return not (often and (not question.probe or self._passed_before(question.key)))

    def _judged(self, question: Question, result: CheckResult) -> CheckResult:
        """Return the result of a probe with what is worse than before the switch as its failure."""
        before = self._before.get(question.key)
        if not question.probe or before is None or result.failure in _REFUSED:
            return result
        expected = self._expected.get(question.check.name)
        text = fault(before, result, expected)
        label = f"{question.check.label}: "
        if text:
            return replace(result, ok=False, failure=result.failure or "wrong", reason=label + text.replace(label, ""))
        if not result.ok and expected is not None and expected.worse:
            return replace(result, ok=True, failure=None, reason=f"{result.reason}, as the plan showed")
        return result

    def _note(self, question: Question, result: CheckResult, began: float) -> None:
        standing = self._standing[question.key]
        standing.asked = began
        standing.doubt = result if result.failure == DOUBTFUL else None
        if result.failure in _REFUSED:
            standing.refusals += 1
            standing.not_before = time.monotonic() + _pause_after_refusal(question)
            if standing.doubt:  # one after the other: they may meet the same limit
                standing.not_before = max(standing.not_before, self._next_in_doubt + _pause_after_refusal(question))
                self._next_in_doubt = standing.not_before
            if standing.result is None:
                standing.result = result
            return
        if result.ok or standing.refusals < _MOST_REFUSALS - 1:  # else its doubts are over
            standing.refusals = 0
        standing.streak = standing.streak + 1 if result.failure == "wrong" else 0
        standing.result = result

    def _blocking(self) -> _Failed:
        """Return the results that block, by question."""
        last = {one.key: self._standing[one.key].result for one in self._questions}
        wrong = {
            key: result for key, result in last.items() if result and not result.ok and result.failure not in _REFUSED
        }
        probes = [one.key for one in self._questions if one.probe]
        down = bool(probes) and all(key in wrong and not self._passed_before(key) for key in probes)
        return {
            key: result
            for key, result in wrong.items()
            if not key[0] or down or self._passed_before(key) or self._contradicts_plan(key, result)
        }

    def _passed_before(self, key: Key) -> bool:
        record = self._before.get(key)
        return record is not None and record.ok

    def _contradicts_plan(self, key: Key, result: CheckResult) -> bool:
        before = self._before.get(key)
        return before is not None and bool(fault(before, result, self._expected.get(key[1])))

    def _reason(self, failed: _Failed, first: CheckResult | None = None) -> str:
        key, first = next((key, result) for key, result in failed.items() if first is None or result is first)
        record = self._before.get(key)
        before = " (already failed before the switch)" if record is not None and not record.ok and not key[0] else ""
        more = f", and {len(failed) - 1} more" if len(failed) > 1 else ""
        name = "" if first.name in (first.url, first.address) else f"{first.name}: "
        return f"{name}{first.reason}{before}{more}"
