# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compose the tree of a release: a candidate over the unmanaged files of a host."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import typing as t

from .candidate import CandidateEntry
from .errors import ReleaseError
from .tree_entry import Tree, TreeEntry, parents

_LINK_HOPS = 40  # the kernel's own limit, path_resolution(7)


def unmanaged(live: Tree, owned: set[str], recorded: Tree) -> Tree:
    """Return the part of the live tree that no release manages.

    Where only the current release `owned` a path, the entry that the target release had `recorded` there comes back.
    A folder that the current release made stays as long as something unmanaged is in it.
    """
    kept = {path: dataclasses.replace(entry, managed=False) for path, entry in live.items() if path not in owned}
    for path in owned:
        if path in recorded and not recorded[path].managed:
            kept[path] = recorded[path]
    for path in list(kept):
        for folder in parents(path):
            if folder not in kept:
                kept[folder] = dataclasses.replace(live.get(folder) or recorded[folder], managed=False)
    return kept


def merge(
    wanted: t.Iterable[CandidateEntry],
    kept: Tree,
    replaced: Tree,
    special: t.Container[str],
    *,
    modes: tuple[int, int] = (0o644, 0o755),
) -> Tree:
    """Return the whole tree of a release: the `wanted` entries of the candidate over the kept ones.

    Args:
        wanted: the candidate's entries.
        kept: entries that stay as they are.
        replaced: entries there now; their mode, owner and label are kept.
        special: paths that cannot be replaced.
        modes: of new files and of new folders.

    Raises:
        ReleaseError: a type conflict, or a link on the way to a path.
    """
    tree = dict(kept)
    wanted = sorted(wanted)
    kinds = {entry.path: entry.type for entry in wanted}
    asked = {entry.path: entry.mode for entry in wanted}
    for entry in wanted:
        for folder in parents(entry.path):
            above = kept.get(folder)
            kind = kinds.get(folder) or (above.type if above else "directory")
            if kind != "directory" or folder in special:
                _conflict(entry.path, f"{folder} is a {'special file' if folder in special else kind}, not a folder")
            made = replaced.get(folder)
            if folder not in tree or (made is not None and made.managed):
                tree[folder] = _with_metadata(CandidateEntry(folder, "directory", asked.get(folder)), made, modes)
        there = kept.get(entry.path)
        if entry.path in special:
            _conflict(entry.path, "a socket, device or FIFO is there")
        if there and (there.type == "directory") != (entry.type == "directory"):
            _conflict(entry.path, f"a {there.type} that this release does not manage is there")
        tree[entry.path] = _with_metadata(entry, replaced.get(entry.path), modes)
    return tree


def _conflict(path: str, why: str) -> t.NoReturn:
    raise ReleaseError(f"cannot manage {path}: {why} in the configuration folder", "conflict", paths=[path])


def _with_metadata(entry: CandidateEntry, replaced: TreeEntry | None, modes: tuple[int, int]) -> TreeEntry:
    if replaced is None or replaced.type != entry.type:
        mode = modes[1] if entry.type == "directory" else 0o600 if entry.secret else modes[0]
        replaced = TreeEntry("", "", 0o777 if entry.type == "link" else mode, os.geteuid(), os.getegid(), "")
    digest, size = "", 0
    if entry.type == "file":
        digest, size = hashlib.sha256(entry.content).hexdigest(), len(entry.content)
    elif entry.type == "link":
        digest = entry.content.decode("utf-8", "surrogateescape")
    asked = None if entry.type == "link" else entry.mode
    # An access control list includes the mode: where another one is asked for, it goes.
    return dataclasses.replace(
        replaced, path=entry.path, type=entry.type, mode=replaced.mode if asked is None else asked, digest=digest, size=size, managed=True,
        secret=entry.secret, guarded=False, acl=replaced.acl if asked is None else None,
    )  # fmt: skip


def check_links(tree: Tree, roots: t.Sequence[str]) -> None:
    """Refuse managed links that leave the configuration folder (`roots`: its names), directly or through other links."""
    for entry in tree.values():
        if entry.managed and entry.type == "link":
            fault = _follow(entry, tree, roots)
            if fault:
                raise ReleaseError(
                    f"refused link {entry.path} -> {entry.digest}: {fault}", "candidate", paths=[entry.path]
                )


def _follow(link: TreeEntry, tree: Tree, roots: t.Sequence[str]) -> str:
    here: list[str] = []
    ahead = link.path.split("/")
    hops = 0
    while ahead:
        part = ahead.pop(0)
        if part in ("", "."):
            continue
        if part == "..":
            if not here:
                return "it leaves the configuration folder"
            here.pop()
            continue
        here.append(part)
        entry = tree.get("/".join(here))
        if entry is None or entry.type != "link":
            continue
        hops += 1
        if hops > _LINK_HOPS:
            return "it is part of a loop"
        target = entry.digest
        here.pop()
        if target.startswith("/"):
            root = next((root for root in roots if (target + "/").startswith(root.rstrip("/") + "/")), None)
            if root is None:
                return "it leaves the configuration folder"
            target, here = target[len(root.rstrip("/")) :], []
        ahead = target.split("/") + ahead
    return ""
