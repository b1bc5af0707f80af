# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Lint one configuration as often as repairs change it, for the command and for the action alike."""

from __future__ import annotations

import os
import typing as t

from .engine import lint
from .suppression.project_finder import find_project

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import Config

    from .finding import Finding
    from .target import Target


class LintRun:
    """A configuration, its suppressions and the nginx that it is for.

    Args:
        load: loads the configuration, with these bytes instead of the files on disk (by path as findings show it).
        target: the nginx that the configuration is for.
        folder: the folder that is linted; None for a dump or a text.
        suppressions: the path of a project file; None for the one in the folder, if there is one.
        config_dir: the path that the folder has on its server.
        whole: the whole folder is linted, so that a suppression which matches nothing is unused.
        ignore: ids of rules that are left out.

    Raises:
        LintError: the project file cannot be read.
    """

    def __init__(
        self,
        load: Callable[[Mapping[str, bytes]], Config],
        target: Target | None,
        *,
        folder: str | None,
        suppressions: str | None,
        config_dir: str,
        whole: bool,
        ignore: Sequence[str] = (),
    ) -> None:
        self.folder = folder
        self._load = load
        self._target = target
        self._ignore = ignore
        self._project = find_project(folder, suppressions, config_dir=config_dir)
        if self._project is not None:
            self._project.whole = whole

    @property
    def base(self) -> str:
        """Return the folder as seen from the current one, empty without a folder."""
        return visible_path(self.folder) if self.folder else ""

    def relint(self, replaced: Mapping[str, bytes]) -> tuple[list[Finding], Mapping[str, str]]:
        """Lint with some files replaced.

        Args:
            replaced: path as findings show it -> the file's bytes.

        Returns:
            The findings, and the texts that they speak of by path.
        """
        config = self._load(replaced)
        texts = dict(config.texts)
        if self._project is not None:
            texts[self._project.file] = self._project.text
        return lint(config, ignore=self._ignore, target=self._target, project=self._project), texts


def visible_path(path: str) -> str:
    """Return a path relative to the current folder, absolute where it is not below."""
    relative = os.path.relpath(os.path.realpath(path), os.path.realpath(os.curdir))
    return os.path.realpath(path) if relative.split(os.sep)[0] == os.pardir else relative
