# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Facts of a `server`, `location` or `if` block that routing needs, read once per block."""

from __future__ import annotations

import typing as t
from functools import cached_property

from .pattern import compile_pattern

if t.TYPE_CHECKING:
    import re
    from collections.abc import Iterable, Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive

#: The directives of ngx_http_rewrite_module that run in order (src/http/modules/ngx_http_rewrite_module.c).
REWRITE: t.Final = frozenset({"set", "if", "rewrite", "return", "break"})
#: Handlers that set `auto_redirect` on a location whose name ends in a slash.
UPSTREAM_PASS: t.Final = frozenset(
    {"proxy_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "memcached_pass", "grpc_pass", "tunnel_pass"}
)
HANDLERS: t.Final = UPSTREAM_PASS | {
    *("stub_status", "empty_gif", "flv", "mp4", "hls", "f4f", "perl", "js_content", "api"),
    *(
        "content_by_lua",
        "content_by_lua_block",
        "content_by_lua_file",
        "echo",
        "return_json",
        "passenger_enabled",
    ),
}
#: Inherited from the enclosing block when the block itself has none of that name.
INHERITED: t.Final = frozenset(
    {
        *("error_page", "recursive_error_pages", "absolute_redirect", "port_in_redirect", "server_name_in_redirect"),
        *("merge_slashes", "satisfy", "auth_basic", "auth_request", "index", "ssl", "ssl_reject_handshake"),
        *("rewrite_by_lua", "access_by_lua", "server_rewrite_by_lua"),
        *("set_real_ip_from", "real_ip_header", "real_ip_recursive"),
        *("limit_req", "limit_req_status", "limit_req_log_level", "limit_req_dry_run"),
        *("limit_conn", "limit_conn_status", "limit_conn_log_level", "limit_conn_dry_run", "error_log"),
    }
)
_FEWEST_ARGS: t.Final = {"set": 2, "if": 1, "rewrite": 2, "return": 1, "try_files": 2, "error_page": 2, "location": 1}
_HARMLESS_INCLUDES: t.Final = ("_params", "fastcgi.conf", "mime.types", "fastcgi-php.conf", "ssl", "dhparam")


class Scope:
    """One block: its rewrite program in order, what it inherits, its handler and its locations.

    Args:
        directive: the block.
        parent: the scope of the enclosing block, None for `http`.
        partial: True where an include may name files that are not at hand.
        location: the location whose block it is, None for any other block.
    """

    def __init__(
        self, directive: Directive, parent: Scope | None, *, partial: bool = False, location: Location | None = None
    ) -> None:
        self.directive = directive
        self.parent = parent
        self.partial = partial
        self.location = location
        #: Rewrite directives in order; an `include` among them is one that could not be resolved.
        self.program: list[Directive] = []
        self.own: dict[str, list[Directive]] = {}
        self.try_files: Directive | None = None
        self.handler: Directive | None = None
        self.limit_except: Directive | None = None
        #: Nested locations inherit it (ngx_http_core_merge_loc_conf()).
        self.internal: bool = parent is not None and parent.internal
        #: True when a file that is not at hand contributes to this block.
        self.incomplete = False
        self.locations = Locations()
        self._branches: dict[int, Scope] = {}
        self._effective: dict[str, list[Directive]] = {}
        for child in self._read(directive.block or ()):
            self._add(child)

    def _read(self, directives: Iterable[Directive]) -> Iterator[Directive]:
        for child in directives:
            if child.name != "include" or child.include is None:
                yield child
            elif child.include:
                yield from self._read(child.include)
            elif self.partial and not _is_harmless(child):
                self.incomplete = True
                self.program.append(child)

    def _add(self, child: Directive) -> None:
        name = child.name
        if len(child.args) < _FEWEST_ARGS.get(name, 0):
            # Nothing that nginx would load: the loader has reported it.
            return
        if name in REWRITE or (name.startswith("set_") and child.args and child.args[0].startswith("$")):
            self.program.append(child)
        elif name == "location":
            self.locations.add(Location(child, self))
        elif name == "try_files":
            self.try_files = child
        elif name == "internal":
            self.internal = True
        else:
            self._add_setting(child)

    def _add_setting(self, child: Directive) -> None:
        name = child.name
        if name == "limit_except":
            self.limit_except = child
        elif "_by_lua" in name and not name.startswith("content_"):
            self.own.setdefault(name[: name.index("_by_lua") + len("_by_lua")], []).append(child)
        elif name in HANDLERS and child.args[:1] != ["off"]:
            self.handler = child
        elif name in ("allow", "deny"):
            # One list to nginx: a block with one of either inherits neither.
            self.own.setdefault("allow", []).append(child)
        elif name in INHERITED:
            self.own.setdefault(name, []).append(child)

    def effective(self, name: str) -> list[Directive]:
        """Return the directives of that name that hold here: the block's own, else the enclosing block's."""
        known = self._effective.get(name)
        if known is None:
            known = self.own.get(name) or ([] if self.parent is None else self.parent.effective(name))
            self._effective[name] = known
        return known

    def flag(self, name: str, *, default: bool) -> bool:
        """Return the value of an inherited on/off directive."""
        found = self.effective(name)
        return found[-1].args[:1] == ["on"] if found else default

    @cached_property
    def steps(self) -> list[tuple[Directive, re.Pattern[str] | None]]:
        """Return the program with the compiled pattern of every `rewrite` that Python can read."""
        return [(d, compile_pattern(d.args[0]) if d.name == "rewrite" else None) for d in self.program]

    def branch(self, directive: Directive) -> Scope:
        """Return the scope of an `if` of this block: it inherits everything but `try_files`, which nginx does not merge."""
        scope = self._branches.get(id(directive))
        if scope is None:
            scope = self._branches[id(directive)] = Scope(directive, self, partial=self.partial)
            scope.handler = scope.handler or self.handler
        return scope


def _is_harmless(include: Directive) -> bool:
    path = include.args[0] if include.args else ""
    base = path.rsplit("/", 1)[-1]
    return "*" not in base and any(part in base for part in _HARMLESS_INCLUDES)


class Location:
    """A `location` with its name and its scope.

    Attributes:
        modifier: `=`, `^~`, `~`, `~*`, `@` for a named one, or empty for a plain prefix.
        scope: its block.
        auto_redirect: whether nginx answers 301 to a URI that only lacks the slash at the name's end.
    """

    def __init__(self, directive: Directive, parent: Scope) -> None:
        self.modifier, self.name = parse_location(directive.args)
        self.pattern: re.Pattern[str] | None = None
        if self.is_regex:
            self.pattern = compile_pattern(self.name, caseless=self.modifier == "~*")
        self.scope = Scope(directive, parent, partial=parent.partial, location=self)
        handler = self.scope.handler
        self.auto_redirect = self.name.endswith("/") and handler is not None and handler.name in UPSTREAM_PASS

    @cached_property
    def for_get(self) -> Scope:
        """Return the scope of a GET: a `limit_except` that does not name it has settings, and no rewrites, of its own.

        ngx_http_update_location_config() (src/http/ngx_http_core_module.c); a list with GET allows HEAD.
        """
        limit = self.scope.limit_except
        return self.scope if limit is None or "GET" in limit.args else self.scope.branch(limit)

    @property
    def is_regex(self) -> bool:
        return self.modifier in ("~", "~*")


def parse_location(args: list[str]) -> tuple[str, str]:
    """Return the modifier and the name, also where they are written as one word (ngx_http_core_location())."""
    if len(args) > 1:
        return args[0], args[1]
    text = args[0] if args else ""
    for modifier in ("=", "^~", "~*", "~"):
        if text.startswith(modifier):
            return modifier, text[len(modifier) :]
    return ("@", text) if text.startswith("@") else ("", text)


class FoundLocation(t.NamedTuple):
    """The answer of ngx_http_core_find_location(): a location (None: the server itself) and how it was found."""

    location: Location | None
    match: re.Match[str] | None = None
    #: nginx answers 301 to the location's name without running it (`auto_redirect`).
    add_slash: bool = False
    #: False when a regex that Python cannot compile might have matched first.
    certain: bool = True


_NOT_FOUND: t.Final = FoundLocation(None)


class Locations:
    """The locations of one level, in the order of ngx_http_core_find_location()."""

    def __init__(self) -> None:
        self.exact: dict[str, Location] = {}
        self.prefix: dict[str, Location] = {}
        self.regexes: list[Location] = []
        self.named: dict[str, Location] = {}
        self.all: list[Location] = []
        self._lengths: list[int] | None = None

    def add(self, location: Location) -> None:
        self.all.append(location)
        self._lengths = None
        if location.is_regex:
            self.regexes.append(location)
        elif location.modifier == "=":
            self.exact.setdefault(location.name, location)
        elif location.modifier == "@":
            self.named.setdefault(location.name, location)
        else:
            self.prefix.setdefault(location.name, location)

    def find(self, uri: str) -> FoundLocation:
        """Return the location for a normalised URI without arguments: exact, longest prefix, nested, then regexes in order."""
        if not self.all:
            return _NOT_FOUND
        exact = self.exact.get(uri)
        if exact is not None:
            return FoundLocation(exact)
        static = self._longest_prefix(uri)
        if uri not in self.prefix:
            # An exact and a prefix location of one name share a node: either gives it the slash, the exact one answers.
            name = f"{uri}/"
            exact, prefix = self.exact.get(name), self.prefix.get(name)
            if (exact is not None and exact.auto_redirect) or (prefix is not None and prefix.auto_redirect):
                return FoundLocation(exact or prefix, add_slash=True)
        # Asked once for each level: twice would be 2^depth times.
        nested = _NOT_FOUND
        if static is not None and (static.modifier == "^~" or static.scope.locations.all):
            nested = static.scope.locations.find(uri)
            if not nested.certain:
                return nested
            if nested.location is not None and (nested.match or nested.add_slash or nested.location.modifier == "="):
                return nested
            if static.modifier == "^~":
                return nested if nested.location is not None else FoundLocation(static)
        return (self._first_regex(uri) if self.regexes else None) or FoundLocation(nested.location or static)

    def _longest_prefix(self, uri: str) -> Location | None:
        if self._lengths is None:
            self._lengths = sorted({len(name) for name in self.prefix}, reverse=True)
        for length in self._lengths:
            if length <= len(uri):
                found = self.prefix.get(uri[:length])
                if found is not None:
                    return found
        return None

    def _first_regex(self, uri: str) -> FoundLocation | None:
        for location in self.regexes:
            if location.pattern is None:
                return FoundLocation(None, certain=False)
            match = location.pattern.search(uri)
            if match is not None:
                nested = location.scope.locations.find(uri)
                if nested.location is None and nested.certain:
                    return FoundLocation(location, match)
                # Inside a regex location nginx does not add slashes.
                return FoundLocation(nested.location, nested.match or match, certain=nested.certain)
        return None
