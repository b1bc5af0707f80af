# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Show the changes of files without their secrets, and find those that were made by hand."""

from __future__ import annotations

import dataclasses
import difflib
import re
import typing as t

from .changes import Changes, at, differing, managed
from .disk import Folder
from .manifest import Release
from .results import DriftedFile, FileDiff
from .store import Store
from .tree_entry import Tree, TreeEntry

_LARGEST = 256 * 1024  # bytes of a file whose lines are shown
_LINES = 60  # of one file's drift
_PRIVATE_KEY = re.compile(rb"-----BEGIN [A-Z0-9 ]*PRIVATE KEY")

#: A tree, and a function that reads the content of one of its entries.
Side = t.Tuple[Tree, t.Callable[[TreeEntry], bytes]]


def diff(plan: Changes, before: Side, after: Side) -> list[FileDiff]:
    """Return the changes as Ansible shows them. A folder has a diff only if it comes or goes with a mode of its own."""
    rows = []
    for path in sorted(plan.added + plan.changed + plan.removed):
        old, new = before[0].get(path), after[0].get(path)
        secret = any(entry is not None and entry.secret for entry in (old, new))
        texts = _text(old, before[1], secret=secret), _text(new, after[1], secret=secret)
        rows.append(FileDiff(_header(path, old, new), _header(path, new, old), *texts))
    return rows


def with_secrecy(known: Tree, tree: Tree) -> Tree:
    """Return a tree with the secret flags of a known one."""
    hidden = {path: known[path] for path in tree if path in known and (known[path].secret or known[path].guarded)}
    flagged = {
        path: dataclasses.replace(tree[path], secret=entry.secret, guarded=entry.guarded)
        for path, entry in hidden.items()
    }
    return {**tree, **flagged}


def summaries(paths: t.Iterable[str], before: Side, after: Side) -> list[DriftedFile]:
    """Return what became of these paths."""
    rows = []
    for path in paths:
        old, new = before[0].get(path), after[0].get(path)
        hidden = any(entry is not None and (entry.secret or entry.guarded) for entry in (old, new))
        was, is_ = _text(old, before[1], secret=hidden), _text(new, after[1], secret=hidden)
        lines = list(difflib.unified_diff(was.splitlines(), is_.splitlines(), path, path, n=1, lineterm=""))
        added, removed = (sum(line[0] == sign for line in lines[2:]) for sign in "+-")
        if len(lines) > _LINES:
            lines[_LINES:] = [f"(and {len(lines) - _LINES} more lines)"]
        rows.append(DriftedFile(path, _change(old, new), added, removed, "\n".join(lines)))
    return rows


def _change(old: TreeEntry | None, new: TreeEntry | None) -> str:
    if old is None or new is None:
        return "added" if old is None else "removed"
    if old.type != new.type:
        return "replaced"
    return "mode" if old.digest == new.digest else "modified"


def _header(path: str, entry: TreeEntry | None, other: TreeEntry | None) -> str:
    if entry is None or other is None or entry.permissions == other.permissions:
        return path
    return f"{path} (mode {entry.mode:04o}, owner {entry.uid}:{entry.gid})"


def _text(entry: TreeEntry | None, read: t.Callable[[TreeEntry], bytes], *, secret: bool) -> str:
    if entry is None:
        return ""
    if entry.type != "file":
        return f"{entry.type}{' to ' + entry.digest if entry.digest else ''}\n"
    fingerprint = f"(not shown: {entry.size} bytes, sha256 {entry.digest[:12]})\n"
    if secret or entry.size > _LARGEST:
        return fingerprint
    data = read(entry)
    if b"\0" in data or _PRIVATE_KEY.search(data):
        return fingerprint
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return fingerprint


class Drift:
    """Find managed files of the live folder that differ from the live release."""

    def __init__(self, store: Store, live: Folder) -> None:
        self.store, self.live = store, live

    def paths(self) -> list[str]:
        """Return the managed paths that differ, sorted."""
        release = self._release()
        if release is None:
            return []
        owned = managed(release.tree)
        return differing(at(self.live, owned), release.tree, owned)

    def summaries(self) -> list[DriftedFile]:
        """Return what became of these paths; secrets appear as fingerprints."""
        release = self._release()
        if release is None:
            return []
        files, paths = self.store.releases.files(release), self.paths()
        return summaries(
            paths,
            (release.tree, lambda entry: files.read(entry.path)),
            (with_secrecy(release.tree, at(self.live, paths)), lambda entry: self.live.read(entry.path)),
        )

    def _release(self) -> Release | None:
        state = self.store.state()
        return None if state is None else self.store.releases.read(state.live())
