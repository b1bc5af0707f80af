# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""JUnit's XML: a suite per server, a case per group of changes and per expectation."""

from __future__ import annotations

import typing as t
from collections import defaultdict

from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison import guilty_classes
from ansible_collections.failsafe.nginx.plugins.plugin_utils._markup.junit import JUnitCase, junit_document

from . import text

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison import (
        BehaviourChange,
        ExpectationResult,
        RouteCheckReport,
    )

_NAME: t.Final = "nginx behaviour"


def render(report: RouteCheckReport, fail_on: Sequence[str], *, fail_on_unverified: bool) -> str:
    """Write a report as JUnit's XML.

    A change that fails the gate is a failure, any other passes with its text in `system-out`. A change of the
    configuration without effect passes, one that no single response shows is skipped, and one that is not exercised is
    skipped, or fails with `fail_on_unverified`.

    Raises:
        RouteError: `fail_on` holds a word that is neither a class nor a risk.
    """
    suites: defaultdict[str, list[JUnitCase]] = defaultdict(list)
    classes = guilty_classes(fail_on)
    for change in [*report.changes, *report.accepted]:
        guilty = change.accepted is None and bool({change.name, *change.also} & classes)
        suites[change.server].append(_change(change, guilty=guilty))
    for result in report.expectations:
        suites["expectations"].append(_expectation(result))
    for entry in report.unverified_changes:
        kind: t.Literal["failure", "skipped"] = "failure" if fail_on_unverified else "skipped"
        name = f"{entry.what}: {entry.reason}"
        suites["not verified"].append(JUnitCase("not verified", name, kind, message=text.unverified_text(entry)))
    for account in report.accounts:
        words = text.cause_text(account.change)
        if account.state == "without-effect":
            suites["without effect"].append(JUnitCase("without effect", words))
        elif account.state == "not-visible":
            message = f"{account.kind}: {account.reason}"
            suites["not visible"].append(JUnitCase("not visible", words, "skipped", message=message))
    if not suites:
        suites[_NAME].append(JUnitCase(_NAME, text.headline(report)))
    return junit_document(_NAME, suites)


def _change(change: BehaviourChange, *, guilty: bool) -> JUnitCase:
    name = f"{change.name}: {change.where}: {change.example.request}"
    shown = "\n".join(text.group_lines(change))
    if not guilty:
        return JUnitCase(change.server, name, text=shown)
    message = f"{change.risk} {change.name}: {change.example.request}"
    return JUnitCase(change.server, name, "failure", shown, change.name, message)


def _expectation(result: ExpectationResult) -> JUnitCase:
    classname, name = result.file, f"{result.name}: {result.request}"
    if result.ok:
        return JUnitCase(classname, name)
    shown = text.expectation_text(result)
    return JUnitCase(classname, name, "failure", shown, "expectation-failed", shown)
