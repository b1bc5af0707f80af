# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stage a release: build it, validate it, and store it."""

from __future__ import annotations

import dataclasses
import os
import shutil
import tempfile

from .._common.redaction import Redactor
from .build import Goal, ReleaseBuild
from .candidate import HostCandidate, check, identity
from .claims import reservation_view
from .context import HostContext
from .disk import Folder, scan
from .errors import ReleaseError
from .lease import Leasing
from .manifest import Release
from .reservation import Reserving
from .results import Reserved, StageResult
from .rollback import Rollback
from .state import HostState
from .switch import switch
from .transaction import touched_paths


class Staging:
    """Stage candidates and stored releases."""

    def __init__(self, context: HostContext, leasing: Leasing, reserving: Reserving, rollback: Rollback) -> None:
        self.context, self.leasing, self.reserving, self.rollback = context, leasing, reserving, rollback

    def stage(self, candidate: HostCandidate) -> Reserved:
        """Store the release of a candidate, and reserve the host if it has something to do.

        A refused candidate leaves the store as it was. What a dead run has left (an interrupted switch, an unconfirmed
        release whose lease has ended) is rolled back first.

        Raises:
            ReleaseError: nginx refuses the candidate, or another run may still confirm its release.
        """
        goal = self._goal(candidate)
        with self.context.store.lock(f"stage {goal.id}", create=True):
            state = self.context.state()
            before = dataclasses.replace(state) if state else None
            self.leasing.refuse_trial_of_others(state)
            self.reserving.refuse_others()
            recovered = self.rollback.settle(state) if state else []
            result = self.build(goal, state)
            if result.changed:
                self.reserving.take()
            else:
                self.reserving.give_back()
            if recovered:
                result.changed, result.recovered = True, recovered
            reserved = Reserved(result, reservation_view(self.context.store))
            self.context.metrics.choose(before)
        return reserved

    def foresee(self, candidate: HostCandidate) -> StageResult:
        """Return what `stage` would do, and change nothing."""
        goal = self._goal(candidate)
        with tempfile.TemporaryDirectory(prefix="failsafe-nginx-") as path:
            work, live, state = Folder(path), self.context.live, self.context.state()
            self.leasing.refuse_trial_of_others(state)
            self.reserving.refuse_others()
            pending = bool(state and (state.transaction or state.active))
            if state and pending:
                live = self._recovered_copy(state, work)
            build = ReleaseBuild(self.context, state=state, live=live, work=work)
            result = build.run(goal, (lambda known: known.confirmed) if pending else self.context.running)
        if pending:
            result.changed, result.recovered = True, ["would be rolled back first"]
        return result

    def build(self, goal: Goal, state: HostState | None) -> StageResult:
        """Build a goal and install it in the store, with the lock held."""
        work = self.context.store.releases.work_folder()
        try:
            build = ReleaseBuild(self.context, state=state, live=self.context.live, work=work)
            result = build.run(goal, self.context.running)
            build.commit(result)
        finally:
            shutil.rmtree(work.path, ignore_errors=True)
        return result

    def _goal(self, candidate: HostCandidate) -> Goal:
        self.context.mask(Redactor(candidate.secrets, keep_keys=True))
        check(candidate)
        guarded = frozenset(entry.path for entry in candidate.entries if self._holds_secret(entry.content))
        if not os.path.isdir(self.context.live.path):
            raise ReleaseError(
                f"there is no configuration folder {self.context.settings.config_dir}: is nginx installed?", "folder"
            )
        return Goal(identity(candidate.entries), candidate.entries, guarded)

    def _holds_secret(self, content: bytes) -> bool:
        text = content.decode("utf-8", "replace")
        return bool(self.context.redact(text) != text)

    def _recovered_copy(self, state: HostState, work: Folder) -> Folder:
        context, tree = self.context, scan(self.context.live)[0]
        release = Release("live", "", "", "tree", tree)
        copy = context.store.releases.build(work, release, lambda entry: context.live.chunks(entry.path))
        confirmed = context.store.releases.read(state.confirmed)
        switch(copy, context.store.releases.files(confirmed), confirmed.tree, touched_paths(context, state))
        return copy
