# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The health gate's default probes: requests that the configuration itself suggests."""

from __future__ import annotations

import typing as t
from itertools import zip_longest

from .errors import RouteError
from .listen import ANY_V4, ANY_V6
from .outcome import Request
from .sampler import SAFE
from .samples import host_of, is_address
from .select import Router
from .simulate import simulate
from .variables import Definitions

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Config, Place

    from .blocks import Scope
    from .select import Listener, Server

#: Any answer that is no server error. nginx's 444 closes the connection and gets no probe.
_STATUS: t.Final = "100-499"
_CLOSED: t.Final = 444
_LOOPBACK: t.Final = {ANY_V4: "127.0.0.1", ANY_V6: "[::1]"}
_DEFAULT_PORTS: t.Final = {"http": 80, "https": 443}


def default_probes(config: Config, limit: int = 40) -> list[dict[str, t.Any]]:
    """Return GET probes for every HTTP server on every TCP socket, in the shape that `_health` takes.

    Servers take turns, so that each gets its `/` before any gets a second probe. The same configuration gives the
    same list. Left out: unix sockets, sockets that want the PROXY protocol, `internal`, named and regex locations,
    and what is answered by closing the connection (444, ssl_reject_handshake).

    Args:
        config: a loaded configuration.
        limit: how many probes at most.

    Raises:
        RouteError: the limit is negative.
    """
    if limit < 0:
        msg = f"a limit of probes cannot be negative: {limit}"
        raise RouteError(msg)
    router = Router(config)
    definitions = Definitions(config)
    probes: dict[str, dict[str, t.Any]] = {}
    for turn in zip_longest(*(_of_server(router, definitions, server) for server in router.servers)):
        for probe in turn:
            if len(probes) >= limit:
                return list(probes.values())
            if probe is not None:
                probes.setdefault(probe["name"], probe)
    return list(probes.values())


def _of_server(router: Router, definitions: Definitions, server: Server) -> Iterator[dict[str, t.Any]]:
    paths = {"/": server.scope.directive.place}
    for path, place in _paths(server.scope):
        paths.setdefault(path, place)
    for path, place in paths.items():
        for listen in server.listens:
            listener = router.listeners.get(listen.socket)
            if listener is None or listen.quic or listener.socket.is_unix or listener.proxy_protocol:
                continue
            probe = _probe(listener, server, path, place)
            request = Request(listener, _host(listener, server), path)
            if not _closes(router, definitions, request):
                yield probe


def _paths(scope: Scope) -> Iterator[tuple[str, Place]]:
    for location in scope.locations.all:
        name = location.name
        literal = not location.is_regex and location.modifier != "@"
        if literal and not location.scope.internal and name.startswith("/") and SAFE.issuperset(name):
            yield name, location.scope.directive.place
        if not location.scope.internal:
            yield from _paths(location.scope)


def _closes(router: Router, definitions: Definitions, request: Request) -> bool:
    outcome = simulate(router, definitions, request)
    selected = router.select(request.listener, request.host)
    rejects = selected is not None and selected.server.scope.flag("ssl_reject_handshake", default=False)
    return outcome.status == _CLOSED or (rejects and request.listener.ssl)


def _probe(listener: Listener, server: Server, path: str, place: Place) -> dict[str, t.Any]:
    socket = listener.socket
    scheme = "https" if listener.ssl else "http"
    literal = _LOOPBACK.get(socket.address, socket.address)
    host = _host(listener, server)
    authority = host if socket.port == _DEFAULT_PORTS[scheme] else f"{host}:{socket.port}"
    url = f"{scheme}://{authority}{path}"
    address = f"{literal}:{socket.port}"
    return {
        "name": f"GET {url} at {address}",
        "url": url,
        "address": address,
        "host": authority,
        "sni": (host if not is_address(host) else "") if listener.ssl else None,
        "status": _STATUS,
        "verify": False,
        "origin": "config",
        "file": place.file,
        "line": place.line,
    }


def _host(listener: Listener, server: Server) -> str:
    """Return the first name that stands for itself, else the address."""
    for name in server.names:
        if name[:1] not in ("*", ".", "~") and not name.endswith("*") and host_of(name):
            return name.lower()
    return _LOOPBACK.get(listener.socket.address, listener.socket.address)
