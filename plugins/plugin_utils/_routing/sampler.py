# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Strings that a regular expression matches, made from Python's own parse of it and checked by matching."""

from __future__ import annotations

import importlib
import typing as t
from functools import lru_cache

from .pattern import adapt, compile_pattern

if t.TYPE_CHECKING:
    from collections.abc import Iterator

# Private to CPython, and the only parse of a regular expression in the standard library. `sre_parse` is deprecated.
sre: t.Any = importlib.import_module("re._constants")
parser: t.Any = importlib.import_module("re._parser")

#: Stands for a character that the pattern leaves open until the sample is finished.
_OPEN: t.Final = "\ue000"
_FILLER: t.Final = "x"
#: Characters that a path may hold as they are: nothing that a client or nginx would encode, split or merge.
SAFE: t.Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/@:,;=!$&'()*")
_CANDIDATES: t.Final = "xabz0159-_./XAZ"
_MAX_LENGTH: t.Final = 200


class Sample(t.NamedTuple):
    """A string a pattern matches; `open_segments` are the path segments with a character the pattern leaves open."""

    text: str
    open_segments: frozenset[str]


@lru_cache(maxsize=65536)
def sample_pattern(
    pattern: str,
    *,
    caseless: bool = False,
    path: bool = True,
    variants: int = 4,
    alphabet: frozenset[str] = SAFE,
) -> tuple[Sample, ...]:
    """Up to `variants` different strings that the pattern matches, as paths when `path`; none where that fails.

    `alphabet` are the characters that may stand in them.
    """
    compiled = compile_pattern(pattern, caseless=caseless)
    if compiled is None:
        return ()
    try:
        tree = parser.parse(adapt(pattern))
    except (ValueError, OverflowError, RecursionError):
        return ()
    found: dict[str, Sample] = {}
    for variant in range(variants):
        raw = _Maker(variant).text(tree)
        for candidate in (raw, f"/{_OPEN}{raw}", "/" + raw, raw.rstrip("/")) if path else (raw,):
            text = candidate.replace(_OPEN, _FILLER)
            if _usable(text, alphabet, path=path) and compiled.search(text):
                found.setdefault(text, Sample(text, _open_segments(candidate)))
                break
    return tuple(found.values())


def _usable(text: str, alphabet: frozenset[str], *, path: bool) -> bool:
    if len(text) > _MAX_LENGTH or not alphabet.issuperset(text):
        return False
    return not path or (text.startswith("/") and "//" not in text and "/./" not in text and "/../" not in text)


def _open_segments(candidate: str) -> frozenset[str]:
    return frozenset(part.replace(_OPEN, _FILLER) for part in candidate.split("/") if _OPEN in part)


class _Maker:
    """Walks a parsed pattern; the variant decides which branch is taken and how often something is repeated."""

    def __init__(self, variant: int) -> None:
        self.variant = variant
        self.groups: dict[int, str] = {}

    def text(self, tree: t.Any) -> str:
        return "".join(self._items(tree))

    def _items(self, tree: t.Any) -> Iterator[str]:
        for operator, argument in tree:
            yield self._item(operator, argument)

    def _item(self, operator: t.Any, argument: t.Any) -> str:
        if operator is sre.LITERAL:
            return chr(argument)
        if operator in (sre.ANY, sre.NOT_LITERAL):
            return _OPEN
        if operator is sre.IN:
            return _member(argument)
        if operator in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT):
            return self._repeat(*argument)
        if operator is sre.SUBPATTERN:
            group, _add, _remove, inner = argument
            text = self.text(inner)
            self.groups[group] = text
            return text
        if operator is sre.BRANCH:
            branches = argument[1]
            return self.text(branches[self.variant % len(branches)])
        if operator is sre.ATOMIC_GROUP:
            return self.text(argument)
        if operator is sre.GROUPREF:
            return self.groups.get(argument, "")
        return ""

    def _repeat(self, low: int, high: t.Any, inner: t.Any) -> str:
        once = 1 if high is sre.MAXREPEAT or high > 1 or self.variant % 2 else 0
        return "".join(self.text(inner) for _unused in range(max(int(low), once)))


def _member(items: t.Any) -> str:
    """A character of a class, open unless the class is one single character."""
    if len(items) == 1 and items[0][0] is sre.LITERAL:
        return chr(items[0][1])
    negated = items[0][0] is sre.NEGATE
    for character in _CANDIDATES:
        if _in_class(ord(character), items) is not negated:
            return _OPEN if character == _FILLER else character
    first = next((argument for operator, argument in items if operator is sre.LITERAL), None)
    return _OPEN if negated or first is None else chr(first)


def _in_class(code: int, items: t.Any) -> bool:
    return any(
        (operator is sre.LITERAL and argument == code)
        or (operator is sre.RANGE and argument[0] <= code <= argument[1])
        or (operator is sre.CATEGORY and _in_category(chr(code), argument))
        for operator, argument in items
    )


def _in_category(character: str, category: t.Any) -> bool:
    tests = {
        sre.CATEGORY_DIGIT: character.isdigit(),
        sre.CATEGORY_NOT_DIGIT: not character.isdigit(),
        sre.CATEGORY_SPACE: character.isspace(),
        sre.CATEGORY_NOT_SPACE: not character.isspace(),
        sre.CATEGORY_WORD: character.isalnum() or character == "_",
        sre.CATEGORY_NOT_WORD: not (character.isalnum() or character == "_"),
    }
    return tests.get(category, False)
