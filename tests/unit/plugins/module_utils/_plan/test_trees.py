# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Configurations as folders on the host: nothing outside is read or written."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.failsafe.nginx.plugins.module_utils._plan.folders import FolderEntry, FolderSpec
from ansible_collections.failsafe.nginx.plugins.module_utils._plan.trees import TreeError, Trees, write

ID, TREE = "r-0123456789ab", "tree-0123456789ab"


@pytest.fixture
def trees(tmp_path: Path) -> Iterator[Trees]:
    live, store = tmp_path / "live", tmp_path / "store"
    (live / "conf.d").mkdir(parents=True)
    (live / "conf.d" / "mine.conf").write_text("mine")
    (live / "conf.d" / "theirs.conf").write_text("theirs")
    release = store / "releases" / ID
    (release / TREE).mkdir(parents=True)
    rows = [{"path": "conf.d/mine.conf", "managed": True}, {"path": "conf.d/theirs.conf", "managed": False}]
    (release / "manifest.json").write_text(json.dumps({"folder": TREE, "tree": rows}))
    (store / "state.json").write_text(json.dumps({"confirmed": ID}))
    with contextlib.closing(Trees(str(live), str(store))) as made:
        yield made
    assert not os.path.exists(made.work)


def entry(path: str, text: str = "x", kind: str = "file") -> FolderEntry:
    return FolderEntry(path, kind, None, base64.b64encode(text.encode()).decode() if kind == "file" else text)


def read(folder: str) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in Path(folder).rglob("*") if path.is_file()}


def test_live_and_a_release_are_shown_in_place(trees: Trees, tmp_path: Path) -> None:
    assert trees.folder(FolderSpec("live")) == str(tmp_path / "live")
    assert trees.folder(FolderSpec("release", ID)) == str(tmp_path / "store" / "releases" / ID / TREE)


@pytest.mark.parametrize("over", [None, "live", "owned"])
def test_files_lie_over_what_they_should(trees: Trees, over: str | None, tmp_path: Path) -> None:
    made = read(trees.folder(FolderSpec("files", entries=[entry("new.conf")], over=over)))
    there = {"conf.d/mine.conf": "mine", "conf.d/theirs.conf": "theirs"}
    kept = {None: {}, "live": there, "owned": {"conf.d/theirs.conf": "theirs"}}[over]
    assert made == {"new.conf": "x", **kept}
    assert (tmp_path / "live" / "conf.d" / "mine.conf").exists()


@pytest.mark.parametrize("path", ["../x", "/etc/x", "a/../../x", "", "a//b", "./x", "conf.d/.."])
def test_a_path_that_leaves_the_folder_is_refused(trees: Trees, path: str) -> None:
    with pytest.raises(TreeError):
        trees.folder(FolderSpec("files", entries=[entry(path)], over=None))


def test_nothing_is_written_through_a_link(trees: Trees, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    with pytest.raises(TreeError, match="leaves the configuration folder"):
        trees.folder(FolderSpec("files", entries=[entry("l", str(outside), "link"), entry("l/x")], over=None))
    assert list(outside.iterdir()) == []


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("old")
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "a").symlink_to(tmp_path / "target")
    write(str(tmp_path / "tree"), [entry("a", "new")])
    assert (tmp_path / "target").read_text() == "old"
    assert (tmp_path / "tree" / "a").read_text() == "new"


@pytest.mark.parametrize("release", ["r-", "../../etc", "r-0123456789ab/..", "r-ffffffffffff", None, 7])
def test_a_release_that_is_none_is_refused(trees: Trees, release: t.Any) -> None:
    with pytest.raises(TreeError):
        trees.folder(FolderSpec("release", release))


@pytest.mark.parametrize("manifest", ["", "[]", "{}", '{"folder": "../../../live"}'])
def test_a_damaged_manifest_is_said(trees: Trees, tmp_path: Path, manifest: str) -> None:
    (tmp_path / "store" / "releases" / ID / "manifest.json").write_text(manifest)
    with pytest.raises(TreeError):
        trees.folder(FolderSpec("release", ID))


def test_without_a_live_folder_there_is_nothing_to_compare(tmp_path: Path) -> None:
    with contextlib.closing(Trees(str(tmp_path / "gone"), str(tmp_path))) as made:
        with pytest.raises(TreeError, match="no live configuration"):
            made.folder(FolderSpec("live"))
        assert os.stat(made.work).st_mode & 0o777 == 0o700


def test_a_broken_payload_is_said(trees: Trees) -> None:
    with pytest.raises(TreeError, match="cannot be read"):
        trees.folder(FolderSpec("files", entries=[["a", "file", None, "!!"]], over=None))
