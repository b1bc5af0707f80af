# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Act on a host without a run: recover after a crash or a reboot, and end a lease."""

from __future__ import annotations

from .context import HostContext
from .lease import Leasing
from .reservation import Reserving
from .results import ExpireResult, RecoverResult
from .rollback import Rollback
from .transaction import complete


class Recovery:
    """Recover a host, and end its lease."""

    def __init__(self, context: HostContext, leasing: Leasing, reserving: Reserving, rollback: Rollback) -> None:
        self.context, self.leasing, self.reserving, self.rollback = context, leasing, reserving, rollback

    def recover(self, *, boot: bool) -> RecoverResult:
        """Bring the host to one whole tree after a crash, and to the confirmed one if the lease has ended.

        A lease ends with its boot. With `boot`, before nginx starts, only files are restored.
        """
        if self.context.store.state() is None:
            return RecoverResult([], changed=False)
        with self.context.locked("recover") as state:
            recovered = complete(self.context, state)
            active, lease = state.active, self.leasing.of(state)
            if active and not (lease and lease.left()):
                self.rollback.run(state, "boot" if boot else "recover")
                recovered.append(f"{active.id} was left unconfirmed: rolled back to {state.confirmed}")
            elif state.trouble and not boot:
                self.rollback.run(state, "recover")
                recovered.append(f"the rollback to {state.confirmed} that failed is complete now")
            return RecoverResult(recovered, changed=bool(recovered))

    def expire(self, token: str) -> ExpireResult:
        """Roll back because the lease has ended, unless it was given back or renewed. The lock decides races."""
        if self.context.store.state() is None:
            return ExpireResult(ended=True)
        with self.context.locked("lease") as state:
            lease = self.context.store.lease()
            if not lease or lease.token != token:
                return ExpireResult()
            if lease.left():
                return ExpireResult(expires_in=lease.left())
            if state.transaction or self.leasing.of(state) or state.trouble:
                facts = {"seconds": lease.seconds, "mechanism": lease.mechanism}
                self.context.record("lease_expired", lease.release, facts)
                result = self.rollback.run(state, "lease")
                # The run is dead, and no other rollout can have activated while it had reserved the host.
                self.reserving.end()
                return ExpireResult(result)
            self.leasing.end()
            return ExpireResult(ended=True)
