# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What patterns let through, what variables can become, and what that costs."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import load_files
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint import lint, registry
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.foreign_origins import foreign_origin
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.regex_charsets import (
    backtracks,
    group_charset,
    whole_charset,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context


def context(block: str) -> Context:
    return Context(load_files({"nginx.conf": f"events {{}}\nhttp {{\n{block}\n}}\n".encode()}, config_dir="/etc/nginx"))


def rules(block: str) -> list[str]:
    found = context(block)
    return [f.rule for rule in ("header-splitting", "ssrf") for f in registry.module(rule).check(found)]


@pytest.mark.parametrize(
    ("pattern", "splits"),
    [
        (r"^/(.*)$", False),
        (r"(?s)^/(.*)$", True),
        (r"^/(?s:(.*))$", True),
        (r"^/([^/]+)/$", True),
        (r"^/([^/\s]+)/$", False),
        (r"^/([^\n]+)/$", False),
        (r"^/(\w+)$", False),
        (r"^/(\W+)$", True),
        (r"^/(\S+)$", False),
        (r"^/([\s\S]*)$", True),
        (r"^/([[:alnum:]]+)$", False),
        (r"^/(a|[^b])$", True),
        (r"^/((?:x|\s)+)$", True),
        (r"^/(?<n>[a-z]+)$", False),
        (r"^/((?>[^.]+))$", True),
        (r"(unclosed", None),
        (r"^/none$", None),
    ],
)
def test_which_groups_hold_a_line_feed(pattern: str, *, splits: bool | None) -> None:
    reach = group_charset(pattern, 1)
    assert (None if reach is None else "\n" in reach.holds and reach.free) is splits


@pytest.mark.parametrize(
    ("pattern", "rooted"),
    [
        ("(/.*)$", True),
        ("(/.*)?$", True),
        ("(.*)$", False),
        ("(/|$)", True),
        ("([/?].*)", True),
        ("(a/)", False),
        ("(/?x)", False),
    ],
)
def test_which_groups_begin_a_path(pattern: str, *, rooted: bool) -> None:
    reach = group_charset(pattern, 1)
    assert reach is not None
    assert reach.rooted is rooted


def test_only_an_anchored_pattern_bounds_the_whole() -> None:
    assert "\n" not in whole_charset(r"^/[\w/]+$").holds
    assert "\n" in whole_charset(r"/[\w/]+$").holds
    assert "\n" in whole_charset(r"^/[\w/]+").holds
    assert "\n" in whole_charset(r"^/a$|/b").holds
    assert "\n" in whole_charset(r"(?m)^/[\w/]+$").holds


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("^(a+)+$", "(a+)+"),
        (r"^/([\w-]*)*/$", r"([\w-]*)*"),
        ("^(a+)+", ""),
        ("^(a+)$", ""),
        ("^(?:[a-z]+/)+$", ""),
        ("^(?:a++)+$", ""),
        ("^([a-z]{2})+$", ""),
        ("((", ""),
    ],
)
def test_which_patterns_go_back_too_often(pattern: str, found: str) -> None:
    assert backtracks(pattern) == found


@pytest.mark.parametrize(
    ("pattern", "origin"),
    [
        (r"^https://(.*\.)?example\.com$", ""),
        (r"^https?://(www|api)\.example\.com(:\d+)?$", ""),
        (r"^(https?://)?(localhost|127\.0\.0\.1)(:[0-9]+)?$", ""),
        (r".*", ""),
        (r"^https://.+$", ""),
        (r"((", ""),
        (r"example\.com$", "https://evilexample.com"),
        (r"^https://www\.example\.com", "https://www.example.com.evil.test"),
        (r"^https://www.example\.com$", "https://wwwxexample.com"),
    ],
)
def test_foreign_origins(pattern: str, origin: str) -> None:
    assert foreign_origin(pattern, caseless=False) == origin


@pytest.mark.parametrize(
    ("body", "found"),
    [
        # The nearest `set` decides.
        ("set $x $uri; location / { set $x a; return 301 https://a/$x; }", []),
        ("set $x a; location / { set $x $uri; return 301 https://a/$x; }", ["header-splitting"]),
        ("set $x a; location / { if ($arg_a) { set $x $uri; } return 301 https://a/$x; }", ["header-splitting"]),
        # A named location is reached from another one.
        ("location / { set $x $uri; try_files /a @b; } location @b { return 301 https://a/$x; }", ["header-splitting"]),
        # What a rewrite captured replaces what the location did; one that leaves does not.
        ("location / { rewrite ^/([^.]*)$ /b/$1; return 301 https://a/$1; }", ["header-splitting"]),
        ("location ~ ^/(.*)$ { rewrite ^/([^.]*)$ /b/$1 last; return 301 https://a/$1; }", []),
        ("location / { rewrite ^/([^.]*)$ /b break; proxy_pass http://127.0.0.1/$1; }", ["header-splitting"]),
        # Nothing decodes these.
        ("location / { return 301 https://a/?u=$arg_u$http_x$cookie_y$args$host$http_host; }", []),
        ("if ($http_x ~ ^([^.]*)$) { return 301 https://a/$1; }", []),
        ("if ($uri ~ ^/([^.]*)$) { return 301 https://a/$1; }", ["header-splitting"]),
        ("if ($uri = /a) { return 301 https://a$uri; }", []),
        ("location / { return 200 $uri; }", []),
        ("location / { fastcgi_param A $uri; fastcgi_pass unix:/x; }", []),
        # The host stands before the variable, or is chosen elsewhere.
        ("location / { set $t http://10.0.0.1$request_uri; proxy_pass $t; }", []),
        ("location / { set $t 10.0.0.1:80; proxy_pass http://$t/$arg_x; }", []),
        ("location / { proxy_pass http://10.0.0.1:80$arg_x; }", []),
        ("location / { proxy_pass http://a.internal$arg_x; }", ["ssrf"]),
        ("location / { proxy_pass http://$arg_x.internal; }", ["ssrf"]),
        ("location / { fastcgi_pass $cookie_b; }", ["ssrf"]),
        ("location / { proxy_pass http://$cookie_b; if ($cookie_b != a) { return 403; } }", []),
        # Variables in a circle, and unknown ones.
        ("set $x $y; set $y $x; location / { return 301 https://a/$x; proxy_pass http://$y; }", []),
        ("location / { proxy_pass http://$lua_made; return 301 $other; }", []),
    ],
)
def test_flows(body: str, found: list[str]) -> None:
    assert rules(f"server {{ listen 80; server_name a.test; {body} }}") == found


WORDS = st.sampled_from(
    [
        *("set", "if", "rewrite", "return", "proxy_pass", "map", "location", "add_header", "error_page", "listen"),
        *("ssl", "ssl_ciphers", "ssl_protocols", "allow", "deny", "fastcgi_param", "fastcgi_pass", "proxy_set_header"),
        *("server_tokens", "autoindex", "valid_referers", "error_log", "keepalive", "upstream", "stub_status", "root"),
        *(
            "$uri",
            "$1",
            "$x",
            "${y}",
            "$arg_a",
            "$http_origin",
            "~",
            "~*",
            "=",
            "!~",
            "^(a+)+$",
            "^/(?<x>[^.]*)$",
            "(?R)",
        ),
        *(
            "80",
            "443",
            "http2",
            "off",
            "on",
            "all",
            "http://$x",
            "https://a$uri",
            "301",
            "Host",
            "Connection",
            "é",
            "a\\nb",
        ),
        *("Strict-Transport-Security", "max-age=", "($x", "x)", "default", ";", ";", ";", "{", "}", "'", "none"),
    ]
)


@settings(deadline=None, max_examples=300)
@given(st.lists(WORDS, max_size=60))
def test_no_input_makes_these_rules_fail(words: list[str]) -> None:
    for text in (" ".join(words), f"server {{ listen 80; location / {{ {' '.join(words)} }} }}"):
        lint(load_files({"nginx.conf": f"events {{}}\nhttp {{\n{text}\n}}\n".encode()}, config_dir="/etc/nginx"))
