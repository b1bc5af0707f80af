# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What a part of a regular expression can match, as far as it matters for injection: a handful of characters."""

from __future__ import annotations

import re
import typing as t
from functools import lru_cache

from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.pattern import adapt
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.sampler import parser, sre

#: A line feed ends a header line; the others end a host or change it.
SPECIAL: t.Final = frozenset("\n/.:?#@")
#: What a request line or a header can carry as it is.
RAW: t.Final = SPECIAL - {"\n"}
_CATEGORIES: t.Final[dict[t.Any, frozenset[str]]] = {
    sre.CATEGORY_SPACE: frozenset("\n"),
    sre.CATEGORY_NOT_SPACE: SPECIAL - {"\n"},
    sre.CATEGORY_DIGIT: frozenset(),
    sre.CATEGORY_NOT_DIGIT: SPECIAL,
    sre.CATEGORY_WORD: frozenset(),
    sre.CATEGORY_NOT_WORD: SPECIAL,
}
_REPEATS: t.Final = (sre.MAX_REPEAT, sre.MIN_REPEAT, getattr(sre, "POSSESSIVE_REPEAT", None))


class Charset(t.NamedTuple):
    """What a string that a regular expression let through can be.

    Args:
        holds: which special characters it may contain.
        free: whether somebody can choose it, or only one of a few written strings.
        rooted: whether it begins with a slash or a question mark, or is empty.
    """

    holds: frozenset[str]
    free: bool
    rooted: bool


#: What cannot be analysed is taken as harmless: a finding needs a counterexample.
HARMLESS: t.Final = Charset(frozenset(), free=False, rooted=True)


def narrow(reach: Charset, limit: Charset) -> Charset:
    """What is left of a string that has to be within two limits."""
    return Charset(reach.holds & limit.holds, reach.free and limit.free, reach.rooted or limit.rooted)


@lru_cache(maxsize=16384)
def group_charset(pattern: str, group: int | str) -> Charset | None:
    """What a group can capture; None when the pattern has no such group or Python cannot read it."""
    tree = _parse(pattern)
    if tree is None:
        return None
    number = tree.state.groupdict.get(group) if isinstance(group, str) else group
    if number == 0:
        return whole_charset(pattern)
    found = None if number is None else _find(tree, number)
    if found is None:
        return None
    node, dotall = found
    walker = _Walker(dotall=dotall)
    walker.walk(node)
    return Charset(frozenset(walker.holds), walker.free, _rooted(node))


@lru_cache(maxsize=16384)
def whole_charset(pattern: str) -> Charset:
    """What a string that matches can be as a whole: anything, unless the pattern is anchored at both ends."""
    tree = _parse(pattern)
    if tree is None:
        return HARMLESS
    items = list(tree)
    first = items[0] if items else None
    last = items[-1] if items else None
    if first is None or first[0] is not sre.AT or last is None or last[0] is not sre.AT or len(items) == 1:
        return Charset(SPECIAL, free=True, rooted=False)
    if tree.state.flags & re.MULTILINE:
        return Charset(SPECIAL, free=True, rooted=False)
    walker = _Walker(dotall=bool(tree.state.flags & re.DOTALL))
    walker.walk(items)
    return Charset(frozenset(walker.holds), walker.free, _rooted(items[1:]))


@lru_cache(maxsize=16384)
def _parse(pattern: str) -> t.Any:
    try:
        return parser.parse(adapt(pattern), re.ASCII)
    except (re.error, ValueError, OverflowError, RecursionError):
        return None


def _find(items: t.Any, number: int, *, dotall: bool | None = None) -> tuple[t.Any, bool] | None:
    """The content of a numbered group, and whether a dot matches a line feed there."""
    if dotall is None:
        dotall = bool(items.state.flags & re.DOTALL)
    for operator, argument in items:
        inside = dotall
        if operator is sre.SUBPATTERN:
            inside = (dotall or bool(argument[1] & re.DOTALL)) and not argument[2] & re.DOTALL
            if argument[0] == number:
                return argument[3], inside
        for inner in _children(operator, argument):
            found = _find(inner, number, dotall=inside)
            if found is not None:
                return found
    return None


def _children(operator: t.Any, argument: t.Any) -> t.Iterable[t.Any]:
    if operator is sre.SUBPATTERN:
        return (argument[3],)
    if operator in _REPEATS:
        return (argument[2],)
    if operator is sre.BRANCH:
        return tuple(argument[1])
    if operator is sre.GROUPREF_EXISTS:
        return tuple(each for each in argument[1:] if each is not None)
    if operator is getattr(sre, "ATOMIC_GROUP", None):
        return (argument,)
    return ()


class _Walker:
    """Collects the special characters that a part of a pattern can match."""

    def __init__(self, *, dotall: bool) -> None:
        self.holds: set[str] = set()
        self.free = False
        self.dotall = dotall

    def walk(self, items: t.Any) -> None:
        for operator, argument in items:
            if operator is sre.LITERAL:
                self.holds.update(SPECIAL & {chr(argument)})
            elif operator is sre.NOT_LITERAL:
                self._take(SPECIAL - {chr(argument)})
            elif operator is sre.ANY:
                self._take(SPECIAL if self.dotall else RAW)
            elif operator is sre.IN:
                self._take(_members(argument), free=len(argument) > 1 or argument[0][0] is not sre.LITERAL)
            elif operator is sre.GROUPREF:
                self._take(SPECIAL)
            for inner in _children(operator, argument):
                self.walk(inner)

    def _take(self, characters: t.AbstractSet[str], *, free: bool = True) -> None:
        self.holds |= characters
        self.free = self.free or free


def _members(items: t.Any) -> frozenset[str]:
    negated = items[0][0] is sre.NEGATE
    found: set[str] = set()
    for operator, argument in items:
        if operator is sre.LITERAL:
            found.add(chr(argument))
        elif operator is sre.RANGE:
            found |= {each for each in SPECIAL if argument[0] <= ord(each) <= argument[1]}
        elif operator is sre.CATEGORY:
            found |= _CATEGORIES.get(argument, SPECIAL)
    return SPECIAL - found if negated else SPECIAL & found


def _rooted(items: t.Any) -> bool:
    """Whether everything that this matches begins with a slash or a question mark, or is empty."""
    for operator, argument in items:
        if operator is sre.AT or operator in (sre.ASSERT, sre.ASSERT_NOT):
            continue
        if operator is sre.LITERAL:
            return chr(argument) in "/?"
        if operator is sre.IN:
            return all(kind is sre.LITERAL and chr(value) in "/?" for kind, value in argument)
        if operator in _REPEATS:
            # What may be left out leaves the beginning to what follows.
            if not _rooted(argument[2]):
                return False
            if argument[0] > 0:
                return True
            continue
        if operator is sre.SUBPATTERN:
            return _rooted(argument[3])
        if operator is sre.BRANCH:
            return all(_rooted(branch) for branch in argument[1])
        return False
    return True


@lru_cache(maxsize=16384)
def backtracks(pattern: str) -> str:
    r"""The part of a pattern that can match one string in exponentially many ways; empty where none surely does.

    Only the plainest case is told: a repetition without an end around nothing but such a repetition of single
    characters, `(a+)+` or `([\w-]*)*`, with something after it that can fail.
    """
    if not _NESTED.search(pattern):
        return ""
    tree = _parse(pattern)
    if tree is None:
        return ""
    found = _NESTED.search(pattern)
    items = list(tree)
    for index, (operator, argument) in enumerate(items):
        endless = operator in (sre.MAX_REPEAT, sre.MIN_REPEAT) and argument[1] is sre.MAXREPEAT
        if endless and index + 1 < len(items) and _only_repeats(argument[2]):
            return found.group() if found else ""
    return ""


_NESTED: t.Final = re.compile(r"\((?:\?:)?[^()]*[+*]\)[+*](?![+])")


def _only_repeats(items: t.Any) -> bool:
    items = list(items)
    while len(items) == 1 and items[0][0] is sre.SUBPATTERN:
        items = list(items[0][1][3])
    if len(items) != 1 or items[0][0] not in (sre.MAX_REPEAT, sre.MIN_REPEAT):
        return False
    low, high, inner = items[0][1]
    single = len(inner) == 1 and inner[0][0] in (sre.LITERAL, sre.NOT_LITERAL, sre.ANY, sre.IN)
    return bool(low <= 1 and high is sre.MAXREPEAT and single)
