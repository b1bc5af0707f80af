# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Send the checks and probes of a gate: eight at a time, probes at their pace, refusals by a limit told apart."""

from __future__ import annotations

import re
import time
import typing as t
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from .._common.side_effects import acts
from .check import CheckResult, run_check
from .definition import Check, HealthError, Url, parse_check, parse_url
from .log_watch import Asked
from .probe import DefaultProbe, Home, Homes, parse_probe

if t.TYPE_CHECKING:
    from .log_watch import LogWatches
    from .pacing import Pacer
    from .probe import Limit

Definitions = t.Sequence[t.Mapping[str, t.Any]]
Key = t.Tuple[bool, str]  # it is a probe; its name

#: The `failure` of a check or probe that a limit of the configuration refused.
LIMITED = "limited"
#: Of one that seems to be refused by a limit that was not there before or is not known: it is asked again, and counts then.
DOUBTFUL = "doubtful"
_WORKERS = 8
_LOOPBACK = "127.0.0.1"


class Question(t.NamedTuple):
    """A check of the user, or a default probe."""

    about: DefaultProbe
    probe: bool

    @property
    def check(self) -> Check:
        """Return the check, of a probe too."""
        return self.about.check

    @property
    def key(self) -> Key:
        """Return what tells it apart."""
        return self.probe, self.check.name


def read_questions(checks: Definitions, probes: Definitions) -> list[Question]:
    """Read the definitions of checks and probes.

    Raises:
        HealthError: a definition is wrong, or two checks have one name.
    """
    questions: dict[Key, Question] = {}
    for definition in checks:
        one = Question(DefaultProbe(parse_check(definition)), probe=False)
        if one.key in questions:
            raise HealthError(f"check {one.check.name!r}: two checks have this name")
        questions[one.key] = one
    for definition in probes:
        probe, number = parse_probe(definition), 1
        name = probe.check.name
        while (True, probe.check.name) in questions:  # generated: told apart in their order, the same in the baseline
            number += 1
            probe = probe._replace(check=probe.check._replace(name=f"{name} #{number}"))
        questions[True, probe.check.name] = Question(probe, probe=True)
    return list(questions.values())


class Asker:
    """Sends questions and judges whether a limit refused them.

    Args:
        questions: all of them; their probes tell which redirects stay on this host.
        pacer: the pace of probes.
        logs: nginx's error logs.
        exclude: entries of paths that are not asked, see `_common.side_effects.acts`.
        limits: all of both configurations; None where they are not known, and none counts as changed.
    """

    def __init__(
        self,
        questions: t.Sequence[Question],
        pacer: Pacer,
        logs: LogWatches,
        exclude: t.Sequence[str] = (),
        limits: t.Sequence[Limit] | None = None,
    ) -> None:
        self._homes = Homes(question.about for question in questions if question.probe)
        self._pacer, self._logs, self._exclude = pacer, logs, exclude
        known = [*(limits or ()), *(limit for question in questions for limit in question.about.limits)]
        self._silent = [limit for limit in known if logs.blind or not limit.logged]
        self._zones = None if limits is None else {limit.zone for limit in known}
        self._changed = {limit.zone for limit in known if limit.changed}

    def _is_same(self, zone: str) -> bool:
        """Tell whether the change is not about this zone, so that what it refuses is no failure."""
        return zone not in self._changed and (self._zones is None or zone in self._zones)

    def ask(self, questions: t.Sequence[Question], end: float, *, taken: bool = False) -> list[CheckResult]:
        """Ask them all and return their results in the same order.

        Args:
            questions: to be asked now.
            end: the moment, by time.monotonic(), at which they have to be done.
            taken: the pacer has given its leave for each probe already.
        """

        def one(question: Question) -> CheckResult:
            return self._one(question, end, taken=taken)

        self._logs.forget()
        if len(questions) < 2:  # noqa: PLR2004  # a single one needs no thread
            return [one(question) for question in questions]
        with ThreadPoolExecutor(min(_WORKERS, len(questions))) as pool:
            return list(pool.map(one, questions))

    def _one(self, question: Question, end: float, *, taken: bool) -> CheckResult:
        check, limits = question.check, question.about.limits
        if not question.probe:
            return run_check(check, limit=end - time.monotonic())
        if not taken and not self._pacer.wait(limits, end=end):
            return CheckResult(check.name, failure=LIMITED, reason=f"{check.label}: no time left at this pace")

        def follow(url: Url) -> Home | None:
            home = None if acts(url.target, self._exclude) else self._homes.find(url)
            return home if home and self._pacer.wait(end=end) else None

        try:
            return run_check(check, limit=end - time.monotonic(), follow=follow)
        finally:
            self._pacer.release(limits)

    def with_refusals(
        self,
        questions: t.Sequence[Question],
        results: t.Sequence[CheckResult],
        doubtful: t.Callable[[Question], bool] = lambda _question: True,
    ) -> list[CheckResult]:
        """Return the results, with those marked that a limit has refused, or may have. The logs have been read since.

        Args:
            questions: that were asked.
            results: of them, in the same order.
            doubtful: tells whether a refusal may be one, where its limit is not the one from before, or where its status alone
                suggests it, since no log that is read tells of it.
        """
        return [self._with_refusal(*pair, doubtful) for pair in zip(questions, results)]

    def _with_refusal(
        self, question: Question, result: CheckResult, doubtful: t.Callable[[Question], bool]
    ) -> CheckResult:
        url = question.check.target
        if result.status is None or not isinstance(url, Url) or (result.ok and not question.probe):
            return result
        end = parse_url(result.end) if result.end else None
        # An `error_page` gives a refusal any status, so the log is asked first. It has the request as it was sent.
        request = Asked(
            question.check.method,
            end.target if end else url.target,
            end.authority if end else question.check.host,
            _sources(question.check),
        )
        if self._logs.refused(request, self._is_same):
            return _refused(question, result, LIMITED)
        silent = [one for one in self._silent if not question.probe or end or one in question.about.limits]
        suspect = any(one.status == result.status for one in silent) or self._logs.refused(request, lambda _zone: True)
        return _refused(question, result, DOUBTFUL) if suspect and doubtful(question) else result


def _sources(check: Check) -> tuple[str, ...] | None:
    """Return the addresses that nginx may take for the client's, None for any.

    Linux takes that of the target, or the loopback's own; a header may name another one.
    """
    address = check.address
    if not address.path and not re.fullmatch(r"[0-9.]+|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*", address.host):
        return None  # a name, with any address
    named = re.split(r"[\s,;=]+", " ".join(check.request_headers.values()))
    return (address.host, _LOOPBACK, "unix:", *named)


def _refused(question: Question, result: CheckResult, failure: str) -> CheckResult:
    by = "by a limit of the configuration" if failure == LIMITED else "that may come from a limit"
    return replace(result, ok=False, failure=failure, reason=f"{question.check.label}: status {result.status} {by}")
