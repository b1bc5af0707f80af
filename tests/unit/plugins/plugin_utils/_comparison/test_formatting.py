# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is shown of requests and answers, and what never is."""

from __future__ import annotations

import json
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison import compare
from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison import redaction as redact
from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison.formatting import (
    outcome_lines,
    request_line,
)

SECRET = "hunter2secret"

# How a request differs from a plain one, and its line.
REQUESTS: dict[str, tuple[dict[str, t.Any], str]] = {
    "plain": ({}, "GET http://www.example.com/a"),
    "scheme behind a proxy": (
        {"headers": [["X-Forwarded-Proto", "https"]]},
        "GET http://www.example.com/a -H 'X-Forwarded-Proto: https'",
    ),
    "method": ({"method": "POST", "body": "abc"}, "POST http://www.example.com/a (body of 3 bytes)"),
    "no host": ({"host": None}, "GET http://0.0.0.0/a -H Host:"),
    "client": ({"client": "203.0.113.7"}, "GET http://www.example.com/a from 203.0.113.7"),
    "down": (
        {"answers": [{"upstream": "app:80", "down": True}]},
        "GET http://www.example.com/a while app:80 is down",
    ),
    "crafted": (
        {"answers": [{"upstream": "*", "status": 200, "headers": [["x-accel-redirect", "/i"]]}]},
        "GET http://www.example.com/a while any upstream answers 200 with X-Accel-Redirect",
    ),
    "odd target": ({"target": "/a b;'$x"}, """GET 'http://www.example.com/a b;'"'"'$x'"""),
    "a cookie": ({"headers": [["Cookie", f"sid={SECRET}"]]}, "GET http://www.example.com/a -H 'Cookie: (not shown)'"),
    "a token": ({"target": f"/a?x=1&token={SECRET}&y=2"}, "GET 'http://www.example.com/a?x=1&token=(not shown)&y=2'"),
    "socket": (
        {"listen": {"address": "unix:/run/a.sock", "port": 0, "ssl": False}},
        "GET http://www.example.com/a --unix-socket /run/a.sock",
    ),
    "a filler": (
        {"headers": [["X-Fill", "a" * 8192]]},
        "GET http://www.example.com/a -H 'X-Fill: aaaa... (8192 bytes)'",
    ),
    "a filler in the line": (
        {"target": f"/a?filler={'x' * 900}&b=1"},
        "GET 'http://www.example.com/a?filler=xxxx... (900 bytes)&b=1'",
    ),
    "a short run": ({"target": f"/{'a' * 40}"}, f"GET http://www.example.com/{'a' * 40}"),
    "a file made up": ({"made_files": ["/srv/a"]}, "GET http://www.example.com/a with /srv/a there"),
    "files made up": (
        {"made_files": ["/srv/a", "/srv/b", "/srv/c"]},
        "GET http://www.example.com/a with /srv/a and 2 more files there",
    ),
    "old": ({"version": "1.0"}, "GET http://www.example.com/a --http1.0"),
}


@pytest.mark.parametrize(("changed", "expected"), REQUESTS.values(), ids=REQUESTS)
def test_requests(make: t.Any, changed: dict[str, t.Any], expected: str) -> None:
    assert request_line(make.probe("http://www.example.com/a", **changed)) == expected


def test_tls_names_are_told_where_they_differ(make: t.Any) -> None:
    assert request_line(make.probe("https://a/", sni="b")) == "GET https://a/ (SNI b)"
    assert request_line(make.probe("https://a/", sni=None)) == "GET https://a/ (no SNI)"
    assert request_line(make.probe("https://a/")) == "GET https://a/"
    assert request_line(make.probe("https://A:8443/", sni="a")) == "GET https://A:8443/"


def test_loopback_is_reached_from_itself(make: t.Any) -> None:
    assert request_line(make.probe(address="127.0.0.1", client="127.0.0.1")) == "GET http://www.example.com/"
    assert request_line(make.probe(client="127.0.0.1")) == "GET http://www.example.com/ from 127.0.0.1"


HOPS = [{"url": f"http://a/{number}", "status": 301, "location": f"/{number + 1}"} for number in range(12)]
# Outcomes and their lines.
OUTCOMES: dict[str, tuple[dict[str, t.Any], list[str]]] = {
    "body": ({"body": "x"}, ["200 1 byte, sha256 2d711642b726"]),
    "redirect": ({"status": 301, "location": "/b"}, ["301 -> /b"]),
    "refused": ({"status": None, "closed": "refused"}, ["no answer: the connection is refused, nothing listens"]),
    "closed": ({"status": None, "closed": "closed"}, ["no answer: nginx closes the connection"]),
    "tls": ({"status": None, "closed": "tls: alert"}, ["no answer: tls: alert"]),
    "error": ({"status": 500, "errors": ["cycle"]}, ["500 cycle"]),
    "a loop": (
        {"status": 301, "location": "/1", "chain": "loop", "hops": HOPS[:2]},
        ["301 -> /1", "then http://a/1 301 -> /2", "the redirects lead in a circle"],
    ),
    "endless": (
        {"status": 301, "location": "/1", "chain": "too-long", "hops": HOPS},
        [
            "301 -> /1",
            *(f"then http://a/{number} 301 -> /{number + 1}" for number in range(1, 9)),
            "... 3 more redirects",
            "the redirects do not end",
        ],
    ),
}


@pytest.mark.parametrize(("changed", "expected"), OUTCOMES.values(), ids=OUTCOMES)
def test_outcomes(make: t.Any, changed: dict[str, t.Any], expected: list[str]) -> None:
    assert outcome_lines(make.outcome(**changed)) == expected


@pytest.mark.parametrize(
    "name",
    ["Authorization", "Proxy-Authorization", "Cookie", "X-Api-Key", "X-Auth-Token", "HTTP_AUTHORIZATION", "X-Secret"],
)
def test_values_that_authenticate_are_not_shown(name: str) -> None:
    assert redact.header(name, SECRET) == redact.HIDDEN


def test_of_a_cookie_the_name_and_the_attributes_are_shown() -> None:
    shown = redact.header("Set-Cookie", f"sid={SECRET}; Path=/; Secure")
    assert shown == "sid=(not shown); Path=/; Secure"


@pytest.mark.parametrize(
    "text",
    [
        f"https://me:{SECRET}@example.com/",
        f"/a?password={SECRET}",
        f"/a?x=1&access_token={SECRET}#b",
        f"Authorization: Bearer {SECRET}",
        f'upstream: "http://10.0.0.1/?api_key={SECRET}"',
    ],
)
def test_secrets_in_texts(text: str) -> None:
    assert SECRET not in redact.text(text)
    assert redact.HIDDEN in redact.text(text)


@given(st.text(max_size=2000))
def test_texts_are_short_and_cannot_steer_a_terminal(text: str) -> None:
    shown = redact.text(text)
    assert shown.isprintable()
    assert len(shown) <= redact.LONGEST + 3


def test_no_part_of_a_report_holds_a_secret(make: t.Any) -> None:
    headers = [["Authorization", f"Basic {SECRET}"], ["Cookie", f"a={SECRET}"]]
    probe = make.probe(f"http://a/?token={SECRET}", headers=headers)
    call = make.upstream(f"http://u:{SECRET}@app", f"/?api_key={SECRET}", headers=headers)
    old = make.outcome(200, headers={"Set-Cookie": f"sid={SECRET}"})
    for new in (
        make.outcome(200, headers={"Set-Cookie": f"other={SECRET}"}, upstreams=[call]),
        make.outcome(302, location=f"/login?token={SECRET}"),
        make.outcome(500, errors=[f'"/x?session={SECRET}" failed']),
    ):
        text = json.dumps(compare([probe], [old], [new]).as_dict())
        assert '"changed": 1' in text
        assert SECRET not in text
