# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Messages about probes: the requests that are sent in a private world."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from .._common.json_fields import omit_none

#: Header fields in their order, each a list of name and value.
Headers = t.List[t.List[str]]


@dataclass
class ListenSocket:
    """A socket that nginx listens on, and how a client has to speak there.

    Attributes:
        address: a literal address, `0.0.0.0`, `::` or `unix:/path`.
        port: 0 for a unix socket.
        ssl: clients begin with TLS.
        http2: clients may speak HTTP/2.
        proxy_protocol: clients begin with a PROXY line.
        names: the server names on it, where redirects are followed; None in a probe.
        nameless: one of the configurations has no server name on it, so its default server answers every host.
    """

    address: str
    port: int = 80
    ssl: bool = False
    http2: bool = False
    proxy_protocol: bool = False
    names: t.Optional[t.List[str]] = omit_none()
    nameless: t.Optional[bool] = omit_none()


@dataclass
class EdgeEntry:
    """A proxy in front of the servers: where its https requests arrive, and with which headers.

    Attributes:
        names: the server names that it serves.
        to: the port that gets the requests.
        headers: what it adds to a request.
        tls: the requests arrive with TLS; else it ends in front.
    """

    names: t.List[str]
    to: int = 80
    headers: Headers = field(default_factory=list)
    tls: bool = False


@dataclass
class StubAnswer:
    """The answer of a stub upstream.

    Attributes:
        upstream: the upstream that it is for: `app:8080`, `app`, `10.0.0.1:8080`, `unix:/run/x.sock`, or `*` for all.
        delay: seconds until it is sent.
        down: the stub resets the connection instead.
    """

    upstream: str = "*"
    status: int = 200
    headers: Headers = field(default_factory=list)
    body: str = ""
    delay: float = 0
    down: bool = False


@dataclass
class ProbedBlock:
    """A block of a configuration that a probe was made for; `side` is `before` or `after`."""

    side: str
    file: str
    line: int


@dataclass
class Probe:
    """A request that is sent in the private world.

    Attributes:
        id: begins with `p` (generated), `e` (expected), `l` (from an access log), `g` (of the health gate) or `b` (to be
            bisected).
        listen: the socket that gets it.
        target: the request target, as it stands in the request line.
        method: as it stands in the request line.
        host: the Host header; None for a request without one.
        sni: the server name of TLS; None for a handshake without one, or no TLS.
        client: the address that it comes from; None for the world's own.
        headers: all fields but Host.
        body: latin-1.
        version: `1.0`, `1.1` or `2`.
        answers: what stub upstreams answer to it.
        follow: follow redirects, as a client does.
        origin: `generated`, `expect` or `log`.
        why: what it was made for, in words.
        file: where that is written, with `line`.
        blocks: the blocks, of either side, that it was made for.
        weight: how often clients sent it, by the access log.
        made_files: files that were missing before and are there in the world now.
        protocol: `http`, `tls` (handshakes only), `tcp` or `udp` (a connection or datagram that is passed on), or `quic`
            (a socket is looked for).
    """

    id: str
    listen: ListenSocket
    target: str = "/"
    method: str = "GET"
    host: t.Optional[str] = None
    sni: t.Optional[str] = None
    client: t.Optional[str] = None
    headers: Headers = field(default_factory=list)
    body: str = ""
    version: str = "1.1"
    answers: t.List[StubAnswer] = field(default_factory=list)
    follow: bool = False
    origin: str = "generated"
    why: str = ""
    file: t.Optional[str] = None
    line: t.Optional[int] = None
    blocks: t.List[ProbedBlock] = field(default_factory=list)
    weight: t.Optional[int] = omit_none()
    made_files: t.Optional[t.List[str]] = omit_none()
    protocol: str = "http"
