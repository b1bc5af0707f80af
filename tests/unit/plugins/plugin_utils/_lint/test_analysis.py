# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The analyses that several rules share, each on its own."""

from __future__ import annotations

import pytest

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import load_files
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.captures import missing_capture
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.conditions import if_comparison
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.inheritance import lost_settings
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.location_conditions import (
    conditions_in_locations,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.proxy_passes import (
    location_of,
    proxy_passes,
    upstreams_by_name,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context


def context(block: str) -> Context:
    return Context(load_files({"nginx.conf": f"events {{}}\nhttp {{\n{block}\n}}\n".encode()}, config_dir="/etc/nginx"))


@pytest.mark.parametrize(
    ("pattern", "text", "missing"),
    [
        ("^/(a)$", "/$1", None),
        ("^/(a)$", "/$2", (2, 1)),
        ("^/a$", "$1", (1, 0)),
        ("^/a$", "$0$uri", None),
        ("^/(?:a)(b)$", "$2", (2, 1)),
        ("(", "$1", None),
    ],
)
def test_missing_captures(pattern: str, text: str, missing: tuple[int, int] | None) -> None:
    assert missing_capture(pattern, [text]) == missing


@pytest.mark.parametrize(
    ("condition", "parts"),
    [
        ("$Host = a", ("host", "=", "a", False)),
        ("$uri ~* ^/a", ("uri", "~*", "^/a", True)),
        ("$uri !~ ^/a", ("uri", "!~", "^/a", False)),
        ("-f $uri", None),
        ("$uri", None),
    ],
)
def test_comparisons_of_an_if(condition: str, parts: tuple[str, str, str, bool] | None) -> None:
    (directive,) = context(f"server {{ if ({condition}) {{ return 403; }} }}").named("if")
    test = if_comparison(directive)
    assert (None if test is None else (test.variable, test.operator, test.operand, test.is_regex)) == parts


@pytest.mark.parametrize(
    ("outer", "inner", "kind"),
    [
        ("add_header X-Frame-Options DENY;", "add_header X a;", "security"),
        ("add_header X-Frame-Options DENY;", "add_header X a; return 204;", "other"),
        ("add_header X-Frame-Options DENY;", "add_header X-Frame-Options SAMEORIGIN;", None),
        ("add_header X-Frame-Options DENY;", "add_header_inherit merge; add_header X a;", None),
        ("add_header A b;", "add_header X a;", "other"),
        ("proxy_set_header Host $host;", "proxy_set_header X a;", "proxy"),
        ("proxy_set_header A b;", "proxy_set_header X a;", "other"),
        ("fastcgi_param QUERY_STRING $args;", "fastcgi_param X a;", "gateway"),
        ("fastcgi_param A b;", "", None),
    ],
)
def test_settings_that_a_block_drops(outer: str, inner: str, kind: str | None) -> None:
    found = lost_settings(context(f"server {{ {outer} location / {{ {inner} }} }}"))
    assert [loss.kind for loss in found] == ([] if kind is None else [kind])


def test_what_is_shared_is_computed_once() -> None:
    config = context("upstream App { server a:1; } server { location / { proxy_pass http://app/; } }")
    assert proxy_passes(config) is proxy_passes(config)
    assert list(upstreams_by_name(config)) == ["app"]
    assert proxy_passes(context("")) == []


def test_the_location_of_a_target() -> None:
    config = context("server { location /a { proxy_pass http://b; if ($x) { proxy_pass http://c; } } }")
    names = {each.target.host: location_of(config, each.directive) for each in proxy_passes(config)}
    assert names["b"] is not None
    assert names["b"].name == "/a"
    assert names["c"] is None


@pytest.mark.parametrize(
    ("inside", "found"),
    [
        ("set $a 1;", [True]),
        ("return 403;", []),
        ("rewrite ^ /b last;", []),
        ("rewrite ^/c$ /b last;", [True]),
        ("proxy_pass http://b;", [False]),
    ],
)
def test_conditions_that_requests_pass(inside: str, found: list[bool]) -> None:
    config = context(f"server {{ location / {{ try_files $uri /x; if ($arg_a) {{ {inside} }} }} }}")
    assert [each.skips_try_files for each in conditions_in_locations(config)] == found
