# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""From the record of a run and the journals of its hosts to the report."""

from __future__ import annotations

import typing as t
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from .journal import HostEvent, format_time, parse_time, read_events
from .next_steps import next_steps
from .record import RunRecord
from .report import ReleaseServed, RolloutReport, RunSummary
from .timeline import ServingPeriod, rollout_impact, rollout_risk, serving_periods, timeline
from .unknowns import unknowns

_TITLES: t.Final = {
    "deployed": "Deployed",
    "validated": "Validated, nothing was rolled out",
    "refused": "Refused, nothing was changed",
    "stopped": "Stopped",
    "rolled_back": "Rolled back",
    "incomplete": "Incomplete",
    "interrupted": "Interrupted",
}


def build(data: Mapping[str, t.Any], *, now: datetime) -> RolloutReport:
    """Make the report of a run.

    Args:
        data: the controller's record of the run. What an older version did not record is unknown in the report, and so
            is what a host without a journal did.
        now: the time up to which serving periods that last are counted.

    Raises:
        ReportError: it is no record, or a journal cannot be understood.
    """
    record = RunRecord(data)
    started = parse_time(data.get("started"), "the record")
    ended = parse_time(data["finished"], "the record") if data.get("finished") else None
    events = sorted(event for row in record.hosts for event in read_events(row.host, record.journal_lines(row.host)))
    # By the clocks of the hosts, some of which may be ahead.
    until = max([ended or now, *(event.moment for event in events)])
    periods = serving_periods(events)
    left_out = record.fields.one("left_out")
    report = RolloutReport(
        run=_summary(record, started, ended, events),
        hosts=record.hosts,
        batches=record.batches,
        timeline=timeline(record, events, started, ended),
        served=[_served(period, until) for period in periods],
        risk=rollout_risk(periods, until),
        impact=rollout_impact(record, periods, until),
        findings=record.findings,
        findings_left_out=left_out.number("findings"),
        culprits=record.culprits,
        culprits_left_out=left_out.number("culprits"),
        behaviour=record.behaviour,
    )
    return replace(report, unknown=unknowns(report, record), next_steps=next_steps(report))


def _summary(record: RunRecord, started: datetime, ended: datetime | None, events: Iterable[HostEvent]) -> RunSummary:
    fields = record.fields
    controller, settings = fields.one("controller"), fields.one("settings")
    end = ended or _last_known(record, started, events)
    verdict = fields.text("verdict", "None")
    return RunSummary(
        rollout=fields.text("rollout", "None"),
        title=_TITLES.get(verdict, verdict),
        ok=fields.flag("ok"),
        started=format_time(started),
        finished=format_time(ended) if ended else None,
        updated=fields.optional_text("updated"),
        seconds=round((end - started).total_seconds(), 3),
        user=controller.text("user", "unknown"),
        controller=controller.text("host", "unknown"),
        source=settings.text("source"),
        launch=dict(fields.table("launch")),
        metadata=dict(settings.table("metadata")),
        nginx={version: fields.one("nginx").texts(version) for version, _hosts in fields.table("nginx")},
        counts=dict(fields.table("counts")),
        text=fields.texts("text"),
        fields=fields,
    )


def _last_known(record: RunRecord, started: datetime, events: Iterable[HostEvent]) -> datetime:
    """Return the last moment of an interrupted run that anything is known of."""
    updated = record.fields.optional_text("updated")
    moment = parse_time(updated, "the record") if updated else started
    return max([started, moment, *(event.moment for event in events)])


def _served(period: ServingPeriod, now: datetime) -> ReleaseServed:
    return ReleaseServed(
        host=period.host,
        release=period.release,
        since=format_time(period.since),
        until=format_time(period.until) if period.until else None,
        confirmed=format_time(period.confirmed) if period.confirmed else None,
        trial_seconds=round(period.trial_seconds(now), 3),
    )
