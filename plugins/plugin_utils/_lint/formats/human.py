# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Render text for a terminal: each finding with its line of the source and a caret below its column."""

from __future__ import annotations

import typing as t
import unicodedata

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.text import count, count_text

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

    from .report import LintReport

#: Characters that are shown of a longer line.
_WIDTH: t.Final = 160
_BEFORE: t.Final = 60


def render(report: LintReport) -> str:
    """Render `file:line:column: severity: message [rule]`, the source line and related lines, and at the end the counts."""
    lines = [line for finding in report.findings for line in _finding(report, finding)]
    lines.append(count_text(count(finding.as_dict() for finding in report.findings)))
    return "\n".join(lines) + "\n"


def _finding(report: LintReport, finding: Finding) -> Iterator[str]:
    place = f"{_clean(report.path(finding.file))}:{finding.line}:{finding.column}"
    yield f"{place}: {finding.severity}: {_clean(finding.message)} [{finding.rule}]"
    source = report.line(finding.file, finding.line)
    if source.strip():
        yield from _excerpt(source, finding.line, finding.column)
    for other in finding.related:
        yield f"    {_clean(report.path(other.file))}:{other.line}: {_clean(other.message)}"


def _excerpt(source: str, line: int, column: int) -> Iterator[str]:
    start = max(0, column - 1 - _BEFORE) if len(source) > _WIDTH else 0
    shown = source[start : start + _WIDTH]
    before = shown[: column - 1 - start]
    number = str(line)
    yield f"  {number} | {_clean(shown)}"
    yield f"  {' ' * len(number)} | {''.join(_blank(char) for char in before)}^"


def _clean(text: str) -> str:
    """Replace control characters: a configuration must not be able to steer a terminal."""
    return "".join(char if char.isprintable() or char == "\t" else "?" for char in text)


def _blank(char: str) -> str:
    """Return white space as wide as this character."""
    if char == "\t":
        return char
    if unicodedata.combining(char):
        return ""
    return "  " if unicodedata.east_asian_width(char) in "WF" else " "
