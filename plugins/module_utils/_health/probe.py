# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A default probe: a check that the controller derived from the configuration, and what it has to mind."""

from __future__ import annotations

import typing as t

from .definition import Address, Check, HealthError, Url, parse_check

#: Redirects of one probe that are followed.
MOST_HOPS = 10


class Limit(t.NamedTuple):
    """A limit of the configuration that a probe meets.

    Attributes:
        zone: its name.
        period: seconds between two requests that `limit_req` lets pass; 0 for `limit_conn`.
        status: the status of a refusal.
        logged: a refusal stands in the error log.
        changed: the change is about this limit, so that its refusals count.
    """

    zone: str
    period: float = 0
    status: int = 503
    logged: bool = True
    changed: bool = False


class DefaultProbe(t.NamedTuple):
    """A valid probe. `names` are all the names that its server answers to, as far as they stand for themselves."""

    check: Check
    limits: tuple[Limit, ...] = ()
    names: tuple[str, ...] = ()


class Home(t.NamedTuple):
    """The place where a URL of this host is asked."""

    address: Address
    sni: str
    proxy_protocol: bool


def parse_probe(definition: t.Mapping[str, t.Any]) -> DefaultProbe:
    """Validate a probe: the keys of a check, and `limits` and `names`.

    Raises:
        HealthError: naming the probe and what is wrong with it.
    """
    if not isinstance(definition, t.Mapping):
        raise HealthError(f"a probe is a dictionary, not a {type(definition).__name__}")
    keys = dict(definition)
    limits, names = keys.pop("limits", None) or (), keys.pop("names", None) or ()
    check = parse_check(keys)
    try:
        return DefaultProbe(check, parse_limits(limits), tuple(str(name).lower() for name in names))
    except HealthError as exc:
        raise HealthError(f"probe {check.name!r}: {exc}") from exc


def parse_limits(given: t.Iterable[t.Mapping[str, t.Any]]) -> tuple[Limit, ...]:
    """Read limits, mappings of the fields of `Limit`.

    Raises:
        HealthError: one of them is wrong.
    """
    try:
        return tuple(_limit(limit) for limit in given)
    except (TypeError, ValueError) as exc:
        raise HealthError(f"limits: {exc}") from exc


def _limit(given: t.Mapping[str, t.Any]) -> Limit:
    limit = Limit(**given)
    return limit._replace(period=float(limit.period), status=int(limit.status))


class Homes:
    """The URLs that this host answers itself, as far as its probes tell."""

    def __init__(self, probes: t.Iterable[DefaultProbe]) -> None:
        self._named: dict[tuple[str, str, int], Home] = {}
        self._sockets: dict[tuple[str, int], Home] = {}
        self._names: set[str] = set()
        for probe in probes:
            url = probe.check.target
            if isinstance(url, Url):
                self._add(probe, url)

    def _add(self, probe: DefaultProbe, url: Url) -> None:
        check = probe.check
        home = Home(check.address, check.sni, check.proxy_protocol)
        self._sockets.setdefault((url.scheme, url.address.port), home)
        for name in {url.address.host.lower(), *probe.names}:
            self._names.add(name)
            self._named.setdefault((url.scheme, name, url.address.port), home._replace(sni=name if check.sni else ""))

    def find(self, url: Url) -> Home | None:
        """Return where a URL is asked on this host; None for a URL that is elsewhere."""
        name = url.address.host.lower()
        home = self._named.get((url.scheme, name, url.address.port))
        if home is None and name in self._names:
            home = self._sockets.get((url.scheme, url.address.port))
            home = home and home._replace(sni=name if home.sni else "")
        return home
