# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Probes of sockets that speak no HTTP here: connections and datagrams of `stream`, and sockets of QUIC."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.failsafe.nginx.plugins.module_utils._wire.probes import ListenSocket, Probe, ProbedBlock
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.stream import StreamServers

from .addresses import default_client
from .listeners import address_of, key_of

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive

    from .probed_config import ProbedConfig

#: TLS names at one socket.
_MOST_NAMES: t.Final = 100
_UNKNOWN: t.Final = "unknown.invalid"
_NAME: t.Final = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")
_WHY: t.Final = {
    "tcp": "a connection of stream",
    "udp": "a datagram of stream",
    "quic": "a socket of QUIC",
}


def socket_probes(sides: Sequence[ProbedConfig]) -> list[Probe]:
    """Return a probe for each socket of `stream` and QUIC of either configuration, and for each TLS name in `stream`.

    Both configurations get the same ones, each once; they have ids `s1`, `s2` and so on.
    """
    servers = [StreamServers(side.config) for side in sides]
    names = list(dict.fromkeys(name for each in servers for name in each.names if _NAME.fullmatch(name)))[:_MOST_NAMES]
    found: dict[tuple[object, ...], Probe] = {}
    for side, stream in zip(sides, servers, strict=True):
        for probe in (*_of_stream(side, stream, names), *_of_quic(side)):
            known = found.setdefault((probe.protocol, *key_of(probe.listen), probe.sni), probe)
            if known is not probe:
                known.blocks += probe.blocks
    for number, probe in enumerate(found.values(), 1):
        probe.id = f"s{number}"
    return list(found.values())


def _of_stream(side: ProbedConfig, stream: StreamServers, names: list[str]) -> Iterator[Probe]:
    for listener in stream.listeners:
        address = address_of(listener.socket)
        if address is None:
            continue
        listen = ListenSocket(address, listener.socket.port, ssl=listener.ssl, proxy_protocol=listener.proxy_protocol)
        asked: list[str | None] = [None]
        if listener.protocol == "tcp" and names:
            asked += [*names, _UNKNOWN]
        yield from (_probe(side, listener.protocol, listen, name, listener.server) for name in asked)


def _of_quic(side: ProbedConfig) -> Iterator[Probe]:
    for server in side.router.servers:
        for each in server.listens:
            address = address_of(each.socket) if each.quic else None
            if address is not None:
                listen = ListenSocket(address, each.socket.port, ssl=True)
                yield _probe(side, "quic", listen, None, server.scope.directive)


def _probe(side: ProbedConfig, protocol: str, listen: ListenSocket, name: str | None, block: Directive) -> Probe:
    return Probe(
        "",
        listen,
        sni=name,
        client=default_client(listen.address),
        why=_WHY[protocol] + (f" for {name}" if name else ""),
        file=block.file,
        line=block.line,
        blocks=[ProbedBlock(side.name, block.file, block.line)],
        protocol=protocol,
    )
