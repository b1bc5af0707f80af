# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lease of an active release: its time to be confirmed, and the watchdog that ends it."""

from __future__ import annotations

import contextlib
import secrets
import typing as t

from . import watchdog
from .claims import lease_of
from .clock import boot_id, boottime, timestamp
from .context import HostContext
from .errors import ReleaseError
from .settings import DEFAULT_LEASE
from .state import HostState, Lease
from .store import LEASE

_BEATS = 3  # renewals in the time of one lease, while a run works
_LONGEST = 7 * 24 * 3600  # seconds
_MARGIN = 60  # seconds beyond the plan after which a run counts as hanging


class Leasing:
    """Arm, renew and end the lease of one host."""

    def __init__(self, context: HostContext) -> None:
        self.context = context

    def of(self, state: HostState | None) -> Lease | None:
        """Return the lease of the active release, also when it has ended."""
        return lease_of(self.context.store, state)

    def arm(self, release: str) -> None:
        """Start the lease of a release that is about to become live.

        Raises:
            ReleaseError: its watchdog cannot be started, and `require_lease` is on.
        """
        settings = self.context.settings
        seconds = settings.lease
        if seconds != 0 and not 1 <= seconds <= _LONGEST:
            raise ReleaseError(f"lease has to be 0 (off) or from 1 to {_LONGEST} seconds, not {seconds:g}", "options")
        length = seconds or DEFAULT_LEASE
        person = (settings.metadata or {}).get("who")
        lease = Lease(
            secrets.token_hex(6), release, length, timestamp(), None if person is None else str(person), boot_id(),
            boottime() + length,
        )  # fmt: skip
        # The note comes first: the watchdog looks for it.
        self.context.store.keep(lease)
        if seconds:
            self._start_watchdog(lease)

    def _start_watchdog(self, lease: Lease) -> None:
        try:
            lease = lease.watched_by(self.context.host.arm(lease.token, lease.seconds))
        except ReleaseError as error:
            if self.context.settings.require_lease:
                self.context.store.folder.delete(LEASE)
                raise
            self.context.warnings.append(str(error))
            return
        self.context.store.keep(lease)
        facts = {"mechanism": lease.mechanism, "seconds": lease.seconds}
        self.context.record("lease_armed", lease.release, facts, durable=False)

    def renew(self, state: HostState) -> None:
        """Renew the lease; start its watchdog again if it died."""
        lease = self.of(state)
        if lease is None:
            return
        lease = lease.renewed()
        self.context.store.keep(lease)
        if lease.mechanism != "none" and not self.context.host.armed(lease.watchdog, lease.token):
            self._start_watchdog(lease)
        self.context.record("lease_renewed", lease.release, {"seconds": lease.seconds}, durable=False)

    @contextlib.contextmanager
    def kept_alive(self, state: HostState, seconds: float) -> t.Iterator[None]:
        """Renew the lease again and again during work of about so many seconds, and at its end."""
        lease = self.of(state)
        if lease is None:
            yield
            return
        known = lease

        def beat() -> None:
            with contextlib.suppress(ReleaseError):
                self.context.store.keep(known.renewed())

        with watchdog.beating(beat, known.seconds / _BEATS, seconds + _MARGIN):
            yield
        beat()

    def end(self) -> None:
        """End the lease and free what was put aside. The state decides, so a failure here undoes nothing."""
        self.context.store.spare.free()
        with contextlib.suppress(ReleaseError):
            lease = self.context.store.lease()
            if lease is not None:
                self.context.store.folder.delete(LEASE)
                self.context.host.disarm(lease.watchdog, lease.token)

    def refuse_trial_of_others(self, state: HostState | None) -> None:
        """Raise `ReleaseError` while another run may still confirm its release."""
        # Without this a second deploy would take the first one's release for one that was left behind.
        lease = self.of(state) if state and not state.transaction else None
        if lease and lease.left():
            holder = f" ({lease.who})" if lease.who else ""
            raise ReleaseError(
                f"another run{holder} activated {lease.release} here at {lease.since} and has {lease.left():.0f} s left to"
                f" confirm it; wait for it, or roll {lease.release} back first if that run is dead",
                "on_trial",
            )

    def refuse_after_reboot(self, state: HostState, release: str) -> None:
        """Raise `ReleaseError` if the host was rebooted since the activation."""
        lease = self.of(state)
        if lease and lease.boot != boot_id():
            raise ReleaseError(
                f"the host was rebooted since {release} was activated, and an unconfirmed release does not survive that:"
                " roll back",
                "lease",
            )
