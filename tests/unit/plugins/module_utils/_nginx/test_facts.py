# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.failsafe.nginx.plugins.module_utils._common.nginx_tokens import directives
from ansible_collections.failsafe.nginx.plugins.module_utils._nginx.facts import scan
from ansible_collections.failsafe.nginx.plugins.module_utils._nginx.instance import parse_build

BUILD = parse_build("nginx", "nginx version: nginx/1.22.1\nconfigure arguments: --prefix=/p --pid-path=/run/nginx.pid")


def names(text: bytes) -> list[tuple[bytes, ...]]:
    return [directive.args for directive in directives(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"", []),
        (b"a;", [(b"a",)]),
        (b"a b  c;", [(b"a", b"b", b"c")]),
        (b"a { b; } c;", [(b"a",), (b"b",), (b"c",)]),
        (b"# a b;\nc;", [(b"c",)]),
        (b"a b#c;", [(b"a", b"b#c")]),
        (b"a 'b; # {';", [(b"a", b"b; # {")]),
        (b'a "b\\" ; c" d;', [(b"a", b'b" ; c', b"d")]),
        (b"a b\\;c;", [(b"a", b"b\\;c")]),
        (b"a x\\ty;", [(b"a", b"x\ty")]),
        (b"a ${b}c;", [(b"a", b"${b}c")]),
        (b"a b{ c; }", [(b"a", b"b"), (b"c",)]),
        (b"a b}c;", [(b"a", b"b}c")]),
        (b"a 'it''s';", [(b"a", b"it", b"s")]),
        (b"a b'c;", [(b"a", b"b'c")]),
        (b"a;b;", [(b"a",), (b"b",)]),
        (b"a\r\n\tb;", [(b"a", b"b")]),
        (b"a\x0bb;", [(b"a\x0bb",)]),
        (b"unfinished", []),
        (b"a 'unfinished; b;", []),
        (b"}}} a;", [(b"a",)]),
        (b"a \\", []),
        (
            b"x_by_lua_block { local s = '}' -- }\n local l = [==[ } ]] ]==] if x then t = {1} end } b;",
            [(b"x_by_lua_block",), (b"b",)],
        ),
        (b'x_by_lua_block { --[[ } ]] s = "\\"}" } b;', [(b"x_by_lua_block",), (b"b",)]),
        (b"set_by_lua_block $x { return 'error_log /x;' } b;", [(b"set_by_lua_block", b"$x"), (b"b",)]),
        (b"x_by_lua_block { never closed", [(b"x_by_lua_block",)]),
    ],
)
def test_lexical_rules(text: bytes, expected: list[tuple[bytes, ...]]) -> None:
    assert names(text) == expected


def test_depth() -> None:
    assert [(d.args[0], d.depth) for d in directives(b"a; b { c { d; } e; } f;")] == [
        (b"a", 0), (b"b", 0), (b"c", 1), (b"d", 2), (b"e", 1), (b"f", 0),
    ]  # fmt: skip


def test_everything_is_found() -> None:
    facts = scan(
        b"# configuration file /p/nginx.conf:\nerror_log logs/main.log warn;\npid run/n.pid;\nworker_processes 3;\n"
        b"events {}\nhttp { error_log /var/log/h.log; error_log stderr; include x;\n"
        b"# error_log /commented;\nlog_format a 'error_log /quoted;';\n}\n"
        b"# configuration file /p/x:\nserver { listen 80; listen [::]:443 ssl; error_log syslog:server=1.2.3.4 crit;\n"
        b"content_by_lua_block { -- error_log /lua;\n local a = 'error_log /lua;' } error_log memory:1m;\nlisten 80; }\n",
        BUILD,
    )
    assert facts.error_logs == ("/p/logs/main.log", "/var/log/h.log")
    assert facts.untailable == ("stderr", "syslog:server=1.2.3.4", "memory:1m")
    assert facts.pid_path == "/p/run/n.pid"
    assert facts.worker_processes == 3
    assert facts.listen == ("80", "[::]:443")
    assert facts.daemon
    assert facts.master_process


def test_defaults() -> None:
    facts = scan(b"events {}", BUILD)
    assert facts.error_logs == ("/p/logs/error.log",)
    assert facts.pid_path == "/run/nginx.pid"
    assert facts.worker_processes == 1


def test_an_error_log_of_a_server_or_an_included_file_leaves_the_default_log() -> None:
    text = b"# configuration file /a:\nhttp { error_log /h; include b; }\n# configuration file /b:\nerror_log /i;\n"
    assert scan(text, BUILD).error_logs == ("/h", "/i", "/p/logs/error.log")


def test_prefix_and_globals() -> None:
    facts = scan(b"events {}", BUILD, prefix="/q", globals_="daemon off; error_log e.log; pid n.pid;")
    assert facts.error_logs == ("/q/e.log",)
    assert facts.pid_path == "/q/n.pid"
    assert not facts.daemon


def test_auto_and_a_single_process() -> None:
    facts = scan(b"worker_processes auto; master_process off;", BUILD)
    assert facts.worker_processes is None
    assert not facts.master_process


@given(st.binary(max_size=300))
def test_any_bytes_are_no_crash(data: bytes) -> None:
    scan(data, BUILD)


@given(st.text(alphabet="{}\"'\\;# \n$ab[]-=", max_size=60))
def test_any_syntax_is_no_crash(text: str) -> None:
    scan(f"x_by_lua_block {{ {text}".encode(), BUILD)
    scan(text.encode(), BUILD)


WORD = st.text(alphabet="abcXYZ09_./:$*-\\;{}#' \"\t\n", min_size=1, max_size=12)


def quoted(word: str) -> str:
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


@given(st.lists(st.lists(WORD, min_size=1, max_size=4), max_size=6))
def test_what_was_written_is_read_back(written: list[list[str]]) -> None:
    text = "".join(" ".join(map(quoted, words)) + ";\n# comment ' \" {\n" for words in written)
    assert names(text.encode()) == [tuple(word.encode() for word in words) for words in written]
