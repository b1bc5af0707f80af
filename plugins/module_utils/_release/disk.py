# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""Read and write files below one folder without following links.

Changes by `create`, `make`, `rename`, `delete` and `apply_metadata` are on the disk after `sync`. The other writes are durable by themselves.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
import typing as t

from .errors import ReleaseError
from .tree_entry import CHUNK, READ, Tree, TreeEntry, apply_metadata, describe, is_frozen, parents, raw

#: Prefix of half-written files. No usual include pattern matches them: a leading dot, no `.conf` at the end.
TEMPORARY = ".failsafe-"

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def _mount_of(path: str) -> str:
    path = os.path.realpath(path)
    while not os.path.ismount(path):
        path = os.path.dirname(path)
    return path


def _no_hook(_step: str) -> None:
    pass


class Folder:
    """A tree below `path`. `before` is called ahead of every write with its description."""

    def __init__(self, path: str, before: t.Callable[[str], None] = _no_hook) -> None:
        self.path = path
        self.before = before

    def below(self, path: str) -> Folder:
        """Return the folder at a path in this one."""
        return Folder(os.path.join(self.path, path), self.before)

    @contextlib.contextmanager
    def _doing(self, what: str, path: str) -> t.Iterator[None]:
        where = os.path.join(self.path, path)
        try:
            yield
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                mount = _mount_of(self.path)
                raise ReleaseError(
                    f"no space left on the file system mounted at {mount}: cannot {what} {where}; free some and run again",
                    "no_space",
                ) from error
            raise ReleaseError(f"cannot {what} {where}: {error.strerror}", "file") from error

    @contextlib.contextmanager
    def _write(self, what: str, path: str) -> t.Iterator[tuple[int, bytes]]:
        self.before(f"{what} {path}")
        with self._doing(what, path), self._parent(path) as place:
            yield place

    @contextlib.contextmanager
    def _open(self, path: str) -> t.Iterator[int]:
        """Yield a descriptor of the folder at `path`; no part below this folder's own path may be a link."""
        handle = os.open(raw(self.path), _FOLDER & ~os.O_NOFOLLOW)
        try:
            for part in path.split("/") if path else ():
                if part in ("", ".", ".."):
                    raise OSError(errno.EINVAL, "no path below this folder")
                inner = os.open(raw(part), _FOLDER, dir_fd=handle)
                os.close(handle)
                handle = inner
            yield handle
        finally:
            os.close(handle)

    @contextlib.contextmanager
    def _parent(self, path: str) -> t.Iterator[tuple[int, bytes]]:
        folder, _slash, name = path.rpartition("/")
        if name in (".", ".."):
            raise OSError(errno.EINVAL, "no path below this folder")
        with self._open(folder) as handle:
            yield handle, raw(name)

    # Reading

    def names(self, folder: str = "") -> list[str]:
        """Return the names in a folder, sorted, without half-written files."""
        with self._doing("read folder", folder), self._open(folder) as handle:
            names = (os.fsencode(name).decode("utf-8", "surrogateescape") for name in os.listdir(handle))
            return sorted(name for name in names if not name.startswith(TEMPORARY))

    def scan(self) -> tuple[Tree, list[str]]:
        """Return every entry by path, and the paths of sockets, devices and FIFOs.

        Raises `ReleaseError` for a folder or file that cannot be read: a snapshot with a hole restores nothing.
        """
        found: Tree = {}
        special: list[str] = []
        waiting = [""]
        while waiting:
            folder = waiting.pop()
            for name in self.names(folder):
                path = f"{folder}/{name}" if folder else name
                entry = self.entry(path)
                if entry is None:
                    continue
                if entry.type == "special":
                    special.append(path)
                    continue
                found[path] = entry
                if entry.type == "directory":
                    waiting.append(path)
        return found, sorted(special)

    def entry(self, path: str) -> TreeEntry | None:
        """Return the entry at a path, None if there is none or only behind a link."""
        with self._doing("read", path):
            try:
                with self._parent(path) as (folder, name):
                    return describe(path, folder, name)
            except OSError as error:
                if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                    return None
                raise

    def frozen(self, paths: t.Iterable[str]) -> list[str]:
        """Return the paths that chattr(1) made immutable or append-only, and such folders that hold one of them."""
        above: set[str] = set()
        for path in paths:
            folders = [folder for folder in ("", *parents(path)) if not folder or self._is_folder(folder)]
            above.update((path, folders[-1]))
        return sorted(path or "." for path in above if self._frozen(path))

    def _frozen(self, path: str) -> bool:
        try:
            with self._parent(path) as (folder, name):
                handle = os.open(name or b".", READ, dir_fd=folder)
                try:
                    return is_frozen(handle)
                finally:
                    os.close(handle)
        except OSError:
            return False  # not there, a link, a device, or a file system without such flags

    def chunks(self, path: str) -> t.Iterator[bytes]:
        """Yield the content of a regular file, a mebibyte at a time."""
        with self._doing("read", path), self._parent(path) as (folder, name):
            handle = os.open(name, READ, dir_fd=folder)
            with os.fdopen(handle, "rb") as file:
                yield from iter(lambda: file.read(CHUNK), b"")

    def read(self, path: str) -> bytes:
        """Return the whole content of a regular file."""
        return b"".join(self.chunks(path))

    # Writing

    def create(
        self, entry: TreeEntry, content: t.Iterable[bytes], path: str | None = None, *, strict: bool = True
    ) -> None:
        """Write a file or link that is not there yet, at `path` or the entry's own, with its mode, owner and context.

        Without `strict` an owner that an ordinary user may not set is left out (copies in the store).
        """
        path = path or entry.path
        with self._write("write", path) as (folder, name):
            if entry.type == "link":
                os.symlink(raw(entry.digest), name, dir_fd=folder)
                return
            handle = os.open(name, _CREATE, 0o600, dir_fd=folder)
            with os.fdopen(handle, "wb") as file:
                for chunk in content:
                    file.write(chunk)
                file.flush()
                apply_metadata(handle, entry, strict=strict)
                with contextlib.suppress(OSError):
                    # Start writing now, so that many files share one wait in their sync.
                    os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)

    def put(self, path: str, content: bytes, mode: int = 0o600, *, durable: bool = True) -> None:
        """Replace a whole file in one rename. Without `durable` it survives the end of the process, not that of the host."""
        temporary = self.temporary(path)
        try:
            self.create(TreeEntry(path, "file", mode, os.geteuid(), os.getegid(), ""), [content], temporary)
            self.sync([temporary] if durable else ())
            self.rename(temporary, path)
            self.sync([path.rpartition("/")[0]] if durable else ())
        except ReleaseError:
            self.discard(temporary)
            raise

    def append(self, path: str, content: bytes, *, durable: bool = True) -> int:
        """Append all or nothing and return the size before. Without `durable` a later durable append makes it so."""
        with self._write("append to", path) as (folder, name):
            handle = os.open(
                name, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder
            )
            with os.fdopen(handle, "r+b", buffering=0) as file:
                size = file.seek(0, os.SEEK_END)
                try:
                    if size and os.pread(handle, 1, size - 1) != b"\n":
                        content = b"\n" + content
                    while content:
                        content = content[os.write(handle, content) :]
                    if durable:
                        os.fsync(handle)
                except OSError:
                    os.ftruncate(handle, size)
                    raise
                return size

    def allocate(self, path: str, size: int) -> None:
        """Make a file that has room for `size` bytes, even if the file system fills up later."""
        with self._write("reserve", path) as (folder, name):
            handle = os.open(name, _CREATE, 0o600, dir_fd=folder)
            try:
                os.posix_fallocate(handle, 0, size)
            finally:
                os.close(handle)

    def fill(self, path: str, content: bytes) -> None:
        """Write a content into an allocated file that is at least as long."""
        with self._write("fill", path) as (folder, name):
            handle = os.open(name, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                file.truncate()
                os.fsync(handle)

    def size(self, path: str) -> int | None:
        """Return the size of a regular file in bytes, None if there is none."""
        with contextlib.suppress(OSError), self._parent(path) as (folder, name):
            info = os.stat(name, dir_fd=folder, follow_symlinks=False)
            return info.st_size if stat.S_ISREG(info.st_mode) else None
        return None

    def link(self, origin: Folder, path: str, target: str) -> bool:
        """Give a file or link of another folder a second name here; return False where the file systems do not allow that."""
        with self._write("keep", target) as (folder, name), origin._parent(path) as (place, old):
            try:
                os.link(old, name, src_dir_fd=place, dst_dir_fd=folder, follow_symlinks=False)
            except OSError as error:
                if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP):
                    raise
                return False
        return True

    def bring(self, origin: Folder, path: str, target: str) -> None:
        """Move a file of another folder on the same file system over a path in this one."""
        with self._write("replace", target) as (folder, name), origin._parent(path) as (place, old):
            os.rename(old, name, src_dir_fd=place, dst_dir_fd=folder)

    def truncate(self, path: str, size: int) -> None:
        """Cut a file back to a size."""
        with self._write("truncate", path) as (folder, name):
            handle = os.open(name, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
            with os.fdopen(handle, "wb") as file:
                file.truncate(size)
                os.fsync(handle)

    def sync(self, paths: t.Iterable[str]) -> None:
        """Bring files and folders ("" is this one) to the disk, many at once, because only the first one is slow."""
        for path in paths:
            with self._doing("write", path), contextlib.suppress(FileNotFoundError, NotADirectoryError):
                with self._parent(path) as (folder, name):
                    handle = os.open(name or b".", READ, dir_fd=folder)
                try:
                    os.fsync(handle)
                finally:
                    os.close(handle)

    def temporary(self, path: str) -> str:
        """Return an unused path in the nearest existing folder above `path`: same file system, same label."""
        above = [folder for folder in parents(path) if self._is_folder(folder)]
        return (above[-1] + "/" if above else "") + TEMPORARY + secrets.token_hex(6)

    def _is_folder(self, path: str) -> bool:
        entry = self.entry(path)
        return entry is not None and entry.type == "directory"

    def rename(self, path: str, target: str) -> None:
        """Move a path over another one in this folder."""
        with self._write("replace", target) as (folder, name), self._parent(path) as (origin, old):
            os.rename(old, name, src_dir_fd=origin, dst_dir_fd=folder)

    def adopt(self, path: str, target: str) -> None:
        """Move something from anywhere on the same file system into this folder, durably."""
        with self._write("move in", target) as (folder, name):
            os.rename(raw(path), name, dst_dir_fd=folder)
            os.fsync(folder)

    def make(self, path: str, mode: int = 0o700) -> None:
        """Make a folder; its parent must exist."""
        with self._write("make folder", path) as (folder, name):
            os.mkdir(name, mode, dir_fd=folder)

    def apply_metadata(self, entry: TreeEntry, *, strict: bool = True) -> None:
        """Give a folder the entry's mode, owner and context."""
        self.before(f"set mode of {entry.path}")
        with self._doing("set mode of", entry.path), self._open(entry.path) as handle:
            apply_metadata(handle, entry, strict=strict)

    def delete(self, path: str) -> None:
        """Delete a file or link, if it exists."""
        with self._write("delete", path) as (folder, name), contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=folder)

    def delete_folder(self, path: str) -> bool:
        """Delete a folder if it is empty; return whether it is gone."""
        with self._write("delete folder", path) as (folder, name):
            try:
                os.rmdir(name, dir_fd=folder)
            except FileNotFoundError:
                return True
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
                return False
        return True

    def discard(self, path: str) -> None:
        """Delete a file as far as possible."""
        with contextlib.suppress(OSError), self._parent(path) as (folder, name):
            os.unlink(name, dir_fd=folder)

    def sweep(self, folder: str) -> None:
        """Delete half-written files in a folder, if the folder exists."""
        with contextlib.suppress(FileNotFoundError, NotADirectoryError), self._open(folder) as handle:
            for name in os.listdir(handle):
                if name.startswith(TEMPORARY):
                    with contextlib.suppress(OSError):
                        os.unlink(name, dir_fd=handle)
