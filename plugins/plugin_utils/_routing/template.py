# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""nginx's strings with variables, as ngx_http_script_compile() (src/http/ngx_http_script.c) splits them."""

from __future__ import annotations

import re
import typing as t
from functools import lru_cache

_PART: t.Final = re.compile(r"\$(?:(?P<capture>[0-9])|\{(?P<braced>\w+)\}|(?P<name>\w+))", re.ASCII)


class Part(t.NamedTuple):
    """A literal, a variable (lower case: nginx's variable names ignore case) or a capture's number."""

    literal: str = ""
    variable: str = ""
    capture: int = -1


@lru_cache(maxsize=16384)
def parse_template(text: str) -> tuple[Part, ...]:
    """Return the parts of a string in order."""
    parts: list[Part] = []
    position = 0
    for match in _PART.finditer(text):
        if match.start() > position:
            parts.append(Part(literal=text[position : match.start()]))
        position = match.end()
        name = match["braced"] or match["name"] or ""
        if match["capture"] or name.isdecimal():
            parts.append(Part(capture=int(match["capture"] or name)))
        else:
            parts.append(Part(variable=name.lower()))
    if position < len(text):
        parts.append(Part(literal=text[position:]))
    return tuple(parts)


def variables_of(text: str) -> frozenset[str]:
    """Return the names of the variables in a string."""
    return frozenset(part.variable for part in parse_template(text) if part.variable)


@lru_cache(maxsize=8192)
def split_args(text: str) -> tuple[tuple[Part, ...], tuple[Part, ...] | None]:
    """Split a rewrite's replacement at its first literal `?`: the URI's parts, and the arguments' (None without a `?`)."""
    parts = parse_template(text)
    for index, part in enumerate(parts):
        head, mark, tail = part.literal.partition("?")
        if mark:
            before = (*parts[:index], *((Part(literal=head),) if head else ()))
            after = (*((Part(literal=tail),) if tail else ()), *parts[index + 1 :])
            return before, after
    return parts, None
