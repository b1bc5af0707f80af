# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a plan and a deploy print of a route check."""

from __future__ import annotations

import typing as t
from types import SimpleNamespace

import pytest

from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison import (
    AcceptEntry,
    BehaviourChange,
    ExpectationResult,
    RouteCheckReport,
    Unverified,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison.report import Example, RequestCount
from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Place
from ansible_collections.failsafe.nginx.plugins.plugin_utils._reports.route_check.console import (
    MOST_LINES,
    ConsoleText,
    console_text,
)


def example(path: str = "/", before: tuple[str, ...] = ("200",), after: tuple[str, ...] = ("404",)) -> Example:
    return Example(f"p{path}", f"GET http://www.example.com{path}", "", None, None, before, after)


def group(name: str, where: str = "location /", **more: t.Any) -> BehaviourChange:
    values: dict[str, t.Any] = {
        "name": name,
        "scope": "block",
        "servers": ("www.example.com",),
        "before_block": where,
        "after_block": where,
        "listeners": (),
        "requests": 1,
        "probes": (f"p{where}",),
        "example": example(),
        "key": f"{name}-3f9a1c2b4d",
    }
    return BehaviourChange(**{**values, **more})


def report(*changes: BehaviourChange, failing: int = 0, **more: t.Any) -> RouteCheckReport:
    changed = sum(change.requests for change in changes)
    servers = {"www.example.com": RequestCount(41, changed, failing)}
    return RouteCheckReport(41, list(changes), [], changed, servers=servers, **more)


def told(made: RouteCheckReport) -> ConsoleText:
    return console_text(made, made.gate())


def test_what_stops_is_told_whole_and_what_does_not_in_one_line() -> None:
    header = example("/", ("200", "no X-Robots-Tag"), ("200", "X-Robots-Tag: noindex"))
    text = told(
        report(
            group("lost", requests=2, probes=("p1", "p2")),
            group(
                "upstream-changed",
                example=example("/a", ("200 via http://a:80 GET /",), ("200 via http://b:80 GET /",)),
            ),
            group("headers-changed", example=header),
            failing=2,
        )
    )
    assert text.lines[1:] == [
        "STOPS lost   www.example.com   location /   2 requests",
        "    GET http://www.example.com/",
        "  -   200",
        "  +   404",
        "    key: lost-3f9a1c2b4d",
        (
            "high  upstream-changed   www.example.com   location /   1 request   "
            "GET http://www.example.com/a: 200 via http://a:80 GET /  =>  200 via http://b:80 GET /"
        ),
        (
            "info  headers-changed   www.example.com   location /   1 request   "
            "GET http://www.example.com/: no X-Robots-Tag  =>  X-Robots-Tag: noindex"
        ),
    ]
    assert text.summary == "2 of 41 requests of www.example.com now fail"
    assert text.keys == ["lost-3f9a1c2b4d"]


def cause(line: int) -> t.Any:
    place = Place("conf.d/a.conf", line)
    return SimpleNamespace(kind="changed", before=place, after=place, line=f"line {line}")


def test_what_does_not_stop_is_told_with_the_line_of_its_cause() -> None:
    one = group("upstream-changed", causes=(cause(7),))
    several = group("headers-changed", causes=(cause(3), cause(4), cause(9)))
    pattern = [group("redirect-changed", f"location /{number}", causes=(cause(number),)) for number in range(11, 16)]
    lines = told(report(one, several, *pattern)).lines
    assert [line for line in lines if "conf.d/a.conf" in line] == [
        (
            "high  upstream-changed   www.example.com   location /   1 request   conf.d/a.conf:7   "
            "GET http://www.example.com/: 200  =>  404"
        ),
        (
            "info  headers-changed   www.example.com   location /   1 request   conf.d/a.conf:3 and 2 more   "
            "GET http://www.example.com/: 200  =>  404"
        ),
        "high  redirect-changed   www.example.com   5 groups   5 requests   conf.d/a.conf:11 and 4 more",
    ]


def gaps(number: int) -> list[Unverified]:
    return [
        Unverified("changed", f"map $x{each}", "no request reaches it", "a.conf", each) for each in range(1, number + 1)
    ]


def test_a_first_deploy_is_two_lines() -> None:
    """Sites where there were none: everything is new, on every server."""
    first = [
        group("new", f"location /{number % 3}", servers=(f"s{number // 3}.test",), causes=(cause(number),))
        for number in range(12)
    ]
    lines = told(report(*first, unverified=gaps(9))).lines
    assert lines[1:] == [
        (
            "info  new   s0.test and 3 more   12 groups   3 requests   conf.d/a.conf:0 and 11 more   "
            "GET http://www.example.com/: 200  =>  404"
        ),
        "not exercised: 9 changes, which the report has; the first: a.conf:1 map $x1: no request reaches it",
    ]


@pytest.mark.parametrize("other", ["lost", "upstream-changed"])
def test_a_deploy_that_changes_something_too_tells_what_is_not_exercised_line_by_line(other: str) -> None:
    changes = [group(other), *(group("new", f"location /{number}") for number in range(3))]
    lines = told(report(*changes, unverified=gaps(9))).lines
    assert sum("   new   " in line or " new " in line for line in lines) == 3
    assert sum(line.startswith("not exercised: a.conf:") for line in lines) == 3
    assert lines[-1] == "... and 6 more that were not exercised: the report has them"


def moved(number: int) -> BehaviourChange:
    shown = example(f"/{number}", ("301 -> /a",), (f"301 -> /b{number}",))
    return group("redirect-changed", f"location = /{number}", example=shown)


def test_many_redirects_are_one_entry_with_three_examples() -> None:
    lines = told(report(*map(moved, range(500)))).lines
    assert lines[1:] == [
        "high  redirect-changed   www.example.com   500 groups   500 requests",
        *(f"      GET http://www.example.com/{number}: 301 -> /a  =>  301 -> /b{number}" for number in range(3)),
    ]


def test_a_sentence_beside_the_example_is_told_and_a_number_of_blocks_is_not() -> None:
    note = "b.test: the server a.test answers at [::]:80, but b.test does at *:80"
    lines = told(
        report(group("new", notes=(note, "in 6 blocks")), group("headers-changed", notes=("in 2 blocks",)))
    ).lines
    assert [line.split("   ")[0] for line in lines[1:]] == ["info  new", "", "info  headers-changed"]
    assert lines[2] == f"      {note}"


def replaced(name: str) -> BehaviourChange:
    same = example(f"/{name}", ("200 via http://a:80",), ("200 via http://a:80",))
    return group(
        "peers-changed",
        f"location /{name}",
        example=same,
        notes=(f"upstream {name}: 1 of 3 peers replaced: b:80 by c:80", "in 6 blocks"),
    )


def test_what_the_example_does_not_show_is_told_by_its_note() -> None:
    (line,) = told(report(replaced("one"))).lines[1:]
    assert line.endswith("GET http://www.example.com/one: upstream one: 1 of 3 peers replaced: b:80 by c:80")
    lines = told(report(*(replaced(f"u{number}") for number in range(5)))).lines[2:]
    assert [line.partition(": ")[2] for line in lines] == [
        f"upstream u{number}: 1 of 3 peers replaced: b:80 by c:80" for number in range(3)
    ]


def test_one_pattern_of_redirects_shows_three_requests() -> None:
    more = tuple(example(f"/{number}", ("301 -> /a",), ("301 -> /b",)) for number in (2, 3))
    lines = told(report(group("redirect-changed", requests=9, more_examples=more))).lines
    assert [line.split()[1].rpartition("/")[2] for line in lines[2:]] == [":", "2:", "3:"]


@pytest.mark.parametrize("name", ["lost", "upstream-changed", "headers-changed"])
@pytest.mark.parametrize("number", [10, 300])
def test_it_stays_within_its_lines_and_counts_the_rest(name: str, number: int) -> None:
    groups = [
        group(name, f"location /{each}", servers=(f"s{each}.test",), key=f"{name}-{each:010x}")
        for each in range(number)
    ]
    stopping = [group("lost", "location /z", servers=(f"z{each}.test",)) for each in range(20)]
    text = told(report(*stopping, *groups))
    assert len(text.lines) <= MOST_LINES
    assert [line for line in text.lines if line.startswith("... and ")]
    assert len(text.keys) == (number + 1 if name == "lost" else 1)


def test_the_comparison_itself_is_told() -> None:
    made = report(
        unverified=[Unverified("changed", "location /b", "no request reaches it")],
        accept_unused=[AcceptEntry(key="lost-0123456789")],
        accept_expired=[AcceptEntry("lost", server="a.test")],
        expectations=[
            ExpectationResult("n", False, {"status": "200"}, {"status": "404"}, ("status",), "GET /", "r.yml", 1, "e")
        ],
    )
    made.accepted = [group("outage")]
    text = told(made)
    assert text.lines[1:] == [
        "EXPECTED r.yml:1 n: GET /: status should be 200, is 404",
        "accepted: outage-3f9a1c2b4d",
        "unused in accept: lost-0123456789",
        "expired in accept: lost a.test",
        "not exercised: location /b: no request reaches it",
    ]
    assert (text.keys, text.others) == ([], 1)
    assert text.summary == "all 41 requests get what they got (1 not exercised)"


@pytest.mark.parametrize(
    ("changes", "failing", "summary"),
    [
        ([], 0, "all 41 requests get what they got"),
        ([group("headers-changed")], 0, "1 of 41 requests of www.example.com gets something else, none of them fails"),
        ([group("access-widened")], 0, "1 of 41 requests is access-widened"),
        ([group("lost", requests=3)], 3, "3 of 41 requests of www.example.com now fail"),
    ],
)
def test_the_numbers_are_one_sentence(changes: list[BehaviourChange], failing: int, summary: str) -> None:
    assert told(report(*changes, failing=failing)).summary == summary


def test_changes_that_count_for_no_server_are_counted_among_all_requests() -> None:
    made = report(group("headers-changed", probes=("a", "b")))
    made.servers = {"www.example.com": RequestCount(39, 0, 0)}
    assert told(made).summary == "2 of 41 requests get something else"
