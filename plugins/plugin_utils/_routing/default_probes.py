# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The health gate's default probes: requests that the live configuration and the candidate suggest."""

from __future__ import annotations

import math
import re
import typing as t
from dataclasses import dataclass, field, replace
from itertools import zip_longest

from ansible_collections.failsafe.nginx.plugins.module_utils._common.side_effects import acts

from .errors import RouteError
from .listen import ANY_V4, ANY_V6
from .outcome import Request
from .request_limits import RequestLimits
from .sampler import SAFE
from .samples import host_of, is_address
from .select import Router
from .simulate import simulate
from .variables import Definitions

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Config, Directive, Place

    from .blocks import Scope
    from .request_limits import RequestLimit
    from .select import Listener, Server

#: Any answer that is no server error. What it may become is decided by the answer before the switch.
_STATUS: t.Final = "100-499"
_CLOSED: t.Final = 444
_LOOPBACK: t.Final = {ANY_V4: "127.0.0.1", ANY_V6: "[::1]"}
_DEFAULT_PORTS: t.Final = {"http": 80, "https": 443}
#: Seconds between two requests of a zone that are not waited for.
_SLOWEST: t.Final = 2.0
#: Seconds that probes of one zone may take, before the switch and after it.
_ZONE_SECONDS: t.Final = 3.0
#: The part of the limit that servers without a change keep, for what a change of the whole breaks.
_UNCHANGED_SHARE: t.Final = 4
_MOST_NAMES: t.Final = 20
#: What balancers ask by address.
_HEALTH: t.Final = re.compile(r"(?i)health|ping|status|ready|alive|live|check|probe|monitor")
#: Blocks of `http` that servers use by name.
_SHARED: t.Final = ("upstream", "map", "geo", "split_clients")

Definition = dict[str, t.Any]


@dataclass
class DefaultProbes:
    """Probes in the shape that `_health` takes; requests that are none, each with the reason; all limits, met by a probe or not."""

    probes: list[Definition] = field(default_factory=list)
    excluded: list[str] = field(default_factory=list)
    limits: list[Definition] = field(default_factory=list)


def default_probes(
    after: Config, limit: int = 40, *, before: Config | None = None, exclude: Sequence[str] = ()
) -> DefaultProbes:
    """Return GET probes for the HTTP servers of both configurations, on every TCP socket.

    Servers that the change touches come first, and take turns, so that each gets its `/` before any gets a second probe. The
    others get a quarter of the limit and no more: a probe costs a fifth of a second before the switch and after it. The same
    configurations give the same probes. The default server of a socket is asked by address too, as balancers do. Left out: unix
    sockets, `internal`, named and regex locations, what both configurations answer by closing the connection (444,
    ssl_reject_handshake), paths that may do something, and what limits of the configuration keep from being asked in time.

    Args:
        after: the candidate.
        limit: how many probes at most.
        before: the live configuration, None where there is none.
        exclude: further entries of paths that may do something, see `_common.side_effects.acts`.

    Raises:
        RouteError: the limit is negative, or an entry cannot be read.
    """
    if limit < 0:
        msg = f"a limit of probes cannot be negative: {limit}"
        raise RouteError(msg)
    sides = [_Side(config) for config in (after, before) if config is not None]
    choice = _Choice(sides, limit, exclude)
    changed, same = _touched(sides)
    share = math.ceil(limit / _UNCHANGED_SHARE) if changed else limit
    choice.fill(changed, limit - min(share, len(same)))
    choice.fill(same, min(limit, len(choice.probes) + share))
    choice.fill(changed, limit)
    return choice.result()


class _Side:
    """One of the configurations."""

    def __init__(self, config: Config) -> None:
        self.router = Router(config)
        self.definitions = Definitions(config)
        self.limits = RequestLimits(self.router, config)
        shared = [directive for http in self.router.http for directive in http.find(*_SHARED)]
        self.shared = {(each.name, *each.args[-1:], _digest(each)) for each in shared}

    def closes(self, request: Request) -> bool:
        """Tell whether the request is answered by closing the connection; True where nothing listens."""
        listener = self.router.listeners.get(request.listener.socket)
        if listener is None:
            return True
        outcome = simulate(self.router, self.definitions, replace(request, listener=listener))
        selected = self.router.select(listener, request.host)
        rejects = selected is not None and selected.server.scope.flag("ssl_reject_handshake", default=False)
        return outcome.status == _CLOSED or (rejects and listener.ssl)

    def limits_of(self, request: Request) -> Iterator[RequestLimit]:
        """Yield the limits of the blocks that a request may pass."""
        listener = self.router.listeners.get(request.listener.socket)
        selected = None if listener is None else self.router.select(listener, request.host)
        if listener is None or selected is None:
            return
        scope = selected.server.scope
        trace = simulate(self.router, self.definitions, replace(request, listener=listener)).trace
        for uri in (request.uri, *(step.to.partition("?")[0] for step in trace)):
            location = scope.locations.named.get(uri) if uri.startswith("@") else scope.locations.find(uri).location
            yield from self.limits.of(location.for_get if location else scope)


def _digest(directive: Directive) -> int:
    """Return a number that is equal for blocks of the same words."""
    block = None if directive.block is None else tuple(_digest(child) for child in directive.children)
    return hash((directive.name, tuple(directive.args), block))


def _touched(sides: Sequence[_Side]) -> tuple[list[tuple[_Side, Server]], list[tuple[_Side, Server]]]:
    """Return the servers that the change touches, and the others."""
    known = [{_digest(server.scope.directive) for server in side.router.servers} for side in sides]
    names = _changed_names(sides)
    changed: list[tuple[_Side, Server]] = []
    same: list[tuple[_Side, Server]] = []
    for index, side in enumerate(sides):
        others = known[1 - index] if len(sides) > 1 else set()
        for server in side.router.servers:
            directive = server.scope.directive
            differs = _digest(directive) not in others or (names is not None and _uses(directive, names))
            (changed if differs else same).append((side, server))
    return changed, same


def _changed_names(sides: Sequence[_Side]) -> re.Pattern[str] | None:
    """Return a pattern of the names of upstreams and variables whose blocks differ, None without any."""
    if len(sides) == 1:
        return None
    names = sorted({str(each[1]) for each in sides[0].shared ^ sides[1].shared if len(each) > 2})  # noqa: PLR2004
    return re.compile("|".join(rf"{re.escape(name)}\b" for name in names)) if names else None


def _uses(directive: Directive, names: re.Pattern[str]) -> bool:
    return any(names.search(word) for word in directive.args) or any(
        _uses(child, names) for child in directive.children
    )


@dataclass
class _Choice:
    """The probes so far, by name, and what was left out."""

    sides: Sequence[_Side]
    limit: int
    exclude: Sequence[str]
    probes: dict[str, Definition] = field(default_factory=dict)
    excluded: dict[str, None] = field(default_factory=dict)
    zones: dict[str, int] = field(default_factory=dict)

    def fill(self, servers: Iterable[tuple[_Side, Server]], count: int) -> None:
        """Add probes of these servers, one of each in turn, until there are `count`."""
        for turn in zip_longest(*(self._of_server(side, server) for side, server in servers)):
            for made in turn:
                if len(self.probes) >= count:
                    return
                if made is not None and made[0]["name"] not in self.probes:
                    self._add(*made)

    def result(self) -> DefaultProbes:
        """Return them."""
        return DefaultProbes(list(self.probes.values()), list(self.excluded), _limits(self.sides))

    def _add(self, probe: Definition, request: Request) -> None:
        try:
            word = acts(request.request_uri, self.exclude)
        except ValueError as error:
            raise RouteError(f"paths that probes never ask: {error}") from error
        if word:
            self.excluded[f"{probe['url']}: {word} may do something"] = None
            return
        limits = self._limits(request)
        for limit in limits:
            reason = self._refusal(limit)
            if reason:
                self.excluded[f"{probe['url']}: {reason}"] = None
                return
        for limit in limits:
            self.zones[limit["zone"]] = self.zones.get(limit["zone"], 0) + 1
        self.probes[probe["name"]] = {**probe, **({"limits": limits} if limits else {})}

    def _limits(self, request: Request) -> list[Definition]:
        """Return the limits of both sides by zone, the slower period of each."""
        sides = [list(side.limits_of(request)) for side in self.sides]
        found: dict[str, Definition] = {}
        for limits in sides:
            for limit in limits:
                known = found.setdefault(
                    limit.zone,
                    {"zone": limit.zone, "period": limit.period, "status": limit.status, "logged": limit.logged},
                )
                known["period"] = max(known["period"], limit.period)
                known["logged"] = known["logged"] and limit.logged
                known["changed"] = any(limit not in others for others in sides)
        return list(found.values())

    def _refusal(self, limit: Definition) -> str:
        """Return why another probe of this zone cannot be asked, "" if it can."""
        zone, period = limit["zone"], limit["period"]
        if period > _SLOWEST:
            return f"the limit {zone} lets one request pass in {period:g} s"
        if period and self.zones.get(zone, 0) >= max(1, int(_ZONE_SECONDS / period)):
            return f"enough other probes meet the limit {zone}"
        return ""

    def _of_server(self, side: _Side, server: Server) -> Iterator[tuple[Definition, Request]]:
        paths = {"/": server.scope.directive.place}
        for path, place in _paths(server.scope):
            paths.setdefault(path, place)
        for path, place in paths.items():
            for listen in server.listens:
                listener = side.router.listeners.get(listen.socket)
                if listener is None or listen.quic or listener.socket.is_unix:
                    continue
                address = _LOOPBACK.get(listener.socket.address, listener.socket.address)
                hosts = [_host(listener, server)]
                if listener.default is server and (path == "/" or _HEALTH.search(path)):
                    hosts.append(address)
                for host in dict.fromkeys(hosts):
                    request = Request(listener, host, path)
                    if not all(each.closes(request) for each in self.sides):
                        yield _probe(listener, server, host, path, place), request


#: A server by its names and sockets; a location of it by the words of its nested blocks.
_ServerKey = tuple[frozenset[str], frozenset[str]]
_Places = dict[_ServerKey, dict[tuple[str, ...], set["RequestLimit"]]]


def _limits(sides: Sequence[_Side]) -> list[Definition]:
    """Return the limits of all blocks, each zone with whether the candidate has a limit of it that was not there."""
    places = [_places(side) for side in sides]
    added = {limit.zone for limit in _added(places[0], places[1])} if len(places) > 1 else set()
    limits = {limit for side in places for server in side.values() for block in server.values() for limit in block}
    found = {(each.zone, each.period, each.status, each.logged) for each in limits}
    return [
        {"zone": zone, "period": period, "status": status, "logged": logged, "changed": zone in added}
        for zone, period, status, logged in sorted(found)
    ]


def _places(side: _Side) -> _Places:
    found: _Places = {}
    for server in side.router.servers:
        sockets = frozenset(str(listen.socket) for listen in server.listens)
        places = found.setdefault((frozenset(server.names), sockets), {})
        for words, scope in _scopes(server.scope, ()):
            places.setdefault(words, set()).update(side.limits.of(scope))
    return found


def _scopes(scope: Scope, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Scope]]:
    yield words, scope
    for location in scope.locations.all:
        yield from _scopes(location.scope, (*words, *location.scope.directive.args, ""))


def _added(after: _Places, before: _Places) -> Iterator[RequestLimit]:
    """Yield the limits that a block did not have before; those of a new block, that its server had nowhere."""
    everywhere = {limit for places in before.values() for limits in places.values() for limit in limits}
    for server, places in after.items():
        old = before.get(server)
        of_server = everywhere if old is None else {limit for limits in old.values() for limit in limits}
        for words, limits in places.items():
            yield from limits - (of_server if old is None or words not in old else old[words])


def _paths(scope: Scope) -> Iterator[tuple[str, Place]]:
    for location in scope.locations.all:
        name = location.name
        literal = not location.is_regex and location.modifier != "@"
        if literal and not location.scope.internal and name.startswith("/") and SAFE.issuperset(name):
            yield name, location.scope.directive.place
        if not location.scope.internal:
            yield from _paths(location.scope)


def _probe(listener: Listener, server: Server, host: str, path: str, place: Place) -> Definition:
    socket = listener.socket
    scheme = "https" if listener.ssl else "http"
    literal = _LOOPBACK.get(socket.address, socket.address)
    authority = host if socket.port == _DEFAULT_PORTS[scheme] else f"{host}:{socket.port}"
    url = f"{scheme}://{authority}{path}"
    address = f"{literal}:{socket.port}"
    names = sorted(name.lower() for name in server.names if _is_literal(name))[:_MOST_NAMES]
    proxied = " with a PROXY line" if listener.proxy_protocol else ""
    return {
        "name": f"GET {url} at {address}{proxied}",
        "url": url,
        "address": address,
        "host": authority,
        "sni": (host if not is_address(host) else "") if listener.ssl else None,
        "status": _STATUS,
        "verify": False,
        "origin": "config",
        "file": place.file,
        "line": place.line,
        **({"proxy_protocol": True} if proxied else {}),
        **({"names": names} if len(names) > 1 else {}),
    }


def _is_literal(name: str) -> bool:
    return name[:1] not in ("*", ".", "~") and not name.endswith("*") and bool(host_of(name))


def _host(listener: Listener, server: Server) -> str:
    """Return the first name that stands for itself, else the address."""
    for name in server.names:
        if _is_literal(name):
            return name.lower()
    return _LOOPBACK.get(listener.socket.address, listener.socket.address)
