# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Render findings in the formats of other tools: `render(name, report)`."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.errors import LintError
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.writing import write_file

from . import checkstyle, data, github, gitlab, human, junit, sarif
from .report import LintReport, outcome

if t.TYPE_CHECKING:
    from collections.abc import Callable

FORMATS: t.Final[dict[str, Callable[[LintReport], str]]] = {
    "text": human.render,
    "json": data.render,
    "sarif": sarif.render,
    "junit": junit.render,
    "github": github.render,
    "gitlab": gitlab.render,
    "checkstyle": checkstyle.render,
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
    return FORMATS[name](report)


def write(path: str, text: str) -> None:
    """Write a report to a file, or to a pipe or a terminal.

    Raises:
        OSError: the file cannot be written.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        with open(path, "wb") as file:
            file.write(text.encode("utf-8", "replace"))
        return
    write_file(path, text.encode("utf-8", "replace"))
