# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""JSON as Ansible hands it over, without Ansible's own types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

#: A JSON object that is passed on as it arrived, because nothing here decides by its fields.
JsonObject = dict[str, object]


def plain(value: object) -> object:
    """Return a value made of plain JSON types; what JSON does not have becomes text."""
    if isinstance(value, Mapping):
        return plain_object(value)
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if value is None or isinstance(value, bool):
        return value
    for kind in (int, float):
        if isinstance(value, kind):
            return kind(value)
    return _text(value)


def plain_object(value: object) -> JsonObject:
    """Return an object made of plain JSON types; an empty one for anything else."""
    return {_text(key): plain(item) for key, item in value.items()} if isinstance(value, Mapping) else {}


def _text(value: object) -> str:
    # Up to ansible-core 2.18 `str()` of text that is marked as unsafe gives the marked text, which is of another type.
    return str.__str__(value) if isinstance(value, str) else str(value)


def fields(value: object) -> Mapping[str, object]:
    """Return an object as it is; an empty one for anything else."""
    return value if isinstance(value, Mapping) else {}


def rows(value: object) -> Iterator[Mapping[str, object]]:
    """Yield the objects of a list; none for anything else."""
    if isinstance(value, (list, tuple)):
        yield from (each for each in value if isinstance(each, Mapping))


def texts(value: object) -> tuple[str, ...]:
    """Return the items of a list as text; none for anything else."""
    return tuple(map(str, value)) if isinstance(value, (list, tuple)) else ()


def optional_text(value: object) -> str | None:
    """Return a value as text; None for null and absent ones."""
    return None if value is None else str(value)
