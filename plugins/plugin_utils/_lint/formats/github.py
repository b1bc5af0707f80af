# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Render GitHub's workflow commands: `::error file=...,line=...::message`, shown beside the lines of a pull request.

The form and what has to be escaped are those of `@actions/core` (actions/toolkit, packages/core/src/command.ts).
"""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

    from .report import LintReport

_LEVELS: t.Final = {"error": "error", "warning": "warning", "advice": "notice"}
_DATA: t.Final = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY: t.Final = {**_DATA, ord(":"): "%3A", ord(","): "%2C"}


def render(report: LintReport) -> str:
    """Render one command per finding; the text is empty without findings."""
    return "".join(f"{_command(report, finding)}\n" for finding in report.findings)


def _command(report: LintReport, finding: Finding) -> str:
    properties = {
        "file": report.path(finding.file),
        "line": str(finding.line),
        "col": str(finding.column),
        "title": finding.rule,
    }
    shown = ",".join(f"{name}={value.translate(_PROPERTY)}" for name, value in properties.items())
    message = "\n".join(
        [finding.message, *(f"{report.path(each.file)}:{each.line} {each.message}" for each in finding.related)]
    )
    return f"::{_LEVELS[finding.severity]} {shown}::{message.translate(_DATA)}"
