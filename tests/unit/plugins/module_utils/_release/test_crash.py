# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever the trees and wherever it dies: the live folder ends as one of two trees, and a rollback is the identity."""

from __future__ import annotations

import os
import shutil
import tempfile
import typing as t
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from json_engine import JsonEngine
from release_world import FakeHost, World, of, shape

from ansible_collections.failsafe.nginx.plugins.module_utils._release.candidate import CandidateEntry, HostCandidate
from ansible_collections.failsafe.nginx.plugins.module_utils._release.changes import at
from ansible_collections.failsafe.nginx.plugins.module_utils._release.disk import Folder
from ansible_collections.failsafe.nginx.plugins.module_utils._release.errors import ReleaseError
from ansible_collections.failsafe.nginx.plugins.module_utils._release.settings import Settings
from ansible_collections.failsafe.nginx.plugins.module_utils._release.switch import switch
from ansible_collections.failsafe.nginx.plugins.module_utils._release.tree_entry import parents

MODES = st.sampled_from([0o600, 0o644, 0o640, 0o755])
PATHS = st.sampled_from(["a", "b", "d", "d/a", "d/b", "d/e", "d/e/a", "f", "f/a", "nginx.conf"])


class Died(BaseException):
    """The process was killed."""


class Killer:
    """Dies at one write of all; counts them otherwise."""

    def __init__(self, at: int = -1) -> None:
        self.at, self.steps = at, 0

    def __call__(self, _step: str) -> None:
        if self.steps == self.at:
            raise Died
        self.steps += 1


def consistent(rows: t.Iterable[tuple[str, str, int, bytes]]) -> list[tuple[str, str, int, bytes]]:
    """Rows without those below something that is no folder."""
    kept: dict[str, tuple[str, str, int, bytes]] = {}
    for row in sorted(rows):
        if row[0] not in kept and all(
            kept.get(above, row)[1] == "directory" for above in parents(row[0]) if above in kept
        ):
            kept[row[0]] = row
    return list(kept.values())


ROWS = st.lists(
    st.tuples(PATHS, st.sampled_from(["file", "file", "link", "directory"]), MODES, st.binary(max_size=4)), max_size=8
)


def write(folder: Path, rows: t.Iterable[tuple[str, str, int, bytes]]) -> None:
    folder.mkdir()
    (folder / "keep.conf").write_text("x")
    for path, kind, mode, content in consistent(rows):
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        if kind == "link":
            place.symlink_to("keep.conf")
        elif kind == "directory":
            place.mkdir(exist_ok=True)
            place.chmod(mode | 0o700)
        else:
            place.write_bytes(content)
            place.chmod(mode)


def wanted(rows: t.Iterable[tuple[str, str, int, bytes]], *, modes: bool) -> HostCandidate:
    contents = {"file": None, "link": b"/cfg/keep.conf", "directory": b""}
    entries = [
        CandidateEntry(
            path, kind, (mode | 0o700 if kind == "directory" else mode) if modes else None, contents[kind] or content
        )
        for path, kind, mode, content in consistent(rows)
    ]
    return HostCandidate(
        tuple(e._replace(content=b"keep.conf") if e.type == "link" and "/" not in e.path else e for e in entries)
    )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@example(live=[], first=[("f/a", "file", 0o600, b"")], second=[("f", "link", 0o600, b"")], modes=False)
@example(live=[], first=[("f", "link", 0o600, b"")], second=[("f/a", "file", 0o600, b"")], modes=False)
@given(live=ROWS, first=ROWS, second=ROWS, modes=st.booleans())
def test_apply_and_roll_back_is_the_identity(live: t.Any, first: t.Any, second: t.Any, *, modes: bool) -> None:
    top = Path(tempfile.mkdtemp(dir="/dev/shm" if os.path.isdir("/dev/shm") else None))
    try:
        folder = top / "nginx"
        write(folder, live)
        engine = JsonEngine(
            Settings(store=str(top / "store"), config_dir=str(folder), main="keep.conf"), host=FakeHost(folder)
        )
        for rows in (first, second):
            before = shape(folder)
            try:
                release = engine.stage(wanted(rows, modes=modes))["release"]
            except ReleaseError as error:
                assert error.code in ("conflict", "candidate")  # noqa: PT017
                assert shape(folder) == before
                continue
            engine.activate(release, reload=False)
            assert_is(folder, wanted(rows, modes=modes))
            after = shape(folder)
            engine.rollback()
            assert shape(folder) == before
            engine.stage(wanted(rows, modes=modes))
            engine.activate(release, reload=True)
            assert shape(folder) == after
            engine.confirm(release)
        assert engine.drift() == []
    finally:
        shutil.rmtree(top)


def assert_is(folder: Path, candidate: HostCandidate) -> None:
    found = shape(folder)
    for entry in candidate.entries:
        kind, mode, content = found[entry.path]
        assert (kind, content) == (entry.type, b"" if entry.type == "directory" else entry.content)
        assert entry.mode is None or kind == "link" or mode == entry.mode
    assert not [path for path in found if ".failsafe-" in path]


CHANGE = {
    "conf.d/a.conf": "new a",  # changed
    "conf.d/new.conf": "new",  # added
    "sites/x/y.conf": "deep",  # with folders
    "was-folder": "a file now",
    "was-file/inside": "in a folder now",
}


@pytest.fixture
def ready(world: World) -> World:
    """A host whose confirmed release differs from CHANGE in every way there is."""
    (world.config_dir / "theirs").symlink_to("mime.types")
    first = {
        "conf.d/a.conf": "a",
        "conf.d/gone.conf": "gone",
        "was-folder/in": "x",
        "was-file": "x",
        "odd/only.conf": "x",
    }
    world.deploy(of(first))
    return world


def steps_of(world: World, action: t.Callable[[JsonEngine], t.Any]) -> int:
    """How many writes an action makes, found out on a copy."""
    killer = Killer()
    top = world.store.parent
    copy = Path(shutil.copytree(top, top.parent / (top.name + "-copy"), symlinks=True))
    settings_ = Settings(store=str(copy / "store"), config_dir=str(copy / "nginx"), owner="web1")
    for name in (copy / "store/state.json",):
        name.write_text(name.read_text().replace(str(world.config_dir), str(copy / "nginx")))
    action(JsonEngine(settings_, host=FakeHost(copy / "nginx"), before=killer))
    shutil.rmtree(copy)
    return killer.steps


def test_dying_at_any_step_of_an_activation_leaves_one_tree(ready: World) -> None:
    old = ready.live()
    release = ready.engine().stage(of(CHANGE))["release"]
    snapshot = ready.store.parent.with_name("snapshot")
    shutil.copytree(ready.store.parent, snapshot, symlinks=True)
    steps = steps_of(ready, lambda engine: engine.activate(release, reload=False))
    assert steps > 20
    ready.engine().activate(release, reload=False)
    new = ready.live()
    outcomes = set()
    for step in range(steps):
        shutil.rmtree(ready.store.parent)
        shutil.copytree(snapshot, ready.store.parent, symlinks=True)
        with pytest.raises(Died):
            ready.engine(Killer(step)).activate(release, reload=False)
        ready.engine().recover()
        live = ready.live()
        assert live in (old, new), f"a mix after step {step}"
        outcomes.add(live == new)
        assert ready.engine().recover()["changed"] is False
        assert ready.live() == live
        ready.engine().rollback()
        assert ready.live() == old
    assert outcomes == {True, False}


def test_dying_at_any_step_of_a_rollback_leaves_one_tree(ready: World) -> None:
    old = ready.live()
    release = ready.engine().stage(of(CHANGE))["release"]
    ready.engine().activate(release, reload=False)
    new = ready.live()
    snapshot = ready.store.parent.with_name("snapshot")
    shutil.copytree(ready.store.parent, snapshot, symlinks=True)
    steps = steps_of(ready, lambda engine: engine.rollback())
    assert steps > 20
    for step in range(steps):
        shutil.rmtree(ready.store.parent)
        shutil.copytree(snapshot, ready.store.parent, symlinks=True)
        with pytest.raises(Died):
            ready.engine(Killer(step)).rollback()
        ready.engine().recover()
        assert ready.live() in (old, new), f"a mix after step {step}"
        ready.engine().rollback()
        assert ready.live() == old


def test_dying_at_any_step_of_a_recovery_still_ends_in_one_tree(ready: World) -> None:
    old = ready.live()
    release = ready.engine().stage(of(CHANGE))["release"]
    steps = steps_of(ready, lambda engine: engine.activate(release, reload=False))
    with pytest.raises(Died):
        ready.engine(Killer(steps - 4)).activate(release, reload=False)
    for step in range(200):
        killer = Killer(step)
        try:
            ready.engine(killer).recover()
        except Died:
            continue
        break
    assert ready.live() == old
    assert step > 5


def test_dying_at_any_step_of_a_stage_changes_nothing_live_and_the_next_one_works(ready: World) -> None:
    old = ready.live()
    steps = steps_of(ready, lambda engine: engine.stage(of(CHANGE)))
    assert steps > 20
    for step in range(steps):
        with pytest.raises(Died):
            ready.engine(Killer(step)).stage(of({**CHANGE, "n": str(step)}))
        assert ready.live() == old
    result = ready.engine().stage(of(CHANGE))
    assert result["state"] == "staged"
    leftovers = [name for name in os.listdir(ready.store / "releases") if name.startswith(".")]
    assert leftovers == []
    assert ready.engine().activate(result["release"], reload=True)["phase"] == "gated"


def test_killed_for_real_in_the_middle(ready: World) -> None:
    old = ready.live()
    release = ready.engine().stage(of(CHANGE))["release"]
    child = os.fork()
    if child == 0:

        def before(step: str) -> None:
            if step == "replace conf.d/new.conf":
                os._exit(9)

        ready.engine(before).activate(release, reload=False)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert ready.live() != old
    # The lock died with its holder; the next stage repairs first and says so.
    result = ready.engine().stage(of(CHANGE))
    assert ready.live() == old
    assert "interrupted" in result["recovered"][0]
    assert result["changed"] is True


def test_an_error_before_the_first_rename_leaves_nothing_behind(ready: World, tmp_path: Path) -> None:
    source = tmp_path / "source"
    for name, text in {"conf.d/a.conf": "new", "n/e/w": "new"}.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(text)
    old, paths = ready.live(), ["conf.d/a.conf", "n", "n/e", "n/e/w"]

    def before(step: str) -> None:
        if step.startswith("write conf.d/"):
            raise ReleaseError("no space left", "no_space")

    with pytest.raises(ReleaseError, match="no space"):
        switch(Folder(str(ready.config_dir), before), Folder(str(source)), at(Folder(str(source)), paths), paths)
    assert ready.live() == old


def test_an_error_in_the_middle_restores_at_once(ready: World) -> None:
    old = ready.live()
    release = ready.engine().stage(of(CHANGE))["release"]

    failures = ["replace conf.d/new.conf"]

    def before(step: str) -> None:
        if step in failures:
            failures.remove(step)
            raise ReleaseError("cannot replace conf.d/new.conf: Input/output error", "file")

    with pytest.raises(ReleaseError, match="Input/output"):
        ready.engine(before).activate(release, reload=False)
    assert ready.live() == old
    assert ready.engine().status()["interrupted"] is False
