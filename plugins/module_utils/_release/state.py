# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The state of one host as the store keeps it: `state.json`, `lease.json` and `rollout.json`."""

from __future__ import annotations

import dataclasses
import typing as t

from .._common.json_fields import decode, encode, omit_none, renamed, unknown_fields
from .clock import boot_id, boottime, remaining, ticks
from .settings import Settings

#: Another number is another format, which this version does not read.
SCHEMA = 1
#: The version of the collection that began to write the state as this file does.
VERSION = "0.2.0"
_FIRST_VERSION = "0.1.0"  # it wrote no version

#: Phases of a trial, in their order.
SWITCHED, RUNNING, GATED = "switched", "running", "gated"
#: Kinds of a transaction.
ACTIVATE, ROLLBACK = "activate", "rollback"


@dataclasses.dataclass(frozen=True)
class Moment:
    """A moment that is comparable with the start times of processes, in clock ticks since a boot."""

    boot: str
    ticks: float
    extra: t.Dict[str, object] = unknown_fields()

    def is_after(self, ticks: float) -> bool:
        """Return whether it is not before so many ticks of this boot."""
        return self.boot == boot_id() and ticks <= self.ticks


@dataclasses.dataclass(frozen=True)
class ConfigFacts:
    """Facts of a configuration that the proof of a reload needs, see `_nginx.facts.RuntimeFacts`."""

    error_logs: t.Tuple[str, ...]
    untailable: t.Tuple[str, ...]
    pid_path: str
    worker_processes: t.Optional[int]
    daemon: bool
    master_process: bool
    listen: t.Tuple[str, ...]
    extra: t.Dict[str, object] = unknown_fields()


@dataclasses.dataclass
class Owner:
    """The host that the store belongs to; `host` is None where only the command line has used it."""

    host: t.Optional[str]
    config_dir: str
    extra: t.Dict[str, object] = unknown_fields()


@dataclasses.dataclass
class Staged:
    """A staged release `id`, and the release `base` that the live folder had then."""

    id: str
    base: str
    extra: t.Dict[str, object] = unknown_fields()


@dataclasses.dataclass
class Transaction:
    """A switch of files, from release `origin` to `target`, that began at `time` (RFC 3339) and has not ended."""

    kind: str
    time: str
    origin: str = dataclasses.field(metadata=renamed("from"))
    target: str = dataclasses.field(metadata=renamed("to"))
    extra: t.Dict[str, object] = unknown_fields()


@dataclasses.dataclass
class Generation:
    """The master process that runs, and the release that it has loaded (None: unknown)."""

    release: t.Optional[str]
    pid: int
    start_time: float
    since: str
    extra: t.Dict[str, object] = unknown_fields()


@dataclasses.dataclass
class GateOptions:
    """The checks and probes of a gate as `_health` reads them, with its numbers (seconds; None: the default).

    Attributes:
        expected: what the plan showed for probes, see `_health.probe_verdict.Expected`.
        exclude: entries of paths that are not asked, see `_common.side_effects`.
        limits: of both configurations, see `_health.asking.Asker`.
    """

    checks: t.Optional[t.List[object]] = omit_none()
    probes: t.Optional[t.List[object]] = omit_none()
    interval: t.Optional[float] = omit_none()
    successes: t.Optional[int] = omit_none()
    timeout: t.Optional[float] = omit_none()
    soak: t.Optional[float] = omit_none()
    expected: t.Optional[t.List[object]] = omit_none()
    exclude: t.Optional[t.List[str]] = omit_none()
    limits: t.Optional[t.List[object]] = omit_none()
    extra: t.Dict[str, object] = unknown_fields()


@dataclasses.dataclass
class Trial:
    """An activated release that is not confirmed.

    Attributes:
        since: when it was activated (RFC 3339).
        was_running: nginx ran before the activation.
        started: the activation started nginx.
        before: facts of the configuration that was live before.
        baseline: results of the gate before the activation.
    """

    id: str
    phase: str
    since: str
    was_running: bool
    started: bool
    before: t.Optional[ConfigFacts]
    baseline: t.List[object]
    gate: GateOptions
    extra: t.Dict[str, object] = unknown_fields()


@dataclasses.dataclass
class HostState:
    """The releases of one host and what is going on with them.

    Attributes:
        confirmed: the release that a rollback returns to.
        adopted: the release made of the folder that the first stage found.
        previous: the release that was confirmed before.
        switched: when files of the live folder were last replaced.
        trouble: why the last rollback failed.
    """

    owner: Owner
    confirmed: str
    adopted: str
    active: t.Optional[Trial]
    staged: t.Optional[Staged]
    running: t.Optional[Generation]
    switched: t.Optional[Moment]
    settings: Settings
    transaction: t.Optional[Transaction] = dataclasses.field(metadata=renamed("txn"))
    previous: t.Optional[str] = omit_none()
    trouble: t.Optional[str] = omit_none()
    schema: int = SCHEMA
    version: str = _FIRST_VERSION
    extra: t.Dict[str, object] = unknown_fields()

    @classmethod
    def from_json(cls, data: object) -> HostState:
        """Read the state. Raises `FieldError` with the name of an offending key."""
        return decode(cls, data)

    def to_json(self) -> t.Dict[str, object]:
        """Return the state for `state.json`, with the version that writes it."""
        return {**encode(self), "version": VERSION}

    def become(self, other: HostState) -> None:
        """Take over every field of another state."""
        self.__dict__.update(vars(other))

    def live(self) -> str:
        """Return the release whose files are live: the active one, or else the confirmed one."""
        return self.active.id if self.active else self.confirmed

    def loaded_by(self, pid: int, start_time: float) -> t.Optional[str]:
        """Return the release that a running master has loaded, None if that is unknown."""
        known = self.running
        if known and (known.pid, known.start_time) == (pid, start_time):
            return known.release
        # Another master has read what was on the disk when it started.
        if self.transaction or (self.switched and self.switched.is_after(start_time)):
            return None
        return self.live()

    def needed(self) -> t.Set[str]:
        """Return the releases that may not be deleted."""
        ids = {self.confirmed, self.adopted, self.previous}
        if self.active:
            ids.add(self.active.id)
        if self.staged:
            ids.update((self.staged.id, self.staged.base))
        if self.transaction:
            ids.update((self.transaction.origin, self.transaction.target))
        return {name for name in ids if name is not None}

    def summary(self) -> str:
        """Return the state in a few words, for messages."""
        parts = [f"confirmed {self.confirmed}"]
        if self.active:
            parts.append(f"active {self.active.id} ({self.active.phase})")
        if self.staged:
            parts.append(f"staged {self.staged.id}")
        return ", ".join(parts)


@dataclasses.dataclass(frozen=True)
class Watchdog:
    """The process or timer that acts when a lease ends.

    Attributes:
        mechanism: `systemd`, `watcher` or `none`.
        unit: the name of the systemd unit, without its type.
    """

    mechanism: str = "none"
    unit: t.Optional[str] = None
    pid: t.Optional[int] = None
    start_time: t.Optional[int] = None


@dataclasses.dataclass(frozen=True)
class Lease:
    """The time that an active release has to be confirmed in. Version 0.1.0 wrote any JSON as the person.

    Attributes:
        token: names this lease to its watchdog.
        seconds: how long it is after each renewal.
        until: when it ends, in seconds since the boot `boot`.
    """

    token: str
    release: str
    seconds: float
    since: str
    who: object
    boot: str
    until: float
    mechanism: str = "none"
    unit: t.Optional[str] = omit_none()
    pid: t.Optional[int] = omit_none()
    start_time: t.Optional[int] = omit_none()
    extra: t.Dict[str, object] = unknown_fields()

    @property
    def watchdog(self) -> Watchdog:
        """Return what waits for its end."""
        return Watchdog(self.mechanism, self.unit, self.pid, self.start_time)

    def watched_by(self, watchdog: Watchdog) -> Lease:
        """Return the lease with another watchdog."""
        return dataclasses.replace(self, **vars(watchdog))

    def renewed(self) -> Lease:
        """Return the lease with its whole time left."""
        return dataclasses.replace(self, boot=boot_id(), until=boottime() + self.seconds)

    def left(self) -> float:
        """Return the seconds until it ends."""
        return remaining(self.boot, self.until)


@dataclasses.dataclass(frozen=True)
class Reservation:
    """A rollout's claim on the host.

    Attributes:
        id: the rollout.
        holder: the person and the reason, for messages.
        began, until: seconds since the boot `boot`.
    """

    id: str
    holder: str
    since: str
    began: float
    boot: str
    until: float
    extra: t.Dict[str, object] = unknown_fields()

    def left(self) -> float:
        """Return the seconds until it ends by itself."""
        return remaining(self.boot, self.until)


def this_moment() -> Moment:
    """Return the current moment."""
    return Moment(boot_id(), ticks())
