# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Names that clients ask for at a listener of the candidate that is new, or has other servers than before.

A client that resolves a name to an IPv6 address asks there, whichever servers listen there. A server that got a listener
of the other family answers for the sites beside it, too, as long as these have none.
"""

from __future__ import annotations

import typing as t

from .draft import Draft

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.select import Listener, Router

    from .socket_requests import SocketRequest, SocketRequests

#: Names of neighbours that are asked at one listener.
_MOST_NAMES: t.Final = 200
_WHY: t.Final = "a name that this port has at other addresses only"


def neighbours_requests(sockets: SocketRequests, before: Router) -> Iterator[SocketRequest]:
    """Yield requests at changed listeners for names that only other addresses of their port serve.

    Args:
        sockets: of the candidate.
        before: the servers of the configuration from before.
    """
    router = sockets.router
    for listener in router.listeners.values():
        if _is_changed(listener, before.listeners.get(listener.socket)):
            for host in _foreign_hosts(listener, sockets)[:_MOST_NAMES]:
                yield from sockets.front_page(listener, host, Draft("/", _WHY, listener.default.scope.directive))


def _is_changed(listener: Listener, before: Listener | None) -> bool:
    return before is None or _form(listener) != _form(before)


def _form(listener: Listener) -> tuple[object, ...]:
    names = tuple(tuple(server.names) for server in listener.servers)
    return (names, tuple(listener.default.names), listener.ssl, listener.proxy_protocol)


def _foreign_hosts(listener: Listener, sockets: SocketRequests) -> list[str]:
    """Return hosts of the servers that share another address of this port with a server of the listener."""
    own = {id(server) for server in listener.servers}
    found: dict[str, None] = {}
    for neighbour in sockets.router.by_port.get(listener.socket.port, ()):
        if neighbour is listener or neighbour.ssl is not listener.ssl:
            continue
        if own.isdisjoint(id(server) for server in neighbour.servers):
            continue
        for server in neighbour.servers:
            if id(server) not in own:
                found.update(dict.fromkeys(sockets.named_hosts(server, neighbour)))
    return list(found)
