# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The entries of a source folder on the controller, and their paths below the configuration folder.

Nothing is rendered here, and nothing of ansible is imported.
"""

from __future__ import annotations

import fnmatch
import os
import re
import stat
import typing as t
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

#: A file with this suffix is a template; below the configuration folder its name lacks the suffix.
TEMPLATE_SUFFIX = ".j2"

#: Files of editors, version control and file managers.
_VERSION_CONTROL = (".git", ".gitignore", ".gitkeep", ".gitattributes", ".svn")
DEFAULT_EXCLUDE = (*_VERSION_CONTROL, ".failsafe-lint.yml", ".DS_Store", "*~", "*.swp", ".#*", "#*#")

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class RenderError(Exception):
    """The source folder cannot become a candidate. The message says what happened, where, and what to do."""


@dataclass(frozen=True)
class SourceEntry:
    """A file, link or folder of the source folder.

    `path` is its place below the configuration folder, `source` its path on the controller.
    """

    path: str
    source: str
    type: t.Literal["file", "link", "directory"]
    template: bool = False
    target: str | None = None
    executable: bool = False


def find_source(src: str, bases: Sequence[str]) -> str:
    """Return the source folder; a relative one is searched for below these folders, in order.

    Raises:
        RenderError: it is in none of them. The message names all of them.
    """
    if os.path.isabs(src):
        return src
    places = [os.path.normpath(os.path.join(base, src)) for base in dict.fromkeys(bases)]
    for place in places:
        if os.path.isdir(place):
            return place
    raise RenderError(f"{src}: no such source folder; looked for {' and '.join(places)}.")


def scan_source(src: str, *, exclude: Sequence[str] = DEFAULT_EXCLUDE) -> list[SourceEntry]:
    """Return every file, link and folder below `src`, parents first, sorted by `SourceEntry.path`.

    Raises:
        RenderError: `src` is missing, no folder, or empty. An entry is a device, a socket or a FIFO, a link that
            leaves the folder, or cannot be read. Two entries have the same path.
    """
    try:
        mode = os.stat(src).st_mode
    except OSError as error:
        raise RenderError(
            f"{src}: cannot read the source folder: {error.strerror}. Set nginx_deploy_src to a folder laid out as"
            " below the config folder."
        ) from error
    if not stat.S_ISDIR(mode):
        raise RenderError(f"{src}: the source has to be a folder laid out as below the config folder.")
    root = os.path.realpath(src)
    entries: dict[str, SourceEntry] = {}
    for entry in _walk(root, "", tuple(exclude)):
        other = entries.get(entry.path)
        if other is not None:
            raise RenderError(
                f"{entry.source} and {other.source} both become {entry.path} below the config folder; remove one of them."
            )
        entries[entry.path] = entry
    if not any(entry.type != "directory" for entry in entries.values()):
        raise RenderError(f"{src}: the source folder holds no file. Nothing is deployed from an empty folder.")
    return [entries[path] for path in sorted(entries)]


def _walk(root: str, below: str, exclude: tuple[str, ...]) -> Iterator[SourceEntry]:
    folder = os.path.join(root, below)
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise RenderError(f"{folder}: cannot list the folder: {error.strerror}.") from error
    for name in names:
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in exclude):
            continue
        _refuse_hostile_name(folder, name)
        relative = os.path.join(below, name)
        source = os.path.join(root, relative)
        info = os.lstat(source)
        if stat.S_ISLNK(info.st_mode):
            yield _link(root, relative, source)
        elif stat.S_ISDIR(info.st_mode):
            yield SourceEntry(relative, source, "directory")
            yield from _walk(root, relative, exclude)
        elif stat.S_ISREG(info.st_mode):
            yield _file(relative, source, info)
        else:
            raise RenderError(
                f"{source}: is a {_kind(info.st_mode)}; a source folder holds files, folders and links only."
            )


def _file(relative: str, source: str, info: os.stat_result) -> SourceEntry:
    template = relative.endswith(TEMPLATE_SUFFIX)
    path = relative.removesuffix(TEMPLATE_SUFFIX) if template else relative
    if not os.path.basename(path):
        raise RenderError(f"{source}: a template needs a name before {TEMPLATE_SUFFIX}.")
    return SourceEntry(path, source, "file", template=template, executable=bool(info.st_mode & 0o100))


def _link(root: str, relative: str, source: str) -> SourceEntry:
    target = os.readlink(source)
    resolved = os.path.realpath(source)
    if os.path.isabs(target) or not (resolved + os.sep).startswith(root + os.sep):
        raise RenderError(
            f"{source}: the link to {target} leaves the source folder. Use a relative link to something inside it."
        )
    if not os.path.exists(resolved) and not os.path.exists(resolved + TEMPLATE_SUFFIX):
        raise RenderError(f"{source}: the link points to {target}, which is not in the source folder.")
    return SourceEntry(relative, source, "link", target=target)


def _refuse_hostile_name(folder: str, name: str) -> None:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        raise RenderError(f"{os.path.join(folder, name)!r}: the file name is not valid UTF-8.") from None
    if _CONTROL.search(name):
        raise RenderError(f"{os.path.join(folder, name)!r}: the file name holds a control character.")


def _kind(mode: int) -> str:
    if stat.S_ISFIFO(mode):
        return "FIFO"
    if stat.S_ISSOCK(mode):
        return "socket"
    return "device"
