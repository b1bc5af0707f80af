# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The text of one file as statements with their places, comments and faults.

The grammar, Lua blocks included, is that of `module_utils/_common/nginx_tokens.py`, which the host reads with too.
"""

from __future__ import annotations

import typing as t
from collections.abc import Iterator
from dataclasses import dataclass, field

from ansible_collections.failsafe.nginx.plugins.module_utils._common.nginx_tokens import TOKEN, lua_end, unescape

#: What ended a statement: `;`, the `{` that opens a block, the `}` that closes one, or a whole Lua block.
Term = t.Literal[";", "{", "}", "lua"]

#: NGX_CONF_BUFFER: nginx cannot read a token or a comment that needs as many bytes as its buffer has.
TOKEN_LIMIT = 4096

#: Deeper than any real configuration; keeps hostile input from exhausting the stack of a walk over the tree.
MAX_DEPTH = 100


class Token(t.NamedTuple):
    """One token. `kind` is `word`, `quoted`, `comment`, `end`, `lua` or `error`; `value` is unquoted (the message of an error)."""

    kind: str
    value: str
    raw: str
    line: int
    column: int


class Statement(t.NamedTuple):
    """One directive's head, or the `}` of a block; `end_line` is where its terminator stands."""

    term: Term
    name: str
    args: list[str]
    raw_args: list[str]
    line: int
    column: int
    end_line: int


class Remark(t.NamedTuple):
    """A comment of one file."""

    text: str
    line: int
    column: int
    own_line: bool


class SyntaxFault(t.NamedTuple):
    """A violation of nginx's grammar; `related` is (message, line, column) of another place in the same file."""

    message: str
    line: int
    column: int
    related: tuple[str, int, int] | None = None


@dataclass
class Syntax:
    """The statements of one file. Their blocks are always balanced, whatever the faults."""

    statements: list[Statement] = field(default_factory=list)
    comments: list[Remark] = field(default_factory=list)
    faults: list[SyntaxFault] = field(default_factory=list)


def tokens(text: str) -> Iterator[Token]:
    """Return the tokens of one file. An `error` token is the last one."""
    cursor = _Cursor(text)
    position = moved = 0
    first, lua, quoted_until = True, False, -1
    while (match := TOKEN.match(text, position)) and (kind := match.lastgroup):
        start = match.start(kind) - (kind in ("double", "single"))
        raw = text[start : match.end()]
        line, column = cursor.move(moved, start)
        moved = start
        # Most tokens are short words: each is looked at as little as possible.
        if kind == "open" or start == quoted_until or len(raw) * 4 >= TOKEN_LIMIT:
            error = _fault(kind, raw, glued=start == quoted_until)
            if error:
                yield Token("error", error, raw, line, column)
                return
        position = match.end()
        if kind == "end":
            yield Token("end", raw, raw, line, column)
            if raw == "{" and lua:
                token, position = _lua_block(text, position, line, column)
                yield token
            first, lua = True, False
        elif kind == "comment":
            yield Token("comment", raw[1:], raw, line, column)
        else:
            value = unescape(match[kind])
            if kind != "word":
                kind, quoted_until = "quoted", position
            yield Token(kind, value, raw, line, column)
            lua = lua or (first and value.endswith("_by_lua_block"))
            first = False


class _Cursor:
    """Track line and column while moving through the text, in linear time."""

    __slots__ = ("_line", "_line_start", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._line = 1
        self._line_start = 0

    def move(self, position: int, target: int) -> tuple[int, int]:
        """Return line and column of `target`, coming from `position`, the target of the last move."""
        if newlines := self._text.count("\n", position, target):
            self._line += newlines
            self._line_start = self._text.rfind("\n", position, target) + 1
        return self._line, target - self._line_start + 1


def _fault(kind: str, raw: str, *, glued: bool) -> str | None:
    if kind == "open":
        return f"unclosed quote {raw}"
    if glued and not raw.startswith((";", "{", ")")):
        return f'unexpected "{raw[0]}" after a quoted argument'
    if len(raw) * 4 >= TOKEN_LIMIT:
        body = raw[kind in ("double", "single") :]
        if len(body.encode("utf-8", "surrogateescape")) >= TOKEN_LIMIT:
            what = "comment" if kind == "comment" else "argument"
            return f"this {what} is longer than nginx can read ({TOKEN_LIMIT - 1} bytes)"
    return None


def _lua_block(text: str, start: int, line: int, column: int) -> tuple[Token, int]:
    """Return the content of the Lua block whose `{` ends at `start`, and the position after its `}`."""
    end = lua_end(text, start)
    if end is not None:
        return Token("lua", text[start : end - 1], text[start:end], line, column), end
    return Token("error", 'unexpected end of a Lua block, expecting "}"', text[start:], line, column), len(text)


def read(text: str) -> Syntax:
    """Read one file's text. Linear in its length; reading stops at a fault that leaves nginx's grammar."""
    return _Reader(text).syntax


class _Reader:
    """Collect tokens into statements."""

    def __init__(self, text: str) -> None:
        self.syntax = Syntax()
        self._open: list[Statement] = []
        self._words: list[Token] = []
        self._lines = text.count("\n") + 1 - text.endswith("\n")
        last: Token | None = None
        for token in tokens(text):
            kind = token.kind
            if kind == "comment":
                own_line = last is None or token.line != last.line + last.raw.count("\n")
                self.syntax.comments.append(Remark(token.value.rstrip("\r"), token.line, token.column, own_line))
                continue
            if kind in ("word", "quoted"):
                self._words.append(token)
            elif not self._take(token):
                break
            last = token
        else:
            self._end_of_file()
        self._close_all()

    def _take(self, token: Token) -> bool:
        """Handle a token that ends something; False where reading cannot go on."""
        if token.kind == "error":
            self._fault(token.value, token)
            return False
        if token.kind == "lua":
            self._lua(token)
        elif token.value == "}":
            return self._close(token)
        elif not self._words:
            self._fault(f'unexpected "{token.value}": no directive stands before it', token)
            return False
        else:
            self._statement(t.cast("Term", token.value), token.line)
            if token.value == "{":
                self._open.append(self.syntax.statements[-1])
                if len(self._open) > MAX_DEPTH:
                    self._fault(f"blocks are nested deeper than {MAX_DEPTH} levels", token)
                    return False
        return True

    def _statement(self, term: Term, end_line: int) -> None:
        name, *words = self._words
        args = [word.value for word in words]
        raw_args = [word.raw for word in words]
        if args == raw_args:
            raw_args = args
        statement = Statement(term, name.value, args, raw_args, name.line, name.column, end_line)
        self.syntax.statements.append(statement)
        self._words = []

    def _lua(self, token: Token) -> None:
        """Turn the block just opened into a directive whose last argument is the Lua code."""
        head = self.syntax.statements.pop()
        self._open.pop()
        end_line = token.line + token.raw.count("\n")
        args = [*head.args, token.value]
        raw_args = [*head.raw_args, token.value]
        self.syntax.statements.append(
            Statement("lua", head.name, args, raw_args, head.line, head.column, end_line),
        )

    def _close(self, token: Token) -> bool:
        if self._words:
            self._unterminated(("the block ends here", token.line, token.column))
        if not self._open:
            self._fault('unexpected "}": no block is open here', token)
            return False
        self._open.pop()
        self.syntax.statements.append(Statement("}", "", [], [], token.line, token.column, token.line))
        return True

    def _unterminated(self, related: tuple[str, int, int] | None) -> None:
        head, last = self._words[0], self._words[-1]
        message = f'directive "{shorten(head.value)}" is not terminated by ";"'
        self.syntax.faults.append(SyntaxFault(message, head.line, head.column, related))
        self._statement(";", last.line)

    def _end_of_file(self) -> None:
        if self._words:
            self._unterminated(None)
        if self._open:
            block = self._open[-1]
            related = (f'"{shorten(block.name)}" is opened here', block.line, block.column)
            fault = SyntaxFault('unexpected end of file, expecting "}"', self._lines, 1, related)
            self.syntax.faults.append(fault)

    def _close_all(self) -> None:
        for _block in self._open:
            self.syntax.statements.append(Statement("}", "", [], [], self._lines, 1, self._lines))

    def _fault(self, message: str, token: Token) -> None:
        self.syntax.faults.append(SyntaxFault(message, token.line, token.column))


def shorten(text: str, limit: int = 60) -> str:
    """Return text fit for a message: short, without line breaks and terminal escapes."""
    clean = "".join(char if char.isprintable() else "?" for char in text[: limit + 1])
    return clean if len(clean) <= limit else f"{clean[:limit]}..."
