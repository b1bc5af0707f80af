# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Rules on what is sent where: `proxy_pass`, its URI, its variables, its names."""

from __future__ import annotations

import difflib
import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.sampler import sample_pattern
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.template import parse_template, variables_of

from .analysis.proxy_targets import HTTP_PASS_DIRECTIVES, PASS_DIRECTIVES, PATH_VARIABLES, parse_proxy_target
from .analysis.regex_literals import literals
from .finding import Rule, related

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.blocks import Location

    from .analysis.proxy_targets import ProxyTarget
    from .context import Context
    from .finding import Finding

SLASH: t.Final = Rule(
    "proxy-pass-slash", "warning", "The location and the URI of proxy_pass do not end alike, so paths are glued wrongly"
)
FIXED_URI: t.Final = Rule(
    "proxy-pass-fixed-uri", "warning", "A proxy_pass with variables and a URI sends every path to that one URI"
)
ARGUMENTS: t.Final = Rule(
    "proxy-pass-drops-arguments", "advice", "A proxy_pass with variables loses what follows the ?"
)
UNKNOWN: t.Final = Rule("proxy-pass-unknown-upstream", "warning", "A proxy_pass to a name that no upstream has")
RESOLVER: t.Final = Rule(
    "proxy-pass-without-resolver", "error", "A proxy_pass with variables to a host name, and no resolver to look it up"
)
TRY_FILES: t.Final = Rule(
    "try-files-with-proxy-pass", "warning", "try_files in front of proxy_pass never sends a file from disk"
)
RULES: t.Final = (SLASH, FIXED_URI, ARGUMENTS, UNKNOWN, RESOLVER, TRY_FILES)
#: Names that a misspelt one is compared with: that takes long.
_COMPARED: t.Final = 200
_ARGUMENTS: t.Final = frozenset({"args", "is_args", "query_string", "request_uri"})


def check(context: Context) -> Iterator[Finding]:
    """Every directive that passes requests on."""
    names = _Names(context)
    for directive in context.named(*PASS_DIRECTIVES):
        if directive.args and directive.parent is not None:
            yield from _check(directive, parse_proxy_target(directive.args[0]), names)


def _check(directive: Directive, target: ProxyTarget, names: _Names) -> Iterator[Finding]:
    location = names.location(directive)
    if target.dynamic:
        yield from names.unresolved(directive, target)
        if location is not None and directive.name == "proxy_pass":
            yield from _fixed(directive, target, location)
            yield from _arguments(directive, target)
    elif directive.name in HTTP_PASS_DIRECTIVES:
        yield from names.unknown(directive, target)
    if location is None:
        return
    if directive.name == "proxy_pass" and not target.dynamic:
        yield from _slash(directive, target, location)
    if directive.name in HTTP_PASS_DIRECTIVES and location.try_files is not None and location.handler is directive:
        yield _try_files(directive, location)


# -- the URI


def _slash(directive: Directive, target: ProxyTarget, location: Location) -> Iterator[Finding]:
    """The URI of proxy_pass stands in the place of the location's name, letter by letter."""
    name, uri = location.name, target.uri
    if location.modifier not in ("", "^~") or not uri or "?" in uri or not name.startswith("/"):
        return
    if any(each.name in ("rewrite", "include") for each in location.program):
        # After `rewrite ... break` the URI of proxy_pass is not used.
        return
    if name.endswith("/") and uri[-1].isalnum():
        asked, sent, better = name + "x", uri + "x", uri + "/"
    elif name[-1].isalnum() and uri.endswith("/"):
        asked, sent, better = name + "/x", uri + "/x", uri.rstrip("/")
    else:
        return
    advice = f'write "{better}" as URI' if better else f'write "{name}/" as location'
    message = f"GET {asked} is sent upstream as {sent}: nginx puts {uri} in the place of {name} and adds the rest as it is; {advice}"
    yield SLASH.at(directive.place, message, [related("in this location", location.directive.place)])


def _fixed(directive: Directive, target: ProxyTarget, location: Location) -> Iterator[Finding]:
    if not target.uri or "$" in target.uri or "?" in target.uri or location.modifier == "=":
        return
    if location.is_regex:
        found = literals(location.name)
        if found is None or (found.whole and found.starts and found.stops):
            return
    asked = _path_of(location)
    message = (
        f"GET {asked} is sent upstream as {target.uri}, and so is every other path: with a variable in proxy_pass nginx sends "
        f"the URI as it is written. Leave {target.uri} away to send the client's URI, or write the new one with variables"
    )
    yield FIXED_URI.at(directive.place, message, [related("in this location", location.directive.place)])


def _path_of(location: Location) -> str:
    if location.is_regex:
        samples = sample_pattern(location.name, caseless=location.modifier == "~*")
        return samples[0].text if samples else "/x"
    return "/x" if location.modifier == "@" else location.name + ("x" if location.name.endswith("/") else "/x")


def _arguments(directive: Directive, target: ProxyTarget) -> Iterator[Finding]:
    parts = parse_template(target.uri)
    names = {part.variable for part in parts}
    takes_path = bool(names & (PATH_VARIABLES - {"request_uri"})) or any(part.capture > 0 for part in parts)
    if takes_path and not names & _ARGUMENTS and "?" not in target.uri:
        message = (
            f"{directive.args[0]} has no arguments: with a variable in proxy_pass nginx sends the URI as it is written, so what "
            "a client puts behind the ? is lost. Add $is_args$args, where the upstream reads them"
        )
        yield ARGUMENTS.at(directive.place, message)


def _try_files(directive: Directive, location: Location) -> Finding:
    files = t.cast("Directive", location.try_files)
    message = (
        "try_files never sends a file here: it only changes the URI, and then proxy_pass sends it upstream, whether the file "
        "exists or not. Put proxy_pass into a location of its own and name that one last: try_files $uri @app"
    )
    return TRY_FILES.at(files.place, message, [related("everything goes here", directive.place)])


# -- the name


class _Names:
    """Which hosts nginx knows by itself: `upstream` blocks, and literal targets, which it looks up at its start."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.partial = context.router.partial
        self.upstreams = {each.args[0].lower(): each for each in context.named("upstream") if each.args}
        self.implicit: set[tuple[str, int]] = set()
        for directive in context.named(*PASS_DIRECTIVES):
            target = parse_proxy_target(directive.args[0]) if directive.args else None
            if target is not None and not target.dynamic:
                self.implicit.add((target.host, target.port or target.default_port))
        self.resolvers = {id(each.parent) for each in context.named("resolver")}
        self.sets: dict[tuple[str, int], list[Directive]] = {}
        for directive in context.named("set"):
            if len(directive.args) > 1:
                variable = directive.args[0].lstrip("$").lower()
                self.sets.setdefault((variable, id(directive.parent)), []).append(directive)

    def location(self, directive: Directive) -> Location | None:
        """The location that a directive stands in directly."""
        _server, scope = self.context.scopes.get(id(directive.parent), (None, None))
        return t.cast("Location | None", scope if scope is not None and scope.directive.name == "location" else None)

    def unknown(self, directive: Directive, target: ProxyTarget) -> Iterator[Finding]:
        host = target.host
        if self.partial or target.port or not target.is_name or "." in host or host == "localhost":
            return
        if host in self.upstreams or not self.upstreams:
            return
        close = difflib.get_close_matches(host, self.upstreams, 1) if len(self.upstreams) <= _COMPARED else []
        hint = f'did you mean "{close[0]}"?' if close else f"there are {', '.join(sorted(self.upstreams)[:5])}"
        message = (
            f'no upstream is called "{host}" ({hint}): nginx takes it for a host name, looks it up once at its start, and '
            "refuses to start when it finds none"
        )
        places = [related("this upstream is meant?", self.upstreams[close[0]].place)] if close else []
        yield UNKNOWN.at(directive.place, message, places)

    def unresolved(self, directive: Directive, target: ProxyTarget) -> Iterator[Finding]:
        if self.partial or self._has_resolver(directive):
            return
        for text, place in self._values(directive, target):
            found = parse_proxy_target(text)
            if found.dynamic or not found.is_name or self._is_known(found):
                continue
            message = (
                f'requests to "{found.host}" get a 502 (no resolver defined to resolve {found.host}): the target has a variable, '
                "so nginx looks the name up for every request, with its own resolver only. "
                "Add a resolver, or an upstream of this name"
            )
            where = [related("the name comes from here", place.place)] if place is not directive else []
            yield RESOLVER.at(directive.place, message, where)
            return

    def _is_known(self, target: ProxyTarget) -> bool:
        by_name = target.host in self.upstreams and not target.port
        return by_name or (target.host, target.port or target.default_port) in self.implicit

    def _has_resolver(self, directive: Directive) -> bool:
        block = directive.parent
        while block is not None:
            if id(block) in self.resolvers:
                return True
            block = block.parent
        return False

    def _values(self, directive: Directive, target: ProxyTarget) -> Iterator[tuple[str, Directive]]:
        """The targets that are certain to be asked for, as far as one variable decides them."""
        text = directive.args[0]
        if target.host:
            yield text[: text.index("$")], directive
            return
        scheme, _sep, rest = text.rpartition("://")
        parts = parse_template(rest)
        if not parts or not parts[0].variable or "$" in scheme:
            return
        if len(parts) > 1 and parts[1].literal[:1] not in (":", "/", "?") and parts[1].variable not in PATH_VARIABLES:
            return
        port = parts[1].literal.partition("/")[0] if len(parts) > 1 and parts[1].literal.startswith(":") else ""
        for value, place in self._assigned(parts[0].variable, directive):
            yield f"{scheme}://{value}{port}" if scheme else value, place

    def _assigned(self, variable: str, directive: Directive) -> Iterator[tuple[str, Directive]]:
        table = self.context.definitions.maps.get(variable)
        if table is not None:
            values = [*table.exact.values(), *(value for _unused, value in table.regexes), table.default]
            yield from ((value, table.directive) for value in values if value and not variables_of(value))
            return
        outer = directive.parent
        reaching: list[Directive] = []
        while outer is not None:
            reaching += self.sets.get((variable, id(outer)), ())
            outer = outer.parent
        if len(reaching) == 1:
            yield reaching[0].args[1], reaching[0]
