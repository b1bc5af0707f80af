# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The changes between two trees, statement by statement, so that any set of them can be applied to the first tree.

A change is one directive or the header of one block. An added or removed block, or file, is a unit of many changes that is
tried as a whole first. A block or a file that only moved is one change. Layout and comments are a change of their own,
`LAYOUT`, that no search needs.
"""

from __future__ import annotations

import typing as t
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher

from ansible_collections.failsafe.nginx.plugins.module_utils._plan.ddmin import Unit
from ansible_collections.failsafe.nginx.plugins.module_utils._plan.search_jobs import Part, PatchedFile

from .outline import Outline, OutlineNode, outline

#: The id of every difference that nginx ignores.
LAYOUT: t.Final = 0

#: The least part that two blocks share if only the header changed.
_ALIKE: t.Final = 0.5

Kind = t.Literal["added", "removed", "changed", "moved"]


@dataclass
class SingleChange:
    """One change.

    Attributes:
        line_before: counted from 1; None where the first tree lacks the statement.
        line_after: the same in the second tree.
        text_before: the statement (of a block, its header) in one line.
        text_after: the same in the second tree.
        parent: the change without which this one has no effect: the header of its added block.
    """

    id: int
    file: str
    kind: Kind
    line_before: int | None = None
    line_after: int | None = None
    text_before: str | None = None
    text_after: str | None = None
    parent: int | None = None

    @property
    def line(self) -> int:
        """Return the line after the change; of a removed statement, the one before it."""
        return self.line_after or self.line_before or 1


@dataclass
class Edits:
    """All changes between two trees. `files` holds the files that differ, for `PatchedFile.patched`."""

    changes: dict[int, SingleChange] = field(default_factory=dict)
    files: list[PatchedFile] = field(default_factory=list)
    units: list[Unit] = field(default_factory=list)

    def apply(self, before: Mapping[str, bytes], ids: t.Container[int]) -> dict[str, bytes]:
        """Return the first tree with these changes and no others."""
        tree = dict(before)
        for file in self.files:
            content = file.patched(ids)
            if content is None:
                tree.pop(file.path, None)
            else:
                tree[file.path] = content
        return tree


def edits(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> Edits:
    """Return the changes from one tree to another: all of them and `LAYOUT` give `after`, none give `before`."""
    return _Differ(before, after).made


class _Differ:
    def __init__(self, before: Mapping[str, bytes], after: Mapping[str, bytes]) -> None:
        self.made = Edits()
        self._next = LAYOUT + 1
        self._file = ""
        names = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
        self._outlines = {name: (_outline(before.get(name)), _outline(after.get(name))) for name in names}
        self._moved = self._find_moves()
        self._moving: dict[str, list[int]] = {}
        renamed = _renamed(names, before, after)
        for name in names:
            self._file = name
            if name in renamed:
                self._rename(name, renamed[name], before, after)
            else:
                self._compare(name, before.get(name), after.get(name))
        self.made.units = _joined(self.made.units)

    # Files

    def _compare(self, name: str, before: bytes | None, after: bytes | None) -> None:
        old, new = self._outlines[name]
        if before is None or after is None:
            sign = "+" if before is None else "-"
            self._one_sided(
                name, sign, new if before is None else old, t.cast("bytes", after if before is None else before)
            )
        elif old is None or new is None:
            change = self._change("changed")
            change.text_before = change.text_after = "(the whole file)"
            parts = [["-", change.id, before.decode("latin-1")], ["+", change.id, after.decode("latin-1")]]
            self._add_file(name, None, parts, [_unit(change.id)])
        else:
            parts, units = self._nodes(old.nodes, new.nodes, None)
            parts += _layout(old.rest, new.rest)
            self._add_file(name, None, parts, units)

    def _one_sided(self, name: str, sign: str, read: Outline | None, content: bytes) -> None:
        change = self._change("added" if sign == "+" else "removed")
        _set_text(change, sign, 1, "(the whole file)")
        only = [sign, change.id]
        if read is None:
            self._add_file(name, only, [["=", content.decode("latin-1")]], [_unit(change.id)])
            return
        parts, units = self._all(read.nodes, sign, change.id)
        unit = _group([_unit(change.id), *units])
        self._add_file(name, only, [*parts, ["=", read.rest]], [unit])

    def _rename(self, name: str, key: tuple[str, str], before: Mapping[str, bytes], after: Mapping[str, bytes]) -> None:
        old, new = key
        if name != new:
            return
        change = self._change("moved")
        change.text_before, change.text_after = f"(the whole file, as {old})", f"(the whole file, as {new})"
        change.line_before = change.line_after = 1
        self._add_file(old, ["-", change.id], [["=", before[old].decode("latin-1")]], [])
        self._add_file(new, ["+", change.id], [["=", after[new].decode("latin-1")]], [_unit(change.id)])

    def _add_file(self, path: str, only: list[t.Any] | None, parts: list[Part], units: list[Unit]) -> None:
        self.made.files.append(PatchedFile(path, only, _merged(parts)))
        self.made.units.extend(units)

    # Statements

    def _nodes(
        self, before: Sequence[OutlineNode], after: Sequence[OutlineNode], parent: int | None
    ) -> tuple[list[Part], list[Unit]]:
        parts: list[Part] = []
        units: list[Unit] = []
        for old, new in _aligned(before, after):
            more, found = self._pair(old, new, parent)
            parts += more
            units += found
        return parts, units

    def _pair(
        self, old: OutlineNode | None, new: OutlineNode | None, parent: int | None
    ) -> tuple[list[Part], list[Unit]]:
        if old is None or new is None:
            node = t.cast("OutlineNode", new if old is None else old)
            return self._whole(node, "+" if old is None else "-", parent)
        if old.digest == new.digest:
            return _layout(old.text(), new.text()), []
        parts = _layout(old.lead, new.lead)
        units: list[Unit] = []
        if old.words == new.words:
            parts += _layout(old.head, new.head)
        else:
            change = self._change("changed", parent)
            _set_text(change, "-", old.line, old.head)
            _set_text(change, "+", new.line, new.head)
            parts += [["-", change.id, old.head], ["+", change.id, new.head]]
            units.append(_unit(change.id))
        if old.children is not None and new.children is not None:
            inner, found = self._nodes(old.children, new.children, parent)
            parts += inner + _layout(old.tail, new.tail)
            units += found
        return parts, units

    def _all(self, nodes: Iterable[OutlineNode], sign: str, parent: int | None) -> tuple[list[Part], list[Unit]]:
        parts: list[Part] = []
        units: list[Unit] = []
        for node in nodes:
            more, found = self._whole(node, sign, parent)
            parts += more
            units += found
        return parts, units

    def _whole(self, node: OutlineNode, sign: str, parent: int | None) -> tuple[list[Part], list[Unit]]:
        """Return the parts and units of a statement that only one tree has, with everything in it."""
        if node.digest in self._moved:
            return self._half_of_move(node, sign)
        change = self._change("added" if sign == "+" else "removed", parent)
        _set_text(change, sign, node.line, node.head)
        if node.children is None:
            return [[sign, change.id, node.lead + node.head]], [_unit(change.id)]
        inner, units = self._all(node.children, sign, change.id)
        parts = [["=", node.lead + node.head], *inner, ["=", node.tail]]
        return [[sign + "{", change.id, _merged(parts)]], [_group([_unit(change.id), *units])]

    # Moves

    def _find_moves(self) -> set[str]:
        """Return digests of blocks that were removed once and added once, in any of the files."""
        went, came = (
            Counter(
                node.digest
                for pair in self._outlines.values()
                if (read := pair[side]) is not None
                for top in read.nodes
                for node in top.walk()
                if node.children
            )
            for side in (0, 1)
        )
        return {digest for digest in went if went[digest] == came[digest] == 1}

    def _half_of_move(self, node: OutlineNode, sign: str) -> tuple[list[Part], list[Unit]]:
        known = self._moving.get(node.digest)
        change = self.made.changes[known[0]] if known else self._change("moved")
        if not known or sign == "+":
            change.file = self._file
        self._moving[node.digest] = [change.id]
        _set_text(change, sign, node.line, node.head)
        return [[sign, change.id, node.text()]], [_unit(change.id)]

    def _change(self, kind: Kind, parent: int | None = None) -> SingleChange:
        change = SingleChange(self._next, self._file, kind, parent=parent)
        self.made.changes[change.id] = change
        self._next += 1
        return change


def _outline(content: bytes | None) -> Outline | None:
    return None if content is None else outline(content)


def _set_text(change: SingleChange, sign: str, line: int, head: str) -> None:
    text = " ".join(head.split()).removesuffix("{").rstrip()
    if sign == "-":
        change.line_before, change.text_before = line, text
    else:
        change.line_after, change.text_after = line, text


def _unit(number: int) -> Unit:
    return Unit(frozenset([number]))


def _group(units: Sequence[Unit]) -> Unit:
    return Unit(frozenset(number for unit in units for number in unit.ids), tuple(units) if len(units) > 1 else ())


def _joined(units: Iterable[Unit]) -> list[Unit]:
    """Return units without a change twice: both halves of a move name the same change."""
    seen: set[int] = set()
    return [pruned for unit in units if (pruned := _pruned(unit, seen))]


def _pruned(unit: Unit, seen: set[int]) -> Unit | None:
    if unit.children:
        children = [pruned for child in unit.children if (pruned := _pruned(child, seen))]
        return _group(children) if children else None
    if unit.ids <= seen:
        return None
    seen |= unit.ids
    return unit


def _layout(old: str, new: str) -> list[Part]:
    return [["=", old]] if old == new else [["-", LAYOUT, old], ["+", LAYOUT, new]]


def _merged(parts: Iterable[Part]) -> list[Part]:
    """Join neighbours of one kind into one part."""
    merged: list[Part] = []
    for part in parts:
        if part[-1] and merged and part[:-1] == merged[-1][:-1] and not part[0].endswith("{"):
            merged[-1] = [*part[:-1], merged[-1][-1] + part[-1]]
        elif part[-1]:
            merged.append(part)
    return merged


def _renamed(
    names: Iterable[str], before: Mapping[str, bytes], after: Mapping[str, bytes]
) -> dict[str, tuple[str, str]]:
    """Map both names of every file that only has another name to (old, new)."""
    went, came = defaultdict(list), defaultdict(list)
    for name in names:
        if name not in after:
            went[before[name]].append(name)
        elif name not in before:
            came[after[name]].append(name)
    pairs = [(old[0], came[content][0]) for content, old in went.items() if len(old) == len(came[content]) == 1]
    return {name: pair for pair in pairs for name in pair}


# Alignment of statements


def _aligned(
    before: Sequence[OutlineNode], after: Sequence[OutlineNode]
) -> list[tuple[OutlineNode | None, OutlineNode | None]]:
    """Pair statements, keeping both orders: equal ones first, then those with the same head, then with the same name."""
    keys: list[Callable[[OutlineNode], object]] = [
        lambda node: node.digest,
        _identity,
        lambda node: (node.words[0], node.is_block),
    ]
    return _align(list(before), list(after), keys)


def _identity(node: OutlineNode) -> object:
    return (node.words if node.is_block else node.words[:2], node.is_block)


def _align(
    before: list[OutlineNode], after: list[OutlineNode], keys: Sequence[Callable[[OutlineNode], object]]
) -> list[tuple[OutlineNode | None, OutlineNode | None]]:
    if not (before and after and keys):
        return [*((node, None) for node in before), *((None, node) for node in after)]
    key = keys[0]
    pairs: list[tuple[OutlineNode | None, OutlineNode | None]] = []
    old_end = new_end = 0
    matcher = SequenceMatcher(None, [key(node) for node in before], [key(node) for node in after], autojunk=False)
    for old_start, new_start, size in matcher.get_matching_blocks():
        matched = list(zip(before[old_start : old_start + size], after[new_start : new_start + size], strict=True))
        pairs += _align(before[old_end:old_start], after[new_end:new_start], keys[1:])
        for old, new in matched:
            pairs += [(old, new)] if _comparable(old, new) else [(old, None), (None, new)]
        old_end, new_end = old_start + size, new_start + size
    return pairs


def _comparable(old: OutlineNode, new: OutlineNode) -> bool:
    if old.children is None or new.children is None or old.words == new.words:
        return True
    mine, other = Counter(child.digest for child in old.children), Counter(child.digest for child in new.children)
    return (mine & other).total() >= _ALIKE * max(mine.total(), other.total(), 1)
