# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""Find a Strict-Transport-Security for subdomains of which one speaks plain HTTP only.

Browsers that saw the header ask all subdomains by https, and cannot open that one.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.listeners import listeners_of
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.redirect_targets import redirect_target
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.rewrite_programs import certain_return
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule, related

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.select import Server

RULE: t.Final = Rule(
    "hsts-subdomain-without-tls",
    "warning",
    "HSTS for subdomains, of which one speaks plain HTTP only",
)
_TAKEN_BACK: t.Final = re.compile(r"max-age\s*=\s*\"?0+\b", re.IGNORECASE)
_SHOWN: t.Final = 8


def check(context: Context) -> Iterator[Finding]:
    """Check every server whose header is for subdomains too, where the whole configuration is known."""
    if context.router.partial:
        return
    told: set[int] = set()
    for block, directive in context.directives("add_header"):
        if not _is_for_subdomains(directive):
            continue
        around = block.enclosing("server")
        for server in context.router.servers:
            if around is not None and server.scope.directive is not around.directive:
                continue
            if id(server) in told or not _speaks_tls(server, context):
                continue
            plain = list(_plain_subdomains(server, context))
            if plain:
                told.add(id(server))
                yield _finding(directive, plain)


def _is_for_subdomains(directive: Directive) -> bool:
    name, value = (*directive.args, "", "")[:2]
    if name.lower() != "strict-transport-security" or "includesubdomains" not in value.lower():
        return False
    return not _TAKEN_BACK.search(value)


def _speaks_tls(server: Server, context: Context) -> bool:
    return any(listener.ssl for listener in listeners_of(server, context))


def _plain_subdomains(server: Server, context: Context) -> Iterator[tuple[str, Server]]:
    """Yield subdomains of a server's names that have a server with pages, and no TLS on any socket."""
    bases = tuple(f".{name.lower().removeprefix('.')}" for name in server.names if name and name[0] not in "~*_")
    if not bases:
        return
    tls = [listener for listener in context.router.listeners.values() if listener.ssl]
    for other in context.router.servers:
        if _may_have_tls(other, context) or _only_redirects(other):
            continue
        for name in other.names:
            host = name.lower().removeprefix(".")
            if name[:1] in ("~", "*", "") or not host.endswith(bases):
                continue
            claims = [listener.names.find(host) for listener in tls]
            if all(found is None and certain for found, _match, certain in claims):
                yield host, other


def _may_have_tls(server: Server, context: Context) -> bool:
    """Return whether a server speaks TLS, or has something in front that may."""
    return any(listener.ssl or listener.proxy_protocol for listener in listeners_of(server, context)) or any(
        listen.quic or listen.socket.address.startswith("unix:") for listen in server.listens
    )


def _only_redirects(server: Server) -> bool:
    """Return whether all pages of a server are elsewhere, where they may have TLS."""
    everything = server.scope.locations.prefix.get("/")
    answer = certain_return(server.scope) or (certain_return(everything.scope) if everything else None)
    return answer is not None and redirect_target(answer).startswith("https://")


def _finding(directive: Directive, plain: list[tuple[str, Server]]) -> Finding:
    host, _server = plain[0]
    more = f" (and {len(plain) - 1} more)" if len(plain) > 1 else ""
    message = (
        f"browsers that saw this header ask every subdomain by https only, and {host}{more} has no TLS server: "
        "it cannot be opened any more. Give it TLS, or take includeSubDomains out"
    )
    places = [related(f"{name} speaks plain HTTP here", other.scope.directive.place) for name, other in plain[:_SHOWN]]
    return RULE.at(directive.place, message, places)
