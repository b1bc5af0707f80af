# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Random patterns: sensible ones of every construct that an automaton can have, and soups of PCRE's tokens."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from random import Random

ATOMS = (
    *(
        "a",
        "b",
        "c",
        "/",
        ".",
        "-",
        r"\n",
        "_",
        " ",
        "A",
        "[a-c]",
        "[^/]",
        "[^a]",
        "[[:alpha:]]",
        "[[:^digit:]]",
        r"\d",
    ),
    *(r"\w", r"\W", r"\s", r"\R", r"\N", r"\h", r"\x41", r"\/", r"\Qa.\E", r"[\w-]", r"[^\n]", r"\pL", r"\V", r"\101"),
    *("é", r"\xc3", "[é]", "[]a]", "[a-]", r"\.", "(?#c)b", "(*F)", r"\C"),
)
ANCHORS = ("^", "$", r"\b", r"\B", r"\A", r"\z", r"\Z", r"\G", "$", "^")
QUANTIFIERS = ("*", "+", "?", "{2}", "{1,3}", "{0,2}", "{2,}", "{0}")
LOOKBEHINDS = ("a", "b/", "[^/]", "a|bc", "^", r"\b", "(?<!a)b", "a{2}")
TOKENS = (
    *"ab/.^$|()*+?{}[]-#\\ \n,1",
    *("(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>", "(?i)", "(?i:", "(?x)", "(?-i)", "(?s)", "(?m)", "(?|", "(?<n1>"),
    *("(?'n1'", "(?P<n2>", "(?P=n1)", "(?&n1)", "(?1)", "(?R)", "(?+1)", "(?-1)", "(?(1)", "(?(?=a)", "(?(n1)", "(?U)"),
    *("(?xx)", "(?^)", "(?#c)", "{2}", "{1,3}", "{2,}", "{3,1}", "{0}", "++", "*?", "[^", "[a-c]", "[[:alpha:]]"),
    *("[:alpha:]", "[[:^digit:]", "[]", r"\d", r"\w", r"\s", r"\h", r"\v", r"\R", r"\N", r"\X", r"\b", r"\B", r"\A"),
    *(r"\z", r"\Z", r"\G", r"\K", r"\Q", r"\E", r"\x41", r"\x{41}", r"\x", r"\o{101}", r"\101", r"\1", r"\2", r"\10"),
    *(r"\81", r"\g1", r"\g{-1}", r"\g<1>", r"\k<n1>", r"\ca", r"\c", r"\p{L}", r"\pN", r"\n", r"\.", r"\/", r"\[", "é"),
    *("(*F)", "(*ACCEPT)", "(*pla:", "(*atomic:", ":", "_"),
)
CHARACTERS = "aabbccx//.-\n_ A0\té\xe9"


class RandomPattern:
    """Makes patterns and subjects out of one seeded source."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self._names = 0

    def soup(self) -> str:
        return "".join(self.random.choice(TOKENS) for _unused in range(self.random.randint(1, 7)))

    def sensible(self) -> str:
        return "".join(self._node(3) for _unused in range(self.random.randint(1, 4)))

    def subject(self) -> bytes:
        length = self.random.randint(0, 7)
        text = "".join(self.random.choice(CHARACTERS) for _unused in range(length))
        return b"/" + text.encode(self.random.choice(("utf-8", "latin-1")))

    def _node(self, depth: int) -> str:
        kind = self.random.random()
        if depth == 0 or kind < 0.4:
            return self.random.choice(ATOMS)
        if kind < 0.5:
            return self.random.choice(ANCHORS)
        if kind < 0.6:
            return self._node(depth - 1) + self._node(depth - 1)
        if kind < 0.74:
            return self._group(depth)
        if kind < 0.86:
            item = f"(?:{self._node(depth - 1)})" if self.random.random() < 0.6 else self.random.choice(ATOMS[:16])
            return item + self.random.choice(QUANTIFIERS) + self.random.choice(("", "", "?", "+"))
        if kind < 0.93:
            return self.random.choice(("(?=", "(?!")) + self._node(depth - 1) + ")"
        if kind < 0.97:
            return self.random.choice(("(?<=", "(?<!")) + self.random.choice(LOOKBEHINDS) + ")"
        return self.random.choice(("(?(?=a)", "(?(?!b/)")) + f"{self._node(depth - 1)}|{self._node(depth - 1)})"

    def _group(self, depth: int) -> str:
        self._names += 1
        opening = self.random.choice(("(", "(?:", f"(?<n{self._names}>", "(?i:", "(?m:", "(?s:", "(?>", "(?x: "))
        branches = [self._node(depth - 1) for _unused in range(self.random.randint(1, 3))]
        return f"{opening}{'|'.join(branches)})"
