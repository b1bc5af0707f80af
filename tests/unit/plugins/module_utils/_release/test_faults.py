# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fault matrix: dead ahead of every single write of every operation, then each way of recovery, then compared byte for byte."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import typing as t
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from json_engine import JsonEngine
from release_world import Master, Shape, World, of

from ansible_collections.failsafe.nginx.plugins.module_utils._release import clock as time_
from ansible_collections.failsafe.nginx.plugins.module_utils._release import lease, reservation
from ansible_collections.failsafe.nginx.plugins.module_utils._release import state as state_
from ansible_collections.failsafe.nginx.plugins.module_utils._release.changes import at, differing, managed
from ansible_collections.failsafe.nginx.plugins.module_utils._release.disk import scan
from ansible_collections.failsafe.nginx.plugins.module_utils._release.errors import ReleaseError

OLD = of({"conf.d/a.conf": "a", "conf.d/gone.conf": "gone", "was-folder/in": "x", "was-file": "x"})
NEW = of({"conf.d/a.conf": "new", "sites/x/y.conf": "deep", "was-folder": "a file", "was-file/in": "a folder"})
MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") else None


class Died(BaseException):
    """The process was killed."""


class Killer:
    """Dies ahead of one write of all."""

    def __init__(self, at_: int) -> None:
        self.left = at_

    def __call__(self, _step: str) -> None:
        if self.left == 0:
            raise Died
        self.left -= 1


def end_lease(world: World) -> str:
    place = world.store / "lease.json"
    note = json.loads(place.read_text())
    place.write_text(json.dumps({**note, "until": 0}))
    return str(note["token"])


def prepare(world: World, stage: str) -> str:
    """A host that runs OLD, confirmed, on its way to NEW."""
    world.deploy(OLD)
    release: str = world.engine(rollout="one" if stage == "held" else None).stage(NEW)["release"]
    if stage == "trial":
        world.engine().activate(release, reload=True)
    elif stage == "edited":
        world.put("conf.d/a.conf", "by hand")
    return release


ACTIONS: dict[str, tuple[str, t.Callable[[World, JsonEngine, str], t.Any]]] = {
    "activate": ("staged", lambda _world, engine, release: engine.activate(release, reload=True)),
    "renew": ("trial", lambda _world, engine, release: engine.activate(release, reload=True)),
    "confirm": ("trial", lambda _world, engine, release: engine.confirm(release)),
    "rollback": ("trial", lambda _world, engine, _release: engine.rollback()),
    "expire": ("trial", lambda world, engine, _release: engine.expire(end_lease(world))),
    "adopt": ("edited", lambda _world, engine, _release: engine.adopt()),
    "remove": ("staged", lambda _world, engine, release: engine.remove(release)),
    "unlock": ("held", lambda _world, engine, _release: engine.unlock()),
}


@pytest.mark.parametrize("way", ["recover", "boot", "next"])
@pytest.mark.parametrize("action", list(ACTIONS))
def test_dead_at_any_write(world: World, monkeypatch: pytest.MonkeyPatch, action: str, way: str) -> None:
    stage, act = ACTIONS[action]
    release = prepare(world, stage)
    snapshot = world.store.parent.with_name("snapshot")
    shutil.copytree(world.store.parent, snapshot, symlinks=True)
    master, loaded, before = world.host.process, world.host.loaded, world.live()
    act(world, world.engine(), release)
    after, steps = world.live(), 0
    while True:
        monkeypatch.undo()
        shutil.rmtree(world.store.parent)
        shutil.copytree(snapshot, world.store.parent, symlinks=True)
        world.host.process, world.host.loaded = master, loaded
        try:
            act(world, world.engine(Killer(steps)), release)
            break
        except Died:
            steps += 1
        check_rollback(world, monkeypatch, way, (before, after))
    assert steps > 1


def check_rollback(world: World, monkeypatch: pytest.MonkeyPatch, way: str, trees: tuple[Shape, Shape]) -> None:
    if way == "boot":
        for module in (time_, lease, reservation, state_):
            monkeypatch.setattr(module, "boot_id", lambda: "another boot")
        world.engine().recover(boot=True)
        world.host.process, world.host.loaded = Master(7, time_.ticks() + 1), world.live()
        state = world.engine().state()
        assert state["active"] is None
    elif way == "recover":
        world.engine().recover()
        assert world.live() in trees, "a mix"
    else:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(state_.Lease, "left", lambda _lease: 0.0)  # the dead run has no time left
            world.engine(on_drift="overwrite", rollout="one").stage(NEW)
    state = world.engine().state()
    assert state["txn"] is None
    live, tree = (
        world.engine().engine.context.live,
        world.engine().store.releases.read((state["active"] or {}).get("id") or state["confirmed"]).tree,
    )
    edited = differing(at(live, managed(tree)), tree, managed(tree))
    assert edited in ([], ["conf.d/a.conf"])  # the hand edit is still there, nothing else differs
    # Whatever was on its way: going back ends at what is confirmed, all of it, in the files and in nginx.
    world.engine().rollback()
    state = world.engine().state()
    assert (state["active"], state["txn"]) == (None, None)
    assert world.engine().status()["running"] == state["confirmed"]
    assert world.engine().drift() == edited or not edited
    assert not [name for name in world.live() if ".failsafe-" in name]
    assert [row["seq"] for row in world.engine().history()] == list(range(len(world.engine().history()), 0, -1))


CONTENTS = st.sampled_from(["one", "two", "three", "BROKEN"])
PATHS = st.sampled_from(["conf.d/a.conf", "conf.d/b.conf", "sites/x", "nginx.conf"])
FILES = st.dictionaries(PATHS, CONTENTS, min_size=1, max_size=3)


class Hosts(RuleBasedStateMachine):
    """Everything that may happen to a host, in any order, with deaths anywhere in between."""

    @initialize()
    def build(self) -> None:
        self.top = Path(tempfile.mkdtemp(dir=MEMORY))
        self.world = World(self.top / "host")
        self.died = False

    def teardown(self) -> None:
        if hasattr(self, "top"):
            shutil.rmtree(self.top)

    def _do(self, death: int, act: t.Callable[[JsonEngine], t.Any]) -> None:
        """Run one step, killed ahead of a write, or not if that comes too late."""
        try:
            act(self.world.engine(Killer(death), on_drift="overwrite"))
        except Died:
            self.died = True
        except ReleaseError as error:
            allowed = ("invalid", "order", "on_trial", "edited", "no_rollback", "gate", "reload", "lease", "conflict")
            assert error.code in (*allowed, "rollback_failed"), error  # noqa: PT017

    death = st.one_of(st.just(10_000), st.integers(0, 80))

    @rule(files=FILES, death=death)
    def stage(self, files: dict[str, str], death: int) -> None:
        self._do(death, lambda engine: engine.stage(of(files)))

    @rule(death=death, reload=st.booleans(), healthy=st.booleans())
    def activate(self, death: int, *, reload: bool, healthy: bool) -> None:
        state = self.world.engine().state() or {}
        wanted = (state.get("staged") or state.get("active") or {}).get("id", "r-000000000000")
        self.world.host.gate_ok = healthy
        self._do(death, lambda engine: engine.activate(wanted, reload=reload))
        self.world.host.gate_ok = True

    @rule(death=death)
    def confirm(self, death: int) -> None:
        state = self.world.engine().state() or {}
        self._do(death, lambda engine: engine.confirm((state.get("active") or {}).get("id", "r-000000000000")))

    @rule(death=death)
    def rollback(self, death: int) -> None:
        self._do(death, lambda engine: engine.rollback())

    @precondition(lambda self: (self.world.store / "lease.json").exists())
    @rule(death=death)
    def lease_ends(self, death: int) -> None:
        token = end_lease(self.world)
        self._do(death, lambda engine: engine.expire(token))

    @rule(death=death, at_boot=st.booleans())
    def recover(self, death: int, *, at_boot: bool) -> None:
        self._do(death, lambda engine: engine.recover(boot=at_boot))

    @precondition(lambda self: self.world.store.exists())
    @rule(death=death, keep=st.integers(0, 3))
    def prune(self, death: int, keep: int) -> None:
        self._do(death, lambda engine: engine.prune(keep))

    @rule(death=death)
    def adopt(self, death: int) -> None:
        self._do(death, lambda engine: engine.adopt())

    @rule(path=PATHS, content=st.sampled_from(["by hand", ""]))
    def edit(self, path: str, content: str) -> None:
        place = self.world.config_dir / path
        if content:
            self.world.put(path, content)
        elif place.exists():
            place.unlink()

    @invariant()
    def confirmed_is_always_restorable(self) -> None:
        state = self.world.engine().state() if hasattr(self, "world") else None
        if not state:
            return
        store = self.world.engine().store
        release = store.releases.read(state["confirmed"])
        found = scan(store.releases.files(release))[0]
        assert differing(found, release.tree, release.tree) == []
        for name in (state["adopted"], *((state[key] or {}).get("id") for key in ("active", "staged"))):
            assert name is None or store.releases.has(name)

    @invariant()
    def live_is_a_release_or_named_drift(self) -> None:
        state = self.world.engine().state() if hasattr(self, "world") else None
        if not state or state["txn"]:
            return
        engine = self.world.engine()
        tree = engine.store.releases.read((state["active"] or {}).get("id") or state["confirmed"]).tree
        different = differing(at(engine.engine.context.live, managed(tree)), tree, managed(tree))
        assert engine.drift() == different == [row["path"] for row in engine.drift_diff()]

    @invariant()
    def the_journal_tells_the_state(self) -> None:
        state = self.world.engine().state() if hasattr(self, "world") else None
        rows = self.world.engine().history()[::-1] if state else []
        assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))
        if self.died:
            return  # what died between the state and its line in the journal told one of them only
        told = [row["release"] for row in rows if row["event"] in ("confirmed", "adopted")]
        assert not state or state["confirmed"] == (told[-1] if told else state["adopted"])


TestHosts = Hosts.TestCase
TestHosts.settings = settings(
    max_examples=60, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
