# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Compile nginx's regular expressions with Python's `re`; the small part of PCRE that differs is translated."""

from __future__ import annotations

import re
import typing as t
import warnings
from functools import lru_cache

_POSIX: t.Final = {
    "alnum": "a-zA-Z0-9",
    "alpha": "a-zA-Z",
    "blank": " \\t",
    "digit": "0-9",
    "lower": "a-z",
    "punct": "!-/:-@\\[-`{-~",
    "space": "\\s",
    "upper": "A-Z",
    "word": "\\w",
    "xdigit": "0-9a-fA-F",
}
_TOKEN: t.Final = re.compile(
    r"(?P<escape>\\.)|(?P<name>\(\?(?:<(?![=!])|'))|(?P<posix>\[:(?P<class>[a-z]+):\])|(?P<bracket>[\[\]])|(?P<quote>')",
    re.DOTALL,
)


@lru_cache(maxsize=65536)
def compile_pattern(pattern: str, *, caseless: bool = False) -> re.Pattern[str] | None:
    """Compile a pattern of `location`, `rewrite`, `if`, `map` or `server_name`; return None when Python cannot stand in for PCRE.

    nginx compiles with neither PCRE_UTF nor PCRE_UCP (src/core/ngx_regex.c), so classes are ASCII.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return re.compile(adapt(pattern), re.ASCII | (re.IGNORECASE if caseless else 0))
    except (re.error, Warning, ValueError, OverflowError, RecursionError):
        return None


def compile_server_name(pattern: str) -> re.Pattern[str] | None:
    """Compile the regex of a `server_name`, which has no regard to case."""
    return compile_pattern(pattern, caseless=True)


def adapt(pattern: str) -> str:
    """Turn PCRE's spelling into Python's: named groups, end of string, horizontal space, POSIX classes."""
    out: list[str] = []
    depth_class = False
    quoted_name = False
    position = 0
    for match in _TOKEN.finditer(pattern):
        out.append(pattern[position : match.start()])
        position = match.end()
        text = match.group()
        if match["escape"]:
            out.append(_escape(text, inside_class=depth_class))
        elif match["name"] and not depth_class:
            quoted_name = text.endswith("'")
            out.append("(?P<")
        elif match["posix"] and depth_class:
            out.append(_POSIX.get(match["class"], text))
        elif match["bracket"] or match["posix"]:
            depth_class, piece = _bracket(text, pattern, match.start(), depth_class=depth_class)
            out.append(piece)
        elif quoted_name:
            quoted_name = False
            out.append(">")
        else:
            out.append(text)
    out.append(pattern[position:])
    return "".join(out)


def _escape(text: str, *, inside_class: bool) -> str:
    if inside_class:
        return " \\t" if text == "\\h" else text
    return {"\\z": "\\Z", "\\h": "[ \\t]"}.get(text, text)


def _bracket(text: str, pattern: str, start: int, *, depth_class: bool) -> tuple[bool, str]:
    if not depth_class:
        return text.startswith("["), text
    if text == "]":
        # A "]" that comes first in a class is a member of it.
        first = pattern[:start].endswith(("[", "[^")) and not pattern[:start].endswith(("\\[", "\\[^"))
        return first, "\\]" if first else text
    return True, "\\" + text
