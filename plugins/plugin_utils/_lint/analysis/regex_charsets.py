# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Characters that a part of a regular expression can match, as far as they matter for injection."""

from __future__ import annotations

import typing as t
from functools import lru_cache

from ansible_collections.failsafe.nginx.plugins.plugin_utils._regex import Pattern, RegexError, byte_sets, parse
from ansible_collections.failsafe.nginx.plugins.plugin_utils._regex.ambiguity import ambiguity
from ansible_collections.failsafe.nginx.plugins.plugin_utils._regex.nodes import (
    MAX_DEPTH,
    Alternation,
    Anchor,
    AnchorKind,
    Backreference,
    Group,
    Look,
    Mode,
    Node,
    OneByte,
    Opaque,
    Repeat,
    children,
    items_of,
    walk,
)

#: A line feed ends a header line; the others end a host or change it.
SPECIAL: t.Final = frozenset("\n/.:?#@")
#: What a request line or a header can carry as it is.
RAW: t.Final = SPECIAL - {"\n"}
#: About 20 ms for a pattern whose loops are nested.
_STEPS: t.Final = 20_000
_ROOTS: t.Final = byte_sets.of(b"/?")


class Charset(t.NamedTuple):
    """Strings that a regular expression lets through.

    Args:
        holds: which special characters it may contain.
        free: whether a client can choose it, or only one of a few written strings.
        rooted: whether it begins with a slash or a question mark, or is empty.
    """

    holds: frozenset[str]
    free: bool
    rooted: bool


#: What cannot be analysed is taken as harmless: a finding needs a counterexample.
HARMLESS: t.Final = Charset(frozenset(), free=False, rooted=True)


def narrow(reach: Charset, limit: Charset) -> Charset:
    """Return what is left of a string that has to be within two limits."""
    return Charset(reach.holds & limit.holds, reach.free and limit.free, reach.rooted or limit.rooted)


@lru_cache(maxsize=16384)
def group_charset(pattern: str, group: int | str) -> Charset | None:
    """Return what a group can capture; None when the pattern is invalid or has no such group."""
    tree = _parse(pattern)
    if tree is None:
        return None
    if group == 0:
        return whole_charset(pattern)
    node = tree.group(group)
    return None if node is None else _charset(items_of(node))


@lru_cache(maxsize=16384)
def whole_charset(pattern: str) -> Charset:
    """Return what a string that matches can be as a whole: anything, unless the pattern is anchored at both ends."""
    tree = _parse(pattern)
    if tree is None:
        return HARMLESS
    items = items_of(tree.root)
    first, last = items[:1], items[-1:]
    if first != (Anchor(AnchorKind.START),) or last not in ((Anchor(AnchorKind.FINAL),), (Anchor(AnchorKind.END),)):
        return Charset(SPECIAL, free=True, rooted=False)
    return _charset(items[1:])


def _parse(pattern: str) -> Pattern | None:
    try:
        tree = parse(pattern)
    except RegexError:
        return None
    return None if tree.depth > MAX_DEPTH else tree


def _charset(items: tuple[Node, ...]) -> Charset:
    holds: set[str] = set()
    free = False
    stack = list(items)
    while stack:
        node = stack.pop()
        if isinstance(node, OneByte):
            holds |= {character for character in SPECIAL if node.members >> ord(character) & 1}
            free |= node.written is None and byte_sets.size(node.members) > 1
        elif isinstance(node, Backreference | Opaque):
            holds |= SPECIAL
            free = True
        elif not isinstance(node, Look):
            stack.extend(children(node))
    return Charset(frozenset(holds), free, _is_rooted(items))


def _is_rooted(items: tuple[Node, ...]) -> bool:
    """Tell whether everything that the items match begins with a slash or a question mark, or is empty."""
    for node in items:
        if isinstance(node, Anchor | Look):
            continue
        if isinstance(node, OneByte):
            return not node.members & ~_ROOTS
        if isinstance(node, Repeat):
            # What may be left out leaves the beginning to what follows.
            if not _is_rooted(items_of(node.item)):
                return False
            if node.low > 0:
                return True
            continue
        if isinstance(node, Group):
            return _is_rooted(items_of(node.item))
        if isinstance(node, Alternation):
            return all(_is_rooted(items_of(branch)) for branch in node.branches)
        return False
    return True


@lru_cache(maxsize=16384)
def backtracks(pattern: str, *, caseless: bool = False) -> str:
    """Return the part of a pattern that matches one string in exponentially many ways; "" where none surely does.

    Some string makes the match fail behind that part, so that PCRE has to try the ways.
    """
    try:
        tree = parse(pattern, caseless=caseless)
    except RegexError:
        return ""
    if not any(_is_endless(node) and not _is_one_byte(node.item) for node in walk(tree.root)):
        return ""
    found = ambiguity(tree, steps=_STEPS, polynomial=False)
    return "" if found is None else tree.source[found.start : found.end].decode(errors="replace")


def _is_endless(node: Node) -> t.TypeGuard[Repeat]:
    return isinstance(node, Repeat) and node.high is None and node.mode is not Mode.POSSESSIVE


def _is_one_byte(node: Node) -> bool:
    while isinstance(node, Group):
        node = node.item
    return isinstance(node, OneByte)
