# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The search in real private worlds, from two trees to the guilty line."""

from __future__ import annotations

import base64
import os
import typing as t
from pathlib import Path

import pytest

from ansible_collections.failsafe.nginx.plugins.module_utils._common.json_fields import decode, encode
from ansible_collections.failsafe.nginx.plugins.module_utils._plan.ddmin import BisectError
from ansible_collections.failsafe.nginx.plugins.module_utils._plan.folders import FolderEntry, FolderSpec
from ansible_collections.failsafe.nginx.plugins.module_utils._plan.host import HostOptions
from ansible_collections.failsafe.nginx.plugins.module_utils._plan.search_jobs import SearchAnswer, SearchJob
from ansible_collections.failsafe.nginx.plugins.module_utils._plan.search_worlds import search_worlds
from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import load_files
from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.bisect import FailingRequest, Search
from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.requests import request_of
from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.sources import ConfigSource

pytestmark = [pytest.mark.nginx, pytest.mark.root]

MAIN = "events { worker_connections 64; }\nhttp {\n    access_log off;\n    include conf.d/*.conf;\n}\n"
SITE = """\
server {{
    listen 8080;
    server_name s{number}.example.com;
    location / {{ return 200 old; }}
    location /api/ {{ proxy_pass http://app{number}.internal:8080; }}
}}
"""

Files = dict[str, str]


def site(count: int, edit: t.Callable[[int, str], str] = lambda _number, text: text) -> Files:
    sites = {f"conf.d/{number}.conf": edit(number, SITE.format(number=number)) for number in range(count)}
    return {"nginx.conf": MAIN, **sites}


def side(files: Files) -> ConfigSource:
    data = {path: text.encode() for path, text in files.items()}
    entries = [FolderEntry(path, "file", None, base64.b64encode(text).decode()) for path, text in data.items()]
    return ConfigSource("x", FolderSpec("files", entries=entries), load_files(data, config_dir="/etc/nginx"), data)


def search(before: Files, after: Files, *urls: str) -> dict[str, t.Any]:
    one, other = side(before), side(after)
    wanted = [FailingRequest(request_of({"url": url}, one, other)) for url in urls]
    made = Search(one, other, wanted)
    options = HostOptions("/etc/nginx", store="/nowhere", timeout=120, limit=300)
    job = decode(SearchJob, encode(made.job()))
    return made.result(decode(SearchAnswer, encode(search_worlds(options, job)))).to_json()


def guilty(number: int, text: str) -> str:
    text = text.replace("return 200 old;", "return 200 new;")
    return text.replace("/api/ {", "/api/ { rewrite ^/api/a /api/ab last;") if number == 137 else text


def test_the_guilty_line_of_two_hundred_changes_is_found_in_few_worlds() -> None:
    found = search(site(200), site(200, guilty), "http://s137.example.com:8080/api/a")
    assert found["changes"] == 201
    assert found["lines"] == ["conf.d/137.conf:5 + rewrite ^/api/a /api/ab last"]
    assert found["worlds"] <= 20
    assert found["searches"][0]["complement"] == "pass"
    assert found["searches"][0]["after"].startswith("500 rewrite or internal redirection cycle")


def test_a_change_that_needs_another_one_is_found_with_it() -> None:
    after = site(4)
    after["conf.d/2.conf"] = "upstream fresh { server 10.0.0.9; }\n" + after["conf.d/2.conf"].replace(
        "http://app2.internal:8080", "http://fresh"
    )
    found = search(site(4), after, "http://s2.example.com:8080/api/x")
    assert found["searches"][0]["aspect"] == "upstream"
    assert "conf.d/2.conf:6 ~ proxy_pass http://app2.internal:8080 -> proxy_pass http://fresh" in found["lines"]


def test_an_added_file_is_taken_apart() -> None:
    after = site(3)
    after["conf.d/0-catch.conf"] = (
        "server {\n    listen 8080;\n    server_name s1.example.com;\n    gzip on;\n    return 403;\n}\n"
    )
    found = search(site(3), after, "http://s1.example.com:8080/")
    assert "conf.d/0-catch.conf:5 + return 403" in found["lines"]
    assert not any("gzip" in line for line in found["lines"])


def test_a_removed_line_is_named_where_it_was() -> None:
    before = site(2, lambda _number, text: text.replace("return 200 old;", "deny all; empty_gif;"))
    after = {path: text.replace("deny all;", "") if "1.conf" in path else text for path, text in before.items()}
    found = search(before, after, "http://s1.example.com:8080/x")
    assert found["lines"] == ["conf.d/1.conf:4 - deny all"]


def test_a_request_that_did_not_change_has_no_guilty_line() -> None:
    found = search(site(2), site(2, guilty), "http://nobody.example.com:8080/api/a")
    assert found["lines"] == []
    assert found["searches"][0]["aspect"] is None


def test_a_side_that_nginx_refuses_is_said() -> None:
    with pytest.raises(BisectError, match="all of the changes"):
        search(site(1), {**site(1), "nginx.conf": MAIN + "bogus;"}, "http://s0.example.com:8080/")


def test_nothing_stays_behind(tmp_path: Path) -> None:
    before = set(os.listdir("/tmp"))
    search(site(1), site(1, lambda _number, text: text.replace("old", "new")), "http://s0.example.com:8080/")
    assert not [name for name in set(os.listdir("/tmp")) - before if name.startswith("failsafe-nginx-")]
    assert tmp_path.exists()
