# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""The way back: by a rollback, by the end of a lease, by a recovery after a crash or a reboot."""

from __future__ import annotations

import contextlib
import shutil

from .candidate import Tree
from .clock import left
from .core import Result
from .errors import ReleaseError
from .lease import LEASE
from .lock import ROLLOUT
from .show import secrecy
from .staging import drifted
from .store import Release, State, now
from .switch import at, changes, differing, managed
from .trial import Trial


class Back(Trial):
    """Brings the confirmed release back. Raises `ReleaseError` when this host needs a person."""

    def _back(self, state: State, by: str | None = None) -> Result:
        target = self.store.release(state["confirmed"])
        result: Result = {"release": target.id, "state": "rolled_back", "changed": bool(state["txn"])}
        active: Result = {}
        try:
            self._recover(state)
            active = state["active"] or {}
            if active:
                result.update(self._restore(state, target), changed=True)
            if by != "boot":
                self._return_running(state, target, active, result)
        except ReleaseError as error:
            self._record("rollback_failed", target.id, reason=str(error), by=by)
            state["trouble"] = self.redact(str(error))
            with contextlib.suppress(ReleaseError):
                self.store.save(state)
            files = "not " if state["txn"] or state["active"] else ""
            raise ReleaseError(
                f"ROLLBACK FAILED: the files of {target.id} are {files}restored; {error}; look at this host now",
                "rollback_failed",
                **error.details,
            ) from error
        if state.pop("trouble", None):
            self.store.save(state)
        if result["changed"]:
            self._record("rolled_back", target.id, abandoned=active.get("id"), by=by)
        else:
            result["older"] = [name for name in self.store.releases() if name != target.id]
        self._end_lease()
        return result

    def _return_running(self, state: State, target: Release, active: Result, result: Result) -> None:
        running = self.host.master() is not None
        if running and active.get("started"):
            self.host.stop()
            state["running"] = None
            self.store.save(state)
            result["stopped"] = True
        elif (running or active.get("was_running")) and self._running(state) != target.id:
            abandoned = self.store.release(active["id"]).facts if active else None
            result.update(changed=True, proof=self._prove(state, target, abandoned))
            if active:
                gate = self.host.former(active["gate"], active["baseline"])
                result["gate"] = self.host.gate(gate, active["baseline"], target.facts)
                self._judge("gate", target.id, result["gate"])

    def _restore(self, state: State, target: Release) -> Result:
        """Put the confirmed release's files back; what was edited meanwhile is kept as a release of its own."""
        active = self.store.release(state["active"]["id"])
        touched = managed(active.tree, target.tree)
        edited = differing(at(self.live, touched), active.tree, touched)
        result: Result = {"edited": edited} if edited else {}
        if edited:
            with contextlib.suppress(ReleaseError):
                result["kept"] = self._keep_live(touched, active.tree).id
        state["txn"] = {"kind": "rollback", "from": active.id, "to": target.id, "time": now()}
        self.store.save(state)
        plan = changes(at(self.live, touched), target.tree, touched)
        self._recover(state)
        return {**result, "added": plan.added, "modified": plan.changed, "removed": plan.removed}

    def _keep_live(self, touched: set[str], known: Tree) -> Release:
        """What is there as a release that manages the touched paths; what is secret in the known tree stays so."""
        work = self.store.work()
        try:
            release = drifted(secrecy(known, self.live.scan()[0]), touched, self.settings.metadata)
            self.store.build(work, release, lambda entry: self.live.chunks(entry.path))
            self.store.install(work, release, contextlib.ExitStack())
            return release
        finally:
            shutil.rmtree(work.path, ignore_errors=True)

    def _settle(self, state: State) -> list[str]:
        """Roll back what a run that died has left."""
        recovered = self._recover(state)
        active, running = state["active"], self._running(state)
        if active or running not in (None, state["confirmed"]):
            self._back(state)
            left_behind = active["id"] if active else running
            recovered.append(f"{left_behind} was left unconfirmed: rolled back to {state['confirmed']}")
        return recovered

    def recover(self, *, boot: bool = False) -> Result:
        """Bring a host back to one whole tree after a crash, and to the confirmed one if the lease is over.

        A lease ends with its boot. With `boot`, before nginx starts, only files are touched. Nothing to do is fine.
        """
        if self.store.state() is None:
            return {"changed": False, "recovered": []}
        with self._locked("recover") as state:
            recovered = self._recover(state)
            active, note = state["active"], self._lease(state)
            if active and not (note and left(note)):
                self._back(state, "boot" if boot else "recover")
                recovered.append(f"{active['id']} was left unconfirmed: rolled back to {state['confirmed']}")
            elif state.get("trouble") and not boot:
                self._back(state, "recover")
                recovered.append(f"the rollback to {state['confirmed']} that failed is complete now")
            return {"changed": bool(recovered), "recovered": recovered}

    def expire(self, token: str) -> Result:
        """Roll back because the lease is over, unless it was given back or renewed; who has the lock first decides."""
        if self.store.state() is None:
            return {"changed": False}
        with self._locked("lease") as state:
            note = self.store.note(LEASE)
            if not note or note["token"] != token or left(note):
                return {"changed": False, "expires_in": left(note) if note and note["token"] == token else None}
            if state["txn"] or self._lease(state) or state.get("trouble"):
                self._record("lease_expired", note["release"], seconds=note["seconds"], mechanism=note["mechanism"])
                result = self._back(state, "lease")
                # The run is dead, and nobody else could have activated while its rollout held this host.
                with contextlib.suppress(ReleaseError):
                    if self.store.note(ROLLOUT) is not None:
                        self.store.folder.delete(ROLLOUT)
                return result
            self._end_lease()
            return {"changed": False}
