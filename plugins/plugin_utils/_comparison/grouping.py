# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""From requests that changed to as few groups as there are causes."""

from __future__ import annotations

import typing as t
from collections import Counter, defaultdict
from dataclasses import dataclass

from .attribution import host_of, is_made_up, listener_name
from .classes import ORDER, worst
from .formatting import outcome_lines, request_line
from .result import BehaviourChange, Example, Scope

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Place
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.marker import Block

    from .accepting import Accepted
    from .attribution import Probe, Served
    from .causes import Causes
    from .names import Move
    from .outcome_diff import Outcome

#: A name that another server answers is told as such, unless this comes of it.
_OUTSTANDING: t.Final = frozenset({"error-introduced", "redirect-loop", "cached-redirect-loop", "access-widened"})
_ABOUT_HEADERS: t.Final = frozenset(
    {"security-header-removed", "headers-changed", "upstream-headers-changed", "file-changed"}
)
_SHARE: t.Final = 0.5


@dataclass(frozen=True)
class Item:
    """One request in one class."""

    index: int
    name: str
    old: Served
    new: Served
    found: frozenset[str]
    causes: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    accepted: Accepted | None = None

    @property
    def shown(self) -> frozenset[str]:
        """The headers that matter: those of a class that is about headers, and none where the outcome is another."""
        return self.found if self.name in _ABOUT_HEADERS else frozenset()

    @property
    def server(self) -> Block | None:
        return self.new.server or self.old.server if self.name == "new" else self.old.server or self.new.server

    @property
    def blocks(self) -> tuple[Place | None, Place | None]:
        old, new = self.old.block, self.new.block
        return (old.place if old else None, new.place if new else None)


class Grouper:
    """Groups the items of one comparison."""

    def __init__(
        self,
        probes: Sequence[Probe],
        outcomes: tuple[Sequence[Outcome], Sequence[Outcome]],
        served: tuple[Sequence[Served], Sequence[Served]],
        moves: dict[int, Move],
        causes: Causes,
    ) -> None:
        self.probes = probes
        self.old, self.new = outcomes
        self.moves = moves
        self.causes = causes
        #: Plain requests by the server that answers them.
        self._totals: Counter[Place] = Counter()
        for probe, before, after in zip(probes, *served, strict=True):
            server = before.server or after.server
            if server is not None and not is_made_up(probe):
                self._totals[server.place] += 1

    def groups(self, items: Sequence[Item]) -> list[BehaviourChange]:
        """The groups, worst class first, those under made-up circumstances last in their class."""
        whole = self._whole_servers(items)
        found: dict[tuple[t.Any, ...], list[Item]] = defaultdict(list)
        for item in items:
            found[self._key(item, whole)].append(item)
        self._absorb(found)
        made = [self._change(key[0], members) for key, members in found.items()]
        made.sort(
            key=lambda change: (ORDER[change.name], change.scenario, -change.requests, change.servers, change.where)
        )
        return made

    def _key(self, item: Item, whole: set[tuple[str, Place]]) -> tuple[t.Any, ...]:
        accepted = id(item.accepted) if item.accepted else 0
        move = self.moves.get(item.index)
        server = item.server.place if item.server else None
        if item.notes:
            return ("block", accepted, item.name, item.notes)
        if move is not None:
            return ("name", accepted, move.key)
        if server is not None and (item.name, server) in whole:
            return ("server", accepted, item.name, self.causes.kind_of(item.causes) or server)
        return ("block", accepted, item.name, self.causes.kind_of(item.causes) or (server, *item.blocks))

    def _absorb(self, found: dict[tuple[t.Any, ...], list[Item]]) -> None:
        """Put a group into one of the same class and the same blocks that has its causes, and others beside them."""
        alike: dict[tuple[t.Any, ...], list[tuple[t.Any, ...]]] = defaultdict(list)
        for key, items in found.items():
            if key[0] == "block" and items[0].causes:
                places = frozenset((item.server.place if item.server else None, *item.blocks) for item in items)
                alike[key[1], key[2], places].append(key)
        for keys in alike.values():
            keys.sort(key=lambda key: -len(key[3]))
            for position, key in enumerate(keys):
                larger = next(
                    (other for other in keys[:position] if other in found and set(key[3]) < set(other[3])), None
                )
                if larger is not None:
                    found[larger] += found.pop(key)

    def _whole_servers(self, items: Iterable[Item]) -> set[tuple[str, Place]]:
        """The classes that more than half of a server's requests share, in more than one block."""
        counts: Counter[tuple[str, Place]] = Counter()
        blocks: dict[tuple[str, Place], set[t.Any]] = defaultdict(set)
        for item in items:
            server = item.server
            if server is None or is_made_up(self.probes[item.index]) or item.index in self.moves:
                continue
            key = (item.name, server.place)
            counts[key] += 1
            blocks[key].add(item.blocks)
        return {key for key, count in counts.items() if len(blocks[key]) > 1 and count > _SHARE * self._totals[key[1]]}

    def _change(self, scope: Scope, items: list[Item]) -> BehaviourChange:
        move = self.moves.get(items[0].index) if scope == "name" else None
        counts = Counter(item.name for item in items)
        name = worst(counts)
        if move is not None and move.kind != "moved":
            telling = _OUTSTANDING - {"access-widened"} if move.kind == "gained" else _OUTSTANDING
            counts = Counter({each: number for each, number in counts.items() if each in telling})
            name = worst([*counts, "new" if move.kind == "gained" else "lost"])
        shown = min(items, key=lambda item: (item.name != name, ORDER[item.name], *self._plainness(item)))
        indexes = sorted({item.index for item in items})
        probes = [self.probes[index] for index in indexes]
        places = {item.blocks for item in items}
        notes = [note for item in items for note in item.notes] + ([move.text] if move else [])
        if scope == "block" and len(places) > 1:
            notes.append(f"in {len(places)} blocks")
        explained = dict.fromkeys(number for item in items for number in item.causes)
        return BehaviourChange(
            name=name,
            scope=scope,
            servers=_servers(items, probes if move else ()),
            before_block=shown.old.label,
            after_block=shown.new.label,
            listeners=tuple(sorted({listener_name(probe["listen"]) for probe in probes})),
            requests=len(indexes),
            probes=tuple(str(probe["id"]) for probe in probes),
            example=self._example(shown),
            causes=tuple(self.causes.changes[number].as_dict() for number in sorted(explained)),
            also={each: number for each, number in counts.items() if each != name},
            notes=tuple(dict.fromkeys(notes)),
            scenario=all(is_made_up(probe) for probe in probes),
            accepted=items[0].accepted.as_dict() if items[0].accepted else None,
        )

    def _plainness(self, item: Item) -> tuple[t.Any, ...]:
        probe = self.probes[item.index]
        return (
            is_made_up(probe),
            bool(self.new[item.index].get("hops")),
            probe["method"] != "GET",
            len(probe.get("headers") or ()),
            probe.get("host") is None,
            len(str(probe["target"])),
            item.index,
        )

    def _example(self, item: Item) -> Example:
        probe, index = self.probes[item.index], item.index
        return Example(
            probe=str(probe["id"]),
            request=request_line(probe),
            why=str(probe.get("why") or ""),
            file=probe.get("file"),
            line=probe.get("line"),
            before=tuple(outcome_lines(self.old[index], item.shown)),
            after=tuple(outcome_lines(self.new[index], item.shown)),
        )


def _servers(items: Iterable[Item], probes: Iterable[Probe]) -> tuple[str, ...]:
    """The names of the servers concerned; of names that moved, the names."""
    hosts = sorted({host_of(probe) for probe in probes})
    return tuple(hosts) or tuple(sorted({server_label(item.server) for item in items if item.server}))


def server_label(server: Block) -> str:
    """A server's first name, its place where it has none that is one."""
    name = server.text.removeprefix("server").strip()
    return name if name not in ("", "_") else f"server at {server.place}"
