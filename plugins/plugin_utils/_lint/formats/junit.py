# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Render JUnit's XML: a test case per finding, and one per file without findings."""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint import registry
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.metadata import NAME
from ansible_collections.failsafe.nginx.plugins.plugin_utils._markup.junit import JUnitCase, junit_document

if t.TYPE_CHECKING:
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

    from .report import LintReport


def render(report: LintReport) -> str:
    """Write a report as JUnit's XML.

    A finding that `fail_on` fails is a failure, or an error where a file could not be read. Others pass, with their
    text in `system-out`.
    """
    cases = [
        _case(report, finding, guilty=guilty) for finding, guilty in zip(report.findings, report.guilty(), strict=True)
    ]
    clean = sorted(set(report.texts) - {finding.file for finding in report.findings})
    cases += [JUnitCase(report.path(file), "nothing found", file=report.path(file)) for file in clean]
    return junit_document(NAME, {NAME: cases}, counts=("failures", "errors"))


def _case(report: LintReport, finding: Finding, *, guilty: bool) -> JUnitCase:
    path = report.path(finding.file)
    name = f"{finding.rule} at line {finding.line}, column {finding.column}"
    others = [f"{report.path(each.file)}:{each.line} {each.message}" for each in finding.related]
    text = "\n".join([f"{path}:{finding.line} {report.line(finding.file, finding.line).strip()}", *others])
    if not guilty:
        told = f"{finding.severity}: {finding.message}\n{text}"
        return JUnitCase(path, name, text=told, file=path, line=finding.line)
    result: t.Literal["failure", "error"] = "error" if registry.rule(finding.rule).unreadable else "failure"
    return JUnitCase(path, name, result, text, finding.severity, finding.message, file=path, line=finding.line)
