# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Rules on requests that never end: redirect loops, and what nginx calls rewrite or internal redirection cycles."""

from __future__ import annotations

import typing as t
from collections import Counter

from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.conditions import asks_for_switch
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.outcome import Request
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.program import REDIRECTS
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.samples import (
    sample_hosts,
    sample_uris,
    uses_host,
)

from .finding import Rule, related

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.blocks import Location, Scope
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.chain import Chain, Hop
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.samples import UriSample
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.select import Listener, Server

    from .context import Context
    from .finding import Finding, Related

REWRITE_CYCLE: t.Final = Rule("rewrite-cycle", "error", "Rewrites send a request in a circle until nginx answers 500")
TRY_FILES_CYCLE: t.Final = Rule("try-files-cycle", "error", "try_files falls back to itself until nginx answers 500")
ERROR_PAGE_CYCLE: t.Final = Rule("error-page-cycle", "error", "An error page ends in the error that it stands for")
REDIRECT_LOOP: t.Final = Rule("redirect-loop", "error", "Redirects lead a client in a circle, or on without an end")
UNDEFINED: t.Final = "named-location-undefined"
RULES: t.Final = (REWRITE_CYCLE, TRY_FILES_CYCLE, ERROR_PAGE_CYCLE, REDIRECT_LOOP)

_SHOWN: t.Final = 3
#: Where one of these holds, a request is simulated step by step.
_DIVERTING: t.Final = (
    *("ssl_reject_handshake", "server_name_in_redirect", "port_in_redirect", "absolute_redirect"),
    *("server_rewrite_by_lua", "rewrite_by_lua", "access_by_lua"),
)
#: What try_files finds where the URI's own file is.
_OWN_FILE: t.Final = frozenset({"$uri", "$uri/"})
_ACTIVE: t.Final = ("error_page", "index")


def check(context: Context) -> Iterator[Finding]:
    """Simulates requests for every server on every socket, and follows their redirects."""
    cycles = _Cycles()
    loops: dict[tuple[t.Any, ...], Finding] = {}
    for request in _requests(context):
        chain = context.follower.follow(request)
        for hop in chain.hops:
            cycles.add(hop)
        if chain.loops:
            key, finding = _redirects(chain)
            loops.setdefault(key, finding)
    yield from cycles.findings()
    yield from loops.values()


class _Cycles:
    """Internal cycles by the lines that make them.

    A rewrite that only some literal URI drives into a circle, and that serves other requests well, is no broken
    configuration: nobody asks for that URI. One that a made-up URI drives into a circle breaks a whole class of them.
    """

    def __init__(self) -> None:
        self._findings: dict[tuple[t.Any, ...], Finding] = {}
        self._open: set[tuple[t.Any, ...]] = set()
        self._serving: set[tuple[str, int, int]] = set()

    def add(self, hop: Hop) -> None:
        if hop.outcome.kind == "internal-cycle":
            key, finding = _internal(hop)
            self._findings.setdefault(key, finding)
            if hop.request.missing or key[0] != REWRITE_CYCLE.id:
                self._open.add(key)
        elif hop.outcome.kind != "unknown" and hop.request.missing and hop.request.switches is None:
            self._serving.update(_place(step.directive) for step in hop.outcome.trace)

    def findings(self) -> Iterator[Finding]:
        for key, finding in self._findings.items():
            if key in self._open or not key[1] & self._serving:
                yield finding


def _requests(context: Context) -> Iterator[Request]:
    twins: set[tuple[t.Any, ...]] = set()
    switched = _switched(context)
    for listener in context.router.listeners.values():
        others = tuple(id(each) for each in listener.servers[:64])
        for server in listener.servers:
            if _is_active(server) and _is_new(twins, listener, server, others):
                yield from _requests_of(context, listener, server, switched)


def _is_new(twins: set[tuple[t.Any, ...]], listener: Listener, server: Server, others: tuple[int, ...]) -> bool:
    """False for `[::]:80` beside a `*:80` with the very same servers."""
    socket = listener.socket
    if socket.is_unix or not socket.is_wildcard:
        return True
    key = (socket.port, listener.ssl, id(server), others, len(listener.servers))
    if key in twins:
        return False
    twins.add(key)
    return True


def _requests_of(context: Context, listener: Listener, server: Server, switched: set[int]) -> Iterator[Request]:
    hosts = sample_hosts(server, context.definitions, default=listener.default is server)
    if not uses_host(server, context.definitions):
        hosts = hosts[:1]
    diverting = [name for name in _DIVERTING if context.mentions(name)]
    samples = sample_uris(server, context.definitions)
    uris = [sample for sample in samples if not _ends_here(server, sample, diverting)]
    for switches in (None, True, False) if id(server.directive) in switched else (None,):
        for host in hosts:
            for sample in uris:
                yield Request(listener, host, sample.uri, sample.args, sample.missing, switches=switches)


def _switched(context: Context) -> set[int]:
    """The `id()` of every server in which an `if` asks for a file such as `maintenance.on`: now there, now not."""
    asking = [directive for directive in context.named("if") if asks_for_switch(directive)]
    return {id(outer) for directive in asking for outer in _around(directive) if outer.name == "server"}


def _around(directive: Directive) -> Iterator[Directive]:
    outer = directive.parent
    while outer is not None:
        yield outer
        outer = outer.parent


def _ends_here(server: Server, sample: UriSample, diverting: Sequence[str] = _DIVERTING) -> bool:
    """Whether a request gets an answer at once and nothing can lead it elsewhere: most samples do.

    What the simulation would find out, too, at many times the cost.
    """
    found = server.locations.find(sample.uri)
    location = found.location
    if location is None or not found.certain or server.program:
        return False
    if location.for_get is not location or any(location.effective(name) for name in diverting):
        return False
    if location.internal:
        return not _has_page(location.for_get, "404")
    if location.program:
        return not found.add_slash and _answers(location)
    if location.try_files is not None:
        return not sample.uri.endswith("/") and not found.add_slash and _ends_named(server, location, diverting)
    if _denies(location):
        return False
    if found.add_slash:
        return server.locations.find(location.name).location is location
    if location.handler is not None:
        return True
    return not sample.uri.endswith("/") and not (sample.missing and _has_page(location, "404"))


def _ends_named(server: Server, location: Location, diverting: Sequence[str]) -> bool:
    """Whether a request gets its file, or else the answer of a named location's handler."""
    *files, last = t.cast("Directive", location.try_files).args
    named = server.locations.named.get(last)
    if named is None or named.handler is None or named.program or named.try_files is not None:
        return False
    if not _OWN_FILE.issuperset(files) or any(named.effective(name) for name in diverting):
        return False
    return named.for_get is named and not _denies(location) and not _denies(named)


def _denies(scope: Scope) -> bool:
    """Whether the simulation may find that nobody gets in."""
    rules = scope.effective("allow")
    return bool(rules) and rules[0].name == "deny"


def _answers(location: Location) -> bool:
    """Whether a location begins with a `return` of a status that leads nowhere."""
    first = location.program[0]
    status = first.args[0] if first.name == "return" else ""
    return status.isdecimal() and int(status) not in REDIRECTS and not _has_page(location, status)


def _has_page(scope: Scope, status: str) -> bool:
    return any(status in page.args[:-1] for page in scope.effective("error_page"))


def _is_active(scope: Scope) -> bool:
    return bool(
        scope.program
        or scope.try_files is not None
        or any(scope.effective(name) for name in _ACTIVE)
        or any(_is_active(location) for location in scope.locations.all)
    )


def _internal(hop: Hop) -> tuple[tuple[t.Any, ...], Finding]:
    trace = hop.outcome.trace
    counts = Counter(id(step.directive) for step in trace)
    cycle = list({id(s.directive): s.directive for s in trace if counts[id(s.directive)] > 1}.values())
    names = {directive.name for directive in cycle}
    rule = REWRITE_CYCLE
    if "try_files" in names:
        rule = TRY_FILES_CYCLE
    elif "error_page" in names:
        rule = ERROR_PAGE_CYCLE
    targets = [step.to for step in trace[:_SHOWN]]
    shown = " -> ".join([f"GET {hop.request.url}", *targets, "...", "500"])
    message = f"{shown}: nginx gives up after ten changes of the URI (rewrite or internal redirection cycle){_while(hop.request)}"
    main = next(directive for directive in cycle if directive.name in _OWN[rule.id])
    key = (rule.id, frozenset(_place(directive) for directive in cycle))
    return key, rule.at(main.place, message, _others(main, [(step.directive, step.to) for step in trace]))


_OWN: t.Final = {
    REWRITE_CYCLE.id: ("rewrite", "index", "return", "location"),
    TRY_FILES_CYCLE.id: ("try_files",),
    ERROR_PAGE_CYCLE.id: ("error_page",),
}


def _redirects(chain: Chain) -> tuple[tuple[t.Any, ...], Finding]:
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
    key = (REDIRECT_LOOP.id, frozenset(_place(hop.outcome.trace[-1].directive) for hop in hops))
    return key, REDIRECT_LOOP.at(main.place, message, _others(main, steps))


def _while(request: Request) -> str:
    if request.switches is None:
        return ""
    return f", while the file that an if asks for is {'there' if request.switches else 'not there'}"


def _others(main: Directive, steps: list[tuple[Directive, str]]) -> list[Related]:
    """Every other line of the circle, with the first place that it leads to, and the conditions around all of them."""
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


def _place(directive: Directive) -> tuple[str, int, int]:
    return directive.file, directive.line, directive.column
