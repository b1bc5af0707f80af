# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Matching of old and new directives of a block: by key, then by traits that remain."""

from __future__ import annotations

import typing as t
from bisect import bisect_left
from itertools import pairwise

from .servers import pair_servers

if t.TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence

    from .tree import Forest, Node

#: A pair of which one side may be missing.
Pair = tuple["Node | None", "Node | None"]
Match = tuple["Node", "Node"]

#: One of them lost and one gained is one of them changed: their first argument is a value, not a name.
_VALUES: t.Final = frozenset(
    {
        *("allow", "deny", "rewrite", "access_log", "error_log", "error_page", "limit_req", "limit_conn", "server"),
        *("set_real_ip_from", "proxy_redirect", "proxy_cookie_path", "proxy_cookie_domain", "proxy_cache_valid"),
        *(
            "fastcgi_cache_valid",
            "uwsgi_cache_valid",
            "scgi_cache_valid",
            "sub_filter",
            "include",
            "listen",
            "load_module",
        ),
        *("split_clients", "proxy_set_body"),
    }
)
#: Named locations, exact ones and so on: two locations with one pattern differ in their modifier.
_PATTERN: t.Final = 2


def pair(before: Sequence[Node], after: Sequence[Node], forest: Forest) -> list[Pair]:
    """Return every node of two blocks' children once, with its counterpart or None, in the order of `before`, then of `after`."""
    matches: list[Match] = []
    old, new = _by(before, lambda node: node.key), _by(after, lambda node: node.key)
    left_old: list[Node] = []
    left_new: list[Node] = [node for key, nodes in new.items() if key not in old for node in nodes]
    for key, members in old.items():
        others = new.get(key)
        if others is None:
            left_old += members
        elif len(members) == len(others) == 1:
            matches.append((members[0], others[0]))
        else:
            equal, nodes, others = _equal(members, others, lambda node: node.id)
            matches += equal
            matches += zip(nodes, others, strict=False)
            left_old += nodes[len(others) :]
            left_new += others[len(nodes) :]
    if left_old and left_new:
        found, left_old, left_new = _leftovers(left_old, left_new, forest)
        matches += found
    return _ordered(before, after, matches)


def _leftovers(old: list[Node], new: list[Node], forest: Forest) -> tuple[list[Match], list[Node], list[Node]]:
    found: list[Match] = []
    lost: list[Node] = []
    by_kind = _by(new, _kind)
    for kind, members in _by(old, _kind).items():
        nodes, others = members, by_kind.pop(kind, [])
        for rule in _RULES.get(kind[0], _BLOCK_RULES) if kind[1] else (_single,):
            if nodes and others:
                more, nodes, others = rule(nodes, others, forest)
                found += more
        lost += nodes
        by_kind[kind] = others
    return found, lost, [node for others in by_kind.values() for node in others]


def _kind(node: Node) -> tuple[str, bool]:
    name = "allow" if node.name == "deny" else node.name
    return name, node.children is not None


Rule = t.Callable[[list["Node"], list["Node"], "Forest"], tuple[list[Match], list["Node"], list["Node"]]]


def _single(old: list[Node], new: list[Node], _forest: Forest) -> tuple[list[Match], list[Node], list[Node]]:
    if len(old) == len(new) == 1 and old[0].name in _VALUES and old[0].key[0] == new[0].key[0]:
        return [(old[0], new[0])], [], []
    return [], old, new


def _same_pattern(old: list[Node], new: list[Node], _forest: Forest) -> tuple[list[Match], list[Node], list[Node]]:
    return _equal(old, new, lambda node: node.args[1] if len(node.args) == _PATTERN else None)


def _same_body(old: list[Node], new: list[Node], _forest: Forest) -> tuple[list[Match], list[Node], list[Node]]:
    return _equal(old, new, lambda node: node.body if node.children else None)


def _same_condition(old: list[Node], new: list[Node], _forest: Forest) -> tuple[list[Match], list[Node], list[Node]]:
    """Tell whether an `if` asks the same variable something else."""
    return _equal(old, new, lambda node: node.args[:1] or None)


def _servers(old: list[Node], new: list[Node], forest: Forest) -> tuple[list[Match], list[Node], list[Node]]:
    return _without(old, new, pair_servers(old, new, forest))


_BLOCK_RULES: t.Final[tuple[Rule, ...]] = (_same_body,)
_RULES: t.Final[dict[str, tuple[Rule, ...]]] = {
    "server": (_servers,),
    "location": (_same_pattern, _same_body),
    "if": (_same_body, _same_condition),
}


def _equal(
    old: Iterable[Node], new: Iterable[Node], trait: Callable[[Node], Hashable | None]
) -> tuple[list[Match], list[Node], list[Node]]:
    """Return pairs of equal traits, first with first, and the rest of both sides."""
    waiting = _by(new, trait)
    waiting.pop(None, None)
    found: list[Match] = []
    for nodes in waiting.values():
        nodes.reverse()
    for node in old:
        others = waiting.get(trait(node))
        if others:
            found.append((node, others.pop()))
    return _without(old, new, found)


def _without(
    old: Iterable[Node], new: Iterable[Node], found: list[Match]
) -> tuple[list[Match], list[Node], list[Node]]:
    olds, news = {id(node) for node, _other in found}, {id(other) for _node, other in found}
    return found, [node for node in old if id(node) not in olds], [node for node in new if id(node) not in news]


def _by(nodes: Iterable[Node], trait: Callable[[Node], Hashable | None]) -> dict[t.Any, list[Node]]:
    found: dict[t.Any, list[Node]] = {}
    for node in nodes:
        found.setdefault(trait(node), []).append(node)
    return found


def _ordered(before: Sequence[Node], after: Sequence[Node], matches: list[Match]) -> list[Pair]:
    partner = {id(old): new for old, new in matches}
    taken = {id(new) for _old, new in matches}
    pairs: list[Pair] = [(node, partner.get(id(node))) for node in before]
    return pairs + [(None, node) for node in after if id(node) not in taken]


def disorder(pairs: Sequence[Pair], after: Sequence[Node]) -> list[list[Match]]:
    """Return the fewest pairs that moved in each ordered group whose survivors stand in another order."""
    position = {id(node): index for index, node in enumerate(after)}
    groups: dict[tuple[str, ...], list[Match]] = {}
    for old, new in pairs:
        if old is None or new is None:
            continue
        if old.group and old.group == new.group:
            groups.setdefault((old.group,), []).append((old, new))
        elif old.key == new.key:
            # Siblings with one key have an order too: of two `ssl_certificate` the first is the default one.
            groups.setdefault(old.key, []).append((old, new))
    found = []
    for matches in groups.values():
        order = [position[id(new)] for _old, new in matches]
        if len(order) > 1 and any(right < left for left, right in pairwise(order)):
            kept = _longest_rising(order)
            found.append([match for match, place in zip(matches, order, strict=True) if place not in kept])
    return found


def _longest_rising(numbers: Sequence[int]) -> set[int]:
    """Return the members of a longest rising subsequence of distinct numbers."""
    tails: list[int] = []
    previous: dict[int, int | None] = {}
    for number in numbers:
        index = bisect_left(tails, number)
        previous[number] = tails[index - 1] if index else None
        tails[index : index + 1] = [number]
    kept: set[int] = set()
    member: int | None = tails[-1] if tails else None
    while member is not None:
        kept.add(member)
        member = previous[member]
    return kept
