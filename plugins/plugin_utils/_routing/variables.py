# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Variables of a simulated request. A value is a string, or None where the configuration alone cannot tell it."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field
from functools import partial

from ansible_collections.failsafe.nginx.plugins.module_utils._common.server_names import NameTable
from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import walk

from .pattern import compile_pattern, compile_server_name
from .template import Part, parse_template

if t.TYPE_CHECKING:
    import re
    from collections.abc import Iterable

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Config, Directive

#: A map whose value is a map whose value ...: nginx stops such a circle too (src/http/ngx_http_variables.c, "cycle").
_MAX_DEPTH: t.Final = 16
_WITHOUT_KEY: t.Final = frozenset({"hostnames", "volatile", "include"})


class MapTable:
    """One `map` block, looked up as ngx_http_map_find() does: strings without regard to case, then regexes in order."""

    def __init__(self, directive: Directive) -> None:
        self.directive = directive
        self.source = directive.args[0] if directive.args else ""
        self.default = ""
        self.volatile = False
        #: Requests that this map suggests, worked out once (samples.py).
        self.samples: tuple[t.Any, ...] | None = None
        self.incomplete = any(d.include == [] for d in directive.block or ())
        self.literal: NameTable[str] = NameTable(compile_server_name)
        self.exact: dict[str, str] = {}
        self.hostnames = any(child.name == "hostnames" for child in directive.children)
        self.regexes: list[tuple[re.Pattern[str] | None, str]] = []
        for child in directive.children:
            self._add(child)

    def _add(self, entry: Directive) -> None:
        key, value = entry.name, entry.args[0] if entry.args else ""
        if key == "volatile":
            self.volatile = True
        elif key == "default" and entry.args:
            self.default = value
        elif key.startswith("~"):
            caseless = key.startswith("~*")
            self.regexes.append((compile_pattern(key[2 if caseless else 1 :], caseless=caseless), value))
        elif key not in _WITHOUT_KEY:
            key = key.removeprefix("\\").lower()
            self.exact.setdefault(key, value)
            if self.hostnames:
                self.literal.add(key, value)

    def find(self, source: str) -> tuple[str | None, re.Match[str] | None]:
        """Return the value's text for a source value, None when a regex or a missing include keeps it from being known."""
        if self.hostnames:
            value = self.literal.find_literal(source.removesuffix("."))
        else:
            value = self.exact.get(source.lower())
        if value is not None:
            return value, None
        if self.incomplete:
            return None, None
        for pattern, value in self.regexes:
            if pattern is None:
                return None, None
            match = pattern.search(source)
            if match is not None:
                return value, match
        return self.default, None


class Definitions:
    """Variables that a configuration defines itself: `map` blocks, and the names that some `set` assigns."""

    def __init__(self, config: Config) -> None:
        self.maps: dict[str, MapTable] = {}
        self.assigned: set[str] = set()
        for directive in (each for block in config.http() for each in walk(block.block or ())):
            if directive.name == "map" and directive.block is not None and len(directive.args) > 1:
                self.maps[directive.args[1].lstrip("$").lower()] = MapTable(directive)
            elif directive.name == "set" and directive.args:
                self.assigned.add(directive.args[0].lstrip("$").lower())


@dataclass(slots=True)
class State:
    """The variables of one request while it is processed. `uri` is decoded and without arguments."""

    definitions: Definitions
    scheme: str
    host: str
    port: int
    server_name: str
    uri: str
    args: str
    request_uri: str
    values: dict[str, str | None] = field(default_factory=dict)
    #: None after a regex that could not be decided.
    captures: tuple[str, ...] | None = ()
    _maps: dict[str, str | None] = field(default_factory=dict)

    @property
    def http_host(self) -> str:
        """Return the Host header that a client sends: the port only where it is not the scheme's own."""
        default = 443 if self.scheme == "https" else 80
        return self.host if self.port in (default, 0) else f"{self.host}:{self.port}"

    def matched(self, match: re.Match[str]) -> None:
        """Keep what a regex captured: positional captures, and named ones as variables."""
        self.captures = (match.group(), *(group or "" for group in match.groups()))
        for name, value in match.groupdict().items():
            self.values[name.lower()] = value or ""

    def text(self, template: str) -> str | None:
        """Return a string with its variables filled in, None when one of them is unknown."""
        return self.join(parse_template(template))

    def join(self, parts: Iterable[Part], depth: int = 0) -> str | None:
        out: list[str] = []
        for part in parts:
            if part.capture >= 0 and self.captures is None:
                return None
            if part.capture >= 0 and self.captures is not None:
                out.append(self.captures[part.capture] if part.capture < len(self.captures) else "")
            elif part.variable:
                value = self.value(part.variable, depth)
                if value is None:
                    return None
                out.append(value)
            else:
                out.append(part.literal)
        return "".join(out)

    def value(self, name: str, depth: int = 0) -> str | None:
        """Return a variable's value; the name is in lower case."""
        if name in self.values:
            return self.values[name]
        known = _BUILTIN.get(name)
        if known is not None:
            return known(self)
        if name in self.definitions.maps:
            return self._mapped(name, depth)
        if name.startswith("arg_"):
            return self._argument(name[4:])
        return "" if name in self.definitions.assigned else None

    def _argument(self, name: str) -> str:
        """Return an argument as it is written, the first of that name without regard to case (ngx_http_arg())."""
        for pair in self.args.split("&"):
            key, mark, value = pair.partition("=")
            if mark and key.lower() == name:
                return value
        return ""

    def _mapped(self, name: str, depth: int) -> str | None:
        table = self.definitions.maps[name]
        if name in self._maps:
            return self._maps[name]
        if depth > _MAX_DEPTH:
            return None
        source = self.join(parse_template(table.source), depth + 1)
        value: str | None = table.default if not (table.exact or table.regexes or table.incomplete) else None
        if source is not None:
            value, match = table.find(source)
            if match is not None:
                self.matched(match)
        result = None if value is None else self.join(parse_template(value), depth + 1)
        if not table.volatile:
            # nginx keeps a map's value for the whole request, internal redirects included.
            self._maps[name] = result
        return result


def _attribute(name: str, state: State) -> str:
    return str(getattr(state, name))


_BUILTIN: t.Final[dict[str, t.Callable[[State], str]]] = {
    **{
        name: partial(_attribute, name)
        for name in ("host", "http_host", "uri", "args", "scheme", "request_uri", "server_name")
    },
    "document_uri": partial(_attribute, "uri"),
    "query_string": partial(_attribute, "args"),
    "server_port": partial(_attribute, "port"),
    "is_args": lambda state: "?" if state.args else "",
    "https": lambda state: "on" if state.scheme == "https" else "",
    "request_method": lambda _state: "GET",
    # Of all headers but Host the one that no proxy adds: many programs send none, and so again at each redirect.
    "http_accept_language": lambda _state: "",
}
