# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The reservation of a host by a rollout, over many runs of the engine."""

from __future__ import annotations

import contextlib
import dataclasses
import math

from .._common.json_fields import encode
from .claims import reservation_view
from .clock import boot_id, boottime, timestamp
from .context import HostContext
from .errors import ReleaseError
from .results import UnlockResult
from .state import Reservation
from .store import RESERVATION

_LONGEST_NAME = 200  # characters of a rollout's id


class Reserving:
    """Reserve the host for this run's rollout, and give it back."""

    def __init__(self, context: HostContext) -> None:
        self.context = context
        self.rollout = context.settings.rollout

    def refuse_others(self) -> None:
        """Raise `ReleaseError` where another rollout has reserved the host."""
        rollout = self.rollout
        if rollout is not None and not (rollout.isprintable() and 0 < len(rollout) <= _LONGEST_NAME):
            raise ReleaseError(
                f"rollout has to be 1 to {_LONGEST_NAME} printable characters, not {rollout!r}", "options"
            )
        if not math.isfinite(self.context.settings.rollout_ttl):
            raise ReleaseError("rollout_ttl has to be a number of seconds", "options")
        found = reservation_view(self.context.store)
        if found is None or found.id == rollout:
            return
        holder = f" ({found.holder})" if found.holder else ""
        raise ReleaseError(
            f"rollout {found.id}{holder} holds this host since {found.since}, for {found.age} s; wait for it, or give the"
            f" host back with state=unlocked or failsafe-nginx unlock if that run is dead; it ends by itself in"
            f" {found.expires_in} s",
            "rollout",
            rollout=encode(found),
        )

    def take(self) -> None:
        """Reserve the host for this run's rollout, if it belongs to one."""
        if not self.rollout:
            return
        metadata = self.context.settings.metadata or {}
        holder = " ".join(str(metadata[name]) for name in ("who", "why") if metadata.get(name))
        until = boottime() + self.context.settings.rollout_ttl
        taken = Reservation(self.rollout, holder, timestamp(), boottime(), boot_id(), until)
        known = self.context.store.reservation()
        if known and known.id == self.rollout and known.left():
            taken = dataclasses.replace(
                taken, since=known.since, began=known.began, holder=holder or known.holder, extra=known.extra
            )
        self.context.store.keep(taken)

    def give_back(self) -> None:
        """Give the host back if this run's rollout has reserved it."""
        with contextlib.suppress(ReleaseError):
            found = self.context.store.reservation()
            if found and found.id == self.rollout:
                self.context.store.folder.delete(RESERVATION)

    def end(self) -> None:
        """Give the host back from any rollout."""
        with contextlib.suppress(ReleaseError):
            if self.context.store.reservation() is not None:
                self.context.store.folder.delete(RESERVATION)

    def unlock(self) -> UnlockResult:
        """Give the host back from this run's rollout, or from any where this run has none."""
        if self.context.store.state() is None:
            return UnlockResult(None)
        with self.context.locked("unlock") as state:
            found = self.context.store.reservation()
            result = UnlockResult(state.confirmed)
            if found and self.rollout in (None, found.id):
                self.context.store.folder.delete(RESERVATION)
                self.context.record("unlocked", None, {"rollout": found.id})
                result.changed = True
            result.rollout = reservation_view(self.context.store)
            return result
