# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Texts of directives: titles, paths, one line, or all of it."""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import flatten

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive

#: The socket of a server without `listen` (ngx_http_core_server(), for a master started by root).
DEFAULT_SOCKET: t.Final = "*:80"
_LONGEST: t.Final = 120
_LONGEST_ARG: t.Final = 80
#: Lines of a block's text; what comes after is told by a number.
_LINES: t.Final = 200
#: More than any value that a person wrote; a block of code is one line here.
_LONGEST_LINE: t.Final = 20_000


def shorten(text: str, longest: int = _LONGEST) -> str:
    """Return one line of at most so many characters."""
    text = " ".join(text.split()) if not text.isprintable() else text
    text = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


class Titles:
    """Call directives by name; the names of a server are looked up once, since it may have thousands of changes."""

    def __init__(self) -> None:
        self._servers: dict[int, tuple[str, tuple[str, ...]]] = {}

    def title(self, directive: Directive) -> str:
        """Return a title: `location ~ ^/a`, `server www.example.com`, `proxy_pass http://app`, `if ($a = b)`."""
        if directive.name == "server" and directive.block is not None:
            return shorten(f"server {self.server_title(directive)}")
        return title(directive)

    def server_title(self, server: Directive) -> str:
        """Return the first name of a server, or what it listens on."""
        return self._server(server)[0]

    def names_of(self, directive: Directive) -> tuple[str, ...]:
        """Return the names of the server that a directive is in, or is."""
        server = enclosing_server(directive)
        return () if server is None else self._server(server)[1]

    def path(self, directive: Directive) -> str:
        """Return `http > server www.example.com > location /api/` for a block, or for what is around a simple directive."""
        block = directive if directive.block is not None else directive.parent
        titles = []
        while block is not None:
            titles.append(self.title(block))
            block = block.parent
        return " > ".join(reversed(titles))

    def around(self, directive: Directive) -> str:
        """Return the innermost block around, and its server where that is another: `server a.example: location /`."""
        block = directive.parent
        if block is None:
            return "main"
        server = enclosing_server(block)
        if server is None or server is block:
            return self.title(block)
        return f"{self.title(server)}: {self.title(block)}"

    def _server(self, server: Directive) -> tuple[str, tuple[str, ...]]:
        known = self._servers.get(id(server))
        if known is None:
            names = tuple(dict.fromkeys(name for each in server.find("server_name") for name in each.args))
            listens = (each.args[0] for each in server.find("listen") if each.args)
            called = next(filter(None, names), None) or next(listens, DEFAULT_SOCKET)
            known = self._servers[id(server)] = called, names
        return known


def title(directive: Directive) -> str:
    """Return the title of a directive that is no server."""
    if directive.name == "if" and directive.block is not None:
        return shorten(f"if ({' '.join(directive.raw_args)})")
    if "_by_lua_block" in directive.name and directive.raw_args:
        *args, code = directive.raw_args
        lines = len(code.strip().splitlines())
        return shorten(" ".join([directive.name, *args, f"{{ {lines} line{'' if lines == 1 else 's'} }}"]))
    return shorten(" ".join([directive.name, *(shorten(arg, _LONGEST_ARG) for arg in directive.raw_args)]))


def enclosing_server(directive: Directive) -> Directive | None:
    """Return the `server` block that a directive is in, or is."""
    block: Directive | None = directive
    while block is not None and not (block.name == "server" and block.block is not None):
        block = block.parent
    return block


def text(directive: Directive) -> str:
    """Return a directive in one layout, includes resolved, long blocks and lines cut."""
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
