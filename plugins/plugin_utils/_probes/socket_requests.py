# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Requests on sockets: a server's drafts with the names that are probed on each of its sockets."""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.sampler import sample_pattern
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.samples import host_of, is_address

from .addresses import NEIGHBOUR, default_client, is_loopback, is_v6
from .draft import NO_HOST, OWN_HOST, Draft, is_host
from .listeners import demands_http2, key_of, listen_of, twins

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.module_utils._wire.probes import ListenSocket, StubAnswer
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.select import Listener, Router, Server

#: A host that no server is named after.
UNKNOWN_HOST: t.Final = "unknown.invalid"
#: Sockets of one server that get every request; the others get the few of a further name.
_FULL: t.Final = 4
_LABELS: t.Final = ("www", "x", "a", "probe")
_PORTS: t.Final = {True: 443, False: 80}

#: The fields that tell two requests apart.
Key = tuple[object, ...]


class SocketRequest(t.NamedTuple):
    """One request on one socket."""

    listen: ListenSocket
    host: str | None
    sni: str | None
    client: str
    version: str
    draft: Draft

    @property
    def key(self) -> Key:
        """Return the fields that tell two requests apart."""
        draft = self.draft
        return (
            *key_of(self.listen),
            *self[1:5],
            draft.method,
            draft.target,
            draft.headers,
            draft.body,
            draft.protocol,
            *map(answer_key, draft.answers),
        )


def answer_key(answer: StubAnswer) -> Key:
    """Return the fields that tell an answer of a stub from another one."""
    return (answer.upstream, answer.status, str(answer.headers), answer.body, answer.delay, answer.down)


class SocketRequests:
    """The sockets of one configuration, and the requests that are sent to them."""

    def __init__(self, router: Router) -> None:
        self.router = router
        self._listens: dict[int, tuple[ListenSocket | None, bool]] = {}

    def listen(self, listener: Listener) -> ListenSocket | None:
        """Return a socket as probes address it, the same object for each of its requests."""
        return self._facts(listener)[0]

    def _facts(self, listener: Listener) -> tuple[ListenSocket | None, bool]:
        facts = self._listens.get(id(listener))
        if facts is None:
            only2 = demands_http2(listener) and not listener.ssl
            facts = self._listens[id(listener)] = (listen_of(listener), only2)
        return facts

    def of_server(self, server: Server) -> list[list[Listener]]:
        """Return a server's sockets, those together that differ by address only."""
        groups: dict[tuple[str | int, bool, bool], dict[int, Listener]] = {}
        for each in server.listens:
            listener = self.router.listeners.get(each.socket) if not each.quic else None
            if listener is not None and self.listen(listener) is not None:
                groups.setdefault(twins(listener), {})[id(listener)] = listener
        return [list(group.values()) for group in groups.values()]

    def hosts(self, server: Server, listener: Listener) -> list[str]:
        """Return hosts that select a server on a socket, one for each of its names that can, in their order."""
        found: dict[str, None] = {}
        for name in server.names:
            for host in _candidates(name):
                selected = self.router.select(listener, "" if host == NO_HOST else host)
                if (
                    selected is not None
                    and selected.server is server
                    and (selected.named or listener.default is server)
                ):
                    found.setdefault(host)
                    break
        if listener.default is server and (not found or list(found) == [NO_HOST]):
            found[UNKNOWN_HOST] = None
        return list(found)

    def named_hosts(self, server: Server, listener: Listener) -> list[str]:
        """Return those hosts that a server is chosen for by its name."""
        return [host for host in self.hosts(server, listener) if host not in (NO_HOST, UNKNOWN_HOST)]

    def front_page(self, listener: Listener, host: str, draft: Draft) -> Iterator[SocketRequest]:
        """Return a request for a host on a socket, whichever server answers it."""
        yield from self._send(listener, None, host, [draft._replace(host=host)])

    def requests(self, server: Server, drafts: list[Draft]) -> Iterator[SocketRequest]:
        """Return a server's drafts on its sockets: all for the first name, two for each further name and socket."""
        for number, group in enumerate(self.of_server(server)):
            full = number < _FULL
            families: set[bool] = set()
            for listener in group:
                v6 = listener.socket.is_v6
                hosts = self.hosts(server, listener)
                for rank, host in enumerate(_named_first(hosts)):
                    few = _few(drafts) if rank or not full or families else drafts
                    yield from self._send(listener, server, host, few)
                if hosts and families and v6 not in families and full:
                    by_client = [draft for draft in drafts if draft.client is not None]
                    yield from self._send(listener, server, _named_first(hosts)[0], by_client)
                if hosts:
                    families.add(v6)

    def single(self, server: Server, draft: Draft, only: Listener | None = None) -> Iterator[SocketRequest]:
        """Return one request of a server on one socket of each kind that it can be sent to, or on a given one."""
        groups = [[only]] if only is not None else self.of_server(server)
        for group in groups[:_FULL]:
            for listener in group:
                hosts = _named_first(self.hosts(server, listener))
                sent = next((each for host in hosts for each in self._send(listener, server, host, [draft])), None)
                if sent is not None:
                    yield sent
                    break

    def strangers(self, listener: Listener) -> Iterator[SocketRequest]:
        """Return requests of clients that name no server of a socket, or speak another version."""
        block = listener.default.scope.directive
        for target in ("/", "/x?x=1"):
            draft = Draft(target, "a host that no server is named after", block, host=UNKNOWN_HOST)
            yield from self._send(listener, None, UNKNOWN_HOST, [draft])
        draft = Draft("/", "no Host header", block, host=NO_HOST)
        yield from self._send(listener, None, NO_HOST, [draft])
        listen, only2 = self._facts(listener)
        if listen is not None and listen.http2 and not only2:
            host = next(iter(self.hosts(listener.default, listener)), UNKNOWN_HOST)
            yield from self._send(listener, None, host, [Draft("/", "HTTP/2", block, version="2")])

    def _send(
        self, listener: Listener, server: Server | None, host: str, drafts: list[Draft]
    ) -> Iterator[SocketRequest]:
        listen, only2 = self._facts(listener)
        if listen is None:
            return
        plain = default_client(listen.address)
        names = {host: _names(listener, host)}
        for draft in drafts:
            if draft.client is not None and not _can_connect(draft.client, listener, listen.address):
                continue
            asked = host if draft.host == OWN_HOST else draft.host
            if asked != host and server is not None:
                selected = self.router.select(listener, asked)
                if selected is None or selected.server is not server:
                    continue
            named = names.get(asked)
            if named is None:
                named = names[asked] = _names(listener, asked)
            version = "2" if only2 else "1.0" if named[0] is None and draft.version == "1.1" else draft.version
            yield SocketRequest(listen, named[0], named[1], draft.client or plain, version, draft)


def _can_connect(client: str, listener: Listener, address: str) -> bool:
    """Tell whether a client with this address reaches a socket."""
    if listener.socket.is_unix or is_v6(client) is not listener.socket.is_v6:
        return False
    if is_loopback(client) is is_loopback(address):
        return True
    return listener.socket.is_wildcard and client != NEIGHBOUR


def _few(drafts: list[Draft]) -> list[Draft]:
    """Return the two requests that an alias gets: the front page, and one that a location was made for."""
    plain = [draft for draft in drafts if draft.method == "GET" and not draft.headers and not draft.answers]
    front = drafts[0]
    inner = next((each for each in plain if each.target not in (front.target, "/x?x=1")), None)
    return [front, inner or drafts[1]]


def _named_first(hosts: list[str]) -> list[str]:
    return sorted(hosts, key=lambda host: host == NO_HOST)


def _candidates(name: str) -> Iterator[str]:
    """Return hosts that a server_name may stand for."""
    if not name:
        yield NO_HOST
    elif name.startswith("~"):
        for sample in sample_pattern(name[1:], caseless=True, path=False):
            if is_host(sample.text):
                yield sample.text.lower()
    elif name.startswith("*."):
        yield from (f"{label}{name[1:].lower()}" for label in _LABELS)
    elif name.endswith(".*"):
        yield from (f"{name[:-1].lower()}{tail}" for tail in ("com", "test", "invalid"))
    else:
        host = host_of(name) or name.lower()
        if is_host(host):
            yield host
            if name.startswith("."):
                yield f"www.{host}"


def _names(listener: Listener, host: str) -> tuple[str | None, str | None]:
    """Return the Host header and the TLS server name for a host: an address is no TLS name (RFC 6066)."""
    if host == NO_HOST:
        return None, None
    port = listener.socket.port
    default = listener.socket.is_unix or port == _PORTS[listener.ssl]
    sni = host if listener.ssl and not is_address(host) else None
    return (host if default else f"{host}:{port}"), sni
