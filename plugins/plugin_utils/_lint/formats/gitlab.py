# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Render GitLab's Code Quality report (docs.gitlab.com, ci/testing/code_quality, "Code Quality report format")."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint import registry

if t.TYPE_CHECKING:
    from .report import LintReport

_SEVERITIES: t.Final = {"error": "critical", "warning": "minor", "advice": "info"}


def render(report: LintReport) -> str:
    """Render a list of issues. GitLab shows one issue per fingerprint, so fingerprints are unique."""
    issues = [
        {
            "description": finding.message,
            "check_name": finding.rule,
            "fingerprint": fingerprint,
            "severity": "blocker" if registry.rule(finding.rule).unreadable else _SEVERITIES[finding.severity],
            "location": {"path": report.path(finding.file), "lines": {"begin": finding.line}},
        }
        for finding, fingerprint in zip(report.findings, report.fingerprints(), strict=True)
    ]
    return json.dumps(issues, indent=2) + "\n"
