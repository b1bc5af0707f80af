# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""The data of a rollout's report: JSON shows it as it is, Markdown and HTML are made of it."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from .record import ReportedBatch, ReportedComparison, ReportedCulprit, ReportedFinding, ReportedHost
from .timeline import RolloutImpact, RolloutRisk, TimelineEntry
from .tolerant_json import JsonFields

SCHEMA: t.Final = 1


@dataclass(frozen=True)
class ReleaseServed:
    """A serving period as reports show it; times are texts."""

    host: str
    release: str
    since: str
    until: str | None
    confirmed: str | None
    trial_seconds: float

    def to_json(self) -> dict[str, object]:
        """Return its JSON."""
        return {
            "host": self.host,
            "release": self.release,
            "since": self.since,
            "until": self.until,
            "confirmed": self.confirmed,
            "trial_seconds": self.trial_seconds,
        }


@dataclass(frozen=True)
class NextStep:
    """A step that is left to a person; `command` is empty where there is none to type."""

    text: str
    command: str = ""

    def to_json(self) -> dict[str, object]:
        """Return its JSON."""
        return {"text": self.text, "command": self.command}


@dataclass(frozen=True)
class RunSummary:
    """The facts of a run as a whole. Tables keep the order of the record.

    Attributes:
        title: the verdict in words.
        started: when the run began, `finished` when it ended (None: interrupted), `updated` when its record was written.
        seconds: from the begin to the end, or to the last event that is known.
        user: the account that ran it, on the controller `controller`.
        launch: what AWX told about the job, by name.
        metadata: what the user gave to the run, by name.
        nginx: version -> hosts.
        counts: outcome -> number of hosts.
        text: lines about the verdict.
        fields: the record.
    """

    rollout: str
    title: str
    ok: bool
    started: str
    finished: str | None
    updated: str | None
    seconds: float
    user: str
    controller: str
    source: str
    launch: dict[str, object]
    metadata: dict[str, object]
    nginx: dict[str, tuple[str, ...]]
    counts: dict[str, object]
    text: tuple[str, ...]
    fields: JsonFields

    def to_json(self) -> dict[str, object]:
        """Return its JSON, with the objects of the record that it was read from."""
        given = self.fields
        return {
            "rollout": given.as_dict().get("rollout"),
            "verdict": given.as_dict().get("verdict"),
            "ok": self.ok,
            "title": self.title,
            "started": self.started,
            "finished": self.finished,
            "updated": given.as_dict().get("updated"),
            "seconds": self.seconds,
            **{name: given.one(name).as_dict() for name in ("controller", "launch", "settings", "nginx", "counts")},
            "metadata": self.metadata,
            "text": list(self.text),
        }


@dataclass(frozen=True)
class RolloutReport:
    """A rollout's report."""

    run: RunSummary
    hosts: list[ReportedHost]
    batches: list[ReportedBatch]
    timeline: list[TimelineEntry]
    served: list[ReleaseServed]
    risk: RolloutRisk
    impact: RolloutImpact
    findings: list[ReportedFinding]
    findings_left_out: int
    culprits: list[ReportedCulprit]
    culprits_left_out: int
    behaviour: list[ReportedComparison]
    unknown: list[str] = field(default_factory=list)
    next_steps: list[NextStep] = field(default_factory=list)

    def to_json(self) -> dict[str, t.Any]:
        """Return the JSON of the report."""
        left_out = self.run.fields.one("left_out").as_dict()
        return {
            "schema": SCHEMA,
            **self.run.to_json(),
            "hosts": [each.to_json() for each in self.hosts],
            "batches": [each.to_json() for each in self.batches],
            "timeline": [each.to_json() for each in self.timeline],
            "served": [each.to_json() for each in self.served],
            "risk": self.risk.to_json(),
            "impact": self.impact.to_json(),
            "findings": [each.fields.as_dict() for each in self.findings],
            "culprits": [each.fields.as_dict() for each in self.culprits],
            "behaviour": [each.fields.as_dict() for each in self.behaviour],
            "left_out": {"findings": 0, "culprits": 0, **left_out},
            "unknown": self.unknown,
            "next_steps": [each.to_json() for each in self.next_steps],
        }
