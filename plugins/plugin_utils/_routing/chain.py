# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Redirect chains from server to server of one configuration."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

from .outcome import Outcome, Request
from .select import Listener, Router
from .simulate import simulate

if t.TYPE_CHECKING:
    from .variables import Definitions

#: Where browsers give up (Chrome and Firefox follow 20).
MAX_HOPS: t.Final = 20
_PLAIN: t.Final = re.compile(r"(https?)://([a-z0-9.-]+)(/[A-Za-z0-9._/-]*)?(?:\?([A-Za-z0-9._=&-]*))?")
_SLASHES: t.Final = re.compile("//+")
_PORTS: t.Final = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Hop:
    """One request of a chain and what it got."""

    request: Request
    outcome: Outcome


@dataclass
class Chain:
    """A redirect chain. `loop_start` is the hop that the last redirect returns to; `endless` one that only grows."""

    hops: list[Hop] = field(default_factory=list)
    loop_start: int | None = None
    endless: bool = False

    @property
    def loops(self) -> bool:
        return self.loop_start is not None or self.endless


class Follower:
    """Follow chains through one configuration and remember which requests end well."""

    def __init__(self, router: Router, definitions: Definitions) -> None:
        self.router = router
        self.definitions = definitions
        self._done: set[tuple[t.Any, ...]] = set()
        self._hosts: dict[str, bool] = {}

    def follow(self, request: Request) -> Chain:
        """Return the chain that begins with a request; it is cut short where a former one has been already."""
        chain = Chain()
        seen: dict[tuple[t.Any, ...], int] = {}
        current: Request | None = request
        while current is not None and len(chain.hops) < MAX_HOPS:
            key = _key(current)
            if key in seen:
                chain.loop_start = seen[key]
                break
            if key in self._done:
                break
            seen[key] = len(chain.hops)
            outcome = simulate(self.router, self.definitions, current)
            chain.hops.append(Hop(current, outcome))
            current = self.target(current, outcome) if outcome.kind == "redirect" else None
        chain.endless = chain.loop_start is None and current is not None and len(chain.hops) >= MAX_HOPS
        self._done.update(seen)
        return chain

    def target(self, request: Request, outcome: Outcome) -> Request | None:
        """Return the request that a client sends next, None when it leaves what this configuration is known to answer."""
        location = outcome.location or ""
        plain = _PLAIN.fullmatch(location)
        try:
            # The usual form is read at a tenth of the cost.
            if plain is None:
                parts = urlsplit(location)
            else:
                parts = SplitResult(plain[1], plain[2], plain[3] or "", plain[4] or "", "")
            port = parts.port or _PORTS.get(parts.scheme, 0)
        except ValueError:
            return None
        host = (parts.hostname or "").lower()
        if parts.scheme not in _PORTS or not host.strip("_-") or not port:
            return None
        listener = self.listener(request, parts.scheme, host, port)
        if listener is None:
            return None
        keeps = {each.keeps_slashes for each in listener.servers} if "//" in parts.path else {False}
        if len(keeps) > 1:
            # nginx reads the URI by the default server's setting, or by that of the server for the TLS name.
            return None
        path = normalise(parts.path, merge_slashes=keeps == {False})
        if path is None:
            return None
        raw = parts.path if parts.path not in ("", path) else ""
        return Request(listener, host, path, parts.query, request.missing, raw, request.switches)

    def listener(self, request: Request, scheme: str, host: str, port: int) -> Listener | None:
        """Return the listener that a client of `request` reaches at a host and port, if the configuration tells.

        The host has to be a name of a server there, or a host whose other web port is answered here.
        """
        here = request.listener
        if here.socket.is_unix:
            return None
        if here.socket.port == port and request.scheme == scheme and self._owns(here, request, host):
            return here
        found = self.router.listener(here.socket.address, port)
        if found is None:
            # Another address than the request's own: only if there is no doubt which. No client gets to loopback by it.
            owners = [each for each in self.router.by_port.get(port, []) if _named(each, host)]
            owners = [each for each in owners if not each.socket.is_loopback]
            found = owners[0] if len({id(owner) for owner in owners}) == 1 else None
        if found is None or found.ssl is not (scheme == "https"):
            return None
        return found if self._owns(found, request, host) else None

    def _owns(self, listener: Listener, request: Request, host: str) -> bool:
        if _named(listener, host):
            return True
        if self.router.partial:
            return False
        return host == request.host.lower() or (listener.socket.port in _PORTS.values() and self._is_website(host))

    def _is_website(self, host: str) -> bool:
        """Tell whether a host is a name on port 80 or 443 here: then the other of the two leads here as well."""
        known = self._hosts.get(host)
        if known is None:
            sites = (each for port in _PORTS.values() for each in self.router.by_port.get(port, ()))
            known = any(not each.socket.is_loopback and _named(each, host) for each in sites)
            self._hosts[host] = known
        return known


def _named(listener: Listener, host: str) -> bool:
    server, _match, certain = listener.names.find(host)
    return server is not None and certain


def _key(request: Request) -> tuple[t.Any, ...]:
    asked = request.uri, request.args, request.raw, request.missing
    return id(request.listener), request.host.lower(), asked, request.switches


def normalise(path: str, *, merge_slashes: bool = True) -> str | None:
    """Return a path as nginx sees it after ngx_http_parse_complex_uri(): decoded, slashes merged, dots resolved."""
    decoded = unquote(path) or "/"
    if merge_slashes:
        decoded = _SLASHES.sub("/", decoded)
    if not decoded.startswith("/"):
        return None
    if "/." not in decoded:
        return decoded
    segments: list[str] = []
    parts = decoded.split("/")[1:]
    for segment in parts:
        if segment == "..":
            if not segments:
                return None
            segments.pop()
        elif segment != ".":
            segments.append(segment)
    if parts[-1] in (".", "..") and (not segments or segments[-1]):
        segments.append("")
    return "/" + "/".join(segments)
