# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read a candidate as the controller sends it, and check what it would manage."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import hashlib
import json
import typing as t
import zlib

from .._common import json_fields
from .._common.json_text import parse_json
from .disk import TEMPORARY
from .errors import ReleaseError
from .tree_entry import raw

_NAME_MAX = 255  # limits.h


class CandidateEntry(t.NamedTuple):
    """One path that the candidate manages. `mode` None keeps the mode of the live path; `content` of a link is its target."""

    path: str
    type: str
    mode: t.Optional[int] = None
    content: bytes = b""
    secret: bool = False


class HostCandidate(t.NamedTuple):
    """The entries that the controller rendered for this host, and the values that may never be shown."""

    entries: t.Tuple[CandidateEntry, ...]
    secrets: t.Tuple[str, ...] = ()


@dataclasses.dataclass
class _Row:
    """A sent entry: `content` in base64 for files, `target` for links. `check` judges path, type and mode."""

    path: t.Any
    type: t.Any
    mode: t.Any = None
    content: t.Optional[str] = None
    target: t.Optional[str] = None
    secret: t.Optional[bool] = None
    extra: t.Dict[str, object] = json_fields.unknown_fields()


@dataclasses.dataclass
class _Payload:
    entries: t.List[_Row]
    secrets: t.List[str] = dataclasses.field(default_factory=list)
    extra: t.Dict[str, object] = json_fields.unknown_fields()


def decode(payload: str) -> HostCandidate:
    """Read the payload of the action plugin.

    Args:
        payload: base64 of zlib of JSON.

    Raises:
        ReleaseError: it is anything else.
    """
    try:
        data = parse_json(zlib.decompress(base64.b64decode(payload, validate=True)))
        sent = json_fields.decode(_Payload, data)
        return HostCandidate(tuple(_entry(row) for row in sent.entries), tuple(sent.secrets))
    except (binascii.Error, zlib.error, ValueError, TypeError) as error:
        raise ReleaseError(f"the candidate that the controller sent cannot be read: {error}", "payload") from None


def _entry(row: _Row) -> CandidateEntry:
    content = (row.target or "").encode("utf-8", "surrogateescape")
    if row.type == "file":
        if row.content is None:
            raise json_fields.FieldError("content", "is missing")
        content = base64.b64decode(row.content, validate=True)
    return CandidateEntry(row.path, row.type, row.mode, content, bool(row.secret))


def identity(wanted: t.Iterable[CandidateEntry], kind: str = "candidate") -> str:
    """Return the release id: `r-` and twelve hex digits over path, type, content and, where one is given, mode."""
    digest = hashlib.sha256(kind.encode("ascii"))
    for entry in sorted(wanted):
        content = hashlib.sha256(entry.content).hexdigest()
        digest.update(json.dumps([entry.path, entry.type, content, entry.mode]).encode("ascii"))
    return "r-" + digest.hexdigest()[:12]


def check(candidate: HostCandidate) -> None:
    """Refuse an empty candidate, and paths, types and modes that cannot be managed."""
    if not candidate.entries:
        raise ReleaseError("the candidate is empty: nothing would be managed", "candidate")
    seen: set[str] = set()
    for entry in candidate.entries:
        fault = _fault(entry, seen)
        if fault:
            raise ReleaseError(f"refused path {entry.path!r}: {fault}", "candidate", paths=[repr(entry.path)])
        seen.add(entry.path)


def _fault(entry: CandidateEntry, seen: set[str]) -> str:
    path = entry.path
    if not isinstance(path, str) or not path or path.startswith("/"):
        return "it must be relative to the configuration folder"
    try:
        parts = path.encode("utf-8").decode("utf-8").split("/")
    except UnicodeError:
        return "it is not UTF-8"
    if any(part in ("", ".", "..") for part in parts):
        return "it has an empty, '.' or '..' component"
    if any(ord(character) < ord(" ") or ord(character) == 127 for character in path):  # noqa: PLR2004 - DEL
        return "it holds a control character"
    if any(part.startswith(TEMPORARY) or len(raw(part)) > _NAME_MAX for part in parts):
        return f"a name in it is longer than {_NAME_MAX} bytes or begins with {TEMPORARY}"
    if entry.type not in ("file", "link", "directory"):
        return f"a {entry.type} cannot be managed, only files, links and directories"
    if path in seen:
        return "it is there twice"
    if entry.mode is not None and (not isinstance(entry.mode, int) or not 0 <= entry.mode <= 0o7777):  # noqa: PLR2004
        return f"{entry.mode!r} is no mode"
    return "" if entry.type != "link" or (entry.content and b"\0" not in entry.content) else "the link has no target"
