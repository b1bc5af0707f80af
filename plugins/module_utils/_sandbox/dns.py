# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A DNS server that knows every name: each gets an address of its own, from which the name can be told."""

from __future__ import annotations

import ipaddress
import socket
import struct
import typing as t

_A, _AAAA, _ANY = 1, 28, 255
_IP_PKTINFO, _IPV6_RECVPKTINFO, _IPV6_PKTINFO = 8, 49, 50  # <linux/in.h>, <linux/in6.h>
#: The addresses of names (RFC 2544's range for tests), and of names that are asked for IPv6 only.
_NETWORK = int(ipaddress.IPv4Address("198.18.0.0"))
_NETWORK6 = int(ipaddress.IPv6Address("fd66:6169:6c73:d::"))


class DnsNames:
    """The addresses given so far.

    Attributes:
        by_address: literal address -> name.
    """

    def __init__(self) -> None:
        self.by_address: t.Dict[str, str] = {}
        self._numbers: t.Dict[str, int] = {}
        self._has_a: t.Set[str] = set()

    def resolve(self, name: str, kind: int) -> t.Optional[str]:
        """Return the address of a name; None where it has none of that kind.

        Clients that ask for both kinds ask for A first (glibc, ngx_resolver_send_query) and get IPv4 alone: one peer per name.
        """
        number = self._numbers.setdefault(name, len(self._numbers) + 1)
        if kind in {_A, _ANY}:
            self._has_a.add(name)
            address = str(ipaddress.IPv4Address(_NETWORK + number))
        elif kind == _AAAA and name not in self._has_a:
            address = str(ipaddress.IPv6Address(_NETWORK6 + number))
        else:
            return None
        self.by_address[address] = name
        return address

    def reply(self, query: bytes) -> t.Optional[bytes]:
        """Return the answer to a DNS query (RFC 1035); None where the bytes are no query."""
        if len(query) < 17 or query[2] & 0x80 or struct.unpack_from(">H", query, 4)[0] != 1:  # noqa: PLR2004
            return None
        labels, offset = [], 12
        while offset < len(query) and query[offset]:
            labels.append(query[offset + 1 : offset + 1 + query[offset]])
            offset += 1 + query[offset]
        question = query[12 : offset + 5]
        if len(query) < offset + 5:
            return None
        kind = struct.unpack_from(">H", query, offset + 1)[0]
        name = b".".join(labels).decode("latin-1").lower()
        address = self.resolve(name, kind) if kind in {_A, _AAAA, _ANY} else None
        code = 0 if kind in {_A, _AAAA, _ANY} else 3  # a name that has no SRV or PTR: NXDOMAIN
        head = query[:2] + struct.pack(">BBHHHH", 0x84 | query[2] & 1, 0x80 | code, 1, int(address is not None), 0, 0)
        if address is None:
            return head + question
        packed = ipaddress.ip_address(address).packed
        answer = struct.pack(">HHHIH", 0xC00C, _AAAA if len(packed) == 16 else _A, 1, 3600, len(packed))  # noqa: PLR2004
        return head + question + answer + packed


def listen(sock: socket.socket, port: int, *, device: bytes = b"") -> None:
    """Bind a UDP socket to every address of a port, so that `answer` can tell at which one it was asked."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if device:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device)
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVPKTINFO, 1)
        sock.bind(("::", port))
    else:
        sock.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
        sock.bind(("0.0.0.0", port))  # noqa: S104


def answer(sock: socket.socket, reply_to: t.Callable[[bytes, str], t.Optional[bytes]]) -> None:
    """Answer one datagram, from the address it was sent to: nginx drops an answer from another one.

    Args:
        sock: bound by `listen`.
        reply_to: returns the answer to a datagram that came to an address, None for no answer.
    """
    try:
        query, ancillary, _flags, sender = sock.recvmsg(4096, 256)
        reply = reply_to(query, next(map(_asked_at, ancillary), ""))
        if reply is not None:
            sock.sendmsg([reply], [_source(entry) for entry in ancillary], 0, sender)
    except OSError:
        return


def _asked_at(entry: t.Tuple[int, int, bytes]) -> str:
    level, _kind, data = entry
    if level == socket.IPPROTO_IP:
        return socket.inet_ntop(socket.AF_INET, data[8:12])
    return socket.inet_ntop(socket.AF_INET6, data[:16])


def _source(entry: t.Tuple[int, int, bytes]) -> t.Tuple[int, int, bytes]:
    level, kind, data = entry
    if level == socket.IPPROTO_IP:
        # struct in_pktinfo: interface, the local address, the header's destination. The second is the address to send from.
        return level, kind, struct.pack("=i4s4x", 0, data[8:12])
    return level, _IPV6_PKTINFO, data[:16] + struct.pack("=i", 0)
