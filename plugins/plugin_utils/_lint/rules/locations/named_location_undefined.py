# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find a use of a named location in a server that does not define it.

nginx looks for `@name` in the same server only, and answers 500 where it is not there (ngx_http_named_location()).
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule, related

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive, Place
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.blocks import Scope
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.select import Server

RULE: t.Final = Rule(
    "named-location-undefined", "error", "A named location is used in a server that does not define it"
)

_ERRORS: t.Final = 400
#: Patterns of `rewrite` that match every URI.
_EVERYTHING: t.Final = frozenset({"^", "^/", "^(.*)$", "^/(.*)$", "^(.*)", "^/(.*)", "(.*)", ".*", "^.*$"})


def check(context: Context) -> Iterator[Finding]:
    """Check `@name` in `try_files` and `error_page`, in every server that they reach; report each line once."""
    uses: dict[tuple[Place, str], tuple[Directive, list[Server]]] = {}
    for server in context.router.servers:
        if server.scope.incomplete:
            continue
        for directive, name in dict.fromkeys(_uses(server)):
            if name not in server.scope.locations.named:
                uses.setdefault((directive.place, name), (directive, []))[1].append(server)
    for (_place, name), (directive, servers) in uses.items():
        yield _finding(directive, name, servers)


def _finding(directive: Directive, name: str, servers: list[Server]) -> Finding:
    first = servers[0]
    others = f" and {len(servers) - 1} more" if len(servers) > 1 else ""
    known = f"it has {', '.join(first.scope.locations.named)}" if first.scope.locations.named else "it has none"
    message = (
        f'{directive.name} sends requests to "{name}", which server "{first.first_name}"{others} does not define '
        f"({known}): nginx answers them with 500, it looks for named locations in the same server only"
    )
    places = {
        server.scope.directive.place: related("in this server", server.scope.directive.place) for server in servers
    }
    return RULE.at(directive.place, message, places.values())


def _uses(server: Server) -> Iterator[tuple[Directive, str]]:
    server_ends = _ends(server.scope)
    for scope in _scopes(server.scope):
        ends = server_ends or _ends(scope)
        if scope.try_files is not None and not ends and not (scope is server.scope and _is_covered(server)):
            yield from _named(scope.try_files)
        for page in scope.effective("error_page"):
            if not ends or ends in page.args[:-1]:
                yield from _named(page)


def _is_covered(server: Server) -> bool:
    """Return whether some location takes every request, so that the server's own try_files is never reached."""
    return any(name in server.scope.locations.prefix for name in ("/", ""))


def _named(directive: Directive) -> Iterator[tuple[Directive, str]]:
    target = directive.args[-1] if directive.args else ""
    if target.startswith("@") and "$" not in target:
        yield directive, target


def _scopes(scope: Scope) -> Iterator[Scope]:
    yield scope
    for directive in scope.program:
        if directive.name == "if":
            yield scope.branch(directive)
    for location in scope.locations.all:
        yield from _scopes(location.scope)


def _ends(scope: Scope) -> str:
    """Return the status with which the rewrite directives answer every request, or "" where some get past them."""
    for directive in scope.program:
        if directive.name == "return":
            first = directive.args[0]
            answers = len(directive.args) > 1 or not first.isdecimal() or int(first) < _ERRORS
            return "answered" if answers else first
        if directive.name == "rewrite" and directive.args[0] in _EVERYTHING and _redirects(directive):
            return "answered"
        if directive.name == "if":
            if any(child.name not in ("set", "return") for child in scope.branch(directive).program):
                return ""
        elif directive.name != "set":
            return ""
    return ""


def _redirects(rewrite: Directive) -> bool:
    return rewrite.args[1].startswith(("http://", "https://", "$scheme")) or rewrite.args[2:] in (
        ["redirect"],
        ["permanent"],
    )
