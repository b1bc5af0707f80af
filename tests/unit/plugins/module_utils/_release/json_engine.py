# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Drive the engine as the modules do: options and results are JSON."""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.module_utils._common.json_fields import decode
from ansible_collections.failsafe.nginx.plugins.module_utils._release.candidate import HostCandidate
from ansible_collections.failsafe.nginx.plugins.module_utils._release.engine import Engine
from ansible_collections.failsafe.nginx.plugins.module_utils._release.settings import Settings
from ansible_collections.failsafe.nginx.plugins.module_utils._release.state import GateOptions

Json = dict[str, t.Any]


class JsonEngine:
    """An engine whose results are JSON."""

    def __init__(self, settings: Settings, **arguments: t.Any) -> None:
        self.engine = Engine(settings, **arguments)
        self.settings, self.store, self.host = settings, self.engine.context.store, self.engine.context.host
        self.warnings, self.measure = self.engine.context.warnings, self.engine.context.metrics.write

    def stage(self, candidate: HostCandidate, *, check_only: bool = False) -> Json:
        return self.engine.stage(candidate, check_only=check_only).to_json()

    def activate(self, release: str, *, reload: bool, gate: Json | None = None, **options: t.Any) -> Json:
        return self.engine.activate(release, reload=reload, gate=decode(GateOptions, gate or {}), **options).to_json()

    def confirm(self, release: str) -> Json:
        return self.engine.confirm(release).to_json()

    def rollback(self, release: str | None = None) -> Json:
        return self.engine.rollback(release).to_json()

    def recover(self, *, boot: bool = False) -> Json:
        return self.engine.recover(boot=boot).to_json()

    def expire(self, token: str) -> Json:
        return self.engine.expire(token).to_json()

    def adopt(self) -> Json:
        return self.engine.adopt().to_json()

    def remove(self, release: str) -> Json:
        return self.engine.remove(release).to_json()

    def prune(self, keep: int) -> Json:
        return self.engine.prune(keep).to_json()

    def unlock(self) -> Json:
        return self.engine.unlock().to_json()

    def status(self) -> Json:
        return self.engine.status().to_json()

    def state(self) -> Json | None:
        state = self.store.state()
        return None if state is None else state.to_json()

    def history(self) -> list[Json]:
        return [line.to_json() for line in self.engine.history()]

    def drift(self) -> list[str]:
        return self.engine.drift()

    def drift_diff(self) -> list[Json]:
        return [row.to_json() for row in self.engine.drift_diff()]
