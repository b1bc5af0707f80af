# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""The controller's record of a run, read for its report.

Records of older versions lack fields, and hosts wrote parts of it: reading is tolerant. A report carries the parts that it
lists as they are, so each keeps the fields that it was read from.
"""

from __future__ import annotations

import typing as t
from collections.abc import Mapping
from dataclasses import dataclass

from ansible_collections.failsafe.nginx.plugins.plugin_utils._markup.wording import counted

from .errors import ReportError
from .tolerant_json import JsonFields

_SCHEMA: t.Final = 1


@dataclass(frozen=True)
class RunningState:
    """The releases that a host said it runs, when it was asked after the run."""

    running: str | None
    active: str | None
    trouble: str | None
    fields: JsonFields

    @classmethod
    def from_json(cls, fields: JsonFields) -> RunningState:
        """Read it from the JSON of a record."""
        running, active, trouble = (fields.optional_text(name) for name in ("running", "active", "trouble"))
        return cls(running, active, trouble, fields)


@dataclass(frozen=True)
class ReportedHost:
    """A host of the run. `now` is None where it was not asked after the run."""

    host: str
    outcome: str
    release: str | None
    reason: str
    since: str | None
    previous: str | None
    now: RunningState | None
    fields: JsonFields

    @classmethod
    def from_json(cls, fields: JsonFields, now: RunningState | None) -> ReportedHost:
        """Read it from the JSON of a record.

        Raises:
            ReportError: it has no name.
        """
        if "host" not in fields:
            raise ReportError("the report cannot be made: a host of the record has no name")
        return cls(
            host=fields.text("host"),
            outcome=fields.text("outcome", "unknown"),
            release=fields.optional_text("release"),
            reason=fields.text("reason"),
            since=fields.optional_text("since"),
            previous=fields.optional_text("previous"),
            now=now,
            fields=fields,
        )

    def to_json(self) -> dict[str, object]:
        """Return its JSON, with every field of the record."""
        now = self.now.fields.as_dict() if self.now else None
        return {"outcome": "unknown", "release": None, "reason": "", **self.fields.as_dict(), "now": now}


@dataclass(frozen=True)
class ReportedBatch:
    """A batch of the run; numbers begin with 1."""

    number: int
    hosts: tuple[str, ...]
    started: str
    fields: JsonFields

    @classmethod
    def from_json(cls, fields: JsonFields, number: int) -> ReportedBatch:
        """Read it from the JSON of a record.

        Raises:
            ReportError: it has no hosts or no time.
        """
        if "hosts" not in fields or "started" not in fields:
            raise ReportError(f"the report cannot be made: batch {number} has no hosts or no time")
        return cls(number, fields.texts("hosts"), fields.text("started"), fields)

    def to_json(self) -> dict[str, object]:
        """Return its JSON, with every field of the record."""
        return {**self.fields.as_dict(), "number": self.number}


@dataclass(frozen=True)
class ReportedFinding:
    """A finding of lint, and the hosts that have it."""

    rule: str
    severity: str
    message: str
    file: str | None
    line: str | None
    hosts: tuple[str, ...]
    fields: JsonFields

    @classmethod
    def from_json(cls, fields: JsonFields) -> ReportedFinding:
        """Read it from the JSON of a record."""
        return cls(
            rule=fields.text("rule"),
            severity=fields.text("severity"),
            message=fields.text("message"),
            file=fields.optional_text("file"),
            line=fields.optional_text("line"),
            hosts=fields.texts("hosts"),
            fields=fields,
        )


@dataclass(frozen=True)
class ReportedCulprit:
    """A guilty line, what named it, and the hosts that have it."""

    by: str
    file: str | None
    line: str | None
    kind: str
    text: str | None
    before: str | None
    hosts: tuple[str, ...]
    fields: JsonFields

    @classmethod
    def from_json(cls, fields: JsonFields) -> ReportedCulprit:
        """Read it from the JSON of a record."""
        return cls(
            by=fields.text("by", "a search"),
            file=fields.optional_text("file"),
            line=fields.optional_text("line"),
            kind=fields.text("kind"),
            text=fields.optional_text("text"),
            before=fields.optional_text("before"),
            hosts=fields.texts("hosts"),
            fields=fields,
        )

    @property
    def place(self) -> str:
        """Return `file:line` as advice names it."""
        return f"{self.file}:{self.line}"


@dataclass(frozen=True)
class ReportedChange:
    """A group of requests that changed, with an example and the lines behind it."""

    name: str
    risk: str
    server: str
    requests: int
    request: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    cause_lines: tuple[str, ...]

    @classmethod
    def from_json(cls, fields: JsonFields) -> ReportedChange:
        """Read it from the JSON of a record."""
        example = fields.one("example")
        return cls(
            name=fields.text("class"),
            risk=fields.text("risk"),
            server=fields.text("server"),
            requests=fields.number("requests"),
            request=example.text("request"),
            before=example.texts("before"),
            after=example.texts("after"),
            cause_lines=tuple(line for cause in fields.many("cause") if (line := cause.optional_text("line"))),
        )


@dataclass(frozen=True)
class ReportedExpectation:
    """An expectation that failed, and where it is written."""

    name: str
    file: str | None
    line: str | None

    @classmethod
    def from_json(cls, fields: JsonFields) -> ReportedExpectation:
        """Read it from the JSON of a record."""
        return cls(fields.text("name"), fields.optional_text("file"), fields.optional_text("line"))


@dataclass(frozen=True)
class ReportedGap:
    """A part of the behaviour that was not verified."""

    what: str
    reason: str

    @classmethod
    def from_json(cls, fields: JsonFields) -> ReportedGap:
        """Read it from the JSON of a record."""
        return cls(fields.text("what"), fields.text("reason"))


@dataclass(frozen=True)
class ReportedComparison:
    """A route check and the hosts that it holds for.

    `numbers` counts requests and changes in words; `reason` says why there is no comparison.
    """

    hosts: tuple[str, ...]
    verified: bool
    reason: str
    numbers: str
    changes: tuple[ReportedChange, ...]
    changes_left_out: int
    expectations_failed: tuple[ReportedExpectation, ...]
    unverified: tuple[ReportedGap, ...]
    fields: JsonFields

    @classmethod
    def from_json(cls, fields: JsonFields) -> ReportedComparison:
        """Read it from the JSON of a record.

        Raises:
            ReportError: it is about no hosts.
        """
        if "hosts" not in fields:
            raise ReportError("the report cannot be made: a comparison of the record names no hosts")
        summary = fields.one("summary")
        return cls(
            hosts=fields.texts("hosts"),
            verified=fields.flag("verified"),
            reason=fields.text("reason"),
            numbers=f"{_requests(summary)}, {summary.text('changed', '?')} changed",
            changes=tuple(map(ReportedChange.from_json, fields.many("changes"))),
            changes_left_out=fields.number("changes_left_out"),
            expectations_failed=tuple(map(ReportedExpectation.from_json, fields.many("expectations_failed"))),
            unverified=tuple(map(ReportedGap.from_json, fields.many("unverified"))),
            fields=fields,
        )


def _requests(summary: JsonFields) -> str:
    return counted(summary.number("requests"), "request") if "requests" in summary else "? requests"


class RunRecord:
    """The record of a run.

    Args:
        data: what the controller wrote (`_rollout.record`), with what the run learned (`_rollout.evidence`).

    Raises:
        ReportError: it is no record, or a part of it cannot be understood.
    """

    def __init__(self, data: Mapping[str, t.Any]) -> None:
        if data.get("schema") != _SCHEMA or not isinstance(data.get("hosts"), list):
            raise ReportError(f"this is not the record of a rollout (schema {_SCHEMA})")
        self.fields = fields = JsonFields(data, "the record")
        self._journals, self._asked = fields.one("journals"), fields.one("asked")
        self.hosts = [self._host(each) for each in fields.many("hosts")]
        self.batches = [
            ReportedBatch.from_json(each, number) for number, each in enumerate(fields.many("batches"), start=1)
        ]
        self.findings = [ReportedFinding.from_json(each) for each in fields.many("findings")]
        self.culprits = [ReportedCulprit.from_json(each) for each in fields.many("culprits")]
        self.behaviour = [ReportedComparison.from_json(each) for each in fields.many("behaviour")]

    def _host(self, fields: JsonFields) -> ReportedHost:
        told = self._asked.one(fields.text("host")).one("current")
        return ReportedHost.from_json(fields, RunningState.from_json(told) if told.as_dict() else None)

    def has_journal(self, host: str) -> bool:
        """Return True for a host that answered in this run."""
        return host in self._journals

    def was_asked(self, host: str) -> bool:
        """Return True for a host that answered after this run."""
        return host in self._asked

    def journal_lines(self, host: str) -> list[object]:
        """Return the lines that this run, or the host by itself, wrote into the host's journal, each once."""
        lines: dict[object, object] = {}
        told = self._asked.one(host).as_dict().get("journal") or ()
        for line in (*t.cast("list[object]", told), *t.cast("list[object]", self._journals.as_dict().get(host) or ())):
            lines[line.get("seq") if isinstance(line, Mapping) else None] = line
        return list(lines.values())
