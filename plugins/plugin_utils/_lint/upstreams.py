# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Rules on upstreams: members that are gone, names that freeze, and targets that are this very nginx."""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.listen import Socket
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.samples import is_address

from .analysis.proxy_targets import PASS_DIRECTIVES, parse_proxy_target
from .finding import Rule, related

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.blocks import Location
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.select import Listener, Server

    from .analysis.proxy_targets import ProxyTarget
    from .context import Context
    from .finding import Finding

DOWN: t.Final = Rule("upstream-down", "error", "An upstream in use has no server that may answer")
FROZEN: t.Final = Rule("upstream-dns-frozen", "advice", "A host name that nginx looks up once, at its start")
ITSELF: t.Final = Rule("proxy-to-itself", "error", "A request is proxied back to the location that it came from")
RULES: t.Final = (DOWN, FROZEN, ITSELF)
#: What leaves an upstream without servers; an include or a `state` file may bring some.
_NO_SERVERS: t.Final = frozenset({"zone", "keepalive", "ip_hash", "least_conn", "random", "hash", "keepalive_timeout"})
_HOPS: t.Final = 5
_SEGMENT: t.Final = "x"
#: What may stop a request on its second way through.
_GUARDS: t.Final = (
    *(
        "allow",
        "deny",
        "auth_basic",
        "auth_request",
        "satisfy",
        "rewrite_by_lua",
        "access_by_lua",
        "server_rewrite_by_lua",
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """Upstreams by name, names by place, and the way of a request through proxies of this nginx."""
    upstreams = {each.args[0].lower(): each for each in context.named("upstream") if each.args}
    passes = [(each, parse_proxy_target(each.args[0])) for each in context.named(*PASS_DIRECTIVES) if each.args]
    yield from _down(upstreams, passes)
    yield from _empty(upstreams)
    yield from _frozen(context, upstreams, passes)
    yield from _Loops(context, upstreams).findings(passes)


def _down(upstreams: dict[str, Directive], passes: list[tuple[Directive, ProxyTarget]]) -> Iterator[Finding]:
    users: dict[str, list[Directive]] = {}
    for directive, target in passes:
        if not target.dynamic and target.host in upstreams:
            users.setdefault(target.host, []).append(directive)
    for name, directives in users.items():
        upstream = upstreams[name]
        members = list(upstream.find("server"))
        if members and all("down" in member.args for member in members):
            which = f"all of its {len(members)} servers are" if len(members) > 1 else "its only server is"
            message = (
                f'every request to upstream "{name}" gets a 502 (no live upstreams): {which} marked down. '
                "Leave one without down, or answer without it"
            )
            yield DOWN.at(upstream.place, message, [related("used here", each.place) for each in directives])


def _empty(upstreams: dict[str, Directive]) -> Iterator[Finding]:
    for upstream in upstreams.values():
        if upstream.block is not None and all(each.name in _NO_SERVERS for each in upstream.block):
            message = (
                f'upstream "{upstream.args[0]}" has no server: nginx refuses the whole configuration '
                "(no servers are inside upstream); name one, or delete it"
            )
            yield DOWN.at(upstream.place, message)


def _frozen(
    context: Context, upstreams: dict[str, Directive], passes: list[tuple[Directive, ProxyTarget]]
) -> Iterator[Finding]:
    found: dict[str, list[Directive]] = {}
    for directive, target in passes:
        if not target.dynamic and target.is_name and target.host not in upstreams:
            found.setdefault(target.host, []).append(directive)
    for upstream in upstreams.values():
        for member in upstream.find("server"):
            target = parse_proxy_target(member.args[0] if member.args else "")
            if target.is_name and "resolve" not in member.args:
                found.setdefault(target.host, []).append(member)
    for host, directives in found.items():
        if host == "localhost" or (context.router.partial and "." not in host):
            continue
        message = (
            f'"{host}" is looked up once, when nginx starts or reloads: it keeps asking the old addresses when DNS changes, and '
            "does not start while DNS has none. Where that may happen, give the upstream's server `resolve` (nginx 1.27.3, "
            "with a zone), or use a variable and a resolver"
        )
        yield FROZEN.at(directives[0].place, message, [related("and here", each.place) for each in directives[1:]])


class _Loops:
    """Requests that this nginx sends to itself until its connections run out.

    Followed are only steps that nothing decides but the configuration: literal targets on loopback or on an address that
    nginx listens on, locations without rewrites.
    """

    def __init__(self, context: Context, upstreams: dict[str, Directive]) -> None:
        self.router = context.router
        self.scopes = context.scopes
        self.upstreams = upstreams
        self.headers: dict[int, list[Directive]] = {}
        for each in context.named("proxy_set_header"):
            self.headers.setdefault(id(each.parent), []).append(each)
        self.own = {socket.address for socket in self.router.listeners if is_address(socket.address)}

    def findings(self, passes: list[tuple[Directive, ProxyTarget]]) -> Iterator[Finding]:
        told: set[int] = set()
        for directive, target in passes:
            server, scope = self.scopes.get(id(directive.parent), (None, None))
            if server is None or scope is None or scope.directive.name != "location" or id(directive) in told:
                continue
            location = t.cast("Location", scope)
            if directive.name != "proxy_pass" or not any(True for _unused in self.listeners(target)):
                continue
            url = self.asked(server, location)
            chain = self.circle(server, location) if url else []
            if chain and chain[0][0] is directive:
                told.update(id(each) for each, _url in chain)
                yield self.finding(url, chain)

    def asked(self, server: Server, location: Location) -> str:
        """A URL that comes to a location; empty where none is certain."""
        listen = next((each for each in server.listens if each.socket in self.router.listeners), None)
        uri = self.sample(location)
        if listen is None or listen.socket.is_unix or uri is None:
            return ""
        scheme = "https" if self.router.listeners[listen.socket].ssl else "http"
        port = "" if listen.socket.port == (443 if scheme == "https" else 80) else f":{listen.socket.port}"
        return f"{scheme}://{_host(server)}{port}{uri}"

    @staticmethod
    def finding(url: str, chain: list[tuple[Directive, str]]) -> Finding:
        first = chain[0][0]
        shown = " -> ".join([url, *(each for _unused, each in chain)])
        message = (
            f"GET {shown}: the request comes back to the location that sent it, until nginx has no connections left "
            "(worker_connections are not enough) and answers everybody with an error. Send it to the application's port"
        )
        return ITSELF.at(first.place, message, [related("and from here", each.place) for each, _unused in chain[1:]])

    def circle(self, server: Server, location: Location) -> list[tuple[Directive, str]]:
        """The proxy_pass lines of a circle that begins in a location; empty where there is none for certain."""
        uri = self.sample(location)
        host = _host(server)
        chain: list[tuple[Directive, str]] = []
        begin = location
        for _unused in range(_HOPS):
            step = self.step(server, location, host, uri) if uri is not None else None
            if step is None:
                return []
            server, found, host, uri, url = step
            chain.append((t.cast("Directive", location.handler), url))
            if found is begin:
                return chain
            location = found
        return []

    @staticmethod
    def sample(location: Location) -> str | None:
        if location.is_regex or not location.name.startswith("/"):
            return None
        return location.name if location.modifier == "=" else location.name + _SEGMENT

    def step(
        self, server: Server, location: Location, host: str, uri: str
    ) -> tuple[Server, Location, str, str, str] | None:
        """Where a location sends a request: server, location, host and URI there."""
        if not _is_plain(server) or not _is_plain(location) or location.handler is None:
            return None
        target = parse_proxy_target(location.handler.args[0]) if location.handler.name == "proxy_pass" else None
        if target is None or target.dynamic:
            return None
        sent = self.sent_uri(target, location, uri)
        sent_host = self.sent_host(target, location, host)
        for listener in self.listeners(target):
            if sent is None or (sent_host is None and len(listener.servers) > 1):
                continue
            selected = self.router.select(listener, (sent_host or "").partition(":")[0])
            found = selected.server.locations.find(sent) if selected is not None else None
            if selected is not None and found is not None and found.location is not None and not found.add_slash:
                url = f"http://{sent_host or host}{sent}"
                return selected.server, found.location, sent_host or host, sent, url
        return None

    @staticmethod
    def sent_uri(target: ProxyTarget, location: Location, uri: str) -> str | None:
        if not target.uri:
            return uri
        path = target.uri.partition("?")[0]
        return path + uri[len(location.name) :] if path.startswith("/") else None

    def sent_host(self, target: ProxyTarget, location: Location, host: str) -> str | None:
        """The Host header that goes upstream, None where it cannot be told."""
        block: Directive | None = location.directive
        while block is not None:
            headers = self.headers.get(id(block))
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
        """This nginx's own sockets that a target leads to."""
        if target.host in self.upstreams:
            members = [each for each in self.upstreams[target.host].find("server") if each.args]
            wanted = [
                parse_proxy_target(each.args[0]) for each in members if not {"down", "backup"}.intersection(each.args)
            ]
        else:
            wanted = [target]
        for each in wanted:
            address = "127.0.0.1" if each.host == "localhost" else each.host
            if not (address.startswith("127.") or address == "[::1]" or address in self.own):
                continue
            port = each.port or target.default_port
            listener = self.router.listeners.get(Socket(address, port)) or self.router.listener(address, port)
            tls = target.scheme == "https"
            if listener is not None and listener.ssl is tls and not listener.proxy_protocol:
                yield listener


def _host(server: Server) -> str:
    return next((name.lower() for name in server.names if name.strip("_-") and name[0] not in "~.*"), "any.invalid")


def _is_plain(scope: Server | Location) -> bool:
    """Whether nothing in a block but its locations and its handler decides what becomes of a request."""
    decides = any(directive.name != "set" for directive in scope.program)
    guarded = any(scope.effective(name) for name in _GUARDS)
    return not (decides or guarded or scope.internal or scope.incomplete or scope.try_files)
