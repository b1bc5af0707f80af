# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The host that the steps of the engine share: its settings, store, live folder, nginx and lock."""

from __future__ import annotations

import contextlib
import typing as t

from .errors import ReleaseError
from .host import Host
from .host_files import HostFiles, Redact
from .manifest import Release
from .results import Verdict
from .settings import Settings
from .state import ConfigFacts, HostState


class HostContext:
    """Hold what the steps share; `Engine` describes the arguments.

    Attributes:
        live: the configuration folder.
        warnings: failures that did not stop the step.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        host: Host | None = None,
        redact: Redact = lambda value: value,
        before: t.Callable[[str], None] | None = None,
    ) -> None:
        files = HostFiles(settings, redact=redact, before=before)
        self.settings, self.store, self.live = files.settings, files.store, files.live
        self.drift, self.metrics, self.warnings = files.drift, files.metrics, files.warnings
        self.host = host or Host(self.settings)
        self.redact = redact

    def mask(self, redact: Redact) -> None:
        """Mask other secrets from now on."""
        self.redact = self.store.journal.redact = redact

    def state(self) -> HostState | None:
        """Return the state, None where there is no store. Raises `ReleaseError` for the store of another host."""
        state = self.store.state()
        if state is None:
            return None
        owner, config_dir = state.owner, self.settings.config_dir
        host = self.settings.owner if owner.host and self.settings.owner else owner.host
        if (owner.host, owner.config_dir) != (host, config_dir):
            raise ReleaseError(
                f"two hosts with the same store: {self.settings.store} belongs to {owner.host} ({owner.config_dir}), not"
                f" to {host} ({config_dir}); give each its own store",
                "owner",
            )
        return state

    @contextlib.contextmanager
    def locked(self, operation: str) -> t.Iterator[HostState]:
        """Hold the lock and yield the state; write the metrics at the end. Raises `ReleaseError` without a store."""
        if self.store.state() is None:
            raise ReleaseError(f"there is no release in the store {self.settings.store}: stage one first", "order")
        with self.store.lock(operation):
            state = self.state()
            if state is None:
                raise ReleaseError(f"the store {self.settings.store} vanished", "store")
            try:
                yield state
            finally:
                self.metrics.write()

    def record(
        self,
        event: str,
        release: str | None,
        details: t.Mapping[str, object] | None = None,
        *,
        must: bool = False,
        durable: bool = True,
    ) -> None:
        """Append to the journal. Without `must` a failure is a warning: a full disk must not stop a rollback."""
        try:
            self.store.journal.append(event, release, details, self.settings.metadata, durable=durable)
        except ReleaseError as error:
            if must:
                raise
            self.warnings.append(f"not in the journal ({event}): {error}")

    def running(self, state: HostState) -> str | None:
        """Return the release that nginx runs, None if that is unknown or nginx does not run."""
        master = self.host.master()
        return None if master is None else state.loaded_by(master.pid, master.start_time)

    def prove(self, state: HostState, release: Release, before: ConfigFacts | None) -> Verdict:
        """Reload nginx and prove that it runs the live release. Until then the running release counts as unknown.

        `before` has facts of the configuration that ran, as far as known. Raises `ReleaseError` without a proof.
        """
        state.running = self.host.generation(None)
        self.store.save(state)
        proof = self.host.reload(before, release.facts)
        state.running = self.host.generation(release.id if proof.ok else None)
        self.store.save(state)
        self.judge("reload", release.id, proof)
        return proof

    def judge(self, event: str, release: str, verdict: Verdict) -> None:
        """Record a verdict. Raises `ReleaseError` if it is not `ok`."""
        self.record(event, release, verdict.journaled())
        if not verdict.ok:
            details = {event: verdict.to_json()}
            raise ReleaseError(f"{event} of {release} failed: {verdict.reason}", event, **details)

    def fate(self, release: str) -> str:
        """Return why a release is not on trial any more, as the end of a message: "" if the journal does not say."""
        for row in self.store.journal.lines()[::-1]:
            if row.release == release and row.event in ("staged", "confirmed"):
                break
            if row.event == "rolled_back" and row.details.get("abandoned") == release:
                by = row.details.get("by")
                return f"; this host rolled it back by itself at {row.time} ({by})" if by else ""
        return ""
