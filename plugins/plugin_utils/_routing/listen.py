# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""`listen` parameters and the sockets they make.

Follows ngx_http_core_listen() and ngx_http_add_listen() (src/http/ngx_http_core_module.c, src/http/ngx_http.c) and
ngx_parse_url() (src/core/ngx_inet.c): addresses are compared as socket addresses, never as text.
"""

from __future__ import annotations

import ipaddress
import typing as t
from dataclasses import dataclass

from .errors import RouteError

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive

ANY_V4: t.Final = "*"
ANY_V6: t.Final = "[::]"
DEFAULT_PORT: t.Final = 80
MAX_PORT: t.Final = 65535


@dataclass(frozen=True, order=True)
class Socket:
    """An address that nginx binds. `address` is `*`, `[::]`, a literal address, a host name or `unix:/path` (port 0)."""

    address: str
    port: int

    @property
    def is_unix(self) -> bool:
        return self.address.startswith("unix:")

    @property
    def is_wildcard(self) -> bool:
        return self.address in (ANY_V4, ANY_V6)

    @property
    def is_v6(self) -> bool:
        return self.address.startswith("[")

    @property
    def is_loopback(self) -> bool:
        return self.address.startswith("127.") or self.address in ("[::1]", "localhost")

    def __str__(self) -> str:
        return self.address if self.is_unix else f"{self.address}:{self.port}"


@dataclass(frozen=True)
class Listen:
    """One socket of one `listen` directive, with the parameters that routing depends on."""

    socket: Socket
    directive: Directive | None = None
    default: bool = False
    ssl: bool = False
    proxy_protocol: bool = False
    #: HTTP/3: a socket of its own beside the TCP one of the same address.
    quic: bool = False
    #: `ipv6only=off`: the socket of all IPv6 addresses gets connections to IPv4 ones, too.
    dual: bool = False


def parse_listen(directive: Directive) -> Iterator[Listen]:
    """Return the sockets of a `listen` directive; several for a port range or for `localhost`.

    Raises:
        RouteError: the first parameter is no address that nginx would accept.
    """
    if not directive.args:
        msg = f"{directive.place}: listen without an address"
        raise RouteError(msg)
    options = set(directive.args[1:])
    for socket in parse_sockets(directive.args[0]):
        yield Listen(
            socket,
            directive,
            default=bool(options & {"default_server", "default"}),
            ssl="ssl" in options,
            proxy_protocol="proxy_protocol" in options,
            quic="quic" in options,
            dual=socket.address == ANY_V6 and "ipv6only=off" in options,
        )


def parse_sockets(text: str) -> Iterator[Socket]:
    """Return the sockets that `80`, `*:80`, `addr`, `addr:port`, `[::]:80`, `unix:/path` or `80-90` means.

    Raises:
        RouteError: not an address.
    """
    if text.startswith("unix:"):
        yield Socket(text, 0)
        return
    if text.startswith("["):
        host, bracket, rest = text.partition("]")
        host += bracket
        port = rest.removeprefix(":")
        if not bracket or (rest and not rest.startswith(":")):
            msg = f"not a listen address: {text}"
            raise RouteError(msg)
    elif ":" in text:
        host, _sep, port = text.rpartition(":")
    elif text.replace("-", "", 1).isdigit():
        host, port = ANY_V4, text
    else:
        host, port = text, ""
    for address in _addresses(host, text):
        for number in _ports(port, text):
            yield Socket(address, number)


def router_address(address: str) -> str:
    """Return a literal address as `Router.listener` takes it: `*` for all, brackets around IPv6."""
    if address == "0.0.0.0":  # noqa: S104 -- compared, not bound
        return ANY_V4
    return f"[{address}]" if ":" in address and not address.startswith(("unix:", "[")) else address


def _addresses(host: str, text: str) -> tuple[str, ...]:
    if host in (ANY_V4, "0.0.0.0"):  # noqa: S104 -- compared, not bound
        return (ANY_V4,)
    if host.startswith("["):
        try:
            address = ipaddress.IPv6Address(host[1:-1])
        except ValueError as error:
            msg = f"not a listen address: {text}"
            raise RouteError(msg) from error
        return (f"[{address.compressed}]",)
    if host.lower() == "localhost":
        return ("127.0.0.1",)
    return (host.lower(),)


def _ports(port: str, text: str) -> range:
    first, dash, last = port.partition("-")
    if not port:
        return range(DEFAULT_PORT, DEFAULT_PORT + 1)
    if not first.isdecimal() or (dash and not last.isdecimal()):
        msg = f"not a port: {text}"
        raise RouteError(msg)
    low, high = int(first), int(last or first)
    if not 0 < low <= high <= MAX_PORT:
        msg = f"not a port: {text}"
        raise RouteError(msg)
    return range(low, high + 1)
