# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Confirm an active release or edited files, and delete old releases."""

from __future__ import annotations

import dataclasses

from .changes import at, differing, managed
from .context import HostContext
from .errors import ReleaseError
from .lease import Leasing
from .manifest import Release
from .reservation import Reserving
from .results import AdoptResult, ConfirmResult, PruneResult, RemoveResult
from .rollback import Rollback
from .state import GATED, HostState


class Confirmation:
    """End trials, and keep the number of stored releases small."""

    def __init__(self, context: HostContext, leasing: Leasing, reserving: Reserving) -> None:
        self.context, self.leasing, self.reserving = context, leasing, reserving

    def confirm(self, release: str) -> ConfirmResult:
        """Confirm an active release that was proven and gated, and give the host back."""
        with self.context.locked(f"confirm {release}") as state:
            result = self.run(state, release)
            self.reserving.give_back()
            return result

    def run(self, state: HostState, release: str) -> ConfirmResult:
        """Confirm a release with the lock held."""
        active = state.active
        if not active and state.confirmed == release:
            return ConfirmResult(release)
        if state.transaction or not active or active.id != release:
            raise ReleaseError(
                f"cannot confirm {release}: it is not active here ({state.summary()}){self.context.fate(release)}",
                "order",
            )
        self.leasing.refuse_after_reboot(state, release)
        if active.phase != GATED:
            raise ReleaseError(
                f"cannot confirm {release}: it is {active.phase}, and only what was reloaded, proven and passed its gate"
                " is confirmed",
                "order",
            )
        if self.context.running(state) != release:
            raise ReleaseError(
                f"cannot confirm {release}: nginx stopped or was reloaded since the gate passed", "order"
            )
        # A rollout that fails later rolls its hosts back to the previous release.
        state.previous, state.confirmed, state.active, state.trouble = state.confirmed, release, None, None
        self.context.store.save(state)
        self.context.record("confirmed", release)
        self.leasing.end()
        return ConfirmResult(release, changed=True, pruned=self._prune(state, self.context.settings.keep))

    def remove(self, release: str) -> RemoveResult:
        """Delete a stored release. Raises `ReleaseError` if it is needed."""
        store = self.context.store
        if store.state() is None or not store.releases.has(release):
            return RemoveResult(release, changed=False)
        with self.context.locked(f"remove {release}") as state:
            if state.staged and state.staged.id == release and not state.transaction:
                state.staged = None
                store.save(state)
            if release in state.needed():
                raise ReleaseError(f"cannot delete {release}: it is needed ({state.summary()})", "order")
            store.releases.delete(release)
            self.context.record("removed", release)
            return RemoveResult(release, changed=True)

    def prune(self, keep: int) -> PruneResult:
        """Delete all but the newest `keep` stored releases and the needed ones."""
        with self.context.locked("prune") as state:
            pruned = self._prune(state, keep)
            return PruneResult(pruned, changed=bool(pruned))

    def _prune(self, state: HostState, keep: int) -> list[str]:
        """Delete old releases with the lock held, and return their ids."""
        store = self.context.store
        stored = [store.releases.read(name) for name in store.releases.ids()]
        stored.sort(key=lambda release: release.created, reverse=True)
        old = [release.id for release in stored[keep:] if release.id not in state.needed()]
        for release in old:
            store.releases.delete(release)
        if old:
            self.context.record("pruned", None, {"releases": old})
        store.journal.shorten()
        return old


class Adoption:
    """Confirm the live files."""

    def __init__(self, context: HostContext, leasing: Leasing, reserving: Reserving, rollback: Rollback) -> None:
        self.context, self.leasing, self.reserving, self.rollback = context, leasing, reserving, rollback

    def adopt(self) -> AdoptResult:
        """Keep managed files that were edited by hand: they become the confirmed release if nginx loads them."""
        with self.context.locked("adopt") as state:
            self.leasing.refuse_trial_of_others(state)
            self.reserving.refuse_others()
            recovered = self.rollback.settle(state)
            current = self.context.store.releases.read(state.confirmed)
            owned = managed(current.tree)
            drift = differing(at(self.context.live, owned), current.tree, owned)
            result = AdoptResult(current.id, changed=bool(recovered or drift), drift=drift, recovered=recovered or None)
            if drift:
                self._adopt(state, current, owned, result)
            return result

    def _adopt(self, state: HostState, current: Release, owned: set[str], result: AdoptResult) -> None:
        context = self.context
        release = self.rollback.keep_live(owned, current.tree)
        found = context.host.validate(context.store.releases.files(release).path)
        if not found.ok:
            raise ReleaseError(
                f"nginx refuses the live files, so they are not adopted: {found.message}",
                "invalid",
                validation=found.report().to_json(),
            )
        release = dataclasses.replace(release, facts=found.facts)
        context.store.releases.keep_manifest(release)
        if context.host.master():
            result.proof = context.prove(state, release, current.facts)
        state.previous, state.confirmed, state.staged = current.id, release.id, None
        context.store.save(state)
        context.record("adopted", release.id, {"instead_of": current.id})
        result.release = release.id
