# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Activate a staged release: replace files, reload, prove and hold the gate."""

from __future__ import annotations

import dataclasses
import json
import os

from .._common.json_fields import encode
from .changes import Changes, changes, differing, managed
from .claims import lease_view, reservation_view
from .clock import timestamp
from .context import HostContext
from .disk import scan
from .errors import ReleaseError
from .host import pace_of
from .lease import Leasing
from .manifest import Release
from .reservation import Reserving
from .results import ActivateResult, Reserved
from .rollback import Rollback
from .state import ACTIVATE, GATED, RUNNING, SWITCHED, GateOptions, HostState, Staged, Transaction, Trial, this_moment
from .switch import switch
from .transaction import complete

_RELOADS = 2  # times reload_timeout: nginx -T may have to read the live files first
_NAMED = 10  # edited paths in a message


class Activation:
    """Make a staged release the live and the running one."""

    def __init__(self, context: HostContext, leasing: Leasing, reserving: Reserving, rollback: Rollback) -> None:
        self.context, self.leasing, self.reserving, self.rollback = context, leasing, reserving, rollback

    def activate(self, release: str, gate: GateOptions, *, reload: bool, rollback_on_failure: bool) -> Reserved:
        """Activate a release for this run's rollout; with `reload` also reload, prove and hold the gate.

        Raises:
            ReleaseError: a step failed; `details` has the rollback, if there was one.
        """
        with self.context.locked(f"activate {release}") as state:
            self.reserving.refuse_others()
            self.reserving.take()
            try:
                result = self.run(state, release, gate, reload=reload)
            except ReleaseError as error:
                if rollback_on_failure and state.active:
                    error.details["rollback"] = self.rollback.run(state).to_json()
                    self.reserving.give_back()
                raise
            return Reserved(result, reservation_view(self.context.store))

    def run(self, state: HostState, release: str, gate: GateOptions, *, reload: bool) -> ActivateResult:
        """Activate a release with the lock held."""
        self.context.host.check_gate(gate)
        complete(self.context, state)
        result = ActivateResult(release)
        if state.active and state.active.id == release:
            trial = state.active
            self.leasing.refuse_after_reboot(state, release)
            self.leasing.renew(state)
        elif state.staged and state.staged.id == release:
            trial, plan = self._switch(state, state.staged, gate)
            result.changed = True
            result.added, result.modified, result.removed = plan.added, plan.changed, plan.removed
        elif not state.active and state.confirmed == release and self.context.running(state) == release:
            return ActivateResult(release, state="confirmed")
        else:
            raise ReleaseError(
                f"{release} is neither staged nor active here ({state.summary()}){self.context.fate(release)}: stage it first",
                "order",
            )
        runs = self.context.running(state) == release
        if reload and not (runs and trial.phase == GATED):
            seconds = _RELOADS * self.context.settings.reload_timeout + (gate.timeout or 0) + (gate.soak or 0)
            seconds += pace_of(gate)
            with self.leasing.kept_alive(state, seconds):
                self._reload_and_gate(state, trial, gate, result, runs=runs)
            result.changed = runs = True
        result.phase, result.reload_needed, result.lease = trial.phase, not runs, lease_view(self.context.store, state)
        return result

    def _switch(self, state: HostState, staged: Staged, gate: GateOptions) -> tuple[Trial, Changes]:
        """Replace the live files in one transaction, under a lease."""
        context, store = self.context, self.context.store
        base, target = store.releases.read(staged.base), store.releases.read(staged.id)
        touched = managed(base.tree, target.tree, store.releases.read(state.confirmed).tree)
        self._refuse_edits(base, touched)
        running = context.host.master() is not None
        baseline = context.host.baseline(gate, base.facts) if running else []
        self._put_aside(base, target, touched, json.dumps([state.to_json(), baseline, encode(gate)]))
        self.leasing.arm(target.id)
        state.transaction = Transaction(ACTIVATE, timestamp(), base.id, target.id)
        store.save(state)
        try:
            context.record("activating", target.id, must=True)
            plan = switch(context.live, store.releases.files(target), target.tree, touched)
            trial = Trial(
                target.id, SWITCHED, timestamp(), was_running=running, started=False, before=base.facts,
                baseline=baseline, gate=gate,
            )  # fmt: skip
            done = dataclasses.replace(state, active=trial, staged=None, transaction=None, switched=this_moment())
            store.save(done)
        except ReleaseError:
            complete(context, state)
            self.leasing.end()
            raise
        state.become(done)
        replaced = {"added": plan.added, "modified": plan.changed, "removed": plan.removed}
        context.record("activated", target.id, replaced)
        return trial, plan

    def _put_aside(self, base: Release, target: Release, touched: set[str], state: str) -> None:
        """Put aside what a rollback needs on a full disk; without that there is no activation."""
        plan = changes(base.tree, target.tree, touched)
        try:
            self.context.store.spare.preallocate(self.context.live, plan.changed + plan.removed, len(state))
        except ReleaseError:
            self.context.store.spare.free()
            raise

    def _refuse_edits(self, base: Release, touched: set[str]) -> None:
        """Refuse a folder that changed since it was staged: all of it was validated, unmanaged files too."""
        live = self.context.live
        found = scan(live)[0]
        edited = differing(found, base.tree, {*found, *base.tree, *touched})
        if edited:
            written = self.context.host.written(base.facts)
            edited = [path for path in edited if path in touched or os.path.join(live.path, path) not in written]
        if edited:
            more = f" and {len(edited) - _NAMED} more" if len(edited) > _NAMED else ""
            names = ", ".join(edited[:_NAMED])
            raise ReleaseError(
                f"changed on the host since it was staged, nothing was touched: {names}{more}; stage again",
                "edited",
                drift=edited,
            )

    def _reload_and_gate(
        self, state: HostState, trial: Trial, gate: GateOptions, result: ActivateResult, *, runs: bool
    ) -> None:
        context = self.context
        if gate.checks or gate.probes:
            trial.gate = dataclasses.replace(gate, expected=gate.expected or trial.gate.expected)
        release = context.store.releases.read(trial.id)
        if not runs:
            trial.phase, trial.started = SWITCHED, trial.started or context.host.master() is None
            result.proof = context.prove(state, release, trial.before)
        trial.phase = RUNNING
        context.store.save(state)
        result.gate = context.host.gate(trial.gate, trial.baseline, release.facts)
        context.judge("gate", release.id, result.gate)
        context.store.releases.keep_gate(release, trial.gate)
        trial.phase = GATED
        context.store.save(state)
