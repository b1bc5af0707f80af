# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import gc
import re
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.failsafe.nginx.plugins.module_utils._common.server_names import NameTable
from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import Config, load_files
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing import RouteError
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.chain import Follower, normalise
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.files import is_file, is_folder, is_missing
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.listen import Socket, parse_sockets
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.outcome import Outcome, Request
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.pattern import (
    compile_pattern,
    compile_server_name,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.sampler import sample_pattern
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.samples import host_of, sample_hosts, sample_uris
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.select import Router
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.simulate import simulate
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.template import parse_template, split_args
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.variables import Definitions


def load(block: str, **options: t.Any) -> Config:
    return load_files({"nginx.conf": f"events {{}}\nhttp {{\n{block}}}\n".encode()}, config_dir="/etc/nginx", **options)


def outcome(block: str, url: str = "/", host: str = "a.test", port: int = 80, **request: t.Any) -> Outcome:
    config = load(block)
    router = Router(config)
    listener = router.listener("*", port)
    assert listener is not None
    uri, _sep, args = url.partition("?")
    return simulate(router, Definitions(config), Request(listener, host, uri, args, **request))


def in_location(body: str, url: str = "/x", **request: t.Any) -> Outcome:
    return outcome(f"server {{ listen 80; server_name a.test; location / {{ {body} }} }}\n", url, **request)


def test_a_simulation_leaves_no_garbage_behind() -> None:
    """A lint pauses the collector and simulates a request per location: what refers to itself would stay until its end."""
    config = load("server { listen 80; location / { try_files $uri @app; } location @app { return 204; } }\n")
    router, definitions = Router(config), Definitions(config)
    listener = router.listener("*", 80)
    assert listener is not None
    simulate(router, definitions, Request(listener, "a.test", "/x", ""))
    gc.collect()
    gc.disable()
    try:
        assert simulate(router, definitions, Request(listener, "a.test", "/x", "")).kind
        assert gc.collect() == 0
    finally:
        gc.enable()


@pytest.mark.parametrize(
    ("text", "sockets"),
    [
        ("80", [Socket("*", 80)]),
        ("*:8080", [Socket("*", 8080)]),
        ("0.0.0.0:80", [Socket("*", 80)]),
        ("*", [Socket("*", 80)]),
        ("10.0.0.1", [Socket("10.0.0.1", 80)]),
        ("10.0.0.1:81", [Socket("10.0.0.1", 81)]),
        ("[::]:80", [Socket("[::]", 80)]),
        ("[::]", [Socket("[::]", 80)]),
        ("[0:0::0:1]:443", [Socket("[::1]", 443)]),
        ("localhost:8000", [Socket("127.0.0.1", 8000)]),
        ("unix:/run/a.sock", [Socket("unix:/run/a.sock", 0)]),
        ("80-82", [Socket("*", 80), Socket("*", 81), Socket("*", 82)]),
        ("Web.Example:80", [Socket("web.example", 80)]),
    ],
)
def test_listen_addresses(text: str, sockets: list[Socket]) -> None:
    assert list(parse_sockets(text)) == sockets


@pytest.mark.parametrize("text", ["80000", "*:0", "[::1", "[nope]:80", "10.0.0.1:http", "82-80", "[::]80"])
def test_what_is_no_listen_address(text: str) -> None:
    with pytest.raises(RouteError):
        list(parse_sockets(text))


def test_a_server_without_listen_is_on_port_80() -> None:
    assert list(Router(load("server { return 204; }\n")).listeners) == [Socket("*", 80)]


def test_the_default_server_is_the_first_or_the_one_that_says_so() -> None:
    block = "server {{ listen 80; server_name a; }}\nserver {{ listen 80 {}; server_name b; }}\n"
    for option, name in (("", "a"), ("default_server", "b"), ("default", "b")):
        listener = Router(load(block.format(option))).listeners[Socket("*", 80)]
        assert listener.default.first_name == name


def test_a_specific_address_comes_before_the_wildcard() -> None:
    router = Router(load("server { listen 80; }\nserver { listen 10.0.0.1:80; }\nserver { listen [::]:80; }\n"))
    for address, socket in (("10.0.0.1", "10.0.0.1"), ("10.0.0.2", "*"), ("[::1]", "[::]")):
        listener = router.listener(address, 80)
        assert listener is not None
        assert listener.socket.address == socket
    assert router.listener("*", 81) is None


@pytest.mark.parametrize(
    ("first", "second", "conflicts"),
    [
        ("a.test", "A.test", True),
        ("a.test", ".a.test", True),
        (".a.test", "*.a.test", True),
        ("*.a.test", ".a.test", True),
        ("a.test", "*.a.test", False),
        ("a.*", "a.*", True),
        ("a.*", "a.test", False),
        ("~^a", "~^a", False),
    ],
)
def test_names_that_conflict(first: str, second: str, *, conflicts: bool) -> None:
    table: NameTable[str] = NameTable(compile_server_name)
    assert table.add(first, "first") is None
    assert (table.add(second, "second") == "first") is conflicts


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        (r"^/(?<id>\d+)\z", "/12", True),
        (r"^/(?'id'\d+)$", "/12", True),
        (r"^/[[:alpha:]]+$", "/abc", True),
        (r"^/[[:digit:]x]+$", "/a", False),
        (r"^/[]a]+$", "/]a", True),
        (r"^/[^]a]+$", "/]", False),
        (r"(?<!x)/y", "z/y", True),
        (r"^/\d$", "/\u0663", False),
        (r"^/a\h+b$", "/a b", True),
        (r"\[x\]", "[x]", True),
    ],
)
def test_pcre_spelling(pattern: str, text: str, *, matches: bool) -> None:
    compiled = compile_pattern(pattern)
    assert compiled is not None
    assert (compiled.search(text) is not None) is matches


@pytest.mark.parametrize("pattern", ["(", r"(?R)", r"a(?i)b", r"\Qa\E", "[[:nope:]"])
def test_what_python_cannot_read_is_unknown(pattern: str) -> None:
    assert compile_pattern(pattern) is None


@given(st.text(max_size=40))
def test_no_pattern_makes_the_compiler_or_sampler_fail(pattern: str) -> None:
    compiled = compile_pattern(pattern)
    assert compiled is None or isinstance(compiled, re.Pattern)
    for sample in sample_pattern(pattern):
        assert compiled is not None
        assert compiled.search(sample.text)
        assert sample.text.startswith("/")


@pytest.mark.parametrize(
    ("pattern", "text", "open_segments"),
    [
        (r"\.php$", "/x.php", {"x.php"}),
        (r"^/index\.php(/|$)", "/index.php/", set()),
        (r"^/(a|b)/(.+)$", "/a/x", {"x"}),
        (r"^/p/([0-9]{2})$", "/p/00", set()),
        (r"^/(.+)/index\.php$", "/x/index.php", {"x"}),
        (r"^/(\w+)/\1$", "/x/x", {"x"}),
        (r"^/[^/]+$", "/x", {"x"}),
    ],
)
def test_samples_of_patterns(pattern: str, text: str, open_segments: set[str]) -> None:
    first = sample_pattern(pattern)[0]
    assert first.text == text
    assert first.open_segments == open_segments


def test_templates() -> None:
    assert [tuple(part) for part in parse_template("a${B}c$1$d_e/")] == [
        ("a", "", -1),
        ("", "b", -1),
        ("c", "", -1),
        ("", "", 1),
        ("", "d_e", -1),
        ("/", "", -1),
    ]
    uri, args = split_args("/x$1?a=$2?")
    assert [part.literal for part in uri] == ["/x", ""]
    assert args is not None
    assert [part.literal for part in args] == ["a=", "", "?"]
    assert split_args("/x")[1] is None


@given(st.text())
def test_a_template_loses_nothing(text: str) -> None:
    assert "".join(p.literal for p in parse_template(text.replace("$", ""))) == text.replace("$", "")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("", "/"),
        ("/a//b", "/a/b"),
        ("/a/../b", "/b"),
        ("/a/./b/", "/a/b/"),
        ("/a/b/..", "/a/"),
        ("/%61", "/a"),
        ("/../x", None),
        ("x", None),
        ("/.well-known/x", "/.well-known/x"),
    ],
)
def test_paths_as_nginx_sees_them(path: str, expected: str | None) -> None:
    assert normalise(path) == expected


def test_what_is_assumed_of_files() -> None:
    missing = frozenset({"x"})
    assert is_file("/index.html", missing)
    assert not is_file("/app", missing)
    assert not is_file("/x.html", missing)
    assert not is_file("/x/index.html", missing)
    assert not is_file("/.hidden", missing)
    assert is_folder("/app/", missing)
    assert not is_folder("/x/", missing)
    assert is_missing("/a/x", missing)
    assert not is_missing("/xyz/index.html", missing)
    assert is_missing("/index.php/posts.css", frozenset())
    assert is_missing("index.html", frozenset())


@pytest.mark.parametrize(
    "body",
    [
        "if ($http_x_forwarded_proto = http) { return 301 /; }",
        "if ($cookie_a) { return 301 /; }",
        "if ($remote_addr = 10.0.0.1) { rewrite ^ /y last; }",
        "return 301 https://$http_x_host/;",
        "rewrite ^ /$cookie_a last;",
        "try_files $cookie_a /x;",
        "if (-f /etc/maintenance) { return 302 /; }",
        "if ($uri ~ (?R)) { return 301 /; }",
        "rewrite (?R) / last;",
        "access_by_lua_block { ngx.exit(403) } try_files $uri /y;",
        "rewrite_by_lua_block { ngx.redirect('/') } try_files $uri /y;",
        "if ($http_a) { add_header A b; } try_files $uri /y;",
        "set_by_lua_block $a { return 1 } if ($a) { return 301 /; }",
        "set $a $http_b; return 301 /$a;",
        "error_page 404 /$cookie_x; return 404;",
        "error_page 301 /x; return 301 /;",
    ],
)
def test_what_cannot_be_decided_is_unknown(body: str) -> None:
    assert in_location(body).kind == "unknown"


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        ("if ($http_user_agent ~ bot) { return 403; } return 204;", "return", 204),
        ("if ($http_a) { set $b 1; } return 204;", "return", 204),
        ("try_files $uri =404;", "return", 404),
        ("try_files $uri /index.html;", "content", 200),
        ("try_files /m.html $uri =404;", "content", 200),
        ("if (!-e $request_filename) { return 410; } return 204;", "return", 410),
        ("if (-f $document_root$uri) { return 410; } return 204;", "return", 204),
        ("if (-f $document_root/maintenance.html) { return 503; } return 204;", "return", 204),
        ("deny all; try_files $uri /y;", "return", 403),
        ("allow 10.0.0.1; deny all; try_files $uri =410;", "return", 410),
        ("return 444;", "return", 444),
        ("error_page 404 = @x; return 404;", "missing-named-location", 500),
        ("error_page 500 =200 /ok.html; try_files $uri @x;", "content", 200),
        ("error_page 500 =200 /ok.html; rewrite ^/x$ $empty; set $empty '';", "content", 200),
        ("proxy_pass http://127.0.0.1:1;", "content", 200),
    ],
)
def test_what_can_be_decided(body: str, kind: str, status: int) -> None:
    got = in_location(body, missing=frozenset({"x"}))
    assert (got.kind, got.status) == (kind, status)


@pytest.mark.parametrize(
    ("body", "url", "location"),
    [
        ("if ($uri ~ ^/(x)) { set $a $1; } if ($http_a ~ z) { return 403; } return 302 /$1;", "/x", "http://a.test/"),
        ("if ($arg_Name = b) { return 302 /yes; }", "/x?NAME=b&name=c", "http://a.test/yes"),
        ("if ($arg_name = %62) { return 302 /raw; }", "/x?name=%62", "http://a.test/raw"),
        ("index index.php; location ~ php$ { return 302 $uri; }", "/x/", "http://a.test/x/index.php"),
    ],
)
def test_redirects_as_nginx_has_them(body: str, url: str, location: str) -> None:
    assert in_location(body, url).location == location


@pytest.mark.parametrize(
    "body",
    [
        "if ($http_a ~ (z)) { set $b 1; } return 302 /$1;",
        "if ($http_a !~ (z)) { return 403; } return 302 /$1;",
        "try_files /app/ /y;",
        "location ~ html$ { return 302 /; }",
    ],
)
def test_what_depends_on_files_or_headers_is_unknown(body: str) -> None:
    assert in_location(body, "/x/").kind == "unknown"


def test_allow_and_deny_are_one_list() -> None:
    body = "location /x { error_page 403 /y; deny all; } location = /y { return 200 no; }"
    assert in_location("allow 10.0.0.1; deny all; " + body).status == 403
    assert in_location("deny 10.0.0.1; deny all;").kind == "content"


def test_ssl_on_is_the_default_servers() -> None:
    block = "server { listen 443; ssl on; server_name a.test; }\nserver { listen 443; server_name b.test; }\n"
    assert Router(load(block)).listeners[Socket("*", 443)].ssl


@pytest.mark.parametrize(("address", "loops"), [("192.0.2.2", True), ("127.0.0.1", False)])
def test_nobody_is_redirected_to_loopback(address: str, *, loops: bool) -> None:
    config = load(
        "server { listen 192.0.2.1:443 ssl; server_name a.test; return 301 http://a.test:8081$request_uri; }\n"
        f"server {{ listen {address}:8081; server_name a.test; return 301 https://a.test$request_uri; }}\n"
    )
    router = Router(config)
    request = Request(router.listeners[Socket("192.0.2.1", 443)], "a.test", "/")
    assert Follower(router, Definitions(config)).follow(request).loops is loops


@pytest.mark.parametrize(("port", "loops"), [(80, True), (8080, False)])
def test_a_name_on_another_port_may_be_somebody_elses(port: int, *, loops: bool) -> None:
    config = load(
        "server { listen 443 ssl; server_name a.test; return 301 https://b.test/; }\n"
        f"server {{ listen {port}; server_name b.test; return 204; }}\n"
    )
    router = Router(config)
    request = Request(router.listeners[Socket("*", 443)], "a.test", "/")
    assert Follower(router, Definitions(config)).follow(request).loops is loops


def test_the_request_uri_is_what_the_client_writes() -> None:
    block = (
        "server { listen 80; server_name a.test; location = /x { return 302 /a%20b; }\n"
        '    if ($request_uri = "/a%20b") { return 204; } location "/a b" { return 302 /x; } }\n'
    )
    config = load(block)
    router = Router(config)
    request = Request(router.listeners[Socket("*", 80)], "a.test", "/x")
    assert [hop.outcome.status for hop in Follower(router, Definitions(config)).follow(request).hops] == [302, 204]


def test_an_unknown_location_regex_hides_what_follows() -> None:
    block = "server { listen 80; location = /a { return 204; } location ~ (?R) { } location / { return 301 /b; } }\n"
    assert outcome(block, "/a").kind == "return"
    assert outcome(block, "/x").kind == "unknown"


def test_a_map_keeps_its_value_for_the_whole_request() -> None:
    block = "map $uri $m { {volatile} /a /b; /b /c; }\nserver { listen 80; if ($m) { rewrite ^ $m; } location / { error_page 404 = /b; return 404; } }\n"
    kept = outcome(block.replace("{volatile}", ""), "/a")
    fresh = outcome(block.replace("{volatile}", "volatile;"), "/a")
    assert [step.to for step in kept.trace if step.directive.name == "rewrite"] == ["/b", "/b"]
    assert [step.to for step in fresh.trace if step.directive.name == "rewrite"] == ["/b", "/c"]


def test_ten_changes_are_fine_and_eleven_are_not() -> None:
    def chain(length: int) -> Outcome:
        rules = "".join(f"location = /{n} {{ rewrite ^ /{n + 1} last; }}\n" for n in range(length))
        return outcome(f"server {{ listen 80; {rules} location / {{ return 204; }} }}\n", "/0")

    assert chain(10).kind == "return"
    assert chain(11).kind == "internal-cycle"


def test_a_request_needs_a_path() -> None:
    with pytest.raises(RouteError):
        outcome("server { listen 80; }\n", "x")


def test_files_that_are_elsewhere_make_it_unknown() -> None:
    block = "server { listen 80; server_name a.test; include site/*.conf; location / { try_files $uri /y; } }\n"
    for partial, kind in ((True, "unknown"), (False, "internal-cycle")):
        config = load(block, partial=partial)
        router = Router(config)
        listener = router.listeners[Socket("*", 80)]
        assert simulate(router, Definitions(config), Request(listener, "a.test", "/x")).kind == kind


@pytest.mark.parametrize(
    ("name", "host"),
    [
        ("a.test", "a.test"),
        ("*.a.test", "www.a.test"),
        (".a.test", "a.test"),
        ("mail.*", "mail.com"),
        ("~^(\\w+)\\.test$", "x.test"),
        ("_", None),
        ("", None),
        ("--", None),
        ("a b", None),
    ],
)
def test_hosts_of_names(name: str, host: str | None) -> None:
    assert host_of(name) == host


def test_sampled_requests() -> None:
    config = load(
        "map $uri $new { default ''; /old /newer; /newer /old; /lone /there; }\n"
        "server { listen 80; server_name a.test b.test; if ($new) { return 301 $new; } if ($uri = /eq) { return 404; }\n"
        "location /p/ { location ~ \\.css$ { } } location = /e { } location @n { } rewrite ^/r/(.*)$ /s/$1; }\n"
    )
    server = Router(config).servers[0]
    uris = [sample.uri for sample in sample_uris(server, Definitions(config))]
    assert uris[0] == "/"
    assert {"/p/", "/p", "/p/x", "/x.css", "/e", "/r/x", "/old", "/newer", "/lone", "/eq"} <= set(uris)
    assert sample_hosts(server, Definitions(config), default=True) == ["a.test", "b.test"]


def test_redirects_are_followed_only_where_the_answer_is_known() -> None:
    block = (
        "server { listen 80; server_name a.test; return 301 https://a.test/; }\n"
        "server { listen 443 ssl; server_name b.test; return 301 http://a.test/; }\n"
        "server { listen 8443; server_name a.test; return 204; }\n"
    )
    for partial, hops in ((False, 2), (True, 1)):
        config = load(block, partial=partial)
        router = Router(config)
        follower = Follower(router, Definitions(config))
        chain = follower.follow(Request(router.listeners[Socket("*", 80)], "a.test", "/"))
        assert len(chain.hops) == hops
        assert chain.loops is not partial
    request = Request(router.listeners[Socket("*", 80)], "a.test", "/")
    for location in (
        "https://elsewhere.test/",
        "https://a.test:8443/",
        "ftp://a.test/",
        "http://a.test:99999/",
        "http:///x",
    ):
        assert follower.target(request, Outcome("redirect", 301, location)) is None
