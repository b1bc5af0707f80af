# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Edits that clients notice and that only a request made for them shows; and those of which nothing may be claimed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from compared import compare_folders, folder

pytestmark = [pytest.mark.nginx, pytest.mark.root]

PROXIED = "location / { proxy_pass http://10.0.0.1; }"
OTHERS = "server { listen 80 default_server; server_name none.test; return 404; }"


def site(inner: str, http: str = "", listen: str = "80") -> str:
    return f"http {{ {http} server {{ listen {listen}; server_name shop.test; {inner} }} }}"


def pair(old: str, new: str, inner: str, http: str = "") -> tuple[str, str]:
    """Return two sites that differ in what stands for EDIT."""
    return tuple(site(inner.replace("EDIT", each), http.replace("EDIT", each)) for each in (old, new))  # type: ignore[return-value]


def named(first: str, second: str) -> str:
    servers = (f"server {{ listen 80; server_name {each}; return 200 {len(each)}; }}" for each in (first, second))
    return f"http {{ {OTHERS} {' '.join(servers)} }}"


SHOWN: dict[str, tuple[tuple[str, str], str]] = {
    "arguments that a rewrite drops": (
        pair("", "?", "rewrite ^/old/(.*)$ /new/$1EDIT permanent;"),
        "redirect-changed",
    ),
    "arguments that one of several rewrites drops": (
        pair("", "?", f"rewrite /old-a$ /a permanent; rewrite ^(/[^/]+)?(/old-.*) $2EDIT last; {PROXIED}"),
        "upstream-changed",
    ),
    "the path behind a script": (
        pair(
            ".+?",
            ".+",
            r"location ~ \.php { fastcgi_pass 10.0.0.1:9000; fastcgi_split_path_info ^(EDIT\.php)(/.*)$; "
            "fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name; }",
        ),
        "file-changed",
    ),
    "a client's header that is not emptied any more": (
        pair("proxy_set_header X-Remote-User '';", "", f"EDIT {PROXIED}"),
        "upstream-headers-changed",
    ),
    "a client's credentials that are passed on": (
        pair("proxy_set_header Authorization '';", "", f"EDIT {PROXIED}"),
        "upstream-headers-changed",
    ),
    "a client's header of FastCGI": (
        pair("fastcgi_param HTTP_PROXY '';", "", "location / { fastcgi_pass 10.0.0.1:9000; EDIT }"),
        "upstream-headers-changed",
    ),
    "another argument in a map's value": (
        pair("one", "two", "return 200 $kind;", "map $arg_v $kind { default $arg_EDIT; x y; }"),
        "file-changed",
    ),
    "a hidden file behind a 404": (
        pair("env|git", "git", r"root /srv; location ~ /\.(EDIT) { return 404; }"),
        "access-widened",
    ),
    "a hidden file behind a closed connection": (
        pair(r"location ~ /\. { return 444; }", "", "root /srv; EDIT"),
        "access-widened",
    ),
    "another argument in a replacement": (
        pair("id", "key", f"rewrite ^/show$ /item?n=$arg_EDIT last; {PROXIED}"),
        "upstream-changed",
    ),
    "a cookie in a replacement": (
        pair(
            "one",
            "two",
            f"rewrite ^/show$ /item/$cookie_EDIT break; {PROXIED.replace('/ {', '= /item { } location / {')}",
        ),
        "upstream-changed",
    ),
    "a map's regex without regard to case": (
        pair("~", "~*", "return 200 $kind;", "map $request_uri $kind { default plain; EDIT^/foo special; }"),
        "file-changed",
    ),
    "a map's regex that is behind another one": (
        pair("", "~^/shop/x special;", "return 200 $kind;", "map $uri $kind { default plain; ~^/shop/x.+ long; EDIT }"),
        "file-changed",
    ),
    "a network that gets files": (
        pair("", "allow 192.0.2.0/24;", "location /in/ { allow 10.0.0.0/8; EDIT deny all; try_files $uri =404; }"),
        "access-widened",
    ),
    "a network that needs no password": (
        pair(
            "all",
            "any",
            "location /in/ { satisfy EDIT; allow 10.0.0.0/8; deny all; auth_basic x; auth_basic_user_file u; "
            "try_files $uri =404; }",
        ),
        "access-widened",
    ),
    "a client behind two proxies": (
        pair(
            "off",
            "on",
            "set_real_ip_from 10.0.0.0/8; real_ip_header X-Forwarded-For; real_ip_recursive EDIT; deny 203.0.113.0/24; "
            f"{PROXIED}",
        ),
        "lost",
    ),
    "a path that is decoded": (
        pair("", "/shop/", "location /shop/ { proxy_pass http://10.0.0.1EDIT; }"),
        "upstream-changed",
    ),
    "a body that is not passed on": (
        pair("on", "off", f"proxy_pass_request_body EDIT; {PROXIED}"),
        "upstream-headers-changed",
    ),
    "a body that is replaced": (
        pair("", "proxy_set_body '$request_body&y=1';", f"EDIT {PROXIED}"),
        "upstream-headers-changed",
    ),
    "FastCGI's body": (
        pair("on", "off", "location / { fastcgi_pass 10.0.0.1:9000; fastcgi_pass_request_body EDIT; }"),
        "upstream-headers-changed",
    ),
    "a cache that two hosts share": (
        pair(
            "$host",
            "",
            f"server_name *.shop.test; proxy_cache all; proxy_cache_valid 1h; proxy_cache_key EDIT$request_uri; {PROXIED}",
            "proxy_cache_path /var/cache/all keys_zone=all:1m;",
        ),
        "upstream-changed",
    ),
    "expiry by the file's own time": (pair("modified 1h", "1h", "root /srv; expires EDIT;"), "headers-changed"),
    "expiry by the file's own time, of another length": (
        pair("modified 1h", "modified 50000h", "root /srv; expires EDIT;"),
        "headers-changed",
    ),
    "the order of names": ((named("~^wx", "~t$"), named("~t$", "~^wx")), "file-changed"),
    "a wildcard before a regex": ((named("~^q.*x", "other.test"), named("~^q.*x", "*.x.test")), "file-changed"),
}


@pytest.mark.parametrize("name", SHOWN)
def test_it_is_shown(name: str) -> None:
    (before, after), wanted = SHOWN[name]
    _check, report = compare_folders(folder(before), folder(after))
    assert wanted in {each.name for each in report.changes}
    assert "shown" in {each.state for each in report.accounts}


def test_a_page_that_was_hidden_by_a_404_is_told_and_does_not_stop() -> None:
    old, new = pair("location /beta/ { return 404; }", "", f"EDIT {PROXIED}")
    _check, report = compare_folders(folder(old), folder(new))
    assert report.changes
    assert [each.name for each in report.gate()] == []


def test_ipv4_is_lost_with_a_socket_of_both_families() -> None:
    both, one = (site("return 200 ok;", listen=f"[::]:80{each}") for each in (" ipv6only=off", ""))
    _check, report = compare_folders(folder(both), folder(one))
    found = {(each.name, each.where) for each in report.gate() for each in [each.reason]}  # type: ignore[union-attr]
    assert ("outage", "whole listener *:80") in found


def test_other_servers_of_a_socket_of_both_families_are_asked_by_ipv4_too() -> None:
    head = "server { listen [::]:80 ipv6only=off; server_name a.test; return 200 a; }"
    check, report = compare_folders(
        *(
            folder(f"http {{ {head} server {{ listen [::]:80; server_name b.test; return 200 {each}; }} }}")
            for each in "bc"
        )
    )
    assert {each.address for each in check.plan.listens} == {"::", "0.0.0.0"}
    assert {each.name for each in report.changes} == {"file-changed"}


#: Changes whose effect depends on what is not here: before, after, and the reason.
UNKNOWN: dict[str, tuple[tuple[str, str], str]] = {
    "the file of a switch": (
        pair("off", "closed", f"if (-f /srv/EDIT) {{ return 503; }} {PROXIED}"),
        "whether the file of a switch is there only the host knows",
    ),
    "the key of a limit": (
        pair(
            "2",
            "3",
            "limit_req zone=z; return 200 ok;",
            "map $arg_v $kind { default ''; EDIT x; } limit_req_zone $kind zone=z:1m rate=1r/s;",
        ),
        "no request was found that reaches a block whose answer reads the variable",
    ),
    "copies of the very time": (
        pair("exact", "off", "root /srv; if_modified_since EDIT;"),
        "no request that ends where it holds has a copy of the very time",
    ),
    "a listing": (
        pair("off", "on", "root /srv; location /pub/ { autoindex EDIT; }"),
        "no request is for a folder without an index page",
    ),
    "whether an upstream's answer is buffered": (
        pair("X-Accel-Buffering", "X-Accel-Limit-Rate", f"proxy_ignore_headers EDIT; {PROXIED}"),
        "no request",
    ),
    "a variable that no client decides": (
        pair("ssl_client_s_dn", "ssl_client_i_dn", f"rewrite ^/show$ /item/$EDIT break; {PROXIED}"),
        "its value depends on $ssl_client_i_dn, which no request is made for",
    ),
    "a map's regex that cannot be searched": (
        pair(r"(x)\1$", r"(x)(?:\1)$", "return 200 $kind;", "map $arg_v $kind { default 1; ~^EDIT 2; }"),
        "no value was found on which the tables differ",
    ),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_nothing_is_claimed(name: str) -> None:
    (before, after), reason = UNKNOWN[name]
    _check, report = compare_folders(folder(before), folder(after))
    told = {each.state: each.reason for each in report.accounts}
    assert reason in told.get("not-exercised", "")
    assert "without-effect" not in told


@pytest.mark.parametrize("modifier", [0, 5, 14, 30])
def test_a_stub_answers_uwsgi_of_every_kind(modifier: int) -> None:
    uwsgi = "location / { uwsgi_pass 10.0.0.1:9000; uwsgi_param REQUEST_METHOD $request_method; EDIT }"
    before, after = pair("", f"uwsgi_modifier1 {modifier};", uwsgi)
    _check, report = compare_folders(folder(before), folder(after))
    assert report.changes == []
