# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""Jinja2 environments for reports: HTML pages of one layout, and text.

A page extends `page.html.j2` of this room and fills its blocks `title`, `styles`, `body` and, for scripts, `policy`. It is
one file that loads nothing, prints unfolded and is used by keyboard alone. Every value is escaped.
"""

from __future__ import annotations

import typing as t
from pathlib import Path

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined

_LAYOUT: t.Final = Path(__file__).parent / "templates"


def page_environment(folder: Path) -> Environment:
    """Create an environment for the HTML templates of a folder.

    Args:
        folder: the templates; they may extend and include those of this room.
    """
    return _environment(folder, autoescape=True)


def text_environment(folder: Path) -> Environment:
    """Create an environment for the text templates of a folder, which escape values by filters of their own."""
    return _environment(folder, autoescape=False)


def _environment(folder: Path, *, autoescape: bool) -> Environment:
    return Environment(
        loader=ChoiceLoader([FileSystemLoader(folder), FileSystemLoader(_LAYOUT)]),
        autoescape=autoescape,  # noqa: S701 - text is escaped by filters of its format
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
