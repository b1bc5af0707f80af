# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Matching of old and new servers when names or sockets changed, by look-ups rather than by comparing all pairs."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence

    from .tree import Forest, Node

#: What more servers than these have in common does not tell them apart.
_COMMON: t.Final = 16
#: How much of what they do two servers must share to be one under another name.
_ALIKE: t.Final = 0.5
_Score = tuple[float, ...]


def pair_servers(old: Sequence[Node], new: Sequence[Node], forest: Forest) -> list[tuple[Node, Node]]:
    """Return pairs of servers: by names, then by the same content, then by most of it."""
    found: list[tuple[Node, Node]] = []
    sets = {id(node): (frozenset(node.server_names), frozenset(node.sockets)) for node in (*old, *new)}

    def by_names(left: Node, right: Node) -> _Score | None:
        (names, sockets), (other_names, other_sockets) = sets[id(left)], sets[id(right)]
        shared = _jaccard(names, other_names)
        return (_jaccard(sockets, other_sockets) + shared, shared) if shared else None

    def names_of(node: Node) -> Iterable[Hashable]:
        names, sockets = sets[id(node)]
        return {*(name for name in names if name not in ("", "_")), *((n, s) for n in names for s in sockets)}

    details = {id(node): _details(node) for node in (*old, *new)}

    def by_details(left: Node, right: Node) -> _Score | None:
        share = _jaccard(details[id(left)], details[id(right)])
        return (share,) if share >= _ALIKE else None

    def left(nodes: Sequence[Node]) -> list[Node]:
        gone = {id(node) for match in found for node in match}
        return [node for node in nodes if id(node) not in gone]

    found += _greedy(old, new, names_of, by_names)
    same = {id(node): forest.outside(node) for node in (*left(old), *left(new)) if details[id(node)]}
    found += _equal(left(old), left(new), lambda node: (same.get(id(node)), sets[id(node)][1]))
    found += _equal(left(old), left(new), lambda node: (same.get(id(node)),))
    found += _greedy(left(old), left(new), lambda node: details[id(node)], by_details)
    # What remains is known by its place: the one such server of a file that listens on these sockets.
    return found + _only(left(old), left(new), lambda node: (node.directive.file, sets[id(node)][1]))


def _only(old: Sequence[Node], new: Sequence[Node], trait: Callable[[Node], Hashable]) -> list[tuple[Node, Node]]:
    """Return pairs of those that are the only ones with a trait on both sides."""
    sides: tuple[dict[Hashable, list[Node]], dict[Hashable, list[Node]]] = ({}, {})
    for side, nodes in zip(sides, (old, new), strict=True):
        for node in nodes:
            side.setdefault(trait(node), []).append(node)
    return [
        (nodes[0], others[0])
        for key, nodes in sides[0].items()
        if len(nodes) == 1 and len(others := sides[1].get(key, [])) == 1
    ]


def _equal(
    old: Sequence[Node], new: Sequence[Node], trait: Callable[[Node], tuple[t.Any, ...]]
) -> list[tuple[Node, Node]]:
    """Pair the first of those that have the same content, the first part of the trait, with the first."""
    waiting: dict[Hashable, list[Node]] = {}
    for node in reversed(new):
        waiting.setdefault(trait(node), []).append(node)
    found = []
    for node in old:
        key = trait(node)
        if key[0] is not None and waiting.get(key):
            found.append((node, waiting[key].pop()))
    return found


def _details(node: Node) -> frozenset[int]:
    return frozenset(child.id for child in node.children or () if child.name not in ("listen", "server_name"))


def _jaccard(left: frozenset[t.Any], right: frozenset[t.Any]) -> float:
    return len(left & right) / (len(left | right) or 1)


def _greedy(
    old: Sequence[Node],
    new: Sequence[Node],
    traits: Callable[[Node], Iterable[Hashable]],
    score: Callable[[Node, Node], _Score | None],
) -> list[tuple[Node, Node]]:
    """Return the best pairs first; only servers that share a rare trait are compared."""
    having: dict[Hashable, list[int]] = {}
    for index, node in enumerate(new):
        for trait in traits(node):
            having.setdefault(trait, []).append(index)
    candidates: list[tuple[tuple[float, ...], int, int]] = []
    for index, node in enumerate(old):
        others: set[int] = set()
        for trait in traits(node):
            sharing = having.get(trait, ())
            others.update(sharing if len(sharing) <= _COMMON else ())
        for other in others:
            value = score(node, new[other])
            if value is not None:
                # Equal scores: by place, in a way that does not depend on which side is the old one.
                order = (*(-part for part in value), index + other, abs(index - other))
                candidates.append((order, index, other))
    return _take(sorted(candidates), old, new)


def _take(
    candidates: Iterable[tuple[tuple[float, ...], int, int]], old: Sequence[Node], new: Sequence[Node]
) -> list[tuple[Node, Node]]:
    olds: set[int] = set()
    news: set[int] = set()
    found = []
    for _score, index, other in candidates:
        if index not in olds and other not in news:
            olds.add(index)
            news.add(other)
            found.append((old[index], new[other]))
    return found
