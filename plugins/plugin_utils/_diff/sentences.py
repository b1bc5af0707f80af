# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""A change in one line."""

from __future__ import annotations

import typing as t

from . import wording
from .tree import count

if t.TYPE_CHECKING:
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive

    from .change import Kind, Lost
    from .tree import Node

#: Inherited directives that fit a line.
_SHOWN: t.Final = 3


class Sentences:
    """Say what became of a node."""

    def __init__(self) -> None:
        self.titles = wording.Titles()

    def line(self, kind: Kind, before: Node | None, after: Node | None) -> str:
        """Return the change in one line; one of both nodes is missing where the other was added or removed."""
        node = t.cast("Node", after or before)
        where = self.titles.around(node.directive)
        if before is None or after is None:
            return f"{where}: {'+' if before is None else '-'} {self.titles.title(node.directive)}{_size(node)}"
        if kind == "moved":
            origin = self.titles.around(before.directive)
            return f"{where}: {self.titles.title(after.directive)}{_size(after)} moved here from {origin}"
        if node.name == "server_name" and kind == "changed":
            return f"{where}: server_name {_names(before.args, after.args)}"
        if node.name == "server_name":
            return f"server {before.args[0]} renamed to {after.args[0]}"
        return f"{where}: {self._arrow(before.directive, after.directive)}"

    def reordered(self, node: Node, later: Node | None, earlier: Node | None, *, more: int) -> str:
        """Return where a moved node stands now, by a neighbour that did not move."""
        where = f"before {self.titles.title(later.directive)}" if later is not None else "elsewhere"
        if later is None and earlier is not None:
            where = f"after {self.titles.title(earlier.directive)}"
        others = f" (and {more} more)" if more else ""
        return f"{self.titles.around(node.directive)}: {self.titles.title(node.directive)} now {where}{others}"

    def text(self, directive: Directive, *, whole: bool) -> str:
        """Return the whole directive, or of a block only what stands before the brace."""
        return wording.text(directive) if whole or directive.block is None else self.titles.title(directive)

    def _arrow(self, before: Directive, after: Directive) -> str:
        """Return `proxy_pass http://a -> http://b`, with the common beginning once."""
        if before.block is not None or before.name != after.name or "_by_lua_block" in after.name:
            return f"{self.titles.title(before)} -> {self.titles.title(after)}"
        old, new = before.raw_args, after.raw_args
        same = 0
        while same < min(len(old), len(new)) - 1 and old[same] == new[same]:
            same += 1
        parts = (" ".join([after.name, *old[:same]]), " ".join(old[same:]), " ".join(new[same:]))
        return "{} {} -> {}".format(*map(wording.shorten, parts))


def inheriting(lost: tuple[Lost, ...], regained: tuple[Lost, ...]) -> str:
    """Return what a change hides and what holds again, for the end of its line."""
    return _some("hides", lost) + _some("inherits again", regained)


def _some(what: str, inherited: tuple[Lost, ...]) -> str:
    if not inherited:
        return ""
    shown = ", ".join(each.name for each in inherited[:_SHOWN])
    more = f" and {len(inherited) - _SHOWN} more" if len(inherited) > _SHOWN else ""
    return f"; {what} {shown}{more}"


def _size(node: Node) -> str:
    if node.children is None:
        return ""
    inside = count(node.directive)
    return f" ({inside} directive{'' if inside == 1 else 's'})"


def _names(before: tuple[str, ...], after: tuple[str, ...]) -> str:
    old, new = set(before), set(after)
    words = [*(f"+ {name}" for name in after if name not in old), *(f"- {name}" for name in before if name not in new)]
    return wording.shorten(", ".join(words or [f"{after[0]} is now the first"]))
