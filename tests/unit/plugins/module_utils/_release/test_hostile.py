# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# ruff: noqa: S607 - chattr is where PATH says
"""Folders and stores as they should not be: what is refused, and what is kept."""

from __future__ import annotations

import contextlib
import json
import os
import stat
import struct
import subprocess
import time
import typing as t
from pathlib import Path

import pytest
from release_world import World, of

from ansible_collections.failsafe.nginx.plugins.module_utils._release.candidate import CandidateEntry, HostCandidate
from ansible_collections.failsafe.nginx.plugins.module_utils._release.disk import Folder
from ansible_collections.failsafe.nginx.plugins.module_utils._release.errors import ReleaseError

NEW = of({"conf.d/a.conf": "new"})
#: linux/posix_acl_xattr.h: version, then (tag, permissions, id): owner, uid 33, group, mask, others.
ACL = struct.pack("<I", 2) + b"".join(
    struct.pack("<HHI", *row)
    for row in ((1, 6, 0xFFFFFFFF), (2, 4, 33), (4, 4, 0xFFFFFFFF), (16, 4, 0xFFFFFFFF), (32, 0, 0xFFFFFFFF))
)


def refused(code: str, match: str | None = None) -> pytest.RaisesExc[ReleaseError]:
    return pytest.raises(ReleaseError, match=match, check=lambda error: error.code == code)


@pytest.fixture
def disk(tmp_path: Path) -> World:
    """A host on a real file system, which has attributes that memory lacks."""
    return World(tmp_path / "host")


@pytest.mark.root
@pytest.mark.parametrize(
    ("flag", "name"), [("i", "conf.d/a.conf"), ("a", "conf.d/a.conf"), ("i", "conf.d"), ("i", ".")]
)
def test_immutable_files_and_folders_are_refused_before_anything_happens(disk: World, flag: str, name: str) -> None:
    place = disk.config_dir / name
    subprocess.run(["chattr", f"+{flag}", place], check=True, timeout=120)
    try:
        with refused("immutable", rf"may not be changed .*: {name}; chattr"):
            disk.engine().stage(of({"conf.d/a.conf": "new", "conf.d/b.conf": "new", "top": "new"}))
        disk.engine().stage(of({"conf.d/a.conf": "old"}))  # nothing to change there
    finally:
        subprocess.run(["chattr", f"-{flag}", place], check=True, timeout=120)
    assert disk.live() == disk.original


@pytest.mark.root
def test_a_file_that_becomes_immutable_after_staging_leaves_the_old_tree(disk: World) -> None:
    release = disk.engine().stage(of({"conf.d/a.conf": "new", "a": "new"}))["release"]
    place = disk.config_dir / "conf.d/a.conf"
    subprocess.run(["chattr", "+i", place], check=True, timeout=120)
    try:
        with refused("file", "Operation not permitted"):
            disk.engine().activate(release, reload=True)
    finally:
        subprocess.run(["chattr", "-i", place], check=True, timeout=120)
    assert disk.live() == disk.original
    assert disk.engine().status()["interrupted"] is False


@pytest.mark.root
def test_access_control_lists_and_labels_are_kept(disk: World) -> None:
    place = disk.config_dir / "conf.d/a.conf"
    os.setxattr(place, "system.posix_acl_access", ACL)
    os.setxattr(place, "security.selinux", b"system_u:object_r:httpd_config_t:s0")
    info = place.stat()
    disk.deploy(NEW)
    assert place.read_text() == "new"
    assert os.getxattr(place, "system.posix_acl_access") == ACL
    assert stat.S_IMODE(place.stat().st_mode) == stat.S_IMODE(info.st_mode)
    # Deleted by a release and brought back: as it was.
    release = disk.engine().stage(of({"conf.d/b.conf": "x"}))["release"]
    disk.engine().activate(release, reload=True)
    assert not place.exists()
    disk.engine().rollback()
    assert os.getxattr(place, "system.posix_acl_access") == ACL
    # Another mode was asked for: a list would say something else.
    disk.deploy(HostCandidate((CandidateEntry("conf.d/a.conf", "file", 0o600, b"x"),)))
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert "system.posix_acl_access" not in os.listxattr(place)


def test_a_hard_link_is_cut_and_its_other_name_stays_as_it_is(disk: World, tmp_path: Path) -> None:
    os.link(disk.config_dir / "conf.d/a.conf", tmp_path / "outside")
    disk.deploy(NEW)
    assert (tmp_path / "outside").read_text() == "old"
    assert (disk.config_dir / "conf.d/a.conf").read_text() == "new"
    stored = disk.store / "releases" / disk.engine().state()["adopted"]
    assert all(path.stat().st_nlink == 1 for path in stored.rglob("*.conf"))


@pytest.mark.root
def test_devices_are_left_alone(disk: World) -> None:
    os.mknod(disk.config_dir / "null", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    assert disk.engine().stage(NEW)["special"] == ["null"]
    with refused("conflict", "device"):
        disk.engine().stage(of({"null": "x"}))


def test_a_huge_file_is_refused(disk: World) -> None:
    with open(disk.config_dir / "GeoIP.dat", "wb") as file:
        file.truncate(600 << 20)
    with refused("huge", r"GeoIP.dat has 600 MiB"):
        disk.engine().stage(NEW)
    assert not disk.store.exists()


def test_ten_thousand_files(world: World) -> None:
    for number in range(100):
        (world.config_dir / f"sites/{number}").mkdir(parents=True)
        for other in range(100):
            (world.config_dir / f"sites/{number}/{other}").write_bytes(b"%d" % other)
    began = time.monotonic()
    world.deploy(NEW)
    world.deploy(of({f"sites/{number}/0": "ours" for number in range(100)}))
    world.engine().rollback(world.engine().state()["adopted"])
    assert (world.config_dir / "sites/7/0").read_text() == "0"
    assert len(world.live()) == 10_000 + 100 + 4
    assert time.monotonic() - began < 300


@pytest.mark.parametrize("path", ["../outside", "conf.d/../../outside", "..", ".", "conf.d//a.conf", "./nginx.conf"])
def test_no_path_leaves_its_folder(world: World, path: str) -> None:
    (world.config_dir.parent / "outside").write_text("x")
    folder = Folder(str(world.config_dir))
    acts: list[t.Callable[[], t.Any]] = [
        lambda: folder.read(path), lambda: folder.put(path, b"y"), lambda: folder.delete(path), lambda: folder.make(path),
        lambda: folder.append(path, b"y"), lambda: folder.rename("nginx.conf", path), lambda: folder.entry(path),
    ]  # fmt: skip
    for act in acts:
        with pytest.raises(ReleaseError):
            act()
    assert (world.config_dir.parent / "outside").read_text() == "x"
    assert world.live() == world.original


def test_a_manifest_that_points_outside_changes_nothing_there(world: World) -> None:
    release = world.deploy(NEW)
    (world.config_dir.parent / "outside").write_text("x")
    place = world.store / "releases" / release / "manifest.json"
    manifest = json.loads(place.read_text())
    manifest["tree"].append({**next(row for row in manifest["tree"] if row["managed"]), "path": "../outside"})
    place.write_text(json.dumps(manifest))
    with pytest.raises(ReleaseError):
        world.engine().stage(of({"conf.d/b.conf": "x"}))
    assert (world.config_dir.parent / "outside").read_text() == "x"


@pytest.mark.parametrize(
    "name",
    [
        "r-../../../etc",
        "r-00000000000",
        "r-00000000000g",
        "r-000000000000/x",
        "R-000000000000",
        "",
        "..",
        "r-000000000000\n",
    ],
)
def test_a_release_id_is_nothing_else(world: World, name: str) -> None:
    world.deploy(NEW)
    assert world.engine().store.releases.has(name) is False
    with refused("unknown_release"):
        world.engine().store.releases.read(name)
    assert world.engine().remove(name)["changed"] is False


@pytest.mark.root
def test_a_store_of_another_user_is_not_used(world: World) -> None:
    world.deploy(NEW)
    os.chown(world.store, 33, 33)
    for act in (lambda: world.engine().rollback(), lambda: world.engine().stage(NEW), lambda: world.engine().recover()):
        with refused("store", "belongs to uid 33"):
            act()
    os.chown(world.store, 0, 0)
    world.store.chmod(0o777)
    world.engine().rollback()
    assert stat.S_IMODE(world.store.stat().st_mode) == 0o700


def test_a_link_in_the_store_is_not_followed(world: World, tmp_path: Path) -> None:
    world.deploy(NEW)
    for name in ("lock", "journal.jsonl", "lease.json"):
        target = tmp_path / name
        (world.store / name).unlink(missing_ok=True)
        (world.store / name).symlink_to(target)
        with contextlib.suppress(ReleaseError):
            release = world.engine().stage(of({"conf.d/a.conf": name}))["release"]
            world.engine().activate(release, reload=True)
        assert not target.exists()
        (world.store / name).unlink()
        world.engine().rollback()
