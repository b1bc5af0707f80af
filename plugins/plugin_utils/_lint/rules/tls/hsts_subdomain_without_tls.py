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
from collections import defaultdict

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
    headers = [each for each in context.directives("add_header") if _is_for_subdomains(each[1])]
    if not headers:
        return
    servers = {id(server.scope.directive): server for server in context.router.servers}
    plain = _plain_subdomains(context)
    told: set[int] = set()
    for block, directive in headers:
        around = block.enclosing("server")
        for server in servers.values() if around is None else [servers.get(id(around.directive))]:
            if server is None or id(server) in told or not _speaks_tls(server, context):
                continue
            found = [each for name in server.names for each in plain.get(name.lower().removeprefix("."), ())]
            if found:
                told.add(id(server))
                yield _finding(directive, found)


def _is_for_subdomains(directive: Directive) -> bool:
    name, value = (*directive.args, "", "")[:2]
    if name.lower() != "strict-transport-security" or "includesubdomains" not in value.lower():
        return False
    return not _TAKEN_BACK.search(value)


def _speaks_tls(server: Server, context: Context) -> bool:
    return any(listener.ssl for listener in listeners_of(server, context))


def _plain_subdomains(context: Context) -> dict[str, list[tuple[str, Server]]]:
    """Return the names that have a server with pages and no TLS on any socket, by each name above them."""
    tls = [listener for listener in context.router.listeners.values() if listener.ssl]
    above: dict[str, list[tuple[str, Server]]] = defaultdict(list)
    for server in context.router.servers:
        if _may_have_tls(server, context) or _only_redirects(server):
            continue
        for name in server.names:
            host = name.lower().removeprefix(".")
            claims = [listener.names.find(host) for listener in tls]
            if name[:1] not in ("~", "*") and all(found is None and certain for found, _match, certain in claims):
                labels = host.split(".")
                for depth in range(1, len(labels)):
                    above[".".join(labels[depth:])].append((host, server))
    return above


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
