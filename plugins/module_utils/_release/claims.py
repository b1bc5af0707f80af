# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The claims on a host for results: the lease of a trial and a rollout's reservation."""

from __future__ import annotations

from . import watchdog
from .clock import boottime
from .results import LeaseView, ReservationView
from .state import HostState, Lease
from .store import Store


def lease_of(store: Store, state: HostState | None) -> Lease | None:
    """Return the lease of the active release, also when it has ended."""
    lease = store.lease()
    return lease if lease and state and state.active and lease.release == state.active.id else None


def lease_view(store: Store, state: HostState | None) -> LeaseView | None:
    """Return the lease of the active release for results."""
    lease = lease_of(store, state)
    if lease is None:
        return None
    alive = watchdog.alive(lease.watchdog)
    return LeaseView(lease.release, lease.mechanism, lease.seconds, round(lease.left(), 1), alive)


def reservation_view(store: Store) -> ReservationView | None:
    """Return the reservation for results, None if there is none or it has ended."""
    found = store.reservation()
    if found is None or not found.left():
        return None
    return ReservationView(found.id, found.holder, found.since, round(boottime() - found.began), round(found.left()))
