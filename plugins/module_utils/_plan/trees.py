# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The two configurations of a comparison as folders on this host: the live one, a release, or what the controller sent.

A *spec* says which: `{"kind": "live"}`; `{"kind": "release", "id": "r-…"}`; or `{"kind": "files", "entries": [...],
"over": None | "live" | "owned"}`, where an entry is `[path, type, mode, content]` (content as base64, of a link its target).
With `over` the entries lie over a copy of the live folder; `owned` takes away first what the confirmed release manages.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
import shutil
import stat
import tempfile
import typing as t

Spec = t.Dict[str, t.Any]

_RELEASE = re.compile(r"r-[0-9a-f]{12}")
_TREE = re.compile(r"tree-[0-9a-f]{12}")


class TreeError(Exception):
    """A configuration that should be run is not there or cannot be made into a folder."""


class Trees:
    """Folders for worlds; what is made lies below one private folder that `close` deletes.

    Args:
        config_dir: the live configuration folder.
        store: the folder of the releases.
    """

    def __init__(self, config_dir: str, store: str) -> None:
        self._config_dir = config_dir
        self._store = store
        #: A folder of our own, mode 0700.
        self.work = tempfile.mkdtemp(prefix="failsafe-nginx-")

    def close(self) -> None:
        """Deletes all that was made."""
        shutil.rmtree(self.work, ignore_errors=True)

    def folder(self, spec: Spec) -> str:
        """The folder of a spec.

        Raises:
            TreeError: there is none, or it cannot be made.
        """
        try:
            if spec["kind"] == "live":
                return self._live()
            if spec["kind"] == "release":
                return self._release(spec["id"])
            return self._made(spec)
        except (OSError, shutil.Error) as error:
            raise TreeError(f"the configuration cannot be made into a folder of its own: {error}") from error

    def copy(self, folder: str) -> str:
        """A copy of a folder that may be changed; sockets, pipes and devices stay behind."""
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

    def _release(self, release: str) -> str:
        return os.path.join(self._store, "releases", release, _matching(_TREE, self._manifest(release).get("folder")))

    def _manifest(self, release: str) -> t.Dict[str, t.Any]:
        path = os.path.join(self._store, "releases", _matching(_RELEASE, release), "manifest.json")
        if not os.path.exists(path):
            raise TreeError(f"there is no release {release} in {self._store}")
        return _json(path)

    def _made(self, spec: Spec) -> str:
        if spec["over"] is None:
            path = os.path.join(tempfile.mkdtemp(dir=self.work), "tree")
            os.mkdir(path)
        else:
            path = self.copy(self._live())
        if spec["over"] == "owned":
            for name in self._owned():
                remove(inside(path, name))
        write(path, spec["entries"])
        return path

    def _owned(self) -> t.List[str]:
        state = os.path.join(self._store, "state.json")
        confirmed = _json(state).get("confirmed") if os.path.exists(state) else None
        if confirmed is None:
            return []
        return [row["path"] for row in self._manifest(confirmed)["tree"] if row["managed"]]


def write(folder: str, entries: t.Iterable[t.Sequence[t.Any]]) -> None:
    """Puts entries into a folder of ours, over what is there.

    Raises:
        TreeError: an entry's name or content is none, or it would be written outside.
    """
    for path, kind, mode, content in entries:
        target = inside(folder, path)
        remove(target)
        os.makedirs(target if kind == "directory" else os.path.dirname(target), exist_ok=True)
        if kind == "link":
            os.symlink(content, target)
        elif kind == "file":
            handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode or 0o644)
            with os.fdopen(handle, "wb") as file:
                file.write(_bytes(content))


def inside(folder: str, path: str) -> str:
    """Where a relative path is in a folder; never through a link out of it, which could lead to live files.

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
    """Deletes a file or a link; a folder stays."""
    if os.path.lexists(path) and not (os.path.isdir(path) and not os.path.islink(path)):
        os.unlink(path)


def special(folder: str, names: t.List[str]) -> t.List[str]:
    """Those of the names that are no file, folder or link: reading a pipe never ends. For `shutil.copytree`."""
    kinds = (stat.S_ISREG, stat.S_ISDIR, stat.S_ISLNK)
    return [name for name in names if not any(kind(os.lstat(os.path.join(folder, name)).st_mode) for kind in kinds)]


def _bytes(content: str) -> bytes:
    try:
        return base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError) as error:
        raise TreeError(f"what the controller sent cannot be read: {error}") from error


def _matching(pattern: t.Pattern[str], name: t.Any) -> str:
    if not isinstance(name, str) or not pattern.fullmatch(name):
        raise TreeError(f"{name!r} names no release")
    return name


def _json(path: str) -> t.Dict[str, t.Any]:
    try:
        with open(path, "rb") as file:
            value = json.loads(file.read().decode("utf-8"))
    except (OSError, ValueError) as error:
        raise TreeError(f"{path} cannot be read: {error}") from error
    if not isinstance(value, dict):
        raise TreeError(f"{path} is damaged: it holds no object")
    return value
