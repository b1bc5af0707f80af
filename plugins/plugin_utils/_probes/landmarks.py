# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Requests of programs that no configuration names, for servers that differ: certificate authorities, robots, balancers."""

from __future__ import annotations

import typing as t

from .draft import Draft
from .listeners import listen_of

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.select import Listener, Server

    from .socket_requests import SocketRequest, SocketRequests

#: RFC 8555, 8.3: the authority asks for it without TLS, on port 80 in practice.
ACME: t.Final = "/.well-known/acme-challenge/probe"
#: RFC 9309, 2.3.
ROBOTS: t.Final = "/robots.txt"
#: Exact locations, such as `/healthz`, that are asked by address.
_MOST_CHECKS: t.Final = 4
#: Stands for the address that a client knows a wildcard by (RFC 5737, RFC 3849).
_ADDRESSES: t.Final = {False: "192.0.2.1", True: "[2001:db8::80]"}


def of_server(sockets: SocketRequests, server: Server) -> Iterator[SocketRequest]:
    """Yield the request of a certificate authority on each plain socket of a server, and the one for its robots.txt."""
    block = server.scope.directive
    for group in sockets.of_server(server):
        for listener in group:
            if not listener.ssl:
                yield from sockets.single(server, Draft(ACME, "an ACME challenge", block), listener)
    yield from sockets.single(server, Draft(ROBOTS, "what robots may read", block))


def by_address(sockets: SocketRequests, listener: Listener) -> Iterator[SocketRequest]:
    """Yield requests of clients that know the address of a socket only, as balancers do: its default server answers."""
    listen = listen_of(listener)
    if listen is None or listener.socket.is_unix:
        return
    v6 = listener.socket.is_v6
    host = _ADDRESSES[v6] if listener.socket.is_wildcard else f"[{listen.address}]" if v6 else listen.address
    exact = [name for name in listener.default.scope.locations.exact if not name.endswith("/")]
    for target in ("/", *exact[:_MOST_CHECKS]):
        draft = Draft(target, "a client that knows the address only", listener.default.scope.directive)
        yield from sockets.front_page(listener, host, draft)
