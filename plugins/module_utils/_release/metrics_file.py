# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""Keep the metrics file of a host true."""

from __future__ import annotations

import contextlib
import dataclasses
import time

from . import metrics
from .drift import Drift
from .errors import ReleaseError
from .settings import Settings
from .state import HostState
from .store import Store


class MetricsFile:
    """Write the metrics of a host into the directory that the state names.

    Args:
        settings: of this run.
        store: of the host.
        drift: compares the live folder.
        warnings: a failure is appended here; it stops nothing.
    """

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
                found = metrics.samples(state, rows, self._drifted(), time.time())
                content = metrics.text(found, self.settings.config_dir)
                metrics.write(directory, self.settings.store, content, self.store.folder.before)
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
                metrics.remove(known, self.settings.store, self.store.folder.before)
        self.write()

    def _drifted(self) -> int | None:
        with contextlib.suppress(ReleaseError):
            return len(self.drift.paths())
        return None


def _directory(state: HostState | None) -> str | None:
    return (state.settings.metrics_dir or None) if state else None
