# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""What every step of the engine stands on: the locked state, recovery, the running generation and its proof."""

from __future__ import annotations

import contextlib
import os
import time
import typing as t

from . import metrics
from .clock import clock
from .disk import Folder
from .errors import ReleaseError
from .host import Host, Settings
from .show import Redactor, secrecy, summaries
from .store import Release, State, Store
from .switch import at, differing, managed, sweep, switch

Result = t.Dict[str, t.Any]


class Core:
    """Reads one host's state and brings it back to order.

    Args:
        settings: which nginx, which store.
        host: what asks nginx, for tests.
        secrets: values that the journal may not hold.
        before: called ahead of every write, for tests that die there.

    `warnings` collects what went wrong without stopping the step.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        host: Host | None = None,
        secrets: t.Iterable[str] = (),
        before: t.Callable[[str], None] | None = None,
    ) -> None:
        _check_places(settings)
        folder = Folder(settings.store, before) if before else Folder(settings.store)
        self.settings = settings._replace(config_dir=os.path.abspath(settings.config_dir))
        self.redact = Redactor(secrets)
        self.host = host or Host(self.settings)
        self.store = Store(folder, self.redact)
        self.live = Folder(os.path.realpath(settings.config_dir), folder.before)
        self.warnings: list[str] = []

    def status(self) -> Result:
        """What is confirmed, active and staged, and whether nginx runs it. Reads only."""
        state = self.store.state()
        known = state or {"confirmed": None, "active": None, "staged": None, "txn": None}
        active, staged = known["active"] or {}, known["staged"] or {}
        running = None
        with contextlib.suppress(ReleaseError):
            running = self._running(state) if state else None
        return {
            "confirmed": known["confirmed"],
            "previous": known.get("previous"),
            "active": active.get("id"),
            "phase": active.get("phase"),
            "staged": staged.get("id"),
            "trouble": known.get("trouble"),
            "running": running,
            "interrupted": bool(known["txn"]),
            "releases": self.store.releases() if state else [],
        }

    def history(self) -> list[dict[str, t.Any]]:
        """The journal, newest first."""
        return self.store.history()[::-1]

    def drift(self) -> list[str]:
        """The managed paths at which the live folder is not what it should be."""
        state = self.store.state()
        if state is None:
            return []
        tree = self.store.release((state["active"] or {}).get("id") or state["confirmed"]).tree
        return differing(at(self.live, managed(tree)), tree, managed(tree))

    def drift_diff(self) -> list[dict[str, t.Any]]:
        """What `drift` is about, for people; secrets appear as fingerprints."""
        state = self.store.state()
        if state is None:
            return []
        release = self.store.release((state["active"] or {}).get("id") or state["confirmed"])
        files = self.store.files(release)
        now = at(self.live, self.drift())
        return summaries(
            self.drift(),
            (release.tree, lambda entry: files.read(entry.path)),
            (secrecy(release.tree, now), lambda entry: self.live.read(entry.path)),
        )

    def _state(self) -> State | None:
        state = self.store.state()
        if state is None:
            return None
        owner, ours = state["owner"], {"host": self.settings.owner, "config_dir": self.settings.config_dir}
        if None in (owner["host"], ours["host"]):
            ours["host"] = owner["host"]
        if owner != ours:
            raise ReleaseError(
                f"two hosts with the same store: {self.settings.store} belongs to {owner['host']} ({owner['config_dir']}), not"
                f" to {ours['host']} ({ours['config_dir']}); give each its own store",
                "owner",
            )
        return state

    @contextlib.contextmanager
    def _locked(self, operation: str) -> t.Iterator[State]:
        if self.store.state() is None:
            raise ReleaseError(f"there is no release in the store {self.settings.store}: stage one first", "order")
        with self.store.lock(operation):
            state = self._state()
            if state is None:
                raise ReleaseError(f"the store {self.settings.store} vanished", "store")
            try:
                yield state
            finally:
                self.measure()

    def measure(self) -> None:
        """Write the metrics where they are wanted. What fails here is a warning, and stops nothing."""
        try:
            while True:
                state, rows = self.store.state(), self.history()
                directory = _metrics_dir(state)
                if state is None or not directory:
                    return
                found = metrics.samples(state, rows, self._drifted(), time.time())
                content = metrics.text(found, self.settings.config_dir)
                metrics.write(directory, self.settings.store, content, self.store.folder.before)
                # Who only looks has no lock, and may not leave behind what was true before somebody else wrote.
                if (self.store.state(), self.history()[:1]) == (state, rows[:1]):
                    return
        except ReleaseError as error:
            self.warnings.append(f"no metrics: {error}")

    def _drifted(self) -> int | None:
        with contextlib.suppress(ReleaseError):
            return len(self.drift())
        return None

    def _choose_metrics(self, before: State | None) -> None:
        """Let this run decide where they are, for what acts on the host alone too, and leave none that would grow untrue."""
        wanted, state, known = self.settings.metrics_dir or None, self.store.state(), _metrics_dir(before)
        if state and _metrics_dir(state) != wanted:
            state["settings"] = {**state.get("settings", self.settings._asdict()), "metrics_dir": wanted}
            self.store.save(state)
        if known and known != wanted:
            with contextlib.suppress(ReleaseError):
                metrics.remove(known, self.settings.store, self.store.folder.before)
        self.measure()

    def _record(
        self, event: str, release: str | None, *, must: bool = False, durable: bool = True, **details: t.Any
    ) -> None:
        # Once files were changed, a journal that cannot be written (a full disk) may not stop the way back.
        try:
            self.store.record(event, release, self.settings.metadata, durable=durable, **details)
        except ReleaseError as error:
            if must:
                raise
            self.warnings.append(f"not in the journal ({event}): {error}")

    def _running(self, state: State) -> str | None:
        """The release that nginx runs, None if that is unknown or nginx does not run."""
        master = self.host.generation(None)
        if master is None:
            return None
        known = state["running"]
        if known and (known["pid"], known["start_time"]) == (master["pid"], master["start_time"]):
            return t.cast("t.Optional[str]", known["release"])
        # Another master read what was on the disk when it started.
        switched, here = state["switched"], clock()
        if state["txn"] or (
            switched and switched["boot"] == here["boot"] and master["start_time"] <= switched["ticks"]
        ):
            return None
        return t.cast("str", (state["active"] or {}).get("id") or state["confirmed"])

    def _recover(self, state: State) -> list[str]:
        # An interrupted activation goes back, an interrupted rollback goes on: both end at what was live and trusted.
        txn = state["txn"]
        if not txn:
            return []
        goal = self.store.release(txn["to"] if txn["kind"] == "rollback" else txn["from"])
        touched = self._touched(state)
        sweep(self.live, touched)
        switch(self.live, self.store.files(goal), goal.tree, touched, self.store.reserve)
        done = {"txn": None, "staged": None, "switched": clock()}
        if txn["kind"] == "rollback":
            done["active"] = None
        self.store.save({**state, **done})
        state.update(done)
        self._record("restored", goal.id, txn=txn)
        return [f"the interrupted {txn['kind']} of {txn['time']} ended with the files of {goal.id}"]

    def _touched(self, state: State) -> set[str]:
        txn, active = state["txn"] or {}, state["active"] or {}
        ids = {state["confirmed"], txn.get("from"), txn.get("to"), active.get("id")} - {None}
        return managed(*(self.store.release(name).tree for name in ids))

    def _prove(self, state: State, release: Release, before: dict[str, t.Any] | None) -> Result:
        """Reload and prove; until that is done the running generation counts as unknown."""
        state["running"] = self.host.generation(None)
        self.store.save(state)
        proof = self.host.reload(before, release.facts)
        state["running"] = self.host.generation(release.id if proof["ok"] else None)
        self.store.save(state)
        self._judge("reload", release.id, proof)
        return proof

    def _judge(self, what: str, release: str, verdict: Result) -> None:
        keep = ("ok", "reason", "seconds", "rounds", "failed", "already_failing")
        self._record(what, release, **{name: verdict[name] for name in keep if name in verdict})
        if not verdict["ok"]:
            raise ReleaseError(f"{what} of {release} failed: {verdict['reason']}", what, **{what: verdict})


def _check_places(settings: Settings) -> None:
    for name, place in (("store", settings.store), ("config_dir", settings.config_dir), ("prefix", settings.prefix)):
        if place and not os.path.isabs(place):
            raise ReleaseError(f"{name} has to be an absolute path, not {place!r}", "options")
    store, config = os.path.realpath(settings.store), os.path.realpath(settings.config_dir)
    if os.path.commonpath([store, config]) in (store, config):
        raise ReleaseError(
            f"the store {settings.store} and the configuration folder {settings.config_dir} may not lie in each other:"
            " every release would hold the others",
            "options",
        )


def _metrics_dir(state: State | None) -> str | None:
    return ((state or {}).get("settings") or {}).get("metrics_dir") or None


def needed(state: State) -> set[str]:
    """The releases that may not be deleted."""
    ids = {state["confirmed"], state["adopted"], state.get("previous")}
    for name, keys in (("active", ("id",)), ("staged", ("id", "base")), ("txn", ("from", "to"))):
        ids.update((state[name] or {}).get(key) for key in keys)
    return ids - {None}


def summary(state: State) -> str:
    """Where a host stands, for messages."""
    active, staged = state["active"] or {}, state["staged"] or {}
    parts = [f"confirmed {state['confirmed']}"]
    if active:
        parts.append(f"active {active['id']} ({active['phase']})")
    if staged:
        parts.append(f"staged {staged['id']}")
    return ", ".join(parts)
