# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""The timeline of a rollout: its events in order, and which release each host served when."""

from __future__ import annotations

import typing as t
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ansible_collections.failsafe.nginx.plugins.plugin_utils._markup.wording import counted

from .journal import HostEvent, Tone, format_time
from .record import RunRecord

#: Outcomes that the controller saw and that a host's journal may lack.
_NOTICED: t.Final = ("refused", "unreachable", "failed")


@dataclass(frozen=True)
class TimelineEntry:
    """An event of a host, or of the controller, whose `host` is None."""

    time: str
    event: str
    text: str
    tone: Tone = "plain"
    host: str | None = None
    release: str | None = None
    batch: int | None = None

    def to_json(self) -> dict[str, object]:
        """Return its JSON."""
        return {
            "time": self.time,
            "host": self.host,
            "event": self.event,
            "release": self.release,
            "tone": self.tone,
            "text": self.text,
            "batch": self.batch,
        }


def timeline(
    record: RunRecord, events: Iterable[HostEvent], started: datetime, ended: datetime | None
) -> list[TimelineEntry]:
    """Return the events of all hosts and of the controller, oldest first.

    Args:
        record: the run.
        events: of its hosts.
        started: the begin of the run.
        ended: its end; None for one that was interrupted.
    """
    batches = {host: batch.number for batch in record.batches for host in batch.hosts}
    entries = [
        TimelineEntry(
            format_time(event.moment),
            event.name,
            event.text,
            event.tone,
            event.host,
            event.release,
            batches.get(event.host),
        )
        for event in events
    ]
    entries += _noticed(record, batches)
    entries += _run(record, started, ended)
    # At the same millisecond the controller's line comes first.
    return sorted(entries, key=lambda entry: (entry.time, entry.host is not None, entry.host or ""))


def _noticed(record: RunRecord, batches: dict[str, int]) -> Iterable[TimelineEntry]:
    for row in record.hosts:
        if row.since and row.outcome in _NOTICED:
            text = f"{row.outcome}: {row.reason or 'no reason was recorded'}"
            yield TimelineEntry(row.since, row.outcome, text, "bad", row.host, row.release, batches.get(row.host))


def _run(record: RunRecord, started: datetime, ended: datetime | None) -> Iterable[TimelineEntry]:
    yield TimelineEntry(format_time(started), "run_started", f"the run began, {counted(len(record.hosts), 'host')}")
    for batch in record.batches:
        text = f"batch {batch.number} began: {', '.join(batch.hosts)}"
        yield TimelineEntry(batch.started, "batch_started", text, batch=batch.number)
    rollback = record.fields.one("fleet_rollback")
    if rollback.as_dict():
        text = f"the rollback of the fleet began: {', '.join(rollback.texts('hosts'))}"
        yield TimelineEntry(rollback.text("started"), "fleet_rollback_started", text, "bad")
    if ended is not None:
        tone: Tone = "good" if record.fields.flag("ok") else "bad"
        text = f"the run ended: {record.fields.text('verdict', 'None')}"
        yield TimelineEntry(format_time(ended), "run_finished", text, tone)


@dataclass(frozen=True)
class ServingPeriod:
    """The time in which a host served one release.

    `until` is None while it lasts, `confirmed` None as long as the release was only on trial.
    """

    host: str
    release: str
    since: datetime
    until: datetime | None = None
    confirmed: datetime | None = None

    def seconds(self, now: datetime) -> float:
        """Return how long it was served, until now at most."""
        return ((self.until or now) - self.since).total_seconds()

    def trial_seconds(self, now: datetime) -> float:
        """Return how long it was served without being confirmed, until now at most."""
        end = min(moment for moment in (self.until, self.confirmed, now) if moment is not None)
        return max(0.0, (end - self.since).total_seconds())


def serving_periods(events: Iterable[HostEvent]) -> list[ServingPeriod]:
    """Return what each host served from the first reload of the run on, by time and host.

    A proven reload begins a period. A failed one does, too: nginx may have taken the configuration and died of it, so
    the release counts as served until another one is proven.
    """
    current: dict[str, ServingPeriod] = {}
    done: list[ServingPeriod] = []
    for event in sorted(events):
        period = current.get(event.host)
        if event.name == "reload" and event.release and (period is None or period.release != event.release):
            if period is not None:
                done.append(replace(period, until=event.moment))
            current[event.host] = ServingPeriod(event.host, event.release, event.moment)
        elif period is not None and period.release == event.release:
            if event.name == "confirmed":
                current[event.host] = replace(period, confirmed=period.confirmed or event.moment)
            elif event.name == "rolled_back":
                # The release that it went back to was confirmed before this run.
                current[event.host] = replace(period, confirmed=period.since)
    return sorted([*done, *current.values()], key=lambda period: (period.since, period.host))


@dataclass(frozen=True)
class RolloutRisk:
    """The part of the fleet that served an unconfirmed release.

    Attributes:
        hosts: how many did at all.
        at_once: the most at one moment.
        seconds: from the first to the last such moment.
        host_seconds: the sum of all hosts' seconds.
    """

    hosts: int
    at_once: int
    seconds: float
    host_seconds: float

    def to_json(self) -> dict[str, object]:
        """Return its JSON."""
        return {
            "hosts": self.hosts,
            "at_once": self.at_once,
            "seconds": self.seconds,
            "host_seconds": self.host_seconds,
        }


def rollout_risk(served: Iterable[ServingPeriod], now: datetime) -> RolloutRisk:
    """Return how much was on trial at once, and for how long."""
    trials = [(period, seconds) for period in served if (seconds := period.trial_seconds(now)) > 0]
    marks: list[tuple[float, int]] = []
    for period, seconds in trials:
        start = period.since.timestamp()
        marks += [(start, 1), (start + seconds, -1)]
    return RolloutRisk(
        hosts=len({period.host for period, _seconds in trials}),
        at_once=_most_at_once(marks),
        seconds=round(max(moment for moment, _level in marks) - min(moment for moment, _level in marks), 3)
        if marks
        else 0,
        host_seconds=round(sum(seconds for _period, seconds in trials), 3),
    )


def _most_at_once(marks: Sequence[tuple[float, int]]) -> int:
    most = level = 0
    for _moment, step in sorted(marks):
        level += step
        most = max(most, level)
    return most


@dataclass(frozen=True)
class RolloutImpact:
    """The hosts that served a release which was taken back: what the run can have cost at most.

    `of` counts all hosts, `seconds` the time of all of them, `longest` the time of one.
    """

    hosts: tuple[str, ...]
    of: int
    seconds: float
    longest: float

    def to_json(self) -> dict[str, object]:
        """Return its JSON."""
        return {"hosts": list(self.hosts), "of": self.of, "seconds": self.seconds, "longest": self.longest}


#: Outcomes after which a host keeps what it serves.
_KEPT: t.Final = frozenset({"confirmed", "unchanged", "planned", "pending", "refused"})


def rollout_impact(record: RunRecord, served: Iterable[ServingPeriod], now: datetime) -> RolloutImpact:
    """Return which hosts served a release that was taken back, and for how long."""
    candidates = {row.host: row.release for row in record.hosts if row.outcome not in _KEPT}
    hits = [period for period in served if candidates.get(period.host) == period.release]
    seconds = [period.seconds(now) for period in hits]
    return RolloutImpact(
        hosts=tuple(sorted({period.host for period in hits})),
        of=len(record.hosts),
        seconds=round(sum(seconds), 3),
        longest=round(max(seconds, default=0.0), 3),
    )
