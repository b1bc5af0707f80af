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

from .advice import LOST, next_steps, unknowns
from .errors import ReportError
from .journal import Event, parse, read, stamp
from .timeline import Spell, risk, spells

SCHEMA: t.Final = 1

Plain = dict[str, t.Any]

#: Outcomes of which a host's journal need not know: the controller saw them.
_NOTICED: t.Final = ("refused", "unreachable", "failed")
_TITLES: t.Final = {
    "deployed": "Deployed",
    "validated": "Validated, nothing was rolled out",
    "refused": "Refused, nothing was changed",
    "stopped": "Stopped",
    "rolled_back": "Rolled back",
    "incomplete": "Incomplete",
    "interrupted": "Interrupted",
}


def build(record: Mapping[str, t.Any], *, now: datetime) -> Plain:
    """The data of a report: what JSON shows as it is, and what Markdown and HTML are made of.

    Args:
        record: the controller's record of the run (`_rollout.record`) with what the run learned (`_rollout.evidence`). One of
            an older version, which lacks that, is fine: it is unknown then. A host without a journal is listed as one.
        now: the time up to which spells that last are counted.

    Raises:
        ReportError: the record is none, or a journal cannot be understood.

    """
    if record.get("schema") != 1 or not isinstance(record.get("hosts"), list):
        raise ReportError("this is not the record of a rollout (schema 1)")
    started = parse(record.get("started"), "the record")
    ended = parse(record["finished"], "the record") if record.get("finished") else None
    rows = _rows(record)
    events = sorted(event for row in rows for event in read(row["host"], _lines(record, row["host"])))
    # By the clocks of the hosts, some of which may be ahead.
    until = max([ended or now, *(event.moment for event in events)])
    served = spells(events)
    settings = dict(record.get("settings") or {})
    report: Plain = {
        "schema": SCHEMA,
        "rollout": record.get("rollout"),
        "verdict": record.get("verdict"),
        "ok": bool(record.get("ok")),
        "title": _TITLES.get(str(record.get("verdict")), str(record.get("verdict"))),
        "started": stamp(started),
        "finished": ended and stamp(ended),
        "updated": record.get("updated"),
        "seconds": round(((ended or _last(record, started, events)) - started).total_seconds(), 3),
        "controller": dict(record.get("controller") or {}),
        "launch": dict(record.get("launch") or {}),
        "metadata": dict(settings.get("metadata") or {}),
        "settings": settings,
        "nginx": dict(record.get("nginx") or {}),
        "counts": dict(record.get("counts") or {}),
        "text": list(record.get("text") or []),
        "hosts": rows,
        "batches": _batches(record),
        "timeline": _timeline(record, events, started, ended),
        "served": [spell.as_dict(until) for spell in served],
        "risk": risk(served, until),
        "findings": [dict(finding) for finding in record.get("findings") or ()],
        "behaviour": [dict(each) for each in record.get("behaviour") or ()],
        "left_out": {"findings": 0, "culprits": 0, **(record.get("left_out") or {})},
        "culprits": [dict(culprit) for culprit in record.get("culprits") or ()],
    }
    report["impact"] = _impact(rows, served, until)
    report["unknown"] = unknowns(report, untold(record))
    report["next_steps"] = next_steps(report)
    return report


def untold(record: Mapping[str, t.Any]) -> list[str]:
    """The hosts of which part of the journal may be missing: they never answered, or did something that nobody asked for."""
    journals, asked = record.get("journals") or {}, record.get("asked") or {}
    return [
        row["host"]
        for row in record["hosts"]
        if row["host"] not in asked and (row["host"] not in journals or row.get("outcome") in LOST)
    ]


def _rows(record: Mapping[str, t.Any]) -> list[Plain]:
    """The hosts; `now` is what a host says that it runs, None where it was not asked after the run."""
    asked = record.get("asked") or {}
    rows = []
    for row in record["hosts"]:
        told = (asked.get(row["host"]) or {}).get("current")
        rows.append({"outcome": "unknown", "release": None, "reason": "", **row, "now": dict(told) if told else None})
    return rows


def _lines(record: Mapping[str, t.Any], host: str) -> list[Mapping[str, t.Any]]:
    """What this run wrote into the host's journal, and what the host wrote by itself; each line once."""
    lines: dict[t.Any, Mapping[str, t.Any]] = {}
    told = ((record.get("asked") or {}).get(host) or {}).get("journal") or ()
    for line in (*told, *((record.get("journals") or {}).get(host) or ())):
        lines[line.get("seq") if isinstance(line, Mapping) else None] = line
    return list(lines.values())


def _last(record: Mapping[str, t.Any], started: datetime, events: Iterable[Event]) -> datetime:
    """The last moment of an interrupted run of which anything is known."""
    updated = parse(record["updated"], "the record") if record.get("updated") else started
    return max([started, updated, *(event.moment for event in events)])


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

    for row in record["hosts"]:
        if row.get("since") and row.get("outcome") in _NOTICED:
            what = f"{row['outcome']}: {row.get('reason') or 'no reason was recorded'}"
            noticed = controller(row["since"], row["outcome"], what, of_host.get(row["host"]), "bad")
            rows.append({**noticed, "host": row["host"], "release": row.get("release")})
    rows.append(controller(stamp(started), "run_started", f"the run began, {len(record['hosts'])} hosts"))
    for batch in batches:
        what = f"batch {batch['number']} began: {', '.join(batch['hosts'])}"
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
