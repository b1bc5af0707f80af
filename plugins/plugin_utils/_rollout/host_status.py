# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""The status of hosts, read from what `nginx_release_info` registered on them, and one line about each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .plain_json import fields, optional_text, rows, texts
from .results import Hostvars, StepResult, registered


@dataclass(frozen=True)
class EditedFile:
    """A live file that differs from the confirmed release; `diff` is the text of the difference."""

    change: str
    added: int
    removed: int
    diff: str

    @classmethod
    def from_json(cls, row: Mapping[str, object]) -> EditedFile:
        """Read a row of `drift_diff`."""
        added, removed = (int(str(row.get(name) or 0)) for name in ("added", "removed"))
        return cls(str(row.get("change")), added, removed, str(row.get("diff") or ""))


@dataclass(frozen=True)
class HostLease:
    """The lease of an unconfirmed release. `armed`: something on the host waits for its end."""

    seconds: float
    armed: bool

    @classmethod
    def from_json(cls, lease: Mapping[str, object]) -> HostLease:
        """Read `current.lease`."""
        armed = lease.get("mechanism") != "none" and bool(lease.get("alive", True))
        return cls(float(str(lease.get("expires_in") or 0)), armed)


@dataclass(frozen=True)
class HostReservation:
    """The rollout that has reserved a host; it ends by itself after `seconds`."""

    rollout: str
    since: str
    seconds: str

    @classmethod
    def from_json(cls, reservation: Mapping[str, object]) -> HostReservation:
        """Read `current.rollout`."""
        return cls(*(str(reservation.get(name)) for name in ("id", "since", "expires_in")))


@dataclass(frozen=True)
class HostStatus:
    """The releases of a host, and its nginx. `problem` is why it is not known, "" where it is."""

    problem: str = ""
    confirmed: str | None = None
    active: str | None = None
    phase: str | None = None
    staged: str | None = None
    running: str | None = None
    trouble: str | None = None
    interrupted: bool = False
    lease: HostLease | None = None
    reservation: HostReservation | None = None
    nginx_version: str = ""
    nginx_running: bool = False
    nginx_problem: str = ""
    drift: tuple[str, ...] = ()
    drifted_files: Mapping[str, EditedFile] | None = None

    @classmethod
    def from_json(cls, result: Mapping[str, object], needed: str) -> HostStatus:
        """Read a registered result, which holds the field `needed` if the host answered."""
        if needed not in result:
            return cls(problem=str(result.get("msg") or "") or "the host was not asked")
        current, nginx = fields(result.get("current")), fields(result.get("nginx"))
        lease, reservation = current.get("lease"), current.get("rollout")
        return cls(
            confirmed=optional_text(current.get("confirmed")),
            active=optional_text(current.get("active")),
            phase=optional_text(current.get("phase")),
            staged=optional_text(current.get("staged")),
            running=optional_text(current.get("running")),
            trouble=optional_text(current.get("trouble")),
            interrupted=bool(current.get("interrupted")),
            lease=HostLease.from_json(lease) if isinstance(lease, Mapping) else None,
            reservation=HostReservation.from_json(reservation) if isinstance(reservation, Mapping) else None,
            nginx_version=str(nginx.get("version")),
            nginx_running=bool(nginx.get("running")),
            nginx_problem=str(nginx.get("problem") or ""),
            drift=texts(result.get("drift")),
            drifted_files={str(row.get("path")): EditedFile.from_json(row) for row in rows(result.get("drift_diff"))},
        )


def status_lines(hosts: Iterable[str], hostvars: Hostvars) -> list[str]:
    """Return a line for every host about what it runs, in the given order."""
    return [f"{host}: {_line(HostStatus.from_json(registered(hostvars[host], 'status'), 'current'))}" for host in hosts]


def _line(status: HostStatus) -> str:
    if status.problem:
        return f"unknown: {status.problem}"
    parts = [status.confirmed or "nothing was deployed yet"]
    if status.active:
        parts.append(f"{status.active} on trial ({status.phase}){_lease(status.lease)}")
    if status.staged:
        parts.append(f"{status.staged} is staged")
    if status.trouble:
        parts.append(f"THE LAST ROLLBACK FAILED: {status.trouble}")
    if status.interrupted:
        parts.append("a run was killed while it replaced files")
    parts.append(_nginx(status))
    if status.reservation:
        held = status.reservation
        parts.append(f"held by rollout {held.rollout} since {held.since}, for {held.seconds} s at most")
    if status.drift:
        parts.append(f"changed by hand: {', '.join(status.drift)}")
    return "; ".join(parts)


def _nginx(status: HostStatus) -> str:
    wanted = status.active or status.confirmed
    if not status.nginx_running:
        return status.nginx_problem or "nginx does not run"
    if wanted and status.running != wanted:
        return f"nginx {status.nginx_version} runs {status.running or 'an unknown configuration'}"
    return f"nginx {status.nginx_version} runs it" if wanted else f"nginx {status.nginx_version} runs"


def _lease(lease: HostLease | None) -> str:
    """Return what ends the trial of a release that is not confirmed."""
    if lease is None:
        return ""
    if not lease.armed:
        return ", and nothing on the host would end that: confirm it or roll it back"
    return f", rolled back in {round(lease.seconds)} s unless it is confirmed"


def adoption(variables: Mapping[str, object]) -> StepResult:
    """Return how the adoption of drifted files ended on a host."""
    return StepResult.from_json(registered(variables, "adopted"))
