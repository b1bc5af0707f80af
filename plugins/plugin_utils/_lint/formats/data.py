# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Render JSON: the findings as the module returns them."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.text import count

from .report import outcome

if t.TYPE_CHECKING:
    from .report import LintReport


def render(report: LintReport) -> str:
    """Render `{outcome, summary, findings}`, each as `failsafe.nginx.nginx_lint` returns it."""
    findings = [finding.as_dict() for finding in report.findings]
    ended = outcome(report.findings, report.fail_on)
    return json.dumps({"outcome": ended, "summary": count(findings), "findings": findings}, indent=2) + "\n"
