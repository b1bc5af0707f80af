# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""JUnit's XML as Jenkins and GitLab read it: a test case per finding, and one per file that nothing speaks against."""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.about import NAME
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.engine import RULES

from ._xml import document, element

if t.TYPE_CHECKING:
    from xml.etree import ElementTree as ET

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

    from .report import Report


def render(report: Report) -> str:
    """What `fail_on` fails is a failure, what could not be read an error; the rest passes and is told in `system-out`."""
    root = element(None, "testsuites", name=NAME)
    suite = element(root, "testsuite", name=NAME)
    blamed: set[str] = set()
    for finding, guilty in zip(report.findings, report.guilty(), strict=True):
        blamed.add(finding.file)
        _case(suite, report, finding, guilty=guilty)
    for file in sorted(set(report.texts) - blamed):
        element(suite, "testcase", classname=report.path(file), name="nothing found", file=report.path(file))
    for each in (suite, root):
        each.set("tests", str(len(suite)))
        each.set("failures", str(len(suite.findall("testcase/failure"))))
        each.set("errors", str(len(suite.findall("testcase/error"))))
    return document(root)


def _case(suite: ET.Element, report: Report, finding: Finding, *, guilty: bool) -> None:
    path = report.path(finding.file)
    name = f"{finding.rule} at line {finding.line}, column {finding.column}"
    case = element(suite, "testcase", classname=path, name=name, file=path, line=finding.line)
    others = [f"{report.path(each.file)}:{each.line} {each.message}" for each in finding.related]
    text = "\n".join([f"{path}:{finding.line} {report.line(finding.file, finding.line).strip()}", *others])
    if not guilty:
        element(case, "system-out", f"{finding.severity}: {finding.message}\n{text}")
        return
    kind = "error" if RULES[finding.rule].unreadable else "failure"
    element(case, kind, text, type=finding.severity, message=finding.message)
