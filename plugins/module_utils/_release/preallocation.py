# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Put aside what a rollback needs, so that a disk that fills up meanwhile does not stop it.

Each file that a switch replaces keeps a second name in the store; one rename brings it back. Spare files have room for the
states that a rollback saves. Second names need the store and the configuration folder on one file system. Elsewhere a
rollback writes the old contents anew.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import typing as t

from .disk import CREATE, WRITE, Folder, discard
from .errors import ReleaseError
from .tree_entry import TreeEntry

_KEPT = "kept"
_SPARES = ["spare-%d" % number for number in range(8)]  # a rollback saves the state five times
_LEAST = 1 << 14  # bytes of each


class Preallocation:
    """The files and the room that are put aside in a store."""

    def __init__(self, store: Folder) -> None:
        self.store = store

    def preallocate(self, live: Folder, paths: t.Iterable[str], size: int) -> None:
        """Put aside these files and links of `live`, and room for states of `size` bytes. Raises `ReleaseError`."""
        self.free()
        for name in _SPARES:
            allocate(self.store, name, max(_LEAST, 2 * size))
        self.store.make(_KEPT)
        for path in paths:
            entry = live.entry(path)
            if entry is not None and entry.type in ("file", "link"):
                _link(self.store, live, path, _place(path))

    def free(self) -> None:
        """Delete everything that is put aside."""
        shutil.rmtree(f"{self.store.path}/{_KEPT}", ignore_errors=True)
        for name in _SPARES:
            discard(self.store, name)

    def kept(self, wanted: TreeEntry) -> str | None:
        """Return the path in the store of a file or link that equals `wanted`, also in owner and label, or None."""
        found = self.store.entry(_place(wanted.path))
        if found is None or not found.same(wanted) or found.acl != wanted.acl:
            return None
        return _place(wanted.path) if wanted.context in (None, found.context) else None

    def save(self, name: str, content: bytes) -> bool:
        """Replace a file of the store without using more of its disk; return whether there was room."""
        for spare in _SPARES:
            with contextlib.suppress(ReleaseError):
                found = self.store.entry(spare)
                if found and found.size >= len(content):
                    _fill(self.store, spare, content)
                    self.store.rename(spare, name)
                    self.store.sync([""])
                    return True
        return False


def allocate(store: Folder, path: str, size: int) -> None:
    """Make a file with room for `size` bytes, also if the disk fills up later."""
    with store.handles.writing("reserve", path) as (folder, name):
        handle = os.open(name, CREATE, 0o600, dir_fd=folder)
        try:
            os.posix_fallocate(handle, 0, size)
        finally:
            os.close(handle)


def _fill(store: Folder, path: str, content: bytes) -> None:
    """Write a content into an allocated file that is at least as long."""
    with store.handles.writing("fill", path) as (folder, name):
        handle = os.open(name, WRITE, dir_fd=folder)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            file.truncate()
            os.fsync(handle)


def _link(store: Folder, origin: Folder, path: str, target: str) -> None:
    """Give a path of `origin` a second name in the store, if the file systems allow it."""
    with store.handles.writing("keep", target) as (folder, name), origin.handles.parent(path) as (place, old):
        try:
            os.link(old, name, src_dir_fd=place, dst_dir_fd=folder, follow_symlinks=False)
        except OSError as error:
            if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP):
                raise


def _place(path: str) -> str:
    return f"{_KEPT}/{hashlib.sha256(path.encode('utf-8', 'surrogateescape')).hexdigest()[:32]}"
