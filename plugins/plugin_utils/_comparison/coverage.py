# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The blocks that probes reached, and what of their outcomes only approximates those of real clients."""

from __future__ import annotations

import typing as t
from collections import Counter, defaultdict
from functools import cached_property

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import walk

from .map_entries import MapUsage
from .report import Coverage, CoverageCount, UncoveredBlock, Unverified
from .world_limits import ASPECTS, WorldLimit, gaps_of, limits_of

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ansible_collections.failsafe.nginx.plugins.module_utils._wire.probes import Probe
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive, Place

    from .sides import BlockLocator

#: The ids of the blocks that a probe passed.
Trace = tuple[str, ...]
#: A block in one of its servers: the ids of server and block.
Identity = tuple[str, str]

_KINDS: t.Final = ("server", "location", "if")


class ReachedBlocks:
    """The blocks of one side that probes passed.

    Args:
        locator: of the side.
        unstable: indexes of the probes whose outcomes differ from run to run.
    """

    def __init__(self, locator: BlockLocator, unstable: frozenset[int]) -> None:
        self.locator = locator
        self.side = locator.side
        self.unstable = unstable
        self.limits: list[WorldLimit] = [] if self.side.config is None else list(limits_of(self.side.config))
        self._by_block: dict[Place | None, list[WorldLimit]] = defaultdict(list)
        for limit in self.limits:
            if limit.what not in ASPECTS:
                self._by_block[limit.block].append(limit)
        self._reasons: dict[Trace, tuple[str, ...]] = {}
        self._used: set[int] | None = None

    def reasons(self, index: int) -> tuple[str, ...]:
        """Return why an outcome only approximates that of a real client; nothing where it does not."""
        trace = self.side.traces[index]
        if trace not in self._reasons:
            places: dict[Place, None] = {}
            for mark in trace:
                block = self.side.markers[mark]
                places.update(dict.fromkeys((block.place, *block.around)))
            found = dict.fromkeys(limit.what for place in places for limit in self._by_block.get(place, ()))
            everywhere = dict.fromkeys(
                limit.what
                for limit in self._by_block[None]
                if limit.directive.parent and limit.directive.parent.name == "http"
            )
            self._reasons[trace] = tuple(sorted({**found, **everywhere}))
        return self._reasons[trace]

    @cached_property
    def _identities(self) -> set[Identity]:
        """Return the blocks that were reached."""
        return {identity for trace in set(self.side.traces) for identity in self._read(trace)}

    def _read(self, trace: Trace) -> Iterator[Identity]:
        server = ""
        for mark in trace:
            block = self.side.markers[mark]
            if block.kind == "server":
                server = mark
            elif len(block.servers) == 1:
                server = block.servers[0]
            yield server, mark

    def coverage(self, probes: Sequence[Probe]) -> Coverage:
        """Count the blocks of this side's configuration that probes reached, and list the others."""
        reached = self._identities
        counts = {kind: Counter[bool]() for kind in (*_KINDS, "map")}
        uncovered: list[UncoveredBlock] = []
        for mark, block in self.side.markers.items():
            for server in block.servers:
                counts[block.kind][(server, mark) in reached] += 1
                if (server, mark) not in reached:
                    place, name = block.place, self.side.markers[server].text
                    uncovered.append(UncoveredBlock(block.kind, block.text, place.file, place.line, name))
        for entry, source in self._map_entries():
            used = id(entry) in self.used_entries(probes)
            counts["map"][used] += 1
            if not used:
                uncovered.append(UncoveredBlock("map", f"{source}: {entry.name}", entry.file, entry.line, ""))
        servers, locations, ifs, maps = (CoverageCount(each[True], each.total()) for each in counts.values())
        return Coverage(servers, locations, ifs, maps, traced=self.side.is_traced, uncovered=tuple(uncovered))

    def _map_entries(self) -> Iterator[tuple[Directive, str]]:
        for each in self._maps.maps if self._maps else ():
            for entry in each.entries:
                yield entry, _label(each.directive)

    @cached_property
    def _maps(self) -> MapUsage | None:
        return None if self.side.config is None else MapUsage(self.side.config)

    def used_entries(self, probes: Sequence[Probe]) -> set[int]:
        """Return the `id()` of the map entries that these probes use."""
        if self._used is None:
            known: dict[Trace, frozenset[Place]] = {}
            passed = [known.setdefault(trace, self._passed(trace)) for trace in self.side.traces]
            self._used = self._maps.used(probes, passed) if self._maps else set()
        return self._used

    def _passed(self, trace: Trace) -> frozenset[Place]:
        blocks = [self.side.markers[mark] for mark in trace]
        return frozenset(place for block in blocks for place in (block.place, *block.around))

    @cached_property
    def directives(self) -> dict[Place, list[tuple[Directive, Place | None]]]:
        """Return place -> the servers, locations and ifs there, each with the place of its server; several for a snippet."""
        found: dict[Place, list[tuple[Directive, Place | None]]] = defaultdict(list)
        for directive in walk(self.side.config.root) if self.side.config else ():
            if directive.block is not None and directive.name in _KINDS:
                found[directive.place].append((directive, _server_of(directive)))
        return found


def _server_of(directive: Directive) -> Place | None:
    block: Directive | None = directive
    while block is not None and block.name != "server":
        block = block.parent
    return None if block is None else block.place


def _label(block: Directive) -> str:
    return " ".join([block.name, *block.args])


def shown_limits(old: ReachedBlocks, new: ReachedBlocks) -> Iterator[Unverified]:
    """Yield each limit once, with its first place; those of the new configuration come first."""
    found: dict[tuple[str, str], list[Place]] = defaultdict(list)
    for reached in (new, old):
        for limit in reached.limits:
            places = found[limit.what, limit.reason]
            if limit.directive.place not in places[-1:]:
                places.append(limit.directive.place)
    for (what, reason), places in found.items():
        yield Unverified("limit", what, reason, places[0].file, places[0].line)
    for reached in (new, old):
        for note in dict.fromkeys(reached.side.notes):
            yield Unverified("limit", "the private world", note)
        for message, place in gaps_of(reached.side.config) if reached.side.config else ():
            yield Unverified("limit", "not read here", message, place.file, place.line)
