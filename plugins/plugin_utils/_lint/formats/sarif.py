# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Render SARIF 2.1.0 (docs.oasis-open.org/sarif), within what GitHub's code scanning accepts."""

from __future__ import annotations

import json
import typing as t
from urllib.parse import quote

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint import registry
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import SEVERITIES
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.metadata import HOME, NAME, VERSION, page_url

from .report import outcome

if t.TYPE_CHECKING:
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding, Rule

    from .report import LintReport

_SCHEMA: t.Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS: t.Final = {"error": "error", "warning": "warning", "advice": "note"}
#: GitHub refuses a run with more results (docs.github.com, "SARIF support for code scanning").
MOST_RESULTS: t.Final = 25_000
_INDEX: t.Final = {rule: index for index, rule in enumerate(sorted(registry.MODULES))}


def render(report: LintReport) -> str:
    """Render one run with the table of all rules.

    Results beyond GitHub's limit are left out, the mildest first; a notification counts them.
    """
    results = [
        (finding.severity, _result(report, finding, fingerprint))
        for finding, fingerprint in zip(report.findings, report.fingerprints(), strict=True)
    ]
    left_out = len(results) - MOST_RESULTS
    if left_out > 0:
        results = sorted(results, key=lambda result: SEVERITIES.index(result[0]))[:MOST_RESULTS]
    driver = {
        "name": NAME,
        "version": VERSION,
        "semanticVersion": VERSION,
        "informationUri": HOME,
        "rules": [_rule(registry.rule(rule)) for rule in _INDEX],
    }
    run = {
        "tool": {"driver": driver},
        "invocations": [_invocation(report, left_out)],
        "columnKind": "unicodeCodePoints",
        "results": [result for _severity, result in results],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _invocation(report: LintReport, left_out: int) -> dict[str, object]:
    invocation: dict[str, object] = {"executionSuccessful": outcome(report.findings, report.fail_on) != "unreadable"}
    if left_out > 0:
        text = f"{left_out} findings are not in this report, which holds {MOST_RESULTS} at most"
        invocation["toolExecutionNotifications"] = [{"level": "warning", "message": {"text": text}}]
    return invocation


def _rule(rule: Rule) -> dict[str, object]:
    properties: dict[str, object] = {"tags": ["nginx"]}
    if rule.security is not None:
        properties = {"tags": ["nginx", "security"], "security-severity": str(rule.security)}
    return {
        "id": rule.id,
        "shortDescription": {"text": f"{rule.summary}."},
        "helpUri": page_url(rule.id),
        "help": {"text": f"See {page_url(rule.id)}, or run: {NAME} --explain {rule.id}"},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
        "properties": properties,
    }


def _result(report: LintReport, finding: Finding, fingerprint: str) -> dict[str, object]:
    result: dict[str, object] = {
        "ruleId": finding.rule,
        "ruleIndex": _INDEX[finding.rule],
        "level": _LEVELS[finding.severity],
        "message": {"text": finding.message or registry.rule(finding.rule).summary},
        "locations": [_location(report, finding.file, finding.line, finding.column)],
        "partialFingerprints": {"failsafeLint/v1": fingerprint},
    }
    if finding.related:
        result["relatedLocations"] = [
            {"id": number, "message": {"text": each.message}, **_location(report, each.file, each.line)}
            for number, each in enumerate(finding.related, 1)
        ]
    return result


def _location(report: LintReport, file: str, line: int, column: int | None = None) -> dict[str, object]:
    path = report.path(file)
    region = {"startLine": line} if column is None else {"startLine": line, "startColumn": column}
    uri = f"file://{quote(path)}" if path.startswith("/") else quote(path)
    return {"physicalLocation": {"artifactLocation": {"uri": uri}, "region": region}}
