# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Two configurations, the same requests: what changed, why, and what nobody can vouch for."""

from __future__ import annotations

import datetime as dt
import typing as t
from collections import Counter
from dataclasses import replace
from functools import cached_property
from urllib.parse import urlsplit

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.gc_paused import collector_paused
from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import walk
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.errors import RouteError

from .accepting import AcceptList
from .attribution import Locator, Side, host_of, is_made_up, path_of, spellings
from .causes import Causes
from .classify import Pair, classes_of, removed_headers
from .coverage import Reached, changed_not_verified, dedupe, shown_limits, unused_changes
from .grouping import Grouper, Item
from .names import find_moves
from .nondeterminism import ANY, Chance
from .outcome_diff import differences
from .redirects import cached_loops, clean_url, url_of
from .result import Report, Unverified

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Config
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.marker import Block

    from .attribution import Probe, Served
    from .causes import SemanticDiff
    from .outcome_diff import Call, Outcome

_NOTHING: t.Final[frozenset[str]] = frozenset()


class Expected(t.Protocol):
    """A user's expectations, as far as this room reads them."""

    @property
    def accept(self) -> Iterable[Mapping[str, t.Any]]: ...

    def check(
        self,
        outcomes: Iterable[Outcome],
        *,
        config: Config | None = None,
        markers: Mapping[str, Block] | None = None,
        traced: Iterable[Outcome] | None = None,
    ) -> list[dict[str, t.Any]]: ...


@collector_paused()
def compare(
    probes: Sequence[Probe],
    before: Side | Sequence[Outcome],
    after: Side | Sequence[Outcome],
    *,
    diff: SemanticDiff | None = None,
    expectations: Expected | None = None,
    accept: Iterable[Mapping[str, t.Any]] = (),
    today: dt.date | None = None,
) -> Report:
    """Compare what the same requests got from two configurations.

    Args:
        probes: the requests.
        before: the outcomes of the old configuration, one per probe, with what else is known of it.
        after: those of the new one.
        diff: the semantic diff of the two, to explain changes and to tell which block is which.
        expectations: what the user wrote down; checked against the new outcomes.
        accept: expected changes beside those of the expectations.
        today: the day on which accepted changes have to be valid. Default: today, in UTC.

    Raises:
        RouteError: a side has not one outcome per probe (a private world that failed is no outcome), or an entry of
            `accept` cannot be read.
    """
    old, new = (side if isinstance(side, Side) else Side(side) for side in (before, after))
    for name, side in (("old", old), ("new", new)):
        for outcomes in (side.outcomes, side.traced, side.again):
            if outcomes is not None and len(outcomes) != len(probes):
                raise RouteError(f"{len(probes)} requests have {len(outcomes)} outcomes of the {name} configuration")
    entries = [*accept, *(expectations.accept if expectations else ())]
    day = today or dt.datetime.now(tz=dt.UTC).date()
    comparison = _Comparison(probes, old, new, diff, AcceptList(entries, day))
    results = (
        []
        if expectations is None
        else expectations.check(new.outcomes, config=new.config, markers=new.markers, traced=new.traced)
    )
    return comparison.report(results)


class _Comparison:
    def __init__(
        self, probes: Sequence[Probe], old: Side, new: Side, diff: SemanticDiff | None, accept: AcceptList
    ) -> None:
        self.probes = probes
        self.diff = diff
        self.accept = accept
        self.causes = Causes(diff)
        self.old, self.new = Locator(old), Locator(new)
        self.before = [self.old.served(index, probe) for index, probe in enumerate(probes)]
        self.after = [self.new.served(index, probe) for index, probe in enumerate(probes)]
        self._same: dict[tuple[t.Any, ...], bool] = {}
        self._auth = _auth_requests(self.old) | _auth_requests(self.new)
        self._chance = (Chance(old.config), Chance(new.config))
        self.noise: Counter[str] = Counter()
        self.noisy: dict[str, int] = {}
        self.unstable: set[int] = set()

    def report(self, expectations: list[dict[str, t.Any]]) -> Report:
        items = [*self._at_the_end(list(self._items())), *self._loops()]
        moves = find_moves(self.probes, (self.before, self.after), (self.old, self.new), self.same)
        outcomes = (self.old.side.outcomes, self.new.side.outcomes)
        grouper = Grouper(self.probes, outcomes, (self.before, self.after), moves, self.causes)
        changed = [item for item in items if item.accepted is None]
        unstable = frozenset(self.unstable)
        old, new = Reached(self.old, unstable), Reached(self.new, unstable)
        return Report(
            requests=len(self.probes),
            changes=grouper.groups(changed),
            accepted=grouper.groups([item for item in items if item.accepted is not None]),
            changed_requests=len({item.index for item in changed}),
            unverified=self._unverified(old, new),
            coverage=new.coverage(self.probes),
            verdicts=self._verdicts(old, new),
            expectations=expectations,
            noise=self._noise(),
            accept_expired=[entry.as_dict() for entry in self.accept.expired],
            accept_unused=[entry.as_dict() for entry in self.accept.unused],
            config=None if self.diff is None else dict(self.diff.summary),
            unobserved=len(unused_changes(self.diff, {number for item in items for number in item.causes})),
        )

    def _items(self) -> Iterator[Item]:
        """Every request that changed, in each of its classes."""
        old_side, new_side = self.old.side, self.new.side
        old_peers, new_peers = self.old.peers, self.new.peers
        for index, (old, new) in enumerate(zip(old_side.outcomes, new_side.outcomes, strict=True)):
            found = differences(old, new, old_peers, new_peers)
            noise = self._noise_of(index)
            if noise:
                found = (found - noise) | self._beyond_noise(index, noise)
            before, after = self.before[index], self.after[index]
            moved = self._moved(before, after)
            if after.block is not None and after.block.place in self.new.counters:
                found -= {"body"}
            if not found and not moved:
                continue
            pair = Pair(old, new, found, old_peers, new_peers, self._is_auth, moved, self._added(after))
            items = [
                self._item(index, name, found, removed_headers(pair) if name == "security-header-removed" else ())
                for name in sorted(classes_of(pair))
            ]
            if self._is_chance(items, found):
                self._count_noise(index, found)
            else:
                yield from items

    def _is_chance(self, items: Sequence[Item], found: frozenset[str]) -> bool:
        """Whether no change of the configuration lies on the way, and something does that is another each time."""
        if self.diff is None or any(item.causes for item in items):
            return False
        old, new = self._chance
        varying = {field for item in items for field in (*old.fields(item.old.path), *new.fields(item.new.path))}
        return ANY in varying or bool(found and found <= varying)

    def _count_noise(self, index: int, names: Iterable[str]) -> None:
        for name in names:
            self.noise[name] += 1
            self.noisy.setdefault(name, index)

    def _at_the_end(self, items: list[Item]) -> Iterator[Item]:
        """The items; one that changed only where its redirects end counts with a request that gets the same there."""
        asked: dict[tuple[t.Any, ...], Item] = {}
        for item in items:
            probe = self.probes[item.index]
            if probe["method"] == "GET" and not is_made_up(probe) and not _only_later(item):
                for key in _ends(item.name, url_of(probe), self.new.side.outcomes[item.index]):
                    asked.setdefault(key, item)
        for item in items:
            hops = self.new.side.outcomes[item.index].get("hops") if _only_later(item) else None
            keys = _ends(item.name, str(hops[-1]["url"]), hops[-1]) if hops else ()
            same = next((asked[key] for key in keys if key in asked), None)
            if same is None or same.accepted is not item.accepted:
                yield item
            else:
                yield replace(item, old=same.old, new=same.new, causes=same.causes)

    def _item(self, index: int, name: str, found: frozenset[str], headers: Sequence[str], note: str = "") -> Item:
        before, after, probe = self.before[index], self.after[index], self.probes[index]
        shown = frozenset(f"header {header}" for header in headers) or found
        hosts = {host_of(probe)} | {host for side in self._server_names(before, after) for host in side}
        accepted = self.accept.find(name, hosts, {before.label, after.label})
        causes = self.causes.explain(name, before.path, after.path, path_of(probe))
        notes = (note,) if note else ()
        return Item(index, name, before, after, shown, causes, notes, accepted)

    def _server_names(self, before: Served, after: Served) -> Iterator[tuple[str, ...]]:
        if before.server is not None:
            yield self.old.server_names.get(before.server.place, ())
        if after.server is not None:
            yield self.new.server_names.get(after.server.place, ())

    def _loops(self) -> Iterator[Item]:
        for loop in cached_loops(self.probes, self.old.side.outcomes, self.new.side.outcomes):
            yield self._item(loop.probe, "cached-redirect-loop", _NOTHING, (), loop.text())

    def _noise_of(self, index: int) -> frozenset[str]:
        """What differs between two runs of one configuration."""
        noise = _NOTHING
        for locator in (self.old, self.new):
            again = locator.side.again
            if again is not None:
                noise |= differences(locator.side.outcomes[index], again[index], locator.peers, locator.peers)
        self._count_noise(index, noise)
        outcomes = (self.old.side.outcomes[index], self.new.side.outcomes[index])
        if noise & {"status", "closed"} or any(outcome.get("closed") == "timeout" for outcome in outcomes):
            self.unstable.add(index)
        return noise

    def _beyond_noise(self, index: int, noise: frozenset[str]) -> frozenset[str]:
        """A status that is none of those that the old configuration answers by turns."""
        again = self.old.side.again
        if again is None or not noise & {"status", "closed"}:
            return _NOTHING
        known = {outcome.get("status") for outcome in (self.old.side.outcomes[index], again[index])}
        return frozenset({"status"}) if self.new.side.outcomes[index].get("status") not in known else _NOTHING

    def _noise(self) -> list[dict[str, t.Any]]:
        return [
            {"field": name, "requests": number, "example": str(self.probes[self.noisy[name]]["id"])}
            for name, number in sorted(self.noise.items())
        ]

    def same(self, old: Block, new: Block) -> bool:
        """Whether two blocks are one, before and after."""
        key = (old.place, new.place)
        if key not in self._same:
            self._same[key] = old.text == new.text if self.diff is None else self.diff.same(*key)
        return self._same[key]

    def _moved(self, before: Served, after: Served) -> bool:
        """Whether another block answers, as far as both are known from traces."""
        if not (before.sure and after.sure and before.block and after.block and before.server and after.server):
            return False
        return not (self.same(before.server, after.server) and self.same(before.block, after.block))

    def _added(self, after: Served) -> bool | None:
        """Whether the answering block is a new one; None where it is not known."""
        if after.block is None or not self.old.side.markers:
            return None
        if self.diff is None:
            return after.block.text not in self._old_texts
        place = after.block.place
        return (place.file, place.line, place.column) not in self._survivors

    @cached_property
    def _survivors(self) -> frozenset[tuple[str, int, int]]:
        """The places of the new configuration's blocks that the old one had."""
        blocks = self.diff.blocks.values() if self.diff else ()
        return frozenset(place for places in blocks for place in places)

    @cached_property
    def _old_texts(self) -> frozenset[str]:
        return frozenset(block.text for block in self.old.side.markers.values())

    def _is_auth(self, call: Call) -> bool:
        uri = call.uri.partition("?")[0]
        return bool(self._auth & {(call.peer, uri), (call.peer, "*"), ("*", uri)})

    def _unverified(self, old: Reached, new: Reached) -> list[Unverified]:
        entries: list[Unverified] = []
        if self.diff is not None:
            entries += changed_not_verified(self.diff, old, new, self.probes)
        for index in sorted(self.unstable):
            probe = self.probes[index]
            silent = any(s.outcomes[index].get("closed") == "timeout" for s in (self.old.side, self.new.side))
            reason = "no answer in time" if silent else "its status differs from one run to the next"
            entries.append(
                Unverified("unstable", f"request {probe['id']}", reason, probe.get("file"), probe.get("line"))
            )
        return dedupe([*entries, *shown_limits(old, new)])

    def _verdicts(self, old: Reached, new: Reached) -> dict[str, int]:
        counts = {"verified": 0, "approx": 0, "not-verified": len(self.unstable)}
        for index in range(len(self.probes)):
            if index not in self.unstable:
                counts["approx" if old.reasons(index) or new.reasons(index) else "verified"] += 1
        return counts


def _only_later(item: Item) -> bool:
    """Whether the request itself gets what it got, and only the end of its redirects is another."""
    return "final" in item.found and not item.found & {"status", "closed", "location"}


def _ends(name: str, url: str, outcome: Mapping[str, t.Any]) -> Iterator[tuple[t.Any, ...]]:
    """By what the end of a chain is found again: its URL, or its host with what went wrong there."""
    clean = clean_url(url)
    yield (name, clean)
    errors = outcome.get("errors")
    if clean and errors:
        yield (name, urlsplit(clean).netloc, outcome.get("status"), errors[0])


def _auth_requests(locator: Locator) -> set[tuple[str, str]]:
    """Upstream and URI of what `auth_request` asks, as the location that it names passes it on; `*` for any.

    Where no location has that very name, the request is told by its URI alone, as a prefix passes it on.
    """
    config = locator.side.config
    uris: set[str] = set()
    locations: dict[str, list[tuple[str, str]]] = {}
    for directive in walk(config.root) if config else ():
        if directive.name == "auth_request" and directive.args[:1] not in ([], ["off"]):
            uris.add(directive.args[0].partition("?")[0])
        elif directive.name.endswith("_pass") and directive.args and directive.parent is not None:
            name = directive.parent.args[-1] if directive.parent.name == "location" and directive.parent.args else ""
            address = directive.args[0].partition("://")[2] or directive.args[0]
            host, slash, path = address.partition("/") if not address.startswith("unix:") else (address, "", "")
            path = "*" if "$" in path else slash + path
            locations.setdefault(name, []).append((host, path))
    found: set[tuple[str, str]] = set()
    for uri in uris:
        if uri not in locations:
            found.add(("*", uri))
        for host, path in locations.get(uri, ()):
            for peer in (host, *_peers_of(locator, host)):
                found.update((name, path or uri) for name in spellings(peer))
    return found


def _peers_of(locator: Locator, name: str) -> Iterator[str]:
    config = locator.side.config
    for directive in walk(config.root) if config else ():
        if directive.name == "upstream" and directive.args == [name]:
            for server in directive.find("server"):
                yield from server.args[:1]
