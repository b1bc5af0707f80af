# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Directives in words: titles, paths, one-line and whole texts."""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import flatten

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive

_LONGEST: t.Final = 120
_LONGEST_ARG: t.Final = 80
#: Lines of a block's text; what comes after is told by a number.
_LINES: t.Final = 200
#: More than any value that a person wrote; a block of code is one line here.
_LONGEST_LINE: t.Final = 20_000


def shorten(text: str, longest: int = _LONGEST) -> str:
    """One line of at most so many characters."""
    text = " ".join(text.split()) if not text.isprintable() else text
    text = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def title(directive: Directive) -> str:
    """`location ~ ^/a`, `server www.example.com`, `proxy_pass http://app`, `if ($a = b)`."""
    if directive.name == "server" and directive.block is not None:
        return shorten(f"server {server_title(directive)}")
    if directive.name == "if" and directive.block is not None:
        return shorten(f"if ({' '.join(directive.raw_args)})")
    if "_by_lua_block" in directive.name and directive.raw_args:
        *args, code = directive.raw_args
        lines = len(code.strip().splitlines())
        return shorten(" ".join([directive.name, *args, f"{{ {lines} line{'' if lines == 1 else 's'} }}"]))
    return shorten(" ".join([directive.name, *(shorten(arg, _LONGEST_ARG) for arg in directive.raw_args)]))


def server_title(server: Directive) -> str:
    """The first name of a server, or what it listens on."""
    names = [name for each in server.find("server_name") for name in each.args if name]
    if names:
        return names[0]
    listens = [each.args[0] for each in server.find("listen") if each.args]
    return listens[0] if listens else "*:80"


def path(directive: Directive) -> str:
    """`http > server www.example.com > location /api/`: a block, or what is around a simple directive."""
    block = directive if directive.block is not None else directive.parent
    titles = []
    while block is not None:
        titles.append(title(block))
        block = block.parent
    return " > ".join(reversed(titles))


def around(directive: Directive) -> str:
    """The innermost block around, and its server where that is another: `server a.example: location /`."""
    block = directive.parent
    if block is None:
        return "main"
    server = enclosing_server(block)
    if server is None or server is block:
        return title(block)
    return f"{title(server)}: {title(block)}"


def enclosing_server(directive: Directive) -> Directive | None:
    """The `server` block that a directive is in, or is."""
    block: Directive | None = directive
    while block is not None and not (block.name == "server" and block.block is not None):
        block = block.parent
    return block


def names_of(directive: Directive) -> tuple[str, ...]:
    """The names of the server that a directive is in, or is."""
    server = enclosing_server(directive)
    if server is None:
        return ()
    return tuple(dict.fromkeys(name for each in server.find("server_name") for name in each.args))


def text(directive: Directive) -> str:
    """A directive as nginx would read it, in a layout of ours; includes resolved, long blocks and lines cut."""
    lines: list[str] = []
    for line in _lines(directive, 0):
        if len(lines) == _LINES:
            lines.append("…")
            break
        lines.append(line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}…")
    return "\n".join(lines)


def _lines(directive: Directive, depth: int) -> Iterator[str]:
    indent = "    " * depth
    args = directive.raw_args
    if directive.name == "if" and directive.block is not None:
        args = [f"({' '.join(args)})"]
    if "_by_lua_block" in directive.name and args:
        *args, code = args
        yield indent + " ".join([directive.name, *args, "{"]) + code + "}"
        return
    line = indent + " ".join([directive.name, *args])
    if directive.block is None:
        yield f"{line};"
        return
    yield f"{line} {{"
    for child in flatten(directive.block):
        yield from _lines(child, depth + 1)
    yield f"{indent}}}"
