# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Expected values of an outcome: statuses, texts, headers."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_RANGE: t.Final = re.compile(r"([1-5]\d\d)(?:-([1-5]\d\d))?|([1-5])xx", re.ASCII)
_PLACEHOLDER: t.Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_CLOSED: t.Final = 444

Values = t.Mapping[str, str]


@dataclass(frozen=True)
class Statuses:
    """Expected statuses: `301`, `200-399`, `2xx` or several of these."""

    ranges: tuple[tuple[int, int], ...]
    text: str

    def fits(self, status: int | None, closed: str | None) -> bool:
        """Return True if an outcome has one of these; nginx's own 444 is a closed connection."""
        if status is None:
            return closed in ("closed", "reset") and any(low == high == _CLOSED for low, high in self.ranges)
        return any(low <= status <= high for low, high in self.ranges)


def parse_statuses(texts: Iterable[str]) -> Statuses | None:
    """Read statuses; return None if a text is invalid."""
    ranges: list[tuple[int, int]] = []
    words = list(texts)
    for text in words:
        match = _RANGE.fullmatch(text.strip())
        if match is None:
            return None
        low = int(match[1] or f"{match[3]}00")
        high = int(match[2] or match[1] or f"{match[3]}99")
        if low > high:
            return None
        ranges.append((low, high))
    return Statuses(tuple(ranges), ", ".join(words)) if ranges else None


@dataclass(frozen=True)
class Text:
    """An expected text: equal to, containing, or matching `value`. An empty value means "absent or empty"."""

    value: str
    how: t.Literal["is", "contains", "matches"] = "is"

    def fits(self, got: str | None, values: Values) -> bool:
        """Return True if a value is the expected one, with placeholders filled in."""
        if self.how == "is":
            return (got or "") == fill(self.value, values)
        if got is None:
            return False
        if self.how == "contains":
            return fill(self.value, values) in got
        return re.search(fill(self.value, {name: re.escape(text) for name, text in values.items()}), got) is not None

    def shown(self, values: Values) -> str:
        """Write it for people, with placeholders filled in."""
        text = fill(self.value, values)
        return (text or "(none)") if self.how == "is" else f"{self.how} {text}"


def placeholders(text: str) -> list[str]:
    """Return the names in braces in a text."""
    return _PLACEHOLDER.findall(text)


def fill(text: str, values: Values) -> str:
    """Fill in the placeholders of a text; unknown ones stay."""
    return _PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), text)


def is_regex(text: str) -> bool:
    """Return True for a valid regular expression."""
    try:
        re.compile(text)
    except (re.error, OverflowError, RecursionError):
        return False
    return True


def values_of_header(headers: Iterable[Iterable[str]], name: str) -> list[str]:
    """Return the values of a header, in order."""
    return [value for key, value in headers if key.lower() == name.lower()]


def failing_headers(
    wanted: Mapping[str, Text], headers: Iterable[Iterable[str]], values: Values
) -> dict[str, str | None]:
    """Return the headers that are not as expected, and their values (None: absent)."""
    pairs = [(str(name), str(value)) for name, value in headers]
    failing: dict[str, str | None] = {}
    for name, text in wanted.items():
        got = values_of_header(pairs, name)
        fine = any(text.fits(value, values) for value in got) if got else text.fits(None, values)
        if text.how == "is" and not text.value:
            fine = not any(got)
        if not fine:
            failing[name] = ", ".join(got) if got else None
    return failing
