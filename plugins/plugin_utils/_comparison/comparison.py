# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The comparison of two configurations: changed requests, their causes, and what is not verified."""

from __future__ import annotations

import datetime as dt
import typing as t
from collections import Counter
from dataclasses import replace
from urllib.parse import urlsplit

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.gc_paused import collector_paused

from .accept_keys import HostWords, KeyMaker, sockets_of
from .accept_list import AcceptEntry, AcceptList
from .accountant import Accountant, Witnessed
from .attribution import Attribution
from .auth_requests import auth_requests
from .cached_redirects import cached_loops
from .classification import classes_of, headers_of
from .coverage import ReachedBlocks, shown_limits
from .grouping import ChangedRequest, Grouper, server_label
from .listener_changes import ListenerChanges
from .nondeterminism import ANY, Nondeterminism
from .outages import OutageFinder
from .outcome_diff import call_of, differences
from .outcome_pair import OutcomePair
from .page_folders import PageFolders
from .probe_requests import clean_url, host_of, is_scenario, path_of, planned_id, url_of
from .report import ConfigSummary, ExpectationResult, RouteCheckReport, UnstableField, Unverified
from .request_counts import count_requests
from .request_facts import FactFinder, SurvivingBlocks
from .server_name_moves import find_moves
from .sides import BlockLocator, ComparedSide
from .socket_changes import socket_class
from .tls_changes import tls_class
from .upstream_groups import UpstreamGroups, is_another, peers_text

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ansible_collections.failsafe.nginx.plugins.module_utils._wire.folders import FolderPair
    from ansible_collections.failsafe.nginx.plugins.module_utils._wire.outcomes import (
        BlockTrace,
        ProbeOutcome,
        RedirectHop,
    )
    from ansible_collections.failsafe.nginx.plugins.module_utils._wire.probes import Probe
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Config
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.marker import Block

    from .accounting import ChangeAccount
    from .attribution import SemanticDiff
    from .outcome_diff import UpstreamCall
    from .report import BehaviourChange
    from .sides import ServedBy
    from .upstream_groups import UpstreamGroup

_NOTHING: t.Final[frozenset[str]] = frozenset()


class UserExpectations(t.Protocol):
    """A user's expectations."""

    @property
    def accept(self) -> Iterable[AcceptEntry]: ...

    def check(
        self,
        outcomes: Iterable[ProbeOutcome],
        *,
        config: Config | None = None,
        markers: Mapping[str, Block] | None = None,
        traced: Iterable[BlockTrace | ProbeOutcome] | None = None,
    ) -> list[ExpectationResult]: ...


@collector_paused()
def compare(
    probes: Sequence[Probe],
    before: ComparedSide | Sequence[ProbeOutcome],
    after: ComparedSide | Sequence[ProbeOutcome],
    *,
    diff: SemanticDiff | None = None,
    expectations: UserExpectations | None = None,
    accept: Iterable[AcceptEntry] = (),
    today: dt.date | None = None,
    host_names: Iterable[str] = (),
    witnessed: Witnessed | None = None,
    folders: Iterable[FolderPair] = (),
) -> RouteCheckReport:
    """Compare the outcomes of the same probes with two configurations.

    Args:
        probes: the requests.
        before: the outcomes of the old configuration, one per probe, and the configuration itself.
        after: those of the new one.
        diff: the semantic diff of the two, to find causes and to recognise blocks.
        expectations: are checked against the new outcomes.
        accept: accepted changes beside those of the expectations.
        today: the day on which accepted changes have to be valid. Default: today, in UTC.
        host_names: names and addresses of the host, which are no part of a key.
        witnessed: the probes that were made for single changes.
        folders: what the host has in folders of pages that changed.

    Raises:
        RouteError: a side has not one outcome per probe.
    """
    old, new = (side if isinstance(side, ComparedSide) else ComparedSide(side) for side in (before, after))
    old.check_length("old", len(probes))
    new.check_length("new", len(probes))
    entries = [*accept, *(expectations.accept if expectations else ())]
    day = today or dt.datetime.now(tz=dt.UTC).date()
    comparison = _Comparison(
        probes,
        old,
        new,
        diff,
        AcceptList(entries, day),
        host_names=host_names,
        witnessed=witnessed or Witnessed(),
        folders=folders,
    )
    results = (
        []
        if expectations is None
        else expectations.check(new.outcomes, config=new.config, markers=new.markers, traced=new.traced)
    )
    return comparison.report(results)


class _Comparison:
    def __init__(
        self,
        probes: Sequence[Probe],
        old: ComparedSide,
        new: ComparedSide,
        diff: SemanticDiff | None,
        accept: AcceptList,
        *,
        host_names: Iterable[str],
        witnessed: Witnessed,
        folders: Iterable[FolderPair],
    ) -> None:
        self.probes = probes
        self.witnessed = witnessed
        self._changes_of = witnessed.by_probe()
        self.diff = diff
        self.accept = accept
        self.attribution = Attribution(diff)
        self.old, self.new = BlockLocator(old), BlockLocator(new)
        self._folders = PageFolders((self.old, self.new), self.attribution, folders)
        self._words = HostWords(host_names, (sockets_of(self.old), sockets_of(self.new)))
        self.before = [self.old.served(index, probe) for index, probe in enumerate(probes)]
        self.after = [self.new.served(index, probe) for index, probe in enumerate(probes)]
        self._listeners = ListenerChanges(probes, old.outcomes, new.outcomes, self.after)
        self._blocks = SurvivingBlocks(diff, self.old)
        self._facts = FactFinder(self.old, self.new, self._blocks)
        self._auth = auth_requests(old.config) | auth_requests(new.config)
        self._groups = UpstreamGroups(old.config), UpstreamGroups(new.config)
        self._nondeterminism = (Nondeterminism(old.config), Nondeterminism(new.config))
        #: Field that is not compared -> number of probes, and the index of the first.
        self._uncompared: Counter[str] = Counter()
        self._first: dict[str, int] = {}
        #: Indexes of the probes whose status differs from run to run.
        self._unstable: set[int] = set()

    def report(self, expectations: list[ExpectationResult]) -> RouteCheckReport:
        failed = self._accepted(self._outages().classified(list(self._items())))
        found = [*self._joined_by_url(failed), *self._accepted([*self._loops(), *self._peers()])]
        items = list(self._folders.classified(list(self._attributed(found))))
        moves = find_moves(self.probes, (self.before, self.after), (self.old, self.new), self._blocks.same)
        outcomes = (self.old.side.outcomes, self.new.side.outcomes)
        keys = KeyMaker(self.probes, outcomes, (self.old.peers, self.new.peers), self.attribution, self._words)
        grouper = Grouper(
            self.probes, outcomes, (self.before, self.after), moves, self.attribution, keys=keys, notes=self._folders
        )
        groups = grouper.groups([item for item in items if item.accepted is None])
        by_key = {group.key: entry for group in groups if (entry := self.accept.find_key(group.key))}
        changes = [group for group in groups if group.key not in by_key]
        accepted = grouper.groups([item for item in items if item.accepted is not None])
        accepted += [replace(group, accepted=by_key[group.key]) for group in groups if group.key in by_key]
        ids = {probe for group in changes for probe in group.probes}
        unstable = frozenset(self._unstable)
        old, new = ReachedBlocks(self.old, unstable), ReachedBlocks(self.new, unstable)
        accounts = self._accounts((old, new), items, [*changes, *accepted])
        return RouteCheckReport(
            requests=len(self.probes),
            changes=changes,
            accepted=accepted,
            changed_requests=len(ids),
            unverified=self._unverified(accounts, old, new),
            coverage=new.coverage(self.probes),
            verdicts=self._verdicts(old, new),
            expectations=expectations,
            unstable_fields=self._unstable_fields(),
            accept_expired=self.accept.expired,
            accept_unused=self.accept.unused,
            config=None if self.diff is None else ConfigSummary.from_json(self.diff.summary),
            accounts=accounts,
            servers=count_requests(self.probes, outcomes, (self.before, self.after), ids),
        )

    def _accounts(
        self,
        reached: tuple[ReachedBlocks, ReachedBlocks],
        items: Sequence[ChangedRequest],
        groups: Sequence[BehaviourChange],
    ) -> list[ChangeAccount]:
        if self.diff is None:
            return []
        changed = frozenset(item.index for item in items)
        return Accountant(
            self.diff, self.probes, reached, changed=changed, groups=groups, witnessed=self.witnessed
        ).accounts()

    def _attributed(self, items: Sequence[ChangedRequest]) -> Iterator[ChangedRequest]:
        """Yield the changes; one that only a witness shows is caused by the change that the witness was made for.

        Where other requests to the same blocks changed in the same way, the witness changed with them.
        """
        others = {(item.name, item.blocks, item.causes) for item in items if not self._extra(item.index)}
        for item in items:
            numbers = self._changes_of.get(planned_id(self.probes[item.index].id), ())
            alone = self._extra(item.index) and (item.name, item.blocks, item.causes) not in others
            yield replace(item, causes=numbers) if numbers and (alone or not item.causes) else item

    def _extra(self, index: int) -> bool:
        """Return True for a request that is sent as a witness only."""
        return self.probes[index].id.startswith("w")

    def _items(self) -> Iterator[ChangedRequest]:
        """Yield each request that changed, in each of its classes."""
        old_side, new_side = self.old.side, self.new.side
        old_peers, new_peers = self.old.peers, self.new.peers
        for index, (old, new) in enumerate(zip(old_side.outcomes, new_side.outcomes, strict=True)):
            found = differences(old, new, old_peers, new_peers)
            varying = self._varying_fields(index)
            if varying:
                found = (found - varying) | self._other_status(index, varying)
            before, after = self.before[index], self.after[index]
            groups = self._upstreams(index)
            if groups and is_another(*groups, *self._groups):
                found |= {"upstream"}
            moved = self._moved(before, after)
            if after.block is not None and after.block.place in self.new.counters:
                found -= {"body"}
            if not found and not moved:
                continue
            facts = self._facts.facts(self.probes[index], (old, new), (before, after), moved=moved)
            pair = OutcomePair(old, new, found, old_peers, new_peers, self._is_auth, facts)
            names = {self._listeners.class_of(index, name) for name in self._classes(index, pair)}
            items = [
                self._item(
                    index,
                    name,
                    found,
                    headers_of(name, pair),
                    self._listeners.note(index, name),
                )
                for name in sorted(names)
            ]
            if self._is_nondeterministic(items, found):
                self._leave_out(index, found)
            else:
                yield from items

    def _classes(self, index: int, pair: OutcomePair) -> set[str]:
        """Return the classes of a change of one probe, by its protocol."""
        if self.probes[index].protocol == "http":
            return classes_of(pair)
        if self.probes[index].protocol == "tls":
            name = tls_class(pair.old, pair.new)
        else:
            name = socket_class(pair.old, pair.new, pair.found)
        return {name} if name else set()

    def _is_nondeterministic(self, items: Sequence[ChangedRequest], found: frozenset[str]) -> bool:
        """Return True if no change affects the request, and a nondeterministic directive does."""
        if self.diff is None or any(item.causes for item in items):
            return False
        old, new = self._nondeterminism
        varying = {field for item in items for field in (*old.fields(item.old.path), *new.fields(item.new.path))}
        return ANY in varying or bool(found and found <= varying)

    def _leave_out(self, index: int, names: Iterable[str]) -> None:
        for name in names:
            self._uncompared[name] += 1
            self._first.setdefault(name, index)

    def _joined_by_url(self, items: list[ChangedRequest]) -> Iterator[ChangedRequest]:
        """Yield the changes; one at the end of redirects gets the causes of a request for the same URL."""
        asked: dict[RedirectEnd, ChangedRequest] = {}
        for item in items:
            probe = self.probes[item.index]
            if probe.method == "GET" and not is_scenario(probe) and not _only_later(item):
                for key in _ends(item.name, url_of(probe), self.new.side.outcomes[item.index]):
                    asked.setdefault(key, item)
        for item in items:
            hops = self.new.side.outcomes[item.index].hops if _only_later(item) else None
            keys = _ends(item.name, hops[-1].url, hops[-1]) if hops else ()
            same = next((asked[key] for key in keys if key in asked), None)
            if same is None or same.accepted is not item.accepted:
                yield item
            else:
                yield replace(item, old=same.old, new=same.new, causes=same.causes)

    def _item(
        self, index: int, name: str, found: frozenset[str], headers: Sequence[str], note: str = ""
    ) -> ChangedRequest:
        before, after, probe = self.before[index], self.after[index], self.probes[index]
        shown = frozenset(f"header {header}" for header in headers) or found
        causes = self.attribution.explain(name, before.path, after.path, path_of(probe))
        notes = (note,) if note else ()
        return ChangedRequest(index, name, before, after, shown, causes, notes)

    def _outages(self) -> OutageFinder:
        locators, served = (self.old, self.new), (self.before, self.after)
        return OutageFinder(self.probes, locators, served, self._blocks, self._unstable)

    def _accepted(self, items: Iterable[ChangedRequest]) -> list[ChangedRequest]:
        """Return the changes with the entries that accept them: an outage also by the class that it would have else."""
        found: list[ChangedRequest] = []
        for item in items:
            before, after = self.before[item.index], self.after[item.index]
            hosts = {host_of(self.probes[item.index])}
            hosts.update(host for side in self._server_names(before, after) for host in side)
            hosts.update(server_label(served.server) for served in (before, after) if served.server is not None)
            labels = {before.label, after.label}
            entry = self.accept.find(item.name, hosts, labels)
            if entry is None and item.was:
                entry = self.accept.find(item.was, hosts, labels)
            found.append(item if entry is None else replace(item, accepted=entry))
        return found

    def _server_names(self, before: ServedBy, after: ServedBy) -> Iterator[tuple[str, ...]]:
        if before.server is not None:
            yield self.old.server_names.get(before.server.place, ())
        if after.server is not None:
            yield self.new.server_names.get(after.server.place, ())

    def _loops(self) -> Iterator[ChangedRequest]:
        for loop in cached_loops(self.probes, self.old.side.outcomes, self.new.side.outcomes):
            yield self._item(loop.probe, "cached-redirect-loop", _NOTHING, (), loop.text())

    def _upstreams(self, index: int) -> tuple[UpstreamGroup, UpstreamGroup] | None:
        """Return the upstreams that a request went to, before and now; None where one of them is unknown."""
        found: list[UpstreamGroup] = []
        for locator, groups, served in zip(
            (self.old, self.new), self._groups, (self.before[index], self.after[index]), strict=True
        ):
            upstreams = locator.side.outcomes[index].upstreams
            group = groups.of(served, call_of(upstreams[-1])) if upstreams else None
            if group is None:
                return None
            found.append(group)
        return found[0], found[1]

    def _peers(self) -> Iterator[ChangedRequest]:
        """Yield each request whose upstream is the same and has other peers: which of them is asked is nondeterminism."""
        for index in range(len(self.probes)):
            groups = self._upstreams(index)
            if groups and not is_another(*groups, *self._groups) and not groups[0].peers.isdisjoint(groups[1].peers):
                text = peers_text(*groups)
                if text:
                    yield self._item(index, "peers-changed", _NOTHING, (), text)

    def _varying_fields(self, index: int) -> frozenset[str]:
        """Return the differences between two runs of one configuration; they are not compared."""
        fields = _NOTHING
        for locator in (self.old, self.new):
            again = locator.side.again
            if again is not None:
                fields |= differences(locator.side.outcomes[index], again[index], locator.peers, locator.peers)
        self._leave_out(index, fields)
        if fields & {"status", "closed"} or self._is_silent(index):
            self._unstable.add(index)
        return fields

    def _is_silent(self, index: int) -> bool:
        return any(side.outcomes[index].closed == "timeout" for side in (self.old.side, self.new.side))

    def _other_status(self, index: int, varying: frozenset[str]) -> frozenset[str]:
        """Return `status` if the new one is none of those that the old configuration varies between."""
        again = self.old.side.again
        if again is None or not varying & {"status", "closed"}:
            return _NOTHING
        known = {self.old.side.outcomes[index].status, again[index].status}
        return frozenset({"status"}) if self.new.side.outcomes[index].status not in known else _NOTHING

    def _unstable_fields(self) -> list[UnstableField]:
        return [
            UnstableField(name, number, self.probes[self._first[name]].id)
            for name, number in sorted(self._uncompared.items())
        ]

    def _moved(self, before: ServedBy, after: ServedBy) -> bool:
        """Return True if another block answers, as far as traces show both."""
        if not (before.sure and after.sure and before.block and after.block and before.server and after.server):
            return False
        return not (self._blocks.same(before.server, after.server) and self._blocks.same(before.block, after.block))

    def _is_auth(self, call: UpstreamCall) -> bool:
        uri = call.uri.partition("?")[0]
        return bool(self._auth & {(call.peer, uri), (call.peer, "*"), ("*", uri)})

    def _unverified(
        self, accounts: Iterable[ChangeAccount], old: ReachedBlocks, new: ReachedBlocks
    ) -> list[Unverified]:
        entries: list[Unverified] = []
        for account in accounts:
            if account.state == "not-exercised":
                place = account.change.after or account.change.before
                where = (place.file, place.line) if place else (None, None)
                entries.append(Unverified("changed", account.change.line, account.reason, *where))
        for index in sorted(self._unstable):
            probe = self.probes[index]
            reason = "no answer in time" if self._is_silent(index) else "its status differs from one run to the next"
            entries.append(Unverified("unstable", f"request {probe.id}", reason, probe.file, probe.line))
        return list(dict.fromkeys([*entries, *shown_limits(old, new)]))

    def _verdicts(self, old: ReachedBlocks, new: ReachedBlocks) -> dict[str, int]:
        counts = {"verified": 0, "approx": 0, "not-verified": len(self._unstable)}
        for index in range(len(self.probes)):
            if index not in self._unstable:
                counts["approx" if old.reasons(index) or new.reasons(index) else "verified"] += 1
        return counts


#: The end of a redirect chain in one class of change: its URL, or its host, status and error.
RedirectEnd = tuple[str, str | None] | tuple[str, str, int | None, str]


def _only_later(item: ChangedRequest) -> bool:
    """Return True if only the end of the redirects changed, not the first answer."""
    return "final" in item.found and not item.found & {"status", "closed", "location"}


def _ends(name: str, url: str, outcome: ProbeOutcome | RedirectHop) -> Iterator[RedirectEnd]:
    """Yield the keys that identify where a redirect chain ends: its URL, or host and error."""
    clean = clean_url(url)
    yield (name, clean)
    if clean and outcome.errors:
        yield (name, urlsplit(clean).netloc, outcome.status, outcome.errors[0])
