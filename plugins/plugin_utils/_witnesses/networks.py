# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Client addresses on which two lists of networks decide differently: `allow` and `deny`, `geo`."""

from __future__ import annotations

import ipaddress
import typing as t
from dataclasses import dataclass
from itertools import pairwise

from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.addresses import Address

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

#: Addresses for one change; a list of a country's networks has more edges.
MOST: t.Final = 48
#: Beyond this number of networks only the edges of those that changed are looked at.
_MOST_EDGES: t.Final = 400
_BITS: t.Final = {4: 32, 6: 128}
_BROADCAST: t.Final = ipaddress.ip_address("255.255.255.255")
#: A list that nothing matches lets everything through (ngx_http_access_handler()).
_ALLOWED: t.Final = "allow"


class Span(t.NamedTuple):
    """Addresses of one family from the lowest to the highest, as numbers."""

    version: int
    low: int
    high: int

    def holds(self, version: int, number: int) -> bool:
        """Tell whether an address is one of them."""
        return self.version == version and self.low <= number <= self.high


@dataclass(frozen=True)
class AddressContrast:
    """Addresses that tell two lists of networks apart.

    Attributes:
        addresses: client addresses that they decide differently; if `same`, addresses at the edges of what changed.
        same: whether it was proven that they decide alike for every client.
    """

    addresses: tuple[str, ...]
    same: bool = False


def spans_of(entry: str) -> tuple[Span, ...]:
    """Read `192.0.2.0/24`, `2001:db8::1`, `192.0.2.1-192.0.2.9` or `all`; empty for anything else, such as `unix:`."""
    if entry == "all":
        return tuple(Span(version, 0, (1 << bits) - 1) for version, bits in _BITS.items())
    first, dash, last = entry.partition("-")
    try:
        if dash:
            low, high = ipaddress.ip_address(first.strip()), ipaddress.ip_address(last.strip())
            return (Span(low.version, int(low), int(high)),) if low.version == high.version else ()
        network = ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return ()
    return (Span(network.version, int(network.network_address), int(network.broadcast_address)),)


def access_contrast(old: Sequence[tuple[str, str]], new: Sequence[tuple[str, str]]) -> AddressContrast:
    """Compare two lists of `allow` and `deny`: the first rule that holds a client decides.

    Args:
        old: (`allow` or `deny`, entry) in their order.
        new: the same.
    """
    before, after = ([(verb, spans_of(entry)) for verb, entry in rules] for rules in (old, new))
    changed = _changed(old, new)
    return _contrast(_first(before), _first(after), [entry for _verb, entry in changed], [e for _v, e in (*old, *new)])


def geo_contrast(old: Mapping[str, str], new: Mapping[str, str]) -> AddressContrast:
    """Compare two `geo` blocks: the smallest network that holds a client decides.

    Args:
        old: entry -> value; `default` is the value of all others.
        new: the same.
    """
    changed = [entry for entry in dict.fromkeys((*old, *new)) if old.get(entry) != new.get(entry)]
    changed = ["all" if entry == "default" else entry for entry in changed]
    return _contrast(_smallest(old), _smallest(new), changed, [*old, *new])


def _changed(old: Sequence[tuple[str, str]], new: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return rules that only one list has; all where only their order differs."""
    changed = [rule for rule in (*old, *new) if (rule in old) is not (rule in new)]
    return changed or [*old, *new]


_Decision = t.Callable[[int, int], str]


def _first(rules: Sequence[tuple[str, tuple[Span, ...]]]) -> _Decision:
    def decide(version: int, number: int) -> str:
        return next((verb for verb, spans in rules if any(span.holds(version, number) for span in spans)), _ALLOWED)

    return decide


def _smallest(entries: Mapping[str, str]) -> _Decision:
    default = entries.get("default", "")
    spans = sorted(
        ((span.high - span.low, span, value) for entry, value in entries.items() for span in spans_of(entry)),
        key=lambda each: each[0],
    )

    def decide(version: int, number: int) -> str:
        return next((value for _size, span, value in spans if span.holds(version, number)), default)

    return decide


def _contrast(
    before: Callable[[int, int], str], after: Callable[[int, int], str], changed: Iterable[str], every: Sequence[str]
) -> AddressContrast:
    """Compare two decisions at the edges of all networks: between two edges that follow each other neither changes."""
    inner = {span for entry in changed for span in spans_of(entry)}
    outer = {span for entry in every for span in spans_of(entry)}
    whole = len(outer) <= _MOST_EDGES
    found: dict[str, None] = {}
    for version in _BITS:
        for low, high in _pieces(version, outer if whole else inner):
            if before(version, low) != after(version, low):
                found.update(dict.fromkeys(_clients(version, low, high)))
    if found:
        return AddressContrast(_spread(list(found)))
    edges = dict.fromkeys(client for span in sorted(inner) for client in _clients(span.version, span.low, span.high))
    beside = dict.fromkeys(
        client
        for span in sorted(inner)
        for number in (span.low - 1, span.high + 1)
        if 0 <= number < 1 << _BITS[span.version]
        for client in _clients(span.version, number, number)
    )
    return AddressContrast(tuple(dict.fromkeys((*edges, *beside)))[:MOST], same=whole)


def _spread(found: list[str]) -> tuple[str, ...]:
    """Return at most `MOST` addresses from everywhere in the list."""
    step = max(1, -(-len(found) // MOST))
    return tuple(found[::step])


def _pieces(version: int, spans: Iterable[Span]) -> Iterator[tuple[int, int]]:
    """Yield the pieces of an address family between the edges of networks."""
    end = 1 << _BITS[version]
    cuts = {0, end}
    for span in spans:
        if span.version == version:
            cuts |= {span.low, span.high + 1}
    ordered = sorted(cuts)
    yield from ((low, high - 1) for low, high in pairwise(ordered))


def _clients(version: int, low: int, high: int) -> Iterator[str]:
    """Yield an ordinary address of a piece, the lowest and the highest one that a client can have."""
    make = ipaddress.IPv4Address if version == 4 else ipaddress.IPv6Address  # noqa: PLR2004 -- a family
    yield from [text for text in _ORDINARY[version] if low <= int(ipaddress.ip_address(text)) <= high][:1]
    for numbers in ((low, low + 1, (low + high) // 2), (high, high - 1)):
        for number in numbers:
            if low <= number <= high and _can_be_client(make(number)):
                yield str(make(number))
                break


def _can_be_client(address: Address) -> bool:
    if address.is_multicast or address.is_unspecified or address == _BROADCAST:
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return address not in _THIS_NETWORK and address not in _RESERVED
    return address.ipv4_mapped is None and not address.is_link_local and not address.is_reserved


#: What pieces as large as the internet are asked with.
_ORDINARY: t.Final = {4: ("198.51.100.1", "8.8.4.4"), 6: ("2001:db8::1", "2600::7")}
_THIS_NETWORK: t.Final = ipaddress.ip_network("0.0.0.0/8")
_RESERVED: t.Final = ipaddress.ip_network("240.0.0.0/4")
