# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The sockets of a configuration as probes address them, and the union of two configurations' sockets."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.failsafe.nginx.plugins.module_utils._wire.probes import ListenSocket
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.listen import ANY_V4, ANY_V6

if t.TYPE_CHECKING:
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.listen import Socket
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.select import Listener, Router, Server

_LITERAL: t.Final = {ANY_V4: "0.0.0.0", ANY_V6: "::"}  # noqa: S104 -- named, never bound here


def listen_of(listener: Listener) -> ListenSocket | None:
    """Return a bound socket as probes address it; None for a host name, whose address is unknown here."""
    socket = listener.socket
    address = address_of(socket)
    if address is None:
        return None
    return ListenSocket(
        address,
        socket.port,
        ssl=listener.ssl,
        http2=speaks_http2(listener),
        proxy_protocol=listener.proxy_protocol,
    )


def address_of(socket: Socket) -> str | None:
    """Return the address of a socket as probes write it; None for a host name."""
    if not socket.is_unix and not is_literal(socket):
        return None
    return socket.address if socket.is_unix else _LITERAL.get(socket.address, socket.address.strip("[]"))


#: The fields that tell two sockets apart.
ListenKey = tuple[str, int, bool, bool, bool]


def key_of(listen: ListenSocket) -> ListenKey:
    """Return the fields that tell a socket from another one."""
    return (listen.address, listen.port, listen.ssl, listen.http2, listen.proxy_protocol)


def is_literal(socket: Socket) -> bool:
    """Tell whether a TCP socket's address is a wildcard or a number."""
    address = socket.address
    return socket.is_wildcard or socket.is_v6 or address.replace(".", "").isdigit()


def speaks_http2(listener: Listener) -> bool:
    """Tell whether a client may choose HTTP/2: by the parameter of `listen`, or by `http2 on` of the default server.

    The parameter belongs to the socket, whichever server gives it (ngx_http_add_addresses()). The directive (nginx 1.25.1
    and newer) is that of the default server, unless a name decides earlier.
    """
    if demands_http2(listener):
        return True
    found = _closest(listener.default, "http2")
    return found is not None and found.args[:1] == ["on"]


def demands_http2(listener: Listener) -> bool:
    """Tell whether `listen` has the parameter `http2`: without TLS, nginx before 1.25.1 speaks nothing else there."""
    return any(
        listen.directive is not None and listen.socket == listener.socket and "http2" in listen.directive.args[1:]
        for server in listener.servers
        for listen in server.listens
    )


def _closest(server: Server, name: str) -> Directive | None:
    found = next(server.scope.directive.find(name), None)
    if found is None and server.scope.parent is not None:
        found = next(server.scope.parent.directive.find(name), None)
    return found


def merge_listens(routers: t.Iterable[Router]) -> list[ListenSocket]:
    """Return every socket of several configurations once, in the order they appear.

    A socket that is plain in one and TLS in the other is listed twice, because it is probed both ways. `names` are the
    server names on it: TLS of a name that no TLS socket has ends in front of nginx.
    """
    merged: dict[ListenKey, ListenSocket] = {}
    names: dict[ListenKey, dict[str, None]] = {}
    nameless: set[ListenKey] = set()
    for router in routers:
        for listener in router.listeners.values():
            listen = listen_of(listener)
            if listen is not None:
                key = key_of(listen)
                merged.setdefault(key, listen)
                known = dict.fromkeys(name for server in listener.servers for name in server.names if name)
                names.setdefault(key, {}).update(known)
                # No client asks for `_` and its like.
                if not any(any(map(str.isalnum, name)) for name in known):
                    nameless.add(key)
    return [
        replace(listen, names=list(names[key]), nameless=True if key in nameless else None)
        for key, listen in merged.items()
    ]


def twins(listener: Listener) -> tuple[str | int, bool, bool]:
    """Return what the listeners of one server that differ by address only have in common."""
    if listener.socket.is_unix:
        return ("unix", listener.ssl, listener.proxy_protocol)
    return (listener.socket.port, listener.ssl, listener.proxy_protocol)
