# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Requests that never end: internal cycles and redirect loops, found by one simulation for all rules about them."""

from __future__ import annotations

import typing as t
from collections import Counter
from dataclasses import dataclass

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context, shared
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Related, related
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.chain import Follower

from .loop_requests import loop_requests

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive, Place
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.chain import Chain, Hop
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.outcome import Request

LoopKind = t.Literal["rewrite", "try_files", "error_page", "redirect"]
#: The directives that close an internal cycle; one with several kinds is of the first one.
_CLOSED_BY: t.Final[dict[LoopKind, tuple[str, ...]]] = {
    "try_files": ("try_files",),
    "error_page": ("error_page",),
    "rewrite": ("rewrite", "index", "return", "location"),
}
_SHOWN: t.Final = 3
#: The lines of a loop: (file, line, column) each.
Lines = frozenset[tuple[str, int, int]]


@dataclass(frozen=True)
class RequestLoop:
    """One loop, told by one of the requests that go round in it."""

    kind: LoopKind
    #: The line that closes it.
    place: Place
    message: str
    related: list[Related]


@shared
def request_loops(context: Context) -> list[RequestLoop]:
    """Simulate requests for every server on every socket, and follow their redirects."""
    cycles = _Cycles()
    loops: dict[Lines, RequestLoop] = {}
    follower = Follower(context.router, context.definitions)
    for request in loop_requests(context):
        chain = follower.follow(request)
        for hop in chain.hops:
            cycles.add(hop)
        if chain.loops:
            lines, loop = _redirect_loop(chain)
            loops.setdefault(lines, loop)
    return [*cycles.broken(), *loops.values()]


class _Cycles:
    """Internal cycles by the lines that make them.

    A rewrite that serves other requests well is not broken when only one literal URI drives it into a circle: no
    client asks for that URI. A made-up URI in a circle stands for a whole class of requests.
    """

    def __init__(self) -> None:
        self._loops: dict[tuple[LoopKind, Lines], RequestLoop] = {}
        #: Cycles that more than one literal URI gets into.
        self._open: set[tuple[LoopKind, Lines]] = set()
        #: Lines that served a made-up URI.
        self._serving: set[tuple[str, int, int]] = set()

    def add(self, hop: Hop) -> None:
        if hop.outcome.kind == "internal-cycle":
            lines, loop = _internal_cycle(hop)
            key = (loop.kind, lines)
            self._loops.setdefault(key, loop)
            if hop.request.missing or loop.kind != "rewrite":
                self._open.add(key)
        elif hop.outcome.kind != "unknown" and hop.request.missing and hop.request.switches is None:
            self._serving.update(_line(step.directive) for step in hop.outcome.trace)

    def broken(self) -> Iterator[RequestLoop]:
        for key, loop in self._loops.items():
            if key in self._open or not key[1] & self._serving:
                yield loop


def _internal_cycle(hop: Hop) -> tuple[Lines, RequestLoop]:
    trace = hop.outcome.trace
    counts = Counter(id(step.directive) for step in trace)
    cycle = list({id(s.directive): s.directive for s in trace if counts[id(s.directive)] > 1}.values())
    names = {directive.name for directive in cycle}
    kind: LoopKind = next((each for each, closing in _CLOSED_BY.items() if not names.isdisjoint(closing)), "rewrite")
    targets = [step.to for step in trace[:_SHOWN]]
    shown = " -> ".join([f"GET {hop.request.url}", *targets, "...", "500"])
    message = f"{shown}: nginx gives up after ten changes of the URI (rewrite or internal redirection cycle){_while(hop.request)}"
    main = next(directive for directive in cycle if directive.name in _CLOSED_BY[kind])
    steps = [(step.directive, step.to) for step in trace]
    lines = frozenset(_line(directive) for directive in cycle)
    return lines, RequestLoop(kind, main.place, message, _others(main, steps))


def _redirect_loop(chain: Chain) -> tuple[Lines, RequestLoop]:
    hops = chain.hops[chain.loop_start or 0 :]
    shown = [f"GET {hops[0].request.url}"]
    shown += [f"{hop.outcome.status} {hop.outcome.location}" for hop in (hops[:_SHOWN] if chain.endless else hops)]
    end = "and every redirect leads to another one" if chain.endless else "back where it began, without an end"
    message = f"{' -> '.join(shown)}{' -> ...' if chain.endless else ''}: {end}{_while(hops[0].request)}"
    if chain.endless:
        # The last hops are the part that repeats; what led there does not.
        hops = hops[len(hops) // 2 :]
    main = hops[0].outcome.trace[-1].directive
    steps = [(step.directive, step.to) for hop in hops for step in hop.outcome.trace]
    lines = frozenset(_line(hop.outcome.trace[-1].directive) for hop in hops)
    return lines, RequestLoop("redirect", main.place, message, _others(main, steps))


def _while(request: Request) -> str:
    if request.switches is None:
        return ""
    return f", while the file that an if asks for is {'there' if request.switches else 'not there'}"


def _others(main: Directive, steps: list[tuple[Directive, str]]) -> list[Related]:
    """Return every other line of the circle with the first target that it leads to, and the blocks around all of them."""
    places: dict[tuple[str, int], Related] = {}
    for directive, to in steps:
        if directive is not main:
            places.setdefault((directive.file, directive.line), related(f"{directive.name}: to {to}", directive.place))
    for directive in [main, *(directive for directive, _to in steps)]:
        outer = directive.parent
        if outer is not None and outer.name in ("if", "location"):
            what = " ".join([outer.name, *outer.raw_args])
            places.setdefault((outer.file, outer.line), related(f"inside {what}", outer.place))
    places.pop((main.file, main.line), None)
    return list(places.values())


def _line(directive: Directive) -> tuple[str, int, int]:
    return directive.file, directive.line, directive.column
