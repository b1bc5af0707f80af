# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""Tolerant reading of JSON objects that hosts, or older versions, wrote."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator, Mapping, Sequence

from .errors import ReportError


class JsonFields:
    """The fields of one JSON object; what is absent, null or of another type reads as its default.

    Args:
        data: what should be the object.
        name: what it is, for errors.

    Raises:
        ReportError: it is no object.
    """

    def __init__(self, data: object, name: str) -> None:
        if not isinstance(data, Mapping):
            raise ReportError(f"the report cannot be made: {name} is no object: {data!r}")
        self.name = name
        self._data: Mapping[str, object] = data

    def __contains__(self, key: str) -> bool:
        return key in self._data

    def as_dict(self) -> dict[str, object]:
        """Return the object as it was read, for reports that carry all of it."""
        return dict(self._data)

    def text(self, key: str, default: str = "") -> str:
        """Return a value as text; the default for null and absent ones."""
        value = self._data.get(key)
        return default if value is None else str(value)

    def optional_text(self, key: str) -> str | None:
        """Return a value as text; None for null, absent and empty ones."""
        value = self._data.get(key)
        return str(value) if value else None

    def number(self, key: str, default: int = 0) -> int:
        """Return a whole number."""
        value = self._data.get(key)
        return int(value) if isinstance(value, (int, float)) else default

    def length(self, key: str) -> int:
        """Return the length of a list, or the number that stands for a long one."""
        value = self._data.get(key)
        return len(value) if isinstance(value, Sequence) else self.number(key)

    def flag(self, key: str) -> bool:
        """Return the truth of a value."""
        return bool(self._data.get(key))

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts; an empty one for null and absent ones.

        Raises:
            ReportError: it is no list.
        """
        return tuple(map(str, self._list(key)))

    def one(self, key: str) -> JsonFields:
        """Return an object; an empty one for null and absent ones.

        Raises:
            ReportError: it is no object.
        """
        return JsonFields(self._data.get(key) or {}, f"{key} of {self.name}")

    def many(self, key: str) -> list[JsonFields]:
        """Return a list of objects; an empty one for null and absent ones.

        Raises:
            ReportError: it is no list, or one of them is no object.
        """
        return [JsonFields(each, f"{key} of {self.name}") for each in self._list(key)]

    def table(self, key: str) -> Iterator[tuple[str, object]]:
        """Return the pairs of an object whose keys are data.

        Raises:
            ReportError: it is no object.
        """
        return iter(self.one(key).as_dict().items())

    def _list(self, key: str) -> t.Iterable[object]:
        value = self._data.get(key) or ()
        if not isinstance(value, (list, tuple)):
            raise ReportError(f"the report cannot be made: {key} of {self.name} is no list: {value!r}")
        return value
