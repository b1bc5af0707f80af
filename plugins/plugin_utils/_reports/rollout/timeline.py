# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Which release a host served from when to when, and for how long an unconfirmed one was live."""

from __future__ import annotations

import typing as t
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from .journal import Event, stamp


@dataclass(frozen=True)
class Spell:
    """A stretch of time in which a host served one release.

    `until` is None while it lasts, `confirmed` None as long as the release was only on trial.
    """

    host: str
    release: str
    since: datetime
    until: datetime | None = None
    confirmed: datetime | None = None

    def trial(self, now: datetime) -> float:
        """Seconds that it was served without being confirmed, until now at most."""
        end = min(moment for moment in (self.until, self.confirmed, now) if moment is not None)
        return max(0.0, (end - self.since).total_seconds())

    def as_dict(self, now: datetime) -> dict[str, t.Any]:
        """Plain data; the times in UTC, seconds with three decimals."""
        return {
            "host": self.host,
            "release": self.release,
            "since": stamp(self.since),
            "until": self.until and stamp(self.until),
            "confirmed": self.confirmed and stamp(self.confirmed),
            "trial_seconds": round(self.trial(now), 3),
        }


def spells(events: Iterable[Event]) -> list[Spell]:
    """What each host served, from the first reload of the run on; what it served before is not in these events.

    A proven reload begins a spell. A reload that failed begins one, too: nginx may have taken the configuration and
    died of it, so the release counts as served until something else is proven.
    """
    open_: dict[str, Spell] = {}
    done: list[Spell] = []
    for event in sorted(events):
        current = open_.get(event.host)
        if event.name == "reload" and event.release and (current is None or current.release != event.release):
            if current is not None:
                done.append(_with(current, until=event.moment))
            open_[event.host] = Spell(event.host, event.release, event.moment)
        elif event.name == "confirmed" and current is not None and current.release == event.release:
            open_[event.host] = _with(current, confirmed=current.confirmed or event.moment)
        elif event.name == "rolled_back" and current is not None and current.release == event.release:
            # What it went back to was confirmed before this run.
            open_[event.host] = _with(current, confirmed=current.since)
    return sorted([*done, *open_.values()], key=lambda spell: (spell.since, spell.host))


def risk(served: Iterable[Spell], now: datetime) -> dict[str, t.Any]:
    """How much was on trial at once, and for how long.

    Returns:
        `hosts` (how many served an unconfirmed release at all), `at_once` (the most at one moment), `seconds` (from
        the first to the last such moment), `host_seconds` (their sum).

    """
    trials = [(spell, spell.trial(now)) for spell in served]
    trials = [(spell, seconds) for spell, seconds in trials if seconds > 0]
    marks: list[tuple[float, int]] = []
    for spell, seconds in trials:
        start = spell.since.timestamp()
        marks += [(start, 1), (start + seconds, -1)]
    most = level = 0
    for _moment, step in sorted(marks):
        level += step
        most = max(most, level)
    return {
        "hosts": len({spell.host for spell, _seconds in trials}),
        "at_once": most,
        "seconds": round(max(moment for moment, _step in marks) - min(moment for moment, _step in marks), 3)
        if marks
        else 0,
        "host_seconds": round(sum(seconds for _spell, seconds in trials), 3),
    }


def _with(spell: Spell, **fields: t.Any) -> Spell:
    return Spell(**{**_fields(spell), **fields})


def _fields(spell: Spell) -> Mapping[str, t.Any]:
    return {name: getattr(spell, name) for name in spell.__dataclass_fields__}
