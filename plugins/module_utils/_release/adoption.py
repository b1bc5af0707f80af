# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""Adopt drifted files as a release of their own."""

from __future__ import annotations

import dataclasses

from .context import HostContext
from .errors import ReleaseError
from .lease import Leasing
from .manifest import Release
from .reservation import Reserving
from .results import AdoptResult
from .rollback import Rollback
from .state import HostState
from .switch import at, differing, managed


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
            current = self.context.store.release(state.confirmed)
            owned = managed(current.tree)
            drift = differing(at(self.context.live, owned), current.tree, owned)
            result = AdoptResult(current.id, changed=bool(recovered or drift), drift=drift, recovered=recovered or None)
            if drift:
                self._adopt(state, current, owned, result)
            return result

    def _adopt(self, state: HostState, current: Release, owned: set[str], result: AdoptResult) -> None:
        context = self.context
        release = self.rollback.keep_live(owned, current.tree)
        found = context.host.validate(context.store.files(release).path)
        if not found.ok:
            raise ReleaseError(
                f"nginx refuses the live files, so they are not adopted: {found.message}",
                "invalid",
                validation=found.report().to_json(),
            )
        release = dataclasses.replace(release, facts=found.facts)
        context.store.describe(release)
        if context.host.master():
            result.proof = context.prove(state, release, current.facts)
        state.previous, state.confirmed, state.staged = current.id, release.id, None
        context.store.save(state)
        context.record("adopted", release.id, {"instead_of": current.id})
        result.release = release.id
