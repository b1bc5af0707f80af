# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The account of each change: a block that was merely passed proves nothing, a witness does."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison import RouteCheckReport, Witnessed

if t.TYPE_CHECKING:
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison import ChangeAccount

UPSTREAMS: t.Final = "upstream app { server 10.0.0.1:80; } upstream other { server 10.0.0.9:80; }"
#: What a request got, the blocks on its way, the old configuration, what becomes of it, the state and kind or reason.
CASES: t.Final[dict[str, tuple[dict[str, t.Any], str, str, tuple[str, str], str, str]]] = {
    "a header where it holds": (
        {},
        "server > location /",
        "server { add_header X 1; location / { return 200; } }",
        ("X 1", "X 2"),
        "without-effect",
        "",
    ),
    "a header that a nested list hides": (
        {},
        "server > location /",
        "server { add_header X 1; location / { add_header Y 1; return 200; } }",
        ("X 1", "X 2"),
        "not-exercised",
        "no request ends in a block where it holds",
    ),
    "a header of refusals only": (
        {"status": 404},
        "server > location /",
        "server { location / { add_header X 1; return 404; } }",
        ("X 1", "X 2"),
        "not-exercised",
        "no request that ends where it holds gets a status for which nginx adds headers",
    ),
    "a header of every answer": (
        {"status": 404},
        "server > location /",
        "server { location / { add_header X 1 always; return 404; } }",
        ("X 1", "X 2"),
        "without-effect",
        "",
    ),
    "a block that was passed on the way": (
        {},
        "server > location /a > location /b",
        "server { location /a { rewrite ^ /b last; return 200; } location /b { return 201; } }",
        ("return 200", "return 204"),
        "not-exercised",
        "no request ends in a block where it holds",
    ),
    "a password on the way": (
        {},
        "server > location /a > location /b",
        "server { location /a { auth_request /x; error_page 404 /b; } location /b { return 200; } }",
        ("auth_request /x", "auth_request /y"),
        "without-effect",
        "",
    ),
    "what a branch inherits": (
        {},
        "server > location / > if",
        "server { location / { return 200; if ($arg_x) { add_header X 1; } } }",
        ("return 200", "return 204"),
        "without-effect",
        "",
    ),
    "an upstream that is not asked": (
        {},
        "server > location /",
        f"{UPSTREAMS} server {{ location / {{ if ($arg_x) {{ return 200; }} proxy_pass http://app; }} }}",
        ("http://app", "http://other"),
        "not-exercised",
        "no request that ends where it holds is passed on",
    ),
    "a peer that is not asked": (
        {"upstreams": ["http://10.0.0.1:80"]},
        "server > location /",
        f"{UPSTREAMS} server {{ location / {{ proxy_pass http://app; }} }}",
        ("10.0.0.9:80", "10.0.0.8:80"),
        "not-exercised",
        "no request is passed to it",
    ),
    "the share of a peer": (
        {"upstreams": ["http://10.0.0.1:80"]},
        "server > location /",
        f"{UPSTREAMS} server {{ location / {{ proxy_pass http://app; }} }}",
        ("10.0.0.1:80", "10.0.0.1:80 weight=5"),
        "not-visible",
        "balancing",
    ),
    "a folder that is looked into": (
        {"status": 404, "errors": ['open() "/srv/x" failed (2: No such file or directory)']},
        "server > location /",
        "server { root /srv; location / { } }",
        ("/srv", "/srv/."),
        "without-effect",
        "",
    ),
    "a folder that is not looked into": (
        {},
        "server > location /",
        "server { root /srv; location / { return 200; } }",
        ("/srv", "/opt"),
        "not-exercised",
        "no request that ends where it holds looks for a file",
    ),
    "a header that depends on the request": (
        {"upstreams": ["http://10.0.0.1:80"]},
        "server > location /",
        f"{UPSTREAMS} server {{ location / {{ proxy_set_header X $http_a; proxy_pass http://app; }} }}",
        ("$http_a", "$http_b"),
        "not-exercised",
        "no request was found for it",
    ),
    "a map": (
        {},
        "server > location /",
        "map $uri $m { /x 1; } server { location / { return 200; } }",
        ("/x 1", "/x 2"),
        "not-exercised",
        "no request was found for it",
    ),
    "a log": (
        {},
        "server > location /",
        "server { location / { access_log /a.log; return 200; } }",
        ("/a.log", "/b.log"),
        "not-visible",
        "logging",
    ),
    "a time limit": (
        {},
        "server > location /",
        "server { location / { proxy_read_timeout 1s; return 200; } }",
        ("1s", "2s"),
        "not-visible",
        "timeouts",
    ),
    "a directive of another module": (
        {},
        "server > location /",
        "server { location / { lua_code_cache on; return 200; } }",
        ("cache on", "cache off"),
        "not-exercised",
        "a directive of another module",
    ),
    "a whole location": (
        {},
        "server > location /",
        "server { location / { return 200; } }",
        ("} }", "} location /new { return 200; } }"),
        "not-exercised",
        "no request was found for it",
    ),
}


def account(make: t.Any, case: str, **more: t.Any) -> ChangeAccount:
    got, way, old, (was, now), _state, _why = CASES[case]
    got = {**got, "upstreams": [make.upstream(each) for each in got.get("upstreams", ())]}
    outcome = make.outcome(**got)
    assert was in old
    sides = [make.side(text, [outcome], [way]) for text in (old, old.replace(was, now, 1))]
    report: RouteCheckReport = make.compare([make.probe()], *sides, **more)
    (found,) = report.accounts
    return found


@pytest.mark.parametrize("case", CASES)
def test_what_is_said_of_a_change_that_no_request_shows(make: t.Any, case: str) -> None:
    found = account(make, case)
    *_unused, state, why = CASES[case]
    assert (found.state, found.kind or found.reason) == (state, why)
    assert found.witnesses == (("p1",) if state == "without-effect" else ())


def test_a_request_that_was_made_for_a_change_is_a_witness(make: t.Any) -> None:
    found = account(make, "a map", witnessed=Witnessed({0: ["p1"]}))
    assert (found.state, found.witnesses) == ("without-effect", ("p1",))


def test_the_plan_says_why_there_is_no_witness(make: t.Any) -> None:
    found = account(make, "a map", witnessed=Witnessed({}, {0: "its regular expression is too large"}))
    assert (found.state, found.reason) == ("not-exercised", "its regular expression is too large")


@pytest.mark.parametrize(
    ("got", "state"),
    [
        ({"status": 200, "headers": [["Last-Modified", "x"]]}, "not-exercised"),
        ({"status": 404}, "not-exercised"),
        ({"status": 403}, "without-effect"),
        ({"status": 200}, "without-effect"),
    ],
    ids=["an index page", "no folder", "a folder without an index page", "a listing"],
)
def test_a_listing_of_folders_is_proved_by_a_folder(make: t.Any, got: dict[str, t.Any], state: str) -> None:
    """An index page says nothing of the folders that have none."""
    sides = [
        make.side(f"server {{ location / {{ autoindex {each}; }} }}", [make.outcome(**got)], ["server > location /"])
        for each in ("off", "on")
    ]
    (found,) = make.compare([make.probe()], *sides, witnessed=Witnessed({0: ["p1"]})).accounts
    assert found.state == state


@pytest.mark.parametrize(("upstreams", "state"), [([], "not-exercised"), (["http://10.0.0.1:80"], "without-effect")])
def test_compression_is_proved_by_what_an_upstream_sends(make: t.Any, upstreams: list[str], state: str) -> None:
    """A file has one type and one length, and the types that a directive names are others."""
    got = make.outcome(upstreams=[make.upstream(each) for each in upstreams])
    sides = [
        make.side(f"server {{ gzip on; gzip_types {each}; location / {{ }} }}", [got], ["server > location /"])
        for each in ("text/css application/json", "text/css")
    ]
    (found,) = make.compare([make.probe()], *sides, witnessed=Witnessed({0: ["p1"]})).accounts
    assert found.state == state


def two(make: t.Any, first: str, second: str, *, ids: tuple[str, str]) -> RouteCheckReport:
    """Change two maps; requests with these ids get another answer."""
    text = "map $uri $a { /x 1; } map $uri $b { /y 1; } server { location / { return 200; } }"
    new = text.replace("/x 1", f"/x {first}").replace("/y 1", f"/y {second}")
    probes = [make.probe(f"http://a.test/{number}", number, id=each) for number, each in enumerate(ids)]
    ways = ["server > location /"] * 2
    sides = [
        make.side(text, [make.outcome(200), make.outcome(200)], ways),
        make.side(new, [make.outcome(200), make.outcome(404)], ways),
    ]
    return make.compare(probes, *sides, witnessed=Witnessed({0: [ids[0]], 1: [ids[1]]}))


def test_a_witness_whose_outcome_changed_shows_its_change(make: t.Any) -> None:
    report = two(make, "2", "3", ids=("w1", "w2"))
    assert [each.state for each in report.accounts] == ["without-effect", "shown"]
    assert [cause.line for group in report.changes for cause in group.causes] == ["map $uri $b: /y 1 -> 3"]
    assert [(each.name, each.where) for each in report.accounts[1].groups] == [("lost", "location /")]
    assert report.as_dict()["accounting"][1]["groups"] == [
        {"class": "lost", "server": report.changes[0].server, "where": "location /"}
    ]


def test_a_witness_that_changed_with_others_has_their_cause(make: t.Any) -> None:
    text = "map $uri $a { /x 1; } server { location / { return 200; } }"
    new = text.replace("/x 1", "/x 2").replace("return 200", "return 404")
    probes = [make.probe("http://a.test/", 1), make.probe("http://a.test/x", 2, id="w1")]
    ways = ["server > location /"] * 2
    sides = [
        make.side(each, [make.outcome(status), make.outcome(status)], ways)
        for each, status in ((text, 200), (new, 404))
    ]
    report = make.compare(probes, *sides, witnessed=Witnessed({0: ["w1"]}))
    assert [[cause.line for cause in group.causes] for group in report.changes] == [
        ["server *:80: location /: return 200 -> 404"]
    ]
    assert [each.state for each in report.accounts] == ["shown", "shown"]


def test_each_server_has_its_own_account(make: t.Any) -> None:
    text = "".join(f"server {{ server_name {name}; location / {{ add_header X 1; return 200; }} }}\n" for name in "ab")
    config = make.config(text)
    assert list(config.walk())
    new = text.replace("X 1", "X 2")
    ways = ["server a > location /"]
    report = make.compare(
        [make.probe("http://a/")],
        make.side(text, [make.outcome(200)], ways),
        make.side(new, [make.outcome(200)], ways),
    )
    assert [each.state for each in report.accounts] == ["without-effect", "not-exercised"]


def test_counts_and_gate(make: t.Any) -> None:
    text = "server { location / { access_log off; add_header X 1; return 200; } location /b { return 200 b; } }"
    new = text.replace("log off", "log /a").replace("X 1", "X 2").replace("200 b", "200 c")
    ways = ["server > location /"]
    report = make.compare(
        [make.probe()], make.side(text, [make.outcome(200)], ways), make.side(new, [make.outcome(200)], ways)
    )
    assert report.as_dict()["summary"]["accounting"] == {
        "changes": 3,
        "shown": 0,
        "without-effect": 1,
        "not-visible": 1,
        "not-exercised": 1,
    }
    assert report.unobserved == 3
    assert [each.what for each in report.unverified_changes] == ["server *:80: location /b: return 200 b -> c"]
    assert [guilty.name for guilty in report.gate(fail_on_unverified=True)] == ["not-verified"]
