# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The journal of a store: one JSON object a line."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import typing as t

from .._common.json_fields import decode, encode, unknown_fields
from .._common.json_text import parse_json
from .clock import timestamp
from .disk import Folder

_FILE = "journal.jsonl"
_TAIL = 1 << 16  # bytes that hold the last line
_LONGEST = 2 << 20  # bytes: hundreds of deployments, which every reader reads whole
_LISTED = 20  # items of one list that a result shows
_LONGEST_TEXT = 500
_MOST_LINES = 50  # that a result shows


@dataclasses.dataclass
class JournalLine:
    """An event of a host, with its time (RFC 3339), its number, and what the run said about itself."""

    time: str
    seq: int
    event: str
    release: t.Optional[str]
    details: t.Dict[str, object] = dataclasses.field(default_factory=dict)
    metadata: t.Dict[str, object] = dataclasses.field(default_factory=dict)
    extra: t.Dict[str, object] = unknown_fields()

    def to_json(self) -> t.Dict[str, object]:
        """Return the line as the file has it."""
        return encode(self)


class Journal:
    """Append to the journal and read it; `written` are the lines of this object, oldest first."""

    def __init__(self, folder: Folder, redact: t.Callable[[t.Any], t.Any]) -> None:
        self.folder = folder
        self.redact = redact
        self.written: list[JournalLine] = []

    def lines(self) -> list[JournalLine]:
        """Return all lines, oldest first, without a line that a crash cut short."""
        if not os.path.isdir(self.folder.path) or self.folder.entry(_FILE) is None:
            return []
        return list(_parse(self.folder.read(_FILE)))

    def append(
        self,
        event: str,
        release: str | None,
        details: t.Mapping[str, object] | None = None,
        metadata: t.Mapping[str, object] | None = None,
        *,
        durable: bool = True,
    ) -> int:
        """Append an event and return the journal's size before it, in bytes."""
        number = 0
        with contextlib.suppress(FileNotFoundError), open(os.path.join(self.folder.path, _FILE), "rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
            number = max([line.seq for line in _parse(file.read())] or [0])
        line = JournalLine(
            timestamp(), number + 1, event, release, self.redact(dict(details or {})), self.redact(dict(metadata or {}))
        )
        size = self.folder.append(_FILE, json.dumps(line.to_json()).encode("ascii") + b"\n", durable=durable)
        self.written.append(line)
        return size

    def undo(self, size: int) -> None:
        """Remove the last event, before which the journal had `size` bytes."""
        del self.written[-1:]
        self.folder.truncate(_FILE, size)

    def shorten(self) -> None:
        """Drop the older half of a long journal."""
        data = self.folder.read(_FILE) if self.folder.entry(_FILE) else b""
        if len(data) > _LONGEST:
            self.folder.put(_FILE, data[data.index(b"\n", len(data) - _LONGEST // 2) + 1 :])


def brief(lines: t.Sequence[JournalLine]) -> list[dict[str, object]]:
    """Return the last lines for a result, without metadata; a long list becomes its length, a long text is cut."""
    return [
        {name: _shorten(value) for name, value in line.to_json().items() if name != "metadata"}
        for line in lines[-_MOST_LINES:]
    ]


def _shorten(value: object) -> object:
    if isinstance(value, str):
        return value if len(value) <= _LONGEST_TEXT else value[:_LONGEST_TEXT] + "..."
    if isinstance(value, (list, tuple)):
        return [_shorten(item) for item in value] if len(value) <= _LISTED else len(value)
    return {key: _shorten(item) for key, item in value.items()} if isinstance(value, dict) else value


def _parse(data: bytes) -> t.Iterator[JournalLine]:
    for line in data.split(b"\n"):
        with contextlib.suppress(ValueError):
            yield decode(JournalLine, parse_json(line))
