# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""A host's journal: the events of one run, and a clause for people about each."""

from __future__ import annotations

import typing as t
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from .errors import ReportError
from .tolerant_json import JsonFields

#: The meaning of an event for a reader in search of trouble.
Tone = t.Literal["good", "bad", "plain"]

_NO_REASON: t.Final = "no reason was recorded"


@dataclass(frozen=True, order=True)
class HostEvent:
    """One line of a host's journal; `release` is None for an event that is about none."""

    moment: datetime
    host: str
    number: int
    name: str
    release: str | None = field(compare=False)
    tone: Tone = field(compare=False)
    text: str = field(compare=False)


@dataclass(frozen=True)
class EventDetails:
    """The details of an event, as far as reports tell them. Long lists of journals are numbers."""

    failed: bool = False
    reason: str = _NO_REASON
    added: int = 0
    modified: int = 0
    removed: int = 0
    abandoned: str | None = None
    by: str | None = None
    transaction: str = ""
    seconds: float | None = None

    @classmethod
    def from_json(cls, data: object) -> EventDetails:
        """Read the details of a line; those of a line without any are empty."""
        fields = JsonFields(data if isinstance(data, Mapping) else {}, "the details of an event")
        values = fields.as_dict()
        seconds = values.get("seconds")
        transaction = values.get("txn")
        return cls(
            failed=values.get("ok") is False,
            reason=fields.optional_text("reason") or _NO_REASON,
            added=fields.length("added"),
            modified=fields.length("modified"),
            removed=fields.length("removed"),
            abandoned=fields.optional_text("abandoned"),
            by=fields.optional_text("by"),
            transaction=str(transaction.get("kind")) if isinstance(transaction, Mapping) else "",
            seconds=seconds if isinstance(seconds, (int, float)) else None,
        )


def read_events(host: str, lines: Iterable[object]) -> list[HostEvent]:
    """Read the events of one host, oldest first.

    Raises:
        ReportError: a line has no time or no event.
    """
    events = []
    for line in lines:
        if not isinstance(line, Mapping) or not isinstance(line.get("event"), str):
            raise ReportError(f"the journal of {host} has a line without an event: {line!r}")
        fields = JsonFields(line, f"a line of the journal of {host}")
        name, release = fields.text("event"), fields.optional_text("release")
        moment = parse_time(line.get("time"), f"the journal of {host}")
        tone, text = describe(name, release, EventDetails.from_json(line.get("details")))
        events.append(HostEvent(moment, host, fields.number("seq"), name, release, tone, text))
    return sorted(events)


def describe(name: str, release: str | None, details: EventDetails) -> tuple[Tone, str]:
    """Return how an event went, and a clause about it."""
    which = release or "no release"
    if name in _VERDICTS:
        if details.failed:
            return "bad", f"{_VERDICTS[name][1]}: {details.reason}"
        return "good", _VERDICTS[name][0].format(which)
    if name in _DESCRIBED:
        return _DESCRIBED[name](which, details)
    if name in _REASONED:
        return "bad", f"{_REASONED[name].format(which)}: {details.reason}"
    tone, text = _PLAIN.get(name, ("plain", f"{name.replace('_', ' ')} {release or ''}".rstrip()))
    seconds = f" ({details.seconds:g} s)" if details.seconds is not None and name.startswith("lease") else ""
    return tone, text.format(which) + seconds


def _activated(which: str, details: EventDetails) -> tuple[Tone, str]:
    counts = (("added", details.added), ("modified", details.modified), ("removed", details.removed))
    numbers = [f"{number} {word}" for word, number in counts if number]
    return "plain", f"{which} went live on the disk" + (f": {', '.join(numbers)}" if numbers else "")


def _rolled_back(which: str, details: EventDetails) -> tuple[Tone, str]:
    abandoned = f", away from {details.abandoned}" if details.abandoned else ""
    by = f", by its {details.by}" if details.by else ""
    return "bad", f"went back to {which}{abandoned}{by}"


def _restored(which: str, details: EventDetails) -> tuple[Tone, str]:
    if details.transaction == "rollback":
        return "plain", f"the files of {which} are back"
    return "bad", f"an interrupted change was undone: the files of {which} are back"


_DESCRIBED: t.Final[dict[str, Callable[[str, EventDetails], tuple[Tone, str]]]] = {
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


def parse_time(value: object, name: str) -> datetime:
    """Read a time as journals and records write it.

    Args:
        value: the time.
        name: what has it, for errors.

    Raises:
        ReportError: it is no time, or one without a zone.
    """
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError as error:
        raise ReportError(f"{name} has a time that cannot be read: {value!r}") from error
    if moment.tzinfo is None:
        raise ReportError(f"{name} has a time without a zone: {value!r}")
    return moment


def format_time(moment: datetime) -> str:
    """Write a time as journals and records do: in UTC, with milliseconds."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
