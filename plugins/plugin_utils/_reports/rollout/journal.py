# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""A host's journal: the lines of one run, and what each says to a person."""

from __future__ import annotations

import typing as t
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from .errors import ReportError

#: What a line is to a reader who looks for trouble.
Tone = t.Literal["good", "bad", "plain"]


@dataclass(frozen=True, order=True)
class Event:
    """One line of a host's journal.

    `release`: the release it is about, None for none. `tone` is how it went, `text` one clause for people.
    """

    moment: datetime
    host: str
    number: int
    name: str
    release: str | None = field(compare=False)
    tone: Tone = field(compare=False)
    text: str = field(compare=False)

    def as_dict(self) -> dict[str, t.Any]:
        """Plain data; the time in UTC with milliseconds."""
        return {
            "time": stamp(self.moment),
            "host": self.host,
            "event": self.name,
            "release": self.release,
            "tone": self.tone,
            "text": self.text,
        }


def read(host: str, lines: Iterable[Mapping[str, t.Any]]) -> list[Event]:
    """The events of one host, oldest first.

    Raises:
        ReportError: a line has no time or no event.

    """
    events = []
    for line in lines:
        if not isinstance(line, Mapping) or not isinstance(line.get("event"), str):
            raise ReportError(f"the journal of {host} has a line without an event: {line!r}")
        moment = parse(line.get("time"), f"the journal of {host}")
        details = line.get("details") if isinstance(line.get("details"), Mapping) else {}
        tone, text = describe(line["event"], line.get("release"), t.cast("Mapping[str, t.Any]", details))
        events.append(Event(moment, host, int(line.get("seq") or 0), line["event"], line.get("release"), tone, text))
    return sorted(events)


def describe(name: str, release: str | None, details: Mapping[str, t.Any]) -> tuple[Tone, str]:
    """How an event went, and what it says."""
    which = release or "no release"
    if name in _VERDICTS:
        if details.get("ok") is False:
            return "bad", f"{_VERDICTS[name][1]}: {details.get('reason') or 'no reason was recorded'}"
        return "good", _VERDICTS[name][0].format(which)
    if name in _TOLD:
        return _TOLD[name](which, details)
    if name in _REASONED:
        return "bad", f"{_REASONED[name].format(which)}: {details.get('reason') or 'no reason was recorded'}"
    tone, text = _PLAIN.get(name, ("plain", f"{name.replace('_', ' ')} {release or ''}".rstrip()))
    seconds = f" ({details['seconds']:g} s)" if isinstance(details.get("seconds"), (int, float)) else ""
    return tone, text.format(which) + (seconds if name.startswith("lease") else "")


def _activated(which: str, details: Mapping[str, t.Any]) -> tuple[Tone, str]:
    numbers = [f"{_count(details[key])} {key}" for key in ("added", "modified", "removed") if details.get(key)]
    return "plain", f"{which} went live on the disk" + (f": {', '.join(numbers)}" if numbers else "")


def _rolled_back(which: str, details: Mapping[str, t.Any]) -> tuple[Tone, str]:
    abandoned = f", away from {details['abandoned']}" if details.get("abandoned") else ""
    by = f", by its {details['by']}" if details.get("by") else ""
    return "bad", f"went back to {which}{abandoned}{by}"


def _restored(which: str, details: Mapping[str, t.Any]) -> tuple[Tone, str]:
    if (details.get("txn") or {}).get("kind") == "rollback":
        return "plain", f"the files of {which} are back"
    return "bad", f"an interrupted change was undone: the files of {which} are back"


_TOLD: t.Final[dict[str, Callable[[str, Mapping[str, t.Any]], tuple[Tone, str]]]] = {
    "activated": _activated,
    "rolled_back": _rolled_back,
    "restored": _restored,
}
_VERDICTS: t.Final[dict[str, tuple[str, str]]] = {
    "reload": ("nginx runs {}, proven", "the reload failed"),
    "gate": ("{} passed the gate", "the gate failed"),
}
_REASONED: t.Final[dict[str, str]] = {
    "refused": "{} was refused",
    "rollback_failed": "going back to {} failed",
}
_PLAIN: t.Final[dict[str, tuple[Tone, str]]] = {
    "staged": ("plain", "{} was validated and stored"),
    "activating": ("plain", "{} is about to go live"),
    "confirmed": ("good", "{} was confirmed"),
    "adopted": ("plain", "the live files were taken over as {}"),
    "lease_armed": ("plain", "the lease of {} began"),
    "lease_renewed": ("plain", "the lease of {} was renewed"),
    "lease_expired": ("bad", "the lease of {} ended without a confirmation"),
    "unlocked": ("plain", "the host was given back"),
    "removed": ("plain", "{} was deleted"),
    "pruned": ("plain", "old releases were deleted"),
}


def _count(value: t.Any) -> int:
    """How many: a long list of a journal arrives as its length."""
    return value if isinstance(value, int) else len(value)


def parse(value: t.Any, what: str) -> datetime:
    """A time as journals and records write it, in UTC.

    Raises:
        ReportError: it is none.

    """
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError as error:
        raise ReportError(f"{what} has a time that cannot be read: {value!r}") from error
    if moment.tzinfo is None:
        raise ReportError(f"{what} has a time without a zone: {value!r}")
    return moment


def stamp(moment: datetime) -> str:
    """A time as journals and records write it."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
