# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find a request that nginx proxies back to the location that it came from.

The request goes round until nginx has no connections left. Only certain steps are followed: literal targets on loopback
or on an address that nginx listens on, and locations without rewrites.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.proxy_passes import (
    proxy_passes,
    upstreams_by_name,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.proxy_targets import parse_proxy_target
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule, related
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.listen import Socket
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.samples import is_address

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.proxy_targets import ProxyTarget
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.blocks import Location
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.select import Listener, Server

RULE: t.Final = Rule("proxy-to-itself", "error", "A request is proxied back to the location that it came from")
_HOPS: t.Final = 5
_SEGMENT: t.Final = "x"
#: Directives that may stop a request on its second way through.
_GUARDS: t.Final = (
    *("allow", "deny", "auth_basic", "auth_request", "satisfy"),
    *("rewrite_by_lua", "access_by_lua", "server_rewrite_by_lua"),
)


class _Request(t.NamedTuple):
    """A request on its way: the server and location that it has come to, its host and its URI."""

    server: Server
    location: Location
    host: str
    uri: str


def check(context: Context) -> Iterator[Finding]:
    """Follow a request through every proxy_pass of a location; report each circle once."""
    network = _OwnNetwork(context)
    told: set[int] = set()
    for directive, target in proxy_passes(context):
        server, scope = context.scopes.get(id(directive.parent), (None, None))
        location = scope.location if scope is not None else None
        if server is None or location is None or id(directive) in told:
            continue
        if directive.name != "proxy_pass" or not any(True for _each in network.listeners(target)):
            continue
        url = network.url_of(server, location)
        chain = network.circle(server, location) if url else []
        if chain and chain[0][0] is directive:
            told.update(id(each) for each, _url in chain)
            yield _finding(url, chain)


def _finding(url: str, chain: list[tuple[Directive, str]]) -> Finding:
    shown = " -> ".join([url, *(each for _directive, each in chain)])
    message = (
        f"GET {shown}: the request comes back to the location that sent it, until nginx has no connections left "
        "(worker_connections are not enough) and answers every client with an error. Send it to the application's port"
    )
    return RULE.at(chain[0][0].place, message, [related("and from here", each.place) for each, _url in chain[1:]])


class _OwnNetwork:
    """The sockets of this nginx, and the requests that it sends to itself."""

    def __init__(self, context: Context) -> None:
        self._router = context.router
        self._upstreams = upstreams_by_name(context)
        self._addresses = {socket.address for socket in self._router.listeners if is_address(socket.address)}
        self._headers: dict[int, list[Directive]] = {}
        for each in context.named("proxy_set_header"):
            self._headers.setdefault(id(each.parent), []).append(each)

    def url_of(self, server: Server, location: Location) -> str:
        """Return a URL that comes to a location; empty where none is certain."""
        listen = next((each for each in server.listens if each.socket in self._router.listeners), None)
        uri = _sample(location)
        if listen is None or listen.socket.is_unix or uri is None:
            return ""
        scheme = "https" if self._router.listeners[listen.socket].ssl else "http"
        port = "" if listen.socket.port == (443 if scheme == "https" else 80) else f":{listen.socket.port}"
        return f"{scheme}://{_host(server)}{port}{uri}"

    def circle(self, server: Server, location: Location) -> list[tuple[Directive, str]]:
        """Return the proxy_pass lines, with their URLs, of a circle that begins in a location; empty without one."""
        uri = _sample(location)
        if uri is None:
            return []
        request: _Request | None = _Request(server, location, _host(server), uri)
        chain: list[tuple[Directive, str]] = []
        for _hop in range(_HOPS):
            handler = request.location.scope.handler if request is not None else None
            request = self._step(request) if request is not None else None
            if request is None:
                return []
            chain.append((t.cast("Directive", handler), f"http://{request.host}{request.uri}"))
            if request.location is location:
                return chain
        return []

    def _step(self, request: _Request) -> _Request | None:
        """Return the request that a location sends to this nginx; None where that is not certain."""
        location = request.location
        if not _is_plain(request.server) or not _is_plain(location) or location.scope.handler is None:
            return None
        target = (
            parse_proxy_target(location.scope.handler.args[0]) if location.scope.handler.name == "proxy_pass" else None
        )
        if target is None or target.dynamic:
            return None
        sent = _sent_uri(target, location, request.uri)
        host = self._sent_host(target, location, request.host)
        for listener in self.listeners(target):
            if sent is None or (host is None and len(listener.servers) > 1):
                continue
            selected = self._router.select(listener, (host or "").partition(":")[0])
            found = selected.server.scope.locations.find(sent) if selected is not None else None
            if selected is not None and found is not None and found.location is not None and not found.add_slash:
                return _Request(selected.server, found.location, host or request.host, sent)
        return None

    def _sent_host(self, target: ProxyTarget, location: Location, host: str) -> str | None:
        """Return the Host header that goes upstream, None where the configuration does not decide it."""
        block: Directive | None = location.scope.directive
        while block is not None:
            headers = self._headers.get(id(block))
            if headers:
                values = [each.args[1] for each in headers if len(each.args) > 1 and each.args[0].lower() == "host"]
                value = values[-1] if values else "$proxy_host"
                if value in ("$host", "$http_host"):
                    return host
                if "$" not in value:
                    return value
                if value != "$proxy_host":
                    return None
                break
            block = block.parent
        return target.host + (f":{target.port}" if target.port else "")

    def listeners(self, target: ProxyTarget) -> Iterator[Listener]:
        """Yield this nginx's own sockets that a target leads to."""
        if target.host in self._upstreams:
            members = [each for each in self._upstreams[target.host].find("server") if each.args]
            targets = [parse_proxy_target(each.args[0]) for each in members if not {"down", "backup"} & {*each.args}]
        else:
            targets = [target]
        for each in targets:
            address = "127.0.0.1" if each.host == "localhost" else each.host
            if not (address.startswith("127.") or address == "[::1]" or address in self._addresses):
                continue
            port = each.port or target.default_port
            listener = self._router.listeners.get(Socket(address, port)) or self._router.listener(address, port)
            tls = target.scheme == "https"
            if listener is not None and listener.ssl is tls and not listener.proxy_protocol:
                yield listener


def _sample(location: Location) -> str | None:
    """Return a URI of a prefix or exact location."""
    if location.is_regex or not location.name.startswith("/"):
        return None
    return location.name if location.modifier == "=" else location.name + _SEGMENT


def _sent_uri(target: ProxyTarget, location: Location, uri: str) -> str | None:
    if not target.uri:
        return uri
    path = target.uri.partition("?")[0]
    return path + uri[len(location.name) :] if path.startswith("/") else None


def _host(server: Server) -> str:
    return next((name.lower() for name in server.names if name.strip("_-") and name[0] not in "~.*"), "any.invalid")


def _is_plain(scope: Server | Location) -> bool:
    """Return whether only a block's locations and its handler decide about a request."""
    decides = any(directive.name != "set" for directive in scope.scope.program)
    guarded = any(scope.scope.effective(name) for name in _GUARDS)
    return not (decides or guarded or scope.scope.internal or scope.scope.incomplete or scope.scope.try_files)
