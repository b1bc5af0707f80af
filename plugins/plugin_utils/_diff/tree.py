# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Both configurations as trees of numbered meanings: nodes with the same number mean the same, whatever their layout."""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive, flatten

from .keys import CONTESTED, Args, Key, claims, spell
from .wording import DEFAULT_SOCKET

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

#: Upstreams that map a request to a peer by the peer's position; `hash … consistent` does not.
_BY_POSITION: t.Final = ("ip_hash", "hash")


class Node:
    """A directive in one spelling. `id` numbers its meaning, `body` (blocks only) that of its content alone.

    Where a server has several `server_name` directives, one node of the first stands for them all.
    """

    __slots__ = ("args", "body", "children", "directive", "group", "id", "key")

    def __init__(self, directive: Directive, key: Key, args: Args, group: str) -> None:
        self.directive = directive
        self.key = key
        self.args = args
        self.group = group
        self.id = 0
        self.body = 0
        self.children: list[Node] | None = None

    @property
    def name(self) -> str:
        return self.directive.name

    @property
    def is_server(self) -> bool:
        return self.children is not None and self.directive.name == "server"

    def named(self, name: str) -> Iterator[Node]:
        """Return the children of that name."""
        return (child for child in self.children or () if child.directive.name == name)

    @property
    def sockets(self) -> list[str]:
        """Return what a server listens on."""
        return ["/".join(child.key[1:]) for child in self.named("listen")] or [DEFAULT_SOCKET]

    @property
    def server_names(self) -> Args:
        """Return the names of a server, the first one first; one empty name where it has none."""
        return next((child.args for child in self.named("server_name")), ("",))


class Forest:
    """Number meanings for as many configurations as are built with it."""

    def __init__(self) -> None:
        self._ids: dict[t.Any, int] = {}

    def build(self, root: Iterable[Directive], *, partial: bool) -> Node:
        """Return the node of the main level.

        Args:
            root: the main level.
            partial: whether an include that contributes nothing stands for a file that is elsewhere.
        """
        top = Node(Directive("main", [], "", 0, 0, None), ("main",), (), "")
        top.children = self._children(root, "main", partial=partial)
        self._number(top)
        return top

    def _children(self, directives: Iterable[Directive], around: str, *, partial: bool) -> list[Node]:
        nodes: list[Node] = []
        for directive in _visible(directives) if partial else flatten(directives):
            key, args, group = spell(directive, around)
            node = Node(directive, key, args, group)
            if directive.block is None:
                node.id = self._ids.setdefault((key, args), len(self._ids))
            else:
                node.children = self._children(directive.block, directive.name, partial=partial)
                self._number(node)
            nodes.append(node)
        return nodes

    def _number(self, node: Node) -> None:
        if node.is_server:
            self._finish_server(node)
        elif node.name == "upstream":
            _order_peers(node)
        elif node.name == "geo" and any(node.named("ranges")):
            _order_all(node.children or (), "ranges")
        elif node.name == "types":
            _order_contested(node.children or (), lambda child: child.args[1:])
        children = node.children or []
        contested = [child for child in children if child.directive.name in CONTESTED]
        if len(contested) > 1:
            _order_contested(contested, lambda child: claims(child.name, child.args))
        groups: dict[str, list[int]] = {}
        for child in children:
            if child.group:
                groups.setdefault(child.group, []).append(child.id)
        # Siblings of one key keep their order, the others have none.
        bag = tuple([child.id for child in sorted(children, key=_key)])
        sequences = tuple(sorted((group, tuple(ids)) for group, ids in groups.items() if len(ids) > 1))
        node.body = self._ids.setdefault((bag, sequences), len(self._ids))
        node.id = self._ids.setdefault((node.name, node.args, node.body), len(self._ids))

    def _finish_server(self, node: Node) -> None:
        children = node.children or []
        written = [child for child in children if child.name == "server_name"]
        if written:
            first, *others = [_lower(name) for child in written for name in child.args] or [""]
            merged = written[0]
            literal = {name for name in others if not name.startswith("~")} - {first}
            # Of regular expressions the first that matches sets the variables.
            expressions = dict.fromkeys(name for name in others if name.startswith("~"))
            merged.args = (first, *sorted(literal), *expressions)
            merged.id = self._ids.setdefault((merged.key, merged.args), len(self._ids))
            node.children = [child for child in children if child is merged or child.name != "server_name"]
        names = node.server_names
        node.key = ("server", *sorted(node.sockets), "", *sorted(names))
        node.group = "server" if any(name.startswith("~") for name in names) else ""

    def outside(self, node: Node) -> int:
        """Return the meaning of a server without what it answers to."""
        inner = [child for child in node.children or () if child.name not in ("listen", "server_name")]
        ids = tuple(child.id for child in sorted(inner, key=_key))
        order = tuple(child.id for child in inner if child.group)
        return self._ids.setdefault(("outside", ids, order), len(self._ids))


def _key(node: Node) -> Key:
    return node.key


def _lower(name: str) -> str:
    return name if name.startswith("~") else name.lower()


def _order_peers(node: Node) -> None:
    for name in _BY_POSITION:
        if any("consistent" not in child.args for child in node.named(name)):
            for peer in node.named("server"):
                peer.group = "peers"


def _order_all(nodes: Iterable[Node], group: str) -> None:
    for node in nodes:
        node.group = group


def _order_contested(nodes: Iterable[Node], claimed: Callable[[Node], Args]) -> None:
    """Give an order to those that claim one thing: nginx takes the first or the last of them."""
    claimants: dict[tuple[str, str], list[Node]] = {}
    kinds: dict[str, list[Node]] = {}
    for node in nodes:
        for claim in claimed(node):
            kind = node.key[0]
            claimants.setdefault((kind, claim), []).append(node)
            kinds.setdefault(kind, []).append(node)
    for kind in {kind for (kind, claim), several in claimants.items() if len(several) > 1 or claim == "any"}:
        _order_all(kinds[kind], kind or "types")


def _visible(directives: Iterable[Directive]) -> Iterator[Directive]:
    """Flatten directives, but keep an include that contributes nothing: what it names is elsewhere."""
    for directive in directives:
        if directive.include:
            yield from _visible(directive.include)
        else:
            yield directive


def count(directive: Directive) -> int:
    """Return the number of directives in a block, at every depth."""
    found = 0
    todo = [directive]
    while todo:
        for child in flatten(todo.pop().block or ()):
            found += 1
            if child.block:
                todo.append(child)
    return found
