# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files that both worlds have, and at which moment: what is on this host stays as it is, and the rest is made up."""

from __future__ import annotations

import os
import typing as t

from .._sandbox.root_fs import is_system
from .._wire.files import FileStage, MadeFile, MadeFiles


class FileView:
    """The files that a world shows before anything is made up.

    Args:
        config_dir: shows one of `trees`.
        trees: folders of all sources.
        prefix: of nginx, for relative paths.
        empty: nothing of this host is shown but the system's folders.
    """

    def __init__(self, config_dir: str, trees: t.Sequence[str], prefix: str, *, empty: bool) -> None:
        self._config_dir = config_dir.rstrip("/") + "/"
        self._trees = trees
        self._prefix = prefix
        self._empty = empty

    def full(self, path: str) -> str:
        """Return the absolute path of a file."""
        return os.path.normpath(os.path.join(self._prefix, path))

    def has(self, path: str) -> bool:
        """Tell whether a world shows an absolute path; in the configuration folder, whether one of them does."""
        if (path + "/").startswith(self._config_dir):
            inside = (path + "/")[len(self._config_dir) :].rstrip("/")
            return any(os.path.lexists(os.path.join(tree, inside)) for tree in self._trees)
        return (not self._empty or is_system(path)) and os.path.lexists(path)

    def is_own(self, path: str) -> bool:
        """Tell whether this host says what an absolute path has, and not the configuration that is deployed."""
        return not self._empty and not (path.rstrip("/") + "/").startswith(self._config_dir)

    def is_first(self, file: MadeFile, path: str) -> bool:
        """Tell whether a file that the configuration names is there from the beginning.

        On a host its folder says what is there, once it exists. The controller's folders are for a machine that is not
        known: only the configuration folder itself is.
        """
        if not file.named:
            return False
        if self._empty:
            return not (path.startswith(self._config_dir) and self.has(os.path.dirname(path)))
        return file.before and not self.has(os.path.dirname(path))


def plan_files(files: t.Sequence[MadeFile], view: FileView) -> MadeFiles:
    """Return which of the files are made up, and when.

    Args:
        files: what both configurations look for.
        view: what is there.
    """
    first: t.List[MadeFile] = []
    later: t.Dict[str, t.List[MadeFile]] = {"named": [], "requested": []}
    for file in files:
        path = view.full(file.path)
        if view.has(path):
            continue
        made = MadeFile(path, file.named, file.before, file.probes)
        if view.is_first(file, path):
            first.append(made)
        else:
            later["named" if file.named else "requested"].append(made)
    stages = [
        FileStage(name, made, sorted({position for file in made for position in file.probes}))
        for name, made in later.items()
        if made
    ]
    return MadeFiles(first, stages)
