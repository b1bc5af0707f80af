# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Make strings that a regular expression matches out of its tree, each checked by matching."""

from __future__ import annotations

import typing as t
from functools import lru_cache

from ansible_collections.failsafe.nginx.plugins.plugin_utils._regex import RegexError, byte_sets, parse
from ansible_collections.failsafe.nginx.plugins.plugin_utils._regex.nodes import (
    MAX_DEPTH,
    Alternation,
    Backreference,
    Conditional,
    Group,
    Node,
    OneByte,
    Pattern,
    Repeat,
    Sequence,
)

from .pattern import compile_pattern

#: Stands for a byte that the pattern leaves open until the sample is finished.
_OPEN: t.Final = -1
_FILLER: t.Final = ord("x")
#: Characters that a path may hold as they are: nothing that a client or nginx would encode, split or merge.
SAFE: t.Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/@:,;=!$&'()*")
_CANDIDATES: t.Final = b"xabz0159-_./XAZ"
_READABLE: t.Final = byte_sets.POSIX[b"print"]
_MAX_LENGTH: t.Final = 200
#: Bytes of a repetition that no sample is made of, not even one that slashes at its end are cut off from.
_MAX_RAW: t.Final = 4096


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
    """Return up to `variants` different strings that the pattern matches, as paths when `path`; none where that fails.

    `alphabet` are the characters that may stand in them.
    """
    compiled = compile_pattern(pattern, caseless=caseless)
    if compiled is None:
        return ()
    try:
        tree = parse(pattern)
    except RegexError:
        return ()
    if tree.depth > MAX_DEPTH:
        return ()
    found: dict[str, Sample] = {}
    slash = ord("/")
    for variant in range(variants):
        raw = _Maker(tree, variant).make()
        for candidate in (raw, [slash, _OPEN, *raw], [slash, *raw], _without_slashes(raw)) if path else (raw,):
            text = _text(candidate)
            if _usable(text, alphabet, path=path) and compiled.search(text):
                found.setdefault(text, Sample(text, _open_segments(candidate)))
                break
    return tuple(found.values())


def _without_slashes(raw: list[int]) -> list[int]:
    end = len(raw)
    while end and raw[end - 1] == ord("/"):
        end -= 1
    return raw[:end]


def _text(raw: list[int]) -> str:
    return bytes(_FILLER if byte == _OPEN else byte for byte in raw).decode("utf-8", "replace")


def _usable(text: str, alphabet: frozenset[str], *, path: bool) -> bool:
    if len(text) > _MAX_LENGTH or not alphabet.issuperset(text):
        return False
    return not path or (text.startswith("/") and "//" not in text and "/./" not in text and "/../" not in text)


def _open_segments(candidate: list[int]) -> frozenset[str]:
    segments: list[list[int]] = [[]]
    for byte in candidate:
        if byte == ord("/"):
            segments.append([])
        else:
            segments[-1].append(byte)
    return frozenset(_text(segment) for segment in segments if _OPEN in segment)


class _Maker:
    """Walk a tree; the variant decides which branch is taken and how often something is repeated."""

    def __init__(self, pattern: Pattern, variant: int) -> None:
        self._pattern = pattern
        self._variant = variant
        self._groups: dict[int, list[int]] = {}

    def make(self) -> list[int]:
        return self._bytes(self._pattern.root)

    def _bytes(self, node: Node) -> list[int]:
        if isinstance(node, OneByte):
            return _member(node)
        if isinstance(node, Sequence):
            return [byte for item in node.items for byte in self._bytes(item)]
        if isinstance(node, Group):
            found = self._bytes(node.item)
            if node.number is not None:
                self._groups[node.number] = found
            return found
        if isinstance(node, Repeat):
            return self._repeat(node)
        if isinstance(node, Alternation):
            return self._bytes(node.branches[self._variant % len(node.branches)])
        if isinstance(node, Backreference):
            return self._captured(node.group)
        if isinstance(node, Conditional):
            return self._bytes(node.no if self._variant % 2 else node.yes)
        return []

    def _repeat(self, node: Repeat) -> list[int]:
        once = 1 if node.high is None or node.high > 1 or self._variant % 2 else 0
        found: list[int] = []
        for _unused in range(max(node.low, once)):
            more = self._bytes(node.item)
            found += more
            if not more or len(found) > _MAX_RAW:
                # Nothing stays nothing, and what is too long is no sample.
                break
        return found

    def _captured(self, group: int | str) -> list[int]:
        numbers = self._pattern.names.get(group, ()) if isinstance(group, str) else (group,)
        return next((self._groups[number] for number in numbers if number in self._groups), [])


def _member(node: OneByte) -> list[int]:
    """Return a byte of a set, open unless the set is a single written byte; nothing where the set is empty."""
    if node.written is not None:
        return [node.written]
    if byte_sets.size(node.members) == 1:
        return [node.members.bit_length() - 1]
    for byte in _CANDIDATES:
        if node.members >> byte & 1:
            return [_OPEN if byte == _FILLER else byte]
    return [next(byte_sets.iterate(node.members & _READABLE or node.members))] if node.members else []
