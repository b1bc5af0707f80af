# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The probes for a change: from both configurations, from users' expectations and from an access log."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field
from itertools import chain, islice, zip_longest

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.gc_paused import collector_paused
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.errors import RouteError
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.select import Router

from .listeners import key_of, merge_listens
from .made_files import form_of
from .probed_config import ProbedConfig, WitnessRequest, one_line
from .rate_limits import ClientPool
from .socket_requests import answer_key
from .stream_probes import socket_probes
from .upstreams import joined

if t.TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from ansible_collections.failsafe.nginx.plugins.module_utils._wire.probes import ListenSocket, Probe
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Config, Directive

    from .probed_config import CollectedRequest, SideName
    from .socket_requests import Key

_CUT: t.Final = "left out by the limit of probes"
_UNSENT: t.Final = "no socket and host were found that its request can be sent to"
_NEVER: t.Final = "its server is never asked"


class ProbeSource(t.Protocol):
    """A source of probes beside the configurations: expectations, an access log."""

    def probes(self, before: Config | None, after: Config | None) -> list[Probe]:
        """Return complete probes with ids of their own."""


@dataclass(frozen=True)
class Unwitnessed:
    """A change of the semantic diff, by its number, for which no request that proves anything is made, and the reason."""

    change: int
    reason: str


@dataclass(frozen=True)
class SocketWitness:
    """A change of the semantic diff that the connections to a server of `stream` show; these are made anyway.

    Attributes:
        change: its number.
        side: the configuration that has the server.
        server: its block.
    """

    change: int
    side: SideName
    server: Directive


class WitnessSource(t.Protocol):
    """A source of requests for which the two configurations could decide differently."""

    def requests(self, sides: Sequence[ProbedConfig]) -> Iterable[WitnessRequest | SocketWitness | Unwitnessed]:
        """Yield requests for each change, and the reason for each change without one."""


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
    """The probes for a change, the sockets of both configurations, and the blocks without a probe.

    Attributes:
        witnesses: number of a change of the semantic diff -> ids of the probes that were made, or kept, for it.
        unwitnessed: number of a change -> the reason why there is none, or none that proves that it has no effect.
    """

    probes: list[Probe] = field(default_factory=list)
    listens: list[ListenSocket] = field(default_factory=list)
    unprobed: list[UnprobedBlock] = field(default_factory=list)
    witnesses: dict[int, list[str]] = field(default_factory=dict)
    unwitnessed: dict[int, str] = field(default_factory=dict)


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
    witnesses: WitnessSource | None = None,
    changed_files: Collection[str] | None = (),
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
        changed_files: other files of the folders that differ, such as certificates: their paths below the folder.
            None where it is not known which ones differ.
        witnesses: requests for single changes; never left out. Those that are sent anyway keep their ids.

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
    if len(sides) > 1:
        sides[0].collect_neighbours(entries, sides[1])
        for side, other in (sides, sides[::-1]):
            side.collect_handshakes(entries, other, changed_files)
        _collect_landmarks(sides, entries)
    given = list(_given(before, after, entries, (expectations, log)))
    wanted = [entry for entry in entries.values() if entry.turn is not None]
    found = _Witnesses(sides, entries, given)
    found.collect(witnesses)
    chosen = wanted if limit is None or len(wanted) <= limit else _take_turns(wanted, sides, limit, found.kept)
    named = {id(entry): f"p{number}" for number, entry in enumerate(chosen, 1)}
    named.update((id(entry), f"w{number}") for number, entry in enumerate(found.extra.values(), 1))
    probes = [*given, *(entry.probe(named[id(entry)]) for entry in (*chosen, *found.extra.values()))]
    ClientPool(side.config for side in sides).settle(probes)
    sockets = socket_probes(sides)
    probes += sockets
    sent = [*chosen, *found.extra.values(), *(entry for entry in entries.values() if entry.turn is None)]
    asked = {identity for entry in sent for identity in entry.blocks}
    unprobed = list(_unprobed(sides, asked, {identity for entry in wanted for identity in entry.blocks}))
    return ProbePlan(
        probes,
        merge_listens(side.router for side in sides),
        unprobed,
        found.by_change(named, sockets),
        found.unwitnessed,
    )


class _Witnesses:
    """Collects the witnesses: each is a request that is sent anyway, or an extra one.

    Attributes:
        extra: requests that only a witness asks for.
        kept: id() of collected requests that a limit must not leave out.
        unwitnessed: number of a change -> the reason why no request was made for it.
    """

    def __init__(self, sides: list[ProbedConfig], entries: dict[Key, CollectedRequest], given: Sequence[Probe]) -> None:
        self._sides = sides
        self._entries = entries
        self._given = given
        self._found: dict[int, dict[Key, None]] = {}
        self.extra: dict[Key, CollectedRequest] = {}
        self.kept: set[int] = set()
        self.unwitnessed: dict[int, str] = {}
        self._sockets: list[SocketWitness] = []

    def collect(self, source: WitnessSource | None) -> None:
        """Read a source to its end."""
        by_name = {side.name: side for side in self._sides}
        for request in source.requests(self._sides) if source is not None else ():
            if isinstance(request, Unwitnessed):
                self.unwitnessed.setdefault(request.change, request.reason)
                continue
            if isinstance(request, SocketWitness):
                self._sockets.append(request)
                continue
            made: dict[Key, CollectedRequest] = {}
            for key in by_name[request.side].witness(made, request):
                self._found.setdefault(request.change, {})[key] = None
                entry = self._entries.get(key)
                if entry is None:
                    self.extra.setdefault(key, made[key])
                else:
                    self.kept.add(id(entry))
            if not made:
                self.unwitnessed.setdefault(request.change, _UNSENT)

    def by_change(self, named: Mapping[int, str], sockets: Sequence[Probe]) -> dict[int, list[str]]:
        """Return number of a change -> the ids of its probes, each once.

        Args:
            named: id() of a collected request -> the id of its probe.
            sockets: the probes of sockets that speak no HTTP.
        """
        ids = {
            key: named[id(entry)] for key, entry in (*self._entries.items(), *self.extra.items()) if id(entry) in named
        }
        if self._found:
            ids.update((_key(probe), probe.id) for probe in self._given)
        found = {number: [ids[key] for key in keys if key in ids] for number, keys in self._found.items()}
        for witness in self._sockets:
            place = (witness.side, witness.server.file, witness.server.line)
            asked = (each.id for each in sockets if place in {(one.side, one.file, one.line) for one in each.blocks})
            known = found.setdefault(witness.change, [])
            known += [probe for probe in asked if probe not in known]
        found = dict(sorted(found.items()))
        for number, probes in found.items():
            if probes and self.unwitnessed.get(number) == _UNSENT:
                del self.unwitnessed[number]
        return {number: probes for number, probes in found.items() if probes}


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
        probe.protocol,
        *map(answer_key, probe.answers),
    )


def _take_turns(
    entries: list[CollectedRequest], sides: list[ProbedConfig], limit: int, kept: Collection[int]
) -> list[CollectedRequest]:
    """Return as many requests as allowed, one server after the other, in their original order.

    Args:
        entries: all requests.
        sides: the configurations.
        limit: the most requests.
        kept: id() of those that are kept whatever the limit says.
    """
    turns: dict[tuple[str, int] | None, list[CollectedRequest]] = {}
    for entry in entries:
        turns.setdefault(entry.turn, []).append(entry)
    changed = _changed(sides)
    first = [turn for key, turn in turns.items() if key in changed]
    rest = [turn for key, turn in turns.items() if key not in changed]
    turn = islice(chain(_interleave(first), _interleave(rest)), limit)
    taken = {*kept, *map(id, turn)}
    return [entry for entry in entries if id(entry) in taken]


def _interleave(turns: list[list[CollectedRequest]]) -> Iterator[CollectedRequest]:
    for turn in zip_longest(*turns):
        yield from (entry for entry in turn if entry is not None)


def _changed(sides: list[ProbedConfig]) -> set[tuple[SideName, int]]:
    """Return the servers that only one configuration has in this form."""
    forms = [
        {number: form_of(server.scope.directive) for number, server in enumerate(side.router.servers)} for side in sides
    ]
    known = [set(each.values()) for each in forms]
    return {
        (side.name, number)
        for index, side in enumerate(sides)
        for number, form in forms[index].items()
        if len(sides) > 1 and form not in known[1 - index]
    }


def _collect_landmarks(sides: list[ProbedConfig], entries: dict[Key, CollectedRequest]) -> None:
    """Add what programs ask of every server that differs; of all servers where what they inherit from `http` differs."""
    changed = _changed(sides)
    if len({_inherited(side) for side in sides}) > 1:
        changed = {(side.name, number) for side in sides for number in range(len(side.router.servers))}
    servers = {side.name: side.router.servers for side in sides}
    touched = {listen.socket for name, number in changed for listen in servers[name][number].listens}
    for side in sides:
        side.collect_landmarks(entries, [number for name, number in changed if name == side.name], touched)


def _inherited(side: ProbedConfig) -> int:
    """Return a digest of what the servers of a configuration have in common."""
    return hash(tuple(form_of(each) for block in side.router.http for each in block.children if each.name != "server"))


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
