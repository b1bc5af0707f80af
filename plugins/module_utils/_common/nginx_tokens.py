# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""nginx's lexical rules, for bytes without places (the controller's lexer, which knows lines, is `_config/_lexer.py`)."""

from __future__ import annotations

import re
import typing as t

#: Between tokens: space and comments.
_GAP = re.compile(rb"(?:[ \t\r\n]+|#[^\n]*)*")
#: A `{` right after `$` belongs to the word, `${name}`; a backslash protects the byte behind it.
_WORD = re.compile(rb"((?:\\.|\$\{?|[^\\$ \t\r\n;{])+)", re.DOTALL)
_QUOTED = {
    b'"': re.compile(rb'"((?:\\.|[^\\"])*)"', re.DOTALL),
    b"'": re.compile(rb"'((?:\\.|[^\\'])*)'", re.DOTALL),
}
_ESCAPE = re.compile(rb"\\([trn\"'\\])")
_ESCAPES = {b"t": b"\t", b"r": b"\r", b"n": b"\n"}
#: What matters in Lua source: comments, strings and long brackets may hold braces that do not count.
_LUA = re.compile(
    rb"--\[(=*)\[.*?\]\1\]|--[^\n]*|\[(=*)\[.*?\]\2\]|\"(?:\\.|[^\\\"\n])*\"|'(?:\\.|[^\\'\n])*'|[{}]", re.DOTALL
)


class RawDirective(t.NamedTuple):
    """One directive: its name and arguments, and the number of blocks of its file around it."""

    args: t.Tuple[bytes, ...]
    depth: int


def directives(text: bytes) -> t.Iterator[RawDirective]:
    """Split configuration text by nginx's lexical rules (ngx_conf_read_token in src/core/ngx_conf_file.c).

    Lua blocks are skipped as a whole. Text that ends within a directive ends the iteration.
    """
    depth = 0
    args: t.List[bytes] = []
    position = 0
    while True:
        position, token, quoted = _token(text, position)
        if token is None:
            return
        if not quoted and token in (b";", b"{", b"}"):
            if args and token != b"}":
                yield RawDirective(tuple(args), depth)
            if token == b"{" and args and args[0].endswith(b"_by_lua_block"):
                position = _lua_end(text, position)
            elif token != b";":
                depth = depth + 1 if token == b"{" else max(depth - 1, 0)
            args = []
        else:
            args.append(token)


def _token(text: bytes, start: int) -> t.Tuple[int, t.Optional[bytes], bool]:
    # The next token at or after `start`: (where to go on, token or None at the end, whether it was quoted).
    gap = _GAP.match(text, start)
    start = gap.end() if gap else start
    first = text[start : start + 1]
    if first in (b";", b"{", b"}"):
        return start + 1, first, False
    match = _QUOTED.get(first, _WORD).match(text, start)
    if not match:
        return len(text), None, False
    return (
        match.end(),
        _ESCAPE.sub(lambda found: _ESCAPES.get(found.group(1), found.group(1)), match.group(1)),
        first in _QUOTED,
    )


def _lua_end(text: bytes, position: int) -> int:
    depth = 1
    for match in _LUA.finditer(text, position):
        depth += {b"{": 1, b"}": -1}.get(match.group(), 0)
        if not depth:
            return match.end()
    return len(text)
