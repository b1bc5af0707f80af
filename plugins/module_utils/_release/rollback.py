# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Roll back to the confirmed release."""

from __future__ import annotations

import contextlib
import shutil

from .changes import at, changes, differing, managed
from .clock import timestamp
from .context import HostContext
from .diffs import with_secrecy
from .disk import scan
from .errors import ReleaseError
from .lease import Leasing
from .manifest import Release, drifted
from .results import RollbackResult
from .state import ROLLBACK, HostState, Transaction, Trial
from .transaction import complete
from .tree_entry import Tree


class Rollback:
    """Bring the confirmed release back."""

    def __init__(self, context: HostContext, leasing: Leasing) -> None:
        self.context, self.leasing = context, leasing

    def run(self, state: HostState, by: str | None = None) -> RollbackResult:
        """Restore the files, reload, prove and hold the former gate. Raises `ReleaseError` if the host needs a person.

        `by` is what on the host decided it (`boot`, `lease`, `recover`), None for a run of a person. At boot only files
        are restored, because nginx starts afterwards.
        """
        target = self.context.store.releases.read(state.confirmed)
        result = RollbackResult(target.id, changed=bool(state.transaction))
        active: Trial | None = None
        try:
            complete(self.context, state)
            active = state.active
            if active:
                self._restore(state, active, target, result)
            if by != "boot":
                self._restore_running(state, target, active, result)
        except ReleaseError as error:
            raise self._failed(state, target, error, by) from error
        if state.trouble:
            state.trouble = None
            self.context.store.save(state)
        if result.changed:
            self.context.record("rolled_back", target.id, {"abandoned": active.id if active else None, "by": by})
        else:
            result.older = [name for name in self.context.store.releases.ids() if name != target.id]
        self.leasing.end()
        return result

    def _failed(self, state: HostState, target: Release, error: ReleaseError, by: str | None) -> ReleaseError:
        self.context.record("rollback_failed", target.id, {"reason": str(error), "by": by})
        state.trouble = self.context.redact(str(error))
        with contextlib.suppress(ReleaseError):
            self.context.store.save(state)
        files = "not " if state.transaction or state.active else ""
        return ReleaseError(
            f"ROLLBACK FAILED: the files of {target.id} are {files}restored; {error}; look at this host now",
            "rollback_failed",
            **error.details,
        )

    def _restore(self, state: HostState, active: Trial, target: Release, result: RollbackResult) -> None:
        """Restore the confirmed release's files. Edits of the active release's files become a release of their own."""
        context, abandoned = self.context, self.context.store.releases.read(active.id)
        touched = managed(abandoned.tree, target.tree)
        edited = differing(at(context.live, touched), abandoned.tree, touched)
        if edited:
            result.edited = edited
            with contextlib.suppress(ReleaseError):
                result.kept = self.keep_live(touched, abandoned.tree).id
        state.transaction = Transaction(ROLLBACK, timestamp(), abandoned.id, target.id)
        context.store.save(state)
        plan = changes(at(context.live, touched), target.tree, touched)
        complete(context, state)
        result.changed = True
        result.added, result.modified, result.removed = plan.added, plan.changed, plan.removed

    def _restore_running(self, state: HostState, target: Release, active: Trial | None, result: RollbackResult) -> None:
        context, running = self.context, self.context.host.master() is not None
        if running and active and active.started:
            context.host.stop()
            state.running = None
            context.store.save(state)
            result.stopped = True
        elif (running or (active and active.was_running)) and context.running(state) != target.id:
            abandoned = context.store.releases.read(active.id).facts if active else None
            result.changed = True
            result.proof = context.prove(state, target, abandoned)
            if active:
                gate = context.host.rollback_gate(active.gate, active.baseline)
                result.gate = context.host.gate(gate, active.baseline, target.facts)
                context.judge("gate", target.id, result.gate)

    def keep_live(self, touched: set[str], known: Tree) -> Release:
        """Save the live files as a release managing `touched`; keep the secret flags of the `known` tree."""
        store, live, work = self.context.store, self.context.live, self.context.store.releases.work_folder()
        try:
            release = drifted(with_secrecy(known, scan(live)[0]), touched, self.context.settings.metadata)
            store.releases.build(work, release, lambda entry: live.chunks(entry.path))
            store.releases.install(work, release, contextlib.ExitStack())
            return release
        finally:
            shutil.rmtree(work.path, ignore_errors=True)

    def settle(self, state: HostState) -> list[str]:
        """Roll back what a dead run has left, and return what was done, in words."""
        recovered = complete(self.context, state)
        active, running = state.active, self.context.running(state)
        if active or running not in (None, state.confirmed):
            self.run(state)
            left_behind = active.id if active else running
            recovered.append(f"{left_behind} was left unconfirmed: rolled back to {state.confirmed}")
        return recovered
