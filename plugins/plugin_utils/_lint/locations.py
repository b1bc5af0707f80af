# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Rules on locations that no request reaches."""

from __future__ import annotations

import re
import typing as t
from bisect import bisect_left
from itertools import islice, takewhile

from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.sampler import sample_pattern

from .analysis import rewrite_programs
from .analysis.regex_literals import literals
from .finding import Rule, related

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.blocks import Location, Locations, Scope
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.select import Server

    from .analysis.regex_literals import Literals
    from .context import Context
    from .finding import Finding

SHADOWED: t.Final = Rule("shadowed-location", "warning", "Another location gets every request of this one")
UNREACHABLE: t.Final = Rule("unreachable-location", "warning", "A return of the server answers before any location")
UNMATCHABLE: t.Final = Rule("unmatchable-location", "warning", "A prefix or exact location that no path matches")
DEAD: t.Final = Rule("dead-directive", "warning", "A directive behind the one that ends its block")
RULES: t.Final = (SHADOWED, UNREACHABLE, UNMATCHABLE, DEAD)

_SHOWN: t.Final = 4
_REGEX_SIGNS: t.Final = re.compile(r"^\^|\$$|\\[.dwsDWS/\-_]|\.[*+]|\*|\([^()]*\|[^()]*\)|\[[^\]]+\][*+]?")


def check(context: Context) -> Iterator[Finding]:
    """Every level of locations, and every rewrite program, once."""
    for server, scope in context.scopes.values():
        yield from _dead(scope)
        if scope is server:
            yield from _unreachable(server)
        if scope.locations.regexes:
            yield from _shadowed(scope.locations)
        for location in scope.locations.all:
            yield from _unmatchable(location)
    for block in context.named("if"):
        program = [child for child in block.children if child.name in ("set", "rewrite", "return", "break")]
        for end, rest in rewrite_programs.dead_directives(
            [each for each in program if len(each.args) > (each.name == "rewrite")]
        ):
            yield _dead_finding(end, rest)


def what(location: Location) -> str:
    """A location as it is written."""
    return " ".join(["location", *location.directive.raw_args])


# -- shadowed


def _shadowed(locations: Locations) -> Iterator[Finding]:
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
    """The regexes above one, by the literals that they look for."""

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
        """The earlier regexes that together match whatever this one does; empty where that is not certain."""
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
    """The texts of which each has to satisfy an earlier regex of this kind, none where that cannot be told."""
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
    """The `^~` location below which everything lies that a regex matches."""
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
    """The names that begin with a prefix, out of sorted ones."""
    return takewhile(lambda name: name.startswith(prefix), islice(names, bisect_left(names, prefix), None))


def _shadow(location: Location, hiders: list[Location], locations: Locations) -> Finding | None:
    """The finding, unless nginx's own order gives a sample to the location after all."""
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
    names = " and ".join(what(hider) for hider in hiders[:_SHOWN])
    message = f"{what(location)} gets no request: {names} {verb} all of them{asked}; {why}. {advice}"
    places = [related("this location answers instead", hider.directive.place) for hider in hiders]
    return SHADOWED.at(location.directive.place, message, places)


def _innermost(found: Location | None, level: Locations) -> Location | None:
    """The location of this level that a found one lies in."""
    scope: Scope | None = found
    while scope is not None and scope.parent is not None and scope.parent.locations is not level:
        scope = scope.parent
    return t.cast("Location | None", scope)


# -- unreachable, unmatchable


def _unreachable(server: Server) -> Iterator[Finding]:
    answer = rewrite_programs.certain_return(server)
    hidden = [location for location in server.locations.all if location.modifier != "@"]
    if answer is None or not hidden:
        return
    shown = ", ".join(what(location) for location in hidden[:_SHOWN])
    more = f" and {len(hidden) - _SHOWN} more" if len(hidden) > _SHOWN else ""
    words = " ".join([answer.name, *answer.raw_args])
    message = (
        f'`{words}` answers every request of server "{server.first_name}" before nginx looks for a location: {shown}{more} '
        "never run. Move it into `location / { }`"
    )
    places = [related("never runs", location.directive.place) for location in hidden]
    yield UNREACHABLE.at(answer.place, message, places)


def _unmatchable(location: Location) -> Iterator[Finding]:
    name = location.name
    if location.is_regex or location.modifier == "@":
        return
    if not name.startswith("/") and not name.startswith("^"):
        reason, advice = "every path begins with a slash", f'write "/{name}"'
    elif _REGEX_SIGNS.search(name):
        reason, advice = (
            "without ~ it is compared letter by letter, regex signs and all",
            "write `location ~`, or the path",
        )
    else:
        return
    message = f"{what(location)} gets no request: {reason}; {advice}"
    yield UNMATCHABLE.at(location.directive.place, message)


# -- dead directives


def _dead(scope: Scope) -> Iterator[Finding]:
    for end, rest in rewrite_programs.dead_directives(scope.program):
        yield _dead_finding(end, rest)
    answer = (
        rewrite_programs.certain_return(scope) if scope.handler is not None or scope.try_files is not None else None
    )
    if answer is not None:
        handlers = [each for each in (scope.try_files, scope.handler) if each is not None]
        if handlers and scope.directive.name == "location":
            yield _dead_finding(answer, handlers)


def _dead_finding(end: Directive, rest: list[Directive]) -> Finding:
    first = rest[0]
    words = " ".join([end.name, *end.raw_args])
    what_ends = "the request" if end.name == "return" else "the rewrite directives of this block"
    more = f", nor do the {len(rest) - 1} behind it" if len(rest) > 1 else ""
    message = (
        f"{first.name} never runs{more}: `{words}` (line {end.line}) ends {what_ends} before. "
        "Put it first, or make the other one conditional"
    )
    return DEAD.at(first.place, message, [related("ends here", end.place)])
