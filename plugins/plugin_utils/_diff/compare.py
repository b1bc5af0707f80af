# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Walk two trees side by side, only where they differ, and collect the changes."""

from __future__ import annotations

import typing as t

from . import risks
from .change import Change, Kind, Lost, Risk
from .inherit import Inheritance, family_of
from .match import disorder, pair
from .sentences import inheriting

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive

    from .match import Match
    from .sentences import Sentences
    from .tree import Forest, Node

#: Blocks of which another name or condition is the same thing renamed.
_RENAMED: t.Final = frozenset({"location", "upstream", "map", "geo", "split_clients", "geoip2", "match", "charset_map"})


class Comparison:
    """One comparison: `changes` and `pairs` (blocks that differ and are the same block) after `run`."""

    def __init__(self, forest: Forest, before: Inheritance, after: Inheritance, words: Sentences) -> None:
        self.changes: list[Change] = []
        #: The `id()` of every server that was looked at, and what it became.
        self.servers: dict[int, Node | None] = {}
        self._forest = forest
        self._words = words
        self._before = before
        self._after = after
        #: The block that it was in, this block's counterpart, and what was removed.
        self._removed: list[tuple[Node, Node, Node]] = []
        self._added: list[tuple[Node, Node, Node]] = []
        #: Blocks and lists of which was told what they hide.
        self._told: set[tuple[int, str]] = set()

    def run(self, before: Node, after: Node) -> None:
        """Compare two main levels."""
        self._blocks(before, after)
        self._moves()
        for parent, new_parent, node in self._removed:
            self._add("removed", node, None, regained=self._regained(parent, new_parent, node))
        for old_parent, parent, node in self._added:
            self._add("added", None, node, lost=self._lost(old_parent, parent, node))

    def _blocks(self, before: Node, after: Node) -> None:
        if before.id == after.id:
            return
        old, new = before.children or [], after.children or []
        pairs = pair(old, new, self._forest)
        self.servers.update((id(left), right) for left, right in pairs if left is not None and left.is_server)
        for left, right in pairs:
            if left is None:
                self._added.append((before, after, t.cast("Node", right)))
            elif right is None:
                self._removed.append((before, after, left))
            elif left.id != right.id:
                self._pair(left, right)
        for moved in disorder(pairs, new):
            self._reordered(moved, pairs, new)

    def _pair(self, before: Node, after: Node) -> None:
        if before.children is None or after.children is None:
            self._change_leaf(before, after)
            return
        if before.args != after.args:
            renamed = before.name in _RENAMED and before.key[-1] != after.key[-1]
            self._add("renamed" if renamed else "changed", before, after)
        self._blocks(before, after)

    def _change_leaf(self, before: Node, after: Node) -> None:
        renamed = before.name == "server_name" and not set(before.args) & set(after.args)
        self._add("renamed" if renamed else "changed", before, after)

    # Moves

    def _moves(self) -> None:
        """Join a block that left one place and came to another into one change; a simple directive only between nested blocks."""
        waiting: dict[int, list[int]] = {}
        for index, (_old, _new, node) in enumerate(self._added):
            waiting.setdefault(node.id, []).append(index)
        counts: dict[int, int] = {}
        for _parent, _new_parent, node in self._removed:
            counts[node.id] = counts.get(node.id, 0) + 1
        gone: set[int] = set()
        kept = []
        for parent, counterpart, node in self._removed:
            others = waiting.get(node.id, [])
            if counts[node.id] == len(others) == 1 and self._is_move(node, self._added[others[0]][2]):
                gone.add(others[0])
                old_parent, new_parent, arrived = self._added[others[0]]
                self._add("moved", node, arrived, lost=self._lost(old_parent, new_parent, arrived))
            else:
                kept.append((parent, counterpart, node))
        self._removed = kept
        self._added = [each for index, each in enumerate(self._added) if index not in gone]

    def _is_move(self, before: Node, after: Node) -> bool:
        if before.children is not None:
            return bool(before.children)
        one, other = self._words.titles.path(before.directive), self._words.titles.path(after.directive)
        outer, inner = sorted((one, other), key=len)
        return one != other and (not outer or inner.startswith(f"{outer} > "))

    # Order

    def _reordered(
        self, moved: list[Match], pairs: Iterable[tuple[Node | None, Node | None]], after: list[Node]
    ) -> None:
        paired = {id(new) for old, new in pairs if old is not None and new is not None}
        shifted = {id(new) for _old, new in moved}
        old, new = moved[0]
        same = [
            each
            for each in after
            if id(each) in paired and (each.group, each.group or each.key) == (new.group, new.group or new.key)
        ]
        index = next(index for index, each in enumerate(same) if each is new)
        later = next((each for each in same[index + 1 :] if id(each) not in shifted), None)
        earlier = next((each for each in reversed(same[:index]) if id(each) not in shifted), None)
        line = self._words.reordered(new, later, earlier, more=len(moved) - 1)
        risk = risks.worst(*(risks.of_directive(each.directive) for _unused, each in moved))
        self._add("reordered", old, new, line=line, risk=risk)

    # Reporting

    def _lost(self, old_parent: Node, parent: Node, node: Node) -> tuple[Lost, ...]:
        """Return what an added directive hides that its block inherited before, once per block and list."""
        if node.children is not None:
            return tuple(dict.fromkeys(self._after.lost_inside(node.directive)))
        family = self._first_of_family(node, parent)
        if family is None or _has(old_parent, family):
            return ()
        return self._after.lost(node.directive)

    def _regained(self, parent: Node, new_parent: Node, node: Node) -> tuple[Lost, ...]:
        """Return what a block inherits again, now that it has no such list of its own."""
        family = None if node.children is not None else self._first_of_family(node, parent)
        if family is None or _has(new_parent, family):
            return ()
        return self._after.inherited_beyond(new_parent.directive, node.directive)

    def _first_of_family(self, node: Node, parent: Node) -> str | None:
        family = family_of(node.directive)
        if family is None or (id(parent), family) in self._told:
            return None
        self._told.add((id(parent), family))
        return family

    def _add(
        self,
        kind: Kind,
        before: Node | None,
        after: Node | None,
        *,
        lost: tuple[Lost, ...] = (),
        regained: tuple[Lost, ...] = (),
        line: str | None = None,
        risk: Risk | None = None,
    ) -> None:
        old = None if before is None else before.directive
        new = None if after is None else after.directive
        shown = t.cast("Directive", new or old)
        whole = kind in ("added", "removed", "moved")
        if risk is None:
            each = [d for d in (old, new) if d is not None]
            risk = risks.worst(*(risks.of_subtree(d) if whole else risks.of_directive(d) for d in each))
            risk = _sharpened(risk, before, after)
        names = [name for d in (old, new) if d is not None for name in self._words.titles.names_of(d)]
        self.changes.append(
            Change(
                kind=kind,
                risk=risk,
                before=old.place if old is not None else None,
                after=new.place if new is not None else None,
                block=self._words.titles.path(shown),
                servers=tuple(dict.fromkeys(names)),
                line=(line or self._words.line(kind, before, after)) + inheriting(lost, regained),
                before_text=None if old is None else self._words.text(old, whole=whole),
                after_text=None if new is None else self._words.text(new, whole=whole),
                lost=lost,
                directives=((old, new),),
            )
        )


def _has(block: Node, family: str) -> bool:
    return any(family_of(child.directive) == family for child in block.children or ())


def _sharpened(risk: Risk, before: Node | None, after: Node | None) -> Risk:
    """Return `tls` for a `listen` that gains or loses TLS."""
    if before is not None and after is not None and after.name == "listen":
        changed = set(before.args) ^ set(after.args)
        if changed & {"ssl", "http2", "quic"}:
            return "tls"
    return risk
