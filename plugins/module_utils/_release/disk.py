# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read and write files below one folder without following links.

Changes by `create`, `make`, `rename`, `delete` and `apply_metadata` are on the disk after `sync`. The other writes are durable by themselves.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import typing as t

from .errors import ReleaseError
from .tree_entry import CHUNK, READ, Tree, TreeEntry, apply_metadata, describe, is_frozen, parents, raw

#: Prefix of half-written files. No usual include pattern matches them: a leading dot, no `.conf` at the end.
TEMPORARY = ".failsafe-"

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
#: Flags to write a file, and a new one.
WRITE = os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
CREATE = WRITE | os.O_CREAT | os.O_EXCL


def _mount_of(path: str) -> str:
    path = os.path.realpath(path)
    while not os.path.ismount(path):
        path = os.path.dirname(path)
    return path


class Handles:
    """Open what is below one folder without following links, and name what fails."""

    def __init__(self, path: str, before: t.Callable[[str], None]) -> None:
        self.path = path
        self.before = before

    @contextlib.contextmanager
    def folder(self, path: str) -> t.Iterator[int]:
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
    def parent(self, path: str) -> t.Iterator[tuple[int, bytes]]:
        """Yield a descriptor of the folder of `path`, and the name in it."""
        folder, _slash, name = path.rpartition("/")
        if name in (".", ".."):
            raise OSError(errno.EINVAL, "no path below this folder")
        with self.folder(folder) as handle:
            yield handle, raw(name)

    @contextlib.contextmanager
    def reading(self, path: str) -> t.Iterator[int]:
        """Yield a descriptor of a file or folder."""
        with self.parent(path) as (folder, name):
            handle = os.open(name or b".", READ, dir_fd=folder)
            try:
                yield handle
            finally:
                os.close(handle)

    @contextlib.contextmanager
    def doing(self, what: str, path: str) -> t.Iterator[None]:
        """Raise `ReleaseError` for an `OSError`, with the act and the path."""
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
    def writing(self, what: str, path: str) -> t.Iterator[tuple[int, bytes]]:
        """Call the hook and yield what `parent` yields."""
        self.before(f"{what} {path}")
        with self.doing(what, path), self.parent(path) as place:
            yield place


class Folder:
    """Read and write below `path`. `before` is called ahead of every write with its description."""

    def __init__(self, path: str, before: t.Callable[[str], None] = lambda _step: None) -> None:
        self.path = path
        self.before = before
        self.handles = Handles(path, before)

    def below(self, path: str) -> Folder:
        """Return the folder at a path in this one."""
        return Folder(os.path.join(self.path, path), self.before)

    def names(self, folder: str = "") -> list[str]:
        """Return the names in a folder, sorted, without half-written files."""
        with self.handles.doing("read folder", folder), self.handles.folder(folder) as handle:
            names = (os.fsencode(name).decode("utf-8", "surrogateescape") for name in os.listdir(handle))
            return sorted(name for name in names if not name.startswith(TEMPORARY))

    def entry(self, path: str) -> TreeEntry | None:
        """Return the entry at a path, None if there is none or only behind a link."""
        with self.handles.doing("read", path):
            try:
                with self.handles.parent(path) as (folder, name):
                    return describe(path, folder, name)
            except OSError as error:
                if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                    return None
                raise

    def chunks(self, path: str) -> t.Iterator[bytes]:
        """Yield the content of a regular file, a mebibyte at a time."""
        with self.handles.doing("read", path), self.handles.parent(path) as (folder, name):
            handle = os.open(name, READ, dir_fd=folder)
            with os.fdopen(handle, "rb") as file:
                yield from iter(lambda: file.read(CHUNK), b"")

    def read(self, path: str) -> bytes:
        """Return the whole content of a regular file."""
        return b"".join(self.chunks(path))

    def create(
        self, entry: TreeEntry, content: t.Iterable[bytes], path: str | None = None, *, strict: bool = True
    ) -> None:
        """Write a file or link that is not there yet, at `path` or the entry's own, with its mode, owner and context.

        Without `strict` an owner that an ordinary user may not set is left out (copies in the store).
        """
        path = path or entry.path
        with self.handles.writing("write", path) as (folder, name):
            if entry.type == "link":
                os.symlink(raw(entry.digest), name, dir_fd=folder)
                return
            handle = os.open(name, CREATE, 0o600, dir_fd=folder)
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
        temporary = temporary_path(self, path)
        try:
            self.create(TreeEntry(path, "file", mode, os.geteuid(), os.getegid(), ""), [content], temporary)
            self.sync([temporary] if durable else ())
            self.rename(temporary, path)
            self.sync([path.rpartition("/")[0]] if durable else ())
        except ReleaseError:
            discard(self, temporary)
            raise

    def append(self, path: str, content: bytes, *, durable: bool = True) -> int:
        """Append all or nothing and return the size before. Without `durable` a later durable append makes it so."""
        with self.handles.writing("append to", path) as (folder, name):
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

    def truncate(self, path: str, size: int) -> None:
        """Cut a file back to a size."""
        with self.handles.writing("truncate", path) as (folder, name):
            handle = os.open(name, WRITE, dir_fd=folder)
            with os.fdopen(handle, "wb") as file:
                file.truncate(size)
                os.fsync(handle)

    def sync(self, paths: t.Iterable[str]) -> None:
        """Bring files and folders ("" is this one) to the disk, many at once, because only the first one is slow."""
        gone = contextlib.suppress(FileNotFoundError, NotADirectoryError)
        for path in paths:
            with self.handles.doing("write", path), gone, self.handles.reading(path) as handle:
                os.fsync(handle)

    def rename(self, path: str, target: str, origin: Folder | None = None) -> None:
        """Move a path, of `origin` if that is given, over another one in this folder."""
        source = (origin or self).handles
        with self.handles.writing("replace", target) as (folder, name), source.parent(path) as (place, old):
            os.rename(old, name, src_dir_fd=place, dst_dir_fd=folder)

    def make(self, path: str, mode: int = 0o700) -> None:
        """Make a folder; its parent must exist."""
        with self.handles.writing("make folder", path) as (folder, name):
            os.mkdir(name, mode, dir_fd=folder)

    def apply_metadata(self, entry: TreeEntry, *, strict: bool = True) -> None:
        """Give a folder the entry's mode, owner and context."""
        self.before(f"set mode of {entry.path}")
        with self.handles.doing("set mode of", entry.path), self.handles.folder(entry.path) as handle:
            apply_metadata(handle, entry, strict=strict)

    def delete(self, path: str) -> None:
        """Delete a file or link, if it exists."""
        with self.handles.writing("delete", path) as (folder, name), contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=folder)

    def delete_folder(self, path: str) -> bool:
        """Delete a folder if it is empty; return whether it is gone."""
        with self.handles.writing("delete folder", path) as (folder, name):
            try:
                os.rmdir(name, dir_fd=folder)
            except FileNotFoundError:
                return True
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
                return False
        return True


def scan(root: Folder) -> tuple[Tree, list[str]]:
    """Return every entry below a folder by path, and the paths of sockets, devices and FIFOs.

    Raises `ReleaseError` for a folder or file that cannot be read: a snapshot with a hole restores nothing.
    """
    found: Tree = {}
    special: list[str] = []
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        for name in root.names(folder):
            path = f"{folder}/{name}" if folder else name
            entry = root.entry(path)
            if entry is None:
                continue
            if entry.type == "special":
                special.append(path)
                continue
            found[path] = entry
            if entry.type == "directory":
                waiting.append(path)
    return found, sorted(special)


def frozen(root: Folder, paths: t.Iterable[str]) -> list[str]:
    """Return the paths that chattr(1) made immutable or append-only, and such folders that hold one of them."""
    above: set[str] = set()
    for path in paths:
        folders = [folder for folder in ("", *parents(path)) if not folder or _is_folder(root, folder)]
        above.update((path, folders[-1]))
    return sorted(path or "." for path in above if _frozen(root, path))


def _frozen(root: Folder, path: str) -> bool:
    try:
        with root.handles.reading(path) as handle:
            return is_frozen(handle)
    except OSError:
        return False  # not there, a link, a device, or a file system without such flags


def temporary_path(root: Folder, path: str) -> str:
    """Return an unused path in the nearest existing folder above `path`: same file system, same label."""
    above = [folder for folder in parents(path) if _is_folder(root, folder)]
    return (above[-1] + "/" if above else "") + TEMPORARY + secrets.token_hex(6)


def _is_folder(root: Folder, path: str) -> bool:
    entry = root.entry(path)
    return entry is not None and entry.type == "directory"


def discard(root: Folder, path: str) -> None:
    """Delete a file if possible."""
    with contextlib.suppress(OSError), root.handles.parent(path) as (folder, name):
        os.unlink(name, dir_fd=folder)


def delete_temporaries(root: Folder, folder: str) -> None:
    """Delete half-written files in a folder, if it exists."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), root.handles.folder(folder) as handle:
        for name in os.listdir(handle):
            if name.startswith(TEMPORARY):
                with contextlib.suppress(OSError):
                    os.unlink(name, dir_fd=handle)


def move_in(root: Folder, path: str, target: str) -> None:
    """Move a path of the same file system into a folder, durably."""
    with root.handles.writing("move in", target) as (folder, name):
        os.rename(raw(path), name, dst_dir_fd=folder)
        os.fsync(folder)
