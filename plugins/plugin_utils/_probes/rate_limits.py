# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Many clients in place of one, where a configuration limits the requests of each.

Probes come faster than any client may send them. From one address, `limit_req` would answer some of them with 503 or 429,
depending on the time.
"""

from __future__ import annotations

import ipaddress
import itertools
import typing as t

from .addresses import DEFAULT_V4, DEFAULT_V6, Network, parse_network

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ansible_collections.failsafe.nginx.plugins.module_utils._wire.probes import Probe
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Config

#: Default client -> networks of documentation (RFC 5737, RFC 3849); the first one holds it.
_NETWORKS: t.Final[dict[str, tuple[Network, ...]]] = {
    DEFAULT_V4: tuple(map(ipaddress.ip_network, ("198.51.100.0/24", "203.0.113.0/24", "192.0.2.0/24"))),
    DEFAULT_V6: (ipaddress.ip_network("2001:db8::/118"),),
}
_RULES: t.Final = frozenset({"allow", "deny", "set_real_ip_from"})


class ClientPool:
    """Gives each probe that needs no particular client another one.

    Args:
        configs: both configurations. Without `limit_req` in any of them the default client stays.
        used: how many clients other requests have taken already.
    """

    def __init__(self, configs: Iterable[Config], used: int = 0) -> None:
        self._clients: dict[str, Iterator[str]] = {}
        entries, limited = _read(configs)
        for default, networks in _NETWORKS.items() if limited else ():
            addresses = list(_alike(networks, entries))
            if addresses:
                self._clients[default] = itertools.islice(itertools.cycle(addresses), used, None)

    def settle(self, probes: Iterable[Probe]) -> None:
        """Change the client of the probes that have the default one."""
        for probe in probes if self._clients else ():
            clients = self._clients.get(probe.client or "")
            if clients is not None:
                probe.client = next(clients)


def is_usual(client: str | None) -> bool:
    """Tell whether a probe comes from the default client or from one that stands for it; None is the world's own."""
    if client is None:
        return True
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return False
    return any(address in network for networks in _NETWORKS.values() for network in networks)


def _read(configs: Iterable[Config]) -> tuple[list[Network], bool]:
    """Return the networks that rules name, and whether requests are limited."""
    texts: dict[str, None] = {}
    limited = False
    for directive in (directive for config in configs for directive in config.walk()):
        if directive.name == "limit_req":
            limited = True
        elif directive.name in _RULES and directive.args:
            texts.setdefault(directive.args[0])
        elif directive.name == "geo":
            texts.update((child.name, None) for child in directive.children)
    return [network for network in map(parse_network, texts) if network is not None], limited


def _alike(networks: tuple[Network, ...], entries: list[Network]) -> Iterator[str]:
    """Return addresses that the same rules cover as the default client; none where rules split its network."""
    first = _covering(networks[0], entries)
    for network in networks:
        if first is not None and _covering(network, entries) == first:
            yield from map(str, network.hosts())


def _covering(network: Network, entries: list[Network]) -> frozenset[Network] | None:
    same = [entry for entry in entries if entry.version == network.version and entry.overlaps(network)]
    if any(entry.prefixlen > network.prefixlen for entry in same):
        return None
    return frozenset(same)
