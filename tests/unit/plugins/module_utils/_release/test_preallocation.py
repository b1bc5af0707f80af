# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A disk that fills up after the activation: a rollback needs no byte of it."""

from __future__ import annotations

import json
import os
import subprocess
import typing as t
from pathlib import Path

import pytest
from release_world import World, candidate, of

from ansible_collections.failsafe.nginx.plugins.module_utils._release.disk import Folder
from ansible_collections.failsafe.nginx.plugins.module_utils._release.errors import ReleaseError
from ansible_collections.failsafe.nginx.plugins.module_utils._release.preallocation import Preallocation, allocate

OLD = of({f"conf.d/{number}.conf": f"# old {number}\n" * 900 for number in range(20)})
NEW = of({f"conf.d/{number}.conf": f"# new {number}\n" * 900 for number in range(5, 25)})


def fill(place: Path) -> None:
    """Take every byte that is left."""
    with (place / "ballast").open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 10, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue


@pytest.fixture
def small(tmp_path: Path) -> t.Iterator[Path]:
    """A small file system."""
    place = tmp_path / "small"
    place.mkdir()
    subprocess.run(
        ["/bin/mount", "-t", "tmpfs", "-o", "size=4m,mode=0700", "none", str(place)], check=True, timeout=120
    )
    yield place
    subprocess.run(["/bin/umount", str(place)], check=True, timeout=120)


def expire(world: World) -> None:
    note = json.loads((world.store / "lease.json").read_text())
    (world.store / "lease.json").write_text(json.dumps({**note, "until": 0}))
    world.engine().expire(note["token"])


WAYS: dict[str, t.Callable[[World], t.Any]] = {
    "by hand": lambda world: world.engine().rollback(),
    "by its lease": expire,
}


@pytest.mark.root
@pytest.mark.parametrize("way", list(WAYS))
@pytest.mark.parametrize("reloaded", [True, False])
def test_a_disk_that_fills_up_after_the_activation(small: Path, way: str, *, reloaded: bool) -> None:
    world = World(small)
    world.deploy(OLD)
    before = world.live()
    written = {path: os.stat(world.config_dir / path).st_mtime_ns for path in before}
    release = world.engine().stage(NEW)["release"]
    world.engine().activate(release, reload=reloaded)
    assert world.live() != before
    if way == "by its lease":
        # The note is written for the test; the time of a real one ends without a byte.
        allocate(world.engine().store.folder, "room", 1 << 14)
    fill(small)
    with pytest.raises(OSError, match="No space"):
        (small / "more").write_bytes(b"x" * 5000)
    if way == "by its lease":
        (world.store / "room").unlink()
    WAYS[way](world)
    assert world.live() == before
    assert {
        path: os.stat(world.config_dir / path).st_mtime_ns for path in before if (world.config_dir / path).is_file()
    } == {path: moment for path, moment in written.items() if (world.config_dir / path).is_file()}
    now = world.engine().status()
    assert (now["active"], now["interrupted"], now["trouble"]) == (None, False, None)
    assert world.host.loaded == before


@pytest.mark.root
def test_a_store_alone_that_fills_up(small: Path, tmp_path: Path) -> None:
    world = World(tmp_path / "world")
    world.store = small / "store"
    world.deploy(OLD)
    before = world.live()
    release = world.engine().stage(NEW)["release"]
    world.engine().activate(release, reload=True)
    fill(small)
    assert world.engine().rollback()["changed"] is True
    assert world.live() == before
    assert world.engine().status()["running"] == world.engine().status()["confirmed"]


@pytest.mark.root
def test_a_configuration_folder_alone_that_fills_up_says_so_and_goes_back_once_there_is_room(
    small: Path, tmp_path: Path
) -> None:
    # Nothing can be kept across two file systems: the one limit.
    world = World(small)
    world.store = tmp_path / "store"
    world.deploy(OLD)
    before = world.live()
    release = world.engine().stage(NEW)["release"]
    world.engine().activate(release, reload=True)
    on_trial = world.live()
    fill(small)
    with pytest.raises(ReleaseError, match="no space left on the file system mounted at") as failed:
        world.engine().rollback()
    assert failed.value.code == "rollback_failed"
    assert world.live() == on_trial, "all or nothing"
    (small / "ballast").unlink()
    world.engine().rollback()
    assert world.live() == before


@pytest.mark.root
def test_without_room_for_the_rollback_nothing_is_activated(small: Path) -> None:
    world = World(small)
    world.deploy(OLD)
    release = world.engine().stage(NEW)["release"]
    before = world.live()
    fill(small)
    with pytest.raises(ReleaseError) as refused:
        world.engine().activate(release, reload=True)
    assert refused.value.code == "no_space"
    assert world.live() == before
    assert not (world.store / "kept").exists()
    assert not list(world.store.glob("spare-*"))


def test_what_was_put_aside_is_given_back(world: World) -> None:
    for end in ("confirm", "rollback"):
        release = world.engine().stage(candidate(**{"a.conf": end}))["release"]
        world.engine().activate(release, reload=True)
        assert list((world.store / "spare-0").parent.glob("spare-*"))
        world.engine().confirm(release) if end == "confirm" else world.engine().rollback()
        assert not list(world.store.glob("spare-*")), end
        assert not (world.store / "kept").exists(), end


def test_what_was_kept_and_changed_since_is_not_brought_back(world: World) -> None:
    world.deploy(OLD)
    before = world.live()
    release = world.engine().stage(NEW)["release"]
    world.engine().activate(release, reload=True)
    for path in (world.store / "kept").iterdir():
        path.write_text("changed by a program that had it open")
    world.engine().rollback()
    assert world.live() == before


def test_a_spare_that_is_too_small_is_not_used(tmp_path: Path) -> None:
    reserve = Preallocation(Folder(str(tmp_path)))
    (tmp_path / "live").mkdir()
    reserve.preallocate(Folder(str(tmp_path / "live")), [], 10)
    assert not reserve.save("state.json", b"x" * (1 << 15))
    assert reserve.save("state.json", b"short")
    assert (tmp_path / "state.json").read_bytes() == b"short"
