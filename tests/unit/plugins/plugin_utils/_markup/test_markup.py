# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The markup of reports: values stay text in every format."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from ansible_collections.failsafe.nginx.plugins.plugin_utils._markup.junit import JUnitCase, junit_document
from ansible_collections.failsafe.nginx.plugins.plugin_utils._markup.markdown import (
    code_fence,
    code_span,
    escape_comment,
    escape_in_tag,
    escape_line,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._markup.wording import counted, listed
from ansible_collections.failsafe.nginx.plugins.plugin_utils._markup.xml import document, element


@pytest.mark.parametrize(
    ("number", "words", "expected"),
    [
        (0, ("request",), "0 requests"),
        (1, ("request",), "1 request"),
        (2, ("request",), "2 requests"),
        (1, ("entry", "entries"), "1 entry"),
        (3, ("entry", "entries"), "3 entries"),
    ],
)
def test_numbers_agree_with_their_nouns(number: int, words: tuple[str, ...], expected: str) -> None:
    assert counted(number, *words) == expected


def test_long_lists_end_in_a_number() -> None:
    assert listed(["a", "b"]) == "a, b"
    assert listed(["a", "b", "c"], most=2) == "a, b and 1 more"
    assert listed([]) == ""


def test_characters_that_xml_forbids_are_replaced() -> None:
    root = element(None, "a", "x\x00\x1by", b='\ud800<&"')
    read = ET.fromstring(document(root))  # noqa: S314 -- our own
    assert (read.text, read.get("b")) == ("x\ufffd\ufffdy", '\ufffd<&"')


def test_a_junit_document_counts_by_result() -> None:
    cases = [
        JUnitCase("a", "1"),
        JUnitCase("a", "2", text="told"),
        JUnitCase("a", "3", "failure", "why", "kind", "message", file="f", line=7),
        JUnitCase("b", "4", "skipped", message="not reached"),
        JUnitCase("b", "5", "error"),
    ]
    assert junit_document("all", {"first": cases[:3], "second": cases[3:]}) == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<testsuites name="all" tests="5" failures="1" skipped="1" errors="1">\n'
        '  <testsuite name="first" tests="3" failures="1" skipped="0" errors="0">\n'
        '    <testcase classname="a" name="1" />\n'
        '    <testcase classname="a" name="2">\n'
        "      <system-out>told</system-out>\n"
        "    </testcase>\n"
        '    <testcase classname="a" name="3" file="f" line="7">\n'
        '      <failure type="kind" message="message">why</failure>\n'
        "    </testcase>\n"
        "  </testsuite>\n"
        '  <testsuite name="second" tests="2" failures="0" skipped="1" errors="1">\n'
        '    <testcase classname="b" name="4">\n'
        '      <skipped message="not reached" />\n'
        "    </testcase>\n"
        '    <testcase classname="b" name="5">\n'
        "      <error />\n"
        "    </testcase>\n"
        "  </testsuite>\n"
        "</testsuites>\n"
    )
    assert '<testsuites name="all" tests="1" failures="0">' in junit_document(
        "all", {"x": cases[:1]}, counts=["failures"]
    )


def test_markdown_shows_text_as_it_is() -> None:
    assert escape_line("a\n *b* [c](d) <e>") == r"a \*b\* \[c\](d) \<e\>"
    assert escape_comment("@all <b> #1") == "@\u200ball &lt;b&gt; \\#1"
    assert escape_in_tag("<a> *b* @c") == "&lt;a&gt; &#42;b&#42; @\u200bc"


@pytest.mark.parametrize(
    ("text", "expected"), [("a", "`a`"), ("a `b`", "`` a `b` ``"), ("``", "``` `` ```"), ("a\n  b", "`a b`")]
)
def test_a_code_span_cannot_be_closed_by_its_text(text: str, expected: str) -> None:
    assert code_span(text) == expected


def test_a_code_fence_cannot_be_closed_by_its_lines() -> None:
    assert code_fence([]) == "```"
    assert code_fence(["a", "````"]) == "`````"
