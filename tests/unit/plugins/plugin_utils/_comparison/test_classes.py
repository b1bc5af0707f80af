# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One request, before and after: which class of change it is."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison import CLASSES, guilty_classes
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing import RouteError

CYCLE = 'rewrite or internal redirection cycle while processing "/product/item/item"'
MISSING = 'open() "/var/www/secret" failed (2: No such file or directory)'
NO_INDEX = 'directory index of "/srv/admin/" is forbidden'
OTHER: t.Final = MISSING.replace("/var/www/", "/var/other/")
REFUSED: t.Final = {"status": None, "closed": "refused"}
DROPPED: t.Final = {"status": None, "closed": "closed"}

#: What a stub that was told to be down leaves.
DOWN: t.Final = {
    "target": "unknown://127.0.0.1:8080", "protocol": "unknown", "address": "127.0.0.1:8080", "method": "", "uri": "",
    "headers": [], "params": {}, "status": None,
}  # fmt: skip

ASKED: t.Final = {**DOWN, "target": "http://127.0.0.1:8080", "protocol": "http", "status": 200}

# What was, what is, and the classes of the change.
CASES: dict[str, tuple[dict[str, t.Any], dict[str, t.Any], list[str]]] = {
    "nothing": ({}, {}, []),
    "an internal cycle": ({}, {"status": 500, "errors": [CYCLE]}, ["error-introduced"]),
    "maintenance": ({}, {"status": 503}, ["error-introduced"]),
    "a redirect that fails now": ({"status": 301, "location": "/a"}, {"status": 502}, ["error-introduced"]),
    "an error was there before": ({"status": 502}, {"status": 504}, ["status-changed"]),
    "an error is gone": ({"status": 500}, {}, ["status-changed"]),
    "444 became an error": (DROPPED, {"status": 500, "errors": [CYCLE]}, ["error-introduced"]),
    "a new listener that is told to say 503": (REFUSED, {"status": 503}, ["new"]),
    "a new listener that fails": (REFUSED, {"status": 500, "errors": [CYCLE]}, ["error-introduced"]),
    "a new listener whose upstream is down": (REFUSED, {"status": 502, "upstreams": [DOWN]}, ["new"]),
    "an upstream that is down where none was asked": (
        {"status": 404},
        {"status": 502, "upstreams": [DOWN]},
        ["status-changed"],
    ),
    "an upstream that is down and was covered for": (
        {"upstreams": [DOWN]},
        {"status": 502, "upstreams": [DOWN]},
        ["error-introduced"],
    ),
    "a loop": (
        {"status": 301, "location": "/a", "chain": "final"},
        {"status": 301, "location": "/b", "chain": "loop"},
        ["redirect-loop"],
    ),
    "redirects without end": (
        {"status": 301, "location": "/a", "chain": "final"},
        {"status": 301, "location": "/a", "chain": "too-long"},
        ["redirect-loop"],
    ),
    "a loop that was there before": (
        {"status": 301, "location": "/a", "chain": "loop"},
        {"status": 301, "location": "/a", "chain": "loop"},
        [],
    ),
    "401 is served": ({"status": 401}, {}, ["access-widened"]),
    "403 is served": ({"status": 403}, {"status": 204}, ["access-widened"]),
    "403 passes to a file that is not there": (
        {"status": 403},
        {"status": 404, "errors": [MISSING]},
        ["access-widened"],
    ),
    "a folder without an index is reached": (
        {"status": 403, "errors": ["access forbidden by rule"]},
        {"status": 403, "errors": [NO_INDEX]},
        ["access-widened"],
    ),
    "a folder without an index is looked for elsewhere": (
        {"status": 403, "errors": [NO_INDEX]},
        {"status": 404, "errors": [MISSING]},
        ["status-changed"],
    ),
    "a folder without an index has one": (
        {"status": 403, "errors": [NO_INDEX]},
        {"headers": [["Last-Modified", "Sun, 13 Sep 2020 12:26:40 GMT"]]},
        ["status-changed"],
    ),
    "a folder without an index is the application's": (
        {"status": 403, "errors": [NO_INDEX]},
        {"upstreams": [ASKED]},
        ["status-changed"],
    ),
    "a folder without an index is listed": (
        {"status": 403, "errors": [NO_INDEX]},
        {"headers": [["Content-Type", "text/html"]]},
        ["access-widened"],
    ),
    "a password file that is not there refuses": (
        {"status": 403, "errors": ["access forbidden by rule"]},
        {"status": 403, "errors": ['open() "/etc/nginx/users" failed (2: No such file or directory)']},
        ["file-changed"],
    ),
    "403 became a plain 404": ({"status": 403}, {"status": 404}, ["status-changed"]),
    "403 became 401": ({"status": 403}, {"status": 401}, ["status-changed"]),
    "403 became a redirect to the login": ({"status": 403}, {"status": 302, "location": "/login"}, ["status-changed"]),
    "a 404 that is logged as a missing file now, or is no more": (
        {"status": 404},
        {"status": 404, "errors": [MISSING]},
        [],
    ),
    "another file is missing": (
        {"status": 404, "errors": [OTHER]},
        {"status": 404, "errors": [MISSING]},
        ["file-changed"],
    ),
    "a style sheet as text": (
        {"headers": [["Content-Type", "text/css"]]},
        {"headers": [["Content-Type", "text/plain"]]},
        ["content-type-changed"],
    ),
    "a charset is added to a type": (
        {"headers": [["Content-Type", "text/html"]]},
        {"headers": [["Content-Type", "text/html; charset=utf-8"]]},
        ["headers-changed"],
    ),
    "an upstream's own type": (
        {"headers": [["Content-Type", "text/css"]], "upstreams": [ASKED]},
        {"headers": [["Content-Type", "text/plain"]], "upstreams": [ASKED]},
        ["headers-changed"],
    ),
    "404 where content was": ({}, {"status": 404}, ["lost"]),
    "no listener": ({}, REFUSED, ["lost"]),
    "no listener for what was an error": ({"status": 502}, REFUSED, ["status-changed"]),
    "no certificate": ({}, {"status": None, "closed": "tls: handshake failure"}, ["lost"]),
    "dropped": ({}, DROPPED, ["lost"]),
    "from nothing to nothing": (REFUSED, {"status": None, "closed": "tls: unrecognized name"}, []),
    "from nothing to a dropped connection": (REFUSED, DROPPED, ["new"]),
    "a new listener": (REFUSED, {}, ["new"]),
    "a file that is there now": ({"status": 404, "errors": [MISSING]}, {}, ["new"]),
    "a refusal as 404 is gone": ({"status": 404}, {}, ["status-changed"]),
    "permanent": ({"status": 302, "location": "/a"}, {"status": 301, "location": "/a"}, ["status-changed"]),
    "a page became a redirect": ({}, {"status": 301, "location": "/a"}, ["status-changed"]),
    "elsewhere": ({"status": 301, "location": "/a"}, {"status": 301, "location": "/b"}, ["redirect-changed"]),
    "another body": ({}, {"body": "other"}, ["file-changed"]),
    "refused where it was served": ({}, {"status": 403}, ["lost"]),
    "a bad request where it was served": ({}, {"status": 400}, ["lost"]),
    "gone where a redirect was": ({"status": 302, "location": "/a"}, {"status": 410}, ["lost"]),
    "a password where it was public": ({}, {"status": 401}, ["auth-added"]),
    "a login page where it was public": (
        {},
        {"status": 302, "location": "https://a/oauth2/start?rd=/"},
        ["auth-added"],
    ),
    "a page of authors": ({}, {"status": 302, "location": "/authors/"}, ["status-changed"]),
    "a refusal has another status": ({"status": 401}, {"status": 403}, ["status-changed"]),
    "a missing page is refused": ({"status": 404}, {"status": 403}, ["status-changed"]),
    "an error without its frame options": (
        {"status": 404, "headers": {"X-Frame-Options": "DENY"}},
        {"status": 404},
        ["headers-changed"],
    ),
    "a refusal without HSTS": (
        {"status": 403, "headers": {"Strict-Transport-Security": "max-age=1"}},
        {"status": 403},
        ["headers-changed"],
    ),
    "a rule still refuses, its page is missing": (
        {"status": 403, "errors": ["access forbidden by rule"]},
        {"status": 404, "errors": ["access forbidden by rule", MISSING]},
        ["status-changed"],
    ),
    "another redirect page": (
        {"status": 301, "location": "/a"},
        {"status": 301, "location": "/a", "body": "other"},
        ["headers-changed"],
    ),
    "a header": ({}, {"headers": {"X-Cache": "1"}}, ["headers-changed"]),
    "HSTS is gone": ({"headers": {"Strict-Transport-Security": "max-age=1"}}, {}, ["security-header-removed"]),
    "HSTS is taken back": (
        {"headers": {"Strict-Transport-Security": "max-age=1"}},
        {"headers": {"Strict-Transport-Security": "max-age=0; includeSubDomains"}},
        ["security-header-removed"],
    ),
    "HSTS is shorter": (
        {"headers": {"Strict-Transport-Security": "max-age=31536000"}},
        {"headers": {"Strict-Transport-Security": "max-age=01"}},
        ["headers-changed"],
    ),
    "errors carry no headers": (
        {"headers": {"Content-Security-Policy": "default-src 'self'"}},
        {"status": 500},
        ["error-introduced"],
    ),
    "a redirect needs no frame options": (
        {"headers": {"X-Frame-Options": "DENY"}},
        {"status": 301, "location": "/a"},
        ["status-changed"],
    ),
    "a redirect needs HSTS": (
        {"headers": {"Strict-Transport-Security": "max-age=1"}},
        {"status": 301, "location": "/a"},
        ["security-header-removed", "status-changed"],
    ),
    "CSP in place of X-Frame-Options": (
        {"headers": {"X-Frame-Options": "DENY"}},
        {"headers": {"Content-Security-Policy": "frame-ancestors 'none'"}},
        ["headers-changed"],
    ),
    "the end of a chain fails": (
        {
            "status": 301,
            "location": "/a",
            "hops": [{"url": "http://x/", "status": 301}, {"url": "http://x/a", "status": 200}],
        },
        {
            "status": 301,
            "location": "/a",
            "hops": [{"url": "http://x/", "status": 301}, {"url": "http://x/a", "status": 500}],
        },
        ["error-introduced"],
    ),
    "the end of a chain is lost": (
        {
            "status": 301,
            "location": "/a",
            "hops": [{"url": "http://x/", "status": 301}, {"url": "http://x/a", "status": 200}],
        },
        {
            "status": 301,
            "location": "/a",
            "hops": [{"url": "http://x/", "status": 301}, {"url": "http://x/a", "status": 404}],
        },
        ["lost"],
    ),
}


@pytest.mark.parametrize(("before", "after", "expected"), CASES.values(), ids=CASES)
def test_outcomes(make: t.Any, before: dict[str, t.Any], after: dict[str, t.Any], expected: list[str]) -> None:
    assert make.classes(make.outcome(**before), make.outcome(**after)) == expected


# Requests to upstreams, before and after.
UPSTREAMS: dict[str, tuple[list[dict[str, t.Any]], list[dict[str, t.Any]], list[str]]] = {
    "same": ([{}], [{}], []),
    "another address of the same name": ([{"address": "198.18.0.3:1"}], [{"address": "198.18.0.9:1"}], []),
    "another target": ([{}], [{"target": "http://other:8080"}], ["upstream-changed"]),
    "https": ([{}], [{"target": "https://app:8080"}], ["upstream-changed"]),
    "another path": ([{"uri": "/v1/a"}], [{"uri": "/a"}], ["upstream-changed"]),
    "none": ([{}], [], ["upstream-changed"]),
    "another host": ([{}], [{"headers": [["Host", "app:8080"]]}], ["upstream-headers-changed"]),
    "other order of headers": (
        [{"headers": [["A", "1"], ["B", "2"]]}],
        [{"headers": [["B", "2"], ["a", "1"]]}],
        [],
    ),
    "a parameter": ([{"params": {"HTTPS": "on"}}], [{"params": {}}], ["upstream-headers-changed"]),
    "the script": (
        [{"params": {"SCRIPT_FILENAME": "/srv/a.php"}}],
        [{"params": {"SCRIPT_FILENAME": "/srv/b.php"}}],
        ["file-changed"],
    ),
    "the client's port": ([{"params": {"REMOTE_PORT": "1"}}], [{"params": {"REMOTE_PORT": "2"}}], []),
}


@pytest.mark.parametrize(("before", "after", "expected"), UPSTREAMS.values(), ids=UPSTREAMS)
def test_upstreams(make: t.Any, before: list[t.Any], after: list[t.Any], expected: list[str]) -> None:
    old, new = ([make.upstream(**each) for each in side] for side in (before, after))
    assert make.classes(make.outcome(upstreams=old), make.outcome(upstreams=new)) == expected


def test_a_refusal_that_reaches_an_upstream_is_gone_whatever_that_answers(make: t.Any) -> None:
    new = make.outcome(404, upstreams=[make.upstream(status=404)])
    assert make.classes(make.outcome(403), new) == ["access-widened"]


AUTH = "location /app { auth_request /auth; proxy_pass http://app:8080; }\n"
CHECK = "location = /auth { proxy_pass http://auth:9000/verify; }"


def test_content_without_its_authorisation(make: t.Any) -> None:
    ask, app = make.upstream("http://auth:9000", "/verify"), make.upstream(uri="/app")
    before = make.side(f"server {{ {AUTH} {CHECK} }}", [make.outcome(upstreams=[ask, app])])
    after = make.side(
        f"server {{ {AUTH.replace('auth_request /auth;', '')} {CHECK} }}", [make.outcome(upstreams=[app])]
    )
    changes = make.compare([make.probe("http://a/app")], before, after).changes
    assert [change.name for change in changes] == ["auth-subrequest-removed"]
    assert "auth_request" in changes[0].causes[0].line


def test_content_without_its_authorisation_that_a_prefix_answers(make: t.Any) -> None:
    location = "location /app { auth_request /api/me; proxy_pass http://app:8080; } location /api/ { proxy_pass http://$pool; }"
    ask, app = make.upstream("http://10.0.0.1:80", "/api/me"), make.upstream(uri="/app")
    before = make.side(f"server {{ {location} }}", [make.outcome(upstreams=[ask, app])])
    config = f"server {{ {location.replace('auth_request /api/me;', '')} }}"
    probes = [make.probe("http://a/app")]
    lost = make.compare(probes, before, make.side(config, [make.outcome(upstreams=[app])])).changes
    assert [change.name for change in lost] == ["auth-subrequest-removed"]
    elsewhere = make.upstream("http://10.0.0.1:80", "/api/who")
    moved = make.compare(probes, before, make.side(config, [make.outcome(upstreams=[elsewhere, app])])).changes
    assert [change.name for change in moved] == ["upstream-changed"]


def test_peers_of_one_upstream_take_turns(make: t.Any) -> None:
    text = "upstream u { server a:80; server b; } server { location / { proxy_pass http://u; } }"
    old, new = (
        make.outcome(upstreams=[make.upstream("http://a:80")]),
        make.outcome(upstreams=[make.upstream("http://b:80")]),
    )
    assert make.compare([make.probe()], make.side(text, [old]), make.side(text, [new])).changes == []
    other = text.replace("server b;", "")
    assert make.compare([make.probe()], make.side(other, [old]), make.side(other, [new])).changes != []


def test_asking_the_next_peer_is_no_other_upstream(make: t.Any) -> None:
    text = "upstream u { server a:80; server b:80; } server { location / { proxy_pass http://u; } }"
    a, b = make.upstream("http://a:80"), make.upstream("http://b:80")
    before, after = make.side(text, [make.outcome(upstreams=[a, b])]), make.side(text, [make.outcome(upstreams=[b])])
    assert make.compare([make.probe()], before, after).changes == []


DATE = "Sun, 22 Nov 2026 10:00:00 GMT"
# Headers that differ from one second, or one file, to the next.
VOLATILE: dict[str, tuple[dict[str, str], dict[str, str], list[str]]] = {
    "the time": ({"Date": DATE}, {"Date": "Sun, 22 Nov 2026 10:00:09 GMT"}, []),
    "the file's version": ({"ETag": '"1"', "Last-Modified": DATE}, {"ETag": '"2"', "Last-Modified": "x"}, []),
    "no version any more": ({"ETag": '"1"'}, {}, ["headers-changed"]),
    "a tick": (
        {"Date": DATE, "Expires": "Sun, 22 Nov 2026 11:00:00 GMT"},
        {"Date": "Sun, 22 Nov 2026 10:00:05 GMT", "Expires": "Sun, 22 Nov 2026 11:00:06 GMT"},
        [],
    ),
    "another age": (
        {"Date": DATE, "Expires": "Sun, 22 Nov 2026 11:00:00 GMT"},
        {"Date": DATE, "Expires": "Sun, 22 Nov 2026 12:00:00 GMT"},
        ["headers-changed"],
    ),
    "a lifetime until an hour": (
        {"Expires": "Sun, 22 Nov 2026 15:00:00 GMT", "Date": DATE, "Cache-Control": "max-age=18000"},
        {
            "Expires": "Sun, 22 Nov 2026 15:00:00 GMT",
            "Date": "Sun, 22 Nov 2026 10:00:01 GMT",
            "Cache-Control": "max-age=17999",
        },
        [],
    ),
    "another lifetime": ({"Cache-Control": "max-age=18000"}, {"Cache-Control": "max-age=17999"}, ["headers-changed"]),
    "when it was": ({"X-T": "t=1795342801.123"}, {"X-T": "t=1795342802.001"}, []),
    "when it was, for people": ({"X-T": "2026-11-22T10:00:00+00:00"}, {"X-T": "2026-11-22T10:00:01+00:00"}, []),
    "no time": ({"X-T": "2026-11-22T10:00:00+00:00"}, {"X-T": "2026-11-22"}, ["headers-changed"]),
    "no date at all": ({"Expires": "0"}, {"Expires": "-1"}, ["headers-changed"]),
}


@pytest.mark.parametrize(("before", "after", "expected"), VOLATILE.values(), ids=VOLATILE)
def test_what_differs_by_itself(
    make: t.Any, before: dict[str, str], after: dict[str, str], expected: list[str]
) -> None:
    assert make.classes(make.outcome(headers=before), make.outcome(headers=after)) == expected


@pytest.mark.parametrize(
    ("words", "number"),
    [(["critical"], 8), (["critical", "high"], 19), (["lost"], 1), (["none"], 0), ([], 0), (["info", "new"], 4)],
)
def test_words_of_the_gate(words: list[str], number: int) -> None:
    assert len(guilty_classes(words)) == number


def test_a_word_that_the_gate_does_not_know() -> None:
    with pytest.raises(RouteError, match='"critcal" is neither'):
        guilty_classes(["critcal"])
    assert len(CLASSES) == 23
