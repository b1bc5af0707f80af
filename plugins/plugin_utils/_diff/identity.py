# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The mapping of old blocks to new ones, also where nothing changed."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive, Place

from .match import pair

if t.TYPE_CHECKING:
    from .tree import Forest, Node

#: File, line, column.
At = tuple[str, int, int]
_WITH_COLUMN: t.Final = 3


class Identity:
    """The pairs of blocks; a snippet that is included twice is one place and several blocks."""

    def __init__(self, before: Node, after: Node, forest: Forest) -> None:
        self.pairs: list[tuple[Directive, Directive]] = []
        todo = [(before, after)]
        while todo:
            old, new = todo.pop()
            for left, right in pair(old.children or (), new.children or (), forest):
                if left is not None and right is not None and left.children is not None and right.children is not None:
                    self.pairs.append((left.directive, right.directive))
                    todo.append((left, right))
        found: dict[At, set[At]] = {}
        for one, other in self.pairs:
            found.setdefault(_at(one), set()).add(_at(other))
        self.blocks: Mapping[At, frozenset[At]] = {place: frozenset(others) for place, others in found.items()}
        self._lines: dict[tuple[str, int], set[tuple[str, int]]] = {}
        for place, others in found.items():
            self._lines.setdefault(place[:2], set()).update(other[:2] for other in others)

    def same(self, before: t.Any, after: t.Any) -> bool:
        """Tell whether two places are one block; see `Diff.same`."""
        old, new = place_of(before), place_of(after)
        if len(old) == len(new) == _WITH_COLUMN:
            return new in self.blocks.get(t.cast("At", old), frozenset())
        return new[:2] in self._lines.get(t.cast("tuple[str, int]", old[:2]), set())


def _at(directive: Directive) -> At:
    return directive.file, directive.line, directive.column


def place_of(place: t.Any) -> tuple[t.Any, ...]:
    """Return file and line, and the column where it is known, of a place in any of the forms that other rooms have."""
    if isinstance(place, Directive):
        return _at(place)
    if isinstance(place, Place):
        return place.file, place.line, place.column
    if isinstance(place, Mapping):
        column = (place["column"],) if place.get("column") else ()
        return (place["file"], place["line"], *column)
    return tuple(place)
