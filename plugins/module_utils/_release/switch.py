# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Change the touched paths of a live folder to the content of a release, file by file."""

from __future__ import annotations

import typing as t

from .changes import Changes, at, changes
from .disk import Folder, delete_temporaries, discard, temporary_path
from .errors import ReleaseError
from .preallocation import Preallocation
from .tree_entry import Tree, TreeEntry, parents


def switch(
    live: Folder, source: Folder, target: Tree, touched: t.Iterable[str], spare: Preallocation | None = None
) -> Changes:
    """Make every touched path of `live` as in `target`, or delete it.

    Contents come from `source`, or from files that were put aside in `spare`. All new contents are on the disk beside
    their places before the first one is renamed, so that a full disk changes nothing; deletions come last. After an
    interruption anywhere, the same call with either tree completes that tree.
    Raises `ReleaseError`. If `live` was not changed yet, nothing is left behind.
    """
    touched = set(touched)
    now = at(live, touched)
    plan = changes(now, target, touched)
    wanted = [target[path] for path in plan.added + plan.changed]
    aside = {entry.path: spare.kept(entry) for entry in wanted if spare and entry.type != "directory"}
    writes = [entry for entry in wanted if entry.type != "directory" and not aside.get(entry.path)]
    folders = {entry.path: entry for entry in wanted if entry.type == "directory"}
    for folder in {folder for entry in wanted for folder in parents(entry.path)}:
        if folder in target and live.entry(folder) is None:
            folders[folder] = target[folder]
    clashes = [path for path in plan.changed if (now[path].type == "directory") != (target[path].type == "directory")]
    ready, late = _prepare(live, source, writes, folders, clashes)
    inside = [path for path in plan.removed if any(folder in clashes for folder in parents(path))]
    _clear(live, now, inside, clashes)
    for path in sorted(late):
        live.make(path, 0o700 | folders[path].mode)
    for temporary, path in ready:
        live.rename(temporary, path)
    for path, place in aside.items():
        if spare and place:
            live.rename(place, path, spare.store)
    for path in sorted(set(plan.removed) - set(inside), reverse=True):
        _remove(live, now[path])
    for path in sorted(folders, reverse=True):
        live.apply_metadata(folders[path])
    above = {folder for path in plan.added + plan.changed + plan.removed for folder in parents(path)}
    live.sync({"", *folders, *(above - {entry.path for entry in wanted if entry.type != "directory"})})
    return plan


def _clear(live: Folder, now: Tree, inside: list[str], clashes: list[str]) -> None:
    """Delete files where folders come, and folders with their managed files where files come."""
    for path in sorted(inside + clashes, reverse=True):
        if not _remove(live, now[path]) and path in clashes:
            raise ReleaseError(f"cannot replace folder {path}: something that no release manages is in it", "conflict")


def _prepare(
    live: Folder, source: Folder, writes: list[TreeEntry], folders: Tree, clashes: list[str]
) -> tuple[list[tuple[str, str]], list[str]]:
    """Make the folders that can be made now and write every content beside its place."""
    made: list[str] = []
    late: list[str] = []
    ready: list[tuple[str, str]] = []
    try:
        for path in sorted(folders):
            if path in clashes or any(folder in clashes for folder in parents(path)):
                late.append(path)
            elif live.entry(path) is None:
                live.make(path, 0o700 | folders[path].mode)
                made.append(path)
        for entry in writes:
            temporary = temporary_path(live, entry.path)
            ready.append((temporary, entry.path))
            live.create(entry, source.chunks(entry.path) if entry.type == "file" else (), temporary)
        live.sync(temporary for (temporary, _path), entry in zip(ready, writes) if entry.type == "file")
    except ReleaseError:
        for temporary, _path in ready:
            discard(live, temporary)
        for path in reversed(made):
            live.delete_folder(path)
        raise
    return ready, late


def _remove(live: Folder, entry: TreeEntry) -> bool:
    if entry.type == "directory":
        return live.delete_folder(entry.path)
    live.delete(entry.path)
    return True


def sweep(live: Folder, touched: t.Iterable[str]) -> None:
    """Delete the half-written files of an interrupted switch."""
    for folder in {""} | {folder for path in touched for folder in parents(path)}:
        delete_temporaries(live, folder)
