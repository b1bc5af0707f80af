# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""JUnit's XML as Jenkins and GitLab read it: a suite per server, a case per group of changes and per expectation."""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison import guilty_classes
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.formats._xml import document, element

from . import text

if t.TYPE_CHECKING:
    from collections.abc import Sequence
    from xml.etree import ElementTree as ET

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison import BehaviourChange, Report

_NAME: t.Final = "nginx behaviour"


def render(report: Report, fail_on: Sequence[str], *, fail_on_unverified: bool) -> str:
    """What the gate fails is a failure; other changes pass and are told; what is not verified is skipped.

    Raises:
        RouteError: `fail_on` holds what is neither a class nor a risk.
    """
    root = element(None, "testsuites", name=_NAME)
    suites: dict[str, ET.Element] = {}
    classes = guilty_classes(fail_on)
    for change in [*report.changes, *report.accepted]:
        guilty = change.accepted is None and bool({change.name, *change.also} & classes)
        _change(_suite(root, suites, change.server), change, guilty=guilty)
    for result in report.expectations:
        _expectation(_suite(root, suites, "expectations"), result)
    for entry in report.unverified_changes:
        case = _case(_suite(root, suites, "not verified"), "not verified", f"{entry.what}: {entry.reason}")
        kind = "failure" if fail_on_unverified else "skipped"
        element(case, kind, message=text.unverified_text(entry))
    if not len(root):
        element(_suite(root, suites, _NAME), "testcase", classname=_NAME, name=text.headline(report))
    for suite in suites.values():
        _count(suite, suite)
    _count(root, root)
    return document(root)


def _suite(root: ET.Element, suites: dict[str, ET.Element], name: str) -> ET.Element:
    if name not in suites:
        suites[name] = element(root, "testsuite", name=name)
    return suites[name]


def _case(suite: ET.Element, classname: str, name: str) -> ET.Element:
    return element(suite, "testcase", classname=classname, name=name)


def _change(suite: ET.Element, change: BehaviourChange, *, guilty: bool) -> None:
    case = _case(suite, change.server, f"{change.name}: {change.where}: {change.example.request}")
    shown = "\n".join(text.group_lines(change))
    if guilty:
        message = f"{change.risk} {change.name}: {change.example.request}"
        element(case, "failure", shown, type=change.name, message=message)
    else:
        element(case, "system-out", shown)


def _expectation(suite: ET.Element, result: dict[str, t.Any]) -> None:
    case = _case(suite, str(result.get("file") or "expectations"), f"{result['name']}: {result['request']}")
    if not result.get("ok"):
        shown = text.expectation_text(result)
        element(case, "failure", shown, type="expectation-failed", message=shown)


def _count(target: ET.Element, within: ET.Element) -> None:
    for name, tag in (("tests", "testcase"), ("failures", "failure"), ("skipped", "skipped")):
        target.set(name, str(sum(1 for _found in within.iter(tag))))
    target.set("errors", "0")
