# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Witnesses in real private worlds: a changed value gives another outcome, an equal one the same."""

from __future__ import annotations

import base64
import gzip
import typing as t
from itertools import starmap

import pytest

from ansible_collections.failsafe.nginx.plugins.module_utils._common.json_fields import encode
from ansible_collections.failsafe.nginx.plugins.module_utils._common.packing import pack, unpack
from ansible_collections.failsafe.nginx.plugins.module_utils._plan import host
from ansible_collections.failsafe.nginx.plugins.module_utils._plan.folders import FolderEntry, FolderSpec
from ansible_collections.failsafe.nginx.plugins.module_utils._plan.jobs import RouteCheckJob
from ansible_collections.failsafe.nginx.plugins.module_utils._plan.route_check import run
from ansible_collections.failsafe.nginx.plugins.module_utils._wire.outcomes import ProbeOutcome
from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison.outcome_diff import differences
from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import load_files
from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.outcomes import OutcomeReader
from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.route_check import RouteCheck, read_answer
from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.sources import ConfigSource

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison import RouteCheckReport

OPTIONS = host.HostOptions("/etc/nginx", store="/nowhere", timeout=120.0)


def side(http: str, files: Mapping[str, bytes]) -> ConfigSource:
    tree = {"nginx.conf": f"events {{ worker_connections 64; }}\nhttp {{\n{http}\n}}\n".encode(), **files}
    entries = [FolderEntry(path, "file", None, base64.b64encode(data).decode()) for path, data in tree.items()]
    return ConfigSource("x", FolderSpec("files", entries=entries), load_files(tree, config_dir="/etc/nginx"), tree)


class Seen(t.NamedTuple):
    """What came of a comparison: the report, the differences and the statuses of each change's witnesses, and statuses by target."""

    report: RouteCheckReport
    found: dict[str, set[str]]
    statuses: dict[str, set[tuple[int | None, int | None]]]
    by_target: dict[str, tuple[int | None, int | None]]


def compare(before: str, after: str, files: Mapping[str, bytes] | None = None) -> Seen:
    check = RouteCheck(side(before, files or {}), side(after, files or {}))
    job = host.unpack_job(RouteCheckJob, pack(encode(check.job())))
    answer = read_answer(unpack(host.pack_answer(run(OPTIONS, job))))
    reader = OutcomeReader()
    ids = [probe.id for probe in check.plan.probes]
    old, new = (
        dict(zip(ids, reader.read(ProbeOutcome, answer.worlds[name].outcomes or []), strict=True))
        for name in ("before", "after")
    )
    found: dict[str, set[str]] = {}
    statuses: dict[str, set[tuple[int | None, int | None]]] = {}
    assert check.diff is not None
    for number, change in enumerate(check.diff.changes):
        text = change.after_text or change.before_text or ""
        pairs = [(old[each], new[each]) for each in check.plan.witnesses.get(number, [])]
        found.setdefault(text, set()).update(*(differences(*pair, {}, {}) for pair in pairs))
        statuses.setdefault(text, set()).update((one.status, other.status) for one, other in pairs)
    by_target = {probe.target: (old[probe.id].status, new[probe.id].status) for probe in check.plan.probes}
    return Seen(check.judge(answer), found, statuses, by_target)


class Case(t.NamedTuple):
    """A directive of a location that passes requests on: before, after, and the differences that have to be seen."""

    before: str
    after: str
    wanted: set[str]


#: The second of two lines is a value that means the same as nginx's default, or one that nothing here depends on.
ANSWERS = [
    Case("proxy_buffer_size 12k;", "proxy_buffer_size 8k;", {"status"}),
    Case("", "proxy_buffer_size 4k;", set()),
    Case("", "proxy_cookie_domain internal.test shop.test;", {"header set-cookie"}),
    Case("", "proxy_cookie_path /app/ /;", {"header set-cookie"}),
    Case("", "proxy_cookie_flags sid httponly;", {"header set-cookie"}),
    Case("", "proxy_cookie_domain off;", set()),
    Case("", "proxy_redirect http://legacy.internal/ /old/;", {"location"}),
    Case("", "proxy_hide_header X-Powered-By;", {"header x-powered-by"}),
    Case("", "proxy_pass_header Server;", {"header server"}),
    Case("", "proxy_hide_header X-Pad;", set()),
    Case("", "proxy_ignore_headers X-Accel-Redirect;", {"status"}),
    Case("error_page 404 /gone; proxy_intercept_errors on;", "error_page 404 /gone;", {"status"}),
    Case("error_page 404 /gone;", "error_page 404 /gone; proxy_intercept_errors off;", set()),
    Case("", "error_page 502 =200 /gone;", {"status"}),
    Case("sub_filter shop.internal shop.test;", "sub_filter shop.internal shop.example;", {"body"}),
    Case("", "charset utf-8;", {"header content-type"}),
    Case("", "gunzip on;", {"header content-encoding"}),
    Case("gzip on;", "gzip on; gzip_types text/css;", {"header content-encoding"}),
    Case("gzip on;", "gzip on; gzip_vary on;", {"header vary"}),
    Case("gzip on; gzip_proxied any;", "gzip on; gzip_proxied off;", {"header content-encoding"}),
    Case("gzip on;", "gzip on; gzip_min_length 20;", set()),
    Case("", "proxy_set_header X-Token $http_token;", {"upstream header x-token"}),
    Case(
        "proxy_http_version 1.1;",
        "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade;",
        {"upstream header upgrade"},
    ),
    Case("limit_except GET { deny all; }", "limit_except GET PUT { deny all; }", {"status"}),
    Case("", "proxy_pass_request_body off;", {"upstream param request_body"}),
    Case("", 'proxy_set_body "$request_body&y=1";', {"upstream header content-length", "upstream param request_body"}),
]


def locations(cases: list[tuple[str, str]]) -> str:
    inner = [
        f"location /case-{number}/ {{ {text} proxy_pass http://app.internal/; }}"
        for number, (text, _text) in enumerate(cases)
    ]
    return "server { listen 80; server_name shop.test; location = /gone { return 410; } " + " ".join(inner) + " }"


@pytest.mark.nginx
@pytest.mark.root
def test_answers_of_upstreams_show_what_is_done_with_them() -> None:
    before = locations([(case.before, "") for case in ANSWERS])
    after = locations([(case.after, "") for case in ANSWERS])
    seen = compare(before, after)
    missing = {}
    for case in ANSWERS:
        texts = [text for text in seen.found if text.rstrip(";") in f"{case.before} {case.after}"]
        got = set().union(*(seen.found[text] for text in texts))
        if not (case.wanted <= got if case.wanted else not got):
            missing[case.after or case.before] = (texts, got)
    assert missing == {}


#: Of whole servers, each on a port of its own.
SERVERS = [
    Case("client_max_body_size 20m;", "", {"status"}),
    Case("", "client_max_body_size 1024k;", set()),
    Case("client_max_body_size 0;", "client_max_body_size 8g;", {"status"}),
    Case("large_client_header_buffers 4 32k;", "", {"status"}),
    Case("large_client_header_buffers 2 8k;", "large_client_header_buffers 6 8k;", {"status"}),
    Case("", "client_header_buffer_size 2k;", set()),
    Case("underscores_in_headers on;", "", {"upstream header x_probe"}),
    Case("", "ignore_invalid_headers off;", {"upstream header x.probe"}),
    Case("", "merge_slashes off;", {"upstream"}),
    Case("", "underscores_in_headers off;", set()),
]


def servers(texts: list[str]) -> str:
    return "\n".join(
        f"server {{ listen {8000 + number}; server_name s{number}.test; {text}"
        f" location / {{ proxy_pass http://app.internal; }} location /a/ {{ proxy_pass http://b.internal; }} }}"
        for number, text in enumerate(texts)
    )


@pytest.mark.nginx
@pytest.mark.root
def test_requests_between_two_limits_show_which_one_holds() -> None:
    for case in (SERVERS[0], SERVERS[1], SERVERS[4]):
        one = compare(servers([case.before]), servers([case.after]))
        got = set().union(*one.found.values())
        assert (case.wanted <= got) if case.wanted else not got, case
        assert case is not SERVERS[0] or (200, 413) in one.statuses[case.before]
    whole = compare(servers([case.before for case in SERVERS]), servers([case.after for case in SERVERS]))
    ports = {f"s{number}.test": case for number, case in enumerate(SERVERS)}
    changed = {name for group in whole.report.changes for name in group.servers}
    assert changed == {name for name, case in ports.items() if case.wanted}


CACHED = """
proxy_cache_path /var/cache/nginx/pages keys_zone=pages:1m;
server {{ listen 80; server_name a.test; location / {{ proxy_cache pages; {0} proxy_pass http://app.internal; proxy_set_header Host $host; }} }}
server {{ listen 80; server_name b.test; location / {{ proxy_cache pages; {0} proxy_pass http://app.internal; proxy_set_header Host $host; }} }}
"""
CACHES = [
    Case("proxy_cache_key $scheme$host$request_uri;", "proxy_cache_key $scheme$request_uri;", {"upstream", "body"}),
    Case("proxy_cache_key $host$uri$cookie_lang;", "proxy_cache_key $host$uri;", {"upstream", "body"}),
    Case("proxy_cache_key $host$uri;", "proxy_cache_key $host$uri$is_args$args;", {"upstream", "body"}),
    Case("proxy_cache_key $host$uri;", "proxy_cache_key x$host$uri;", set()),
    Case("", "proxy_cache_bypass $cookie_session;", {"upstream", "body"}),
    Case("", "proxy_no_cache $http_authorization;", {"upstream", "body"}),
    Case("", "proxy_cache_valid 404 1m;", {"upstream", "body"}),
    Case("", "proxy_cache_methods GET HEAD POST;", {"upstream", "body"}),
    Case("", "proxy_cache_min_uses 3;", {"upstream", "body"}),
    Case("", "proxy_ignore_headers Set-Cookie;", {"upstream", "body"}),
    Case("proxy_cache_lock on;", "", set()),
]


@pytest.mark.nginx
@pytest.mark.root
@pytest.mark.parametrize("case", CACHES, ids=[case.after or case.before for case in CACHES])
def test_requests_one_after_the_other_show_what_a_cache_keeps(case: Case) -> None:
    seen = compare(*starmap(CACHED.format, ((case.before,), (case.after,))))
    got = set().union(*seen.found.values())
    assert (case.wanted <= got) if case.wanted else not got


SHOP = (
    "server {{ listen 80; server_name shop.test; root /etc/nginx/www; location / {{ try_files $uri $uri/ =404; {} }} }}"
)


@pytest.mark.nginx
@pytest.mark.root
def test_a_stale_copy_beside_a_file_is_seen_and_an_equal_one_is_the_same_content() -> None:
    page = b"<p>today</p>" * 200
    for name, copy, wanted in (
        ("stale", page[::-1], {"body", "header content-encoding"}),
        ("equal", page, {"header content-encoding"}),
    ):
        files = {"www/index.html": page, "www/index.html.gz": gzip.compress(copy)}
        seen = compare(SHOP.format(""), SHOP.format("gzip_static on;"), files)
        assert seen.found["gzip_static on;"] & {"body", "header content-encoding"} == wanted, name


@pytest.mark.nginx
@pytest.mark.root
def test_a_rule_for_hidden_files_takes_the_challenge_of_the_certificate_authority() -> None:
    files = {"www/index.html": b"shop", "www/.well-known/acme-challenge/probe": b"token"}
    hidden = r"} location ~ /\. { deny all;"
    seen = compare(SHOP.format(""), SHOP.format(hidden), files)
    assert seen.by_target["/.well-known/acme-challenge/probe"] == (200, 403)
    lost = {group.example.request for group in seen.report.changes if group.name == "lost" and group.example}
    assert lost == {"GET http://shop.test/.well-known/acme-challenge/probe"}
    assert {failure.name for failure in seen.report.gate()} == {"lost"}


@pytest.mark.nginx
@pytest.mark.root
def test_headers_of_the_front_page_are_told() -> None:
    index = r'} location ~* \.(js|css|html)$ { add_header Cache-Control "public, max-age=31536000, immutable";'
    seen = compare(SHOP.format(""), SHOP.format(index), {"www/index.html": b"shop"})
    assert {group.name for group in seen.report.changes} >= {"headers-changed"}
    robots = compare(
        SHOP.format(""), SHOP.format('add_header X-Robots-Tag "noindex" always;'), {"www/index.html": b"shop"}
    )
    assert robots.found['add_header X-Robots-Tag "noindex" always;'] == {"header x-robots-tag"}


@pytest.mark.nginx
@pytest.mark.root
def test_a_header_list_of_its_own_loses_the_one_of_the_server() -> None:
    site = "server {{ listen 80; server_name shop.test; proxy_set_header Host $host; location / {{ {} proxy_pass http://10.0.0.9:81; }} }}"
    seen = compare(site.format(""), site.format("proxy_set_header X-Start $msec;"))
    assert seen.found["proxy_set_header X-Start $msec;"] >= {"upstream header host", "upstream header x-start"}


#: A change of a server or location, and what is said of it.
SAID = [
    ("", "client_max_body_size 1024k;", "without-effect"),
    ("client_max_body_size 2m;", "client_max_body_size 1m;", "shown"),
    ("", "gzip_static on;", "not-exercised"),
    ("", "absolute_redirect off;", "not-exercised"),
    ("", "max_ranges 4;", "not-exercised"),
    # nginx leaves the conditions to an upstream whose answer it does not keep (ngx_http_upstream_process_headers()).
    ("", "if_modified_since before;", "without-effect"),
    ("proxy_cache_valid 200 1m;", "proxy_cache_valid 200 1h;", "not-visible"),
    ("", "gzip_comp_level 9;", "not-visible"),
    ("proxy_http_version 1.0;", "proxy_http_version 1.1;", "shown"),
    ("", "underscores_in_headers off;", "without-effect"),
]


@pytest.mark.nginx
@pytest.mark.root
def test_a_request_that_could_not_show_a_value_proves_nothing_about_it() -> None:
    sites = [
        "\n".join(
            f"server {{ listen {9000 + number}; server_name s{number}.test; {texts[position]} return 404; }}"
            if "absolute" in texts[1]
            else f"server {{ listen {9000 + number}; server_name s{number}.test; {texts[position]}"
            " location / { proxy_pass http://app.internal; } }"
            for number, texts in enumerate(SAID)
        )
        for position in (0, 1)
    ]
    report = compare(sites[0], sites[1]).report
    states = {account.change.servers: account.state for account in report.accounts}
    assert states == {(f"s{number}.test",): state for number, (_before, _after, state) in enumerate(SAID)}
