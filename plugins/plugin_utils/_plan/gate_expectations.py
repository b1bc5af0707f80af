# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Outcomes that a route check showed for the default probes of the gate, so that the host can be held to them."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.listen import Socket, parse_sockets

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ansible_collections.failsafe.nginx.plugins.module_utils._wire.outcomes import ProbeOutcome
    from ansible_collections.failsafe.nginx.plugins.module_utils._wire.probes import Probe

_LOOPBACK: t.Final = {"127.0.0.1": ("0.0.0.0", "127.0.0.1"), "[::1]": ("[::]", "[::1]")}  # noqa: S104 -- compared, not bound
#: Ends of redirect chains that lead nowhere.
_ENDLESS: t.Final = ("loop", "too-long")

Key = tuple[str, int, bool, str, str]


@dataclass(frozen=True)
class _Pair:
    before: ProbeOutcome
    after: ProbeOutcome


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
    for probe, old, new in zip(probes, before, after, strict=False):
        if probe.method == "GET" and not probe.headers and not probe.made_files and not probe.answers:
            known.setdefault(_key_of(probe), _Pair(old, new))
    found: list[dict[str, object]] = []
    for definition in definitions:
        pair = next((known[key] for key in _keys(definition) if key in known), None)
        if pair is not None:
            found.append(
                {
                    "name": definition["name"],
                    "before": _status(pair.before),
                    "after": _status(pair.after),
                    "upstream": bool(pair.after.upstreams or any(hop.upstreams for hop in pair.after.hops)),
                }
            )
    return found


def _key_of(probe: Probe) -> Key:
    address = probe.listen.address
    literal = f"[{address.strip('[]')}]" if ":" in address and not address.startswith("unix:") else address
    return (literal, probe.listen.port, probe.listen.ssl, _bare(probe.host or "", probe.listen.port), probe.target)


def _keys(definition: Mapping[str, t.Any]) -> list[Key]:
    """Return the keys of a default probe; one by the loopback address may be for a wildcard or for that address."""
    scheme, _colon, rest = str(definition["url"]).partition("://")
    socket: Socket = next(iter(parse_sockets(str(definition["address"]))))
    host = _bare(str(definition["host"]), socket.port)
    target = f"/{rest.partition('/')[2]}"
    return [
        (address, socket.port, scheme == "https", host, target)
        for address in _LOOPBACK.get(socket.address, (socket.address,))
    ]


def _bare(host: str, port: int) -> str:
    return host.lower().removesuffix(f":{port}")


def _status(outcome: ProbeOutcome) -> int | None:
    """Return the status that a client ends with, None for none."""
    if outcome.closed or outcome.chain in _ENDLESS:
        return None
    return outcome.hops[-1].status if outcome.hops else outcome.status
