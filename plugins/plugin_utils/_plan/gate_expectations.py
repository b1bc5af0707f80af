# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Hand the outcomes of default probes in a route check to the gate, which holds the host to them.

The route check sends each of them, also those that it would not make by itself, such as a request by address: a change that it
showed, and that was accepted, is none that the gate may roll back.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.failsafe.nginx.plugins.module_utils._wire.probes import Probe
from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.addresses import DEFAULT_V4, DEFAULT_V6
from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.rate_limits import is_usual
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.listen import Socket, parse_sockets

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ansible_collections.failsafe.nginx.plugins.module_utils._wire.outcomes import ProbeOutcome
    from ansible_collections.failsafe.nginx.plugins.module_utils._wire.probes import ListenSocket

_LOOPBACK: t.Final = {"127.0.0.1": ("0.0.0.0", "127.0.0.1"), "[::1]": ("[::]", "[::1]")}  # noqa: S104 -- compared, not bound
#: Addresses that the gate's own requests come from, as far as a private world has them.
_OWN_CLIENTS: t.Final = ("127.0.0.1", "::1")
#: Ends of redirect chains that lead nowhere.
_ENDLESS: t.Final = ("loop", "too-long")

_WHY: t.Final = "a default probe of the health gate"

#: Address, port, TLS, PROXY line, name, target.
Key = tuple[str, int, bool, bool, str, str]


@dataclass(frozen=True)
class _Pair:
    before: ProbeOutcome
    after: ProbeOutcome


def gate_requests(
    definitions: Iterable[Mapping[str, t.Any]], probes: Iterable[Probe], listens: Sequence[ListenSocket]
) -> list[Probe]:
    """Return probes of the route check for those default probes that it has no request for.

    Args:
        definitions: the default probes.
        probes: the requests that it has.
        listens: the sockets of both configurations.
    """
    known = {_key_of(probe) for probe in probes if _is_plain(probe)}
    found: list[Probe] = []
    for definition in definitions:
        keys = _keys(definition)
        listen = next((each for key in keys for each in listens if _place_of(each) == key[:4]), None)
        if listen is None or known.intersection(keys):
            continue
        known.update(keys)
        found.append(
            Probe(
                f"g{len(found) + 1}",
                listen,
                keys[0][-1],
                host=str(definition["host"]),
                sni=definition.get("sni") or None,
                client=DEFAULT_V6 if ":" in listen.address else DEFAULT_V4,
                follow=True,
                why=_WHY,
                file=definition.get("file"),
                line=definition.get("line"),
            )
        )
    return found


def expected_of(
    definitions: Iterable[Mapping[str, t.Any]],
    probes: Sequence[Probe],
    before: Sequence[ProbeOutcome],
    after: Sequence[ProbeOutcome],
) -> list[dict[str, object]]:
    """Return the outcomes of default probes, as `_health.probe_verdict.Expected` reads them.

    A default probe that is none of the requests of the route check has no entry, and is judged by the host alone.

    Args:
        definitions: the default probes.
        probes: the requests of the route check.
        before: their outcomes with the live configuration, in the same order.
        after: those with the candidate.
    """
    known: dict[Key, _Pair] = {}
    handshakes: dict[Key, _Pair] = {}
    rows = sorted(zip(probes, before, after, strict=False), key=lambda row: row[0].client not in _OWN_CLIENTS)
    for probe, old, new in rows:
        if _is_plain(probe):
            known.setdefault(_key_of(probe), _Pair(old, new))
        elif probe.protocol == "tls":
            handshakes.setdefault(_tls_key(_place_of(probe.listen), probe.sni), _Pair(old, new))
    found: list[dict[str, object]] = []
    for definition in definitions:
        keys = _keys(definition)
        pair = next((known[key] for key in keys if key in known), None)
        if pair is not None:
            tls = [handshakes.get(_tls_key(key[:4], definition.get("sni"))) for key in keys]
            found.append(
                {
                    "name": definition["name"],
                    "before": _status(pair.before),
                    "after": _status(pair.after),
                    "upstream": bool(pair.after.upstreams or any(hop.upstreams for hop in pair.after.hops)),
                    "certificate": any(_certificate_gets_worse(each) for each in tls if each is not None),
                }
            )
    return found


def _is_plain(probe: Probe) -> bool:
    """Tell whether a probe sends no more than a default probe of the gate does."""
    if probe.headers or probe.made_files or probe.answers or probe.body:
        return False
    own = probe.client in _OWN_CLIENTS or is_usual(probe.client)
    return own and probe.follow and probe.method == "GET" and probe.protocol == "http"


def _place_of(listen: ListenSocket) -> tuple[str, int, bool, bool]:
    address = listen.address
    literal = f"[{address.strip('[]')}]" if ":" in address and not address.startswith("unix:") else address
    return literal, listen.port, listen.ssl, listen.proxy_protocol


def _key_of(probe: Probe) -> Key:
    return (*_place_of(probe.listen), _bare(probe.host or "", probe.listen.port), probe.target)


def _tls_key(place: tuple[str, int, bool, bool], name: object) -> Key:
    return (*place, str(name or "").lower(), "")


def _keys(definition: Mapping[str, t.Any]) -> list[Key]:
    """Return the keys of a default probe; one by the loopback address may be for a wildcard or for that address."""
    scheme, _colon, rest = str(definition["url"]).partition("://")
    socket: Socket = next(iter(parse_sockets(str(definition["address"]))))
    host = _bare(str(definition["host"]), socket.port)
    target = f"/{rest.partition('/')[2]}"
    proxied = bool(definition.get("proxy_protocol"))
    return [
        (address, socket.port, scheme == "https", proxied, host, target)
        for address in _LOOPBACK.get(socket.address, (socket.address,))
    ]


def _certificate_gets_worse(pair: _Pair) -> bool:
    """Tell whether the route check showed a good certificate that another one replaces, which is none for clients."""
    facts = [outcome.tls.certificate if outcome.tls else None for outcome in (pair.before, pair.after)]
    before, after = (each is not None and each.fits is not False and each.current for each in facts)
    return before and not after and facts[1] is not None


def _bare(host: str, port: int) -> str:
    return host.lower().removesuffix(f":{port}")


def _status(outcome: ProbeOutcome) -> int | None:
    """Return the status that a client ends with, None for none."""
    if outcome.closed or outcome.chain in _ENDLESS:
        return None
    return outcome.hops[-1].status if outcome.hops else outcome.status
