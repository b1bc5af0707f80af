# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find the project file of a configuration folder."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.errors import LintError

from .project import LARGEST, NAME

if t.TYPE_CHECKING:
    from .project import Project


def find_project(folder: str | None, given: str | None = None, *, config_dir: str = "") -> Project | None:
    """Read the project file that is given, or the one in the folder; return None where there is none.

    Args:
        folder: the folder that is linted, None for a dump or a single text.
        given: the path of a project file.
        config_dir: the path that the configuration folder has in the findings of a dump.

    Raises:
        LintError: the file cannot be read.
    """
    path = given or (os.path.join(folder, NAME) if folder else "")
    if not path or (not given and not os.path.lexists(path)):
        return None
    if os.path.exists(path) and not os.path.isfile(path):
        msg = f"{path} is no regular file, so no suppressions can be read from it"
        raise LintError(msg)
    try:
        with open(path, "rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        msg = f"the suppressions in {path} cannot be read: {error.strerror or error}"
        raise LintError(msg) from error
    from .project_file import parse  # noqa: PLC0415 - most folders have no project file, and YAML takes time to load

    name = os.path.relpath(path, folder) if folder else path
    return parse(data, os.path.abspath(path) if name.startswith("..") else name, config_dir=config_dir)
