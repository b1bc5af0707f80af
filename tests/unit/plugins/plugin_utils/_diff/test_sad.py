# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What cannot be compared fails with file and line; hostile input does no harm."""

from __future__ import annotations

import json
import typing as t

import pytest
from diff_texts import http, load

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import load_files
from ansible_collections.failsafe.nginx.plugins.plugin_utils._diff import DiffError, diff, gate
from ansible_collections.failsafe.nginx.plugins.plugin_utils._diff.secrets import counterparts

GOOD = "events {}\nhttp {\n}\n"

UNREADABLE = [
    ("events {}\nhttp {\n  root /x\n}\n", "nginx.conf:"),
    ("events {}\nhttp {\n", "nginx.conf:2"),
    ("events {}\nhttp { include missing.conf; }\n", "nginx.conf:2"),
    ("events {}\nhttp { include nginx.conf; }\n", "nginx.conf:2"),
    ("events {}\nhttp { root \xff; }\n", "nginx.conf:2"),
    ("events {}\nhttp { root '/x; }\n", "nginx.conf:"),
    ("events {}\n\0", "nginx.conf:2"),
]


@pytest.mark.parametrize(("text", "place"), UNREADABLE)
@pytest.mark.parametrize("side", ["before", "after"])
def test_what_was_not_read_is_not_compared(text: str, place: str, side: str) -> None:
    bad = load_files({"nginx.conf": text.encode("latin-1")}, config_dir="/etc/nginx")
    sides = {"before": load(GOOD), "after": load(GOOD), side: bad}
    with pytest.raises(DiffError) as raised:
        diff(sides["before"], sides["after"])
    assert str(raised.value).startswith(f"{side} cannot be read as a whole, so nothing is compared:\n{place}")


def test_what_nginx_would_refuse_is_compared_as_it_stands() -> None:
    found = diff(
        load(http("server { frobnicate 1; listen; server_name; }")), load(http("server { listen; location; }"))
    )
    assert {change.kind for change in found.changes} == {"removed", "added"}


def test_blocks_within_blocks_within_blocks() -> None:
    def nested(depth: int) -> str:
        return http("server {" + "location /a {" * depth + "}" * depth + "}")

    assert len(diff(load(GOOD), load(nested(90))).changes) == 1
    assert len(diff(load(nested(90)), load(nested(91))).changes) == 1
    with pytest.raises(DiffError, match="nested deeper than"):
        diff(load(GOOD), load(nested(5000)))


@pytest.mark.parametrize(
    "inside",
    [
        "\x1b[31m",
        "x" * 4000,
        "\N{RIGHT-TO-LEFT OVERRIDE}x",
    ],
)
def test_a_hostile_value_neither_floods_nor_colours(inside: str) -> None:
    before = f"server {{ server_name a; location / {{ return 200 '{inside}'; }} }}"
    for after in ("server { server_name a; location / { return 200 b; } }", "server { server_name a; }", ""):
        for pair in ((before, after), (after, before)):
            found = diff(*(load(http(each)) for each in pair))
            assert found.changes
            assert len(found.text()) < 100_000
            assert "\x1b" not in found.text()
            assert all(len(change.line) < 500 for change in found.changes)
            assert all("\x1b" not in change.line for change in found.changes)


def test_a_huge_lua_block_is_cut() -> None:
    before, after = (
        http(f"server {{ location / {{ content_by_lua_block {{ {code * 300_000} }} }} }}")
        for code in ("x()\n", "y()\n")
    )
    found = diff(load(before), load(after))
    assert len(found.changes) == 1
    assert len(json.dumps(found.changes[0].as_dict())) < 100_000
    assert len(found.text()) < 50_000


def test_many_changes_are_counted_not_printed() -> None:
    def numbered(code: int) -> str:
        return http("".join(f"server {{ server_name s{n}; return {code}; }}\n" for n in range(1000)))

    found = diff(load(numbered(200)), load(numbered(404)))
    assert found.summary["change"] == 1000
    assert "… 750 more changes of this class" in found.text()
    assert found.text(details=False).count("\n") == 1


def test_a_huge_block_is_cut() -> None:
    entries = "".join(f"/{n} x;\n" for n in range(5000))
    found = diff(load(GOOD), load(http(f"map $uri $x {{ {entries} }}")))
    assert len(found.changes) == 1
    assert t.cast("str", found.changes[0].after_text).endswith("…")
    assert found.text().count("\n") < 50


def test_an_unknown_class_is_refused() -> None:
    with pytest.raises(DiffError, match="fail_on has to be one of access-control, tls"):
        gate([], "dangerous")


def test_a_class_and_what_is_worse() -> None:
    before = http("server { server_name a; deny all; root /x; gzip on; }")
    after = http("server { server_name a; allow all; root /y; gzip off; }")
    changes = diff(load(before), load(after)).changes
    assert [len(gate(changes, each)) for each in ("access-control", "tls", "routing", "tuning", "never")] == [
        1,
        1,
        2,
        3,
        0,
    ]


def test_what_a_secret_replaces_was_one() -> None:
    before = http("server { proxy_set_header Authorization old-secret; proxy_set_header X same; root /x; }")
    after = http("server { proxy_set_header Authorization new-secret; proxy_set_header X other; root /y; }")
    found = diff(load(before), load(after))

    def mask(text: str) -> str:
        return text.replace("new-secret", "***")

    assert list(counterparts(found.changes, mask)) == ["old-secret"]
