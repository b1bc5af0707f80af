# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Which literal text a regular expression demands, as far as that is certain."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass
from functools import lru_cache

from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.pattern import adapt, compile_pattern
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.sampler import parser, sre

_MOST: t.Final = 64
_CLASS: t.Final = 8


@dataclass(frozen=True)
class Literals:
    """What every match has: it begins with one of `heads` and ends with one of `tails`.

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
    """The literals of a pattern; None where Python cannot read it or it changes its own flags."""
    if compile_pattern(pattern) is None:
        return None
    try:
        tree = parser.parse(adapt(pattern))
    except (ValueError, OverflowError, RecursionError):
        return None
    if tree.state.flags & re.IGNORECASE:
        return None
    items = list(tree)
    starts = items[:1] == [(sre.AT, sre.AT_BEGINNING)]
    items = items[1:] if starts else items
    stops = items[-1:] == [(sre.AT, sre.AT_END)]
    items = items[:-1] if stops else items
    if items and _is_anything(items[0]):
        starts, items = False, items[1:]
    if items and _is_anything(items[-1]):
        stops, items = False, items[:-1]
    heads, whole = _expand(items, backwards=False)
    tails, _whole = _expand(items, backwards=True)
    return Literals(frozenset(heads), frozenset(tails), starts, stops, whole)


def _is_anything(item: t.Any) -> bool:
    operator, argument = item
    if operator is sre.SUBPATTERN and len(argument[3]) == 1:
        return _is_anything(argument[3][0])
    return operator in (sre.MAX_REPEAT, sre.MIN_REPEAT) and (
        argument[0] == 0 and argument[1] is sre.MAXREPEAT and list(argument[2]) == [(sre.ANY, None)]
    )


def _expand(items: list[t.Any], *, backwards: bool) -> tuple[set[str], bool]:
    """Every text that the items begin (or end) with, and whether that is all of them."""
    texts = {""}
    for item in reversed(items) if backwards else items:
        more, whole = _of_item(*item, backwards=backwards)
        if len(texts) * len(more) > _MOST:
            return texts, False
        texts = {new + old if backwards else old + new for old in texts for new in more}
        if not whole:
            return texts, False
    return texts, True


def _of_item(operator: t.Any, argument: t.Any, *, backwards: bool) -> tuple[set[str], bool]:
    if operator is sre.LITERAL:
        return {chr(argument)}, True
    if operator is sre.IN and len(argument) <= _CLASS and all(kind is sre.LITERAL for kind, _unused in argument):
        return {chr(code) for _unused, code in argument}, True
    if operator is sre.SUBPATTERN and not argument[1] and not argument[2]:
        return _expand(list(argument[3]), backwards=backwards)
    if operator is sre.BRANCH:
        parts = [_expand(list(branch), backwards=backwards) for branch in argument[1]]
        return set().union(*(texts for texts, _unused in parts)), all(whole for _unused, whole in parts)
    if operator in (sre.MAX_REPEAT, sre.MIN_REPEAT) and argument[0] in (0, 1):
        return _of_repeat(*argument, backwards=backwards)
    return {""}, False


def _of_repeat(low: int, high: t.Any, inner: t.Any, *, backwards: bool) -> tuple[set[str], bool]:
    texts, whole = _expand(list(inner), backwards=backwards)
    if low == 0 and not (whole and high == 1):
        return {""}, False
    return texts | ({""} if low == 0 else set()), whole and high == 1
