# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The configurations of a comparison as folders on this host: the live one, a release, or the controller's files.

It reads the release store's JSON itself: the store's own reader would pack 60 KB more.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import tempfile
import typing as t

from .._common.packing import PackingError, decode_bytes
from .folders import FolderEntry, FolderSpec

_RELEASE = re.compile(r"r-[0-9a-f]{12}")
_TREE = re.compile(r"tree-[0-9a-f]{12}")


class TreeError(Exception):
    """A configuration that should be run is not there or cannot be made into a folder."""


class Trees:
    """Folders for worlds; those that are made lie below one private folder that `close` deletes."""

    def __init__(self, config_dir: str, store: str) -> None:
        self._config_dir = config_dir
        self._store = store
        #: The private folder, mode 0700.
        self.work = tempfile.mkdtemp(prefix="failsafe-nginx-")

    def close(self) -> None:
        """Delete all that was made."""
        shutil.rmtree(self.work, ignore_errors=True)

    def folder(self, spec: FolderSpec) -> str:
        """Return the folder of a spec; make it where it is none of this host's.

        Raises:
            TreeError: there is none, or it cannot be made.
        """
        try:
            if spec.kind == "live":
                return self._live()
            if spec.kind == "release":
                return self._release(spec.id)
            return self._made(spec)
        except (OSError, shutil.Error) as error:
            raise TreeError(f"the configuration cannot be made into a folder of its own: {error}") from error

    def copy(self, folder: str) -> str:
        """Copy a folder, so that it may be changed; sockets, pipes and devices are left out."""
        path = os.path.join(tempfile.mkdtemp(dir=self.work), "tree")
        try:
            shutil.copytree(folder, path, symlinks=True, ignore=special)
        except (OSError, shutil.Error) as error:
            raise TreeError(f"{folder} cannot be copied: {error}") from error
        return path

    def _live(self) -> str:
        if not os.path.isdir(self._config_dir):
            raise TreeError(f"there is no folder {self._config_dir}: this host has no live configuration there")
        return self._config_dir

    def _release(self, release: t.Optional[str]) -> str:
        name = _matching(_RELEASE, release)
        return os.path.join(self._store, "releases", name, _matching(_TREE, self._manifest(name).get("folder")))

    def _manifest(self, release: str) -> t.Dict[str, t.Any]:
        path = os.path.join(self._store, "releases", release, "manifest.json")
        if not os.path.exists(path):
            raise TreeError(f"there is no release {release} in {self._store}")
        return _json(path)

    def _made(self, spec: FolderSpec) -> str:
        if spec.over is None:
            path = os.path.join(tempfile.mkdtemp(dir=self.work), "tree")
            os.mkdir(path)
        else:
            path = self.copy(self._live())
        if spec.over == "owned":
            for name in self._owned():
                remove(inside(path, name))
        write(path, spec.entries or [])
        return path

    def _owned(self) -> t.List[str]:
        state = os.path.join(self._store, "state.json")
        confirmed = _json(state).get("confirmed") if os.path.exists(state) else None
        if confirmed is None:
            return []
        tree = self._manifest(_matching(_RELEASE, confirmed))["tree"]
        return [row["path"] for row in tree if row["managed"]]


def write(folder: str, entries: t.Iterable[FolderEntry]) -> None:
    """Write entries into a private folder, over the files there.

    Raises:
        TreeError: an entry has no valid path or content, or would be written outside.
    """
    for path, kind, mode, content in entries:
        target = inside(folder, path)
        remove(target)
        os.makedirs(target if kind == "directory" else os.path.dirname(target), exist_ok=True)
        if kind == "link":
            os.symlink(content or "", target)
        elif kind == "file":
            handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode or 0o644)
            with os.fdopen(handle, "wb") as file:
                file.write(_bytes(content or ""))


def inside(folder: str, path: str) -> str:
    """Return a relative path's place in a folder; never through a link out of it, which could lead to live files.

    Raises:
        TreeError: it is elsewhere.
    """
    if not path or path.startswith("/") or any(part in ("", ".", "..") for part in path.split("/")):
        raise TreeError(f"{path!r} is no path below the configuration folder")
    full, root = os.path.join(folder, path), os.path.realpath(folder)
    if not (os.path.realpath(os.path.dirname(full)) + "/").startswith(root + "/"):
        raise TreeError(f"{path} lies behind a link that leaves the configuration folder")
    return full


def remove(path: str) -> None:
    """Delete a file or a link; a folder stays."""
    if os.path.lexists(path) and not (os.path.isdir(path) and not os.path.islink(path)):
        os.unlink(path)


def special(folder: str, names: t.List[str]) -> t.List[str]:
    """List the names that are no file, folder or link, for `shutil.copytree`: reading a pipe never ends."""
    kinds = (stat.S_ISREG, stat.S_ISDIR, stat.S_ISLNK)
    return [name for name in names if not any(kind(os.lstat(os.path.join(folder, name)).st_mode) for kind in kinds)]


def _bytes(content: str) -> bytes:
    try:
        return decode_bytes(content)
    except PackingError as error:
        raise TreeError(f"what the controller sent cannot be read: {error}") from error


def _matching(pattern: t.Pattern[str], name: t.Any) -> str:
    if not isinstance(name, str) or not pattern.fullmatch(name):
        raise TreeError(f"{name!r} names no release")
    return name


def _json(path: str) -> t.Dict[str, t.Any]:
    try:
        with open(path, "rb") as file:
            value = json.loads(file.read().decode("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise TreeError(f"{path} cannot be read: {error}") from error
    if not isinstance(value, dict):
        raise TreeError(f"{path} is damaged: it holds no object")
    return value
