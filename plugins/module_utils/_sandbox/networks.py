# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two network namespaces joined by a wire: nginx's own, and the one around it, where every address is a stub's."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import socket
import struct
import time
import typing as t

_T = t.TypeVar("_T")
CLONE_NEWNET = 0x40000000
#: The two ends of the wire, addresses that no configuration is likely to use. Probes of a wildcard listener go to INNER.
OUTER = ("198.19.255.253", "fd66:6169:6c73:6166::1")
INNER = ("198.19.255.254", "fd66:6169:6c73:6166::2")
#: The name server of resolv.conf in the world.
NAMESERVER = "198.19.255.1"
_OUTER_MAC, _INNER_MAC = b"\x02\x66\x73\x00\x00\x01", b"\x02\x66\x73\x00\x00\x02"
_BITS = {socket.AF_INET: (30, 32), socket.AF_INET6: (126, 128)}
_SETTLED = 3.0  # seconds
_SYSCTLS = (
    ("net/ipv6/conf/all/disable_ipv6", "0"),
    ("net/ipv6/conf/default/disable_ipv6", "0"),
    ("net/ipv6/conf/default/accept_dad", "0"),
    ("net/ipv4/conf/all/rp_filter", "0"),
    ("net/ipv4/conf/default/rp_filter", "0"),
    ("net/ipv4/ip_unprivileged_port_start", "0"),
    ("net/ipv4/ip_nonlocal_bind", "1"),
    ("net/ipv6/ip_nonlocal_bind", "1"),
    ("net/ipv4/ip_local_port_range", "10000 65535"),
    ("net/ipv4/tcp_max_tw_buckets", "64"),
    ("net/core/somaxconn", "4096"),
)
# <linux/rtnetlink.h>, <linux/netlink.h>
_NEWLINK, _NEWADDR, _NEWROUTE, _NEWNEIGH, _NEWRULE, _DELRULE = 16, 20, 24, 28, 32, 33
_REQUEST, _ACK, _CREATE, _EXCL = 0x1, 0x4, 0x400, 0x200
_NETLINK_ROUTE, _NLMSG_ERROR, _NESTED = 0, 2, 0x8000
# <linux/if_link.h>, <linux/veth.h>
_IFLA_ADDRESS, _IFLA_IFNAME, _IFLA_LINKINFO, _IFLA_NET_NS_FD, _INFO_KIND, _INFO_DATA, _PEER = 1, 3, 18, 28, 1, 2, 1
_IFF_UP, _IFA_F_NODAD, _NUD_PERMANENT = 1, 0x02, 0x80
_UNICAST, _LOCAL, _SCOPE_HOST = 1, 2, 254
TABLE_MAIN, TABLE_LOCAL = 254, 255


class Networks:
    """Both namespaces, made in a process that may configure them; it is in the outer one afterwards.

    Attributes:
        local: the addresses that nginx has, beside loopback.
        ipv6: the kernel has it.

    Raises:
        OSError: the kernel denies a step.
    """

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self.local: t.Set[str] = set()
        try:
            self._make()
        except OSError as error:
            raise OSError(error.errno, f"make the world's networks: {error.strerror}") from error

    def _make(self) -> None:
        self._new()
        self._outer, self._outer_link = self._here()
        self._new()
        self._inner, self._inner_link = self._here()
        self._into(self._outer)
        self._outer_link.veth("fsn0", _OUTER_MAC, "fsn1", _INNER_MAC, self._inner)
        self._wire = (socket.if_nametoindex("fsn0"), self.run_inside(lambda: socket.if_nametoindex("fsn1")))
        self._sysctl()
        self.run_inside(self._sysctl)
        for link, index in ((self._outer_link, self._wire[0]), (self._inner_link, self._wire[1])):
            link.up(1)
            link.up(index)
        self._join(0)
        self.ipv6 = os.path.exists("/proc/net/if_inet6")
        if self.ipv6:
            self._join(1)

    def _new(self) -> None:
        if self._libc.unshare(CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    @staticmethod
    def _here() -> t.Tuple[int, Netlink]:
        return os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC), Netlink()

    def _into(self, namespace: int) -> None:
        if self._libc.setns(namespace, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    def enter_inner(self) -> None:
        """Move this process into nginx's namespace for good."""
        self._into(self._inner)

    def run_inside(self, call: t.Callable[[], _T]) -> _T:
        """Call something in nginx's namespace."""
        self._into(self._inner)
        try:
            return call()
        finally:
            self._into(self._outer)

    def socket_inside(self, kind: int, sort: int = socket.SOCK_STREAM) -> socket.socket:
        """Make a socket in nginx's own namespace."""
        return self.run_inside(lambda: socket.socket(kind, sort | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK))

    @staticmethod
    def _sysctl() -> None:
        # A container may show /proc/sys read-only; the step that needs one of them then fails with its own reason.
        for name, value in _SYSCTLS:
            with contextlib.suppress(OSError), open("/proc/sys/" + name, "w", encoding="ascii") as file:
                file.write(value)

    def _join(self, number: int) -> None:
        kind = family(OUTER[number])
        subnet = _BITS[kind][0]
        everywhere = "::" if number else "0.0.0.0"  # noqa: S104
        outer, inner = self._outer_link, self._inner_link
        outer.address(self._wire[0], OUTER[number], subnet)
        inner.address(self._wire[1], INNER[number], subnet)
        outer.neighbour(self._wire[0], INNER[number], _INNER_MAC)
        inner.neighbour(self._wire[1], OUTER[number], _OUTER_MAC)
        inner.route(everywhere, 0, self._wire[1], via=OUTER[number])
        outer.local(everywhere, 0, 1)
        # Local comes first by default: then nginx's own addresses were never looked up in the main table.
        outer.rule(kind, 10, TABLE_LOCAL, to=OUTER[number])
        outer.rule(kind, 20, TABLE_MAIN)
        outer.rule(kind, 30, TABLE_LOCAL)
        outer.remove_rule(kind, 0, TABLE_LOCAL)
        self.local.add(INNER[number])

    def settle(self) -> None:
        """Wait until every IPv6 address can be used: the kernel makes them ready a moment later."""
        limit = time.monotonic() + _SETTLED
        while self.ipv6 and time.monotonic() < limit:
            if not (_tentative() or self.run_inside(_tentative)):
                return
            time.sleep(0.001)

    def add(self, address: str) -> None:
        """Give nginx an address of its own, as a literal listen address needs it; loopback and wildcards are there."""
        kind = family(address)
        if address in self.local or address in {"0.0.0.0", "::"} or is_loopback(address):  # noqa: S104
            return
        if kind == socket.AF_INET6 and not self.ipv6:
            return
        self._inner_link.address(1, address)
        number = int(kind == socket.AF_INET6)
        self._outer_link.route(address, _BITS[kind][1], self._wire[0], via=INNER[number])
        self.local.add(address)


def _tentative() -> bool:
    with open("/proc/net/if_inet6", encoding="ascii") as file:
        # IFA_F_TENTATIVE; link-local addresses are not used here
        return any(int(line.split()[4], 16) & 0x40 for line in file if not line.startswith("fe80"))


def is_loopback(address: str) -> bool:
    """Tell whether a literal address is a loopback address."""
    return address == "::1" or address.startswith("127.")


def is_literal(address: str) -> bool:
    """Tell whether this is an IPv4 or IPv6 address, and no name, wildcard sign, port or path."""
    try:
        socket.inet_pton(family(address), address)
    except (OSError, ValueError):
        return False
    return True


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

    Every method raises OSError.
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
