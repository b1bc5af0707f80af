# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is a change, of which kind and risk, and what is none."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.failsafe.nginx.plugins.plugin_utils._diff import Diff

Compare = t.Callable[..., Diff]


def said(found: Diff) -> list[tuple[str, str, str]]:
    return [(change.kind, change.risk, change.line.removeprefix("server a.example: ")) for change in found.changes]


#: Two spellings of one thing in a server.
SAME = [
    ("listen 8080;", "listen 0.0.0.0:8080;"),
    ("listen *:8080;", "listen 8080 ;  # port"),
    ("listen [::]:8080 default_server;", "listen [0:0::0]:8080 default;"),
    ("listen 81 ssl default_server;", "listen 81 default_server ssl;"),
    ("listen 8000-8010;", "listen *:8000-8010;"),
    ("location ~x { return 404; }", "location ~ x { return 404; }"),
    ("location =/x { return 404; }", "location = /x { return 404; }"),
    ("location /a { return 1; } location /b { return 2; }", "location /b { return 2; } location /a { return 1; }"),
    ("location ~ x { return 1; } location /b { return 2; }", "location /b { return 2; } location ~ x { return 1; }"),
    ("root /srv; index a;", "index a; root /srv;"),
    ('root "/srv";', "root '/srv';"),
    ("root /srv/${host}/x;", "root /srv/$host/x;"),
    ("error_page 404 500 /x;", "error_page 500 404 /x;"),
    ("add_header A 1; add_header B 2;", "add_header B 2; add_header A 1;"),
    ("types { text/html html htm; }", "types { text/html htm html; }"),
    ("limit_req zone=a burst=3 nodelay;", "limit_req burst=3 zone=a nodelay;"),
    ("error_page 404 /a; error_page 500 /b;", "error_page 500 /b; error_page 404 /a;"),
    ("proxy_cache_valid 200 1h; proxy_cache_valid 404 1m;", "proxy_cache_valid 404 1m; proxy_cache_valid 200 1h;"),
    ("if ($a) { return 1; }", "if ( $a ) {\n return 1;\n}"),
    ("proxy_cache_valid 200 302 1h;", "proxy_cache_valid 302 200 1h;"),
]


@pytest.mark.parametrize(("before", "after"), SAME)
def test_another_spelling_is_no_change(compare_server: Compare, before: str, after: str) -> None:
    found = compare_server(before, after)
    assert said(found) == []
    assert found.empty
    assert found.cosmetic_files == ["nginx.conf"]


#: What changed in a server: before, after, and every change.
CHANGES = [
    ("", "root /srv;", [("added", "routing", "+ root /srv")]),
    ("root /srv;", "", [("removed", "routing", "- root /srv")]),
    ("root /a;", "root /b;", [("changed", "routing", "root /a -> /b")]),
    ("add_header X 1;", "add_header x 1;", [("changed", "headers", "add_header X 1 -> x 1")]),
    ("add_header X 1;", "add_header X 2;", [("changed", "headers", "add_header X 1 -> 2")]),
    (
        "add_header X 1;",
        "add_header Y 1;",
        [("added", "headers", "+ add_header Y 1"), ("removed", "headers", "- add_header X 1")],
    ),
    ("root '/a b';", "root '/a  b';", [("changed", "routing", "root '/a b' -> '/a  b'")]),
    ("allow 10.0.0.1;", "deny 10.0.0.1;", [("changed", "access-control", "allow 10.0.0.1 -> deny 10.0.0.1")]),
    (
        "allow 10.0.0.1; deny all;",
        "deny all; allow 10.0.0.1;",
        [("reordered", "access-control", "allow 10.0.0.1 now after deny all")],
    ),
    (
        "set $a 1; rewrite ^ /x;",
        "rewrite ^ /x; set $a 1;",
        [("reordered", "routing", "set $a 1 now after rewrite ^ /x")],
    ),
    (
        "location ~ a {} location ~ b {}",
        "location ~ b {} location ~ a {}",
        [("reordered", "routing", "location ~ a now after location ~ b")],
    ),
    (
        "ssl_certificate a; ssl_certificate b;",
        "ssl_certificate b; ssl_certificate a;",
        [("reordered", "tls", "ssl_certificate a now after ssl_certificate b")],
    ),
    (
        "location /a { root /x; }",
        "location ^~ /a { root /x; }",
        [("changed", "routing", "location /a -> location ^~ /a")],
    ),
    ("location /a { root /x; }", "location /b { root /x; }", [("renamed", "routing", "location /a -> location /b")]),
    (
        "location /a { root /x; }",
        "location /b { root /y; }",
        [
            ("removed", "routing", "- location /a (1 directive)"),
            ("added", "routing", "+ location /b (1 directive)"),
        ],
    ),
    (
        "location /a { internal; root /x; }",
        "",
        [("removed", "access-control", "- location /a (2 directives)")],
    ),
    (
        "if ($a = 1) { return 1; }",
        "if ($a = 2) { return 1; }",
        [("changed", "routing", "if ($a = 1) -> if ($a = 2)")],
    ),
    (
        "rewrite ^/a /b last;",
        "rewrite ^/a$ /b last;",
        [("changed", "routing", "rewrite ^/a /b last -> ^/a$ /b last")],
    ),
    ("listen 81;", "listen 81 ssl;", [("changed", "tls", "listen 81 -> 81 ssl")]),
    ("client_max_body_size 1m;", "client_max_body_size 2m;", [("changed", "tuning", "client_max_body_size 1m -> 2m")]),
    ("frobnicate on;", "frobnicate off;", [("changed", "code", "frobnicate on -> off")]),
    ("access_log /a;", "access_log /b;", [("changed", "logging", "access_log /a -> /b")]),
    ("error_page 404 /a;", "error_page 404 /b;", [("changed", "routing", "error_page 404 /a -> /b")]),
    ("try_files $uri /a;", "try_files /a $uri;", [("changed", "routing", "try_files $uri /a -> /a $uri")]),
    (
        "location / { limit_except GET { deny all; } }",
        "location / { limit_except GET POST { deny all; } }",
        [("changed", "access-control", "location /: limit_except GET -> limit_except GET POST")],
    ),
    (
        "proxy_redirect a b; proxy_redirect c d;",
        "proxy_redirect c d; proxy_redirect a b;",
        [("reordered", "routing", "proxy_redirect a b now after proxy_redirect c d")],
    ),
    (
        "content_by_lua_block { a() }",
        "content_by_lua_block {\n a()\n b()\n}",
        [("changed", "code", "content_by_lua_block { 1 line } -> content_by_lua_block { 2 lines }")],
    ),
]


#: Nearly the same, and yet another thing to nginx.
NOT_THE_SAME = [
    ("auth_basic off;", "auth_basic OFF;"),
    ("access_log off;", "access_log OFF;"),
    ("listen localhost:81;", "listen 127.0.0.1:81;"),
    ("error_page 404 /a; error_page 404 500 /b;", "error_page 404 500 /b; error_page 404 /a;"),
    ("proxy_cache_valid any 1m; proxy_cache_valid 200 1h;", "proxy_cache_valid 200 1h; proxy_cache_valid any 1m;"),
    ("proxy_cache_valid 1m; proxy_cache_valid 302 1h;", "proxy_cache_valid 302 1h; proxy_cache_valid 1m;"),
    ("types { a/a x; b/b x y; }", "types { b/b x y; a/a x; }"),
    ("server_name ~^(?<a>.) ~^(?<b>.);", "server_name ~^(?<b>.) ~^(?<a>.);"),
    ("sub_filter a b; sub_filter ab c;", "sub_filter ab c; sub_filter a b;"),
    ("more_set_headers a; more_clear_headers a;", "more_clear_headers a; more_set_headers a;"),
    ("root /srv/${host}x;", "root /srv/$hostx;"),
    ('modsecurity_rules "${a} b";', 'modsecurity_rules "$a b";'),
    ('perl "${a} b";', 'perl "$a b";'),
    ("location /A { return 1; }", "location /a { return 1; }"),
    ("root /A;", "root /a;"),
    ("set $a a; set $a b;", "set $a b; set $a a;"),
    ("add_header X a; add_header x b;", "add_header x b; add_header X a;"),
    ("index a b;", "index b a;"),
]


@pytest.mark.parametrize(("before", "after"), NOT_THE_SAME)
def test_what_only_looks_alike_is_a_change(compare_server: Compare, before: str, after: str) -> None:
    assert compare_server(before, after).changes
    assert compare_server(after, before).changes


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("map $a $b { default 1; }", "map $a $b { Default 1; }"),
        (
            "geo $b { ranges; 1.1.1.1-1.1.1.9 a; 1.1.1.5-1.1.1.6 b; }",
            "geo $b { ranges; 1.1.1.5-1.1.1.6 b; 1.1.1.1-1.1.1.9 a; }",
        ),
        (
            "server { server_name x; } server { server_name .a; return 1; } server { server_name a; return 2; }",
            "server { server_name x; } server { server_name a; return 2; } server { server_name .a; return 1; }",
        ),
        ("map $a $b { ~x 1; }", "map $a $b { ~X 1; }"),
    ],
)
def test_what_only_looks_alike_in_http_is_a_change(compare_http: Compare, before: str, after: str) -> None:
    assert compare_http(before, after).changes
    assert compare_http(after, before).changes


@pytest.mark.parametrize(("before", "after", "expected"), CHANGES)
def test_a_change_in_a_server(
    compare_server: Compare, before: str, after: str, expected: list[tuple[str, str, str]]
) -> None:
    assert sorted(said(compare_server(before, after))) == sorted(expected)


#: What changed around servers.
HTTP_CHANGES = [
    (
        "upstream a { server 10.0.0.1; server 10.0.0.2; }",
        "upstream a { server 10.0.0.2:80 weight=1; server 10.0.0.1 max_fails=1; }",
        [],
    ),
    (
        "upstream a { ip_hash; server 10.0.0.1; server 10.0.0.2; }",
        "upstream a { ip_hash; server 10.0.0.2; server 10.0.0.1; }",
        [("reordered", "upstream", "upstream a: server 10.0.0.1 now after server 10.0.0.2")],
    ),
    (
        "upstream a { hash $uri consistent; server 10.0.0.1; server 10.0.0.2; }",
        "upstream a { hash $uri consistent; server 10.0.0.2; server 10.0.0.1; }",
        [],
    ),
    (
        "upstream a { server 10.0.0.1; }",
        "upstream a { server 10.0.0.1 weight=2; }",
        [("changed", "upstream", "upstream a: server 10.0.0.1 -> 10.0.0.1 weight=2")],
    ),
    (
        "upstream a { server 10.0.0.1; }",
        "upstream b { server 10.0.0.1; }",
        [("renamed", "upstream", "http: upstream a -> upstream b")],
    ),
    ("map $a $B { x 1; Y 2; }", "map $a $b { y 2; X 1; }", []),
    (
        "map $a $b { ~x 1; ~y 2; }",
        "map $a $b { ~y 2; ~x 1; }",
        [("reordered", "routing", "map $a $b: ~x 1 now after ~y 2")],
    ),
    ("map $a $b { x 1; }", "map $a $b { x 2; }", [("changed", "routing", "map $a $b: x 1 -> 2")]),
    ("map $a $b { x 1; }", "map $c $b { x 1; }", [("changed", "routing", "http: map $a $b -> map $c $b")]),
    (
        "split_clients $a $b { 10% x; * y; }",
        "split_clients $a $b { 20% x; * y; }",
        [("removed", "routing", "split_clients $a $b: - 10% x"), ("added", "routing", "split_clients $a $b: + 20% x")],
    ),
    (
        "split_clients $a $b { 10% x; 20% y; }",
        "split_clients $a $b { 20% y; 10% x; }",
        [("reordered", "routing", "split_clients $a $b: 10% x now after 20% y")],
    ),
    (
        "server { listen 80; server_name a; return 1; }",
        "server { listen 80; server_name a b; return 1; }",
        [("changed", "routing", "server a: server_name + b")],
    ),
    (
        "server { listen 80; server_name a B; return 1; }",
        "server { server_name b a; listen 80; return 1; }",
        [("changed", "routing", "server b: server_name b is now the first")],
    ),
    (
        "server { listen 80; server_name a; server_name c b; return 1; }",
        "server { listen 80; server_name a b c; return 1; }",
        [],
    ),
    (
        "server { listen 80; server_name a; return 1; }",
        "server { listen 80; server_name b; return 1; }",
        [("renamed", "routing", "server a renamed to b")],
    ),
    (
        "server { listen 80; server_name a; return 1; }",
        "server { listen 80; server_name a; return 1; } server { listen 80; server_name b; return 2; }",
        [("added", "routing", "http: + server b (3 directives)")],
    ),
    (
        "server { listen 80; server_name ~a; return 1; } server { listen 80; server_name ~b; return 2; }",
        "server { listen 80; server_name ~b; return 2; } server { listen 80; server_name ~a; return 1; }",
        [
            ("reordered", "routing", "http: server ~a now after server ~b"),
            ("changed", "routing", "default server of *:80: ~a (nginx.conf:3) -> ~b (nginx.conf:3)"),
        ],
    ),
]


@pytest.mark.parametrize(("before", "after", "expected"), HTTP_CHANGES)
def test_a_change_in_http(compare_http: Compare, before: str, after: str, expected: list[tuple[str, str, str]]) -> None:
    assert sorted(said(compare_http(before, after))) == sorted(expected)


def test_the_contract_of_a_change(compare: Compare) -> None:
    files = {
        "nginx.conf": "events {}\nhttp {\n  include conf.d/*.conf;\n}\n",
        "conf.d/a.conf": "server {\n  server_name a.example b.example;\n  location /api/ {\n    proxy_pass http://a;\n  }\n}\n",
    }
    after = dict(files)
    after["conf.d/a.conf"] = "# hello\n" + files["conf.d/a.conf"].replace("http://a", "http://b")
    found = compare(files, after)
    assert [change.as_dict() for change in found.changes] == [
        {
            "kind": "changed",
            "risk": "upstream",
            "before": {"file": "conf.d/a.conf", "line": 4},
            "after": {"file": "conf.d/a.conf", "line": 5},
            "block": "http > server a.example > location /api/",
            "servers": ["a.example", "b.example"],
            "line": "server a.example: location /api/: proxy_pass http://a -> http://b",
            "before_text": "proxy_pass http://a;",
            "after_text": "proxy_pass http://b;",
            "lost": [],
        }
    ]


def test_a_shared_snippet_is_told_once(compare: Compare) -> None:
    files = {
        "nginx.conf": "events {}\nhttp { include conf.d/*; }\n",
        "conf.d/a": "server { server_name a; location / { include s; } } server { server_name b; include s; }",
        "s": "proxy_read_timeout 1s;\n",
    }
    found = compare(files, {**files, "s": "proxy_read_timeout 2s;\n"})
    assert [(change.line, change.servers) for change in found.changes] == [
        ("server a: location /: proxy_read_timeout 1s -> 2s (and in 1 more place)", ("a", "b"))
    ]
    assert found.cosmetic_files == []


def test_moving_between_files_is_cosmetic(compare: Compare) -> None:
    one = {"nginx.conf": "events {} http { server { listen 80; root /srv; } }"}
    two = {
        "nginx.conf": "events {} http { include conf.d/*; }",
        "conf.d/a": "server { listen 80;\n include root; }",
        "root": "# where\nroot /srv;",
    }
    found = compare(one, two)
    assert found.empty
    assert found.cosmetic_files == ["conf.d/a", "nginx.conf", "root"]
    assert found.summary["text"] == "0 to add, 0 to change, 0 to remove; 0 moved; 3 files cosmetic only"


def test_a_renamed_file_is_one_cosmetic_file(compare: Compare) -> None:
    main = "events {} http { include conf.d/*; }"
    found = compare({"nginx.conf": main, "conf.d/a": "gzip on;"}, {"nginx.conf": main, "conf.d/b": "gzip on;"})
    assert (found.changes, found.cosmetic_files) == ([], ["conf.d/b"])


def test_a_snippet_that_comes_with_its_server_is_not_cosmetic(compare: Compare) -> None:
    before = {"nginx.conf": "events {} http { include conf.d/*; }", "conf.d/a": "gzip on;\n"}
    after = {**before, "conf.d/b": "server { include s; }", "s": "location / { root /x; }", "conf.d/a": "gzip  on;\n"}
    assert compare(before, after).cosmetic_files == ["conf.d/a"]
    assert compare(after, before).cosmetic_files == ["conf.d/a"]


def test_a_location_moves_to_another_server(compare_http: Compare) -> None:
    location = "location /x/ { root /srv; index a; }"
    before = f"server {{ server_name a; {location} }} server {{ server_name b; }}"
    after = f"server {{ server_name a; }} server {{ server_name b; {location} }}"
    found = compare_http(before, after)
    assert said(found) == [
        ("moved", "routing", "server b: location /x/ (2 directives) moved here from server a"),
    ]
    assert found.changes[0].servers == ("a", "b")
    assert found.summary["move"] == 1


def test_a_directive_moves_outwards_only(compare_http: Compare) -> None:
    before = "server { server_name a; client_max_body_size 5m; } server { server_name b; root /x; }"
    out = "client_max_body_size 5m; server { server_name a; } server { server_name b; root /x; }"
    assert said(compare_http(before, out)) == [
        ("moved", "tuning", "http: client_max_body_size 5m moved here from server a")
    ]
    aside = "server { server_name a; } server { server_name b; root /x; client_max_body_size 5m; }"
    assert sorted(kind for kind, _risk, _line in said(compare_http(before, aside))) == ["added", "removed"]


def test_a_directive_moves_into_http(compare: Compare) -> None:
    found = compare("error_log /a;\nevents {}\nhttp {}\n", "events {}\nhttp { error_log /a; }\n")
    assert said(found) == [("moved", "logging", "http: error_log /a moved here from main")]


def test_the_summary_counts(compare_http: Compare) -> None:
    before = "gzip on; server { server_name a; root /a; } server { server_name c; return 1; }"
    after = "server { server_name a; root /b; } server { server_name d; listen 81; return 2; }"
    found = compare_http(before, after)
    assert found.summary["text"].startswith(
        f"{found.summary['add']} to add, {found.summary['change']} to change, {found.summary['remove']} to remove ("
    )
    assert sum(found.summary["risks"].values()) == len(found.changes)
    assert [change.risk for change in found.changes] == sorted(
        (change.risk for change in found.changes), key=list(found.summary["risks"]).index
    )


def test_an_include_that_is_elsewhere_counts(compare: Compare) -> None:
    found = compare(
        "events {} http { include /etc/other/*.conf; }", "events {} http { include /etc/others/*.conf; }", partial=True
    )
    assert said(found) == [("changed", "routing", "http: include /etc/other/*.conf -> /etc/others/*.conf")]
