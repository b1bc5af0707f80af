# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""The release engine: the states of one host and the way between them."""

from __future__ import annotations

import copy
import json
import os
import shutil
import tempfile
import typing as t

from .back import Back
from .candidate import Candidate, check, identity
from .clock import clock
from .core import Result, needed, summary
from .disk import Folder
from .errors import ReleaseError
from .lease import shown as shown_lease
from .lock import ROLLOUT
from .lock import shown as shown_hold
from .show import Redactor
from .staging import Goal, Staging
from .store import Release, State, now
from .switch import Changes, at, changes, differing, managed, switch

_GATE = "gate.json"
_RELOADS = 2  # times reload_timeout: what is on the disk may have to be read by nginx -T first


class Engine(Back):
    """One host's releases. Every method takes the lock, recovers nothing but what it says, and raises `ReleaseError`."""

    # Stage

    def stage(self, candidate: Candidate, *, check_only: bool = False) -> Result:
        """Build and validate what the live folder would be, and keep it as a release.

        A refused candidate leaves the store as it was. `check_only` leaves everything as it was. What an earlier run
        left behind (an interrupted switch, an unconfirmed release whose time is over) is rolled back first; while
        another run may still confirm its release, this one is refused.
        """
        goal = self._goal(candidate)
        if not os.path.isdir(self.live.path):
            raise ReleaseError(
                f"there is no configuration folder {self.settings.config_dir}: is nginx installed?", "folder"
            )
        if check_only:
            return self._foresee(goal)
        with self.store.lock(f"stage {goal.id}", create=True):
            state = self._state()
            before = copy.copy(state)
            self._refuse_on_trial(state)
            self._refuse_other_rollouts()
            recovered = self._settle(state) if state else []
            result = self._stage(goal, state)
            if result["changed"]:
                self._hold()
            else:
                self._let_go()
            result["rollout"] = shown_hold(self.store.note(ROLLOUT))
            self._choose_metrics(before)
        if recovered:
            result.update(changed=True, recovered=recovered)
        return result

    def _goal(self, candidate: Candidate) -> Goal:
        self.redact = self.store.redact = Redactor(candidate.secrets)
        check(candidate)
        told = {entry.path for entry in candidate.entries if self._tells(entry.content)}
        return Goal(identity(candidate.entries), candidate.entries, guarded=frozenset(told))

    def _tells(self, content: bytes) -> bool:
        text = content.decode("utf-8", "replace")
        return bool(self.redact(text) != text)

    def _stage(self, goal: Goal, state: State | None) -> Result:
        work = self.store.work()
        try:
            staging = Staging(self.settings, self.store, self.host, state=state, live=self.live, work=work)
            result = staging.run(goal, self._running)
            staging.commit(result)
        finally:
            shutil.rmtree(work.path, ignore_errors=True)
        return result

    def _foresee(self, goal: Goal) -> Result:
        with tempfile.TemporaryDirectory(prefix="failsafe-nginx-") as path:
            work, live, state = Folder(path), self.live, self._state()
            self._refuse_on_trial(state)
            self._refuse_other_rollouts()
            pending = bool(state and (state["txn"] or state["active"]))
            if state and pending:
                live = self._recovered_copy(state, work)
            staging = Staging(self.settings, self.store, self.host, state=state, live=live, work=work)
            result = staging.run(goal, (lambda known: known["confirmed"]) if pending else self._running)
            return {**result, "changed": True, "recovered": ["would be rolled back first"]} if pending else result

    def _recovered_copy(self, state: State, work: Folder) -> Folder:
        tree = self.live.scan()[0]
        copy = self.store.build(work, Release("live", "", "", "tree", tree), lambda entry: self.live.chunks(entry.path))
        goal = self.store.release(state["confirmed"])
        switch(copy, self.store.files(goal), goal.tree, self._touched(state))
        return copy

    # Activate

    def activate(
        self,
        release: str,
        *,
        reload: bool,
        gate: t.Mapping[str, t.Any] | None = None,
        rollback_on_failure: bool = False,
    ) -> Result:
        """Make a staged release the live one; with `reload` also the running one, proven and gated.

        Raises `ReleaseError` without rolling back, unless `rollback_on_failure`.
        """
        with self._locked(f"activate {release}") as state:
            self._refuse_other_rollouts()
            self._hold()
            try:
                result = self._activate(state, release, reload=reload, gate=dict(gate or {}))
            except ReleaseError as error:
                if rollback_on_failure and state["active"]:
                    error.details["rollback"] = self._back(state)
                    self._let_go()
                raise
            return {**result, "rollout": shown_hold(self.store.note(ROLLOUT))}

    def _activate(self, state: State, release: str, *, reload: bool, gate: dict[str, t.Any]) -> Result:
        self.host.check_gate(gate)
        self._recover(state)
        result: Result = {"release": release, "state": "active", "changed": False}
        active = state["active"]
        if not active or active["id"] != release:
            if state["staged"] and state["staged"]["id"] == release:
                plan = self._switch_to_staged(state, gate)
                result.update(changed=True, added=plan.added, modified=plan.changed, removed=plan.removed)
            elif not active and state["confirmed"] == release and self._running(state) == release:
                return {**result, "state": "confirmed", "reload_needed": False}
            else:
                raise ReleaseError(
                    f"{release} is neither staged nor active here ({summary(state)}){self._fate(release)}: stage it first",
                    "order",
                )
        else:
            self._refuse_rebooted(state, release)
            self._renew(state)
        wanted = self._running(state) == release
        if reload and not (wanted and state["active"]["phase"] == "gated"):
            numbers = [gate.get(name) or 0 for name in ("timeout", "soak")]
            with self._alive(state, _RELOADS * self.settings.reload_timeout + sum(numbers)):
                result.update(changed=True, **self._reload_and_gate(state, gate, wanted=wanted))
            wanted = True
        lease = shown_lease(self._lease(state))
        return {**result, "phase": state["active"]["phase"], "reload_needed": not wanted, "lease": lease}

    def _switch_to_staged(self, state: State, gate: dict[str, t.Any]) -> Changes:
        staged = state["staged"]
        base, target = self.store.release(staged["base"]), self.store.release(staged["id"])
        touched = managed(base.tree, target.tree, self.store.release(state["confirmed"]).tree)
        self._refuse_edits(base, touched)
        running = self.host.master() is not None
        baseline = self.host.baseline(gate) if running else []
        self._put_aside(base, target, touched, json.dumps([state, baseline, gate]))
        self._arm(target.id)
        state["txn"] = {"kind": "activate", "from": base.id, "to": target.id, "time": now()}
        self.store.save(state)
        try:
            self._record("activating", target.id, must=True)
            plan = switch(self.live, self.store.files(target), target.tree, touched)
            done = {
                "active": {
                    "id": target.id, "phase": "switched", "since": now(), "was_running": running, "started": False,
                    "before": base.facts, "baseline": baseline, "gate": gate,
                },
                "staged": None, "txn": None, "switched": clock(),
            }  # fmt: skip
            self.store.save({**state, **done})
        except ReleaseError:
            self._recover(state)
            self._end_lease()
            raise
        state.update(done)
        self._record("activated", target.id, added=plan.added, modified=plan.changed, removed=plan.removed)
        return plan

    def _put_aside(self, base: Release, target: Release, touched: set[str], state: str) -> None:
        """See to it that the way back needs nothing that a full disk would refuse; without that there is no activation."""
        plan = changes(base.tree, target.tree, touched)
        try:
            self.store.reserve.lay(self.live, plan.changed + plan.removed, len(state))
        except ReleaseError:
            self.store.reserve.lift()
            raise

    def _refuse_edits(self, base: Release, touched: set[str]) -> None:
        """What was validated is the whole folder: nothing in it may have changed since, whoever it belongs to."""
        found = self.live.scan()[0]
        edited = differing(found, base.tree, {*found, *base.tree, *touched})
        if edited:
            written = self.host.written(base.facts)
            edited = [p for p in edited if p in touched or os.path.join(self.live.path, p) not in written]
        if edited:
            more = f" and {len(edited) - 10} more" if len(edited) > 10 else ""  # noqa: PLR2004 - enough to find them
            raise ReleaseError(
                f"changed on the host since it was staged, nothing was touched: {', '.join(edited[:10])}{more}; stage again",
                "edited",
                drift=edited,
            )

    def _reload_and_gate(self, state: State, gate: dict[str, t.Any], *, wanted: bool) -> Result:
        active = state["active"]
        if gate.get("checks") or gate.get("probes"):
            active["gate"] = gate
        release = self.store.release(active["id"])
        result: Result = {}
        if not wanted:
            active.update(phase="switched", started=active["started"] or self.host.master() is None)
            result["proof"] = self._prove(state, release, active["before"])
        active["phase"] = "running"
        self.store.save(state)
        result["gate"] = self.host.gate(active["gate"], active["baseline"], release.facts)
        self._judge("gate", release.id, result["gate"])
        self.store.folder.put(f"releases/{release.id}/{_GATE}", json.dumps(active["gate"]).encode("ascii"))
        active["phase"] = "gated"
        self.store.save(state)
        return result

    # Confirm

    def confirm(self, release: str) -> Result:
        """End the trial of an active release that was proven and gated; prunes old releases."""
        with self._locked(f"confirm {release}") as state:
            result = self._confirm(state, release)
            self._let_go()
            return result

    def _confirm(self, state: State, release: str) -> Result:
        active, result = state["active"], {"release": release, "state": "confirmed"}
        if not active and state["confirmed"] == release:
            return {**result, "changed": False}
        if state["txn"] or not active or active["id"] != release:
            raise ReleaseError(
                f"cannot confirm {release}: it is not active here ({summary(state)}){self._fate(release)}", "order"
            )
        self._refuse_rebooted(state, release)
        if active["phase"] != "gated":
            raise ReleaseError(
                f"cannot confirm {release}: it is {active['phase']}, and only what was reloaded, proven and passed its gate"
                " is confirmed",
                "order",
            )
        if self._running(state) != release:
            raise ReleaseError(
                f"cannot confirm {release}: nginx stopped or was reloaded since the gate passed", "order"
            )
        # A rollout that fails later takes its hosts back to it.
        state.update(previous=state["confirmed"], confirmed=release, active=None)
        state.pop("trouble", None)
        self.store.save(state)
        self._record("confirmed", release)
        self._end_lease()
        return {**result, "changed": True, "pruned": self._prune(state, self.settings.keep)}

    # Roll back

    def rollback(self, release: str | None = None) -> Result:
        """Return to the confirmed release, or to another stored one, which is confirmed then. Restores, reloads, proves.

        With `on_drift=overwrite` files of the confirmed release that somebody edited are put back, too.
        """
        if self.store.state() is None:
            if release:
                raise ReleaseError(f"release {release} is not in the store {self.settings.store}", "unknown_release")
            return {"release": None, "state": "absent", "changed": False}
        with self._locked(f"rollback {release or ''}".strip()) as state:
            if release is None or release == state["confirmed"]:
                result = self._back(state)
                if self.settings.on_drift == "overwrite" and self.drift():
                    result = self._back_to(state, self.store.release(state["confirmed"]))
            else:
                result = self._back_to(state, self.store.release(release))
            self._let_go()
            return result

    def _back_to(self, state: State, stored: Release) -> Result:
        self._settle(state)
        result = self._stage(Goal(stored.id, (), stored), state)
        if not result["changed"]:
            return {**result, "state": "rolled_back"}
        place = f"releases/{stored.id}/{_GATE}"
        gate = json.loads(self.store.folder.read(place).decode("utf-8")) if self.store.folder.entry(place) else {}
        fresh = t.cast("State", self._state())
        try:
            result.update(self._activate(fresh, stored.id, reload=True, gate=gate))
        except ReleaseError as error:
            error.details["rollback"] = self._back(fresh)
            raise
        return {**result, **self._confirm(fresh, stored.id), "state": "rolled_back"}

    # Adopt

    def adopt(self) -> Result:
        """Keep managed files that somebody else changed: they become the confirmed release if nginx loads them."""
        with self._locked("adopt") as state:
            self._refuse_on_trial(state)
            self._refuse_other_rollouts()
            recovered = self._settle(state)
            current = self.store.release(state["confirmed"])
            owned = managed(current.tree)
            drift = differing(at(self.live, owned), current.tree, owned)
            result: Result = {"release": current.id, "state": "adopted", "changed": bool(recovered or drift)}
            if drift:
                release, proof = self._adopt(state, current, owned)
                result.update(release=release.id, proof=proof)
            return {**result, "drift": drift, **({"recovered": recovered} if recovered else {})}

    def _adopt(self, state: State, current: Release, owned: set[str]) -> tuple[Release, Result | None]:
        release = self._keep_live(owned, current.tree)
        found = self.host.validate(self.store.files(release).path)
        if not found.ok:
            raise ReleaseError(
                f"nginx refuses what is there, so it is not adopted: {found.message}",
                "invalid",
                validation=found.public(),
            )
        self.store.describe(release._replace(facts=found.facts))
        proof = self._prove(state, release._replace(facts=found.facts), current.facts) if self.host.master() else None
        state.update(previous=current.id, confirmed=release.id, staged=None)
        self.store.save(state)
        self._record("adopted", release.id, instead_of=current.id)
        return release, proof

    # Keep house

    def remove(self, release: str) -> Result:
        """Delete a stored release."""
        result = {"release": release, "state": "absent"}
        if self.store.state() is None or not self.store.has(release):
            return {**result, "changed": False}
        with self._locked(f"remove {release}") as state:
            if state["staged"] and state["staged"]["id"] == release and not state["txn"]:
                self.store.save({**state, "staged": None})
                state["staged"] = None
            if release in needed(state):
                raise ReleaseError(f"cannot delete {release}: it is needed ({summary(state)})", "order")
            self.store.delete(release)
            self._record("removed", release)
            return {**result, "changed": True}

    def prune(self, keep: int) -> Result:
        """Delete all but the newest `keep` releases; the adopted, confirmed, active and staged ones stay."""
        with self._locked("prune") as state:
            pruned = self._prune(state, keep)
            return {"changed": bool(pruned), "pruned": pruned}

    def _prune(self, state: State, keep: int) -> list[str]:
        stored = [self.store.release(name) for name in self.store.releases()]
        stored.sort(key=lambda release: release.created, reverse=True)
        old = [release.id for release in stored[keep:] if release.id not in needed(state)]
        for release in old:
            self.store.delete(release)
        if old:
            self._record("pruned", None, releases=old)
        self.store.shorten()
        return old
