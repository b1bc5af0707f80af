# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""YAML with the place of every value. No value is converted, and an unknown key is a fault."""

from __future__ import annotations

import difflib
import typing as t

import yaml

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Place
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.errors import RouteError

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LARGEST: t.Final = 4_000_000
#: The most nodes that are visited: more than people write, fewer than aliases of aliases make.
_MOST_NODES: t.Final = 200_000
_FAULTS: t.Final = 20
_TRUE: t.Final = frozenset({"true", "yes", "on"})
_FALSE: t.Final = frozenset({"false", "no", "off"})
_CORE: t.Final = "tag:yaml.org,2002:"
_TAGS: t.Final = frozenset({"str", "int", "float", "bool", "null", "timestamp", "seq", "map", "merge", "value"})
_MERGE: t.Final = "tag:yaml.org,2002:merge"

NodesByKey = dict[str, yaml.Node]


class Document:
    """One file: its nodes, read by the expected kind, and the faults in them.

    Args:
        data: the file's content.
        name: its path for messages.

    Raises:
        RouteError: it is no UTF-8, no YAML, empty or too large.
    """

    def __init__(self, data: bytes | str, name: str) -> None:
        self.name = name
        self.faults: list[tuple[Place, str]] = []
        self._nodes = 0
        self._open: set[int] = set()
        self.root = self._compose(data)

    def _compose(self, data: bytes | str) -> yaml.Node:
        text = self._decode(data)
        if len(text) > LARGEST:
            raise RouteError(f"{self.name}: the file is larger than {LARGEST} bytes")
        try:
            root = yaml.compose(text, Loader=yaml.SafeLoader)
        except (yaml.YAMLError, ValueError, RecursionError, OverflowError) as error:
            mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
            reason = getattr(error, "problem", None) or str(error) or type(error).__name__
            line = 1 if mark is None else mark.line + 1
            hint = ": in braces a URL needs quotes" if "got '?'" in reason else ""
            raise RouteError(f"{self.name}:{line}: this is no YAML: {reason.splitlines()[0]}{hint}") from None
        if root is None or is_null(root):
            raise RouteError(f"{self.name}: the file is empty, so it expects nothing")
        return root

    def _decode(self, data: bytes | str) -> str:
        if isinstance(data, str):
            data = data.encode("utf-8", "surrogateescape")
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = data[: error.start].count(b"\n") + 1
            raise RouteError(f"{self.name}:{line}: this is no UTF-8 text") from None

    def place(self, node: yaml.Node) -> Place:
        """Return the place of a node."""
        return Place(self.name, node.start_mark.line + 1, node.start_mark.column + 1)

    def fault(self, node: yaml.Node, message: str) -> None:
        """Note a fault of a node."""
        self.faults.append((self.place(node), message))

    def refuse_faults(self) -> None:
        """Stop if a fault was noted.

        Raises:
            RouteError: every fault with its place, one per line.
        """
        if not self.faults:
            return
        lines = list(dict.fromkeys(f"{place}: {message}" for place, message in sorted(self.faults)))
        more = [f"and {len(lines) - _FAULTS} more"] if len(lines) > _FAULTS else []
        raise RouteError("\n".join([*lines[:_FAULTS], *more]))

    def _visit(self, node: yaml.Node) -> None:
        self._nodes += 1
        if self._nodes > _MOST_NODES:
            raise RouteError(f"{self.place(node)}: more than {_MOST_NODES} values, anchors and aliases counted in full")
        if not str(node.tag).startswith(_CORE) or str(node.tag).removeprefix(_CORE) not in _TAGS:
            self.fault(node, f"{node.tag} is not read here: write plain values")

    # -- by kind

    def mapping(self, node: yaml.Node, what: str, known: Iterable[str], hints: Mapping[str, str]) -> NodesByKey:
        """Read a mapping: return its known keys with their values.

        Args:
            node: what should be a mapping.
            what: what it is, for messages.
            known: the keys that it may have.
            hints: key of another tool -> what to write here.
        """
        names = tuple(known)
        found: NodesByKey = {}
        for key, value in self._pairs(node, f"{what} has to have keys and values: {', '.join(names)}"):
            if key.value not in names:
                self.fault(key, f'{what} has no "{key.value}"{_nearest(key.value, names, hints)}')
            else:
                found[key.value] = value
        return found

    def table(self, node: yaml.Node, what: str) -> NodesByKey:
        """Read a mapping with any keys."""
        return {key.value: value for key, value in self._pairs(node, f"{what} has to have names and values")}

    def _pairs(self, node: yaml.Node, message: str) -> list[tuple[yaml.ScalarNode, yaml.Node]]:
        self._visit(node)
        if not isinstance(node, yaml.MappingNode):
            self.fault(node, message)
            return []
        if id(node) in self._open:
            self.fault(node, "a mapping cannot be merged into itself")
            return []
        self._open.add(id(node))
        own: dict[str, tuple[yaml.ScalarNode, yaml.Node]] = {}
        merged: list[tuple[yaml.ScalarNode, yaml.Node]] = []
        for key, value in node.value:
            self._visit(key)
            if not isinstance(key, yaml.ScalarNode):
                self.fault(key, "a key has to be a word")
            elif key.tag == _MERGE:
                for each in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                    merged += self._pairs(each, "<< has to name a mapping")
            elif key.value in own:
                self.fault(key, f'"{key.value}" stands here twice')
            else:
                own[key.value] = (key, value)
        for key, value in merged:
            own.setdefault(key.value, (key, value))
        self._open.discard(id(node))
        return list(own.values())

    def items(self, node: yaml.Node, what: str) -> list[yaml.Node]:
        """Read a list's items, or a single value as a list of one."""
        self._visit(node)
        if not isinstance(node, yaml.SequenceNode):
            return [node]
        if not node.value:
            self.fault(node, f"{what} is an empty list, so nothing would be asked")
        for each in node.value:
            self._visit(each)
        return list(node.value)

    def sequence(self, node: yaml.Node, what: str) -> list[yaml.Node]:
        """Read a list's items."""
        self._visit(node)
        if isinstance(node, yaml.SequenceNode):
            return list(node.value)
        if not is_null(node):
            self.fault(node, f"{what} has to be a list")
        return []

    def text(self, node: yaml.Node, what: str) -> str:
        """Read one value as it is written; an empty one needs quotes."""
        self._visit(node)
        if not isinstance(node, yaml.ScalarNode):
            self.fault(node, f"{what} has to be one value")
        elif is_null(node):
            self.fault(node, f'{what} has no value, write "" for an empty one')
        else:
            return str(node.value)
        return ""

    def number(self, node: yaml.Node, what: str, low: int, high: int) -> int:
        """Read a whole number within limits."""
        text = self.text(node, what)
        if text.isascii() and text.isdigit() and low <= int(text[:12]) <= high:
            return int(text)
        self.fault(node, f'{what} has to be a number from {low} to {high}, not "{text}"')
        return low

    def flag(self, node: yaml.Node, what: str) -> bool:
        """Read `true` or `false`, in any of YAML 1.1's spellings."""
        text = self.text(node, what).lower()
        if text not in _TRUE | _FALSE:
            self.fault(node, f'{what} has to be true or false, not "{text}"')
        return text in _TRUE


def is_null(node: yaml.Node) -> bool:
    """Return True if the value is missing or `null`."""
    return isinstance(node, yaml.ScalarNode) and not node.style and node.value in ("", "~", "null", "Null", "NULL")


def _nearest(name: str, known: Iterable[str], hints: Mapping[str, str]) -> str:
    if name in hints:
        return f": here it is {hints[name]}"
    names = list(known)
    close = difflib.get_close_matches(name, names, n=1)
    return f', did you mean "{close[0]}"?' if close else f"; it has {', '.join(names)}"
