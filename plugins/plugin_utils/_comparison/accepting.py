# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Changes that somebody expects: accepted until a day, by class and place."""

from __future__ import annotations

import datetime as dt
import fnmatch
import typing as t
from dataclasses import dataclass

from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.errors import RouteError

from .classes import CLASSES

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_KEYS: t.Final = frozenset({"class", "server", "location", "until", "reason", "file", "line"})


@dataclass
class Accepted:
    """One entry of `accept`, and how many requests it was used for."""

    name: str
    server: str | None = None
    location: str | None = None
    until: dt.date | None = None
    reason: str | None = None
    #: Where it was written down.
    file: str | None = None
    line: int | None = None
    used: int = 0

    def matches(self, name: str, hosts: Iterable[str], blocks: Iterable[str]) -> bool:
        """Whether it stands for a change of this class, of one of these hosts and blocks."""
        if name != self.name:
            return False
        if self.server is not None and not any(_fits(self.server, host) for host in hosts):
            return False
        return self.location is None or any(_is_location(self.location, block) for block in blocks)

    def as_dict(self) -> dict[str, t.Any]:
        entry = {
            "class": self.name,
            "server": self.server,
            "location": self.location,
            "until": self.until.isoformat() if self.until else None,
            "reason": self.reason,
            "file": self.file,
            "line": self.line,
        }
        return {key: value for key, value in entry.items() if value is not None}


class AcceptList:
    """The entries that count today, those that have expired, and which were of use."""

    def __init__(self, entries: Iterable[Mapping[str, t.Any]], today: dt.date) -> None:
        read = [parse(entry) for entry in entries]
        self.valid = [entry for entry in read if entry.until is None or entry.until >= today]
        self.expired = [entry for entry in read if entry.until is not None and entry.until < today]

    def find(self, name: str, hosts: Iterable[str], blocks: Iterable[str]) -> Accepted | None:
        """The first entry for a change; it counts as used."""
        for entry in self.valid:
            if entry.matches(name, hosts, blocks):
                entry.used += 1
                return entry
        return None

    @property
    def unused(self) -> list[Accepted]:
        return [entry for entry in self.valid if not entry.used]


def parse(entry: Mapping[str, t.Any]) -> Accepted:
    """One entry as `{class, server, location, until, reason}`; all but the class may be missing.

    Raises:
        RouteError: an unknown key or class, or `until` is no day.
    """
    strange = sorted(set(entry) - _KEYS)
    if strange:
        raise RouteError(f'accept: there is no "{strange[0]}", an entry has class, server, location, until, reason')
    name = str(entry.get("class"))
    if name not in CLASSES:
        raise RouteError(f'accept: there is no class "{name}", the classes are: {", ".join(CLASSES)}')
    server, location, reason = (
        None if entry.get(key) is None else str(entry[key]) for key in ("server", "location", "reason")
    )
    return Accepted(name, server, location, _day(entry.get("until")), reason, entry.get("file"), entry.get("line"))


def _day(value: object) -> dt.date | None:
    if value is None:
        return None
    if isinstance(value, dt.datetime):
        return value.date()
    if isinstance(value, dt.date):
        return value
    try:
        return dt.date.fromisoformat(str(value))
    except ValueError:
        raise RouteError(f'accept: until has to be a day such as 2026-12-31, not "{value}"') from None


def _fits(pattern: str, host: str) -> bool:
    return fnmatch.fnmatchcase(host.lower(), pattern.lower())


def _is_location(wanted: str, block: str) -> bool:
    words = " ".join(wanted.split())
    return words in (block, block.removeprefix("location "))
