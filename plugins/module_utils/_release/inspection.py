# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read where a host stands, without the lock."""

from __future__ import annotations

import contextlib

from .context import HostContext
from .errors import ReleaseError
from .journal import JournalLine
from .lease import Leasing
from .reservation import Reserving
from .results import Status


class Inspection:
    """Read the state and the journal of a host."""

    def __init__(self, context: HostContext, leasing: Leasing, reserving: Reserving) -> None:
        self.context, self.leasing, self.reserving = context, leasing, reserving

    def status(self) -> Status:
        """Return the releases, the one that nginx runs, and the claims on the host."""
        context, state = self.context, self.context.store.state()
        if state is None:
            return Status(rollout=self.reserving.view())
        running = None
        with contextlib.suppress(ReleaseError):
            running = context.running(state)
        return Status(
            confirmed=state.confirmed,
            previous=state.previous,
            active=state.active.id if state.active else None,
            phase=state.active.phase if state.active else None,
            staged=state.staged.id if state.staged else None,
            trouble=state.trouble,
            running=running,
            interrupted=state.transaction is not None,
            releases=context.store.releases.ids(),
            lease=self.leasing.view(state),
            rollout=self.reserving.view(),
        )

    def history(self) -> list[JournalLine]:
        """Return the journal, newest first."""
        return self.context.store.journal.lines()[::-1]
