# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Groups, causes, names, accepted changes, what is covered and what is not verified."""

from __future__ import annotations

import datetime as dt
import json
import time
import typing as t
from dataclasses import replace

import pytest

from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison import (
    AcceptEntry,
    ComparedSide,
    ExpectationResult,
    RouteCheckReport,
    compare,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing import RouteError

TODAY = dt.date(2026, 11, 22)
SHOP = """
server {
    server_name www.example.com;
    listen 80; listen [::]:80;
    location / { return 200; }
    location /a { return 200; }
    location /b { if ($arg_x) { return 403; } return 200; }
}
"""


def listed(report: RouteCheckReport) -> list[tuple[str, str, str, int]]:
    return [(change.name, change.server, change.where, change.requests) for change in report.changes]


def test_listeners_of_both_families_are_one(make: t.Any) -> None:
    probes = [make.probe("http://www.example.com/a", 1), make.probe("http://www.example.com/a", 2, address="::")]
    outcomes = [make.outcome(200, 1), make.outcome(200, 2)]
    worse = [make.outcome(404, 1), make.outcome(404, 2)]
    ways = ["server > location /a"] * 2
    new = SHOP.replace("location /a { return 200; }", "location /a { return 404; }")
    report = make.compare(probes, make.side(SHOP, outcomes, ways), make.side(new, worse, ways))
    assert listed(report) == [("lost", "www.example.com", "location /a", 2)]
    assert report.changes[0].listeners == ("*:80", "[::]:80")
    assert [cause.after.line for cause in report.changes[0].causes] == [8]


def test_the_whole_server_is_said_once(make: t.Any) -> None:
    paths = ["/", "/a", "/b", "/b?x=1"]
    probes = [make.probe(f"http://www.example.com{path}", number) for number, path in enumerate(paths)]
    ways = ["server > location /", "server > location /a", "server > location /b", "server > location /b > if"]
    old = [make.outcome(200, number) for number in range(4)]
    new = [*(make.outcome(410, number) for number in range(3)), make.outcome(200, 3)]
    report = compare(probes, make.side(SHOP, old, ways), make.side(SHOP, new, ways))
    assert listed(report) == [("lost", "www.example.com", "whole server", 3)]


def test_one_cause_is_one_group_over_all_servers(make: t.Any) -> None:
    def text(value: str) -> str:
        servers = "".join(f"server {{ server_name s{n}.test; location / {{ return 200; }} }}" for n in range(20))
        return f'add_header X-Frame-Options "{value}";\n{servers}'.replace('add_header X-Frame-Options "";', "")

    probes = [make.probe(f"http://s{number}.test/", number) for number in range(20)]
    old = [make.outcome(200, number, headers={"X-Frame-Options": "DENY"}) for number in range(20)]
    new = [make.outcome(200, number) for number in range(20)]
    ways = [f"server s{number}.test" for number in range(20)]
    report = make.compare(probes, make.side(text("DENY"), old, ways), make.side(text(""), new, ways))
    assert [(change.name, change.requests, len(change.servers)) for change in report.changes] == [
        ("security-header-removed", 20, 20)
    ]
    assert report.changes[0].causes[0].as_dict()["before"] == {"file": "nginx.conf", "line": 3}
    assert report.changes[0].example.before == ("200 11 bytes, sha256 1754a84f66b0", "X-Frame-Options: DENY")
    assert report.changes[0].example.after[1] == "no X-Frame-Options"


DEFAULT = "server { listen 80 default_server; return 444; }\n"


def test_a_name_that_is_lost_is_one_line(make: t.Any) -> None:
    probes = [make.probe(f"http://www.example.com/{path}", number) for number, path in enumerate(["", "a", "b"])]
    old = [make.outcome(200, number) for number in range(3)]
    new = [make.outcome(None, number, closed="closed") for number in range(3)]
    ways = ["server www > location /", "server www > location /a", "server www > location /b"]
    before = make.side(DEFAULT + SHOP, old, ways)
    after = make.side(DEFAULT, new, ["server"] * 3)
    report = make.compare(probes, before, after)
    assert listed(report) == [("outage", "www.example.com", "server name", 3)]
    assert report.changes[0].notes == ("name lost: www.example.com (was nginx.conf:5), now nginx.conf:3 answers",)


def test_a_typo_in_a_name_is_one_line(make: t.Any) -> None:
    hosts = ["www.example.com", "wwww.example.com"]
    probes = [make.probe(f"http://{host}/{path}", f"{host}{path}") for host in hosts for path in ("", "a", "b")]
    right = ["server www > location /", "server www > location /a", "server www > location /b"]
    typo = [way.replace("www", "wwww") for way in right]
    by_default = ["server"] * 3
    served, dropped = [make.outcome(200)] * 3, [make.outcome(None, closed="closed")] * 3
    before = make.side(DEFAULT + SHOP, served + dropped, right + by_default)
    after = make.side(DEFAULT + SHOP.replace("www.", "wwww."), dropped + served, by_default + typo)
    report = make.compare(probes, before, after)
    assert listed(report) == [("outage", "www.example.com and 1 more", "server name", 6)]
    assert report.changes[0].notes[0].endswith("; name gained: wwww.example.com")
    assert "renamed to wwww.example.com" in report.changes[0].causes[0].line


def test_a_new_server_is_news_whatever_the_default_said(make: t.Any) -> None:
    probes = [make.probe("http://www.example.com/a")]
    old = make.side("server { add_header X-Frame-Options DENY; return 403; }", [make.outcome(403)], ["server"])
    new = make.side(f"server {{ return 403; }} {SHOP}", [make.outcome(200)], ["server www > location /a"])
    assert [change.name for change in make.compare(probes, old, new).changes] == ["new"]


def test_a_new_server_that_fails_is_no_news(make: t.Any) -> None:
    probes = [make.probe("http://www.example.com/a")]
    failed = make.outcome(500, errors=["rewrite or internal redirection cycle"])
    old = make.side("server { return 403; }", [make.outcome(403)], ["server"])
    new = make.side(f"server {{ return 403; }} {SHOP}", [failed], ["server www > location /a"])
    assert [change.name for change in make.compare(probes, old, new).changes] == ["error-introduced"]


def test_a_new_location_is_news(make: t.Any) -> None:
    added = SHOP.replace("location /a {", "location /new { return 200; } location /a {")
    probes = [make.probe("http://www.example.com/new")]
    old = make.side(SHOP, [make.outcome(404)], ["server > location /"])
    new = make.side(added, [make.outcome(200)], ["server > location /new"])
    assert [change.name for change in make.compare(probes, old, new).changes] == ["new"]


def test_another_block_with_the_same_outcome_is_information(make: t.Any) -> None:
    added = SHOP.replace("location /a {", "location /ab { return 200; } location /a {")
    probes = [make.probe("http://www.example.com/ab")]
    old = make.side(SHOP, [make.outcome(200)], ["server > location /a"])
    new = make.side(added, [make.outcome(200)], ["server > location /ab"])
    report = make.compare(probes, old, new)
    assert listed(report) == [("served-by", "www.example.com", "location /a  =>  location /ab", 1)]
    assert report.gate(["critical", "high"]) == []


def test_a_refactoring_is_silent(make: t.Any) -> None:
    moved = SHOP.replace("location /a { return 200; }", "").replace(
        "server {", "server {\n    location /a {\n        return 200;\n    }\n"
    )
    probes = [make.probe("http://www.example.com/a")]
    ways = ["server > location /a"]
    report = make.compare(
        probes, make.side(SHOP, [make.outcome(200)], ways), make.side(moved, [make.outcome(200)], ways)
    )
    assert report.changes == []
    assert report.gate(["info"]) == []


def test_made_up_circumstances_come_below_plain_ones(make: t.Any) -> None:
    fails = {"answers": [{"upstream": "*", "status": 502}]}
    probes = [
        *(make.probe("http://www.example.com/b", number, **fails) for number in range(5)),
        make.probe("http://www.example.com/a", 6),
    ]
    ways = [*["server > location /b"] * 5, "server > location /a"]
    old = [make.outcome(200, number) for number in range(6)]
    new = [make.outcome(502, number) for number in range(6)]
    report = compare(probes, make.side(SHOP, old, ways), make.side(SHOP, new, ways))
    assert [(change.scenario, change.requests) for change in report.changes] == [(False, 1), (True, 5)]
    assert report.changes[1].example.request == "GET http://www.example.com/b while any upstream answers 502"


def accepting(make: t.Any, *entries: dict[str, t.Any]) -> RouteCheckReport:
    probes = [make.probe(f"http://www.example.com/{path}", number) for number, path in enumerate(["a", "b", ""], 1)]
    ways = ["server > location /a", "server > location /b", "server > location /"]
    old = make.side(SHOP, [make.outcome(200, number) for number in range(1, 4)], ways)
    new = make.side(SHOP, [make.outcome(500), make.outcome(500, 2), make.outcome(200, 3)], ways)
    return compare(probes, old, new, accept=map(AcceptEntry.from_json, entries), today=TODAY)


ENTRY = {"class": "error-introduced", "server": "*.example.com", "location": "/a", "until": "2026-11-22"}


def test_an_accepted_change_is_shown_and_does_not_count(make: t.Any) -> None:
    report = accepting(make, ENTRY)
    assert listed(report) == [("error-introduced", "www.example.com", "location /b", 1)]
    assert [change.where for change in report.accepted] == ["location /a"]
    assert report.accepted[0].as_dict()["accepted"]["until"] == "2026-11-22"
    assert len(report.gate()) == 1


@pytest.mark.parametrize(
    "changed",
    [{"until": "2026-11-21"}, {"class": "lost"}, {"server": "api.example.com"}, {"location": "/"}],
    ids=["expired", "class", "server", "location"],
)
def test_what_is_not_accepted(make: t.Any, changed: dict[str, t.Any]) -> None:
    report = accepting(make, {**ENTRY, **changed})
    assert sum(change.requests for change in report.changes) == 2
    assert report.accepted == []
    assert [len(report.accept_expired), len(report.accept_unused)] == ([1, 0] if "until" in changed else [0, 1])


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"class": "wrong"}, 'there is no class "wrong"'),
        ({}, 'there is no class "None"'),
        ({"class": "lost", "until": "soon"}, 'not "soon"'),
        ({"class": "lost", "sever": "a"}, 'there is no "sever"'),
    ],
)
def test_entries_that_cannot_be_read(make: t.Any, entry: dict[str, t.Any], message: str) -> None:
    with pytest.raises(RouteError, match=message):
        accepting(make, entry)


def test_noise_is_not_compared(make: t.Any) -> None:
    probe = make.probe()

    def outcome(number: str, **changed: t.Any) -> t.Any:
        return make.outcome(200, headers={"X-Request-Id": number}, **changed)

    before = ComparedSide([outcome("1")], again=[outcome("2")])
    report = compare([probe], before, [outcome("3")])
    assert report.changes == []
    assert report.as_dict()["noise"] == [{"field": "header x-request-id", "requests": 1, "example": "p1"}]
    assert [c.name for c in compare([probe], before, [outcome("3", body="x")]).changes] == ["file-changed"]


HALF = "split_clients $request_id $half { 50% a; * b; } "
#: A configuration, and what another answer without a change of it is told as: nothing where it is left to chance.
LEFT_TO_CHANCE = {
    "by a part of the clients": (HALF + "server { location / { return 302 /$half; } }", []),
    "by what is made of it": (HALF + "map $half $to { a x; b y; } server { location / { return 302 /$to; } }", []),
    "by a map that reads it in its entries": (
        "map $uri $to { default $msec; } server { location / { return 302 /$to; } }",
        [],
    ),
    "in the server": ("server { set $x $request_id; location / { return 302 /$x; } }", []),
    "somewhere else": (
        HALF + "server { location / { return 302 /a; } location /other { return 302 /$half; } }",
        ["redirect-changed"],
    ),
    "in a header": ("add_header X-Id $request_id; server { location / { return 302 /a; } }", ["redirect-changed"]),
    "of clients as they are": (
        "split_clients $remote_addr $half { 50% a; * b; } server { location / { return 302 /$half; } }",
        ["redirect-changed"],
    ),
    "nowhere": ("server { location / { return 302 /a; } }", ["redirect-changed"]),
}


@pytest.mark.parametrize(("text", "told"), LEFT_TO_CHANCE.values(), ids=LEFT_TO_CHANCE)
def test_what_is_left_to_chance_is_no_change_without_a_cause(make: t.Any, text: str, told: list[str]) -> None:
    def sides(after: str) -> RouteCheckReport:
        return make.compare(
            [make.probe()],
            make.side(text, [make.outcome(302, location="/a")], ["server > location /"]),
            make.side(after, [make.outcome(302, location="/b")], ["server > location /"]),
        )

    same = sides(text)
    assert [change.name for change in same.changes] == told
    assert same.as_dict()["noise"] == ([] if told else [{"field": "location", "requests": 1, "example": "p1"}])
    # Where the block itself is another, it is told whatever it uses.
    changed = sides(text.replace("return 302", "add_header X-New 1; return 302"))
    assert [change.name for change in changed.changes] == ["redirect-changed"]


def test_an_answer_that_varies_is_not_verified(make: t.Any) -> None:
    before = ComparedSide([make.outcome(200)], again=[make.outcome(404)])
    report = compare([make.probe()], before, [make.outcome(404)])
    assert [each.kind for each in report.unverified_changes] == ["unstable"]
    assert report.verdicts == {"verified": 0, "approx": 0, "not-verified": 1}
    assert report.gate(fail_on_unverified=True)[0].name == "not-verified"


def test_an_error_is_told_even_when_it_comes_and_goes(make: t.Any) -> None:
    before = ComparedSide([make.outcome(200)], again=[make.outcome(404)])
    assert [change.name for change in compare([make.probe()], before, [make.outcome(500)]).changes] == [
        "error-introduced"
    ]


def test_coverage_is_counted_by_kind(make: t.Any) -> None:
    probes = [make.probe("http://a/s", 1)]
    side = make.side(SHOP + "map $uri $m { /x 1; /y 2; }", [make.outcome(200)], ["server > location /b > if"])
    coverage = compare(probes, side, side).coverage.as_dict()
    assert coverage["servers"] == {"covered": 1, "total": 1}
    assert coverage["locations"] == {"covered": 1, "total": 3}
    assert coverage["ifs"] == {"covered": 1, "total": 1}
    assert coverage["maps"] == {"covered": 0, "total": 2}
    assert [entry["block"] for entry in coverage["uncovered"][:2]] == ["location /", "location /a"]


def test_a_changed_block_that_nothing_reaches_is_never_silent(make: t.Any) -> None:
    probes = [make.probe("http://www.example.com/a")]
    ways = ["server > location /a"]
    new = SHOP.replace("return 200; }\n}", "return 410; }\n}")
    assert new != SHOP
    report = make.compare(probes, make.side(SHOP, [make.outcome(200)], ways), make.side(new, [make.outcome(200)], ways))
    assert [(each.what, each.reason) for each in report.unverified_changes] == [
        (
            "server www.example.com: location /b: return 200 -> 410",
            "no request ends in a block where it holds",
        )
    ]
    assert report.gate() == []
    assert [guilty.name for guilty in report.gate(fail_on_unverified=True)] == ["not-verified"]


def test_a_change_behind_lua_is_only_approximate(make: t.Any) -> None:
    old = "server { location / { access_by_lua_block { x() } proxy_pass http://a; } }"
    new = old.replace("http://a", "http://b")
    passed = make.outcome(200, upstreams=[make.upstream("http://a")])
    sides = [make.side(text, [passed], ["server > location /"]) for text in (old, new)]
    report = make.compare([make.probe()], *sides)
    assert [each.reason for each in report.unverified_changes] == [
        "requests reach it, but show only approximately what a client gets"
    ]
    assert report.verdicts["approx"] == 1
    assert [(each.what, each.line) for each in report.unverified if each.kind == "limit"] == [("Lua", 3)]


def test_without_traces_nothing_that_changed_is_verified(make: t.Any) -> None:
    new = SHOP.replace("location /a { return 200; }", "location /a { return 204; }")
    report = make.compare(
        [make.probe("http://www.example.com/a")],
        make.side(SHOP, [make.outcome(200)]),
        make.side(new, [make.outcome(204)]),
    )
    # Which block it is, the configuration says.
    assert listed(report) == [("status-changed", "www.example.com", "location /a", 1)]
    assert [each.state for each in report.accounts] == ["shown"]
    quiet = make.compare(
        [make.probe("http://www.example.com/a")],
        make.side(SHOP, [make.outcome(200)]),
        make.side(new, [make.outcome(200)]),
    )
    assert [each.reason for each in quiet.unverified_changes] == ["blocks were not traced"]


def test_stream_and_maps_and_upstreams_have_to_be_reached_too(make: t.Any) -> None:
    old = f"map $uri $m {{ /x 1; }} upstream u {{ server a:80; }} {SHOP}"
    new = old.replace("/x 1;", "/x 2;").replace("a:80", "b:80")
    ways = ["server > location /a"]
    report = make.compare(
        [make.probe("http://www.example.com/a")],
        make.side(old, [make.outcome(200)], ways),
        make.side(new, [make.outcome(200)], ways),
    )
    assert [(each.what, each.reason) for each in report.unverified_changes] == [
        ("map $uri $m: /x 1 -> 2", "no request was found for it"),
        ("upstream u: server a:80 -> b:80", "no request is passed to it"),
    ]


@pytest.mark.parametrize("missing", ["before", "after"])
def test_a_side_without_an_outcome_for_each_request_is_an_error(make: t.Any, missing: str) -> None:
    sides = {"before": [make.outcome()], "after": [make.outcome()], missing: []}
    with pytest.raises(RouteError, match=r"0 outcomes of the .* configuration for 1 request"):
        compare([make.probe()], sides["before"], sides["after"])


class Expectation:
    accept: t.ClassVar[list[AcceptEntry]] = []

    @staticmethod
    def check(_outcomes: t.Any, **_more: t.Any) -> list[ExpectationResult]:
        result = {"file": "routes.yml", "line": 3, "request": "GET http://a/", "probe": "e1.1", "name": "closed"}
        wrong = {"ok": False, "expected": {"status": "403"}, "got": {"status": "200"}, "failed": ("status",)}
        fine = {"ok": True, "expected": {}, "got": {}, "failed": ()}
        return [ExpectationResult(**result, **each) for each in (wrong, fine)]


def test_a_failed_expectation_always_counts(make: t.Any) -> None:
    report = compare([make.probe()], [make.outcome()], [make.outcome()], expectations=Expectation())
    assert report.as_dict()["summary"]["expectations"] == {"passed": 1, "failed": 1}
    assert [guilty.name for guilty in report.gate([])] == ["expectation-failed"]


def many(make: t.Any, number: int) -> tuple[list[t.Any], ComparedSide, ComparedSide]:
    text = "".join(
        f"server {{ server_name s{n}.test; location /a {{ return 200; }} location /b {{ return 200; }} }}\n"
        for n in range(number // 10)
    )
    probes, old, new, ways = [], [], [], []
    for index in range(number):
        server, path = index // 10, "ab"[index % 2]
        probes.append(make.probe(f"http://s{server}.test/{path}", index))
        old.append(make.outcome(200, index))
        new.append(make.outcome(500 if index % 7 == 0 else 200, index))
        ways.append((server, path))
    sides = []
    for outcomes in (old, new):
        side = make.side(text, outcomes, [""] * number)
        marks = list(side.markers)
        side.traced = [
            replace(each, trace=[marks[3 * server], marks[3 * server + (1 if path == "a" else 2)]])
            for each, (server, path) in zip(outcomes, ways, strict=True)
        ]
        side.again = [replace(each) for each in outcomes]
        sides.append(side)
    return probes, *sides


def test_the_same_every_time(make: t.Any) -> None:
    texts = {json.dumps(compare(*many(make, 400)).as_dict(), sort_keys=True) for _unused in range(3)}
    assert len(texts) == 1


def test_large_comparisons_are_quick_and_their_reports_bounded(make: t.Any) -> None:
    probes, old, new = many(make, 30_000)
    began = time.process_time()
    report = compare(probes, old, new)
    spent = time.process_time() - began
    assert report.changed_requests == 4286
    assert spent < 6, spent
    found = report.as_dict()
    assert len(json.dumps(found)) < 1_000_000
    assert found["left_out"]["changes"] == len(report.changes) - 200


def test_one_edit_in_many_servers_is_one_group(make: t.Any) -> None:
    def text(body: str) -> str:
        names = [f"s{number}.test" for number in range(20)]
        return "\n".join(f"server {{ server_name {name}; location /a {{ return 200 {body}; }} }}" for name in names)

    probes = [make.probe(f"http://s{number}.test/a", number) for number in range(20)]
    ways = [f"server s{number}.test" for number in range(20)]
    sides = []
    for body in ("old", "new"):
        side = make.side(text(body), [make.outcome(200, number, body=body) for number in range(20)], ways)
        marks = list(side.markers)
        side.traced = [replace(each, trace=marks[2 * n : 2 * n + 2]) for n, each in enumerate(side.outcomes)]
        sides.append(side)
    changes = make.compare(probes, *sides).changes
    assert [(change.name, change.server, change.requests) for change in changes] == [
        ("file-changed", "s0.test and 19 more", 20)
    ]
    assert (len(changes[0].causes), len(changes[0].as_dict()["cause"])) == (20, 10)


def test_a_name_that_only_one_family_lost_is_lost_there(make: t.Any) -> None:
    """Over IPv4 the same server answers; a client that asks over IPv6 meets the default server."""
    probes = [make.probe("http://www.example.com/a", 1), make.probe("http://www.example.com/a", 2, address="::")]
    old = make.side(DEFAULT + SHOP, [make.outcome(200), make.outcome(200)], ["server www > location /a"] * 2)
    gone = SHOP.replace("listen [::]:80;", "")
    outcomes = [make.outcome(200), make.outcome(None, closed="closed")]
    new = make.side(DEFAULT + gone, outcomes, ["server www > location /a", "server"])
    changes = make.compare(probes, old, new).changes
    assert [(change.name, change.scope, change.listeners) for change in changes] == [("lost", "name", ("[::]:80",))]


def test_a_rewrite_is_blamed_for_the_paths_that_it_matches_only(make: t.Any) -> None:
    text = "server { server_name a; rewrite ^/p /a last; location /a { return 200; } location /b { return 200; } }"
    new = text.replace("^/p /a", "^/p /b").replace("location /b { return 200", "location /b { return 410")
    probes = [make.probe(f"http://a/{path}", number) for number, path in enumerate("pba", 1)]
    a, b = "server > location /a", "server > location /b"
    old_side = make.side(text, [make.outcome(200)] * 3, [a, b, a])
    new_side = make.side(new, [make.outcome(410), make.outcome(410), make.outcome(200)], [b, b, a])
    changes = make.compare(probes, old_side, new_side).changes
    blamed = {change.example.request: [cause.line for cause in change.causes] for change in changes}
    assert len(blamed["GET http://a/p"]) == 2
    assert [("rewrite" in line) for line in blamed["GET http://a/b"]] == [False]


def test_a_part_of_the_causes_is_no_group_of_its_own(make: t.Any) -> None:
    text = "server { server_name a; rewrite ^/p /a last; location / { return 200; } location /a { return 200; } }"
    new = text.replace("^/p /a", "^/p /b").replace("location /a {", "location /b { return 410; } location /a {")
    probes = [make.probe("http://a/p", 1), make.probe("http://a/b", 2)]
    old_side = make.side(text, [make.outcome(200)] * 2, ["server > location /"] * 2)
    new_side = make.side(new, [make.outcome(410)] * 2, ["server > location /b"] * 2)
    changes = make.compare(probes, old_side, new_side).changes
    assert [(change.requests, len(change.causes)) for change in changes] == [(2, 2)]


def test_without_a_rewrite_that_fits_another_change_is_blamed(make: t.Any) -> None:
    text = "server { server_name a; rewrite ^/p /x last; location /b { return 200; } }"
    new = text.replace("^/p /x", "^/p /y").replace("/b {", "/b { add_header X-A 1;")
    sides = [
        make.side(each, [make.outcome(status)], ["server > location /b"]) for each, status in ((text, 200), (new, 410))
    ]
    changes = make.compare([make.probe("http://a/b")], *sides).changes
    assert ["X-A" in cause.line for cause in changes[0].causes] == [True]


def test_what_only_redirects_lead_to_counts_with_its_url(make: t.Any) -> None:
    hop = {"url": "http://www.example.com/", "status": 301}
    urls = ("http://www.example.com/a", "http://www.example.com/", "http://www.example.com/b")
    probes = [make.probe(url, number) for number, url in enumerate(urls, 1)]
    ways = ["server > location /a", "server > location /", "server > location /b"]
    sides = []
    for status in (200, 500):
        hops = [hop, {"url": "http://www.example.com/a", "status": status}]
        through = make.outcome(301, 2, location="/a", chain="final", hops=hops)
        sides.append(make.side(SHOP, [make.outcome(status, 1), through, make.outcome(200, 3)], ways))
    assert listed(compare(probes, *sides)) == [("error-introduced", "www.example.com", "location /a", 2)]
    # Without a request for the URL itself, the redirect shows the change.
    for side in sides:
        side.outcomes, side.traced = side.outcomes[1:], side.traced[1:]
    report = compare(probes[1:], *(ComparedSide(s.outcomes, s.config, s.markers, s.traced) for s in sides))
    assert listed(report) == [("error-introduced", "www.example.com", "location /", 1)]


def test_the_same_error_behind_a_redirect_is_no_group_of_its_own(make: t.Any) -> None:
    cycle = "rewrite or internal redirection cycle"
    hop = {"url": "http://www.example.com/", "status": 301}
    urls = ("http://www.example.com/a", "http://www.example.com/", "http://www.example.com/b")
    probes = [make.probe(url, number) for number, url in enumerate(urls, 1)]
    ways = ["server > location /a", "server > location /", "server > location /b"]
    sides = []
    for status, errors in ((200, []), (500, [cycle])):
        hops = [hop, {"url": "http://www.example.com/a/deep", "status": status, "errors": errors}]
        through = make.outcome(301, 2, location="/a/deep", chain="final", hops=hops)
        outcomes = [make.outcome(status, 1, errors=errors), through, make.outcome(200, 3)]
        sides.append(make.side(SHOP, outcomes, ways))
    assert listed(compare(probes, *sides)) == [("error-introduced", "www.example.com", "location /a", 2)]


def test_counters_are_another_every_time(make: t.Any) -> None:
    text = "server { location /status { stub_status; } }"
    sides = [make.side(text, [make.outcome(200, body=body)], ["server > location"]) for body in ("1", "2")]
    assert compare([make.probe("http://a/status")], *sides).changes == []


def test_a_rate_limit_leaves_a_block_verified(make: t.Any) -> None:
    text = "server { location / { limit_req zone=a; return 200; } }"
    sides = [
        make.side(each, [make.outcome(200, body=each)], ["server > location /"])
        for each in (text, text.replace("200", "200 x"))
    ]
    report = make.compare([make.probe()], *sides)
    assert report.unverified_changes == []
    assert [each.what for each in report.unverified] == ["rate limits"]


def test_the_first_configuration_of_a_host_is_news(make: t.Any) -> None:
    probes = [make.probe("http://www.example.com/a", 1), make.probe("http://www.example.com/b", 2)]
    nothing = ComparedSide([make.outcome(None, closed="refused")] * 2)
    failed = make.outcome(500, errors=["rewrite or internal redirection cycle"])
    first = make.side(SHOP, [make.outcome(200), failed], ["server > location /a", "server > location /b"])
    report = compare(probes, nothing, first)
    assert [(change.name, change.after_block) for change in report.changes] == [
        ("error-introduced", "location /b"),
        ("new", "location /a"),
    ]
    assert report.coverage.covered == 3
