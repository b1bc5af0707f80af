# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Openings of groups, and the options at the start of a pattern."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from . import byte_sets
from .nodes import EMPTY, Backreference, Node, OneByte, Opaque
from .reader import CLOSING, to_int

if t.TYPE_CHECKING:
    from .reader import PatternReader

Kind: t.TypeAlias = t.Literal[
    "root", "capture", "plain", "reset", "atomic", "look", "conditional", "options", "item", "callout"
]

_LETTERS: t.Final = {
    ord("i"): "caseless",
    ord("m"): "multiline",
    ord("s"): "dotall",
    ord("J"): "duplicate_names",
    ord("U"): "ungreedy",
    ord("n"): "no_capture",
}
_UNKNOWN: t.Final = "unrecognized character after (? or (?-"
_UNCLOSED: t.Final = "missing closing parenthesis"
_BAD_VERB: t.Final = "(*VERB) not recognized or malformed"
#: (ahead, negated) of an assertion by its spelling behind the parenthesis.
_LOOKS: t.Final = {
    b"?=": (True, False),
    b"?!": (True, True),
    b"?<=": (False, False),
    b"?<!": (False, True),
    b"?*": (True, False),
    b"?<*": (False, False),
}
_NAMED_LOOKS: t.Final = {
    b"pla": b"?=",
    b"positive_lookahead": b"?=",
    b"nla": b"?!",
    b"negative_lookahead": b"?!",
    b"plb": b"?<=",
    b"positive_lookbehind": b"?<=",
    b"nlb": b"?<!",
    b"negative_lookbehind": b"?<!",
    b"napla": b"?*",
    b"non_atomic_positive_lookahead": b"?*",
    b"naplb": b"?<*",
    b"non_atomic_positive_lookbehind": b"?<*",
}
_SCRIPT_RUNS: t.Final = (b"sr", b"script_run", b"asr", b"atomic_script_run")
_VERBS: t.Final = frozenset((b"", b"MARK", b"ACCEPT", b"F", b"FAIL", b"COMMIT", b"PRUNE", b"SKIP", b"THEN"))
_LOWER: t.Final = frozenset(b"abcdefghijklmnopqrstuvwxyz_")
_UPPER: t.Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ")
#: Options at the start that change nothing of what is matched, and those that do.
_HARMLESS: t.Final = (b"NO_AUTO_POSSESS", b"NO_START_OPT", b"NO_JIT", b"NO_DOTSTAR_ANCHOR", b"LF", b"BSR_UNICODE")
_LIMITS: t.Final = (b"LIMIT_MATCH=", b"LIMIT_DEPTH=", b"LIMIT_HEAP=", b"LIMIT_RECURSION=")
_CHANGING: t.Final = (
    *(b"UTF", b"UCP", b"NOTEMPTY", b"NOTEMPTY_ATSTART", b"CR", b"CRLF", b"ANY", b"ANYCRLF", b"NUL", b"BSR_ANYCRLF"),
)


@dataclass(frozen=True)
class Flags:
    """The options in force: PCRE's i, m, s, J, U, n, and x (2 for xx)."""

    caseless: bool = False
    multiline: bool = False
    dotall: bool = False
    duplicate_names: bool = False
    ungreedy: bool = False
    no_capture: bool = False
    extended: int = 0


@dataclass
class Opening:
    """The thing that a parenthesis opens: a group by its kind, new options, or a whole item that is closed already."""

    kind: Kind
    name: str = ""
    number: int | None = None
    flags: Flags | None = None
    ahead: bool = False
    negated: bool = False
    #: Of a conditional: whether its condition is a lookaround, the group that it asks for, or that it only defines.
    expects_assertion: bool = False
    defines: bool = False
    group: int | str | None = None
    node: Node = EMPTY
    repeatable: bool = True
    start: int = 0


def start_options(reader: PatternReader, flags: Flags) -> tuple[Flags, tuple[str, ...]]:
    """Pass the options at the start of a pattern; return the flags and why no automaton can stand for it."""
    reasons = []
    while reader.peek() == ord("(") and reader.peek(1) == ord("*"):
        end = reader.source.find(b")", reader.position)
        word = reader.source[reader.position + 2 : end]
        limit = next((each for each in _LIMITS if word.startswith(each)), b"")
        if word in _CHANGING:
            reasons.append(f"the option (*{word.decode()})")
        elif word not in _HARMLESS and not (limit and word[len(limit) :].isdigit()):
            break
        reader.position = end + 1
    return flags, tuple(reasons)


def read_opening(reader: PatternReader, flags: Flags, *, opened: int) -> Opening:
    """Read a parenthesis and what belongs to it; `opened` groups have begun before."""
    reader.position += 1
    if reader.peek() == ord("*") and (reader.peek(1) in _LOWER | _UPPER or reader.peek(1) == ord(":")):
        reader.position += 1
        return _verb(reader) if reader.peek() not in _LOWER else _named_assertion(reader)
    if reader.peek() != ord("?"):
        return Opening("plain" if flags.no_capture else "capture")
    for text, (ahead, negated) in _LOOKS.items():
        if reader.skip(text):
            return Opening("look", ahead=ahead, negated=negated)
    reader.position += 1
    if reader.at_end:
        raise reader.fail(_UNCLOSED)
    return _group(reader, opened) or _call(reader, opened) or _options(reader, flags)


def _group(reader: PatternReader, opened: int) -> Opening | None:
    for text, kind in _PLAIN.items():
        if reader.skip(text):
            return Opening(kind)
    if reader.skip(b"("):
        return _condition(reader, opened)
    if reader.next_in(b"<'"):
        return Opening("capture", name=reader.name(CLOSING[reader.take()]))
    return _python(reader) if reader.skip(b"P") else None


_PLAIN: t.Final[dict[bytes, Kind]] = {b":": "plain", b"|": "reset", b">": "atomic"}


def _python(reader: PatternReader) -> Opening:
    if reader.at_end:
        raise reader.fail(_UNCLOSED)
    if reader.skip(b"<"):
        return Opening("capture", name=reader.name(b">"))
    if reader.skip(b"="):
        return Opening("item", node=Backreference(reader.name(b")")))
    if reader.skip(b">"):
        return Opening("item", node=Opaque("a recursion", reader.name(b")")))
    raise reader.fail("unrecognized character after (?P")


def _call(reader: PatternReader, opened: int) -> Opening | None:
    """Read a recursion, a call of a group, or a callout."""
    group: int | str | None
    if reader.skip(b"R"):
        if not reader.skip(b")"):
            raise reader.fail("(?R (recursive pattern call) must be followed by a closing parenthesis")
        return Opening("item", node=Opaque("a recursion", 0))
    if reader.skip(b"&"):
        return Opening("item", node=Opaque("a recursion", reader.name(b")")))
    if reader.skip(b"C"):
        _callout(reader)
        return Opening("callout")
    if reader.peek() == ord("+") and not 48 <= reader.peek(1) <= 57:  # noqa: PLR2004 - "0" to "9"
        raise reader.fail("digit expected after (?+ or (?-")
    group = reader.signed(opened)
    if group is None:
        return None
    if not reader.skip(b")"):
        raise reader.fail(_UNCLOSED)
    return Opening("item", node=Opaque("a recursion", group))


def _callout(reader: PatternReader) -> None:
    if reader.at_end:
        raise reader.fail(_UNCLOSED)
    if reader.next_in(b"`'\"^%#${"):
        _callout_text(reader)
    else:
        number = reader.digits()
        if not number and reader.peek() != ord(")"):
            raise reader.fail("unrecognized string delimiter follows (?C")
        if to_int(number) > 255:  # noqa: PLR2004 - PCRE's limit
            raise reader.fail("number after (?C is greater than 255")
    if not reader.skip(b")"):
        raise reader.fail("closing parenthesis for (?C expected")


def _callout_text(reader: PatternReader) -> None:
    delimiter = reader.take()
    closing = bytes((CLOSING[delimiter][0] if delimiter == ord("{") else delimiter,))
    while True:
        end = reader.source.find(closing, reader.position)
        if end < 0:
            raise reader.fail("missing terminating delimiter for callout with string argument")
        reader.position = end + 1
        if not reader.skip(closing):
            return


def _options(reader: PatternReader, flags: Flags) -> Opening:
    unset = False
    hyphen = reader.skip(b"^")
    values: dict[str, bool | int] = {}
    if hyphen:
        values.update(caseless=False, multiline=False, dotall=False, no_capture=False, extended=0)
    while not reader.next_in(b":)"):
        if reader.at_end:
            raise reader.fail(_UNCLOSED)
        byte = reader.take()
        if byte == ord("-"):
            if hyphen:
                raise reader.fail("invalid hyphen in option setting")
            unset = hyphen = True
        elif byte == ord("x"):
            values["extended"] = 0 if unset else 1 + reader.skip(b"x")
            unset and reader.skip(b"x")
        elif byte in _LETTERS:
            values[_LETTERS[byte]] = not unset
        else:
            raise reader.fail(_UNKNOWN)
    changed = replace(flags, **values)  # type: ignore[arg-type]
    return Opening("options" if reader.take() == ord(")") else "plain", flags=changed)


def _verb(reader: PatternReader) -> Opening:
    name = reader.run(_UPPER)
    argument = reader.skip(b":")
    end = reader.source.find(b")", reader.position)
    has_text = end > reader.position
    if end < 0 or name not in _VERBS or not (argument or reader.peek() == ord(")")):
        raise reader.fail(_BAD_VERB)
    if name in (b"", b"MARK") and not has_text:
        raise reader.fail("(*MARK) must have an argument")
    reader.position = end + 1
    if name in (b"", b"MARK"):
        return Opening("item", repeatable=False)
    if name in (b"F", b"FAIL"):
        return Opening("item", node=OneByte(byte_sets.NONE), repeatable=False)
    return Opening("item", node=Opaque(f"the verb (*{name.decode()})"), repeatable=name == b"ACCEPT")


def _named_assertion(reader: PatternReader) -> Opening:
    name = reader.run(_LOWER)
    if reader.peek() != ord(":"):
        raise reader.fail("(*alpha_assertion) not recognized")
    reader.position += 1
    if name in _NAMED_LOOKS:
        ahead, negated = _LOOKS[_NAMED_LOOKS[name]]
        return Opening("look", ahead=ahead, negated=negated)
    if name == b"atomic":
        return Opening("atomic")
    if name in _SCRIPT_RUNS:
        # Without PCRE2_UTF a script run is the group alone.
        return Opening("atomic" if name.startswith(b"a") else "plain")
    raise reader.fail("(*alpha_assertion) not recognized")


def _condition(reader: PatternReader, opened: int) -> Opening:
    """Read the condition of a conditional group, up to its own closing parenthesis."""
    if reader.next_in(b"?*"):
        reader.position -= 1
        return Opening("conditional", expects_assertion=True)
    if reader.at_end:
        raise reader.fail(_UNCLOSED)
    number = reader.signed(opened)
    if number is not None:
        if not reader.skip(b")"):
            raise reader.fail("missing closing parenthesis for condition")
        return Opening("conditional", group=number)
    if reader.skip(b"VERSION"):
        end = reader.source.find(b")", reader.position)
        operator = reader.source[reader.position : end].lstrip(b">")
        if end < 0 or not operator.startswith(b"=") or not operator[1:2].isdigit():
            raise reader.fail("syntax error or number too big in (?(VERSION condition")
        reader.position = end + 1
        return Opening("conditional")
    if reader.next_in(b"<'"):
        name = reader.name(CLOSING[reader.take()])
        if not reader.skip(b")"):
            raise reader.fail("missing closing parenthesis for condition")
        return Opening("conditional", group=name)
    if reader.skip(b"R&"):
        return Opening("conditional", group=reader.name(b")"))
    return _bare_condition(reader.name(b")"))


def _bare_condition(name: str) -> Opening:
    if name == "DEFINE":
        return Opening("conditional", defines=True)
    if name == "R":
        return Opening("conditional")
    if name.startswith("R") and name[1:].isdigit():
        return Opening("conditional", group=int(name[1:]))
    return Opening("conditional", group=name)
