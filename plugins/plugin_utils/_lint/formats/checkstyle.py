# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Render Checkstyle's XML, which Jenkins' Warnings plugin, reviewdog and many editors read."""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._markup.xml import document, element

if t.TYPE_CHECKING:
    from .report import LintReport

_SEVERITIES: t.Final = {"error": "error", "warning": "warning", "advice": "info"}


def render(report: LintReport) -> str:
    """Write a report with one `file` element per file, also for files without findings."""
    root = element(None, "checkstyle", version="4.3")
    files = {report.path(file): element(root, "file", name=report.path(file)) for file in sorted(report.texts)}
    for finding in report.findings:
        path = report.path(finding.file)
        if path not in files:
            files[path] = element(root, "file", name=path)
        element(
            files[path],
            "error",
            line=finding.line,
            column=finding.column,
            severity=_SEVERITIES[finding.severity],
            message=finding.message,
            source=f"failsafe.nginx.{finding.rule}",
        )
    return document(root)
