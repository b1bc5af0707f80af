# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find a regex location whose requests all go to another location.

nginx takes the first regex that matches, in the order of the files, and asks none below a `^~` prefix.
"""

from __future__ import annotations

import typing as t
from bisect import bisect_left
from itertools import islice, takewhile

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.location_text import location_text
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.regex_literals import literals
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule, related
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.sampler import sample_pattern

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.regex_literals import Literals
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.blocks import Location, Locations

RULE: t.Final = Rule("shadowed-location", "warning", "Another location gets every request of this one")

_SHOWN: t.Final = 4


def check(context: Context) -> Iterator[Finding]:
    """Compare the regexes of each level with the ones above them and with its `^~` prefixes."""
    for level in context.location_levels:
        if level.regexes:
            yield from _check_level(level)


def _check_level(locations: Locations) -> Iterator[Finding]:
    earlier = _Earlier()
    walls = [location for location in locations.prefix.values() if location.modifier == "^~"]
    names = sorted(locations.prefix) if walls else []
    for location in locations.regexes:
        found = literals(location.name)
        hiders = earlier.hiders(location, found) or _wall(location, found, walls, names, locations)
        if hiders:
            finding = _shadow(location, hiders, locations)
            if finding is not None:
                yield finding
        earlier.add(location, found)


class _Earlier:
    """The regexes above one, indexed by the literals that they look for."""

    def __init__(self) -> None:
        self._same: dict[tuple[str, bool], Location] = {}
        #: (beginning, end, caseless) -> text -> location
        self._texts: dict[tuple[bool, bool, bool], dict[str, Location]] = {}
        self._lengths: dict[tuple[bool, bool, bool], set[int]] = {}

    def add(self, location: Location, found: Literals | None) -> None:
        caseless = location.modifier == "~*"
        self._same.setdefault((location.name, caseless), location)
        if found is None or not found.whole:
            return
        kind = (found.starts, found.stops, caseless)
        for text in found.heads:
            wanted = text.lower() if caseless else text
            self._texts.setdefault(kind, {}).setdefault(wanted, location)
            self._lengths.setdefault(kind, set()).add(len(wanted))

    def hiders(self, location: Location, found: Literals | None) -> list[Location]:
        """Return the earlier regexes that together match all that this one does; empty where that is not certain."""
        caseless = location.modifier == "~*"
        same = self._same.get((location.name, caseless)) or self._same.get((location.name, True))
        if same is not None or found is None:
            return [] if same is None else [same]
        for kind, texts in self._texts.items():
            hiders = [
                self._first(kind, texts, demanded, caseless=caseless) for demanded in sorted(_demanded(kind, found))
            ]
            certain = [hider for hider in hiders if hider is not None]
            if hiders and len(certain) == len(hiders):
                return list(dict.fromkeys(certain))
        return []

    def _first(
        self, kind: tuple[bool, bool, bool], texts: dict[str, Location], text: str, *, caseless: bool
    ) -> Location | None:
        starts, stops, ignores = kind
        if caseless and not ignores and text.lower() != text.upper():
            return None
        text = text.lower() if ignores else text
        if starts and stops:
            return texts.get(text)
        for length in self._lengths[kind]:
            last = len(text) - length
            positions = range(1) if starts else range(last, last + 1) if stops else range(last + 1)
            for position in positions if last >= 0 else ():
                found = texts.get(text[position : position + length])
                if found is not None:
                    return found
        return None


def _demanded(kind: tuple[bool, bool, bool], found: Literals) -> Iterable[str]:
    """Return the texts that an earlier regex of this kind has to match, each of them; empty where that cannot be told."""
    starts, stops, _unused = kind
    if starts and stops:
        return found.heads if found.whole and found.starts and found.stops else ()
    if starts:
        return found.heads if found.starts else ()
    if stops:
        return found.tails if found.stops else ()
    return found.heads


def _wall(
    location: Location, found: Literals | None, walls: list[Location], names: list[str], locations: Locations
) -> list[Location]:
    """Return the `^~` location whose prefix all matches of a regex begin with."""
    if found is None or not found.starts or not walls:
        return []
    if location.modifier == "~*" and any(text.lower() != text.upper() for text in found.heads):
        return []
    for wall in walls:
        below = _below(names, wall.name)
        covers = all(text.startswith(wall.name) for text in found.heads)
        if covers and all(locations.prefix[name].modifier == "^~" for name in below):
            return [wall]
    return []


def _below(names: list[str], prefix: str) -> Iterator[str]:
    """Yield the names that begin with a prefix, out of sorted ones."""
    return takewhile(lambda name: name.startswith(prefix), islice(names, bisect_left(names, prefix), None))


def _shadow(location: Location, hiders: list[Location], locations: Locations) -> Finding | None:
    """Return the finding, unless a sample of the pattern reaches the location after all."""
    samples = sample_pattern(location.name, caseless=location.modifier == "~*")
    if any(_innermost(locations.find(sample.text).location, locations) is location for sample in samples):
        return None
    asked = f", such as GET {samples[0].text}" if samples else ""
    if hiders[0].modifier == "^~":
        why, advice = "below a ^~ prefix nginx asks no regex", "Drop the ^~"
    else:
        why = "nginx takes the first regex that matches, in the order of the files"
        advice = "Put the narrower one first, or delete it"
    verb = "have" if len(hiders) > 1 else "has"
    names = " and ".join(location_text(hider) for hider in hiders[:_SHOWN])
    message = f"{location_text(location)} gets no request: {names} {verb} all of them{asked}; {why}. {advice}"
    places = [related("this location answers instead", hider.scope.directive.place) for hider in hiders]
    return RULE.at(location.scope.directive.place, message, places)


def _innermost(found: Location | None, level: Locations) -> Location | None:
    """Return the location of this level that a found one lies in."""
    scope = found.scope if found is not None else None
    while scope is not None and scope.parent is not None and scope.parent.locations is not level:
        scope = scope.parent
    return scope.location if scope is not None else None
