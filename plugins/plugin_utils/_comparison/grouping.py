# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""From changed requests to groups: one group for each class and cause."""

from __future__ import annotations

import heapq
import re
import typing as t
from collections import Counter, defaultdict
from dataclasses import dataclass, replace

from .change_classes import ORDER, worst
from .formatting import outcome_pair, request_line
from .probe_requests import host_of, is_scenario, listener_name, path_of
from .report import MOST_EXAMPLES, BehaviourChange, Example, Scope

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ansible_collections.failsafe.nginx.plugins.module_utils._wire.outcomes import ProbeOutcome
    from ansible_collections.failsafe.nginx.plugins.module_utils._wire.probes import Probe
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Place
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.marker import Block

    from .accept_list import AcceptEntry
    from .attribution import Attribution, Signature
    from .magnitude import OutageUnit
    from .server_name_moves import ServerNameMove
    from .sides import ServedBy

#: The blocks of one change, before and after.
Blocks = tuple["Place | None", "Place | None"]

#: Classes that are reported even where a server name moved.
_OUTSTANDING: t.Final = frozenset(
    {"outage", "error-introduced", "redirect-loop", "cached-redirect-loop", "access-widened"}
)
_ABOUT_HEADERS: t.Final = frozenset(
    {"security-header-removed", "headers-changed", "upstream-headers-changed", "file-changed", "content-type-changed"}
)


class _Known(t.NamedTuple):
    """Requests that people know: among a class's requests of which the simplest matches `of`, those that match `best`."""

    of: re.Pattern[str]
    best: re.Pattern[str]


#: A certificate that is not renewed, and a page without its style, are what clients notice.
_KNOWN: t.Final = {
    "lost": _Known(re.compile(r"/\."), re.compile(r"^/\.well-known/acme-challenge/")),
    "content-type-changed": _Known(re.compile(""), re.compile(r"\.(?:css|m?js)$")),
}
#: A class that more than this share of a server's requests has is one of the whole server.
_SHARE: t.Final = 0.5


@dataclass(frozen=True)
class ChangedRequest:
    """One request in one class of change.

    Attributes:
        index: of the probe.
        name: the class.
        old: the blocks that answered before, `new` those that answer now.
        found: the differences between the outcomes.
        causes: the numbers of the changes behind it.
        was: of an outage, the class that the request would be in by itself.
        unit: of an outage, the listener, server or name that is out.
    """

    index: int
    name: str
    old: ServedBy
    new: ServedBy
    found: frozenset[str]
    causes: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    accepted: AcceptEntry | None = None
    was: str = ""
    unit: OutageUnit | None = None

    @property
    def shown(self) -> frozenset[str]:
        """Return the differences to show: headers for a class about headers, else none."""
        return self.found if self.name in _ABOUT_HEADERS else frozenset()

    @property
    def server(self) -> Block | None:
        """Return the server that the change is reported for."""
        return self.new.server or self.old.server if self.name == "new" else self.old.server or self.new.server

    @property
    def blocks(self) -> Blocks:
        """Return the places of the answering blocks."""
        old, new = self.old.block, self.new.block
        return (old.place if old else None, new.place if new else None)


@dataclass(frozen=True)
class GroupKey:
    """The key that changed requests of one group share; those of no interest are None."""

    scope: Scope
    name: str = ""
    accepted: AcceptEntry | None = None
    notes: tuple[str, ...] = ()
    move: tuple[str | Place, ...] | None = None
    signature: Signature | None = None
    server: Place | None = None
    blocks: Blocks | None = None
    #: Of an outage: port and way of speaking of a listener, or the name.
    out: tuple[str | bool, ...] | None = None


class GroupKeys(t.Protocol):
    """Makes the keys of groups, see `accept_keys.py`."""

    def keys(self, groups: Sequence[tuple[BehaviourChange, Sequence[ChangedRequest]]]) -> list[str]: ...


class GroupNotes(t.Protocol):
    """Makes notes of groups, see `page_folders.py`."""

    def notes(self, items: Sequence[ChangedRequest]) -> list[str]: ...


class Grouper:
    """Group the changed requests of one comparison.

    Args:
        probes: all requests.
        outcomes: of both sides.
        served: the blocks that answered, on both sides.
        moves: index of a probe -> the move of its server name.
        attribution: the changes of the configuration.
        keys: makes the groups' keys; without it they have none.
        notes: makes further notes of groups.
    """

    def __init__(
        self,
        probes: Sequence[Probe],
        outcomes: tuple[Sequence[ProbeOutcome], Sequence[ProbeOutcome]],
        served: tuple[Sequence[ServedBy], Sequence[ServedBy]],
        moves: dict[int, ServerNameMove],
        attribution: Attribution,
        *,
        keys: GroupKeys | None = None,
        notes: GroupNotes | None = None,
    ) -> None:
        self.keys = keys
        self.notes = notes
        self.probes = probes
        self.old, self.new = outcomes
        self.moves = moves
        self.attribution = attribution
        #: Place of a server -> number of its requests without made-up circumstances.
        self._totals: Counter[Place] = Counter()
        for probe, before, after in zip(probes, *served, strict=True):
            server = before.server or after.server
            if server is not None and not is_scenario(probe):
                self._totals[server.place] += 1

    def groups(self, items: Sequence[ChangedRequest]) -> list[BehaviourChange]:
        """Return the groups, worst class first; those under made-up circumstances are the last of their class."""
        whole = self._whole_servers(items)
        causes = _causes_of_units(items)
        found: dict[GroupKey, list[ChangedRequest]] = defaultdict(list)
        for item in items:
            found[self._key(item, whole, causes)].append(item)
        self._absorb(found)
        pairs = [(self._change(key.scope, members), members) for key, members in found.items()]
        keys = self.keys.keys(pairs) if self.keys else [""] * len(pairs)
        made = [replace(change, key=key) for (change, _members), key in zip(pairs, keys, strict=True)]
        made.sort(
            key=lambda change: (ORDER[change.name], change.scenario, -change.requests, change.servers, change.where)
        )
        return made

    def _key(
        self, item: ChangedRequest, whole: set[tuple[str, Place]], causes: dict[OutageUnit, tuple[int, ...]]
    ) -> GroupKey:
        move = self.moves.get(item.index)
        server = item.server.place if item.server else None
        if item.notes:
            return GroupKey("block", item.name, item.accepted, notes=item.notes)
        if move is not None:
            return GroupKey("name", accepted=item.accepted, move=move.key)
        if item.unit is not None and item.unit.kind != "server":
            return _key_of_unit(item, item.unit)
        signature = self.attribution.signature(causes[item.unit] if item.unit is not None else item.causes)
        is_whole = server is not None and ((item.name, server) in whole or item.unit is not None)
        scope: Scope = "server" if is_whole else "block"
        if signature:
            return GroupKey(scope, item.name, item.accepted, signature=signature)
        return GroupKey(scope, item.name, item.accepted, server=server, blocks=None if is_whole else item.blocks)

    def _absorb(self, found: dict[GroupKey, list[ChangedRequest]]) -> None:
        """Join a group with one of the same class and blocks that has its causes and others."""
        alike: dict[tuple[str, AcceptEntry | None, frozenset[tuple[Place | None, Blocks]]], list[GroupKey]]
        alike = defaultdict(list)
        for key, items in found.items():
            if key.scope == "block" and key.signature:
                places = frozenset((item.server.place if item.server else None, item.blocks) for item in items)
                alike[key.name, key.accepted, places].append(key)
        for keys in alike.values():
            keys.sort(key=lambda key: -len(key.signature or ()))
            for position, key in enumerate(keys):
                causes = set(key.signature or ())
                larger = next(
                    (other for other in keys[:position] if other in found and causes < set(other.signature or ())), None
                )
                if larger is not None:
                    found[larger] += found.pop(key)

    def _whole_servers(self, items: Iterable[ChangedRequest]) -> set[tuple[str, Place]]:
        """Return class and server where more than half of the server's requests, in several blocks, have the class."""
        counts: Counter[tuple[str, Place]] = Counter()
        blocks: dict[tuple[str, Place], set[Blocks]] = defaultdict(set)
        for item in items:
            server = item.server
            if server is None or is_scenario(self.probes[item.index]) or item.index in self.moves:
                continue
            key = (item.name, server.place)
            counts[key] += 1
            blocks[key].add(item.blocks)
        return {key for key, count in counts.items() if len(blocks[key]) > 1 and count > _SHARE * self._totals[key[1]]}

    def _change(self, scope: Scope, items: list[ChangedRequest]) -> BehaviourChange:
        move = self.moves.get(items[0].index) if scope == "name" else None
        counts = Counter(item.name for item in items)
        name = worst(counts)
        if move is not None and move.kind != "moved":
            telling = _OUTSTANDING - {"access-widened"} if move.kind == "gained" else _OUTSTANDING
            counts = Counter({each: number for each, number in counts.items() if each in telling})
            name = worst([*counts, "new" if move.kind == "gained" else "lost"])
        shown = min(items, key=lambda item: (item.name != name, ORDER[item.name], *self._simplicity(item)))
        shown = self._telling(shown, items)
        others = heapq.nsmallest(
            MOST_EXAMPLES, (each for each in items if each.name == shown.name), key=self._simplicity
        )
        indexes = sorted({item.index for item in items})
        probes = [self.probes[index] for index in indexes]
        places = {item.blocks for item in items}
        notes = [note for item in items for note in item.notes] + ([move.text] if move else [])
        notes += self.notes.notes(items) if self.notes else []
        if scope == "block" and len(places) > 1:
            notes.append(f"in {len(places)} blocks")
        explained = dict.fromkeys(number for item in items for number in item.causes)
        return BehaviourChange(
            name=name,
            scope=scope,
            servers=_servers(items, probes if scope == "name" else ()),
            before_block=shown.old.label,
            after_block=shown.new.label,
            listeners=tuple(sorted({listener_name(probe.listen) for probe in probes})),
            requests=len(indexes),
            probes=tuple(probe.id for probe in probes),
            example=self._example(shown),
            more_examples=tuple(self._example(each) for each in others if each.index != shown.index)[
                : MOST_EXAMPLES - 1
            ],
            causes=tuple(self.attribution.changes[number] for number in sorted(explained)),
            also={each: number for each, number in counts.items() if each != name},
            notes=tuple(dict.fromkeys(notes)),
            scenario=all(is_scenario(probe) for probe in probes),
            accepted=items[0].accepted,
        )

    def _telling(self, shown: ChangedRequest, items: Iterable[ChangedRequest]) -> ChangedRequest:
        """Return the request that tells most of what the change does: the simplest one, or one that people know."""
        known = _KNOWN.get(shown.name)
        if known is None or not known.of.search(path_of(self.probes[shown.index])):
            return shown
        found = [
            each for each in items if each.name == shown.name and known.best.search(path_of(self.probes[each.index]))
        ]
        return min(found, key=self._simplicity, default=shown)

    def _simplicity(self, item: ChangedRequest) -> tuple[int, ...]:
        """Return the order of examples: the simplest request is the least."""
        probe = self.probes[item.index]
        return (
            is_scenario(probe),
            bool(self.new[item.index].hops),
            probe.method != "GET",
            len(probe.headers),
            probe.host is None,
            len(probe.target),
            item.index,
        )

    def _example(self, item: ChangedRequest) -> Example:
        probe, index = self.probes[item.index], item.index
        before, after = outcome_pair(self.old[index], self.new[index], item.shown)
        return Example(
            probe=probe.id,
            request=request_line(probe),
            why=probe.why,
            file=probe.file,
            line=probe.line,
            before=tuple(before),
            after=tuple(after),
        )


def _causes_of_units(items: Iterable[ChangedRequest]) -> dict[OutageUnit, tuple[int, ...]]:
    """Return all causes of each unit that is out: its requests are one group, whichever of the causes each one has."""
    found: dict[OutageUnit, set[int]] = defaultdict(set)
    for item in items:
        if item.unit is not None:
            found[item.unit].update(item.causes)
    return {unit: tuple(sorted(causes)) for unit, causes in found.items()}


def _key_of_unit(item: ChangedRequest, unit: OutageUnit) -> GroupKey:
    """Return the key of a listener that is out, the same for both families, or of a name."""
    if unit.kind == "name":
        return GroupKey("name", item.name, item.accepted, out=(str(unit.key),))
    address, *ways = t.cast("tuple[str, bool, bool]", unit.key)
    port = address if address.startswith("unix:") else address.rpartition(":")[2]
    return GroupKey("listener", item.name, item.accepted, out=(port, *ways))


def _servers(items: Iterable[ChangedRequest], probes: Iterable[Probe]) -> tuple[str, ...]:
    """Return the names of the servers concerned, for names that moved the names."""
    hosts = sorted({host_of(probe) for probe in probes})
    return tuple(hosts) or tuple(sorted({server_label(item.server) for item in items if item.server}))


def server_label(server: Block) -> str:
    """Return a server's first name, its place where that is `_` or missing."""
    name = server.text.removeprefix("server").strip()
    return name if name not in ("", "_") else f"server at {server.place}"
