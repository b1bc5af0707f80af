# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""URIs that a changed location takes over or loses: exact before prefix, prefix before regex unless `^~`, regexes in order."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, replace
from itertools import product

from ansible_collections.failsafe.nginx.plugins.plugin_utils._regex.search import Proven, Unknown

from .domains import PATH
from .pattern_pairs import Regex, contrast, string_between, texts_of

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.blocks import (
        FoundLocation,
        Location,
        Locations,
    )

#: Steps of one search, and of all searches for one change: about half a second.
_STEPS: t.Final = 30_000
ALL_STEPS: t.Final = 400_000
#: URIs of one kind of takeover beside the first: each alternative of a pattern is one.
_MOST: t.Final = 64
_FILLERS: t.Final = ("", "x", "/x", "/")

#: A location by the modifiers and names from the server's level down to it; empty for the server itself.
Path = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Takeover:
    """A URI that two configurations give to different locations.

    Attributes:
        uri: the URI, decoded and without arguments.
        before: the location that gets it before.
        after: the location that gets it after.
    """

    uri: str
    before: Path
    after: Path

    @property
    def words(self) -> str:
        """Return both locations in words."""
        return f"{_words(self.before)} before, {_words(self.after)} after"


def _words(path: Path) -> str:
    return " > ".join(f"location {' '.join(part)}".replace("  ", " ") for part in path) or "no location"


def path_of(location: Location | None) -> Path:
    """Return the modifiers and names from the outermost location to this one."""
    found: list[tuple[str, str]] = []
    while location is not None:
        found.append((location.modifier, location.name))
        outer = location.scope.parent
        location = None if outer is None else outer.location
    return tuple(reversed(found))


class LocationChange:
    """One location that was added, removed, renamed or moved among others.

    Args:
        before: the locations of the server before.
        after: those of the same server after.
        old: the location before; None where it was added.
        new: the location after; None where it was removed.
        steps: how many steps all searches may take.
    """

    def __init__(
        self,
        before: Locations,
        after: Locations,
        old: Location | None,
        new: Location | None,
        steps: int = ALL_STEPS,
    ) -> None:
        self.before = before
        self.after = after
        self.old = old
        self.new = new
        self._left = steps

    def takeovers(self) -> list[Takeover]:
        """Return URIs that go elsewhere: one for each pair of locations between which some go, and one for each choice of
        the patterns.
        """
        found: dict[str, Takeover] = {}
        pairs: set[tuple[Path, Path]] = set()
        for uri in self.candidates():
            takeover = self.at(uri)
            if takeover is not None and len(found) < _MOST:
                found.setdefault(uri, takeover)
                pairs.add((takeover.before, takeover.after))
        for old, new in self._pairs():
            pair = path_of(old), path_of(new)
            if pair in pairs or self._left <= 0:
                continue
            searched = self._search(old, new)
            takeover = None if searched is None else self.at(searched)
            if takeover is not None:
                found.setdefault(takeover.uri, takeover)
                pairs.add((takeover.before, takeover.after))
        return list(found.values())

    def at(self, uri: str) -> Takeover | None:
        """Return where a URI goes before and after; None where that is the same, or not certain."""
        before, after = self.before.find(uri), self.after.find(uri)
        if not before.certain or not after.certain or self._same(before, after):
            return None
        return Takeover(uri, path_of(before.location), path_of(after.location))

    def _same(self, before: FoundLocation, after: FoundLocation) -> bool:
        if before.add_slash is not after.add_slash:
            return False
        if self.old is not None and self.new is not None and before.location is self.old and after.location is self.new:
            return True
        return path_of(before.location) == path_of(after.location)

    def reached(self) -> list[str]:
        """Return URIs that the location gets before or after."""
        sides = ((self.before, self.old), (self.after, self.new))
        return [
            uri
            for uri in self.candidates()
            if any(location is not None and locations.find(uri).location is location for locations, location in sides)
        ]

    # Candidates

    def candidates(self) -> list[str]:
        """Return URIs on both sides of what the location's names decide, alone and below the prefixes of other locations."""
        return list(dict.fromkeys(uri for uri in self._candidates() if uri.startswith("/")))

    def _candidates(self) -> Iterator[str]:
        old, new = _regex(self.old), _regex(self.new)
        texts: list[str] = []
        if old is not None or new is not None:
            texts += contrast(old, new, PATH, steps=_STEPS).texts
        for regex in dict.fromkeys((old, new)):
            if regex is not None:
                texts += texts_of(regex, PATH)
        yield from texts
        for location in (self.old, self.new):
            if location is not None and not location.is_regex and location.modifier != "@":
                yield from (location.name + filler for filler in _FILLERS)
                yield location.name.rstrip("/") or "/"
        tails = texts[:_MOST]
        for start, tail in product(self._starts(), tails):
            yield start.rstrip("/") + tail

    def _starts(self) -> Iterator[str]:
        """Yield the names of the prefix locations on both sides, each once."""
        names = {
            location.name: None
            for locations in (self.before, self.after)
            for location in _all(locations)
            if location.modifier in ("", "^~")
        }
        yield from list(names)[:_MOST]

    # Searching

    def _pairs(self) -> Iterator[tuple[Location | None, Location | None]]:
        """Yield pairs of a location before and one after between which the change may move URIs."""
        if self.old is not None:
            others = (each for each in _all(self.after) if path_of(each) != path_of(self.old) and each is not self.new)
            yield from ((self.old, each) for each in (*others, None))
        if self.new is not None:
            earlier = (
                each for each in _all(self.before) if path_of(each) != path_of(self.new) and each is not self.old
            )
            yield from ((each, self.new) for each in (*earlier, None))

    def _search(self, old: Location | None, new: Location | None) -> str | None:
        before, after = _conditions(self.before, old), _conditions(self.after, new)
        first, second = sorted((before.prefix, after.prefix), key=len)
        exact = {each for each in (before.exact, after.exact) if each}
        if len(exact) > 1 or not second.startswith(first):
            return None
        if exact:
            return exact.pop()
        domain = replace(PATH, prefix=(second or "/").encode())
        steps = min(_STEPS, self._left)
        answer = string_between(
            tuple(dict.fromkeys((*before.matched, *after.matched))),
            tuple(dict.fromkeys((*before.unmatched, *after.unmatched))),
            domain,
            steps=steps,
        )
        if isinstance(answer, Proven | Unknown):
            self._left -= answer.steps
            return None
        self._left -= steps // 10
        return answer


@dataclass(frozen=True)
class _Conditions:
    """Conditions of a URI that reaches a location, apart from nested locations of its rivals."""

    prefix: str = ""
    exact: str = ""
    matched: tuple[Regex, ...] = ()
    unmatched: tuple[Regex, ...] = ()


def _conditions(top: Locations, location: Location | None) -> _Conditions:
    if location is None:
        return _Conditions(unmatched=tuple(_rivals(top, None, regexes=True)))
    prefix, exact = "", ""
    matched: list[Regex] = []
    unmatched: list[Regex] = []
    regexes = True
    current: Location | None = location
    while current is not None:
        outer = current.scope.parent
        level = top if outer is None or outer.location is None else outer.locations
        if current.modifier == "=":
            exact = current.name
        elif current.is_regex:
            matched.append(Regex(current.name, current.modifier == "~*"))
        else:
            prefix = max(prefix, current.name, key=len)
        unmatched += _rivals(level, current, regexes=regexes)
        # A nested regex or exact location is found before the regexes around it.
        regexes = regexes and not current.is_regex and current.modifier != "="
        current = None if outer is None else outer.location
    return _Conditions(prefix, exact, tuple(matched), tuple(unmatched))


def _rivals(level: Locations, location: Location | None, *, regexes: bool) -> Iterator[Regex]:
    """Yield patterns of the URIs that other locations of the level take first."""
    name = "" if location is None or location.is_regex else location.name
    exact = [each for each in level.exact if each.startswith(name)]
    if exact and (location is None or location.modifier != "="):
        yield Regex(rf"^(?:{'|'.join(map(re.escape, exact))})\z")
    prefixes = [each for each in level.prefix.values() if _goes_first(each, location, name)]
    if prefixes:
        yield Regex(f"^(?:{'|'.join(re.escape(each.name) for each in prefixes)})")
    if regexes and (location is None or location.modifier not in ("^~", "=")):
        for each in level.regexes:
            if each is location:
                break
            yield Regex(each.name, each.modifier == "~*")


def _goes_first(prefix: Location, location: Location | None, name: str) -> bool:
    if location is None:
        return True
    if location.is_regex:
        return prefix.modifier == "^~"
    return prefix is not location and prefix.name != name and prefix.name.startswith(name)


def _regex(location: Location | None) -> Regex | None:
    return Regex(location.name, location.modifier == "~*") if location is not None and location.is_regex else None


def _all(locations: Locations) -> Iterable[Location]:
    for location in locations.all:
        if location.modifier != "@":
            yield location
            yield from _all(location.scope.locations)
