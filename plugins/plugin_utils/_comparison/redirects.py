# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Loops that only clients with a cached permanent redirect run into.

A browser keeps a 301 or 308 and does not ask again. Where the new configuration redirects the other way round, it goes from
its cache to the server and back, although no single configuration loops. So: a cycle over the old permanent redirects and
the new redirects that neither configuration has alone.
"""

from __future__ import annotations

import typing as t
from collections import deque
from urllib.parse import urljoin, urlsplit, urlunsplit

from .attribution import is_made_up

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .attribution import Probe
    from .outcome_diff import Outcome

_PERMANENT: t.Final = (301, 308)
_REDIRECTS: t.Final = (301, 302, 303, 307, 308)
_PORTS: t.Final = {"http": 80, "https": 443}
#: Headers that stand for the scheme that the client used; a probe with any other is no plain client.
_SCHEME: t.Final = "x-forwarded-proto"
_PLAIN: t.Final = frozenset({_SCHEME, "host", "accept", "user-agent", "connection"})

#: URL -> the URLs that it redirects to, each with a probe that saw it.
Edges = dict[str, dict[str, int]]


class Loop(t.NamedTuple):
    """One cycle: its URLs in order, which of the steps between them come from the cache, and a probe of a new redirect."""

    urls: tuple[str, ...]
    cached: tuple[bool, ...]
    probe: int

    def text(self) -> str:
        steps = zip(self.urls[1:] + self.urls[:1], self.cached, strict=True)
        return self.urls[0] + "".join(f" -> {url}{' (cached)' if cached else ''}" for url, cached in steps)


class _Graph:
    """The redirects of both configurations."""

    def __init__(self) -> None:
        self.before: Edges = {}
        self.permanent: Edges = {}
        self.after: Edges = {}
        #: URL -> the first probe that asks for it itself, not as a hop.
        self.asked: dict[str, int] = {}

    def add(self, index: int, probe: Probe, old: Outcome, new: Outcome) -> None:
        self.asked.setdefault(clean_url(url_of(probe)) or "", index)
        for source, target, status in _steps(probe, old):
            self.before.setdefault(source, {}).setdefault(target, index)
            if status in _PERMANENT:
                self.permanent.setdefault(source, {}).setdefault(target, index)
        for source, target, _status in _steps(probe, new):
            self.after.setdefault(source, {}).setdefault(target, index)

    def loops(self) -> Iterator[Loop]:
        """A cycle for every permanent redirect that is no more, where there is one."""
        for source, targets in self.permanent.items():
            for target in targets:
                urls = () if target in self.after.get(source, ()) else self._way_back(source, target)
                steps = list(zip(urls, (*urls[1:], source), strict=True)) if urls else []
                new = [(start, end) for start, end in steps if end not in self.before.get(start, ())]
                if new:
                    # What closed the circle is the redirect that came, not the one that a client remembers.
                    start, end = new[0]
                    index = self.asked.get(start, self.after[start][end])
                    yield Loop(urls, tuple(end not in self.after.get(start, ()) for start, end in steps), index)

    def _way_back(self, source: str, target: str) -> tuple[str, ...]:
        """The URLs of the shortest cycle that begins with this redirect; empty without one."""
        came_from: dict[str, str] = {target: source}
        queue = deque([target])
        while queue:
            url = queue.popleft()
            if url == source:
                break
            for following in (*self.after.get(url, ()), *self.permanent.get(url, ())):
                if following not in came_from:
                    came_from[following] = url
                    queue.append(following)
        if source not in came_from:
            return ()
        path = [came_from[source]]
        while path[-1] != source:
            path.append(came_from[path[-1]])
        return tuple(reversed(path))


def cached_loops(probes: Sequence[Probe], old: Sequence[Outcome], new: Sequence[Outcome]) -> list[Loop]:
    """The loops of clients that cached a redirect, each once, in the order of the probes."""
    graph = _Graph()
    for index, (probe, before, after) in enumerate(zip(probes, old, new, strict=True)):
        if (before.get("location") or after.get("location")) and _is_plain(probe):
            graph.add(index, probe, before, after)
    found: dict[frozenset[str], Loop] = {}
    for loop in graph.loops():
        found.setdefault(frozenset(loop.urls), loop)
    return sorted(found.values(), key=lambda loop: loop.probe)


def _is_plain(probe: Probe) -> bool:
    return probe["method"] == "GET" and not is_made_up(probe) and all(n.lower() in _PLAIN for n, _v in probe["headers"])


def _steps(probe: Probe, outcome: Outcome) -> Iterator[tuple[str, str, int]]:
    hops = outcome.get("hops") or ()
    if not hops:
        yield from _step(url_of(probe), outcome)
    for hop in hops:
        yield from _step(str(hop["url"]), hop)


def _step(url: str, outcome: t.Mapping[str, t.Any]) -> Iterator[tuple[str, str, int]]:
    status, location = outcome.get("status"), outcome.get("location")
    if status in _REDIRECTS and location:
        source, target = clean_url(url), clean_url(str(location), url)
        if source and target:
            yield source, target, status


def url_of(probe: Probe) -> str:
    """The URL that a client of this probe asks for, TLS ended in front of nginx included."""
    listen = probe["listen"]
    scheme = "https" if listen.get("ssl") else "http"
    number = listen.get("port") or _PORTS[scheme]
    forwarded = next((value for name, value in probe["headers"] if name.lower() == _SCHEME), scheme)
    if forwarded != scheme and forwarded in _PORTS:
        scheme, number = forwarded, _PORTS[forwarded]
    host = str(probe.get("host") or probe.get("sni") or "")
    if not host:
        address = str(listen["address"])
        host = f"[{address}]" if ":" in address and not address.startswith("unix:") else address
    authority = host if number == _PORTS[scheme] or host.rpartition(":")[2].isdecimal() else f"{host}:{number}"
    target = str(probe["target"])
    return f"{scheme}://{authority}{target if target.startswith('/') else '/' + target}"


def clean_url(url: str, base: str = "") -> str | None:
    """One spelling per URL: lower-case host, no default port, no fragment; None for what is none.

    Args:
        url: a URL, or a reference as in `Location`.
        base: what a reference is relative to.
    """
    try:
        parts = urlsplit(urljoin(base, url))
        number = parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not parts.hostname:
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    authority = host if number in (None, _PORTS[parts.scheme]) else f"{host}:{number}"
    return urlunsplit((parts.scheme, authority, parts.path or "/", parts.query, ""))
