# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import sys
import types

import pytest

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import ConfigError
from ansible_collections.failsafe.nginx.plugins.plugin_utils._config._crossplane import (
    Complaint,
    Context,
    Grammar,
    condition,
    grammar,
)

HTTP: Context = ("http",)
SERVER: Context = ("http", "server")
LOCATION: Context = ("http", "location")
UPSTREAM: Context = ("http", "upstream")
LOCATION_IF: Context = ("http", "location", "if")


@pytest.mark.parametrize(
    ("context", "name", "args"),
    [
        (LOCATION_IF, "include", ["x"]),
        (("http", "location", "limit_except"), "include", ["x"]),
        (("http", "server", "if"), "include", ["x"]),
        (UPSTREAM, "resolver", ["127.0.0.1"]),
        (UPSTREAM, "resolver_timeout", ["5s"]),
        (("stream", "upstream"), "resolver", ["127.0.0.1"]),
        (UPSTREAM, "keepalive", ["32", "local"]),
        (SERVER, "js_set", ["$a", "m.f"]),
        (HTTP, "js_set", ["$a", "m.f", "nocache"]),
        (LOCATION_IF, "js_content", ["m.f"]),
        (("rtmp",), "anything", []),
        (("http", "map"), "proxy_pass", []),
        (("stream", "server"), "listen", ["53", "udp"]),
        (("mail", "server"), "protocol", ["imap"]),
    ],
)
def test_what_nginx_allows_is_not_complained_about(context: Context, name: str, args: list[str]) -> None:
    assert grammar().check(name, args, ";", context) is None


@pytest.mark.parametrize(
    ("context", "name", "args", "kind"),
    [
        (HTTP, "proxy_pass", ["http://a"], "context"),
        (UPSTREAM, "root", ["/x"], "context"),
        (("stream", "server"), "listen", [], "arguments"),
        (("stream", "upstream"), "listen", ["80"], "context"),
        (SERVER, "include", [], "arguments"),
        (SERVER, "root", [], "arguments"),
        (SERVER, "root", ["a", "b"], "arguments"),
        (SERVER, "autoindex", ["yes"], "arguments"),
        (UPSTREAM, "keepalive", ["32", "local", "more"], "arguments"),
        (SERVER, "brotli", ["on"], "unknown-directive"),
        (("stream", "server"), "server_name", ["a"], "unknown-directive"),
        (("stream", "server"), "set", ["$a", "b"], "unknown-directive"),
        (SERVER, "{{", [], "syntax"),
        (SERVER, "a.b", [], "syntax"),
        (SERVER, "", [], "syntax"),
    ],
)
def test_complaints_have_the_right_kind(context: Context, name: str, args: list[str], kind: str) -> None:
    complaint = grammar().check(name, args, ";", context)
    assert complaint is not None
    assert complaint.kind == kind


def test_messages_name_the_directive_and_its_block() -> None:
    assert grammar().check("proxy_pass", ["x"], ";", HTTP) == Complaint(
        "context",
        'directive "proxy_pass" is not allowed in "http"',
    )
    assert grammar().check("server", [], "{", ()) == Complaint(
        "context",
        'directive "server" is not allowed in the main level',
    )


def test_a_misspelt_directive_is_unknown_with_a_hint() -> None:
    complaint = grammar().check("proxy_passs", ["x"], ";", LOCATION)
    assert complaint == Complaint("unknown-directive", 'unknown directive "proxy_passs", did you mean "proxy_pass"?')


def test_hints_are_not_sought_for_ever() -> None:
    fresh = Grammar()
    for number in range(500):
        fresh.check(f"proxy_pas{number}", [], ";", LOCATION)
    assert fresh.check("proxy_passs", [], ";", LOCATION) == Complaint(
        "unknown-directive", 'unknown directive "proxy_passs"'
    )
    # What one configuration holds takes no hint from the next.
    assert "did you mean" in str(grammar().check("proxy_passs", [], ";", LOCATION))


def test_answers_do_not_depend_on_earlier_questions() -> None:
    assert grammar().check("autoindex", ["on"], ";", SERVER) is None
    assert grammar().check("autoindex", ["o"], ";", SERVER) is not None
    assert grammar().check("autoindex", ["ONE"], ";", SERVER) is not None
    assert grammar().check("autoindex", ["ON"], ";", SERVER) is None
    assert grammar().check("autoindex", ["on"], ";", UPSTREAM) is not None


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["($a)"], ["$a"]),
        (["(", "$a", ")"], ["$a"]),
        (["($a", "=", "b)"], ["$a", "=", "b"]),
        (["($a", "=", "b c", ")"], ["$a", "=", "b c"]),
        (["$a"], ["$a"]),
        (["("], ["("]),
        (["()"], [""]),
        ([], []),
    ],
)
def test_a_condition_is_what_stands_between_the_parentheses(args: list[str], words: list[str]) -> None:
    assert condition(args) == words


@pytest.mark.parametrize("module", [None, types.SimpleNamespace(__version__="0.5.7"), types.SimpleNamespace()])
def test_without_a_usable_crossplane_the_error_says_how_to_get_one(
    monkeypatch: pytest.MonkeyPatch, module: object
) -> None:
    monkeypatch.setitem(sys.modules, "crossplane", module)
    with pytest.raises(ConfigError, match=r"python3 -m pip install 'crossplane>=0\.5\.8'"):
        Grammar()
