# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""JUnit's XML as Jenkins and GitLab read it."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from .xml import document, element

#: The counting attributes of a suite, and the child element of the cases that each counts.
_COUNTED: t.Final = {"failures": "failure", "skipped": "skipped", "errors": "error"}


@dataclass(frozen=True)
class JUnitCase:
    """One test case.

    `text` of a case that passed becomes its `system-out`; of any other it is the body of the failure, error or skip.
    """

    classname: str
    name: str
    result: t.Literal["passed", "failure", "error", "skipped"] = "passed"
    text: str = ""
    type: str | None = None
    message: str | None = None
    file: str | None = None
    line: int | None = None


def junit_document(
    name: str,
    suites: Mapping[str, Sequence[JUnitCase]],
    *,
    counts: Sequence[str] = ("failures", "skipped", "errors"),
) -> str:
    """Write suites of test cases as one document.

    Args:
        name: the name of the whole.
        suites: name of a suite -> its cases, in the order of the document.
        counts: the attributes that count cases by result, in the order of the document.
    """
    root = element(None, "testsuites", name=name)
    for suite_name, cases in suites.items():
        suite = element(root, "testsuite", name=suite_name)
        for case in cases:
            _add(suite, case)
        _count(suite, counts)
    _count(root, counts)
    return document(root)


def _add(suite: ET.Element, case: JUnitCase) -> None:
    place = _given(file=case.file, line=case.line)
    made = element(suite, "testcase", classname=case.classname, name=case.name, **place)
    if case.result != "passed":
        element(made, case.result, case.text, **_given(type=case.type, message=case.message))
    elif case.text:
        element(made, "system-out", case.text)


def _given(**attributes: object) -> dict[str, object]:
    return {name: value for name, value in attributes.items() if value is not None}


def _count(target: ET.Element, counts: Sequence[str]) -> None:
    target.set("tests", str(len(list(target.iter("testcase")))))
    for name in counts:
        target.set(name, str(len(list(target.iter(_COUNTED[name])))))
