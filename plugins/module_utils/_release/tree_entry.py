# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Describe one path of a tree, and give a new file the metadata of an entry."""

from __future__ import annotations

import dataclasses
import fcntl
import hashlib
import json
import os
import stat
import struct
import sys
import typing as t

from .._common.json_fields import unknown_fields
from .errors import ReleaseError

#: How a file is opened for reading.
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
#: Bytes that are read at a time.
CHUNK = 1 << 20

_CONTEXT = "security.selinux"
_ACL = "system.posix_acl_access"
_HUGEST = 512 << 20  # bytes; every release keeps a copy of every file
# ioctl_iflags(2): a long that only reads, of type 'f', number 1.
_GET_FLAGS = 2 << 30 | struct.calcsize("l") << 16 | ord("f") << 8 | 1
_FROZEN = 0x10 | 0x20  # immutable, append only


@dataclasses.dataclass(frozen=True)
class TreeEntry:
    """One path of a tree.

    Attributes:
        type: `file`, `link`, `directory`, or `special` for sockets, devices and FIFOs.
        digest: the content's SHA-256, a link's target, or empty for a directory.
        secret: the file is never shown.
        guarded: the file holds secret values, and is shown only where these are known and masked.
        context: the SELinux label of a file.
        acl: its access control list in hexadecimal digits.
    """

    path: str
    type: str
    mode: int
    uid: int
    gid: int
    digest: str
    size: int = 0
    managed: bool = False
    secret: bool = False
    context: t.Optional[str] = None
    guarded: bool = False
    acl: t.Optional[str] = None
    extra: t.Dict[str, object] = unknown_fields()

    def same(self, other: TreeEntry | None) -> bool:
        """Return whether type, content, mode and owner agree (a link has no mode of its own)."""
        if other is None or (self.type, self.digest) != (other.type, other.digest):
            return False
        return self.type == "link" or self.permissions == other.permissions

    @property
    def permissions(self) -> t.Tuple[int, int, int]:
        """Return mode and owner."""
        return self.mode, self.uid, self.gid


#: A tree by path.
Tree = t.Dict[str, TreeEntry]


def raw(path: str) -> bytes:
    """Return a path as the kernel has it: UTF-8 in every locale, other bytes unchanged."""
    return path.encode("utf-8", "surrogateescape")


def parents(path: str) -> t.Iterator[str]:
    """Yield the folders above a relative path, outermost first."""
    parts = path.split("/")
    for depth in range(1, len(parts)):
        yield "/".join(parts[:depth])


def describe(path: str, folder: int, name: bytes) -> TreeEntry:
    """Return the entry at a name in an open folder; links are not followed.

    Raises:
        OSError: the path cannot be read.
        ReleaseError: the file is too large to be kept.
    """
    info = os.stat(name, dir_fd=folder, follow_symlinks=False)
    kind, digest, context, acl = "special", "", None, None
    if stat.S_ISLNK(info.st_mode):
        kind, digest = "link", os.readlink(name, dir_fd=folder).decode("utf-8", "surrogateescape")
    elif stat.S_ISDIR(info.st_mode):
        kind = "directory"
    elif stat.S_ISREG(info.st_mode):
        if info.st_size > _HUGEST:
            raise ReleaseError(
                f"{path} has {info.st_size >> 20} MiB, and every release keeps a copy of it: move what is above"
                f" {_HUGEST >> 20} MiB out of the configuration folder",
                "huge",
            )
        handle = os.open(name, READ, dir_fd=folder)
        with os.fdopen(handle, "rb") as file:
            content = hashlib.sha256()
            for chunk in iter(lambda: file.read(CHUNK), b""):
                content.update(chunk)
            kind, digest, context, acl = "file", content.hexdigest(), _context(handle), _acl(handle)
    size = info.st_size if kind == "file" else 0
    return TreeEntry(
        path, kind, stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid, digest, size, context=context, acl=acl
    )


def _context(handle: int) -> str | None:
    try:
        return os.getxattr(handle, _CONTEXT).decode("ascii", "replace")
    except OSError:
        return None


def _acl(handle: int) -> str | None:
    try:
        return os.getxattr(handle, _ACL).hex()
    except OSError:
        return None


def apply_metadata(handle: int, entry: TreeEntry, *, strict: bool) -> None:
    """Give an open file the entry's owner, mode, access control list and label; without `strict`, as far as allowed."""
    info = os.fstat(handle)
    if (info.st_uid, info.st_gid) != (entry.uid, entry.gid):
        try:
            os.fchown(handle, entry.uid, entry.gid)
        except PermissionError:
            if strict:
                raise
    os.fchmod(handle, entry.mode)
    context = entry.context if _context(handle) not in (None, entry.context) else None
    for name, value in ((_ACL, bytes.fromhex(entry.acl or "")), (_CONTEXT, (context or "").encode("ascii"))):
        if value:
            try:
                os.setxattr(handle, name, value)
            except OSError:
                if strict:
                    raise


def is_frozen(handle: int) -> bool:
    """Return whether chattr(1) made it immutable or append-only. Raises `OSError` where the flags cannot be read."""
    flags = bytearray(struct.calcsize("l"))
    fcntl.ioctl(handle, _GET_FLAGS, flags)
    return bool(int.from_bytes(flags, sys.byteorder) & _FROZEN)


def tree_digest(tree: Tree) -> str:
    """Return the name of a tree's folder: other content, mode or owner is another tree."""
    ordered = sorted(tree.values(), key=lambda entry: entry.path)
    rows = [(e.path, e.type, e.mode, e.uid, e.gid, e.digest, e.managed) for e in ordered]
    return hashlib.sha256(json.dumps(rows).encode("ascii")).hexdigest()[:12]
