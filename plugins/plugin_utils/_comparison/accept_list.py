# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""Accepted changes: entries that name one group by its key, or a class of change at a place, until a day."""

from __future__ import annotations

import datetime as dt
import fnmatch
import re
import typing as t
from dataclasses import dataclass

from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.errors import RouteError

from .change_classes import CLASSES

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: Hexadecimal digits of a key's digest: 40 bits.
DIGITS: t.Final = 10
_KEY: t.Final = re.compile(rf"[a-z][a-z0-9-]*-[0-9a-f]{{{DIGITS}}}")
_SEPARATORS: t.Final = re.compile(r"[,\s]+")
_FIELDS: t.Final = frozenset({"key", "class", "server", "location", "until", "reason", "file", "line"})
_OF_CLASSES: t.Final = ("class", "server", "location")


def is_key(text: str) -> bool:
    """Return True if a text has the form of a key, such as `lost-3f9a1c2b4d`."""
    return _KEY.fullmatch(text) is not None


def split_keys(text: str) -> list[str]:
    """Return the keys of a text, which commas or white space separate."""
    return [each for each in _SEPARATORS.split(text) if each]


@dataclass(frozen=True)
class AcceptEntry:
    """One entry of `accept`: of a class (`name`) at a place, or of one group by its `key`.

    What is None may be anything. `file` and `line` tell where it is written.
    """

    name: str = ""
    server: str | None = None
    location: str | None = None
    until: dt.date | None = None
    reason: str | None = None
    file: str | None = None
    line: int | None = None
    key: str | None = None

    @classmethod
    def from_json(cls, data: Mapping[str, t.Any]) -> AcceptEntry:
        """Read an entry `{class, server, location, until, reason}` or `{key, until, reason}`.

        Raises:
            RouteError: a field or the class is unknown, the key is none, or `until` is no day.
        """
        strange = sorted(set(data) - _FIELDS)
        if strange:
            raise RouteError(
                f'accept: there is no "{strange[0]}", an entry has class, server, location, until, reason, or key, until, reason'
            )
        if data.get("key") is not None:
            place = next((name for name in _OF_CLASSES if data.get(name) is not None), None)
            if place is not None:
                raise RouteError(
                    f"accept: a key names one group, with {place} an entry names another one: write one of them"
                )
            reason = None if data.get("reason") is None else str(data["reason"])
            own = (data.get("file"), data.get("line"))
            return cls("", None, None, _day(data.get("until")), reason, *own, key=checked_key(data["key"]))
        name = str(data.get("class"))
        if name not in CLASSES:
            raise RouteError(f'accept: there is no class "{name}", the classes are: {", ".join(CLASSES)}')
        server, location, reason = (
            None if data.get(key) is None else str(data[key]) for key in ("server", "location", "reason")
        )
        return cls(name, server, location, _day(data.get("until")), reason, data.get("file"), data.get("line"))

    @classmethod
    def read_all(cls, items: Iterable[str | Mapping[str, t.Any]]) -> list[AcceptEntry]:
        """Read a list of keys and entries. A text may hold several keys, an entry several keys or classes, as in the file.

        Raises:
            RouteError: see `from_json`.
        """
        found: list[AcceptEntry] = []
        for item in items:
            if isinstance(item, str):
                found += [cls(key=checked_key(key)) for key in split_keys(item)]
                continue
            many = next((name for name in ("key", "class") if isinstance(item.get(name), (list, tuple))), None)
            values = item[many] if many else (None,)
            found += [cls.from_json({**item, many: value} if many else item) for value in values]
        return found

    def matches(self, name: str, hosts: Iterable[str], blocks: Iterable[str]) -> bool:
        """Return True if the entry accepts a change of this class, of one of these hosts and blocks."""
        if self.key is not None or name != self.name:
            return False
        if self.server is not None and not any(_fits(self.server, host) for host in hosts):
            return False
        return self.location is None or any(_is_location(self.location, block) for block in blocks)

    def as_dict(self) -> dict[str, str | int]:
        """Return the entry as it is written."""
        entry = {
            "key": self.key,
            "class": self.name or None,
            "server": self.server,
            "location": self.location,
            "until": self.until.isoformat() if self.until else None,
            "reason": self.reason,
            "file": self.file,
            "line": self.line,
        }
        return {key: value for key, value in entry.items() if value is not None}


class AcceptList:
    """The entries that are valid today, those that have expired, and which of them accepted a change."""

    def __init__(self, entries: Iterable[AcceptEntry], today: dt.date) -> None:
        known = list(entries)
        self.valid = [entry for entry in known if entry.until is None or entry.until >= today]
        self.expired = [entry for entry in known if entry.until is not None and entry.until < today]
        self._used: set[int] = set()

    def find(self, name: str, hosts: Iterable[str], blocks: Iterable[str]) -> AcceptEntry | None:
        """Return the first entry that accepts a change; it counts as used."""
        for position, entry in enumerate(self.valid):
            if entry.matches(name, hosts, blocks):
                self._used.add(position)
                return entry
        return None

    def find_key(self, key: str) -> AcceptEntry | None:
        """Return the first entry that accepts the group with this key; every entry with the key counts as used."""
        found: AcceptEntry | None = None
        for position, entry in enumerate(self.valid):
            if key and entry.key == key:
                self._used.add(position)
                found = found or entry
        return found

    @property
    def unused(self) -> list[AcceptEntry]:
        """Return the valid entries that accepted nothing."""
        return [entry for position, entry in enumerate(self.valid) if position not in self._used]


def checked_key(value: object) -> str:
    """Return a key as text.

    Raises:
        RouteError: it has not the form of one.
    """
    text = str(value).strip()
    if not is_key(text):
        raise RouteError(
            f'accept: "{text}" is no key; a key stands below each group of a report, such as lost-3f9a1c2b4d'
        )
    return text


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
    # The label of a server without a name is a place, whose file may have brackets.
    return host.lower() == pattern.lower() or fnmatch.fnmatchcase(host.lower(), pattern.lower())


def _is_location(wanted: str, block: str) -> bool:
    words = " ".join(wanted.split())
    return words in (block, block.removeprefix("location "))
