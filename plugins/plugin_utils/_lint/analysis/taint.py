# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Follow the values that a client chooses through `set`, `map` and captures.

Values that nginx decodes may hold any byte: `$uri`, captures from it, the user name of an Authorization header. Values
that it passes on as they came in (`$request_uri`, `$args`, headers) never hold a line feed: it would have ended the line.
See ngx_http_parse_request_line() and ngx_http_parse_header_line() in src/http/ngx_http_parse.c.
"""

from __future__ import annotations

import re
import typing as t
from functools import cached_property

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import related
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.pattern import compile_pattern
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.template import parse_template

from .regex_charsets import RAW, SPECIAL, Charset, group_charset, narrow, whole_charset
from .variable_sources import CaptureSource, ServerVariables, group_names

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive, Place
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Related
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.select import Router
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.template import Part
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.variables import Definitions

    from .blocks import ConfigBlock

_DECODED: t.Final = frozenset({"uri", "document_uri", "fastcgi_script_name", "fastcgi_path_info", "request_filename"})
_URI: t.Final = frozenset({"uri", "document_uri"})
_RAW: t.Final = frozenset(
    {"args", "query_string", "http_host", "request", "content_type", "proxy_protocol_server_name"}
)
_RAW_PREFIXES: t.Final = ("arg_", "http_", "cookie_")
#: nginx checks a host name: no slash, no control character (ngx_http_validate_host()).
_HOST: t.Final = Charset(frozenset(".:"), free=True, rooted=False)
_AUTHENTICATED: t.Final = ("auth_basic", "auth_request", "auth_jwt", "access_by_lua_block", "access_by_lua_file")
_MAX_DEPTH: t.Final = 8
_UNLISTED_HOST: t.Final = "unlisted.example"
_SCHEME: t.Final = re.compile(r"^(?:\$|[a-z]+)://")
_PORT: t.Final = re.compile(r":\d+$")


class TaintFlow(t.NamedTuple):
    """A value that a client chooses, and by which variable.

    Args:
        reach: the characters that it can hold.
        variable: the variable as messages show it.
        place: the line by which the value comes in, where that is not the variable itself.
        fixed: True where the value, read as an address, leaves the host to the configuration.
    """

    reach: Charset
    variable: str
    place: Place | None = None
    fixed: bool = False

    @property
    def splits(self) -> bool:
        """True where the value can end a header line."""
        return self.reach.free and "\n" in self.reach.holds


def origin_of(flow: TaintFlow, sink: Directive) -> list[Related]:
    """Return the line by which the client's value comes in, where that is not the directive that uses it."""
    place = flow.place
    return [related(f"{flow.variable} comes in here", place)] if place is not None and place != sink.place else []


class Taint:
    """Data flow of one configuration. A flow is reported only where it is known to be dangerous."""

    def __init__(self, router: Router, definitions: Definitions) -> None:
        self._router = router
        self._definitions = definitions
        self._servers: dict[int, ServerVariables] = {}
        self._maps: dict[int, list[Directive]] = {}
        self._map_captures: dict[str, list[tuple[str, str, Directive]]] | None = None

    def flows(
        self, text: str, block: ConfigBlock, *, positional: bool = True, sink: str = ""
    ) -> Iterator[tuple[Part, TaintFlow]]:
        """Yield the parts of a string that a client chooses, with the value that the whole string becomes by each.

        Args:
            text: a string as nginx compiles it.
            block: the block in which it is evaluated.
            positional: False where nginx escapes `$1` itself (`rewrite` that redirects).
            sink: the directive; captures of a `rewrite ... last` never reach it.
        """
        parts = parse_template(text)

        def evaluate(part: Part) -> TaintFlow | None:
            if part.variable:
                return self._variable(part.variable, block, 0)
            return self._capture(part.capture, block, sink, 0) if positional else None

        for part, flow in _parts(parts, evaluate):
            if flow.reach.free:
                yield part, flow

    def _variable(self, name: str, block: ConfigBlock, depth: int) -> TaintFlow | None:
        if depth > _MAX_DEPTH:
            return None
        reach = self._builtin(name, block)
        flow = TaintFlow(reach, f"${name}") if reach is not None else self._defined(name, block, depth)
        if flow is None:
            return None
        scope = self._scope(block)
        limit = scope.guard(name, block) if scope is not None else None
        if limit is None:
            return flow
        return flow._replace(reach=narrow(flow.reach, limit))

    def _builtin(self, name: str, block: ConfigBlock) -> Charset | None:
        if name in _DECODED:
            holds = _uri_holds(block) if name in _URI else SPECIAL
            return Charset(holds, free=bool(holds), rooted=True)
        if name == "request_uri":
            return Charset(RAW, free=True, rooted=True)
        if name == "host":
            return _HOST if self._any_host(block) else None
        if name == "ssl_server_name":
            return _HOST
        if name == "remote_user":
            known = any(block.value(each, "off") != "off" for each in _AUTHENTICATED)
            return None if known else Charset(SPECIAL - {":"}, free=True, rooted=False)
        if name == "request_body":
            return Charset(SPECIAL, free=True, rooted=False)
        if name in _RAW or name.startswith(_RAW_PREFIXES):
            return Charset(RAW, free=True, rooted=False)
        return None

    @cached_property
    def _open_servers(self) -> frozenset[int]:
        """The `id()` of every `server` directive that answers for any host: default servers, and open patterns."""
        found = {id(server.scope.directive) for server in self._router.servers if any(map(_is_open, server.names))}
        for listener in self._router.listeners.values():
            if not self._router.partial or any(listen.default for listen in listener.default.listens):
                found.add(id(listener.default.scope.directive))
        return frozenset(found)

    def _any_host(self, block: ConfigBlock) -> bool:
        """Return whether requests for any host get into a block."""
        server = block.enclosing("server")
        return server is not None and id(server.directive) in self._open_servers

    def _defined(self, name: str, block: ConfigBlock, depth: int) -> TaintFlow | None:
        flows: list[TaintFlow] = []
        table = self._definitions.maps.get(name)
        if table is not None:
            flows += self._mapped(table.directive, block, depth)
        scope = self._scope(block)
        if scope is not None:
            for directive, where in scope.assignments(name, block):
                flows += self._text(directive.args[1], where, directive.place, depth)
            for source in scope.captures(name, block):
                flows += self._captured(source, name, depth)
        for pattern, subject, entry in self._captures_of_maps().get(name, ()):
            found = self._captured(CaptureSource(pattern, subject, block), name, depth)
            flows += [each._replace(place=entry.place) for each in found]
        return _worst(flows)

    def _mapped(self, directive: Directive, block: ConfigBlock, depth: int) -> Iterator[TaintFlow]:
        subject = directive.args[0]
        for entry in self._entries(directive):

            def evaluate(part: Part, entry: Directive = entry) -> TaintFlow | None:
                if part.variable:
                    return self._variable(part.variable, block, depth + 1)
                if not entry.name.startswith("~"):
                    return None
                return _worst(self._captured(CaptureSource(_pattern(entry), subject, block), part.capture, depth + 1))

            for _part, flow in _parts(parse_template(entry.args[0]), evaluate):
                yield flow._replace(place=flow.place or entry.place)

    def _entries(self, directive: Directive) -> list[Directive]:
        """Return the entries of a map whose values hold variables or captures."""
        found = self._maps.get(id(directive))
        if found is None:
            found = [each for each in directive.children if each.args and "$" in each.args[0]]
            self._maps[id(directive)] = found
        return found

    def _text(self, text: str, block: ConfigBlock, place: Place | None, depth: int) -> Iterator[TaintFlow]:
        """Yield the values that a string of several parts can become."""

        def evaluate(part: Part) -> TaintFlow | None:
            if part.variable:
                return self._variable(part.variable, block, depth + 1)
            return self._capture(part.capture, block, "set", depth + 1)

        for _part, flow in _parts(parse_template(text), evaluate):
            yield flow._replace(place=flow.place or place)

    def _capture(self, number: int, block: ConfigBlock, sink: str, depth: int) -> TaintFlow | None:
        scope = self._scope(block)
        if scope is None or depth > _MAX_DEPTH:
            return None
        return _worst(
            flow for source in scope.positional(block, sink) for flow in self._captured(source, number, depth)
        )

    def _captured(self, source: CaptureSource, group: int | str, depth: int) -> Iterator[TaintFlow]:
        """Yield the value of a group whose pattern is matched against a string such as `$uri`."""
        reach = group_charset(source.pattern, group)
        if reach is None or not reach.free:
            return
        where = source.block.directive
        place = where.place if where is not None else None
        origin = _worst(self._text(source.subject, source.block, place, depth + 1))
        if origin is not None and origin.reach.free:
            narrowed = narrow(origin.reach, reach)._replace(rooted=reach.rooted)
            yield TaintFlow(narrowed, f"${group} out of {origin.variable}", origin.place)

    def _scope(self, block: ConfigBlock) -> ServerVariables | None:
        server = block.enclosing("server")
        if server is None:
            return None
        if id(server) not in self._servers:
            self._servers[id(server)] = ServerVariables(server)
        return self._servers[id(server)]

    def _captures_of_maps(self) -> dict[str, list[tuple[str, str, Directive]]]:
        """Return the named groups in the regular expressions of maps: pattern, subject and entry by name."""
        if self._map_captures is None:
            self._map_captures = {}
            for table in self._definitions.maps.values():
                for entry in table.directive.children:
                    pattern = _pattern(entry) if entry.name.startswith("~") else ""
                    for name in group_names(pattern):
                        self._map_captures.setdefault(name, []).append((pattern, table.source, entry))
        return self._map_captures


def _parts(parts: tuple[Part, ...], evaluate: Callable[[Part], TaintFlow | None]) -> Iterator[tuple[Part, TaintFlow]]:
    """Yield the variable parts of a string with the value that the whole string becomes by each."""
    before = ""
    literals = frozenset().union(*(SPECIAL & set(part.literal) for part in parts))
    for index, part in enumerate(parts):
        if part.literal:
            before += part.literal
            continue
        flow = evaluate(part)
        if flow is not None:
            start = _SCHEME.sub("", before)
            after = parts[index + 1].literal if index + 1 < len(parts) else ""
            rooted = start.startswith(("/", "?")) if before else flow.reach.rooted
            reach = Charset(flow.reach.holds | literals, flow.reach.free, rooted)
            yield part, flow._replace(reach=reach, fixed=flow.fixed or _is_fixed(flow.reach, start, after))
        # Some text stands before the next part, however this one is evaluated.
        before += "$"


def _is_fixed(reach: Charset, before: str, after: str) -> bool:
    """Return whether a part of an address leaves its host to the configuration."""
    if "/" in before or (before and (reach.rooted or _PORT.search(before))):
        return True
    if after.startswith(".") and not reach.holds & {"/", "?", "#"}:
        return True
    return not reach.holds & {".", ":", "/"}


def _uri_holds(block: ConfigBlock) -> frozenset[str]:
    """Return the special characters that `$uri` can hold in a block; its locations narrow them."""
    holds = SPECIAL
    for each in block.chain():
        if each.name != "location" or each.directive is None:
            continue
        args = each.directive.args
        if args[0] == "=" or (len(args) == 1 and args[0].startswith("=")):
            return frozenset()
        if args[0] in ("~", "~*") and len(args) > 1:
            holds &= whole_charset(args[1]).holds
    return holds


def _is_open(name: str) -> bool:
    """Return True for a regex server_name that matches hosts which the configuration does not list."""
    pattern = compile_pattern(name[1:], caseless=True) if name.startswith("~") else None
    return pattern is not None and pattern.search(_UNLISTED_HOST) is not None


def _pattern(entry: Directive) -> str:
    return entry.name[2:] if entry.name.startswith("~*") else entry.name[1:]


def _worst(flows: Iterable[TaintFlow]) -> TaintFlow | None:
    """Return the flow that gives a client most freedom; None where there is none."""
    ordered = sorted(flows, key=lambda flow: (flow.reach.free, "\n" in flow.reach.holds, len(flow.reach.holds)))
    return ordered[-1] if ordered else None
