# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which entries of maps requests use, as far as the requests themselves tell."""

from __future__ import annotations

import typing as t

import pytest

# A map and what reads it, a request, the blocks that it passed, and the entries that it uses.
CASES: dict[str, tuple[str, dict[str, t.Any], str, list[str]]] = {
    "a path": ("map $uri $m { /a 1; /b 2; default 0; } server { return 200 $m; }", {}, "server", ["/a"]),
    "the default": ("map $uri $m { /b 2; default 0; } server { return 200 $m; }", {}, "server", ["default"]),
    "without regard to case": ("map $uri $m { /A 1; } server { return 200 $m; }", {}, "server", ["/A"]),
    "a regex": ("map $uri $m { ~^/b 2; ~*^/A 1; } server { return 200 $m; }", {}, "server", ["~*^/A"]),
    "a regex that only PCRE reads": ("map $uri $m { '~(?R)' 2; ~a 1; } server { return 200 $m; }", {}, "server", []),
    "an escaped name": ("map $uri $m { \\default 1; default 2; } server { return 200 $m; }", {}, "server", ["default"]),
    "a header": (
        "map $http_user_agent $m { ~curl 1; } server { return 200 $m; }",
        {"headers": [["User-Agent", "curl/8"]]},
        "server",
        ["~curl"],
    ),
    "an argument": ("map $arg_x $m { 1 a; } server { return 200 $m; }", {"target": "/a?X=1"}, "server", ["1"]),
    "a cookie": (
        "map $cookie_v $m { b 1; } server { return 200 $m; }",
        {"headers": [["Cookie", "u=a; v=b"]]},
        "server",
        ["b"],
    ),
    "several": ("map $scheme:$host $m { http:a.test 1; } server { return 200 $m; }", {}, "server", ["http:a.test"]),
    "names": ("map $host $m { hostnames; *.test 1; } server { return 200 $m; }", {}, "server", ["*.test"]),
    "a variable of the answer": ("map $upstream_status $m { 200 1; } server { return 200 $m; }", {}, "server", []),
    "read elsewhere": (
        "map $uri $m { /a 1; } server { location /a { return 200; } location /b { return 200 $m; } }",
        {},
        "server > location /a",
        [],
    ),
    "read by another map": ("map $uri $m { /a 1; } map $m $n { 2 b; } server { }", {}, "server", ["/a"]),
    "an address": ("geo $g { 198.51.100.0/24 1; 198.51.0.0/16 2; } server { return 200 $g; }", {}, "server", ["198.51.100.0/24"]),
    "another address": (
        "geo $g { 192.0.2.0/24 1; default 0; } server { return 200 $g; }",
        {"client": "2001:db8::1"},
        "server",
        ["default"],
    ),
    "addresses behind a proxy": ("geo $g { proxy 10.0.0.0/8; default 0; } server { return 200 $g; }", {}, "server", []),
}  # fmt: skip


@pytest.mark.parametrize(("text", "changed", "way", "expected"), CASES.values(), ids=CASES)
def test_entries(make: t.Any, text: str, changed: dict[str, t.Any], way: str, expected: list[str]) -> None:
    probe = make.probe("http://a.test/a", **changed)
    side = make.side(text, [make.outcome(200)], [way])
    coverage = make.compare([probe], side, side).coverage.as_dict()
    unused = [each["block"].rpartition(": ")[2] for each in coverage["uncovered"] if each["kind"] == "map"]
    blocks = [d for d in side.config.walk() if d.name in ("map", "geo")]
    entries = [d.name for block in blocks for d in block.children if d.name not in ("hostnames", "proxy", "2")]
    assert [name for name in entries if name not in unused] == expected
