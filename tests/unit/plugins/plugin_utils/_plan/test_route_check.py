# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A route check from both ends, with what travels between them, in real private worlds."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

from ansible_collections.failsafe.nginx.plugins.module_utils._common.json_fields import decode, encode
from ansible_collections.failsafe.nginx.plugins.module_utils._common.packing import pack, unpack
from ansible_collections.failsafe.nginx.plugins.module_utils._plan import host
from ansible_collections.failsafe.nginx.plugins.module_utils._plan.folders import FolderEntry, FolderSpec
from ansible_collections.failsafe.nginx.plugins.module_utils._plan.jobs import RouteCheckJob
from ansible_collections.failsafe.nginx.plugins.module_utils._plan.route_check import run
from ansible_collections.failsafe.nginx.plugins.module_utils._wire.outcomes import ProbeOutcome
from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison import RouteCheckReport
from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import load_files
from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.errors import PlanError
from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.outcomes import OutcomeReader
from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.route_check import RouteCheck, read_answer
from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.sources import ConfigSource
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.errors import RouteError

TESTS = Path(__file__).resolve().parents[3]
OPTIONS = host.HostOptions("/etc/nginx", store="/nowhere", timeout=120.0)


def side(http: str, **more: str) -> ConfigSource:
    files = {"nginx.conf": f"events {{ worker_connections 64; }}\nhttp {{\n{http}\n}}\n".encode()}
    files |= {f"{name}.conf": text.encode() for name, text in more.items()}
    entries = [FolderEntry(path, "file", None, base64.b64encode(data).decode()) for path, data in files.items()]
    return ConfigSource("x", FolderSpec("files", entries=entries), load_files(files, config_dir="/etc/nginx"), files)


def check(before: str, after: str, **more: str) -> RouteCheckReport:
    one = RouteCheck(side(before, **more), side(after, **more))
    job = host.unpack_job(RouteCheckJob, pack(encode(one.job())))
    return one.judge(read_answer(unpack(host.pack_answer(run(OPTIONS, job)))))


BALANCED = """
upstream app { server 10.0.0.1:8080; server 10.0.0.2:8080; server 10.0.0.3:8080; }
server {
    listen 80; server_name www.example.com;
    location / { proxy_pass http://app; }
    location /api/ { proxy_pass http://app/v1/; proxy_set_header X-Real-IP $remote_addr; }
    location /admin/ { allow 192.0.2.0/24; deny all; proxy_pass http://app; }
    location /login { auth_request /auth; proxy_pass http://app; }
    location = /auth { internal; proxy_pass http://app/verify; }
}
"""


@pytest.mark.nginx
@pytest.mark.root
def test_a_balanced_site_compared_with_itself_shows_nothing_not_even_noise() -> None:
    report = check(BALANCED, BALANCED)
    assert (report.changes, report.unstable_fields) == ([], [])


#: What is another each time, or keeps state from one request to the next.
RESTLESS = r"""
proxy_cache_path /var/cache/nginx/pages keys_zone=pages:1m;
limit_req_zone $binary_remote_addr zone=slow:1m rate=1r/s;
upstream chance { random; server 10.0.0.1; server 10.0.0.2; server 10.0.0.3; }
upstream few { least_conn; zone few 64k; server 10.0.1.1:81 weight=3; server 10.0.1.2:81; server 10.0.1.3:81 backup; keepalive 4; }
split_clients $request_id $half { 50% a; * b; }
server {
    listen 80 default_server;
    location / { proxy_pass http://chance; proxy_next_upstream error http_502; proxy_set_header X-Id $request_id; }
    location /few/ { proxy_pass http://few/; proxy_http_version 1.1; proxy_set_header Connection ""; }
    location /pages/ { proxy_cache pages; proxy_cache_valid 1h; proxy_ignore_headers X-Accel-Expires; proxy_pass http://few; }
    location /slow/ { limit_req zone=slow; proxy_pass http://chance; }
    location /half/ { return 302 /$half; }
    location /both/ { mirror /copy; proxy_pass http://few; }
    location = /copy { internal; proxy_pass http://chance$request_uri; }
    location /status { stub_status; }
    location /when/ { add_header X-When $time_iso8601; add_header X-Ms $msec; return 200 $request_time; }
    location /until/ { expires @15h; root /srv; }
    location /you/ { userid on; return 200 x; }
    location /failing/ { error_page 502 503 @down; proxy_intercept_errors on; proxy_pass http://few; }
    location @down { return 503 "down $request_id"; }
}
"""


@pytest.mark.nginx
@pytest.mark.root
def test_a_restless_site_compared_with_itself_has_no_change() -> None:
    report = check(RESTLESS, RESTLESS)
    assert report.changes == []
    assert report.unverified_changes == []


#: What is replaced by what, so that a request changes in many ways at once and groups have several causes.
CHANGES = {
    "location / { proxy_pass http://app;": 'location / { proxy_pass http://app/x; proxy_set_header A a; proxy_set_header B b; add_header C "c"; expires 1h;',
    "X-Real-IP $remote_addr;": "X-Forwarded-For $remote_addr; add_header D d; add_header E e;",
    "allow 192.0.2.0/24; deny all;": "expires 5m;",
    "auth_request /auth; ": "",
    "server_name www.example.com;": "server_name www.example.com example.com; rewrite ^/r/(.*)$ /s/$1 permanent; location /files/ { root /srv; }",
}  # fmt: skip
SCRIPT = f"""
import sys; sys.path[:0] = [{str(TESTS)!r}, {str(Path(__file__).parent)!r}]
import conftest, test_route_check
from ansible_collections.failsafe.nginx.plugins.plugin_utils._reports.route_check import render
after = test_route_check.BALANCED
for old, new in test_route_check.CHANGES.items():
    assert old in after
    after = after.replace(old, new)
report = test_route_check.check(test_route_check.BALANCED, after)
for name in ("json", "markdown", "html", "junit", "text"):
    print(render(name, report))
"""


@pytest.mark.nginx
@pytest.mark.root
def test_three_runs_give_one_report_byte_for_byte() -> None:
    # Each in a process of its own, as runs are: what goes through a set has another order in each.
    texts = [
        subprocess.run(
            [sys.executable, "-c", SCRIPT], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2", "3")
    ]  # fmt: skip
    assert "access-widened" in texts[0]
    assert "auth-subrequest-removed" in texts[0]
    assert texts[0] == texts[1] == texts[2]


@pytest.mark.nginx
@pytest.mark.root
def test_a_balance_that_shifts_is_no_change_of_behaviour() -> None:
    # Another location asks the upstream, and one of its peers is another: every turn is another peer's.
    after = BALANCED.replace("location /api/", "location = /first { proxy_pass http://app; } location /api/")
    report = check(BALANCED, after.replace("server 10.0.0.3:8080", "server 10.0.0.4:8080"))
    assert {change.name for change in report.changes} == {"served-by", "peers-changed"}
    (peers,) = (change for change in report.changes if change.name == "peers-changed")
    assert peers.notes == ("upstream app: 1 of 3 peers replaced: 10.0.0.3:8080 by 10.0.0.4:8080", "in 6 blocks")


@pytest.mark.nginx
@pytest.mark.root
def test_another_upstream_is_a_change_whichever_of_its_peers_is_asked() -> None:
    after = BALANCED.replace("location / { proxy_pass http://app;", "location / { proxy_pass http://other;")
    after += "upstream other { server 10.9.0.1:8080; server 10.9.0.2:8080; }"
    report = check(BALANCED, after)
    (group,) = (change for change in report.changes if change.name == "upstream-changed")
    assert all("10.9.0." in line for line in group.example.after)


@pytest.mark.nginx
@pytest.mark.root
def test_a_swap_of_upstreams_that_share_a_peer_is_a_change() -> None:
    before = """
    upstream leader { server 10.2.0.1:6000; }
    upstream copies { server 10.2.0.2:6000; server 10.2.0.1:6000 backup; }
    server { listen 80; server_name www.example.com; proxy_set_header Host $host;
        location /orders/ { proxy_pass http://leader; } location /catalogue/ { proxy_pass http://copies; } }
    """
    report = check(
        before, before.replace("/orders/ { proxy_pass http://leader;", "/orders/ { proxy_pass http://copies;")
    )
    (group,) = report.changes
    assert (group.name, group.after_block) == ("upstream-changed", "location /orders/")


FILES = """
server {
    listen 80; server_name www.example.com;
    location /docs/ { rewrite ^/docs/(.*)$ /pages/$1 last; }
    location /pages/ { root /srv/www; }
}
"""


@pytest.mark.nginx
@pytest.mark.root
def test_what_changes_once_a_file_is_there_is_told_of_the_block_that_really_answered() -> None:
    report = check(FILES, FILES.replace("root /srv/www;", "root /srv/www; expires 1h;"))
    (group,) = report.changes
    assert group.name == "headers-changed"
    assert (group.before_block, group.after_block) == ("location /pages/", "location /pages/")
    assert "expires 1h" in json.dumps(group.as_dict()["cause"])
    assert all(probe.endswith("+files") for probe in group.probes)


@pytest.mark.nginx
@pytest.mark.root
def test_a_candidate_that_does_not_start_is_an_error_and_no_outcome() -> None:
    with pytest.raises(PlanError, match=r"the candidate does not start in a private world: .*bogus") as caught:
        check(FILES, FILES + "bogus on;")
    assert caught.value.kind == "refused"


TLS = "ssl_certificate {name}.pem;\nssl_certificate_key {name}.key;\n"


@pytest.mark.nginx
@pytest.mark.root
def test_certificates_are_missed_where_nginx_reads_them_and_not_in_an_unused_snippet() -> None:
    site = "server { listen 443 ssl; include used.conf; location / { return 204; } }"
    report = check(site, site, used=TLS.format(name="used"), snakeoil=TLS.format(name="snakeoil"))
    told = json.dumps(report.as_dict()["unverified"])
    assert "/etc/nginx/used.pem is missing" in told
    assert "snakeoil" not in told


def test_outcomes_are_read_with_each_text_once() -> None:
    upstream = {"target": "http://a:80", "protocol": "http", "address": "10.0.0.1:80", "method": "GET", "uri": "/x"}
    outcome: dict[str, t.Any] = {
        "id": "p1", "status": 200, "headers": [["Server", "nginx"], ["X", "1"]], "errors": ["an error"],
        "upstreams": [{**upstream, "headers": [["Host", "a"]], "params": {"A": "b"}, "status": 200}],
        "hops": [{"url": "http://a/", "errors": [], "upstreams": []}], "trace": ["s1", "l2"],
    }  # fmt: skip
    parts = [pack([outcome, {**outcome, "id": "p2"}]), pack([{**outcome, "id": "p3"}])]
    found = OutcomeReader().read(ProbeOutcome, parts)
    assert found == [decode(ProbeOutcome, {**outcome, "id": name}) for name in ("p1", "p2", "p3")]
    assert found[0].headers is found[2].headers
    assert found[0].upstreams[0].headers is found[2].upstreams[0].headers


@pytest.mark.parametrize("part", ["", "!", "AAAA", base64.b64encode(b"x").decode()])
def test_what_is_no_answer_is_an_error(part: str) -> None:
    with pytest.raises(RouteError, match="cannot be read"):
        OutcomeReader().read(ProbeOutcome, [part])
