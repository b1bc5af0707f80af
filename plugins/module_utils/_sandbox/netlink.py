# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Links, addresses, routes and rules of a network namespace through rtnetlink(7): iproute2 is not on every host."""

from __future__ import annotations

import errno
import os
import socket
import struct
import typing as t

# <linux/rtnetlink.h>, <linux/netlink.h>
_NEWLINK, _NEWADDR, _NEWROUTE, _NEWNEIGH, _NEWRULE, _DELRULE = 16, 20, 24, 28, 32, 33
_REQUEST, _ACK, _CREATE, _EXCL = 0x1, 0x4, 0x400, 0x200
_NETLINK_ROUTE, _NLMSG_ERROR, _NESTED = 0, 2, 0x8000
# <linux/if_link.h>, <linux/veth.h>
_IFLA_ADDRESS, _IFLA_IFNAME, _IFLA_LINKINFO, _IFLA_NET_NS_FD, _INFO_KIND, _INFO_DATA, _PEER = 1, 3, 18, 28, 1, 2, 1
_IFF_UP, _IFA_F_NODAD, _NUD_PERMANENT = 1, 0x02, 0x80
_UNICAST, _LOCAL, _SCOPE_HOST = 1, 2, 254
TABLE_MAIN, TABLE_LOCAL = 254, 255


def family(address: str) -> socket.AddressFamily:
    """Return AF_INET or AF_INET6 for a literal address."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", len(value) + 4, kind) + value + b"\0" * (-len(value) % 4)


def _packed(address: str) -> bytes:
    return socket.inet_pton(family(address), address)


def _number(value: int) -> bytes:
    return struct.pack("=I", value)


class Netlink:
    """A socket to the kernel that configures the network namespace in which it was made.

    Every method raises OSError with the kernel's reason.
    """

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_ROUTE)
        self._socket.bind((0, 0))

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def _ask(self, kind: int, body: bytes, flags: int = _CREATE | _EXCL) -> None:
        length = 16 + len(body)
        self._socket.send(struct.pack("=IHHII", length, kind, _REQUEST | _ACK | flags, 1, 0) + body)
        answer = self._socket.recv(65536)
        if struct.unpack_from("=H", answer, 4)[0] == _NLMSG_ERROR:
            number = -struct.unpack_from("=i", answer, 16)[0]
            if number:
                raise OSError(number, os.strerror(number))

    def veth(self, name: str, mac: bytes, peer: str, peer_mac: bytes, peer_namespace: int) -> None:
        """Make two interfaces joined by a wire; the peer is in the namespace behind the descriptor."""
        link = struct.pack("=BBHiII", 0, 0, 0, 0, 0, 0)
        other = link + _attribute(_IFLA_IFNAME, peer.encode() + b"\0") + _attribute(_IFLA_ADDRESS, peer_mac)
        other += _attribute(_IFLA_NET_NS_FD, _number(peer_namespace))
        info = _attribute(_INFO_KIND, b"veth") + _attribute(_INFO_DATA | _NESTED, _attribute(_PEER | _NESTED, other))
        names = _attribute(_IFLA_IFNAME, name.encode() + b"\0") + _attribute(_IFLA_ADDRESS, mac)
        self._ask(_NEWLINK, link + names + _attribute(_IFLA_LINKINFO | _NESTED, info))

    def up(self, index: int) -> None:
        """Set an interface up."""
        self._ask(_NEWLINK, struct.pack("=BBHiII", 0, 0, 0, index, _IFF_UP, _IFF_UP), 0)

    def address(self, index: int, address: str, bits: t.Optional[int] = None) -> bool:
        """Add an address, without the 2 s of duplicate detection; return False if it was there."""
        packed = _packed(address)
        size = len(packed) * 8 if bits is None else bits
        head = struct.pack("=BBBBi", family(address), size, _IFA_F_NODAD, 0, index)
        try:
            self._ask(_NEWADDR, head + _attribute(2, packed) + _attribute(1, packed))  # IFA_LOCAL, IFA_ADDRESS
        except OSError as error:
            if error.errno == errno.EEXIST:
                return False
            raise
        return True

    def neighbour(self, index: int, address: str, mac: bytes) -> None:
        """Add a permanent neighbour entry, so that no question for the address goes over the wire."""
        head = struct.pack("=BBHiHBB", family(address), 0, 0, index, _NUD_PERMANENT, 0, 0)
        self._ask(_NEWNEIGH, head + _attribute(1, _packed(address)) + _attribute(2, mac))  # NDA_DST, NDA_LLADDR

    def route(self, to: str, bits: int, index: int, *, via: t.Optional[str] = None) -> None:
        """Route `to`/`bits` out of an interface; a route that exists already is fine."""
        self._route(to, bits, index, _UNICAST, 0, TABLE_MAIN, via)

    def local(self, to: str, bits: int, index: int) -> None:
        """Make every address of `to`/`bits` one of this namespace's own."""
        self._route(to, bits, index, _LOCAL, _SCOPE_HOST, TABLE_LOCAL, None)

    def _route(self, to: str, bits: int, index: int, kind: int, scope: int, table: int, via: t.Optional[str]) -> None:  # noqa: PLR0917
        if not via and kind == _UNICAST:
            scope = 253  # RT_SCOPE_LINK
        head = struct.pack("=BBBBBBBBI", family(to), bits, 0, 0, table, 4, scope, kind, 0)  # 4: RTPROT_STATIC
        body = _attribute(1, _packed(to)) if bits else b""  # RTA_DST
        body += _attribute(4, _number(index))  # RTA_OIF
        if via:
            body += _attribute(5, _packed(via))  # RTA_GATEWAY
        try:
            self._ask(_NEWROUTE, head + body)
        except OSError as error:
            if error.errno != errno.EEXIST:
                raise

    def rule(self, kind: socket.AddressFamily, priority: int, table: int, *, to: t.Optional[str] = None) -> None:
        """Add a rule: look up `table`, for the destination `to` only where it is given."""
        self._rule(_NEWRULE, kind, priority, table, to)

    def remove_rule(self, kind: socket.AddressFamily, priority: int, table: int) -> None:
        """Remove such a rule."""
        self._rule(_DELRULE, kind, priority, table, None)

    def _rule(self, message: int, kind: int, priority: int, table: int, to: t.Optional[str]) -> None:
        packed = _packed(to) if to else b""
        # struct fib_rule_hdr; 1 is FR_ACT_TO_TBL
        head = struct.pack("=BBBBBBBBI", kind, len(packed) * 8, 0, 0, table, 0, 0, 1, 0)
        body = _attribute(6, _number(priority)) + _attribute(15, _number(table))  # FRA_PRIORITY, FRA_TABLE
        if packed:
            body += _attribute(1, packed)  # FRA_DST
        self._ask(message, head + body, _CREATE | _EXCL if message == _NEWRULE else 0)
