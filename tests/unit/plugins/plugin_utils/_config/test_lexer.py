# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.failsafe.nginx.plugins.module_utils._common.nginx_tokens import unescape
from ansible_collections.failsafe.nginx.plugins.plugin_utils._config._lexer import (
    MAX_DEPTH,
    Syntax,
    read,
    tokens,
)


def statements(text: str) -> list[tuple[str, str, list[str]]]:
    return [(s.term, s.name, s.args) for s in read(text).statements]


def faults(text: str) -> list[tuple[str, int, int]]:
    return [(f.message, f.line, f.column) for f in read(text).faults]


@pytest.mark.parametrize(
    ("text", "args"),
    [
        ("x a b;", ["a", "b"]),
        ("x 'a b' \"c;{d\";", ["a b", "c;{d"]),
        (r'x "a\"b" "a\\b" a\tb "\n" \r;', ['a"b', "a\\b", "a\tb", "\n", "\r"]),
        (r"x ~\.php$ a\;b a\ b;", [r"~\.php$", r"a\;b", r"a\ b"]),
        ("x ${var} arg;", ["${var}", "arg"]),
        ("x /a/${b}c main;", ["/a/${b}c", "main"]),
        ("x ${a}${b} ${{c}d;", ["${a}${b}", "${{c}d"]),
        ("x a#b # no\n c;", ["a#b", "c"]),
        ("x a'b\"c a}b;", ["a'b\"c", "a}b"]),
        ("x '' \"\";", ["", ""]),
        ("x 'a'\n'b';", ["a", "b"]),
        ("x '\\'';", ["'"]),
        ("x a\r\nb\t;", ["a", "b"]),
        ("x a\fb \u00a0c;", ["a\fb", "\u00a0c"]),
        ("x $;", ["$"]),
        ("x ('a');", ["('a')"]),
        ("x ( 'a');", ["(", "a", ")"]),
    ],
)
def test_arguments_are_what_nginx_reads(text: str, args: list[str]) -> None:
    assert statements(text) == [(";", "x", args)]
    assert faults(text) == []


def test_raw_arguments_keep_quotes_and_escapes() -> None:
    (statement,) = read(r"""x "a\"b" 'c' \d e;""").statements
    assert statement.raw_args == [r'"a\"b"', "'c'", r"\d", "e"]


def test_raw_arguments_are_the_arguments_where_nothing_is_quoted() -> None:
    (statement,) = read("x a b;").statements
    assert statement.raw_args is statement.args


def test_a_brace_ends_a_word_but_not_after_a_dollar() -> None:
    assert statements("map $a $b{x y;}") == [("{", "map", ["$a", "$b"]), (";", "x", ["y"]), ("}", "", [])]
    assert statements("x ${a}b{}") == [("{", "x", ["${a}b"]), ("}", "", [])]


def test_places_count_lines_by_line_feed_and_columns_in_characters() -> None:
    syntax = read("# ä\r\nä 'two\nlines' # tail\n; b\t{\n}")
    assert [(s.line, s.column, s.end_line) for s in syntax.statements] == [(2, 1, 4), (4, 3, 4), (5, 1, 5)]
    assert [tuple(c) for c in syntax.comments] == [(" ä", 1, 1, True), (" tail", 3, 8, False)]


def test_a_comment_after_code_is_not_on_a_line_of_its_own() -> None:
    syntax = read("a; # 1\n# 2\nb { # 3\n # 4\n} # 5\nc 'x\ny' # 6\n;")
    assert [c.own_line for c in syntax.comments] == [False, True, False, True, False, False]


@pytest.mark.parametrize(
    ("text", "args"),
    [
        ("content_by_lua_block { x = '}' }", [" x = '}' "]),
        ("set_by_lua_block $x{ return {1} }", ["$x", " return {1} "]),
        ('x_by_lua_block { a = "\\"}" }', [' a = "\\"}" ']),
        ("x_by_lua_block { -- }\n }", [" -- }\n "]),
        ("x_by_lua_block { --[[ } \n} ]] }", [" --[[ } \n} ]] "]),
        ("x_by_lua_block { --[==[ } ]] } ]==] }", [" --[==[ } ]] } ]==] "]),
        ("x_by_lua_block { [=[ } ]] ]=] }", [" [=[ } ]] ]=] "]),
        ("x_by_lua_block {}", [""]),
        ('"x_by_lua_block" { a # not a comment }', [" a # not a comment "]),
    ],
)
def test_lua_blocks_are_one_argument(text: str, args: list[str]) -> None:
    syntax = read(f"{text} after it;")
    assert [(s.term, s.args) for s in syntax.statements] == [("lua", args), (";", ["it"])]
    assert syntax.faults == []


def test_a_lua_name_as_an_argument_is_no_lua_block() -> None:
    assert statements("x content_by_lua_block { a b; }")[1] == (";", "a", ["b"])


@pytest.mark.parametrize("before", ["x_by_lua_block { }", "x_by_lua_block a;"])
def test_a_block_after_a_lua_directive_is_an_ordinary_block(before: str) -> None:
    assert statements(f"{before} a {{ b c; }}")[1:] == [("{", "a", []), (";", "b", ["c"]), ("}", "", [])]


@pytest.mark.parametrize("code", ["{ x = '} ", "{ [[ } ", "{ --[[ } ", "{ { } ", "{ -- }", "{ 'a\n' }"])
def test_an_unclosed_lua_block_is_a_fault(code: str) -> None:
    assert faults(f"a;\nx_by_lua_block {code}")[0][:2] == ('unexpected end of a Lua block, expecting "}"', 2)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a;\n b 'x;\n}", ("unclosed quote '", 2, 4)),
        ('a "x\\";', ('unclosed quote "', 1, 3)),
        ("a {\n b;\n}\n}", ('unexpected "}": no block is open here', 4, 1)),
        ("a {\n listen 80\n}", ('directive "listen" is not terminated by ";"', 2, 2)),
        ("a b", ('directive "a" is not terminated by ";"', 1, 1)),
        ("a b\\", ('directive "a" is not terminated by ";"', 1, 1)),
        ("a;;", ('unexpected ";": no directive stands before it', 1, 3)),
        ("\n{}", ('unexpected "{": no directive stands before it', 2, 1)),
        ("a 'b'c;", ('unexpected "c" after a quoted argument', 1, 6)),
        ("a 'b'#c\n;", ('unexpected "#" after a quoted argument', 1, 6)),
        ("a 'b''c';", ('unexpected "\'" after a quoted argument', 1, 6)),
        ("a 'b'}", ('unexpected "}" after a quoted argument', 1, 6)),
    ],
)
def test_what_leaves_the_grammar_is_a_fault_at_its_place(text: str, fault: tuple[str, int, int]) -> None:
    assert faults(text) == [fault]


def test_a_missing_brace_names_the_block_that_stays_open() -> None:
    syntax = read("http {\n  server {\n    listen 80;\n}\n")
    assert [tuple(f) for f in syntax.faults] == [
        ('unexpected end of file, expecting "}"', 4, 1, ('"http" is opened here', 1, 1)),
    ]
    assert [s.term for s in syntax.statements] == ["{", "{", ";", "}", "}"]


def test_reading_goes_on_after_a_missing_semicolon_at_the_end_of_a_block() -> None:
    assert statements("a { b c } d;") == [("{", "a", []), (";", "b", ["c"]), ("}", "", []), (";", "d", [])]


@pytest.mark.parametrize(("length", "accepted"), [(4095, True), (4096, False)])
def test_arguments_and_comments_have_nginxs_limit(length: int, accepted: bool) -> None:  # noqa: FBT001
    assert (faults(f"x {'a' * length};") == []) is accepted
    assert (faults(f"#{'a' * (length - 1)}\n") == []) is accepted
    assert (faults(f"x '{'a' * (length - 1)}';") == []) is accepted
    assert (faults(f"x {'ä' * (length // 2)}{'a' * (length % 2)};") == []) is accepted


def test_hostile_nesting_is_a_fault() -> None:
    syntax = read("a {" * 10_000)
    assert syntax.faults[0].message == f"blocks are nested deeper than {MAX_DEPTH} levels"
    assert balanced(syntax)
    assert read("a {" * MAX_DEPTH + "}" * MAX_DEPTH).faults == []


def balanced(syntax: Syntax) -> bool:
    depth = 0
    for statement in syntax.statements:
        depth += {"{": 1, "}": -1}.get(statement.term, 0)
        if depth < 0:
            return False
    return depth == 0


PIECES = st.sampled_from(
    ["a", "\\", '"', "'", "{", "}", ";", "#", "$", "${", " ", "\n", "\r\n", "_by_lua_block", "--[[", "]]", "ä"]
)


@given(st.lists(PIECES, max_size=60).map("".join))
def test_any_text_is_read_into_balanced_blocks(text: str) -> None:
    syntax = read(text)
    assert balanced(syntax)
    lines = text.split("\n")
    for item in [*syntax.statements, *syntax.comments, *syntax.faults]:
        assert 1 <= item.line <= len(lines)
        assert 1 <= item.column <= len(lines[item.line - 1]) + 1


@given(st.lists(PIECES, max_size=60).map("".join))
def test_tokens_stand_where_they_say(text: str) -> None:
    lines = text.split("\n")
    for token in tokens(text):
        if token.kind in ("word", "quoted", "comment", "end"):
            rest = "\n".join([lines[token.line - 1][token.column - 1 :], *lines[token.line :]])
            assert rest.startswith(token.raw)


@given(st.lists(PIECES, max_size=60).map("".join))
def test_raw_tokens_joined_by_blanks_are_read_again_as_the_same(text: str) -> None:
    # Inside a Lua block nginx's tokens mean nothing.
    before = [token for token in tokens(text.replace("_by_lua_block", "_lua")) if token.kind != "error"]
    joined = "\n".join(token.raw for token in before)
    assert [(t.kind, t.value) for t in tokens(joined)] == [(t.kind, t.value) for t in before]


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=50))
def test_a_quoted_text_is_one_argument_with_that_value(text: str) -> None:
    quoted = '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    assert statements(f"x {quoted};") == [(";", "x", [text])]
    assert unescape(quoted[1:-1]) == text
