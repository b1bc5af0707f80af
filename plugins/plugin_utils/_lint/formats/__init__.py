# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Render findings in the formats of other tools: `render(name, report)`."""

from __future__ import annotations

import importlib
import os
import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.errors import LintError

from .report import LintReport, outcome

#: The module of each format, with a function `render(report)`. A run loads the one that it needs.
FORMATS: t.Final[dict[str, str]] = {
    "text": "human",
    "json": "data",
    "sarif": "sarif",
    "junit": "junit",
    "github": "github",
    "gitlab": "gitlab",
    "checkstyle": "checkstyle",
}

__all__ = ["FORMATS", "LintReport", "outcome", "render", "write"]


def render(name: str, report: LintReport) -> str:
    """Render a report in one of `FORMATS`; the text ends with a line break.

    Raises:
        LintError: there is no such format.
    """
    if name not in FORMATS:
        msg = f'there is no format "{name}", the formats are: {", ".join(FORMATS)}'
        raise LintError(msg)
    return str(importlib.import_module(f".{FORMATS[name]}", __package__).render(report))


def write(path: str, text: str) -> None:
    """Write a report to a file, or to a pipe or a terminal.

    Raises:
        OSError: the file cannot be written.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        with open(path, "wb") as file:
            file.write(text.encode("utf-8", "replace"))
        return
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.atomic_write import (  # noqa: PLC0415
        write_file,
    )

    write_file(path, text.encode("utf-8", "replace"))
