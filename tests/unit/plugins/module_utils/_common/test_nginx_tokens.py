# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The host's reader splits every text as the controller's lexer does."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from ansible_collections.failsafe.nginx.plugins.module_utils._common.nginx_tokens import (
    _LUA,
    TOKEN,
    compile_rules,
    directives,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._config._lexer import SyntaxFault, read

PIECES = (
    *" \n\t\r;{}\"'\\$#aé-[]=",
    *[r"${", r"${{", r"\\", r"\"", r"\'", r"--", r"--[[", r"]]", r"[==[", r"]==]", r"\n"],
    *("\x00", "\u00a0", "\u2028", "\udc80"),
    *("x a;", "b {", "set_by_lua_block $x {", "'c d'", '"e;{f"'),
)
ANY = st.lists(st.sampled_from(PIECES), max_size=40).map("".join)
QUOTABLE = st.text(st.sampled_from(" \n;{}#$aé\\"), max_size=8)
WORD = st.one_of(
    st.text(st.sampled_from("ab${.#'\"}é-["), min_size=1, max_size=8).map(lambda text: f"w{text.replace('{', '')}"),
    st.sampled_from(["${a}", "a${b}c", "${{a}", "\\;", "a\\ b", "\\{", "~\\.php$", "$"]),
    QUOTABLE.map(lambda text: '"{}"'.format(text.replace("\\", "\\\\"))),
    QUOTABLE.map(lambda text: "'{}'".format(text.replace("\\", "\\'"))),
)
GAP = st.sampled_from([" ", "\n", "\t\r\n", " # a {;}\"' \n", "  "])
HEAD = st.lists(st.tuples(WORD, GAP), min_size=1, max_size=4).map(
    lambda parts: "".join(word + gap for word, gap in parts)
)
LUA = st.sampled_from(["", '"}"', "'{'", "--}\n", "--[[}]]", "[=[ } ]=]", "{}", 'f("\\"}") ', "-- [[\n"])
STATEMENT = st.one_of(
    HEAD.map(lambda head: f"{head};"),
    st.lists(LUA, max_size=4).map(lambda parts: f"access_by_lua_block {{{''.join(parts)}}}"),
)
TREE = st.recursive(
    STATEMENT,
    lambda inner: st.tuples(HEAD, st.lists(inner, max_size=3)).map(lambda both: f"{both[0]}{{{' '.join(both[1])}}}"),
    max_leaves=8,
)
TREES = st.lists(TREE, max_size=4).map("\n".join)


def encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def of_the_controller(text: str) -> tuple[list[tuple[tuple[bytes, ...], int]], list[SyntaxFault]]:
    syntax = read(text)
    depth, found = 0, []
    for statement in syntax.statements:
        depth -= statement.term == "}"
        if statement.term != "}":
            args = statement.args[:-1] if statement.term == "lua" else statement.args
            found.append((tuple(encoded(word) for word in (statement.name, *args)), depth))
        depth += statement.term == "{"
    return found, syntax.faults


@given(ANY)
@example("x ${{a} b;")
@example("a '\\'' # ;\n{ b \\; c; }")
@example("by_lua_block { '}' --}\n } x;")
@example("a\\")
@example("x '\\\n';")
@example("x_by_lua_block { [[ } ]] }y;")
def test_host_and_controller_split_random_texts_alike(text: str) -> None:
    found, faults = of_the_controller(text)
    split = list(directives(encoded(text)))
    if not faults:
        assert split == found


@given(TREES)
def test_host_and_controller_split_valid_texts_alike(text: str) -> None:
    found, faults = of_the_controller(text)
    assert faults == []
    assert list(directives(encoded(text))) == found


@given(st.one_of(ANY, TREES))
def test_an_old_python_reads_the_same(text: str) -> None:
    for rules in (TOKEN, _LUA):
        old = compile_rules(rules.pattern, possessive=False)
        assert [match.span() for match in old.finditer(text)] == [match.span() for match in rules.finditer(text)]
        assert [match.lastgroup for match in old.finditer(text)] == [match.lastgroup for match in rules.finditer(text)]


def test_reading_hostile_text_is_linear() -> None:
    for text in ('"' + "\\a" * 500_000, "$" * 500_000 + ";", "[" * 500_000, "a_by_lua_block {" + "[=" * 200_000):
        assert len(list(directives(text.encode()))) <= 1
