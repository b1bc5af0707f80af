# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Selection of the server for a request: sockets, default servers and names, as ngx_http.c arranges them."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.failsafe.nginx.plugins.module_utils._common.server_names import NameTable

from .blocks import Scope
from .errors import RouteError
from .listen import ANY_V4, ANY_V6, DEFAULT_PORT, Listen, Socket, parse_listen
from .pattern import compile_server_name

if t.TYPE_CHECKING:
    import re

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Config, Directive


class Server:
    """A `server` of `http` with its names, its sockets and its scope."""

    def __init__(self, directive: Directive, parent: Scope, *, partial: bool) -> None:
        #: Its block.
        self.scope = Scope(directive, parent, partial=partial)
        #: Name -> the directive that gives it; `""` for a server without a name.
        self.names: dict[str, Directive] = {}
        self.listens: list[Listen] = []
        self.unreadable: list[tuple[Directive, str]] = []
        for child in directive.children:
            if child.name == "server_name":
                for name in child.args:
                    self.names.setdefault(name, child)
            elif child.name == "listen":
                self._listen(child)
        if not self.names:
            self.names[""] = directive
        if not self.listens and not self.unreadable:
            # What nginx does for a server without `listen`, when started by root.
            self.listens.append(Listen(Socket(ANY_V4, DEFAULT_PORT)))

    def _listen(self, directive: Directive) -> None:
        try:
            self.listens.extend(parse_listen(directive))
        except RouteError as error:
            self.unreadable.append((directive, str(error)))

    @property
    def keeps_slashes(self) -> bool:
        return not self.scope.flag("merge_slashes", default=True)

    @property
    def first_name(self) -> str:
        """Return the value of `$server_name` (ngx_http_core_merge_srv_conf())."""
        name = next(iter(self.names))
        return name if name.startswith("~") else name.lower().removeprefix(".")


#: Problems that leave a part of the tree unknown.
_GAPS: t.Final = frozenset({"syntax", "include-missing", "include-cycle", "unreadable", "unresolved"})


def _is_written(config: Config, directive: Directive) -> bool:
    """Tell whether a block stands in its file: around snippets the loader makes up blocks at the file's first line."""
    if (directive.line, directive.column) != (1, 1) or directive.file not in config.texts:
        return True
    text = config.texts[directive.file].removeprefix("\ufeff")
    return text.startswith(directive.name) and text[len(directive.name) :].lstrip().startswith("{")


def bare_host(host: str) -> str:
    """Return a host as ngx_http_validate_host() hands it on."""
    return host.lower().removesuffix(".")


@dataclass
class Conflict:
    """A name on a socket that an earlier server had claimed."""

    name: str
    winner: Server
    loser: Server


@dataclass
class Listener:
    """One bound socket: its servers in order, the default among them, and the table of names."""

    socket: Socket
    default: Server
    servers: list[Server] = field(default_factory=list)
    names: NameTable[Server] = field(default_factory=lambda: NameTable(compile_server_name))
    conflicts: list[Conflict] = field(default_factory=list)
    #: nginx gives a socket TLS or the PROXY protocol when any of its servers asks for it (ngx_http_add_addresses()).
    ssl: bool = False
    proxy_protocol: bool = False

    def add(self, server: Server, listen: Listen) -> None:
        self.ssl = self.ssl or listen.ssl
        self.proxy_protocol = self.proxy_protocol or listen.proxy_protocol
        if listen.default:
            self.default = server
        if self.servers and self.servers[-1] is server:
            return
        self.servers.append(server)
        for name in server.names:
            winner = self.names.add(name, server)
            if winner is not None and winner is not server:
                self.conflicts.append(Conflict(name, winner, server))


class Selected(t.NamedTuple):
    """The server for a host on a socket. `named` is False when it only answers as the default server."""

    server: Server
    named: bool
    match: re.Match[str] | None = None


class Router:
    """Every HTTP server of a configuration by socket and name.

    Args:
        config: the loaded configuration; servers of all its `http` blocks are taken together.
    """

    def __init__(self, config: Config) -> None:
        self.servers: list[Server] = []
        self.listeners: dict[Socket, Listener] = {}
        self.by_port: dict[int, list[Listener]] = {}
        self.http: list[Directive] = list(config.http())
        #: True when a part of the configuration is elsewhere: other servers, locations and maps may exist.
        self.partial = (
            config.partial
            or any(problem.kind in _GAPS for problem in config.problems)
            or not all(_is_written(config, block) for block in self.http)
        )
        for block in self.http:
            scope = Scope(block, None, partial=self.partial)
            for directive in block.find("server"):
                if _is_written(config, directive):
                    self.servers.append(Server(directive, scope, partial=self.partial))
        dual = {listen.socket for server in self.servers for listen in server.listens if listen.dual}
        for server in self.servers:
            self._bind(server, dual)
        for listener in self.listeners.values():
            # `ssl on` of the default server, until nginx 1.25.1 (ngx_http_init_connection()).
            listener.ssl = listener.ssl or listener.default.scope.flag("ssl", default=False)

    def _bind(self, server: Server, dual: set[Socket]) -> None:
        """Add a server to its listeners.

        Args:
            server: with its `listen` directives.
            dual: sockets of all IPv6 addresses that get connections to IPv4 ones, too, whichever server asks for that.
        """
        for listen in server.listens:
            if listen.quic:
                continue
            both = (Socket(ANY_V4, listen.socket.port),) if listen.socket in dual else ()
            for socket in (listen.socket, *both):
                listener = self.listeners.get(socket)
                if listener is None:
                    listener = self.listeners[socket] = Listener(socket, server)
                    self.by_port.setdefault(socket.port, []).append(listener)
                listener.add(server, listen)

    def listener(self, address: str, port: int) -> Listener | None:
        """Return the listener that gets a connection to a local address: the specific one, else the family's wildcard."""
        wildcard = ANY_V6 if address.startswith("[") else ANY_V4
        return self.listeners.get(Socket(address, port)) or self.listeners.get(Socket(wildcard, port))

    @staticmethod
    def select(listener: Listener, host: str) -> Selected | None:
        """Return the server that answers a host on a listener; None when the configuration alone does not tell."""
        server, match, certain = listener.names.find(bare_host(host))
        if not certain:
            return None
        if server is None:
            return Selected(listener.default, named=False)
        return Selected(server, named=True, match=match)
