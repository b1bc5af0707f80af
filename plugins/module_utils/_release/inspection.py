# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read where a host stands, without the lock."""

from __future__ import annotations

import contextlib
import typing as t

from .._nginx.processes import Master
from .claims import lease_view, reservation_view
from .errors import ReleaseError
from .journal import JournalLine
from .results import Status
from .store import Store


class Inspection:
    """Read the state and the journal of a host; `master` finds the running nginx."""

    def __init__(self, store: Store, master: t.Callable[[], Master | None]) -> None:
        self.store, self.master = store, master

    def status(self) -> Status:
        """Return the releases, the one that nginx runs, and the claims on the host."""
        state = self.store.state()
        if state is None:
            return Status(rollout=reservation_view(self.store))
        running: str | None = None
        with contextlib.suppress(ReleaseError):
            master = self.master()
            running = None if master is None else state.loaded_by(master.pid, master.start_time)
        return Status(
            confirmed=state.confirmed,
            previous=state.previous,
            active=state.active.id if state.active else None,
            phase=state.active.phase if state.active else None,
            staged=state.staged.id if state.staged else None,
            trouble=state.trouble,
            running=running,
            interrupted=state.transaction is not None,
            releases=self.store.releases.ids(),
            lease=lease_view(self.store, state),
            rollout=reservation_view(self.store),
        )

    def history(self) -> list[JournalLine]:
        """Return the journal, newest first."""
        return self.store.journal.lines()[::-1]
