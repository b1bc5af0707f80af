# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Redirect loops of clients that cached a permanent redirect.

A browser keeps a 301 or 308 and does not ask again. Where the new configuration redirects the other way round, the browser
goes from its cache to the server and back, although neither configuration loops by itself. Such a loop is a cycle over old
permanent redirects and new redirects that neither configuration has alone.
"""

from __future__ import annotations

import typing as t
from collections import deque

from .probe_requests import FORWARDED_SCHEME, clean_url, is_scenario, url_of

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ansible_collections.failsafe.nginx.plugins.module_utils._wire.outcomes import ProbeOutcome, RedirectHop
    from ansible_collections.failsafe.nginx.plugins.module_utils._wire.probes import Probe

_PERMANENT: t.Final = (301, 308)
_REDIRECTS: t.Final = (301, 302, 303, 307, 308)
#: Headers of every client; a probe with any other header is no plain client.
_PLAIN: t.Final = frozenset({FORWARDED_SCHEME, "host", "accept", "user-agent", "connection"})

#: URL -> the URLs that it redirects to, each with the index of a probe that got it.
Edges = dict[str, dict[str, int]]


class CachedLoop(t.NamedTuple):
    """One cycle: its URLs in order, for each whether the next step comes from the cache, the index of a probe of it."""

    urls: tuple[str, ...]
    cached: tuple[bool, ...]
    probe: int

    def text(self) -> str:
        """Write the loop for people."""
        steps = zip(self.urls[1:] + self.urls[:1], self.cached, strict=True)
        return self.urls[0] + "".join(f" -> {url}{' (cached)' if cached else ''}" for url, cached in steps)


class _RedirectGraph:
    """The redirects of both configurations."""

    def __init__(self) -> None:
        self.before: Edges = {}
        self.permanent: Edges = {}
        self.after: Edges = {}
        #: URL -> the index of the first probe that asks for it itself, not as a hop.
        self.asked: dict[str, int] = {}

    def add(self, index: int, probe: Probe, old: ProbeOutcome, new: ProbeOutcome) -> None:
        self.asked.setdefault(clean_url(url_of(probe)) or "", index)
        for source, target, status in _steps(probe, old):
            self.before.setdefault(source, {}).setdefault(target, index)
            if status in _PERMANENT:
                self.permanent.setdefault(source, {}).setdefault(target, index)
        for source, target, _status in _steps(probe, new):
            self.after.setdefault(source, {}).setdefault(target, index)

    def loops(self) -> Iterator[CachedLoop]:
        """Yield a cycle for each permanent redirect that the new configuration lacks, where there is one."""
        for source, targets in self.permanent.items():
            for target in targets:
                urls = () if target in self.after.get(source, ()) else self._cycle(source, target)
                steps = list(zip(urls, (*urls[1:], source), strict=True)) if urls else []
                new = [(start, end) for start, end in steps if end not in self.before.get(start, ())]
                if new:
                    # The new redirect closed the cycle, not the one in the cache.
                    start, end = new[0]
                    index = self.asked.get(start, self.after[start][end])
                    yield CachedLoop(urls, tuple(end not in self.after.get(start, ()) for start, end in steps), index)

    def _cycle(self, source: str, target: str) -> tuple[str, ...]:
        """Return the URLs of the shortest cycle that begins with this redirect; none without one."""
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


def cached_loops(probes: Sequence[Probe], old: Sequence[ProbeOutcome], new: Sequence[ProbeOutcome]) -> list[CachedLoop]:
    """Return the loops of clients that cached a redirect, each once, in the order of the probes."""
    graph = _RedirectGraph()
    for index, (probe, before, after) in enumerate(zip(probes, old, new, strict=True)):
        if (before.location or after.location) and _is_plain(probe):
            graph.add(index, probe, before, after)
    found: dict[frozenset[str], CachedLoop] = {}
    for loop in graph.loops():
        found.setdefault(frozenset(loop.urls), loop)
    return sorted(found.values(), key=lambda loop: loop.probe)


def _is_plain(probe: Probe) -> bool:
    return probe.method == "GET" and not is_scenario(probe) and all(n.lower() in _PLAIN for n, _v in probe.headers)


def _steps(probe: Probe, outcome: ProbeOutcome) -> Iterator[tuple[str, str, int]]:
    if not outcome.hops:
        yield from _step(url_of(probe), outcome)
    for hop in outcome.hops:
        yield from _step(hop.url, hop)


def _step(url: str, outcome: ProbeOutcome | RedirectHop) -> Iterator[tuple[str, str, int]]:
    status, location = outcome.status, outcome.location
    if status in _REDIRECTS and location:
        source, target = clean_url(url), clean_url(location, url)
        if source and target:
            yield source, target, status
