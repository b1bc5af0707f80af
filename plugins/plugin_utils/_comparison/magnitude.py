# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The magnitude of a failure: whole listeners, server names and servers that worked before and do not any more."""

from __future__ import annotations

import re
import typing as t
from collections import defaultdict
from dataclasses import dataclass

from .probe_requests import listener_name, path_of

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    from ansible_collections.failsafe.nginx.plugins.module_utils._wire.probes import ListenSocket, Probe
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Place

UnitKind = t.Literal["listener", "server", "name"]

#: One request is no magnitude: a unit is out where at least so many different requests failed.
_FEWEST: t.Final = 2
#: Paths that machines ask for. A server of which only these work is out.
_TECHNICAL: t.Final = re.compile(
    r"^/(?:\.well-known/|robots\.txt$|favicon\.ico$|(?:_?health|healthz|livez|readyz|ping|status|stub_status|nginx_status)"
    r"(?:[/_-]?check)?/?$)"
)
#: Clients of no particular network: those that a probe has where no rule asks for another, and their neighbours.
_USUAL_CLIENTS: t.Final = re.compile(r"^(?:198\.51\.100\.|2001:db8::|127\.0\.0\.1$|::1$)")
#: The User-Agent of every browser begins so.
_BROWSER: t.Final = "mozilla"
#: Programs that begin like a browser say so: `Mozilla/5.0 (compatible; Googlebot/2.1; ...)`.
_PROGRAM: t.Final = "(compatible;"


class OutageUnit(t.NamedTuple):
    """A listener, a server or a server name, as far as clients may find it out of order as a whole.

    Attributes:
        key: of a listener its address, and whether clients speak TLS and the PROXY protocol there; of a server its place in
            the old configuration; of a name the host.
        browser: the requests of browsers are judged by themselves, since a rule may be about them alone.
    """

    kind: UnitKind
    key: tuple[str, bool, bool] | Place | str
    browser: bool = False


@dataclass(frozen=True)
class CountedRequest:
    """One request, as far as it tells whether its units still work.

    Attributes:
        asked: address, port, method and target; what differs by headers alone counts once.
        units: the listener, the server and the name that it belongs to.
        answered: it was answered below 400 before.
        failed: it is not any more, or a login is demanded.
        silent: there is no answer at all.
        server: the server that answered before, None where that is unknown.
    """

    asked: tuple[object, ...]
    units: tuple[OutageUnit, ...]
    answered: bool
    failed: bool
    silent: bool
    server: Place | None = None


@dataclass
class _Tally:
    asked: set[tuple[object, ...]]
    servers: set[Place | None]
    silent: bool = True

    def is_enough(self, unit: OutageUnit) -> bool:
        """Return True if that many failed requests show that a unit is out.

        Of browsers the front page is enough, and of a name, which may be an alias, the front page by both families.
        """
        front = [asked for asked in self.asked if asked[-1] == "/"]
        if front and (unit.browser or (unit.kind == "name" and len(front) >= _FEWEST)):
            return True
        return len({asked[1:] for asked in self.asked}) >= _FEWEST


class Outages:
    """The units that are out.

    Args:
        requests: the plain requests, see `is_plain`.
    """

    def __init__(self, requests: Iterable[CountedRequest]) -> None:
        self._out = _out(requests)

    def of(self, units: Iterable[OutageUnit]) -> OutageUnit | None:
        """Return the unit to report, the most telling one; None where all units of a request still work.

        A listener that does not answer, or that several servers share, comes first: they have one cause.
        """
        out = {unit.kind: unit for unit in units if unit in self._out}
        listener = out.get("listener")
        if listener is not None:
            tally = self._out[listener]
            if tally.silent or len(tally.servers) > 1:
                return listener
        return out.get("server") or out.get("name") or listener


def _out(requests: Iterable[CountedRequest]) -> dict[OutageUnit, _Tally]:
    tallies: dict[OutageUnit, _Tally] = defaultdict(lambda: _Tally(set(), set()))
    working: set[OutageUnit] = set()
    for request in requests:
        if not request.answered:
            continue
        if not request.failed:
            working.update(request.units)
            continue
        for unit in request.units:
            tally = tallies[unit]
            tally.asked.add(request.asked)
            tally.servers.add(request.server)
            tally.silent = tally.silent and request.silent
    return {unit: tally for unit, tally in tallies.items() if unit not in working and tally.is_enough(unit)}


def units_of(probe: Probe, server: Place | None, name: str) -> tuple[OutageUnit, ...]:
    """Return the units that a request belongs to.

    Args:
        probe: the request.
        server: the server that answered before, None where that is unknown.
        name: its host where a server of the old configuration is named after it, else "".
    """
    browser = is_browser(probe)
    units = [OutageUnit("listener", _listener(probe.listen), browser)]
    if name:
        # The default server of a listener is not judged by hosts that it is not named after.
        units += [OutageUnit("server", server, browser)] if server is not None else []
        units.append(OutageUnit("name", name, browser))
    return tuple(units)


def _listener(listen: ListenSocket) -> tuple[str, bool, bool]:
    return (listener_name(listen), listen.ssl, listen.proxy_protocol)


def is_browser(probe: Probe) -> bool:
    """Return True for a request with the User-Agent of a browser."""
    agents = [value.lower() for name, value in probe.headers if name.lower() == "user-agent"]
    return any(agent.startswith(_BROWSER) and _PROGRAM not in agent for agent in agents)


def is_plain(probe: Probe) -> bool:
    """Return True for a request that any client may send: its outcome tells whether a unit works.

    Files that are created count as plain, since where they are missing nothing of a site of files would be answered.
    """
    if probe.protocol != "http" or probe.method not in ("GET", "HEAD") or probe.answers:
        return False
    return probe.client is None or _USUAL_CLIENTS.match(probe.client) is not None


def is_technical(probe: Probe) -> bool:
    """Return True for a path that only machines ask for: a challenge, a health check, `robots.txt`."""
    return _TECHNICAL.match(path_of(probe)) is not None


def area_of(path: str) -> str:
    """Return the first segment of a path: `/sso` for `/sso/start`; "" for the front page."""
    first = path.lstrip("/").partition("/")[0]
    return f"/{first}" if first else ""
