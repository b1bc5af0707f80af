# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""Markdown in which values are text: what a configuration or a host says becomes neither a link nor markup."""

from __future__ import annotations

import html
import re
import typing as t
from collections.abc import Iterable

#: Markup of CommonMark (2.4), without the characters that mean nothing within a line and read badly when escaped.
_IN_LINE: t.Final = re.compile(r"([\\`*_\[\]<>|~])")
_ANYWHERE: t.Final = re.compile(r"([\\`*_{}\[\]()#+!|~])")
_BACKTICKS: t.Final = re.compile("`+")


def escape_line(text: str) -> str:
    """Escape a text and join its lines, for a file that is read as Markdown."""
    return _IN_LINE.sub(r"\\\1", " ".join(text.split()))


def escape_comment(text: str) -> str:
    """Escape a text for a comment on a merge request, where HTML works and `@name` notifies."""
    return _ANYWHERE.sub(r"\\\1", html.escape(text, quote=False).replace("@", "@\u200b"))


def escape_in_tag(text: str) -> str:
    """Escape a text inside an HTML tag of a comment, where some sites read Markdown and others do not."""
    return "".join(
        f"&#{ord(char)};" if _ANYWHERE.match(char) else html.escape(char) for char in text.replace("@", "@\u200b")
    )


def code_span(text: str) -> str:
    """Write a text as a code span (CommonMark 6.1), fenced by more backticks than it has in a row."""
    line = " ".join(text.split())
    longest = _longest_backticks([line])
    fence = "`" * (longest + 1)
    return f"{fence} {line} {fence}" if longest else f"{fence}{line}{fence}"


def code_fence(lines: Iterable[str]) -> str:
    """Return a fence for a code block that none of its lines closes."""
    return "`" * max(3, 1 + _longest_backticks(lines))


def _longest_backticks(lines: Iterable[str]) -> int:
    return max((len(run) for line in lines for run in _BACKTICKS.findall(line)), default=0)
