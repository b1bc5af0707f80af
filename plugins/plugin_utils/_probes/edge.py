# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The edge: which socket gets a URL, behind a proxy that ends TLS in front of nginx."""

from __future__ import annotations

import re
import typing as t
from fnmatch import fnmatchcase

from ansible_collections.failsafe.nginx.plugins.module_utils._wire.probes import EdgeEntry, ListenSocket
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.select import Router

from .listeners import listen_of
from .upstreams import upstreams_of

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Config
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.select import Listener

#: The edge without a declared one: TLS ends in front of nginx for names that have no TLS socket.
AUTOMATIC: t.Final = EdgeEntry(["*"], 80, [["X-Forwarded-Proto", "https"]])
_HTTPS: t.Final = 443
_ROTATED: t.Final = re.compile(r"(?:[.-]\d+)*(?:\.gz)?$")


class Arrival(t.NamedTuple):
    """The socket that a URL arrives at, and the headers that the edge adds on the way."""

    listen: ListenSocket
    headers: tuple[tuple[str, str], ...] = ()


class Arrivals:
    """Finds the sockets of URLs in two configurations, the candidate's first.

    Args:
        before: the live configuration.
        after: the candidate.
        edge: the declared proxies in front; empty for the automatic edge.
    """

    def __init__(self, before: Config | None, after: Config | None, edge: Sequence[EdgeEntry] = ()) -> None:
        self.routers = [Router(config) for config in (after, before) if config is not None]
        self.edge = tuple(edge)
        self.upstreams: dict[str, tuple[str, ...]] = {}
        for config in (before, after):
            self.upstreams.update({} if config is None else upstreams_of(config))

    def of_url(self, scheme: str, host: str, port: int, *, v6: bool = False, address: str = "") -> Arrival:
        """Return the socket for a URL; a made-up one, which refuses the request, where neither configuration has any.

        Args:
            scheme: `http` or `https`.
            host: the URL's host.
            port: the URL's port.
            v6: the client comes by IPv6.
            address: the socket's own address, where the name does not decide it.
        """
        tls = scheme == "https"
        found = self._find(host, port, address, tls=tls, v6=v6)
        entry = self._entry(host) if tls and port == _HTTPS and not address else None
        if entry is None and found is not None:
            return Arrival(found)
        if entry is not None:
            inner = self._find(host, entry.to, "", tls=entry.tls, v6=v6)
            if inner is None and entry is AUTOMATIC:
                inner = self._find_plain(host, v6=v6)
            headers = tuple((name, value) for name, value in entry.headers)
            return Arrival(inner or _nowhere(entry.to, tls=entry.tls, v6=v6), headers)
        return Arrival(_nowhere(port, address, tls=tls, v6=v6))

    def _entry(self, host: str) -> EdgeEntry | None:
        """Return the proxy in front of a name that no TLS socket has.

        Without a declared edge it is the automatic one: for a name that a plain socket has, and for any name where no socket
        has TLS. The default server of the TLS socket answers requests for other names.
        """
        listeners = [listener for router in self.routers for listener in router.listeners.values()]
        sockets = [listener for listener in listeners if listener.ssl and listener.socket.port == _HTTPS]
        named = _names(host)
        if any(named(listener) for listener in sockets):
            return None
        for entry in self.edge:
            if any(fnmatchcase(host.lower(), name.lower()) for name in entry.names):
                return entry
        plain = (each for each in listeners if not each.ssl)
        return AUTOMATIC if not self.edge and (not sockets or any(map(named, plain))) else None

    def _find(self, host: str, port: int, address: str, *, tls: bool, v6: bool) -> ListenSocket | None:
        fitting = [
            (listener, listen)
            for router in self.routers
            for listener in router.listeners.values()
            if (listen := listen_of(listener)) is not None and _fits(listener, listen, port, address, tls=tls, v6=v6)
        ]
        for wanted in (_names(host), _is_wildcard, _is_any):
            for listener, listen in fitting:
                if wanted(listener):
                    return listen
        return None

    def _find_plain(self, host: str, *, v6: bool) -> ListenSocket | None:
        """Return a socket without TLS of any port that has this name: TLS may end in front of a port like 8080."""
        named = _names(host)
        found = (
            listen_of(listener)
            for router in self.routers
            for listener in router.listeners.values()
            if not listener.ssl and not listener.socket.is_unix and listener.socket.is_v6 is v6 and named(listener)
        )
        return next((listen for listen in found if listen is not None), None)

    def hosts_of_log(self, name: str, most: int) -> list[str]:
        """Return first names of the servers that write to a log of this file name, else of all servers.

        Args:
            name: the log's path, also one that logrotate has given a number or a date.
            most: the most names.
        """
        wanted = _log_name(name)
        everyone: dict[str, None] = {}
        writers: dict[str, None] = {}
        for server in (server for router in self.routers for server in router.servers):
            first = next((each for each in server.names if each and each[0].isalnum() and not each.endswith("*")), None)
            if first is not None:
                everyone.setdefault(first.lower())
                logs = [each.args[0] for each in server.scope.directive.find("access_log") if each.args]
                if wanted in map(_log_name, logs):
                    writers.setdefault(first.lower())
        return list(writers or everyone)[:most]

    def has_tls(self, host: str) -> bool:
        """Tell whether a client reaches a name by TLS on port 443."""
        return self._find(host, 443, "", tls=True, v6=False) is not None


def _log_name(path: str) -> str:
    """Return `access.log` for `/var/log/nginx/access.log`, `access.log.2.gz` and `access.log-20260131`."""
    return _ROTATED.sub("", path.rpartition("/")[2])


def _fits(listener: Listener, listen: ListenSocket, port: int, address: str, *, tls: bool, v6: bool) -> bool:
    if address:
        return listen.address == address and (listener.socket.is_unix or (listen.port == port and listen.ssl is tls))
    socket = listener.socket
    return not socket.is_unix and socket.port == port and socket.is_v6 is v6 and listen.ssl is tls


def _names(host: str) -> t.Callable[[Listener], bool]:
    def named(listener: Listener) -> bool:
        selected = Router.select(listener, host)
        return selected is not None and selected.named and not listener.socket.is_loopback

    return named


def _is_wildcard(listener: Listener) -> bool:
    return listener.socket.is_wildcard


def _is_any(_listener: Listener) -> bool:
    return True


def _nowhere(port: int, address: str = "", *, tls: bool, v6: bool) -> ListenSocket:
    """Return a socket that neither configuration has."""
    found = address or ("::" if v6 else "0.0.0.0")  # noqa: S104 -- named, never bound here
    return ListenSocket(found, port, ssl=tls)
