# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Literal text that every match of a regular expression has, as far as that is certain."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from functools import lru_cache

from ansible_collections.failsafe.nginx.plugins.plugin_utils._regex import RegexError, byte_sets, parse
from ansible_collections.failsafe.nginx.plugins.plugin_utils._regex.nodes import (
    MAX_DEPTH,
    Alternation,
    Anchor,
    AnchorKind,
    Group,
    Mode,
    Node,
    OneByte,
    Repeat,
    Sequence,
    items_of,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.pattern import compile_pattern

_MOST: t.Final = 64
_CLASS: t.Final = 8
#: Texts as bytes, and whether they are all that is matched.
_Texts: t.TypeAlias = tuple[set[bytes], bool]
_ANY: t.Final[_Texts] = ({b""}, False)


@dataclass(frozen=True)
class Literals:
    """Literals of every match: it begins with one of `heads` and ends with one of `tails`.

    `starts` and `stops` say whether the match begins and ends where the string does. `whole` is True when the pattern
    is nothing but these literals, so that `heads` are all that it looks for.
    """

    heads: frozenset[str]
    tails: frozenset[str]
    starts: bool
    stops: bool
    whole: bool


@lru_cache(maxsize=16384)
def literals(pattern: str) -> Literals | None:
    """Return the literals of a pattern; None where it is invalid, too complex or changes its own case."""
    if compile_pattern(pattern) is None:
        return None
    try:
        tree = parse(pattern)
    except RegexError:
        return None
    if tree.caseless or tree.depth > MAX_DEPTH:
        return None
    root = tree.root
    branches = [list(items_of(each)) for each in (root.branches if isinstance(root, Alternation) else (root,))]
    starts = all(items[:1] == [Anchor(AnchorKind.START)] for items in branches)
    stops = all(items[-1:] == [Anchor(AnchorKind.FINAL)] for items in branches)
    branches = [items[1 if starts else 0 : len(items) - 1 if stops else None] for items in branches]
    if len(branches) == 1:
        items = branches[0]
        if items and _is_anything(items[0]):
            starts, items = False, items[1:]
        if items and _is_anything(items[-1]):
            stops, items = False, items[:-1]
        branches = [items]
    inside = [Alternation(tuple(Sequence(tuple(items)) for items in branches))]
    heads, whole = _expand(inside, backwards=False)
    tails, _whole = _expand(inside, backwards=True)
    try:
        return Literals(_decoded(heads), _decoded(tails), starts, stops, whole)
    except UnicodeDecodeError:
        return None


def _decoded(texts: set[bytes]) -> frozenset[str]:
    return frozenset(text.decode() for text in texts)


def _is_anything(node: Node) -> bool:
    if isinstance(node, Group):
        return _is_anything(node.item)
    return (
        isinstance(node, Repeat)
        and node.low == 0
        and node.high is None
        and node.mode is not Mode.POSSESSIVE
        and isinstance(node.item, OneByte)
        and not byte_sets.NOT_NEWLINE & ~node.item.members
    )


def _expand(items: t.Sequence[Node], *, backwards: bool) -> _Texts:
    """Return every text that the items begin (or end) with, and whether that is all of them."""
    texts = {b""}
    for item in reversed(items) if backwards else items:
        more, whole = _of_item(item, backwards=backwards)
        if len(texts) * len(more) > _MOST:
            return texts, False
        texts = {new + old if backwards else old + new for old in texts for new in more}
        if not whole:
            return texts, False
    return texts, True


def _of_item(node: Node, *, backwards: bool) -> _Texts:
    if isinstance(node, OneByte) and _is_listed(node.members):
        return {bytes((byte,)) for byte in byte_sets.iterate(node.members)}, True
    if isinstance(node, Group):
        texts, whole = _expand(items_of(node.item), backwards=backwards)
        return texts, whole and not node.atomic
    if isinstance(node, Alternation):
        parts = [_expand(items_of(branch), backwards=backwards) for branch in node.branches]
        return set().union(*(texts for texts, _unused in parts)), all(whole for _unused, whole in parts)
    if isinstance(node, Repeat) and node.low in (0, 1):
        return _of_repeat(node, backwards=backwards)
    return _ANY


def _is_listed(members: int) -> bool:
    """Tell whether the bytes are few and each a character, or one part of a written one."""
    count = byte_sets.size(members)
    return count == 1 or (1 < count <= _CLASS and not members & ~byte_sets.POSIX[b"ascii"])


def _of_repeat(node: Repeat, *, backwards: bool) -> _Texts:
    texts, whole = _expand(items_of(node.item), backwards=backwards)
    once = whole and node.high == 1 and node.mode is not Mode.POSSESSIVE
    if node.low == 0 and not once:
        return _ANY
    return texts | ({b""} if node.low == 0 else set()), once
