# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The gate: the checks between a reload and its confirmation, and the error-log lines that appear meanwhile."""

from __future__ import annotations

import os
import re
import stat
import time
import typing as t
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from .check import CheckResult, run_check
from .definition import Check, HealthError, parse_check

Definitions = t.Sequence[t.Mapping[str, t.Any]]
_Key = t.Tuple[bool, str]  # it is a probe; its name
_Failed = t.Dict[_Key, CheckResult]  # the results that block

_CONFIRMATIONS = 3  # rounds in a row in which a definite failure must be seen
_WORKERS = 8
_LINE_LIMIT = 65536  # bytes
# ngx_log_error_core(): time, level, pid#tid, then "*connection" where a request is to blame.
_ALARM = re.compile(rb"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[(?:emerg|alert|crit)\] \d+#\d+: (?!\*\d)")


class _Question(t.NamedTuple):
    check: Check
    probe: bool

    @property
    def key(self) -> _Key:
        return self.probe, self.check.name


def record_baseline(checks: Definitions, probes: Definitions, *, timeout: float = 10) -> list[CheckResult]:
    """Run all checks and probes once, before the switch; return their results, each with `probe` set.

    Raises:
        HealthError: when a definition is wrong.
    """
    questions = _questions(checks, probes)
    results = _ask(questions, time.monotonic() + timeout)
    return [replace(result, probe=question.probe) for question, result in zip(questions, results)]


@dataclass
class GateResult:
    """The verdict of a gate.

    Attributes:
        skipped: there was nothing to run; that passes.
        failed: results that blocked.
        already_failing: names of probes that failed before the switch.
        unjudged: names of probes that fail and do not block, since there is no record of them.
        unwatched: error logs that could not be read, each with its reason.
        passed: checks and probes that passed in the last round.
    """

    ok: bool
    reason: str
    skipped: bool
    failed: t.List[CheckResult]
    already_failing: t.List[str]
    unjudged: t.List[str]
    unwatched: t.List[str]
    passed: int
    rounds: int
    seconds: float


class Gate:
    """Checks and default probes, run in rounds until the verdict is sure.

    A *round* runs each of them once, eight at a time; rounds start `interval` seconds apart. A result blocks when it is of

    - a check that fails, even if it failed before the switch (its reason says so then);
    - a probe that passed in the baseline and fails now;
    - probes with no record, or on whose port nothing listened when it was taken: only if each of them fails and no
      probe that passed before passes now.

    A probe that failed in the baseline otherwise is not run again; `already_failing` names it.

    The gate passes after `successes` rounds in a row in which nothing blocked, followed by `soak` seconds of rounds. It
    fails

    - when one check or probe gives a wrong answer in three rounds in a row (at most 0.4 s with the default interval and a
      quick server): an answer that contradicts the expectation, a certificate, something that is not HTTP;
    - when `timeout` seconds are over: connections refused, reset or without an answer, and slow answers, may end until then;
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
    ) -> None:
        if successes < 1 or interval < 0 or soak < 0 or timeout <= (successes - 1) * interval:
            raise HealthError(
                f"{successes} successes at an interval of {interval:g} s cannot pass within {timeout:g} s"
            )
        self._interval, self._successes, self._timeout, self._soak = interval, successes, timeout, soak
        self._logs = error_logs
        before = {(bool(record.probe), record.name): record for record in baseline or ()}
        self._before = {key: record.ok for key, record in before.items()}
        heard = {key for key, record in before.items() if record.failure != "refused"}
        everything = _questions(checks, probes)
        self._questions = [
            one for one in everything if not one.probe or self._before.get(one.key) or one.key not in heard
        ]
        self._already = [one.check.name for one in everything if one.probe and self._before.get(one.key) is False]
        self._rounds = 0
        self._streaks: dict[_Key, int] = {}
        self.results: list[CheckResult] = []  # of the last round

    def run(self) -> GateResult:
        """Run rounds until the verdict is sure."""
        start = time.monotonic()
        logs = [_LogWatch(path) for path in self._logs]
        try:
            reason, failed = self._verdict(start, logs)
        finally:
            for log in logs:
                log.close()
        skipped = not reason and not self._questions
        if skipped and self._already:
            reason = f"all {len(self._already)} probes failed before the switch too: nothing was asked"
        elif skipped:
            reason = "no checks and no probes: nothing was asked"
        blocking = {result.name for result in failed}.union(self._already)
        return GateResult(
            ok=skipped or not reason,
            reason=reason or f"{len(self._questions)} checks and probes passed",
            skipped=skipped,
            failed=failed,
            already_failing=self._already,
            unjudged=[each.name for each in self.results if not each.ok and each.name not in blocking],
            unwatched=[f"{log.path}: {log.problem}" for log in logs if log.problem],
            passed=sum(result.ok for result in self.results),
            rounds=self._rounds,
            seconds=round(time.monotonic() - start, 3),
        )

    def _verdict(self, start: float, logs: list[_LogWatch]) -> tuple[str, list[CheckResult]]:
        """Return the reason why the gate fails and the results behind it; an empty reason when it passes."""
        reason, failed = self._settle(start + self._timeout, logs) if self._questions else ("", [])
        return (reason, failed) if reason else self._stay(logs)

    def _settle(self, end: float, logs: list[_LogWatch]) -> tuple[str, list[CheckResult]]:
        good = 0
        before: _Failed = {}
        while True:
            began = time.monotonic()
            failed = self._round(end)
            alarm = self._alarm(logs)
            good = 0 if failed else good + 1
            if alarm or good >= self._successes:
                return alarm, []
            sure = [result for key, result in failed.items() if self._streaks[key] >= _CONFIRMATIONS]
            if sure:
                return self._reason(failed, sure[0]), list(failed.values())
            wake = max(began + self._interval, time.monotonic())
            if wake >= end:
                if time.monotonic() >= end:  # the round was cut short: the one before it tells more
                    failed = before or failed
                late = f"not passed {self._successes} times in a row within {self._timeout:g} s"
                return late + (f": {self._reason(failed)}" if failed else ""), list(failed.values())
            before = failed
            time.sleep(max(0.0, wake - time.monotonic()))

    def _stay(self, logs: list[_LogWatch]) -> tuple[str, list[CheckResult]]:
        began = time.monotonic()
        end = began + self._soak
        while True:
            time.sleep(max(0.0, min(began + self._interval, end) - time.monotonic()))
            began = time.monotonic()
            if began >= end:
                return self._alarm(logs), []
            failed = self._round(float("inf"))  # may end after the soak: each check has its own timeout
            alarm = self._alarm(logs)
            if alarm or failed:
                return alarm or f"in the soak: {self._reason(failed)}", list(failed.values())

    def _round(self, end: float) -> _Failed:
        """Run one round; return the results that block, by question."""
        self.results = _ask(self._questions, end)
        self._rounds += 1
        wrong = {one.key: result for one, result in zip(self._questions, self.results) if not result.ok}
        for one in self._questions:
            definite = one.key in wrong and wrong[one.key].failure == "wrong"
            self._streaks[one.key] = self._streaks.get(one.key, 0) + 1 if definite else 0
        probes = [one.key for one in self._questions if one.probe]
        down = bool(probes) and all(key in wrong and not self._before.get(key) for key in probes)
        return {key: result for key, result in wrong.items() if not key[0] or self._before.get(key) or down}

    def _reason(self, failed: _Failed, first: CheckResult | None = None) -> str:
        key, first = next((key, result) for key, result in failed.items() if first is None or result is first)
        before = " (already failed before the switch)" if self._before.get(key) is False else ""
        more = f", and {len(failed) - 1} more" if len(failed) > 1 else ""
        name = "" if first.name in (first.url, first.address) else f"{first.name}: "
        return f"{name}{first.reason}{before}{more}"

    def _alarm(self, logs: list[_LogWatch]) -> str:
        return next((f"new line in {log.path}: {line}" for log in logs for line in log.alarms()), "")


def _questions(checks: Definitions, probes: Definitions) -> list[_Question]:
    questions: dict[_Key, _Question] = {}
    for definition in checks:
        one = _Question(parse_check(definition), probe=False)
        if one.key in questions:
            raise HealthError(f"check {one.check.name!r}: two checks have this name")
        questions[one.key] = one
    for definition in probes:
        check, number = parse_check(definition), 1
        name = check.name
        while (True, check.name) in questions:  # generated: told apart in their order, the same in the baseline
            number += 1
            check = check._replace(name=f"{name} #{number}")
        questions[True, check.name] = _Question(check, probe=True)
    return list(questions.values())


def _ask(questions: list[_Question], end: float) -> list[CheckResult]:
    if not questions:
        return []

    def ask(question: _Question) -> CheckResult:
        return run_check(question.check, limit=end - time.monotonic())

    if len(questions) == 1:
        return [ask(questions[0])]
    with ThreadPoolExecutor(min(_WORKERS, len(questions))) as pool:
        return list(pool.map(ask, questions))


class _LogWatch:
    """The lines that nginx adds to one error log from now on, through truncation and rotation."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.problem = ""
        self._file: t.IO[bytes] | None = None
        self._open(os.SEEK_END)

    def close(self) -> None:
        if self._file:
            self._file.close()

    def alarms(self) -> list[str]:
        """Return new alarming lines; read the old file to its end before the one that replaced it."""
        lines = self._read()
        if self.problem:
            return lines
        try:
            there = os.stat(self.path)
            if self._file is None or not os.path.samestat(there, os.fstat(self._file.fileno())):
                self._open(os.SEEK_SET)
                lines += self._read()
        except FileNotFoundError:
            pass  # between rename and reopen, or not written to yet
        except (OSError, ValueError) as exc:
            self.problem = getattr(exc, "strerror", None) or str(exc)
        return lines

    def _open(self, whence: int) -> None:
        try:
            # Opening a FIFO without O_NONBLOCK would wait for a writer.
            handle = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        except (OSError, ValueError) as exc:
            self.problem = getattr(exc, "strerror", None) or str(exc)
            return
        if stat.S_ISREG(os.fstat(handle).st_mode):
            self.close()
            self._file = os.fdopen(handle, "rb")
            self._file.seek(0, whence)
        else:
            os.close(handle)
            self.problem = "not a regular file"

    def _read(self) -> list[str]:
        if self._file is None:
            return []
        if os.fstat(self._file.fileno()).st_size < self._file.tell():
            self._open(os.SEEK_SET)  # anew: a seek may stay inside what is buffered of the old content
        alarms = []
        while True:
            line = self._file.readline(_LINE_LIMIT)
            if not line.endswith(b"\n") and len(line) < _LINE_LIMIT:
                self._file.seek(-len(line), os.SEEK_CUR)  # still being written
                break
            if _ALARM.match(line):
                alarms.append(line[:500].decode("utf-8", "replace").strip())
        return alarms
