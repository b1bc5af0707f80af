# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What PCRE2 10.42 accepts, refuses and means; every row was asked of it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.failsafe.nginx.plugins.plugin_utils._regex import RegexError, byte_sets, parse
from ansible_collections.failsafe.nginx.plugins.plugin_utils._regex.nodes import (
    EMPTY,
    Alternation,
    Anchor,
    AnchorKind,
    Backreference,
    Group,
    Look,
    Mode,
    OneByte,
    Repeat,
    Sequence,
)

A, B = OneByte(byte_sets.of(b"a")), OneByte(byte_sets.of(b"b"))
EITHER_A = OneByte(byte_sets.of(b"aA"))
NOTHING_TO_REPEAT = "quantifier does not follow a repeatable item"
UNKNOWN_GROUP = "reference to non-existent subpattern"
UNSUPPORTED = "PCRE2 does not support \\F, \\L, \\l, \\N{name}, \\U, or \\u"
NOT_IN_CLASS = "escape sequence is invalid in character class"
UNCLOSED = "missing closing parenthesis"
BAD_VERB = "(*VERB) not recognized or malformed"


@pytest.mark.parametrize(
    ("pattern", "root"),
    [
        ("", EMPTY),
        ("a", A),
        ("ab", Sequence((A, B))),
        ("a|b|", Alternation((A, B, EMPTY))),
        ("(a)", Group(A, 1)),
        ("(?:a)", Group(A)),
        ("(?>a)", Group(A, atomic=True)),
        ("(?<n>a)", Group(A, 1, "n")),
        ("(?'n'a)", Group(A, 1, "n")),
        ("(?P<n>a)", Group(A, 1, "n")),
        ("(?n)(a)", Group(A)),
        ("(?i)a", EITHER_A),
        ("(?i:a)", Group(EITHER_A)),
        ("(?i:a)a", Sequence((Group(EITHER_A), A))),
        ("(?:(?i)a)a", Sequence((Group(EITHER_A), A))),
        ("(?:(?i)a|b)", Group(Alternation((EITHER_A, OneByte(byte_sets.of(b"bB")))))),
        ("(?i)(?^:a)", Group(A)),
        ("(?x) a # b\n b", Sequence((A, B))),
        ("(?xx)[a b]", OneByte(byte_sets.of(b"ab"))),
        ("(?x)[a ]", OneByte(byte_sets.of(b"a "))),
        ("a(?#x)b", Sequence((A, B))),
        ("a(?#x)*", Repeat(A, 0, None)),
        ("a*", Repeat(A, 0, None)),
        ("a+?", Repeat(A, 1, None, Mode.LAZY)),
        ("a?+", Repeat(A, 0, 1, Mode.POSSESSIVE)),
        ("(?U)a*", Repeat(A, 0, None, Mode.LAZY)),
        ("(?U)a*?", Repeat(A, 0, None)),
        ("(?x)a* +", Repeat(A, 0, None, Mode.POSSESSIVE)),
        ("a{2}", Repeat(A, 2, 2)),
        ("a{2,}", Repeat(A, 2, None)),
        ("a{2,3}", Repeat(A, 2, 3)),
        ("a{", Sequence((A, OneByte(byte_sets.of(b"{"))))),
        ("^$", Sequence((Anchor(AnchorKind.START), Anchor(AnchorKind.FINAL)))),
        ("(?m)^$", Sequence((Anchor(AnchorKind.LINE_START), Anchor(AnchorKind.LINE_END)))),
        (r"\A\z", Sequence((Anchor(AnchorKind.START), Anchor(AnchorKind.END)))),
        (r"\Z\b", Sequence((Anchor(AnchorKind.FINAL), Anchor(AnchorKind.WORD)))),
        (".", OneByte(byte_sets.NOT_NEWLINE)),
        ("(?s).", OneByte(byte_sets.ALL)),
        (r"\N", OneByte(byte_sets.NOT_NEWLINE)),
        (r"\x61\x{62}", Sequence((A, B))),
        (r"\141\o{142}", Sequence((A, B))),
        (r"\Qab", Sequence((A, B))),
        (r"\Qa\E*", Repeat(A, 0, None)),
        (r"\cA", OneByte(byte_sets.of(b"\x01"))),
        (r"\D", OneByte(byte_sets.invert(byte_sets.DIGIT))),
        (r"[\da-]", OneByte(byte_sets.DIGIT | byte_sets.of(b"a-"))),
        ("[]a]", OneByte(byte_sets.of(b"]a"))),
        ("[^]a]", OneByte(byte_sets.invert(byte_sets.of(b"]a")))),
        ("[a-c]", OneByte(byte_sets.of(b"abc"))),
        (r"[a-\Qc\E]", OneByte(byte_sets.of(b"abc"))),
        ("[[:digit:][:^digit:]]", OneByte(byte_sets.ALL)),
        ("[[:a]", OneByte(byte_sets.of(b"[:a"))),
        ("(?i)[[:upper:]]", OneByte(byte_sets.ALPHA)),
        ("é", Sequence((OneByte(byte_sets.of(b"\xc3")), OneByte(byte_sets.of(b"\xa9"))))),
        ("(?=a)", Look(A, ahead=True, negated=False)),
        ("(?<!a)", Look(A, ahead=False, negated=True)),
        ("(*nla:a)", Look(A, ahead=True, negated=True)),
        ("(?=a)*", Repeat(Look(A, ahead=True, negated=False), 0, 1)),
        ("(?(?=a)a|b)", None),
        (r"(a)\1", Sequence((Group(A, 1), Backreference(1)))),
        (r"(a)\g{-1}", Sequence((Group(A, 1), Backreference(1)))),
        (r"(?<n>a)\k'n'", Sequence((Group(A, 1, "n"), Backreference("n")))),
        ("(?|(a)|(b))(a)", Sequence((Group(Alternation((Group(A, 1), Group(B, 1)))), Group(A, 2)))),
        (r"\K", EMPTY),
        ("(*F)", OneByte(byte_sets.NONE)),
    ],
)
def test_trees(pattern: str, root: object) -> None:
    found = parse(pattern)
    assert root is None or found.root == root
    assert found.not_regular == (("a backreference",) if "Backreference" in repr(root) else ())


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("(", UNCLOSED),
        ("(?", UNCLOSED),
        ("(?i", UNCLOSED),
        ("(?:a|b", UNCLOSED),
        (")", "unmatched closing parenthesis"),
        ("*", NOTHING_TO_REPEAT),
        ("a**", NOTHING_TO_REPEAT),
        ("a{2}{3}", NOTHING_TO_REPEAT),
        ("a|+", NOTHING_TO_REPEAT),
        ("^*", NOTHING_TO_REPEAT),
        (r"\b+", NOTHING_TO_REPEAT),
        (r"\K*", NOTHING_TO_REPEAT),
        ("(?i)*", NOTHING_TO_REPEAT),
        ("a{65536}", "number too big in {} quantifier"),
        ("a{3,2}", "numbers out of order in {} quantifier"),
        ("[a", "missing terminating ] for character class"),
        ("[]", "missing terminating ] for character class"),
        ("[z-a]", "range out of order in character class"),
        (r"[\d-z]", "invalid range in character class"),
        (r"[a-\d]", "invalid range in character class"),
        ("[[:alpha:]-z]", "invalid range in character class"),
        ("[[:x:]]", "unknown POSIX class name"),
        ("[:alpha:]", "POSIX named classes are supported only within a class"),
        ("[[.a.]]", "POSIX collating elements are not supported"),
        (r"[\B]", NOT_IN_CLASS),
        (r"[\A]", NOT_IN_CLASS),
        (r"[\N]", "\\N is not supported in a class"),
        ("\\", "\\ at end of pattern"),
        (r"\i", "unrecognized character follows \\"),
        (r"\L", UNSUPPORTED),
        (r"\c", "\\c at end of pattern"),
        (r"\cé", "\\c must be followed by a printable ASCII character"),
        (r"\x{100}", "character code point value in \\x{} or \\o{} is too large"),
        (r"\x{zz}", "non-hex character in \\x{} (closing brace missing?)"),
        (r"\x{}", "digits missing in \\x{} or \\o{} or \\N{U+}"),
        (r"\o12", "missing opening brace after \\o"),
        (r"\400", "octal value is greater than \\377 in 8-bit non-UTF-8 mode"),
        (r"\p{foo}", "unknown property after \\P or \\p"),
        (r"\p", "malformed \\P or \\p sequence"),
        (r"\N{U+41}", "\\N{U+dddd} is supported only in Unicode (UTF) mode"),
        (r"\1", UNKNOWN_GROUP),
        (r"(a)\2", UNKNOWN_GROUP),
        ("(?P=n)", UNKNOWN_GROUP),
        ("(?&n)", UNKNOWN_GROUP),
        ("(?(1)a)", UNKNOWN_GROUP),
        (r"\k", "\\k is not followed by a braced, angle-bracketed, or quoted name"),
        ("(?<=a+)", "lookbehind assertion is not fixed length"),
        (r"(?<=\X)", "lookbehind assertion is not fixed length"),
        ("(?<1a>x)", "subpattern name must start with a non-digit"),
        ("(?<>a)", "subpattern name expected"),
        ("(?<a", "syntax error in subpattern name (missing terminator?)"),
        (f"(?<{'n' * 33}>a)", "subpattern name is too long (maximum 32 code units)"),
        ("(?<n>a)(?<n>b)", "two named subpatterns have the same name (PCRE2_DUPNAMES not set)"),
        ("(?|(?<n>a)|(?<m>b))", "different names for subpatterns of the same number are not allowed"),
        ("(?y)", "unrecognized character after (? or (?-"),
        ("(?--i)", "invalid hyphen in option setting"),
        ("(?Px)", "unrecognized character after (?P"),
        ("(?#", "missing ) after (?# comment"),
        ("(?C256)", "number after (?C is greater than 255"),
        ("(*FOO)", BAD_VERB),
        ("a(*UTF)", BAD_VERB),
        ("(*MARK)", "(*MARK) must have an argument"),
        ("(*pla)", "(*alpha_assertion) not recognized"),
        ("(?(?:a)b)", "assertion expected after (?( or (?(?C)"),
        ("(?(DEFINE)a|b)", "DEFINE subpattern contains more than one branch"),
        ("(?(R)a|b|c)", "conditional subpattern contains more than two branches"),
        (r"(?=a\K)", "\\K is not allowed in lookarounds (but see PCRE2_EXTRA_ALLOW_LOOKAROUND_BSK)"),
        ("(" * 251 + ")" * 251, "parentheses are too deeply nested"),
    ],
)
def test_refusals(pattern: str, reason: str) -> None:
    with pytest.raises(RegexError) as caught:
        parse(pattern)
    assert caught.value.reason == reason
    assert 0 <= caught.value.position <= len(pattern.encode())
    assert str(caught.value) == f"{reason} at offset {caught.value.position}"


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        (r"(a)\1", "a backreference"),
        ("(?R)", "a recursion"),
        (r"(a)\g<1>", "a recursion"),
        ("(a)(?(1)b)", "a condition on a group"),
        (r"\X", "a grapheme cluster, \\X"),
        (r"\p{Greek}", "a Unicode property of a script"),
        ("(*ACCEPT)a", "the verb (*ACCEPT)"),
        ("(*UTF)a", "the option (*UTF)"),
        ("(?>a|ab)b", "an atomic group or possessive quantifier that gives nothing back"),
        ("(?:a|ab)*+b", "an atomic group or possessive quantifier that gives nothing back"),
        ("(?<=(?=a))a", "a lookaround in a lookbehind"),
        (r"\R*a", "a repeated \\R"),
        ("(?:" * 61 + ")" * 61, "parentheses nested too deeply to be analysed"),
    ],
)
def test_what_no_automaton_has(pattern: str, reason: str) -> None:
    assert parse(pattern).not_regular == (reason,)


@pytest.mark.parametrize("pattern", ["a{,3}", "a{ 1, 3 }", "(?<=a?)b", "(?<=(?:a|bc))d"])
def test_what_versions_read_differently(pattern: str) -> None:
    assert parse(pattern).version_dependent


def test_groups_and_names() -> None:
    pattern = parse(r"^/(?<kind>a|b)/((?:x)(?<id>\d+))$")
    assert pattern.groups == 3
    assert pattern.names == {"kind": (1,), "id": (3,)}
    assert pattern.group("kind") == pattern.group(1) == Alternation((A, B))
    assert pattern.group(0) is pattern.root
    assert pattern.group(4) is None
    assert pattern.group("none") is None


def test_a_repeat_knows_where_it_stands() -> None:
    source = r"^/([\w-]*)*/(?#c)x+?$"
    repeats = [node for node in parse(source).root.items if isinstance(node, Repeat)]  # type: ignore[union-attr]
    assert [source[each.start : each.end] for each in repeats] == [r"([\w-]*)*", "x+?"]


@settings(deadline=None, max_examples=400)
@given(
    st.one_of(
        st.text(max_size=40), st.text(alphabet="ab()[]{}|*+?\\^$.:<>=!-,1#& \n", max_size=30), st.binary(max_size=30)
    )
)
def test_nothing_but_a_regex_error_is_raised(pattern: str | bytes) -> None:
    try:
        found = parse(pattern)
    except RegexError:
        return
    assert found.source == (pattern if isinstance(pattern, bytes) else pattern.encode())
