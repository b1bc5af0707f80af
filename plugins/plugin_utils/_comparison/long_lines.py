# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Long lines before and after: the part that changed is what is shown of them."""

from __future__ import annotations

import itertools
import re
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Sequence

#: Characters around the changed part.
_CONTEXT: t.Final = 24
_MARK: t.Final = "…"
#: The beginning that stays: the name of a header, or what an upstream gets.
_TITLE: t.Final = re.compile(r"(?:upstream gets )?[\w-]+: ")


def changed_parts(old: str, new: str, longest: int) -> tuple[str, str]:
    """Return two texts, each cut to about `longest` characters so that what differs is shown; short ones as they are."""
    if max(len(old), len(new)) <= longest:
        return old, new
    same = sum(1 for _each in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(old, new, strict=False)))
    shortest = min(len(old), len(new)) - same
    ends = zip(reversed(old), reversed(new), strict=False)
    end = min(shortest, sum(1 for _each in itertools.takewhile(lambda pair: pair[0] == pair[1], ends)))
    return _window(old, same, end, longest), _window(new, same, end, longest)


def _window(text: str, same: int, end: int, longest: int) -> str:
    if len(text) <= longest:
        return text
    title = match[0] if (match := _TITLE.match(text)) and same >= match.end() else ""
    room = longest - len(title) - 2 * len(_MARK)
    first = max(len(title), same - _CONTEXT)
    last = min(len(text), len(text) - end + _CONTEXT, first + room)
    if last == len(text):
        first = max(len(title), min(first, last - room))
    before = _MARK if first > len(title) else ""
    return title + before + text[first:last] + (_MARK if last < len(text) else "")


def shortened(old: Sequence[str], new: Sequence[str], longest: int) -> tuple[list[str], list[str]]:
    """Return the lines of two outcomes; a long one is cut to what differs from its counterpart.

    The counterpart is the line with the same title (`Cache-Control: `), else the one at the same place.
    """
    if all(len(line) <= longest for line in (*old, *new)):
        return list(old), list(new)
    return (
        [changed_parts(line, _counterpart(line, position, new), longest)[0] for position, line in enumerate(old)],
        [changed_parts(_counterpart(line, position, old), line, longest)[1] for position, line in enumerate(new)],
    )


def _counterpart(line: str, position: int, others: Sequence[str]) -> str:
    match = _TITLE.match(line)
    if match is None:
        return others[position] if position < len(others) else ""
    titled = [other for other in others if other.startswith(match[0])]
    return line if line in titled else next(iter(titled), "")
