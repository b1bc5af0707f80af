# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The release engine: the steps of one host."""

from __future__ import annotations

import typing as t

from .activation import Activation
from .build import Goal
from .candidate import HostCandidate
from .confirmation import Adoption, Confirmation
from .context import HostContext
from .errors import ReleaseError
from .host import Host
from .host_files import Redact
from .inspection import Inspection
from .journal import JournalLine
from .lease import Leasing
from .manifest import Release
from .recovery import Recovery
from .reservation import Reserving
from .results import (
    AdoptResult,
    ConfirmResult,
    DriftedFile,
    ExpireResult,
    PruneResult,
    RecoverResult,
    RemoveResult,
    Reserved,
    RollbackResult,
    StageResult,
    Status,
    StoredRollbackResult,
    UnlockResult,
)
from .rollback import Rollback
from .settings import Settings
from .staging import Staging
from .state import GateOptions, HostState


class Engine:
    """The facade of the engine. It wires the parts and offers their steps.

    A step that changes the host takes the lock. Each step raises `ReleaseError` where it is refused or fails.

    Args:
        settings: which nginx, which store.
        host: asks nginx; tests have one of their own.
        redact: masks secrets in the journal and in messages.
        before: is called ahead of every write, for tests that end the process there.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        host: Host | None = None,
        redact: Redact = lambda value: value,
        before: t.Callable[[str], None] | None = None,
    ) -> None:
        self.context = HostContext(settings, host=host, redact=redact, before=before)
        self._leasing = Leasing(self.context)
        self._reserving = Reserving(self.context)
        self._inspection = Inspection(self.context.store, self.context.host.master)
        self._rollback = Rollback(self.context, self._leasing)
        self._staging = Staging(self.context, self._leasing, self._reserving, self._rollback)
        self._activation = Activation(self.context, self._leasing, self._reserving, self._rollback)
        self._confirmation = Confirmation(self.context, self._leasing, self._reserving)

    # Forward

    def stage(self, candidate: HostCandidate, *, check_only: bool = False) -> Reserved | StageResult:
        """Store the release of a candidate; with `check_only` only return what that would do."""
        return self._staging.foresee(candidate) if check_only else self._staging.stage(candidate)

    def activate(
        self,
        release: str,
        *,
        reload: bool,
        gate: GateOptions | None = None,
        rollback_on_failure: bool = False,
    ) -> Reserved:
        """Make a staged release the live one; with `reload` also the running one, proven and gated."""
        return self._activation.activate(
            release, gate or GateOptions(), reload=reload, rollback_on_failure=rollback_on_failure
        )

    def confirm(self, release: str) -> ConfirmResult:
        """End the trial of a release that was proven and gated."""
        return self._confirmation.confirm(release)

    def adopt(self) -> AdoptResult:
        """Confirm managed files that were edited by hand."""
        return Adoption(self.context, self._leasing, self._reserving, self._rollback).adopt()

    # Back

    def rollback(self, release: str | None = None) -> RollbackResult | StoredRollbackResult:
        """Roll back to the confirmed release, or to another stored one, which is confirmed then.

        With `on_drift=overwrite` edited files of the confirmed release are restored, too.
        """
        context = self.context
        if context.store.state() is None:
            if release:
                raise ReleaseError(f"release {release} is not in the store {context.settings.store}", "unknown_release")
            return RollbackResult(None, changed=False, state="absent")
        with context.locked(f"rollback {release or ''}".strip()) as state:
            result: RollbackResult | StoredRollbackResult
            if release is None or release == state.confirmed:
                result = self._rollback.run(state)
                if context.settings.on_drift == "overwrite" and context.drift.paths():
                    result = self._deploy_stored(state, context.store.releases.read(state.confirmed))
            else:
                result = self._deploy_stored(state, context.store.releases.read(release))
            self._reserving.give_back()
            return result

    def _deploy_stored(self, state: HostState, stored: Release) -> StoredRollbackResult:
        """Stage, activate and confirm a stored release; roll back where that fails."""
        context = self.context
        self._rollback.settle(state)
        result = StoredRollbackResult(self._staging.build(Goal(stored.id, stored=stored), state))
        fresh = context.state()
        if not result.staged.changed or fresh is None:
            return result
        gate = context.store.releases.gate(stored)
        try:
            result.activated = self._activation.run(fresh, stored.id, gate, reload=True)
        except ReleaseError as error:
            error.details["rollback"] = self._rollback.run(fresh).to_json()
            raise
        result.confirmed = self._confirmation.run(fresh, stored.id)
        return result

    def recover(self, *, boot: bool = False) -> RecoverResult:
        """Bring the host back to one whole tree after a crash, and to the confirmed one if its lease has ended."""
        return self._recovery().recover(boot=boot)

    def expire(self, token: str) -> ExpireResult:
        """End the lease `token`: roll back, unless it was given back or renewed."""
        return self._recovery().expire(token)

    def _recovery(self) -> Recovery:
        return Recovery(self.context, self._leasing, self._reserving, self._rollback)

    # House-keeping

    def remove(self, release: str) -> RemoveResult:
        """Delete a stored release."""
        return self._confirmation.remove(release)

    def prune(self, keep: int) -> PruneResult:
        """Delete all but the newest `keep` stored releases and the needed ones."""
        return self._confirmation.prune(keep)

    def unlock(self) -> UnlockResult:
        """Give the host back from a rollout."""
        return self._reserving.unlock()

    # Reading, without the lock

    def status(self) -> Status:
        """Return the releases, the one that nginx runs, and the claims on the host."""
        return self._inspection.status()

    def history(self) -> list[JournalLine]:
        """Return the journal, newest first."""
        return self._inspection.history()

    def drift(self) -> list[str]:
        """Return the managed paths at which the live folder differs from the live release."""
        return self.context.drift.paths()

    def drift_diff(self) -> list[DriftedFile]:
        """Return what became of these paths; secrets appear as fingerprints."""
        return self.context.drift.summaries()
