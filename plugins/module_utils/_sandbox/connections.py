# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Connections and datagrams that nginx passes on as they are, and sockets that it holds open."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import struct
import time
import typing as t

from .._wire.outcomes import ProbeOutcome
from .._wire.probes import ListenSocket, Probe
from .client import Client, ConnectError, digest
from .networks import INNER, Networks, family
from .stub import PAYLOAD, Stub

_PATIENCE = 1.0  # seconds until nginx has connected to an upstream, or closed the connection
_TURN = 0.01


class Connections:
    """Probes of `tcp`, `udp` and `quic` in one world."""

    def __init__(self, client: Client, networks: Networks, stub: Stub) -> None:
        self._client = client
        self._networks = networks
        self._stub = stub

    def look(self, probe: Probe, outcome: ProbeOutcome) -> None:
        """Send what a probe stands for, and fill its outcome.

        Raises:
            ConnectError: nginx does not take it.
        """
        if probe.protocol != "tcp" and not self._is_held(probe.listen):
            raise ConnectError("refused")
        if probe.protocol == "quic":
            return  # the standard library does not speak it: that the socket is there is all that is known
        sock = self._connection(probe) if probe.protocol == "tcp" else self._datagram(probe)
        self._stub.passing = True
        try:
            received, outcome.closed = self._wait(sock)
        finally:
            self._stub.passing = False
            self._client.drop(sock)
        outcome.body_length, outcome.body_digest = len(received), digest(received)

    def _connection(self, probe: Probe) -> socket.socket:
        _key, sock, _used = self._client.connect(probe)
        self._stub.passing = True
        with contextlib.suppress(OSError):  # `return` may have answered and closed before
            sock.sendall(_client_hello(probe.sni) if probe.sni and not probe.listen.ssl else PAYLOAD)
        return sock

    def _datagram(self, probe: Probe) -> socket.socket:
        goal, source, inside = self._client.ends(probe.listen.address, probe.client)
        kind = family(goal)
        sock = (
            self._networks.socket_inside(kind, socket.SOCK_DGRAM) if inside else socket.socket(kind, socket.SOCK_DGRAM)
        )
        try:
            sock.bind((source, 0))
            sock.connect((goal, probe.listen.port))
            sock.send(PAYLOAD)
        except OSError as error:
            sock.close()
            raise ConnectError("refused") from error
        return sock

    def _wait(self, sock: socket.socket) -> t.Tuple[bytes, t.Optional[str]]:
        # What came back, and the word for what ended the connection before an upstream got anything.
        sock.setblocking(False)
        received, limit = b"", time.monotonic() + _PATIENCE
        while time.monotonic() < limit:
            self._stub.loop.turn(_TURN)
            if any(each.method for each in self._stub.seen):
                return received, None
            try:
                data = sock.recv(65536)
            except (BlockingIOError, ssl.SSLWantReadError):
                continue
            except OSError:
                return received, None if received or self._stub.seen else "reset"
            if not data:
                return received, None if received or self._stub.seen else "closed"
            received += data
        return received, None if received or self._stub.seen else "timeout"

    def _is_held(self, listen: ListenSocket) -> bool:
        # By the socket table of nginx's network: a UDP socket that nothing is sent to does not tell that it is there.
        address = INNER[":" in listen.address] if listen.address in {"0.0.0.0", "::", "*"} else listen.address  # noqa: S104
        wanted = socket.inet_pton(family(address), address)
        own = {os.fstat(handle).st_ino for handle in self._stub.handles()}
        return any(
            port == listen.port and inode not in own and bound in {wanted, bytes(len(wanted))}
            for bound, port, inode in self._networks.run_inside(udp_sockets)
        )


def udp_sockets() -> t.List[t.Tuple[bytes, int, int]]:
    """Return address, port and inode of each UDP socket in the network of this process."""
    # See proc(5): the kernel writes an address as words of its own byte order.
    found = []
    for name in ("udp", "udp6"):
        with contextlib.suppress(OSError), open("/proc/net/" + name, encoding="ascii") as file:
            for line in list(file)[1:]:
                fields = line.split()
                address, port = fields[1].split(":")
                words = [int(address[at : at + 8], 16) for at in range(0, len(address), 8)]
                found.append((b"".join(struct.pack("=I", word) for word in words), int(port, 16), int(fields[9])))
    return found


def _client_hello(name: str) -> bytes:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    outgoing = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name).do_handshake()
    return outgoing.read()
