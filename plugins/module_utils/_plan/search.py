# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The search for the changes behind changed outcomes: delta debugging over a folder that becomes any combination."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import typing as t

from .._wire.outcomes import ProbeOutcome
from .._wire.probes import Probe
from .ddmin import FAIL, PASS, UNRESOLVED, BisectError, Counted, Unit, search
from .oracle import differing, verdict
from .search_jobs import FoundCause, FoundCauses, PatchedFile, SearchAnswer, SearchRequest
from .trees import inside, remove, special

#: Shows a folder in place of the configuration and sends probes; returns their outcomes, None where nginx refuses it.
SendProbes = t.Callable[[str, t.List[Probe]], t.Optional[t.List[ProbeOutcome]]]

#: Sets of changes that break one request independently of each other, at most.
_CAUSES = 3


class SearchInput(t.NamedTuple):
    """A search job with its folders on this host.

    Attributes:
        before: is copied, and never changed.
        after: keys, pages and password files that are in it and not in `files` are told from `before` here; or None.
        files: the files that differ, as the controller computed them.
        units: the changes.
        requests: the requests whose outcomes changed.
        limit: of tests for one request; None: any number.
        budget: of tests for all requests; None: any number.
    """

    before: str
    after: t.Optional[str]
    files: t.List[PatchedFile]
    units: t.List[Unit]
    requests: t.List[SearchRequest]
    limit: t.Optional[int] = None
    budget: t.Optional[int] = None


class ChangeSearch:
    """One search, in a working copy of the folder `before`.

    Args:
        wanted: what to search.
        send: sends probes in a private world.
        work: a private folder for the copy.
    """

    def __init__(self, wanted: SearchInput, send: SendProbes, work: str) -> None:
        self._wanted = wanted
        self._send = send
        self._probes = [request.probe for request in wanted.requests]
        self._tree = _Tree(wanted, tempfile.mkdtemp(dir=work))
        self._units = list(wanted.units) + [Unit(frozenset([number])) for number in sorted(self._tree.others)]
        self._outcomes: t.Dict[t.FrozenSet[int], t.Optional[t.List[ProbeOutcome]]] = {}

    def run(self) -> SearchAnswer:
        """Search the causes of every request.

        Raises:
            BisectError: nginx refuses the configuration from before or the one from after.
        """
        everything = frozenset(number for unit in self._units for number in unit.ids)
        before = self._outcomes_with(frozenset())
        again = self._send(self._tree.path, self._probes)
        if before is None or again is None:
            raise BisectError("nginx does not start with the configuration from before")
        after = self._outcomes_with(everything)
        if after is None:
            raise BisectError("nginx does not start with all of the changes")
        results = [
            self._one(number, before[number], again[number], after[number]) for number in range(len(self._probes))
        ]
        for number, result in enumerate(results):
            self._take_smaller(number, result)
        others = {str(number): path for number, path in self._tree.others.items()}
        return SearchAnswer(results, others, len(self._outcomes) + 1)

    def _one(self, number: int, before: ProbeOutcome, again: ProbeOutcome, after: ProbeOutcome) -> FoundCauses:
        aspect = differing(self._wanted.requests[number].aspects, before, again, after)
        result = FoundCauses(aspect, before, after)
        if aspect is None:
            return result

        def test(ids: t.FrozenSet[int]) -> str:
            outcomes = self._outcomes_with(ids)
            return UNRESOLVED if outcomes is None else verdict(aspect or "", before, after, outcomes[number])

        counted = Counted(test, self._limit())
        # Requests of one change mostly fail for one cause: begin with the smallest part that an earlier one found.
        left, complement = _only(self._units, self._smallest(number, aspect, before, after)), FAIL
        # Several changes may each break it; each round takes one cause away and tests whether it still fails.
        while complement == FAIL and len(result.causes) < _CAUSES:
            found = search(left, counted)
            result.causes.append(FoundCause(found.ids, found.complete))
            left = _without(self._units, frozenset(each for cause in result.causes for each in cause.changes))
            rest = frozenset(number for unit in left for number in unit.ids)
            complement = counted(rest) if left else PASS
            if left and not counted.knows(rest):
                # The limit is reached: nothing is known of the rest.
                result.tests = counted.asked
                return result
        result.complement, result.tests = complement, counted.asked
        return result

    def _limit(self) -> t.Optional[int]:
        """Return the most tests for the next request. The first one repeats a test, so it is never 0."""
        budget = self._wanted.budget
        left = None if budget is None else max(1, budget - len(self._outcomes))
        return min((limit for limit in (self._wanted.limit, left) if limit is not None), default=None)

    def _take_smaller(self, number: int, result: FoundCauses) -> None:
        """Replace a cause that is not the smallest by a smaller one that a search for another request tried."""
        for cause in result.causes[:1]:
            smallest = self._smallest(number, result.aspect or "", result.before, result.after)
            if not cause.complete and len(smallest) < len(cause.changes):
                cause.changes = sorted(smallest)

    def _smallest(self, number: int, aspect: str, before: ProbeOutcome, after: ProbeOutcome) -> t.FrozenSet[int]:
        """Return the smallest set of changes among those that were tried with which a request fails."""
        failing = (
            ids
            for ids, outcomes in self._outcomes.items()
            if outcomes is not None and verdict(aspect, before, after, outcomes[number]) == FAIL
        )
        return min(failing, key=lambda ids: (len(ids), sorted(ids)))

    def _outcomes_with(self, ids: t.FrozenSet[int]) -> t.Optional[t.List[ProbeOutcome]]:
        if ids not in self._outcomes:
            self._tree.become(ids)
            self._outcomes[ids] = self._send(self._tree.path, self._probes)
        return self._outcomes[ids]


def _only(units: t.Iterable[Unit], ids: t.FrozenSet[int]) -> t.List[Unit]:
    kept = []
    for unit in units:
        if unit.ids <= ids:
            kept.append(unit)
        elif unit.ids & ids and unit.children:
            kept += _only(unit.children, ids)
    return kept


def _without(units: t.Iterable[Unit], ids: t.FrozenSet[int]) -> t.List[Unit]:
    left = []
    for unit in units:
        if unit.ids & ids and unit.children:
            left += _without(unit.children, ids)
        elif not unit.ids & ids:
            left.append(unit)
    return left


class _Tree:
    """A copy of the folder from before that becomes any combination of the changes."""

    def __init__(self, job: SearchInput, path: str) -> None:
        self.path = os.path.join(path, "tree")
        shutil.copytree(job.before, self.path, symlinks=True, ignore=special)
        self._before, self._after = job.before, job.after
        self._files = job.files
        self._state: t.Dict[str, t.Optional[bytes]] = {}
        first = 1 + max((number for unit in job.units for number in unit.ids), default=0)
        known = {file.path for file in job.files}
        differ = _differing(job.before, job.after, known) if job.after else []
        #: Changes that are whole files of another kind: number -> path.
        self.others = {first + number: path for number, path in enumerate(differ)}

    def become(self, ids: t.FrozenSet[int]) -> None:
        for file in self._files:
            content = file.patched(ids)
            path = file.path
            if path not in self._state or self._state[path] != content:
                self._state[path] = content
                _replace(inside(self.path, path), content)
        for number, path in self.others.items():
            source = os.path.join((self._after or "") if number in ids else self._before, path)
            target = inside(self.path, path)
            remove(target)
            if os.path.lexists(source):
                os.makedirs(os.path.dirname(target), exist_ok=True)
                shutil.copy2(source, target, follow_symlinks=False)


def _replace(path: str, content: t.Optional[bytes]) -> None:
    mode = stat.S_IMODE(os.stat(path).st_mode) if os.path.isfile(path) else 0o644
    remove(path)
    if content is not None:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(handle, "wb") as file:
            file.write(content)


def _differing(before: str, after: str, known: t.Container[str]) -> t.List[str]:
    # Files and links below both folders that are not the same, without those that the controller has split already.
    paths = _listed(before) | _listed(after)
    return sorted(path for path in paths if path not in known and not _same(before, after, path))


def _listed(folder: str) -> t.Set[str]:
    found = set()
    for place, folders, names in os.walk(folder):
        for name in names + [each for each in folders if os.path.islink(os.path.join(place, each))]:
            path = os.path.join(place, name)
            if os.path.islink(path) or os.path.isfile(path):
                found.add(os.path.relpath(path, folder))
    return found


def _same(before: str, after: str, path: str) -> bool:
    one, other = os.path.join(before, path), os.path.join(after, path)
    if not os.path.lexists(one) or not os.path.lexists(other) or os.path.islink(one) != os.path.islink(other):
        return False
    if os.path.islink(one):
        return os.readlink(one) == os.readlink(other)
    with open(one, "rb") as old, open(other, "rb") as new:
        while True:
            mine, others = old.read(1 << 16), new.read(1 << 16)
            if mine != others:
                return False
            if not mine:
                return True
