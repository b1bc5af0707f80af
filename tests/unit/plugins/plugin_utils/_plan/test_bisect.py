# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A search for guilty lines as the controller sees it: requests in, words out."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.failsafe.nginx.plugins.module_utils._common.json_fields import decode
from ansible_collections.failsafe.nginx.plugins.module_utils._plan.folders import FolderSpec
from ansible_collections.failsafe.nginx.plugins.module_utils._plan.search_jobs import SearchAnswer
from ansible_collections.failsafe.nginx.plugins.module_utils._wire.probes import ListenSocket, Probe
from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import load_files
from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.bisect import (
    FailingRequest,
    GuiltyLine,
    Search,
    counted,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.requests import request_of, requests_of_check
from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.sources import ConfigSource
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.errors import RouteError

SERVER = "events {{}}\nhttp {{\n    server {{\n        listen {port};\n        server_name www.example.com;\n{more}    }}\n}}\n"


def side(more: str = "", listen: str = "8080") -> ConfigSource:
    files = {"nginx.conf": SERVER.format(port=listen, more=more).encode()}
    return ConfigSource("x", FolderSpec("live"), load_files(files, config_dir="/etc/nginx"), files)


def outcome(status: int) -> dict[str, t.Any]:
    return {
        "status": status, "closed": None, "location": None, "headers": [], "upstreams": [], "errors": [], "hops": [],
        "chain": None, "body_length": 0, "body_digest": "", "id": "b1",
    }  # fmt: skip


def test_a_health_check_becomes_the_request_that_it_sends() -> None:
    check = {
        "name": "page",
        "url": "http://www.example.com/a?b#c",
        "address": "127.0.0.1:8080",
        "request_headers": {"X-A": 1},
    }
    (failing,) = requests_of_check(check, side(), side()).failing
    probe = failing.probe
    assert (probe.host, probe.target, probe.listen.port) == ("www.example.com", "/a?b", 8080)
    assert probe.headers == [["X-A", "1"]]
    assert (probe.listen.address, probe.client) == ("127.0.0.1", "127.0.0.1")


#: A check, and what is said of it where it asks something else than nginx.
UNSEARCHED = {
    "another machine": ({"url": "http://www.example.com/", "address": "192.0.2.7:81"}, "listens on 192.0.2.7:81"),
    "another port": ({"tcp": "127.0.0.1:22"}, "listens on 127.0.0.1:22"),
    "another family": ({"tcp": "[::1]:8080"}, "listens on [::1]:8080"),
    "a certificate of another port": ({"certificate": "www.example.com:8443"}, "listens on www.example.com:8443"),
    "another socket": ({"tcp": "unix:/run/app.sock"}, "listens on unix:/run/app.sock"),
    "no check": ({"url": "http://www.example.com/", "sni": "a b"}, "sni"),
}


@pytest.mark.parametrize("case", UNSEARCHED)
def test_why_a_check_cannot_be_searched_is_said(case: str) -> None:
    check, words = UNSEARCHED[case]
    made = requests_of_check(check, side(), side())
    assert made.failing == []
    assert words in made.reason


@pytest.mark.parametrize("fields", [{"url": "ftp://x/"}, {"url": "http://x/ y"}, {"url": "http://x/", "method": "a b"}])
def test_a_request_that_no_client_could_send_is_refused(fields: dict[str, t.Any]) -> None:
    with pytest.raises(RouteError):
        request_of(fields, side(), side())


def test_what_is_followed_is_what_the_class_or_the_field_is_about() -> None:
    probe = Probe("b1", ListenSocket("0.0.0.0"))
    assert FailingRequest(probe, ["redirect-changed", "header x-a"]).aspects[:2] == ["location", "headers"]
    assert FailingRequest(probe).aspects[0] == "status"


def test_the_result_names_lines_shows_the_smallest_difference_and_tells_it_in_words() -> None:
    before, after = side("        root /a;\n"), side("        root /b;\n        rewrite ^ /x last;\n")
    wanted = FailingRequest(request_of({"url": "http://www.example.com:8080/"}, before, after), ["error-introduced"])
    search = Search(before, after, [wanted])
    job = search.job()
    assert job.requests[0].aspects[0] == "status"
    assert sorted(t.cast("list[int]", job.units)) == [1, 2]
    found = {
        "aspect": "status", "before": outcome(200), "after": outcome(500), "complement": "pass", "tests": 4,
        "causes": [{"changes": [2], "complete": True}],
    }  # fmt: skip
    result = search.result(decode(SearchAnswer, {"results": [found], "others": {}, "worlds": 6})).to_json()
    assert result["culprits"] == [
        {"file": "nginx.conf", "line": 7, "kind": "added", "text": "rewrite ^ /x last;", "before": None}
    ]
    assert result["lines"] == ["nginx.conf:7 + rewrite ^ /x last"]
    assert "+        rewrite ^ /x last;\n" in result["patch"]
    assert "/b" not in result["patch"]
    assert "without it the rest of the change is fine (4 combinations tried)" in result["msg"]


def test_numbers_stand_with_their_nouns() -> None:
    assert [counted(number, "combination") for number in (0, 1, 2)] == [
        "0 combinations",
        "1 combination",
        "2 combinations",
    ]


def test_a_search_without_a_difference_says_so() -> None:
    search = Search(
        side(), side(), [FailingRequest(request_of({"url": "http://www.example.com:8080/"}, side(), side()))]
    )
    found = {"aspect": None, "before": outcome(200), "after": outcome(200), "causes": []}
    result = search.result(decode(SearchAnswer, {"results": [found], "others": {}, "worlds": 3})).to_json()
    assert result["culprits"] == []
    assert "no line of the change explains it" in result["msg"]


def test_secrets_of_requests_and_lines_are_kept_back() -> None:
    before = side()
    after = side("        return 302 http://x/?token=abcdef;\n")
    search = Search(before, after, [])
    line = search.result(decode(SearchAnswer, {"results": [], "others": {}, "worlds": 0})).to_json()
    assert line["culprits"] == []
    found = {
        "aspect": "status", "before": outcome(200), "after": outcome(302), "causes": [{"changes": [1], "complete": True}],
    }  # fmt: skip
    wanted = FailingRequest(request_of({"url": "http://www.example.com:8080/?token=abcdef"}, before, after))
    result = (
        Search(before, after, [wanted])
        .result(decode(SearchAnswer, {"results": [found], "others": {}, "worlds": 3}))
        .to_json()
    )
    assert "abcdef" not in str(result)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ({"kind": "changed", "text": "root /b;", "before": "root /a;"}, "f:1 ~ root /a -> root /b"),
        ({"kind": "removed", "text": None, "before": "deny all;"}, "f:1 - deny all"),
        ({"kind": "moved", "text": "location /a", "before": "location /a"}, "f:1 > location /a"),
        ({"kind": "changed", "text": "(the whole file)", "before": "(the whole file)"}, "f:1 ~ (the whole file)"),
    ],
)
def test_a_line_in_one_line(line: dict[str, t.Any], text: str) -> None:
    assert str(GuiltyLine("f", 1, **line)) == text
