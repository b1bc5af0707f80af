# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The blocks that probes reached, and those of them that are verified."""

from __future__ import annotations

import typing as t
from collections import Counter, defaultdict
from functools import cached_property

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import walk

from .map_entries import MapUsage
from .outcome_diff import call_of
from .report import Coverage, CoverageCount, UncoveredBlock, Unverified
from .world_limits import ASPECTS, WorldLimit, gaps_of, limits_of

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ansible_collections.failsafe.nginx.plugins.module_utils._wire.probes import Probe
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive, Place

    from .attribution import SemanticChange, SemanticDiff
    from .sides import BlockLocator

#: The ids of the blocks that a probe passed.
Trace = tuple[str, ...]
#: A block in one of its servers: the ids of server and block.
Identity = tuple[str, str]

_KINDS: t.Final = ("server", "location", "if")
_NO_ENTRY: t.Final = frozenset({"hostnames", "volatile", "include", "delete", "proxy", "proxy_recursive", "ranges"})
_SHARED: t.Final = frozenset({"map", "geo", "split_clients", "upstream"})
#: Risks of changes that requests through the block verify; no probe shows the others.
_VISIBLE: t.Final = frozenset({"access-control", "routing", "upstream", "code", "headers"})


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
    def _identities(self) -> tuple[set[Identity], set[Identity]]:
        """Return the blocks that were reached, and those that a verified probe reached."""
        reached: set[Identity] = set()
        verified: set[Identity] = set()
        known: dict[Trace, set[Identity]] = {}
        for index in range(len(self.side.outcomes)):
            trace = self.side.traces[index]
            if trace not in known:
                known[trace] = set(self._read(trace))
                reached |= known[trace]
            if index not in self.unstable and not self.reasons(index):
                verified |= known[trace]
        return reached, verified

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
        reached, _verified = self._identities
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
    def _marks(self) -> dict[Place, str]:
        return {block.place: mark for mark, block in self.side.markers.items()}

    def unverified_block(self, place: Place) -> str | None:
        """Return why a block is not verified; None where it is."""
        mark = self._marks.get(place)
        if mark is None:
            return "its requests cannot be told from others"
        reached, verified = self._identities
        servers = self.side.markers[mark].servers
        missing = [server for server in servers if (server, mark) not in verified]
        if not missing:
            return None
        if any((server, mark) in reached for server in missing):
            return "requests reach it, but show only approximately what a client gets"
        return "no request reaches it" + (f" in {len(missing)} of {len(servers)} servers" if len(servers) > 1 else "")

    @cached_property
    def asked(self) -> frozenset[str]:
        """Return the upstream peers that got a request."""
        upstreams = (each for outcome in self.side.outcomes for each in outcome.upstreams)
        return frozenset(call_of(each).peer for each in upstreams)


def changed_not_verified(
    diff: SemanticDiff, old: ReachedBlocks, new: ReachedBlocks, probes: Sequence[Probe]
) -> Iterator[Unverified]:
    """Yield the changed blocks that no verified probe passed."""
    told: set[tuple[Place, str]] = set()
    for change in diff.changes:
        if change.risk not in _VISIBLE:
            continue
        for before, after in change.directives:
            side, directive = (new, after) if after is not None else (old, before)
            for what, place, reason in _doubts(directive, side, probes) if directive is not None else ():
                if (place, reason) not in told:
                    told.add((place, reason))
                    yield Unverified("changed", what, reason, place.file, place.line)


def _doubts(directive: Directive, side: ReachedBlocks, probes: Sequence[Probe]) -> Iterator[tuple[str, Place, str]]:
    """Yield why a changed directive is not verified: its block, place and reason."""
    top = _ancestor(directive) or directive
    if top.name in ("stream", "mail"):
        yield top.name, directive.place, "only HTTP is probed"
    elif top is not directive:
        for block in _blocks_of(directive):
            reason = side.unverified_block(block.place) if side.side.is_traced else "blocks were not traced"
            if reason:
                yield _label(block), block.place, reason
        shared = directive if directive.name in _SHARED else directive.parent
        if shared is not None and shared.name in _SHARED and shared.block is not None:
            yield from _shared_doubts(directive, shared, side, probes)


def _shared_doubts(
    directive: Directive, shared: Directive, side: ReachedBlocks, probes: Sequence[Probe]
) -> Iterator[tuple[str, Place, str]]:
    """Yield the same for a directive in a block that others refer to."""
    if shared.name == "upstream":
        peers = [child.args[0] for child in shared.find("server") if child.args]
        if not any(side.locator.peers.get(peer, frozenset()) & side.asked for peer in peers):
            yield _label(shared), shared.place, "no request is passed to it"
    elif shared.name in ("map", "geo"):
        for entry in directive.children if directive is shared else (directive,):
            if entry.name not in _NO_ENTRY and id(entry) not in side.used_entries(probes):
                yield f"{_label(shared)}: {entry.name}", entry.place, "no request is known to use it"
    else:
        yield f"{_label(shared)}: {directive.name}", directive.place, "it is unknown which requests use it"


def _ancestor(directive: Directive) -> Directive | None:
    top = directive.parent
    while top is not None and top.parent is not None:
        top = top.parent
    return top


def _blocks_of(directive: Directive) -> Iterator[Directive]:
    """Yield the blocks that a changed directive affects: those in it, else the one around it."""
    if directive.block is not None and directive.name in _KINDS:
        yield from (
            each for each in (directive, *walk(directive.block)) if each.block is not None and each.name in _KINDS
        )
        return
    parent = directive.parent
    while parent is not None and parent.name not in _KINDS:
        parent = parent.parent
    if parent is not None:
        yield parent


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


def unused_changes(diff: SemanticDiff | None, used: set[int]) -> list[SemanticChange]:
    """Return the semantic changes that cause no change of an outcome, without the cosmetic ones."""
    if diff is None:
        return []
    return [change for number, change in enumerate(diff.changes) if number not in used and change.risk != "cosmetic"]
