# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""From the record of a run and the journals of its hosts to the data of the report."""

from __future__ import annotations

import typing as t
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from .advice import next_steps, unknowns
from .errors import ReportError
from .journal import Event, parse, read, stamp
from .serving import Spell, risk, spells

SCHEMA: t.Final = 1

Plain = dict[str, t.Any]

_TITLES: t.Final = {
    "deployed": "Deployed",
    "validated": "Validated, nothing was rolled out",
    "refused": "Refused, nothing was changed",
    "stopped": "Stopped",
    "rolled_back": "Rolled back",
    "incomplete": "Incomplete",
    "interrupted": "Interrupted",
}


def build(
    record: Mapping[str, t.Any],
    journals: Mapping[str, Iterable[Mapping[str, t.Any]]],
    *,
    now: datetime,
    findings: Sequence[Mapping[str, t.Any]] = (),
    behaviour: Mapping[str, t.Any] | None = None,
    culprits: Sequence[Mapping[str, t.Any]] = (),
) -> Plain:
    """The data of a report: what JSON shows as it is, and what Markdown and HTML are made of.

    Args:
        record: the controller's record of the run (`_rollout.record`).
        journals: host -> the lines of its journal, in any order; those from before the run are left out. A host of
            the record that is missing here is listed as one whose journal could not be read.
        now: the time up to which spells that last are counted.
        findings: what lint said of the candidate, as `Finding.as_dict()`.
        behaviour: what the route check said, as its module returns it; None where none ran.
        culprits: the guilty lines, as nginx_bisect returns them.

    Raises:
        ReportError: the record is none, or a journal cannot be understood.

    """
    if record.get("schema") != 1 or not isinstance(record.get("hosts"), list):
        raise ReportError("this is not the record of a rollout (schema 1)")
    started = parse(record.get("started"), "the record")
    ended = parse(record["finished"], "the record") if record.get("finished") else None
    rows = [dict(row) for row in record["hosts"]]
    events = _events(record, journals, started)
    served = spells(events)
    until = ended or now
    report: Plain = {
        "schema": SCHEMA,
        "rollout": record.get("rollout"),
        "verdict": record.get("verdict"),
        "ok": bool(record.get("ok")),
        "title": _TITLES.get(str(record.get("verdict")), str(record.get("verdict"))),
        "started": stamp(started),
        "finished": ended and stamp(ended),
        "seconds": round((until - started).total_seconds(), 3),
        "controller": dict(record.get("controller") or {}),
        "metadata": dict(record.get("metadata") or {}),
        "settings": dict(record.get("settings") or {}),
        "counts": dict(record.get("counts") or {}),
        "text": list(record.get("text") or []),
        "hosts": rows,
        "batches": _batches(record),
        "timeline": _timeline(record, events, started, ended),
        "served": [spell.as_dict(now) for spell in served],
        "risk": risk(served, now),
        "findings": [dict(finding) for finding in findings],
        "behaviour": dict(behaviour) if behaviour is not None else None,
        "culprits": [dict(culprit) for culprit in culprits],
    }
    report["impact"] = _impact(rows, served, now)
    report["unknown"] = unknowns(report, set(journals))
    report["next_steps"] = next_steps(report)
    return report


def _events(
    record: Mapping[str, t.Any], journals: Mapping[str, Iterable[Mapping[str, t.Any]]], started: datetime
) -> list[Event]:
    hosts = [row["host"] for row in record["hosts"]]
    return sorted(event for host in hosts for event in read(host, journals.get(host, ()), started))


def _batches(record: Mapping[str, t.Any]) -> list[Plain]:
    return [{**batch, "number": number} for number, batch in enumerate(record.get("batches") or [], start=1)]


def _timeline(
    record: Mapping[str, t.Any], events: Iterable[Event], started: datetime, ended: datetime | None
) -> list[Plain]:
    """The events of all hosts and of the controller, in the order of time."""
    batches = _batches(record)
    of_host = {host: batch["number"] for batch in batches for host in batch["hosts"]}
    rows = [{**event.as_dict(), "batch": of_host.get(event.host)} for event in events]

    def controller(time: str, event: str, text: str, batch: int | None = None, tone: str = "plain") -> Plain:
        return {"time": time, "host": None, "event": event, "release": None, "tone": tone, "text": text, "batch": batch}

    rows.append(controller(stamp(started), "run_started", f"the run began, {len(record['hosts'])} hosts"))
    for batch in batches:
        what = f"batch {batch['number']} of {len(batches)} began: {', '.join(batch['hosts'])}"
        rows.append(controller(batch["started"], "batch_started", what, batch["number"]))
    rollback = record.get("fleet_rollback")
    if rollback:
        what = f"the rollback of the fleet began: {', '.join(rollback['hosts'])}"
        rows.append(controller(rollback["started"], "fleet_rollback_started", what, tone="bad"))
    if ended is not None:
        rows.append(
            controller(
                stamp(ended),
                "run_finished",
                f"the run ended: {record.get('verdict')}",
                tone="good" if record.get("ok") else "bad",
            )
        )
    # At the same millisecond the controller's line comes first.
    return sorted(rows, key=lambda row: (row["time"], row["host"] is not None, row["host"] or ""))


def _impact(rows: Sequence[Mapping[str, t.Any]], served: Iterable[Spell], now: datetime) -> Plain:
    """Who served what was taken back, for how long: what an outage of this run can have cost at most."""
    gone = {
        row["host"]
        for row in rows
        if row.get("outcome") not in ("confirmed", "unchanged", "planned", "pending", "refused")
    }
    target = {row["host"]: row.get("release") for row in rows}
    hits = [spell for spell in served if spell.host in gone and spell.release == target.get(spell.host)]
    return {
        "hosts": sorted({spell.host for spell in hits}),
        "of": len(rows),
        "seconds": round(sum(((spell.until or now) - spell.since).total_seconds() for spell in hits), 3),
        "longest": round(max((((spell.until or now) - spell.since).total_seconds() for spell in hits), default=0.0), 3),
    }
