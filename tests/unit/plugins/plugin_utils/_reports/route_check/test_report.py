# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One report in every format: valid, complete, bounded, and safe to show whatever a configuration holds."""

from __future__ import annotations

import datetime as dt
import html.parser
import json
import re
import typing as t
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison import (
    AcceptEntry,
    BehaviourChange,
    ExpectationResult,
    RouteCheckReport,
    Unverified,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison.accounting import ChangeAccount
from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison.report import (
    ConfigSummary,
    Coverage,
    CoverageCount,
    Example,
    UncoveredBlock,
    UnstableField,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Place
from ansible_collections.failsafe.nginx.plugins.plugin_utils._diff import Change
from ansible_collections.failsafe.nginx.plugins.plugin_utils._reports.route_check import FORMATS, render
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing import RouteError

CYCLE = '500 rewrite or internal redirection cycle while processing "/product/item/item"'
CAUSE = Change(
    kind="changed",
    risk="routing",
    before=Place("10-www.conf", 15, 1),
    after=Place("10-www.conf", 16, 1),
    block="",
    servers=(),
    line="rewrite ^/p/([0-9]+)$ /product/$1 last",
)


def change(**changed: t.Any) -> BehaviourChange:
    example = Example(
        "p1",
        "GET http://www.example.com/p/7",
        "a rewrite",
        "10-www.conf",
        16,
        ("200 via unix:/run/php.sock GET /p/7",),
        (CYCLE,),
    )
    values: dict[str, t.Any] = {
        "name": "error-introduced",
        "scope": "block",
        "servers": ("www.example.com",),
        "before_block": "location ~ \\.php$",
        "after_block": "location /product/",
        "listeners": ("*:80", "[::]:80"),
        "requests": 10,
        "probes": ("p1",),
        "example": example,
        "causes": (CAUSE,),
    }
    return BehaviourChange(**{**values, **changed})


def report(**changed: t.Any) -> RouteCheckReport:
    values: dict[str, t.Any] = {
        "requests": 204,
        "changes": [change(), change(name="status-changed", causes=())],
        "accepted": [change(accepted=AcceptEntry("error-introduced", until=dt.date(2026, 12, 31)))],
        "changed_requests": 10,
        "unverified": [
            Unverified("changed", "location /b", "no request reaches it", "a.conf", 3),
            Unverified("limit", "Lua", "its code runs against stub services", "a.conf", 4),
        ],
        "coverage": Coverage(
            servers=CoverageCount(3, 3),
            locations=CoverageCount(23, 23),
            ifs=CoverageCount(0, 1),
            traced=True,
            uncovered=(UncoveredBlock("if", "if ($x)", "a.conf", 9, "server a"),),
        ),
        "expectations": [
            ExpectationResult(
                name="admin is closed",
                ok=False,
                expected={"status": "403"},
                got={"status": "200"},
                failed=("status",),
                request="GET http://a/admin",
                file="routes.yml",
                line=7,
                probe="e1.1",
            ),
        ],
        "unstable_fields": [UnstableField("header x-request-id", 204, "p1")],
        "accept_unused": [AcceptEntry("lost", server="old.example.com")],
        "accept_expired": [AcceptEntry("lost", until=dt.date(2020, 1, 1))],
        "accounts": [
            ChangeAccount(0, CAUSE, "shown"),
            ChangeAccount(1, replace(CAUSE, line="root /a -> /b"), "without-effect", witnesses=("p3", "w1")),
            ChangeAccount(2, replace(CAUSE, line="access_log off"), "not-visible", kind="logging", reason="it logs"),
            ChangeAccount(3, replace(CAUSE, line="location /b"), "not-exercised", reason="no request reaches it"),
        ],
        "config": ConfigSummary("1 to add, 1 to change, 0 to remove (2 routing); 0 moved; 3 files cosmetic only"),
    }
    return RouteCheckReport(**{**values, **changed})


QUIET = {
    "changes": [],
    "accepted": [],
    "unverified": [],
    "expectations": [],
    "unstable_fields": [],
    "changed_requests": 0,
    "accounts": [],
}
QUIET_LISTS = {"accept_unused": [], "accept_expired": []}


def test_the_text() -> None:
    assert (
        render("text", report())
        == """\
nginx behaviour: 204 requests, 10 changed, 1 unverified, coverage 26/27 blocks, 1 of 1 expectation failed; \
4 changes: 1 shown, 1 without effect, 1 not visible in one response, 1 not exercised      (1 critical, 1 high)
CRITICAL error-introduced   www.example.com   location ~ \\.php$  =>  location /product/      10 requests
    GET http://www.example.com/p/7
  -   200 via unix:/run/php.sock GET /p/7
  +   500 rewrite or internal redirection cycle while processing "/product/item/item"
    cause: 10-www.conf:16 ~ rewrite ^/p/([0-9]+)$ /product/$1 last
HIGH status-changed   www.example.com   location ~ \\.php$  =>  location /product/      10 requests
    GET http://www.example.com/p/7
  -   200 via unix:/run/php.sock GET /p/7
  +   500 rewrite or internal redirection cycle while processing "/product/item/item"
failed expectations:
    routes.yml:7 admin is closed: GET http://a/admin: status should be 403, is 200
expected changes (accept):
    error-introduced www.example.com location ~ \\.php$  =>  location /product/, 10 requests (accepted until 2026-12-31)
accept entries that have expired:
    class: lost, until: 2020-01-01
accept entries that nothing matches:
    class: lost, server: old.example.com
not exercised:
    a.conf:3 location /b: no request reaches it
without effect:
    10-www.conf:16 ~ root /a -> /b (asked by p3, w1)
not visible in one response:
    logging: 10-www.conf:16 ~ access_log off
not to be seen here:
    a.conf:4 Lua: its code runs against stub services
not reached by any request:
    a.conf:9 if ($x) in server a
not compared, as it differs by itself: header x-request-id (204 requests)
config: 1 to add, 1 to change, 0 to remove (2 routing); 0 moved; 3 files cosmetic only
"""
    )


def test_a_change_without_effect_is_three_lines() -> None:
    quiet = report(**QUIET, **QUIET_LISTS, coverage=Coverage())
    assert render("text", quiet) == (
        "nginx behaviour: 204 requests, 0 changed, 0 unverified, coverage unknown\n"
        "config: 1 to add, 1 to change, 0 to remove (2 routing); 0 moved; 3 files cosmetic only\n"
    )


def test_json_is_the_result() -> None:
    assert json.loads(render("json", report())) == json.loads(json.dumps(report().as_dict()))


class Page(html.parser.HTMLParser):
    """The tags in their order, what is open, and every address that a browser would load."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []
        self.scripts = 0
        self.ids: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag not in ("meta", "br", "link", "img"):
            self.open.append(tag)
        self.loads += [str(values[name]) for name in ("src", "srcset", "data") if name in values]
        self.loads += [str(values.get("href"))] if tag == "link" else []
        self.links += [str(values["href"])] if tag == "a" else []
        self.scripts += tag == "script" or any(name.startswith("on") for name in values)
        self.ids += [str(values["id"])] if "id" in values else []

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def parsed(text: str) -> Page:
    page = Page()
    page.feed(text)
    page.close()
    assert page.open == []
    assert (page.loads, page.scripts) == ([], 0)
    assert len(set(page.ids)) == len(page.ids)
    assert {link.removeprefix("#") for link in page.links} <= set(page.ids)
    return page


def test_the_page_loads_nothing_and_says_everything() -> None:
    text = render("html", report())
    parsed(text)
    for words in (
        "error-introduced",
        "an answer below 500 became a server error",
        "10-www.conf:16",
        "location /b",
        "root /a -&gt; /b",
        "logging: ",
    ):
        assert words in text
    assert "url(" not in text
    assert "@media print" in text


EVIL = "</code></details><script>alert(1)</script> \x1b[31m ``` | [x](javascript:1) <!-- @all"


def hostile() -> RouteCheckReport:
    example = Example("p1", EVIL, EVIL, EVIL, 1, (EVIL,), (EVIL,))
    cause = replace(CAUSE, line=EVIL, after=Place(EVIL, 1, 1))
    evil = change(servers=(EVIL,), before_block=EVIL, after_block=EVIL, example=example, causes=(cause,), notes=(EVIL,))
    return report(
        changes=[evil],
        unverified=[Unverified("changed", EVIL, EVIL, EVIL, 1)],
        unstable_fields=[UnstableField(EVIL, 1, "p1")],
        config=ConfigSummary(EVIL),
    )


def test_a_configuration_cannot_write_into_the_page() -> None:
    parsed(render("html", hostile()))


def test_a_configuration_cannot_write_into_a_comment() -> None:
    text = render("markdown", hostile())
    fences = re.findall(r"^(`{3,})", text, re.MULTILINE)
    assert fences == ["````", "````"]
    outside = re.sub(r"^````diff$.*?^````$", "", text, flags=re.MULTILINE | re.DOTALL)
    assert "<script" not in outside
    assert "[x](" not in outside
    assert "@all" not in outside
    assert outside.count("<details>") == outside.count("</details>") == 1


def test_a_configuration_cannot_break_the_xml() -> None:
    root = ET.fromstring(render("junit", hostile()))  # noqa: S314 -- written here
    assert root.get("failures") == "2"


def test_the_table_of_a_comment_has_one_row_per_group() -> None:
    rows = [line for line in render("markdown", report()).splitlines() if line.startswith("| ")]
    assert len(rows) == 2 + 2
    assert all(len(re.findall(r"(?<!\\)\|", row)) == 7 for row in rows)


def cases(text: str) -> dict[str, list[str]]:
    root = ET.fromstring(text)  # noqa: S314 -- written here
    return {str(case.get("name")): [child.tag for child in case] for case in root.iter("testcase")}


def test_junit_fails_what_the_gate_fails() -> None:
    where = "location ~ \\.php$  =>  location /product/: GET http://www.example.com/p/7"
    found = cases(render("junit", report(accepted=[])))
    assert found == {
        f"error-introduced: {where}": ["failure"],
        f"status-changed: {where}": ["system-out"],
        "admin is closed: GET http://a/admin": ["failure"],
        "location /b: no request reaches it": ["skipped"],
        "10-www.conf:16 ~ access_log off": ["skipped"],
        "10-www.conf:16 ~ root /a -> /b": [],
    }
    found = cases(render("junit", report(accepted=[]), fail_on=["high"], fail_on_unverified=True))
    assert list(found.values()) == [["system-out"], ["failure"], ["failure"], ["failure"], [], ["skipped"]]


def test_junit_of_nothing_is_one_case_that_passes() -> None:
    root = ET.fromstring(render("junit", report(**QUIET, **QUIET_LISTS)))  # noqa: S314 -- written here
    assert (root.get("tests"), root.get("failures"), len(list(root.iter("testcase")))) == ("1", "0", 1)


@pytest.mark.parametrize("name", FORMATS)
def test_large_reports_are_bounded(name: str) -> None:
    entries = [Unverified("changed", f"location /{number}", "no request reaches it", "a", 1) for number in range(5000)]
    large = report(changes=[change(requests=number) for number in range(3000)], unverified=entries)
    limit = 5_000_000 if name == "junit" else 1_000_000
    assert len(render(name, large)) < limit
    if name in ("text", "markdown", "html"):
        assert re.search(r"\d+ more groups", render(name, large))


@pytest.mark.parametrize("name", FORMATS)
def test_formats_are_the_same_every_time(name: str) -> None:
    assert render(name, report()) == render(name, report())
    assert render(name, report()).endswith("\n")


def test_there_is_no_other_format() -> None:
    with pytest.raises(RouteError, match="the formats are: text, json, markdown, html, junit"):
        render("pdf", report())


@pytest.mark.parametrize("name", ["junit"])
def test_a_wrong_gate_is_an_error(name: str) -> None:
    with pytest.raises(RouteError, match="neither a class"):
        render(name, report(), fail_on=["bad"])


def test_days_are_text() -> None:
    entry = AcceptEntry("lost", until=dt.date(2026, 12, 31))
    assert "2026-12-31" in render("json", report(accept_expired=[entry]))
