# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""nginx's lexical rules: ngx_conf_read_token(), and ngx_http_lua_conf_lua_block_parse() of lua-nginx-module.

The controller's `_config/_lexer.py` adds places and faults to the same TOKEN.
"""

from __future__ import annotations

import re
import sys
import typing as t


def compile_rules(pattern: str, *, possessive: bool = sys.version_info >= (3, 11)) -> t.Pattern[str]:
    """Compile a pattern. Possessive quantifiers save memory; the match is the same without them."""
    return re.compile(pattern if possessive else pattern.replace("*+", "*"), re.VERBOSE | re.DOTALL)


#: One token and the space before it. No group matches at the end of the text.
TOKEN = compile_rules(
    r"""
    [ \t\r\n]*+
    (?:
      (?P<end>     [;{}] )
    | (?P<comment> \#[^\n]*+ )
    | "(?P<double> [^"\\]*+ (?: \\. [^"\\]*+ )*+ )"
    | '(?P<single> [^'\\]*+ (?: \\. [^'\\]*+ )*+ )'
    | (?P<open>    ["'] )
    | \Z
      # `${` opens no block; quotes, `#` and `}` inside a word are ordinary.
    | (?P<word>    [^ \t\r\n;{\\$]*+ (?: (?: \\.? | \$\{*+ ) [^ \t\r\n;{\\$]*+ )*+ )
    )
    """
)
# Braces in Lua, and what hides them: comments, strings, long brackets. Unclosed ones end with the text.
_LUA = compile_rules(
    r"""
    (?:--)? \[(=*)\[ .*? (?: \]\1\] | \Z )
    | --[^\n]*+
    | (["']) (?: \\. | (?!\2) [^\\\n] )*+ (?: \2 | .*+ )
    | [{}]
    """
)
_ESCAPE = re.compile(r"""\\(["'\\trn])""")
_UNESCAPED = {"t": "\t", "r": "\r", "n": "\n"}


class RawDirective(t.NamedTuple):
    """One directive: its name and arguments, and the number of blocks of its file around it."""

    args: t.Tuple[bytes, ...]
    depth: int


def unescape(raw: str) -> str:
    r"""Return what nginx makes of a token's characters: `\"`, `\'`, `\\`, `\t`, `\r`, `\n`; every other backslash stays."""
    if "\\" not in raw:
        return raw
    return _ESCAPE.sub(lambda match: _UNESCAPED.get(match[1], match[1]), raw)


def directives(data: bytes) -> t.Iterator[RawDirective]:
    """Split configuration text. Lua blocks are skipped; text that ends within a directive ends the iteration."""
    text = data.decode("latin-1")  # one character for each byte
    depth = position = 0
    args: t.List[bytes] = []
    while True:
        match = TOKEN.match(text, position)
        kind = match and match.lastgroup
        if not match or not kind or kind == "open":
            return
        position = match.end()
        if kind == "end":
            end = match[kind]
            if args and end != "}":
                yield RawDirective(tuple(args), depth)
            if end == "{" and args and args[0].endswith(b"_by_lua_block"):
                position = lua_end(text, position) or len(text)
            elif end != ";":
                depth = depth + 1 if end == "{" else max(depth - 1, 0)
            args = []
        elif kind != "comment":
            args.append(unescape(match[kind]).encode("latin-1"))


def lua_end(text: str, start: int) -> t.Optional[int]:
    """Return the end of the Lua block whose `{` ends at `start`, None if it is not closed."""
    depth = 1
    for match in _LUA.finditer(text, start):
        depth += {"{": 1, "}": -1}.get(match[0], 0)
        if not depth:
            return match.end()
    return None
