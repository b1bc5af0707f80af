# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Sources of a configuration's files: a folder on disk, a set in memory, the files of a dump.

Everything is addressed by the absolute path that nginx would open. No link is followed out of a folder, and
nothing that could block (a device, a FIFO) is ever opened for reading.
"""

from __future__ import annotations

import errno
import os
import posixpath
import re
import stat
import typing as t

from ._lexer import shorten

_MAGIC = re.compile(r"[*?\[]")
_MAX_LINKS = 40  # as Linux's path resolution


class ReadError(Exception):
    """A file that cannot be read; `missing` when there is no such file."""

    def __init__(self, reason: str, *, missing: bool = False, elsewhere: bool = False) -> None:
        super().__init__(reason)
        self.missing = missing
        #: The file is not part of what was given: only the host knows it.
        self.elsewhere = elsewhere


class Source(t.Protocol):
    """The files nginx would see."""

    def shown(self, path: str) -> str:
        """Return the path as the user knows it."""

    def read(self, path: str) -> bytes:
        """Return the content; raise ReadError."""

    def names(self, folder: str) -> list[str]:
        """Return the names in a folder, hidden ones too; empty where there is no such folder; raise ReadError."""

    def files(self) -> list[str]:
        """Return the paths of everything below the configuration folder that is no folder, in byte order."""

    def covers(self, path: str) -> bool:
        """Tell whether this source knows what is at this path; False where only the host does."""


def printable(path: str) -> str:
    """Return a path that every output can carry: bytes that are no UTF-8 become U+FFFD."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def below(path: str, folder: str) -> str | None:
    """Return `path` relative to `folder`, None when it is not below it."""
    if path == folder:
        return ""
    prefix = folder.rstrip("/") + "/"
    return path[len(prefix) :] if path.startswith(prefix) else None


class MemorySource:
    """Files by absolute path. `config_dir` is cut from shown paths; None shows them as they are (a dump)."""

    def __init__(self, files: t.Mapping[str, bytes], config_dir: str | None) -> None:
        self._files = files
        self._config_dir = config_dir
        self._folders: dict[str, set[str]] = {}
        for path in files:
            while path not in ("/", ""):
                folder, name = posixpath.split(path)
                names = self._folders.setdefault(folder, set())
                if name in names:
                    break
                names.add(name)
                path = folder  # noqa: PLW2901 - climbs to the root

    def shown(self, path: str) -> str:
        relative = below(path, self._config_dir) if self._config_dir else None
        return printable(relative or path)

    def read(self, path: str) -> bytes:
        if path in self._files:
            return self._files[path]
        if path in self._folders:
            raise ReadError("it is a folder")
        raise ReadError("there is no such file", missing=True, elsewhere=not self.covers(path))

    def names(self, folder: str) -> list[str]:
        return sorted(self._folders.get(folder, ()))

    def files(self) -> list[str]:
        return sorted(self._files, key=os.fsencode)

    def covers(self, path: str) -> bool:
        return self._config_dir is None or below(path, self._config_dir) is not None


class DiskSource:
    """A folder on disk that stands for `config_dir`.

    With `outside` it is judged in place: other absolute paths are read too, and links are followed as nginx would.
    """

    def __init__(
        self, root: str, config_dir: str, *, outside: bool, replaced: t.Mapping[str, bytes] | None = None
    ) -> None:
        self.root = os.path.realpath(root)
        self._config_dir = config_dir
        self._outside = outside
        self._replaced = replaced or {}

    def shown(self, path: str) -> str:
        relative = below(path, self._config_dir)
        return printable(relative or path)

    def read(self, path: str) -> bytes:
        replaced = self._replaced.get(self.shown(path)) if self._replaced else None
        return _read_regular(self._locate(path)) if replaced is None else replaced

    def names(self, folder: str) -> list[str]:
        try:
            return os.listdir(self._locate(folder))
        except ReadError as error:
            if error.missing:
                return []
            raise
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR):
                return []
            raise ReadError(_reason(error)) from error

    def files(self) -> list[str]:
        found: list[str] = []
        visited: set[str] = set()
        todo = [self._config_dir]
        while todo:
            path = todo.pop()
            try:
                real = self._locate(path)
            except ReadError:
                found.append(path)  # reading it will say why
                continue
            if not os.path.isdir(real):
                found.append(path)
            elif real not in visited:
                visited.add(real)
                todo += [posixpath.join(path, name) for name in self.names(path)]
        return sorted(found, key=os.fsencode)

    def covers(self, path: str) -> bool:
        return self._outside or below(path, self._config_dir) is not None

    def _locate(self, path: str) -> str:
        """Return the real path on disk, free of links; raise ReadError."""
        if "\0" in path:
            raise ReadError("its name holds a NUL byte", missing=True)
        relative = below(path, self._config_dir)
        if self._outside:
            return _real(path if relative is None else os.path.join(self.root, relative))
        if relative is None:
            raise ReadError(f"it lies outside {self._config_dir}", missing=True, elsewhere=True)
        return self._resolve(relative)

    def _resolve(self, relative: str) -> str:
        """Follow links by hand: one that points to an absolute path below `config_dir` stays in the folder."""
        todo = [part for part in relative.split("/") if part][::-1]
        done: list[str] = []
        links = 0
        while todo:
            part = todo.pop()
            if part == "..":
                if not done:
                    raise ReadError("it is a link that leaves the folder", elsewhere=True)
                done.pop()
                continue
            if part == ".":
                continue
            target = _readlink(os.path.join(self.root, *done, part))
            if target is None:
                done.append(part)
                continue
            links += 1
            if links > _MAX_LINKS:
                raise ReadError(_reason(OSError(errno.ELOOP, "")))
            if target.startswith("/"):
                inside = below(posixpath.normpath(target), self._config_dir)
                inside = below(posixpath.normpath(target), self.root) if inside is None else inside
                if inside is None:
                    reason = f'it is a link to "{shorten(target, 200)}", which leaves the folder'
                    raise ReadError(reason, elsewhere=True)
                done, target = [], inside
            todo += [step for step in target.split("/") if step][::-1]
        return os.path.join(self.root, *done)


def _real(path: str) -> str:
    try:
        return os.path.realpath(path, strict=True)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            raise ReadError("there is no such file", missing=True) from error
        raise ReadError(_reason(error)) from error


def _readlink(path: str) -> str | None:
    try:
        return os.readlink(path)
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ENOENT, errno.ENOTDIR):
            return None
        raise ReadError(_reason(error), missing=False) from error


def _reason(error: OSError) -> str:
    if error.errno == errno.ELOOP:
        return "it is a link that leads back to itself"
    return (error.strerror or str(error)).lower()


def _read_regular(path: str) -> bytes:
    try:
        # Opening some devices has effects by itself, so look before; O_NOFOLLOW and fstat() below close the gap.
        if not stat.S_ISREG(mode := os.stat(path, follow_symlinks=False).st_mode):
            raise ReadError("it is a folder" if stat.S_ISDIR(mode) else "it is not a regular file")
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            raise ReadError("there is no such file", missing=True) from error
        raise ReadError(_reason(error)) from error
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ReadError("it is not a regular file")
        try:
            return file.read()
        except OSError as error:
            raise ReadError(_reason(error)) from error


def has_magic(pattern: str) -> bool:
    """Tell whether nginx treats an include's path as a pattern (ngx_conf_include() looks for one of `*?[`)."""
    return _MAGIC.search(pattern) is not None


def expand(source: Source, pattern: str) -> list[str]:
    """Return the paths that glob(3) finds for an absolute pattern, in nginx's order.

    nginx calls glob() without flags and never setlocale(), so paths are sorted as a whole, by bytes.
    """
    found = ["/"]
    for part in [part for part in pattern.split("/") if part]:
        if has_magic(part):
            accepts = re.compile(_translate(part), re.DOTALL).fullmatch
            hidden = part.startswith(".")
            found = [
                posixpath.join(folder, name)
                for folder in found
                for name in source.names(folder)
                if accepts(name) and (hidden or not name.startswith("."))
            ]
        else:
            literal = re.sub(r"\\(.)", r"\1", part)
            found = [posixpath.join(folder, literal) for folder in found]
    if not has_magic(posixpath.basename(pattern)):
        found = [path for path in found if posixpath.basename(path) in source.names(posixpath.dirname(path))]
    return sorted(found, key=os.fsencode)


def pattern_matcher(pattern: str) -> re.Pattern[str]:
    """Return an expression that matches a whole path where glob(3) could have found it for this pattern."""
    parts = [_translate(part).replace(".*", "[^/]*") for part in pattern.split("/")]
    return re.compile("/".join(parts), re.DOTALL)


def _translate(part: str) -> str:
    """Translate fnmatch(3) of one path component into a regular expression that cannot backtrack beyond one star."""
    runs = [""]
    position = 0
    while position < len(part):
        char = part[position]
        position += 1
        if char == "*":
            runs.append("")
        elif char == "?":
            runs[-1] += "."
        elif char == "\\" and position < len(part):
            runs[-1] += re.escape(part[position])
            position += 1
        elif char == "[" and (end := _bracket_end(part, position)) > 0:
            runs[-1] += _bracket(part[position:end])
            position = end + 1
        else:
            runs[-1] += re.escape(char)
    if len(runs) == 1:
        return runs[0]
    return runs[0] + "".join(f"(?>.*?{run})" for run in runs[1:-1] if run) + f".*{runs[-1]}"


def _bracket_end(part: str, start: int) -> int:
    return part.find("]", start + 1 + (part[start : start + 1] in ("!", "^")))


def _bracket(body: str) -> str:
    negated = body[0] in "!^"
    members = body[1:] if negated else body
    chars = []
    position = 0
    while position < len(members):
        low = members[position]
        if members[position + 1 : position + 2] == "-" and position + 2 < len(members):
            high = members[position + 2]
            if low <= high:
                chars.append(f"{re.escape(low)}-{re.escape(high)}")
            position += 3
        else:
            chars.append(re.escape(low))
            position += 1
    if not chars:
        return "." if negated else "(?!)"
    return f"[{'^' if negated else ''}{''.join(chars)}]"
