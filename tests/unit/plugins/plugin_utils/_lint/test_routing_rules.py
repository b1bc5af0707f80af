# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the static routing rules know of patterns and targets, and that no input stops them."""

from __future__ import annotations

import re
import time
import typing as t
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import load_files
from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.gc_paused import collector_paused
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint import lint, registry
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.proxy_targets import parse_proxy_target
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.regex_literals import literals
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.registry import load_all
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.sampler import sample_pattern

RULES = load_all()

FIXTURES = Path(__file__).parent / "fixtures"
FAMILIES = ("locations", "files", "servers", "redirects", "proxying", "upstreams", "rewriting", "unused")


def modules() -> list[registry.RuleModule]:
    return [registry.module(rule) for rule, path in registry.MODULES.items() if path.partition(".")[0] in FAMILIES]


def findings(block: str) -> list[t.Any]:
    data = f"events {{}}\nhttp {{\n{block}\n}}\n".encode()
    return lint(load_files({"nginx.conf": data}, config_dir="/etc/nginx"))


@pytest.mark.parametrize(
    ("pattern", "heads", "tails", "kind"),
    [
        (r"^/api", {"/api"}, {"/api"}, (True, False, True)),
        (r"\.php$", {".php"}, {".php"}, (False, True, True)),
        (r"^/admin/.*\.php$", {"/admin/"}, {".php"}, (True, True, False)),
        (r"\.(css|js)$", {".css", ".js"}, {".css", ".js"}, (False, True, True)),
        (r"\.jpe?g$", {".jpg", ".jpeg"}, {".jpg", ".jpeg"}, (False, True, True)),
        (r"^/a.*$", {"/a"}, {"/a"}, (True, False, True)),
        (r"^/(a|b)/x", {"/a/x", "/b/x"}, {"/a/x", "/b/x"}, (True, False, True)),
        (r"^/a|^/b", {"/a", "/b"}, {"/a", "/b"}, (True, False, True)),
        (r"^/a|/b$", {""}, {""}, (False, False, False)),
        (r"/[0-9]+", {"/"}, {""}, (False, False, False)),
        (r"^/a(?!b)", {"/a"}, {""}, (True, False, False)),
        (r".*", {""}, {""}, (False, False, True)),
    ],
)
def test_literals(pattern: str, heads: set[str], tails: set[str], kind: tuple[bool, bool, bool]) -> None:
    found = literals(pattern)
    assert found is not None
    assert (found.starts, found.stops, found.whole) == kind
    if found.starts:
        assert found.heads == heads
    if found.stops:
        assert found.tails == tails


@pytest.mark.parametrize("pattern", ["(?i)^/a", "(", "(?R)"])
def test_patterns_that_say_nothing(pattern: str) -> None:
    assert literals(pattern) is None


PIECES = st.sampled_from(
    ["^", "$", "/", "a", "b", ".", ".*", "x?", "(a|b)", "(?:c|de)", "[ab]", "[0-9]+", "\\.", "(", ")"]
)


@settings(deadline=None, max_examples=400)
@given(st.lists(PIECES, max_size=8).map("".join))
def test_a_match_has_the_literals_of_its_pattern(pattern: str) -> None:
    found = literals(pattern)
    for sample in sample_pattern(pattern, variants=6) if found is not None else ():
        if found.starts:
            assert any(sample.text.startswith(head) for head in found.heads)
        if found.stops:
            assert any(sample.text.endswith(tail) for tail in found.tails)
        assert any(head in sample.text for head in found.heads)


@settings(deadline=None, max_examples=400)
@given(st.lists(PIECES, max_size=6).map("".join), st.lists(PIECES, max_size=6).map("".join))
def test_what_is_called_shadowed_is_never_selected(first: str, second: str) -> None:
    block = f'server {{ listen 80; location ~ "{first}" {{ return 201; }} location ~ "{second}" {{ return 202; }} }}'
    if not any(finding.rule == "shadowed-location" for finding in findings(block)):
        return
    for sample in sample_pattern(second, variants=12):
        assert re.search(first, sample.text)


@pytest.mark.parametrize(
    ("text", "host", "port", "uri"),
    [
        ("http://app", "app", 0, ""),
        ("https://App.test:8443/v1/", "app.test", 8443, "/v1/"),
        ("http://[2001:db8::1]:80", "[2001:db8::1]", 80, ""),
        ("http://unix:/run/app.sock:/v1/", "", 0, "/v1/"),
        ("unix:/run/php.sock", "", 0, ""),
        ("127.0.0.1:9000", "127.0.0.1", 9000, ""),
        ("http://app?x=1", "app", 0, "?x=1"),
        ("http://$backend/v1", "", 0, "/v1"),
        ("http://$backend$request_uri", "", 0, "$request_uri"),
        ("http://app:80${uri}", "app", 80, "${uri}"),
        ("http://app-$env.test/", "", 0, "/"),
        ("$target", "", 0, ""),
        ("", "", 0, ""),
    ],
)
def test_targets(text: str, host: str, port: int, uri: str) -> None:
    found = parse_proxy_target(text)
    assert (found.host, found.port, found.uri) == (host, port, uri)
    assert found.dynamic is ("$" in text)


TEXTS = [path.read_text(errors="replace") for path in sorted(FIXTURES.glob("*/*/*.conf")) if path.is_file()]


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_a_damaged_configuration_stops_no_rule(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(TEXTS))
    for _unused in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = min(len(text), start + data.draw(st.integers(0, 8)))
        text = (
            text[:start] + data.draw(st.sampled_from(["", " ", ";", "{", "}", '""', "$", "~", "é", "/"])) + text[end:]
        )
    for finding in findings(text):
        assert finding.rule in RULES


def test_nothing_is_said_of_what_is_elsewhere() -> None:
    block = b"server { listen 443; server_name a.test b.test,; include elsewhere/*.conf; location / { proxy_pass http://$x; } }"
    config = load_files({"conf.d/a.conf": block}, config_dir="/etc/nginx", partial=True)
    silent = {
        "listen-443-without-ssl",
        "include-without-match",
        "proxy-pass-without-resolver",
        "default-server-implicit",
    }
    assert not silent & {finding.rule for finding in lint(config)}


def test_many_maps_sets_headers_and_sockets_stay_cheap() -> None:
    def cost(sites: int) -> float:
        block = "map $host $pool { a.test b; }\nupstream b { server 127.0.0.1:8080; }\n" + "".join(
            f"server {{ listen 10.0.{n // 250}.{n % 250}:80; server_name s{n}.test; return 301 https://$host/; }}\n"
            f"server {{ listen 10.0.{n // 250}.{n % 250}:443 ssl; server_name s{n}.test; set $t 127.0.0.1:8080;\n"
            f"location / {{ proxy_pass http://127.0.0.1:8080; proxy_set_header Host $host; }}\n"
            f"location /b {{ proxy_pass http://$t$uri; }} location /c {{ proxy_pass http://no{n}; }}\n"
            f"location ~ ^/{n}/ {{ return 204; }} location ^~ /w{n}/ {{ root /srv; }} }}\n"
            f"server {{ listen 127.0.0.1:8080; server_name s{n}.test; root /srv; if ($pool) {{ return 302 /x$pool; }} }}\n"
            for n in range(sites)
        )
        data = f"events {{}}\nhttp {{\n{block}}}\n".encode()
        context = Context(load_files({"nginx.conf": data}, config_dir="/etc/nginx"))
        _unused = context.router, context.scopes, context.by_name, context.definitions
        # As in a run: a collection walks over everything that the tests before this one left.
        with collector_paused():
            start = time.process_time()
            for module in modules():
                for finding in module.check(context):
                    assert finding.severity != "error"
            return time.process_time() - start

    small = min(cost(100) for _unused in range(3))
    assert min(cost(800) for _unused in range(2)) < 8 * 3 * small
