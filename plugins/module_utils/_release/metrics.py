# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write a host's metrics as a file for the textfile collector of Prometheus' node exporter."""

from __future__ import annotations

import calendar
import contextlib
import dataclasses
import hashlib
import os
import time
import typing as t

from .diffs import Drift
from .disk import Folder
from .errors import ReleaseError
from .journal import JournalLine
from .settings import USUAL_STORE, Settings
from .state import HostState
from .store import Store

_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})

#: Help text by name (without its prefix). The text of a name has to be the same in every file of a host.
HELP = {
    "release_info": "The confirmed release, which a rollback returns to.",
    "release_confirmed_timestamp_seconds": "When the confirmed release was confirmed.",
    "trial_active": "Whether a release is active that is not confirmed.",
    "trial_start_timestamp_seconds": "When that release was activated.",
    "last_rollback_info": "The last rollback: what was abandoned, and what on the host decided it, empty for a run of Ansible.",
    "last_rollback_timestamp_seconds": "When that rollback was complete.",
    "rollback_failed": "Whether the last rollback failed, so that the host needs a person.",
    "drifted_files": "Managed files that differed from their release at the last comparison.",
    "drift_check_timestamp_seconds": "When that comparison was.",
}

Sample = t.Tuple[str, t.Dict[str, str], float]


def file_name(store: str) -> str:
    """Return the file's name; each store of a host has a file of its own."""
    if os.path.realpath(store) == USUAL_STORE:
        return "failsafe_nginx.prom"
    return f"failsafe_nginx_{hashlib.sha256(os.path.realpath(store).encode()).hexdigest()[:8]}.prom"


def seconds(moment: str) -> float:
    """Return the Unix time of a journal's time."""
    whole, _dot, thousandths = moment.rstrip("Z").partition(".")
    return calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) + int(thousandths or 0) / 1000


def samples(state: HostState, history: t.Iterable[JournalLine], drift: int | None, moment: float) -> list[Sample]:
    """Return the samples of a host.

    `history` has the newest line first. `drift` is the number of drifted files at the Unix time `moment`, None where they
    could not be compared.
    """
    rows = list(history)
    found: list[Sample] = [
        ("release_info", {"release": state.confirmed}, 1),
        ("trial_active", {}, 1 if state.active else 0),
        ("rollback_failed", {}, 1 if state.trouble else 0),
    ]
    confirmed = _first(rows, ("confirmed", "adopted"), state.confirmed)
    if confirmed:
        found.append(("release_confirmed_timestamp_seconds", {}, seconds(confirmed.time)))
    if state.active:
        found.append(("trial_start_timestamp_seconds", {}, seconds(state.active.since)))
    rollback = _first(rows, ("rolled_back",), None)
    if rollback:
        labels = {name: str(rollback.details.get(name) or "") for name in ("abandoned", "by")}
        found.append(("last_rollback_info", labels, 1))
        found.append(("last_rollback_timestamp_seconds", {}, seconds(rollback.time)))
    if drift is not None:
        found += [("drifted_files", {}, drift), ("drift_check_timestamp_seconds", {}, moment)]
    return found


def _first(rows: t.Iterable[JournalLine], events: t.Sequence[str], release: str | None) -> JournalLine | None:
    return next((row for row in rows if row.event in events and release in (None, row.release)), None)


def text(found: t.Iterable[Sample], config_dir: str) -> str:
    """Return the samples in the text format, version 0.0.4, of Prometheus' documentation (instrumenting/exposition_formats).

    All have the label config_dir, so that those of two nginx on one host do not collide.
    """
    lines: list[str] = []
    for name, labels, value in found:
        metric = f"failsafe_nginx_{name}"
        pairs = {"config_dir": config_dir, **labels}
        told = ",".join(f'{key}="{_printable(pairs[key]).translate(_ESCAPES)}"' for key in sorted(pairs))
        lines += [f"# HELP {metric} {HELP[name]}", f"# TYPE {metric} gauge", f"{metric}{{{told}}} {value!r}"]
    return "\n".join(lines) + "\n"


def _printable(value: str) -> str:
    # A path may have bytes that are no UTF-8, which the format does not allow.
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def write(directory: str, store: str, content: str, before: t.Callable[[str], None]) -> None:
    """Replace the whole file. Raises `ReleaseError`, also if the folder does not exist: the exporter's package makes it."""
    _check(directory)
    Folder(directory, before).put(file_name(store), content.encode("utf-8"), 0o644)


def remove(directory: str, store: str, before: t.Callable[[str], None]) -> None:
    """Delete the file of an earlier deploy, if there is one."""
    folder = Folder(directory, before)
    if os.path.isdir(directory) and folder.entry(file_name(store)) is not None:
        folder.delete(file_name(store))


def _check(directory: str) -> None:
    if not os.path.isabs(directory):
        raise ReleaseError(f"metrics_dir has to be an absolute path, not {directory!r}", "options")
    if not os.path.isdir(directory):
        raise ReleaseError(f"there is no folder {directory}: is a node exporter installed?", "metrics")


class MetricsFile:
    """Write the metrics of a host into the directory that the state names. A failure becomes one of the `warnings`."""

    def __init__(self, settings: Settings, store: Store, drift: Drift, warnings: list[str]) -> None:
        self.settings, self.store, self.drift, self.warnings = settings, store, drift, warnings

    def write(self) -> None:
        """Write the file, if the state names a directory."""
        try:
            while True:
                state, rows = self.store.state(), self.store.journal.lines()[::-1]
                directory = _directory(state)
                if state is None or not directory:
                    return
                found = samples(state, rows, self._drifted(), time.time())
                content = text(found, self.settings.config_dir)
                write(directory, self.settings.store, content, self.store.folder.before)
                # A run that only reads has no lock, and another one may have written meanwhile.
                if (self.store.state(), self.store.journal.lines()[-1:]) == (state, rows[:1]):
                    return
        except ReleaseError as error:
            self.warnings.append(f"no metrics: {error}")

    def choose(self, before: HostState | None) -> None:
        """Remember this run's metrics directory for unattended actions; delete the file in the old one."""
        wanted, state, known = self.settings.metrics_dir or None, self.store.state(), _directory(before)
        if state and _directory(state) != wanted:
            state.settings = dataclasses.replace(state.settings, metrics_dir=wanted)
            self.store.save(state)
        if known and known != wanted:
            with contextlib.suppress(ReleaseError):
                remove(known, self.settings.store, self.store.folder.before)
        self.write()

    def _drifted(self) -> int | None:
        with contextlib.suppress(ReleaseError):
            return len(self.drift.paths())
        return None


def _directory(state: HostState | None) -> str | None:
    return (state.settings.metrics_dir or None) if state else None
