# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Client addresses that meet or miss `allow`, `deny` and `geo` entries."""

from __future__ import annotations

import ipaddress
import typing as t

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

DEFAULT_V4: t.Final = "198.51.100.1"
DEFAULT_V6: t.Final = "2001:db8::1"
#: A client on loopback that few rules name.
NEIGHBOUR: t.Final = "127.9.9.9"
#: Addresses of documentation networks (RFC 5737, RFC 3849) that an entry list is unlikely to name.
_STRANGERS: t.Final = {
    4: ("198.51.100.1", "203.0.113.7", "192.0.2.9", "8.8.4.4", "100.64.7.7"),
    6: ("2001:db8::1", "2001:db8:7::7", "2600::7"),
}
_RANGE_PARTS: t.Final = 2


def default_client(address: str) -> str:
    """Return the client address of a probe for which no rule asks for another.

    Args:
        address: the listening address. Only the host itself reaches one on loopback.
    """
    if is_loopback(address):
        return "::1" if is_v6(address) else "127.0.0.1"
    return DEFAULT_V6 if is_v6(address) else DEFAULT_V4


def is_loopback(address: str) -> bool:
    """Tell whether a literal address is on the host's loopback."""
    return address.startswith("127.") or address == "::1"


def is_v6(address: str) -> bool:
    """Tell whether a literal address is of IPv6."""
    return ":" in address and not address.startswith("unix:")


def parse_network(text: str) -> Network | None:
    """Read `192.0.2.0/24`, `192.0.2.1`, `2001:db8::/32` or a range `192.0.2.1-192.0.2.9`.

    Returns:
        The network, of a range its first one; None for anything else.
    """
    first, dash, last = text.partition("-")
    try:
        if dash:
            low, high = ipaddress.ip_address(first.strip()), ipaddress.ip_address(last.strip())
            if isinstance(low, ipaddress.IPv4Address) and isinstance(high, ipaddress.IPv4Address):
                return next(ipaddress.summarize_address_range(low, high))
            return None
        return ipaddress.ip_network(text, strict=False)
    except (ValueError, TypeError):
        return None


def member_of(text: str) -> str | None:
    """Return a client address inside an entry of an access list or a geo block; None where it names no network."""
    if text == "all":
        return None
    network = parse_network(text)
    if network is None:
        return None
    inside = network.network_address
    if network.num_addresses > _RANGE_PARTS:
        inside += 1
    return str(inside) if _can_be_client(inside) else None


def _can_be_client(address: Address) -> bool:
    return not (address.is_multicast or address.is_unspecified or str(address) == "255.255.255.255")


def stranger_to(entries: t.Iterable[str], *, v6: bool) -> str | None:
    """Return a client address in none of the networks; None if they hold all that are tried."""
    networks = [network for network in map(parse_network, entries) if network is not None]
    return next((text for text in _STRANGERS[6 if v6 else 4] if not _is_in(text, networks)), None)


def neighbour_to(entries: t.Iterable[str]) -> str | None:
    """Return a client address on loopback in none of the networks."""
    networks = [network for network in map(parse_network, entries) if network is not None]
    return None if _is_in(NEIGHBOUR, networks) else NEIGHBOUR


def _is_in(text: str, networks: list[Network]) -> bool:
    address = ipaddress.ip_address(text)
    return any(address.version == network.version and address in network for network in networks)
