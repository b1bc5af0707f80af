# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The outline of a file: its statements with every byte of them, so that a part of them can be written again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config._lexer import MAX_DEPTH, Token, tokens


@dataclass(eq=False)
class OutlineNode:
    """One statement. Its bytes (as latin-1) are `lead + head`, then of a block its children and `tail`.

    Attributes:
        lead: whitespace and comments since the statement before.
        head: from the name to its `;` or `{`.
        words: the name and the arguments, as nginx reads them.
        children: None for a statement without a block.
        tail: of a block, the text before its `}`, and the `}`.
        digest: equal for statements that mean the same to nginx, whatever their layout.
    """

    lead: str
    head: str
    words: tuple[str, ...]
    line: int
    children: list[OutlineNode] | None = None
    tail: str = ""
    digest: str = field(default="", init=False)

    @property
    def is_block(self) -> bool:
        """Tell whether the statement has a block."""
        return self.children is not None

    def seal(self) -> None:
        """Compute the digest; the children have theirs."""
        inner = [] if self.children is None else ["{", *(child.digest for child in self.children)]
        self.digest = hashlib.sha256(repr((self.words, inner)).encode()).hexdigest()

    def text(self) -> str:
        """Return all of its bytes."""
        return self.lead + self.head + "".join(child.text() for child in self.children or ()) + self.tail

    def walk(self) -> Iterator[OutlineNode]:
        """Return this statement and all in it."""
        yield self
        for child in self.children or ():
            yield from child.walk()


@dataclass
class Outline:
    """A file's statements, and the text after the last one."""

    nodes: list[OutlineNode]
    rest: str


class _UnreadableError(Exception):
    pass


def outline(content: bytes) -> Outline | None:
    """Return the statements of a file, None for a file that is no nginx configuration (a key, a binary, broken syntax)."""
    try:
        return _Builder(content.decode("latin-1")).outline
    except _UnreadableError:
        return None


class _Builder:
    def __init__(self, text: str) -> None:
        self._text = text
        self._starts = [0, *(number + 1 for number, char in enumerate(text) if char == "\n")]
        self._end = 0  # of the text that is in a statement already
        self._words: list[Token] = []
        self._open: list[OutlineNode] = []
        self._siblings: list[list[OutlineNode]] = [[]]
        for token in tokens(text):
            self._take(token)
        if self._words or self._open:
            raise _UnreadableError
        self.outline = Outline(self._siblings[0], text[self._end :])

    def _take(self, token: Token) -> None:
        if token.kind == "error":
            raise _UnreadableError
        if token.kind in {"word", "quoted"}:
            self._words.append(token)
        elif token.kind == "lua":
            self._lua(token)
        elif token.kind == "end":
            stop = self._offset(token) + 1
            if token.value == "}":
                self._close(stop)
            else:
                self._add(stop, block=token.value == "{")

    def _offset(self, token: Token) -> int:
        return self._starts[token.line - 1] + token.column - 1

    def _add(self, stop: int, *, block: bool) -> None:
        if not self._words or len(self._open) > MAX_DEPTH:
            raise _UnreadableError
        start = self._offset(self._words[0])
        words = tuple(word.value for word in self._words)
        node = OutlineNode(self._text[self._end : start], self._text[start:stop], words, self._words[0].line)
        self._siblings[-1].append(node)
        if block:
            node.children = []
            self._open.append(node)
            self._siblings.append(node.children)
        else:
            node.seal()
        self._words, self._end = [], stop

    def _lua(self, token: Token) -> None:
        # The lexer gives the code as one token after the `{` that opened a block.
        self._siblings.pop()
        node = self._open.pop()
        stop = self._offset(token) + 1 + len(token.raw)
        node.head += self._text[self._end : stop]
        node.words = (*node.words, token.value)
        node.children = None
        node.seal()
        self._end = stop

    def _close(self, stop: int) -> None:
        if self._words or not self._open:
            raise _UnreadableError
        node = self._open.pop()
        self._siblings.pop()
        node.tail = self._text[self._end : stop]
        node.seal()
        self._end = stop
