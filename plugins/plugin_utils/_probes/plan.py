# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The probes for a change: from both configurations, from users' expectations and from an access log."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field
from itertools import chain, zip_longest

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.gc_paused import collector_paused
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.errors import RouteError
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.select import Router

from .listeners import key_of, merge_listens
from .probed_config import ProbedConfig, one_line
from .rate_limits import ClientPool
from .socket_requests import answer_key
from .upstreams import joined

if t.TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from ansible_collections.failsafe.nginx.plugins.module_utils._wire.probes import ListenSocket, Probe
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Config, Directive

    from .probed_config import CollectedRequest
    from .socket_requests import Key

_CUT: t.Final = "left out by the limit of probes"
_NEVER: t.Final = "its server is never asked"


class ProbeSource(t.Protocol):
    """A source of probes beside the configurations: expectations, an access log."""

    def probes(self, before: Config | None, after: Config | None) -> list[Probe]:
        """Return complete probes with ids of their own."""


@dataclass(frozen=True)
class UnprobedBlock:
    """A server or a location that no probe was made for, and the reason.

    Attributes:
        side: `before` or `after`.
        server: the first name of the server.
        block: the block's head in one line.
    """

    side: str
    file: str
    line: int
    server: str
    block: str
    reason: str


@dataclass
class ProbePlan:
    """The probes for a change, the sockets of both configurations, and the blocks without a probe."""

    probes: list[Probe] = field(default_factory=list)
    listens: list[ListenSocket] = field(default_factory=list)
    unprobed: list[UnprobedBlock] = field(default_factory=list)


def probes_for(
    before: Config | None,
    after: Config | None,
    *,
    expectations: ProbeSource | None = None,
    log: ProbeSource | None = None,
    limit: int | None = None,
) -> list[Probe]:
    """Return the probes of `plan_probes`."""
    return plan_probes(before, after, expectations=expectations, log=log, limit=limit).probes


def listens_of(before: Config | None, after: Config | None) -> list[ListenSocket]:
    """Return every socket of both configurations, without those given by host names."""
    return merge_listens(Router(config) for config in (after, before) if config is not None)


@collector_paused()
def plan_probes(
    before: Config | None,
    after: Config | None,
    *,
    expectations: ProbeSource | None = None,
    log: ProbeSource | None = None,
    limit: int | None = None,
) -> ProbePlan:
    """Plan the probes for a change. The same input gives the same probes, ids and order.

    Probes share the objects in `listen`, `blocks` and `answers`: do not change these. Where requests of a client are limited
    (`limit_req`), probes that need no particular client come from many.

    Args:
        before: the live configuration, None where there is none.
        after: the candidate, None where everything is removed.
        expectations: what users wrote down; never left out.
        log: requests that clients sent.
        limit: the most generated probes. Servers take turns, those that differ in the two configurations before the
            others. None: no limit.

    Raises:
        RouteError: the limit is negative.
    """
    if limit is not None and limit < 0:
        msg = f"a limit of probes cannot be negative: {limit}"
        raise RouteError(msg)
    sides = _sides(before, after)
    entries: dict[Key, CollectedRequest] = {}
    for side in sides:
        side.collect(entries)
    given = list(_given(before, after, entries, (expectations, log)))
    wanted = [entry for entry in entries.values() if entry.turn is not None]
    chosen = wanted if limit is None or len(wanted) <= limit else _take_turns(wanted, sides, limit)
    probes = [*given, *(entry.probe(f"p{number}") for number, entry in enumerate(chosen, 1))]
    ClientPool(side.config for side in sides).settle(probes)
    asked = {identity for entry in entries.values() if entry.turn is None for identity in entry.blocks}
    asked.update(identity for entry in chosen for identity in entry.blocks)
    unprobed = list(_unprobed(sides, asked, {identity for entry in wanted for identity in entry.blocks}))
    return ProbePlan(probes, merge_listens(side.router for side in sides), unprobed)


def _sides(before: Config | None, after: Config | None) -> list[ProbedConfig]:
    """Return both configurations, the candidate first: where both suggest a request, its blocks name it."""
    sides: list[ProbedConfig] = []
    if after is not None:
        sides.append(ProbedConfig("after", after))
    if before is not None:
        sides.append(ProbedConfig("before", before))
    if len(sides) > 1:
        sides[0].flow.compare(sides[1].flow)
        sides[1].flow.compare(sides[0].flow)
        # An upstream gives the same answers before and after, even if its peers change.
        upstreams = joined(*(side.scenarios.upstreams for side in sides))
        for side in sides:
            side.scenarios.upstreams = upstreams
    return sides


def _given(
    before: Config | None,
    after: Config | None,
    entries: dict[Key, CollectedRequest],
    sources: Iterable[ProbeSource | None],
) -> Iterator[Probe]:
    """Return the probes of expectations and logs; generated ones that send the same are dropped."""
    for source in sources:
        for probe in source.probes(before, after) if source is not None else ():
            entry = entries.get(_key(probe))
            if entry is not None:
                entry.turn = None
                probe.blocks = entry.probed_blocks
            yield probe


def _key(probe: Probe) -> Key:
    return (
        *key_of(probe.listen),
        probe.host,
        probe.sni,
        probe.client,
        probe.version,
        probe.method,
        probe.target,
        tuple(tuple(header) for header in probe.headers),
        probe.body,
        *map(answer_key, probe.answers),
    )


def _take_turns(entries: list[CollectedRequest], sides: list[ProbedConfig], limit: int) -> list[CollectedRequest]:
    """Return as many requests as allowed, one server after the other, in their original order."""
    turns: dict[tuple[str, int] | None, list[CollectedRequest]] = {}
    for entry in entries:
        turns.setdefault(entry.turn, []).append(entry)
    changed = _changed(sides)
    first = [turn for key, turn in turns.items() if key in changed]
    rest = [turn for key, turn in turns.items() if key not in changed]
    kept: set[int] = set()
    for entry in chain(_interleave(first), _interleave(rest)):
        if len(kept) == limit:
            break
        kept.add(id(entry))
    return [entry for entry in entries if id(entry) in kept]


def _interleave(turns: list[list[CollectedRequest]]) -> Iterator[CollectedRequest]:
    for turn in zip_longest(*turns):
        yield from (entry for entry in turn if entry is not None)


def _changed(sides: list[ProbedConfig]) -> set[tuple[str, int]]:
    """Return the servers that only one configuration has in this form."""
    forms = [
        {number: _form(server.scope.directive) for number, server in enumerate(side.router.servers)} for side in sides
    ]
    known = [set(each.values()) for each in forms]
    return {
        (side.name, number)
        for index, side in enumerate(sides)
        for number, form in forms[index].items()
        if len(sides) > 1 and form not in known[1 - index]
    }


def _form(directive: Directive) -> int:
    """Return a digest of a block that tells two contents apart, within this process."""
    inner = tuple(_form(child) for child in directive.children)
    return hash((directive.name, *directive.args, inner))


def _unprobed(sides: list[ProbedConfig], asked: Collection[int], wanted: Collection[int]) -> Iterator[UnprobedBlock]:
    for side in sides:
        for directive, server in side.blocks():
            if id(directive) in asked:
                continue
            reason = _CUT if id(directive) in wanted else side.reasons.get(id(directive), "")
            if not reason:
                unasked = id(server.scope.directive) not in wanted and id(server.scope.directive) not in asked
                reason = _NEVER if unasked else "no request was found that gets there"
            yield UnprobedBlock(
                side.name,
                directive.file,
                directive.line,
                server.first_name,
                one_line(" ".join([directive.name, *directive.args])),
                reason,
            )
