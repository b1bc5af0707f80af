# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The sockets of `stream`, and the names that decide there, as ngx_stream_core_module.c and its neighbours read them."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import flatten, walk

from .errors import RouteError
from .listen import ANY_V4, ANY_V6, Socket, parse_sockets
from .sampler import sample_pattern

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Config, Directive

_BY_NAME: t.Final = re.compile(r"\$\{?(ssl_preread_server_name|ssl_server_name)\b")
_NO_NAME: t.Final = frozenset({"default", "hostnames", "volatile", "include"})


@dataclass(frozen=True)
class StreamListener:
    """One socket of a server of `stream`.

    Attributes:
        protocol: `tcp` or `udp`.
        server: its block.
    """

    protocol: str
    socket: Socket
    server: Directive
    ssl: bool = False
    proxy_protocol: bool = False


class StreamServers:
    """The servers of `stream` of one configuration.

    Attributes:
        listeners: in the order of their directives; the first one of a socket is what nginx binds.
        names: TLS names that maps and servers of `stream` decide by, each in a form that a client may send.
    """

    def __init__(self, config: Config) -> None:
        found: dict[tuple[str, Socket], StreamListener] = {}
        self._blocks = [block for block in flatten(config.root) if block.name == "stream"]
        for block in self._blocks:
            for server in block.find("server"):
                for listener in _listeners(server):
                    found.setdefault((listener.protocol, listener.socket), listener)
        self._found = found
        self.listeners: list[StreamListener] = list(found.values())
        self.names: list[str] = list(dict.fromkeys(self._names()))

    def find(self, protocol: str, address: str, port: int) -> StreamListener | None:
        """Return the socket that gets a connection to an address: the specific one, else the family's wildcard."""
        wildcard = ANY_V6 if address.startswith("[") else ANY_V4
        places = (Socket(address, 0 if address.startswith("unix:") else port), Socket(wildcard, port))
        return next((self._found[protocol, place] for place in places if (protocol, place) in self._found), None)

    def _names(self) -> Iterator[str]:
        for block in self._blocks:
            for directive in walk(block.block or ()):
                if decides_by_name(directive):
                    for entry in directive.children:
                        if entry.name not in _NO_NAME:
                            yield from _hosts(entry.name)
                elif directive.name == "server_name":
                    for name in directive.args:
                        yield from _hosts(name)


def decides_by_name(directive: Directive) -> bool:
    """Tell whether a directive is a `map` of the name that a client sends in its TLS handshake."""
    return directive.name == "map" and bool(directive.args) and _BY_NAME.search(directive.args[0]) is not None


def _listeners(server: Directive) -> Iterator[StreamListener]:
    for directive in server.find("listen"):
        options = set(directive.args[1:])
        try:
            sockets = list(parse_sockets(directive.args[0])) if directive.args else []
        except RouteError:
            continue
        for socket in sockets:
            yield StreamListener(
                "udp" if "udp" in options else "tcp",
                socket,
                server,
                ssl="ssl" in options,
                proxy_protocol="proxy_protocol" in options,
            )


def _hosts(name: str) -> Iterator[str]:
    """Yield a host that a key of a map, or a server name, stands for."""
    if name.startswith("~"):
        pattern = name[2:] if name.startswith("~*") else name[1:]
        yield from (sample.text.lower() for sample in sample_pattern(pattern, caseless=True, path=False))
    elif name.startswith("*."):
        yield f"www{name[1:].lower()}"
    elif name.startswith("."):
        yield from (name[1:].lower(), f"www{name.lower()}")
    elif name.endswith(".*"):
        yield f"{name[:-1].lower()}test"
    elif name:
        yield name.lower()
