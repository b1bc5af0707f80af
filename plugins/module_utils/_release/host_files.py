# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The store and the live folder of a host, and what is read from both."""

from __future__ import annotations

import dataclasses
import os
import typing as t

from .diffs import Drift
from .disk import Folder
from .metrics import MetricsFile
from .settings import Settings, check_folders
from .store import Store

#: Masks secrets in JSON.
Redact = t.Callable[[t.Any], t.Any]


class HostFiles:
    """Open the store and the live folder that the settings name; `Engine` describes the arguments."""

    def __init__(
        self,
        settings: Settings,
        *,
        redact: Redact = lambda value: value,
        before: t.Callable[[str], None] | None = None,
    ) -> None:
        check_folders(settings)
        folder = Folder(settings.store, before) if before else Folder(settings.store)
        self.settings = dataclasses.replace(settings, config_dir=os.path.abspath(settings.config_dir))
        self.store = Store(folder, redact)
        self.live = Folder(os.path.realpath(settings.config_dir), folder.before)
        self.warnings = self.store.warnings
        self.drift = Drift(self.store, self.live)
        self.metrics = MetricsFile(self.settings, self.store, self.drift, self.warnings)
