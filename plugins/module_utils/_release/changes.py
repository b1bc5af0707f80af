# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find what differs between two trees."""

from __future__ import annotations

import typing as t

from .disk import Folder
from .tree_entry import Tree, TreeEntry


class Changes(t.NamedTuple):
    """Paths by what happens to them, sorted."""

    added: t.List[str]
    changed: t.List[str]
    removed: t.List[str]


def at(folder: Folder, paths: t.Iterable[str]) -> Tree:
    """Return the entries of a folder at these paths."""
    found = ((path, folder.entry(path)) for path in paths)
    return {path: entry for path, entry in found if entry is not None}


def managed(*trees: Tree) -> set[str]:
    """Return the paths that any of these trees manages."""
    return {path for tree in trees for path, entry in tree.items() if entry.managed}


def differing(now: Tree, target: Tree, paths: t.Iterable[str]) -> list[str]:
    """Return the paths at which two trees differ, sorted."""
    return sorted(path for path in paths if not _same(now.get(path), target.get(path)))


def _same(one: TreeEntry | None, other: TreeEntry | None) -> bool:
    return one is other or (one is not None and one.same(other))


def changes(now: Tree, target: Tree, paths: t.Iterable[str]) -> Changes:
    """Return the changes that a switch from one tree to the other makes at these paths."""
    paths = differing(now, target, paths)
    return Changes(
        [path for path in paths if path not in now],
        [path for path in paths if path in now and path in target],
        [path for path in paths if path not in target],
    )
