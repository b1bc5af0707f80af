# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Probes of TLS: for each listener and name whose TLS the two configurations set otherwise.

A handshake costs as much as ten requests, so names whose directives, files and default server are the same are left out.
"""

from __future__ import annotations

import re
import typing as t

from .draft import NO_HOST, Draft
from .listeners import speaks_http2

if t.TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.blocks import Scope
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.select import Listener, Server

    from .socket_requests import SocketRequest, SocketRequests

#: Directives of ngx_http_ssl_module and of the protocols that ALPN offers.
_TLS: t.Final = re.compile(r"ssl|ssl_\w+|http2|http3")
_TARGET: t.Final = "/"
_WHY: t.Final = "the TLS of a name"
_WHY_NAMELESS: t.Final = "TLS without a server name"

Setting = tuple[str, ...]


class TlsRequests:
    """Makes the TLS probes of one configuration.

    Args:
        sockets: of this configuration.
        other: of the other one.
        changed_files: paths below the folder whose content differs, None where that is not known.
    """

    def __init__(self, sockets: SocketRequests, other: SocketRequests, changed_files: Collection[str] | None) -> None:
        self._sockets = sockets
        self._other = other
        self._changed = None if changed_files is None else tuple(f"/{path}" for path in changed_files)
        self._settings: dict[int, dict[str, tuple[Setting, ...]]] = {}

    def requests(self) -> Iterator[SocketRequest]:
        """Yield a request for each listener and name whose TLS differs."""
        for listener in self._sockets.router.listeners.values():
            if not listener.ssl:
                continue
            twin = self._other.router.listeners.get(listener.socket)
            for server in listener.servers:
                for host in self._sockets.named_hosts(server, listener):
                    if self._differs(listener, server, twin, host):
                        yield from self._sockets.front_page(listener, host, handshake(server))
            if self._differs(listener, listener.default, twin, NO_HOST):
                yield from self._sockets.front_page(listener, NO_HOST, handshake(listener.default, _WHY_NAMELESS))

    def _differs(self, listener: Listener, server: Server, twin: Listener | None, host: str) -> bool:
        if twin is None or not twin.ssl or self._changed is None:
            return True
        found = self._other.router.select(twin, "" if host == NO_HOST else host)
        selected = twin.default if host == NO_HOST or found is None else found.server
        own, others = self._all(listener, server), self._all(twin, selected)
        return own != others or any(self._is_changed(path) for setting in own for path in setting[1:])

    def _all(self, listener: Listener, server: Server) -> tuple[Setting, ...]:
        """Return what decides: versions are those of the default server, the rest is of the server that has the name."""
        settings = [self._effective(each.scope) for each in (listener.default, server)]
        return (*settings[0], *settings[1], (f"http2={speaks_http2(listener)}",))

    def _effective(self, scope: Scope) -> tuple[Setting, ...]:
        found = self._of(scope)
        return tuple(sorted(setting for settings in found.values() for setting in settings))

    def _of(self, scope: Scope) -> dict[str, tuple[Setting, ...]]:
        """Return name of a directive -> its values in a block, or else in the blocks around it."""
        key = id(scope)
        if key not in self._settings:
            own: dict[str, list[Setting]] = {}
            for child in scope.directive.children:
                if _TLS.fullmatch(child.name):
                    own.setdefault(child.name, []).append((child.name, *child.args))
            around = self._of(scope.parent) if scope.parent is not None else {}
            self._settings[key] = {**around, **{name: tuple(settings) for name, settings in own.items()}}
        return self._settings[key]

    def _is_changed(self, path: str) -> bool:
        return bool(path and self._changed) and f"/{path.lstrip('/')}".endswith(self._changed or ())


def handshake(server: Server, why: str = _WHY) -> Draft:
    """Return a probe of TLS for a server, on any of its TLS listeners."""
    return Draft(_TARGET, why, server.scope.directive, protocol="tls")
