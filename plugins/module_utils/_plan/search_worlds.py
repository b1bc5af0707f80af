# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The host's half of nginx_bisect: a search for the changes behind changed outcomes, in private worlds."""

from __future__ import annotations

import contextlib
import time
import typing as t

from .._namespaces.namespaces import SandboxError
from .._sandbox.world import World, available
from .._wire.outcomes import ProbeOutcome
from .._wire.probes import Probe
from .ddmin import Unit
from .host import HostOptions, find_instance, view_of
from .oracle import join_peers
from .search import ChangeSearch, SearchInput
from .search_jobs import SearchAnswer, SearchJob
from .trees import Trees


class FolderProber:
    """Send probes with one folder after another, each in a world of its own."""

    def __init__(self, options: HostOptions, job: SearchJob) -> None:
        self._instance = find_instance(options, job.sources)
        self._job = job
        self._fs = view_of(options, job.sources)
        self._end = time.monotonic() + options.timeout

    def __call__(self, folder: str, probes: t.List[Probe]) -> t.Optional[t.List[ProbeOutcome]]:
        """Return the outcomes, None where nginx does not start with this folder.

        Raises:
            SandboxError: no world came about, or the time is up.
        """
        left = self._end - time.monotonic()
        if left <= 0:
            raise SandboxError("the time for the search is up", "failed")
        try:
            with World(
                self._instance, folder, listens=self._job.listens, edge=self._job.edge, deadline=left, fs=self._fs
            ) as world:
                if self._job.create:
                    world.create_files(self._job.create)
                return world.probe(probes)
        except SandboxError as error:
            if error.kind == "refused":
                return None
            raise


def search_worlds(options: HostOptions, job: SearchJob) -> SearchAnswer:
    """Search the changes of a job; `unavailable` has the reason where no world can be built.

    Raises:
        BisectError: one of the two configurations does not start.
        TreeError: a source is not there.
        NginxError: nginx cannot be run.
        SandboxError: a world broke.
    """
    reason = available()
    if reason:
        return SearchAnswer(unavailable=reason)
    with contextlib.closing(Trees(options.config_dir, options.store)) as trees:
        before, after = (trees.folder(job.sources[name]) for name in ("before", "after"))
        units = [_unit(unit) for unit in job.units]
        wanted = SearchInput(before, after, job.files, units, job.requests, options.limit, job.budget)
        prober = FolderProber(options, job)

        def probe(folder: str, probes: t.List[Probe]) -> t.Optional[t.List[ProbeOutcome]]:
            outcomes = prober(folder, probes)
            return None if outcomes is None else [join_peers(outcome, job.peers) for outcome in outcomes]

        return ChangeSearch(wanted, probe, trees.work).run()


def _unit(unit: t.Any) -> Unit:
    if isinstance(unit, int):
        return Unit(frozenset([unit]))
    children = tuple(_unit(child) for child in unit)
    return Unit(frozenset(number for child in children for number in child.ids), children)
