# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""No read and no write below a folder follows a link."""

from __future__ import annotations

import dataclasses
import os
import typing as t
from pathlib import Path

import pytest

from ansible_collections.failsafe.nginx.plugins.module_utils._release.disk import Folder, delete_temporaries, scan
from ansible_collections.failsafe.nginx.plugins.module_utils._release.errors import ReleaseError
from ansible_collections.failsafe.nginx.plugins.module_utils._release.tree_entry import TreeEntry

INSIDE = TreeEntry("link/new", "file", 0o644, os.geteuid(), os.getegid(), "")
WRITES: dict[str, t.Callable[[Folder], t.Any]] = {
    "create": lambda folder: folder.create(INSIDE, [b"x"]),
    "create at the link": lambda folder: folder.create(dataclasses.replace(INSIDE, path="file-link"), [b"x"]),
    "put": lambda folder: folder.put("link/new", b"x"),
    "append": lambda folder: folder.append("link/theirs", b"x"),
    "append at the link": lambda folder: folder.append("file-link", b"x"),
    "truncate": lambda folder: folder.truncate("link/theirs", 0),
    "truncate at the link": lambda folder: folder.truncate("file-link", 0),
    "rename": lambda folder: folder.rename("ours", "link/new"),
    "rename from": lambda folder: folder.rename("link/theirs", "stolen"),
    "make": lambda folder: folder.make("link/new"),
    "dress": lambda folder: folder.apply_metadata(TreeEntry("link", "directory", 0o700, 0, 0, "")),
    "delete": lambda folder: folder.delete("link/theirs"),
    "delete folder": lambda folder: folder.delete_folder("link/empty"),
    "read": lambda folder: folder.read("link/theirs"),
    "read at the link": lambda folder: folder.read("file-link"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    (outside / "empty").mkdir(parents=True)
    outside.chmod(0o755)
    (outside / "theirs").write_text("theirs")
    inside.mkdir()
    (inside / "ours").write_text("ours")
    (inside / "link").symlink_to(outside)
    (inside / "file-link").symlink_to(outside / "theirs")
    return Folder(str(inside))


@pytest.mark.parametrize("name", WRITES)
def test_links_are_not_followed(folder: Folder, tmp_path: Path, name: str) -> None:
    with pytest.raises(ReleaseError):
        WRITES[name](folder)
    assert (tmp_path / "outside/theirs").read_text() == "theirs"
    assert sorted(os.listdir(tmp_path / "outside")) == ["empty", "theirs"]
    assert (tmp_path / "outside").stat().st_mode & 0o777 == 0o755


def test_what_is_behind_a_link_is_not_there(folder: Folder) -> None:
    assert folder.entry("link/theirs") is None
    assert set(scan(folder)[0]) == {"ours", "link", "file-link"}
    delete_temporaries(folder, "link")


def test_replacing_a_link_replaces_the_link(folder: Folder, tmp_path: Path) -> None:
    folder.put("file-link", b"ours now")
    assert (tmp_path / "inside/file-link").read_text() == "ours now"
    assert (tmp_path / "outside/theirs").read_text() == "theirs"


def test_an_append_that_fails_leaves_the_file_as_it_was(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ReleaseError, match="no space left on the file system mounted at /"):
        folder.append("ours", b"more")
    assert folder.read("ours") == b"ours"


@pytest.mark.root
def test_a_folder_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o000)
    child = os.fork()
    if child == 0:
        os.setgid(65534)
        os.setuid(65534)
        try:
            scan(Folder(str(tmp_path / "closed")))
        except ReleaseError:
            os._exit(7)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
