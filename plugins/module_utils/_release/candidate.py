# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""A candidate, and the tree that it becomes over the unmanaged files of a host."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import typing as t
import zlib

from .disk import TEMPORARY
from .entry import Entry, parents, raw
from .errors import ReleaseError

#: A tree by path.
Tree = t.Dict[str, Entry]

_NAME_MAX = 255  # limits.h
_LINK_HOPS = 40  # the kernel's own limit, path_resolution(7)


class Wanted(t.NamedTuple):
    """One managed entry. `mode` None keeps the mode of what is replaced; `content` of a link is its target."""

    path: str
    type: str
    mode: t.Optional[int] = None
    content: bytes = b""
    secret: bool = False


class Candidate(t.NamedTuple):
    """What the controller rendered for this host, and the values that may never be shown."""

    entries: t.Tuple[Wanted, ...]
    secrets: t.Tuple[str, ...] = ()


def decode(payload: str) -> Candidate:
    """What the action plugin ships: base64 of zlib of JSON. Raises `ReleaseError` for anything else.

    A row has `path, type, mode, content` (base64, files only), `target` (links only) and `secret`.
    """
    try:
        data = json.loads(zlib.decompress(base64.b64decode(payload, validate=True)).decode("utf-8"))
        return Candidate(tuple(_wanted(row) for row in data["entries"]), tuple(data.get("secrets", ())))
    except (binascii.Error, zlib.error, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ReleaseError(f"the candidate that the controller sent cannot be read: {error}", "payload") from None


def _wanted(row: dict[str, t.Any]) -> Wanted:
    content = (row.get("target") or "").encode("utf-8", "surrogateescape")
    if row["type"] == "file":
        content = base64.b64decode(row["content"], validate=True)
    return Wanted(row["path"], row["type"], row.get("mode"), content, bool(row.get("secret")))


def identity(wanted: t.Iterable[Wanted], kind: str = "candidate") -> str:
    """The release id: `r-` and twelve hex digits over path, type, content and, where one is asked for, mode."""
    digest = hashlib.sha256(kind.encode("ascii"))
    for entry in sorted(wanted):
        content = hashlib.sha256(entry.content).hexdigest()
        digest.update(json.dumps([entry.path, entry.type, content, entry.mode]).encode("ascii"))
    return "r-" + digest.hexdigest()[:12]


def tree_digest(tree: Tree) -> str:
    """Names a tree folder: other content, mode or owner is another tree."""
    rows = [(e.path, e.type, e.mode, e.uid, e.gid, e.digest, e.managed) for e in sorted(tree.values())]
    return hashlib.sha256(json.dumps(rows).encode("ascii")).hexdigest()[:12]


def check(candidate: Candidate) -> None:
    """Refuse names and types that no honest candidate has."""
    if not candidate.entries:
        raise ReleaseError("the candidate is empty: nothing would be managed", "candidate")
    seen: set[str] = set()
    for entry in candidate.entries:
        fault = _fault(entry, seen)
        if fault:
            raise ReleaseError(f"refused path {entry.path!r}: {fault}", "candidate", paths=[repr(entry.path)])
        seen.add(entry.path)


def _fault(entry: Wanted, seen: set[str]) -> str:
    path = entry.path
    if not isinstance(path, str) or not path or path.startswith("/"):
        return "it must be relative to the configuration folder"
    try:
        parts = path.encode("utf-8").decode("utf-8").split("/")
    except UnicodeError:
        return "it is not UTF-8"
    if any(part in ("", ".", "..") for part in parts):
        return "it has an empty, '.' or '..' component"
    if any(ord(character) < ord(" ") or ord(character) == 127 for character in path):  # noqa: PLR2004 - DEL
        return "it holds a control character"
    if any(part.startswith(TEMPORARY) or len(raw(part)) > _NAME_MAX for part in parts):
        return f"a name in it is longer than {_NAME_MAX} bytes or begins with {TEMPORARY}"
    if entry.type not in ("file", "link", "directory"):
        return f"a {entry.type} cannot be managed, only files, links and directories"
    if path in seen:
        return "it is there twice"
    if entry.mode is not None and (not isinstance(entry.mode, int) or not 0 <= entry.mode <= 0o7777):  # noqa: PLR2004
        return f"{entry.mode!r} is no mode"
    return "" if entry.type != "link" or (entry.content and b"\0" not in entry.content) else "the link has no target"


def unmanaged(live: Tree, owned: set[str], recorded: Tree) -> Tree:
    """The part of a tree that is somebody else's.

    Where a path was `owned` by the current release only, what the target release had `recorded` there comes back.
    A folder that the current release made stays as long as something unmanaged is in it.
    """
    kept = {path: entry._replace(managed=False) for path, entry in live.items() if path not in owned}
    for path in owned:
        if path in recorded and not recorded[path].managed:
            kept[path] = recorded[path]
    for path in list(kept):
        for folder in parents(path):
            if folder not in kept:
                kept[folder] = (live.get(folder) or recorded[folder])._replace(managed=False)
    return kept


def merge(
    wanted: t.Iterable[Wanted],
    kept: Tree,
    replaced: Tree,
    special: t.Container[str],
    *,
    modes: tuple[int, int] = (0o644, 0o755),
) -> Tree:
    """The whole tree as it would be: wanted entries over the kept ones.

    `replaced` says what stands at the paths now (mode, owner and context are kept), `special` what cannot be replaced,
    `modes` what new files and folders get.
    Raises `ReleaseError` for type conflicts and for links on the way.
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
                tree[folder] = _dressed(Wanted(folder, "directory", asked.get(folder)), made, modes)
        there = kept.get(entry.path)
        if entry.path in special:
            _conflict(entry.path, "a socket, device or FIFO is there")
        if there and (there.type == "directory") != (entry.type == "directory"):
            _conflict(entry.path, f"a {there.type} that this release does not manage is there")
        tree[entry.path] = _dressed(entry, replaced.get(entry.path), modes)
    return tree


def _conflict(path: str, why: str) -> t.NoReturn:
    raise ReleaseError(f"cannot manage {path}: {why} in the configuration folder", "conflict", paths=[path])


def _dressed(entry: Wanted, replaced: Entry | None, modes: tuple[int, int]) -> Entry:
    if replaced is None or replaced.type != entry.type:
        mode = modes[1] if entry.type == "directory" else 0o600 if entry.secret else modes[0]
        replaced = Entry("", "", 0o777 if entry.type == "link" else mode, os.geteuid(), os.getegid(), "")
    digest, size = "", 0
    if entry.type == "file":
        digest, size = hashlib.sha256(entry.content).hexdigest(), len(entry.content)
    elif entry.type == "link":
        digest = entry.content.decode("utf-8", "surrogateescape")
    asked = None if entry.type == "link" else entry.mode
    # An access control list includes the mode: where another one is asked for, it goes.
    return replaced._replace(
        path=entry.path, type=entry.type, mode=replaced.mode if asked is None else asked, digest=digest, size=size, managed=True,
        secret=entry.secret, guarded=False, acl=replaced.acl if asked is None else None,
    )  # fmt: skip


def check_links(tree: Tree, roots: t.Sequence[str]) -> None:
    """Refuse managed links that leave the configuration folder (`roots`: its names), directly or through others."""
    for entry in tree.values():
        if entry.managed and entry.type == "link":
            fault = _follow(entry, tree, roots)
            if fault:
                raise ReleaseError(
                    f"refused link {entry.path} -> {entry.digest}: {fault}", "candidate", paths=[entry.path]
                )


def _follow(link: Entry, tree: Tree, roots: t.Sequence[str]) -> str:
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
