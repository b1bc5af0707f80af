# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Rules on what nginx refuses to load, beyond its grammar: told before a host has to say so."""

from __future__ import annotations

import re
import typing as t

from .analysis.proxy_targets import parse_proxy_target
from .data.directives import ONCE
from .data.variables import BUILT_IN, PREFIXES
from .finding import Rule, related

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.blocks import Location, Locations
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.listen import Socket

    from .analysis.blocks import ConfigBlock
    from .context import Context
    from .finding import Finding

DUPLICATE_DIRECTIVE: t.Final = Rule(
    "duplicate-directive", "error", "A directive stands twice in a block: nginx does not start"
)
DUPLICATE_LOCATION: t.Final = Rule("duplicate-location", "error", "Two locations of one name: nginx does not start")
DUPLICATE_DEFAULT: t.Final = Rule(
    "duplicate-default-server", "error", "Two default servers on one socket: nginx does not start"
)
DUPLICATE_LISTEN: t.Final = Rule("duplicate-listen", "error", "One socket twice: nginx does not start")
DUPLICATE_NAME: t.Final = Rule("duplicate-upstream", "error", "Two upstreams of one name: nginx does not start")
MISPLACED: t.Final = Rule(
    "misplaced-location", "error", "A location inside one that it cannot be in: nginx does not start"
)
PASS_URI: t.Final = Rule("proxy-pass-uri-forbidden", "error", "A URI in proxy_pass where nginx cannot use one")
UNDEFINED: t.Final = Rule("undefined-name", "error", "A zone or log format that nobody defines: nginx does not start")
VARIABLE: t.Final = Rule("unknown-variable", "warning", "A variable that neither nginx nor the configuration has")
RULES: t.Final = (
    DUPLICATE_DIRECTIVE,
    DUPLICATE_LOCATION,
    DUPLICATE_DEFAULT,
    DUPLICATE_LISTEN,
    DUPLICATE_NAME,
    MISPLACED,
    PASS_URI,
    UNDEFINED,
    VARIABLE,
)

_REFUSES: t.Final = "nginx refuses the whole configuration"


def check(context: Context) -> Iterator[Finding]:
    """What one walk over single blocks does not show."""
    for _server, scope in context.scopes.values():
        if scope.locations.all:
            yield from _locations(scope.locations)
    yield from _defaults(context)
    yield from _listens(context)
    yield from _upstreams(context)
    if not context.router.partial:
        yield from _names(context)
        yield from _variables(context)


# -- locations


def _locations(level: Locations) -> Iterator[Finding]:
    """ngx_http_core_location() and ngx_http_join_exact_locations()."""
    for location in level.all:
        if location.modifier in ("", "^~", "="):
            same = level.exact if location.modifier == "=" else level.prefix
            first = same[location.name]
            if first is not location:
                message = (
                    f'{_what(location)} is there twice in one block: {_REFUSES} (duplicate location "{location.name}"); '
                    "make one of the two"
                )
                yield DUPLICATE_LOCATION.at(
                    location.directive.place, message, [related("the first one", first.directive.place)]
                )
        for inner in location.locations.all:
            yield from _nested(inner, location)


def _nested(inner: Location, outer: Location) -> Iterator[Finding]:
    if outer.modifier == "=":
        why, advice = "nothing lies below an exact location", "move it out"
    elif outer.modifier == "@":
        why, advice = "a named location has none inside", "move it out"
    elif inner.modifier == "@":
        why, advice = "named locations stand in the server only", "move it to the server"
    elif not inner.is_regex and not inner.name.lower().startswith(outer.name.lower()):
        why, advice = f"no path begins with both {outer.name} and {inner.name}", "move it out, or write the whole path"
    else:
        return
    message = f"{_what(inner)} cannot be inside {_what(outer)}: {why}, so {_REFUSES}; {advice}"
    yield MISPLACED.at(inner.directive.place, message, [related("inside this one", outer.directive.place)])


def _what(location: Location) -> str:
    return " ".join(["location", *location.directive.raw_args])


# -- servers and upstreams


def _defaults(context: Context) -> Iterator[Finding]:
    first: dict[tuple[Socket, bool], Directive] = {}
    for server in context.router.servers:
        for listen in server.listens:
            directive = listen.directive
            if not listen.default or directive is None:
                continue
            # TCP and UDP (QUIC) are sockets of their own at one address and port.
            before = first.setdefault((listen.socket, listen.quic), directive)
            if before is not directive:
                message = (
                    f"{listen.socket} has a default_server already: {_REFUSES} (a duplicate default server for "
                    f"{listen.socket}); keep one"
                )
                yield DUPLICATE_DEFAULT.at(directive.place, message, [related("the first one", before.place)])


def _listens(context: Context) -> Iterator[Finding]:
    """ngx_http_core_listen() and ngx_stream_core_listen(): a socket once in a server, in stream once in all of them."""
    for server in context.router.servers:
        first: dict[t.Any, Directive] = {}
        for listen in server.listens:
            before = first.setdefault((listen.socket, listen.quic), listen.directive) if listen.directive else None
            if before is not None and listen.directive is not None and before is not listen.directive:
                why = f"{_REFUSES} (a duplicate listen {listen.socket})"
                yield _listen(listen.directive, before, str(listen.socket), why)
    known: dict[str, Directive] = {}
    for block in context.blocks:
        if block.name == "server" and block.parent is not None and block.parent.name == "stream":
            for directive in block.own.get("listen", ()) if "server_name" not in block.own else ():
                key = " ".join([directive.args[0], *({"udp"} & set(directive.args))]) if directive.args else ""
                before = known.setdefault(key, directive)
                if key and before is not directive and _together(context, before, directive):
                    why = f"{_REFUSES} before 1.25.5 (duplicate address and port pair), and a newer one never asks this server"
                    yield _listen(directive, before, directive.args[0], why)


def _listen(directive: Directive, before: Directive, socket: str, why: str) -> Finding:
    message = f"{socket} is listened on already: {why}; delete one"
    return DUPLICATE_LISTEN.at(directive.place, message, [related("the first one", before.place)])


def _upstreams(context: Context) -> Iterator[Finding]:
    first: dict[str, Directive] = {}
    for directive in context.named("upstream"):
        name = directive.args[0] if directive.args else ""
        before = first.setdefault(name.lower(), directive)
        if before is not directive and _together(context, before, directive):
            message = (
                f'upstream "{name}" is there twice: {_REFUSES} (duplicate upstream "{name}"); give one another name'
            )
            yield DUPLICATE_NAME.at(directive.place, message, [related("the first one", before.place)])


# -- single directives


def _together(context: Context, first: Directive, second: Directive) -> bool:
    """Whether nginx surely reads both: of a part of a configuration not every file is included."""
    return not context.router.partial or first.file == second.file


def repeated(context: Context, block: ConfigBlock, name: str, directives: list[Directive]) -> Iterator[Finding]:
    """What a block has more than once, and may not."""
    if block.name not in ONCE.get(name, ()):
        return
    for directive in directives[1:]:
        if not _together(context, directives[0], directive):
            continue
        # The same line twice says nothing else than once.
        same = directive.raw_args == directives[0].raw_args and directive.block is None
        fix = context.editor.remove(directive) if same and directive.place != directives[0].place else None
        message = (
            f'{name} stands in this {block.name} already: {_REFUSES} ("{name}" directive is duplicate); delete one'
        )
        yield DUPLICATE_DIRECTIVE.at(directive.place, message, [related("the first one", directives[0].place)], fix=fix)


def _pass_uri(_context: Context, block: ConfigBlock, directive: Directive) -> Iterator[Finding]:
    """ngx_http_proxy_pass(): the URI takes the place of the location's name, and here is none."""
    location = block.directive
    if location is None or not directive.args:
        return
    target = parse_proxy_target(directive.args[0])
    if target.dynamic or not target.uri:
        return
    args = location.args
    if block.name == "location" and args[:1] not in (["~"], ["~*"]) and not (args and args[0].startswith(("@", "~"))):
        return
    if block.name not in ("location", "if", "limit_except"):
        return
    where = {"location": f"location {' '.join(location.raw_args)}", "if": "an if", "limit_except": "limit_except"}
    message = (
        f"the URI {target.uri} would take the place of the location's name, and {where[block.name]} has none that could be "
        f"cut off: {_REFUSES}; leave the URI out, and change the path with rewrite ... break before"
    )
    yield PASS_URI.at(directive.place, message)


# -- names


_ZONE_NAME: t.Final = re.compile(r"(?:keys_)?zone=([^:]+)(:.*)?")
_OFF: t.Final = frozenset({"off"})


def _names(context: Context) -> Iterator[Finding]:
    for definition, user in (("limit_req_zone", "limit_req"), ("limit_conn_zone", "limit_conn")):
        known = _zones(context, definition)
        for directive in context.named(user):
            name = next((each.removeprefix("zone=") for each in _candidates(directive, user)), "")
            if name and name not in known:
                yield _undefined(directive, name, definition, "zone")
    for kind in ("proxy", "fastcgi", "uwsgi", "scgi"):
        known = _zones(context, f"{kind}_cache_path")
        for directive in context.named(f"{kind}_cache"):
            name = directive.args[0] if directive.args else "off"
            if name not in _OFF and "$" not in name and name not in known:
                yield _undefined(directive, name, f"{kind}_cache_path", "zone")
    known = {each.args[0] for each in context.named("log_format") if each.args} | {"combined"}
    for directive in context.named("access_log"):
        name = directive.args[1] if len(directive.args) > 1 else ""
        if name and name not in known and directive.args[0] not in _OFF:
            yield _undefined(directive, name, "log_format", "format")


def _candidates(directive: Directive, user: str) -> list[str]:
    if user == "limit_conn":
        return directive.args[:1]
    return [each for each in directive.args if each.startswith("zone=")]


def _zones(context: Context, definition: str) -> set[str]:
    matches = (_ZONE_NAME.fullmatch(arg) for each in context.named(definition) for arg in each.args)
    return {match[1] for match in matches if match is not None}


def _undefined(directive: Directive, name: str, definition: str, kind: str) -> Finding:
    message = f'no {definition} defines the {kind} "{name}": {_REFUSES}; define it in http, or write the name of one that is there'
    return UNDEFINED.at(directive.place, message)


# -- variables

_READS: t.Final = re.compile(r"\$\{?([A-Za-z_]\w*)")
_GROUP: t.Final = re.compile(r"\(\?P?<([A-Za-z_]\w*)>|\(\?'([A-Za-z_]\w*)'")
#: Directives whose arguments nginx evaluates, with the number of the first one that it does.
_EVALUATED: t.Final = {
    **dict.fromkeys(("return", "root", "alias", "try_files", "proxy_pass", "fastcgi_pass", "access_log", "if"), 0),
    **dict.fromkeys(("add_header", "proxy_set_header", "fastcgi_param", "set", "rewrite", "log_format"), 1),
    **dict.fromkeys(("map", "proxy_cache_key", "proxy_cache_bypass", "proxy_no_cache", "limit_req_zone"), 0),
    **dict.fromkeys(("limit_conn_zone", "expires", "auth_basic", "proxy_method", "grpc_pass", "uwsgi_pass"), 0),
    **dict.fromkeys(("uwsgi_param", "grpc_set_header", "scgi_param", "auth_request_set", "add_trailer"), 1),
}
#: Directives that bring variables: the argument that names one.
_DEFINE: t.Final = {
    **dict.fromkeys(("map", "geo", "split_clients"), -1),
    **dict.fromkeys(
        ("set", "auth_request_set", "perl_set", "js_set", "js_var", "auth_jwt_claim_set", "auth_jwt_header_set"), 0
    ),
}
_PATTERNS: t.Final = ("location", "server_name", "if", "rewrite")
#: Code and modules that make variables of names that nobody can see from here.
_OPAQUE: t.Final = re.compile(r"_by_lua|^js_|^perl|^set_|^geoip|^keyval|^ndk|^encrypted|^otel|^passenger")


def _variables(context: Context) -> Iterator[Finding]:
    names = context.by_name
    unknown = any(problem.kind == "unknown-directive" for problem in context.config.problems)
    if unknown or any(_OPAQUE.search(name) for name in names) or context.blocks[0].own.get("load_module"):
        return
    used: dict[str, Directive] = {}
    for name, first in _EVALUATED.items():
        for directive in names.get(name, ()):
            for name_used in _used(directive, first):
                used.setdefault(name_used, directive)
    missing = {name: each for name, each in used.items() if name not in BUILT_IN and not name.startswith(PREFIXES)}
    if not missing:
        return
    known = _defined(context)
    for name, directive in missing.items():
        if name not in known:
            message = (
                f"nginx has no variable ${name}, and no set, map or group of a pattern here makes it: unless a module does, "
                f'{_REFUSES} (unknown "{name}" variable)'
            )
            yield VARIABLE.at(directive.place, message)


def _used(directive: Directive, first: int) -> Iterator[str]:
    args = directive.args[first:]
    if directive.name == "map":
        args = args[:1]
    for index, arg in enumerate(args):
        if "$" not in arg or (directive.name == "if" and index and directive.args[index - 1].endswith(("~", "~*"))):
            continue
        for match in _READS.finditer(arg):
            yield match[1].lower()


def _defined(context: Context) -> set[str]:
    found: set[str] = set()
    for name, index in _DEFINE.items():
        for directive in context.named(name):
            if directive.args:
                found.add(directive.args[index].strip("${}").lower())
    texts = [arg for directive in context.named(*_PATTERNS) for arg in directive.args]
    texts += [each.name for directive in context.named("map") for each in directive.children]
    for text in texts:
        if "(?" in text:
            found.update((match[1] or match[2]).lower() for match in _GROUP.finditer(text))
    return found


ON_DIRECTIVE: t.Final = ((("proxy_pass",), _pass_uri),)
ON_BLOCK: t.Final = ()
