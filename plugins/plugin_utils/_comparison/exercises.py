# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The probes that exercise a change: those that ended where a changed directive is effective, and those made for it."""

from __future__ import annotations

import typing as t
from collections import defaultdict
from dataclasses import dataclass, field

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import walk
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.blocks import UPSTREAM_PASS

from .outcome_diff import call_of, missing_files
from .sides import spellings

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ansible_collections.failsafe.nginx.plugins.module_utils._wire.outcomes import ProbeOutcome
    from ansible_collections.failsafe.nginx.plugins.module_utils._wire.probes import Probe
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive, Place
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._witnesses import Need

    from .coverage import ReachedBlocks, Trace

#: The number of a change, and of one of its directives: a snippet may be included several times.
Wanted = tuple[int, int]

_OK: t.Final = 200
_FORBIDDEN: t.Final = 403
_FRESH: t.Final = frozenset({304, 412})
#: The statuses with which `add_header` and `expires` act (ngx_http_headers_filter() in ngx_http_headers_filter_module.c).
_SUCCESS: t.Final = frozenset({200, 201, 204, 206, 301, 302, 303, 304, 307, 308})
#: One setting under two names.
_SAME: t.Final = {"alias": "root", "deny": "allow"}
#: Directives that hold in their block only, and in the `if` blocks of it.
_OWN: t.Final = frozenset({"return", "stub_status", "empty_gif", *UPSTREAM_PASS})
_BRANCHES: t.Final = ("if", "limit_except")
_BLOCKS: t.Final = ("server", "location", "if")


@dataclass
class Exercise:
    """The probes that exercise one directive, by index.

    Attributes:
        changed: those whose outcome is another one.
        unchanged: those whose outcome is the same.
        approximate: a probe would do, but shows only approximately what a client gets, or differs from run to run.
        short: a probe got there, but its outcome has not what it takes to show the value.
    """

    changed: set[int] = field(default_factory=set)
    unchanged: set[int] = field(default_factory=set)
    approximate: bool = False
    short: bool = False


class _Effect(t.NamedTuple):
    """A changed directive: which it is, its family of settings, and what an outcome must have to show its value."""

    wanted: Wanted
    family: str
    need: Need


class Exercises:
    """Finds the probes that exercise changed directives of one configuration.

    Args:
        reached: the blocks that the probes passed.
        probes: all of them.
        changed: indexes of the probes whose outcome is another one.
    """

    def __init__(self, reached: ReachedBlocks, probes: Sequence[Probe], changed: frozenset[int]) -> None:
        self._reached = reached
        self._side = reached.side
        self._probes = probes
        self._changed = changed
        self._effects: dict[int, list[_Effect]] = defaultdict(list)
        self._inside: dict[int, list[Wanted]] = defaultdict(list)
        self._peers: dict[str, set[Wanted]] = defaultdict(set)
        self._families: dict[int, frozenset[str]] = {}

    def want(self, wanted: Wanted, directive: Directive, need: Need) -> None:
        """Ask for the probes that end where a directive is effective."""
        parent = directive.parent
        self._effects[id(parent)].append(_Effect(wanted, _family(directive.name), need))

    def want_block(self, wanted: Wanted, block: Directive) -> None:
        """Ask for the probes that end in a block or in one inside of it; for an `if`, that pass it."""
        for each in (block, *walk(block.block or ())):
            if each.block is not None and each.name in _BLOCKS:
                self._inside[id(each)].append(wanted)

    def want_upstream(self, wanted: Wanted, upstream: Directive) -> None:
        """Ask for the probes that are passed to a peer of an upstream."""
        for server in upstream.find("server"):
            for name in spellings(server.args[0]) if server.args else ():
                self._peers[name].add(wanted)

    def collect(self, found: dict[Wanted, Exercise]) -> None:
        """Add the probes to what was found for each directive."""
        if self._effects or self._inside:
            self._collect_blocks(found)
        if self._peers:
            for index, outcome in enumerate(self._side.outcomes):
                for call in map(call_of, outcome.upstreams):
                    for wanted in self._peers.get(call.peer, ()):
                        self._add(found, wanted, index)

    def _collect_blocks(self, found: dict[Wanted, Exercise]) -> None:
        known: dict[Trace, list[tuple[Wanted, Need]]] = {}
        for index, trace in enumerate(self._side.traces):
            if trace not in known:
                known[trace] = list(dict.fromkeys(self._on_the_way(trace)))
            for wanted, need in known[trace]:
                if has_need(need, self._side.outcomes[index], self._probes[index]):
                    self._add(found, wanted, index)
                else:
                    found.setdefault(wanted, Exercise()).short = True

    def _add(self, found: dict[Wanted, Exercise], wanted: Wanted, index: int) -> None:
        exercise = found.setdefault(wanted, Exercise())
        if index in self._changed:
            exercise.changed.add(index)
        elif index in self._reached.unstable or self._reached.reasons(index):
            exercise.approximate = True
        else:
            exercise.unchanged.add(index)

    def _on_the_way(self, trace: Trace) -> Iterator[tuple[Wanted, Need]]:
        blocks = list(self._read(trace))
        for position, block in enumerate(blocks):
            last = position == len(blocks) - 1
            for effect in self._effective(block):
                if last or effect.need == "passed":
                    yield effect.wanted, effect.need
            if last or block.name == "if":
                for wanted in self._inside.get(id(block), ()):
                    yield wanted, "any"

    def _read(self, trace: Trace) -> Iterator[Directive]:
        """Yield the blocks of a trace as the configuration has them, each in the server that it was passed in."""
        server: Place | None = None
        for mark in trace:
            block = self._side.markers[mark]
            if block.kind == "server":
                server = block.place
            for candidate in self._reached.directives.get(block.place, ()):
                if server is None or candidate[1] == server:
                    yield candidate[0]
                    break

    def _effective(self, block: Directive) -> Iterator[_Effect]:
        """Yield the changed directives that hold in a block: its own, and those that it inherits."""
        inner: list[Directive] = []
        outer: Directive | None = block
        while True:
            for effect in self._effects.get(id(outer), ()):
                own = effect.family in _OWN
                if own and any(each.name not in _BRANCHES for each in inner):
                    continue
                if not any(effect.family in self._own_families(each) for each in inner):
                    yield effect
            if outer is None:
                return
            inner.append(outer)
            outer = outer.parent

    def _own_families(self, block: Directive) -> frozenset[str]:
        known = self._families.get(id(block))
        if known is None:
            known = self._families[id(block)] = frozenset(_family(child.name) for child in block.children)
        return known


def _family(name: str) -> str:
    return _SAME.get(name, name)


def has_need(need: Need, outcome: ProbeOutcome, probe: Probe) -> bool:
    """Return True if an outcome has what the value of a directive could have changed."""
    if need == "success":
        return outcome.status in _SUCCESS
    if need == "upstream":
        return bool(outcome.upstreams)
    if need == "fresh":
        # An upstream whose answer is not kept reads the conditions itself (ngx_http_upstream_process_headers()).
        return outcome.status in _FRESH or bool(outcome.upstreams)
    if need == "redirect":
        return outcome.location is not None
    if need == "file":
        return not outcome.upstreams and (bool(probe.made_files or missing_files(outcome)) or _is_file(outcome))
    if need == "listing":
        return not outcome.upstreams and _is_folder(outcome, probe)
    return True


def _is_folder(outcome: ProbeOutcome, probe: Probe) -> bool:
    """Return True for a folder without an index page: refused, or listed, which has no date as a file has."""
    named = probe.target.partition("?")[0].endswith("/")
    return named and (outcome.status == _FORBIDDEN or (outcome.status == _OK and not _is_file(outcome)))


def _is_file(outcome: ProbeOutcome) -> bool:
    """Return True for an answer of ngx_http_static_module, which tells when the file was written."""
    return any(name.lower() == "last-modified" for name, _value in outcome.headers)
