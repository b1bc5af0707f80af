# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Messages about configuration folders: which ones the host has or makes, and what nginx reads of them."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._common.json_fields import FieldError, omit_none

_ENTRY = 4


class FolderEntry(t.NamedTuple):
    """A file, a folder or a link below a configuration folder; its JSON is a list.

    Attributes:
        path: relative to the configuration folder; absolute for a file that is replaced elsewhere.
        kind: `file`, `directory` or `link`.
        mode: permission bits of a file; None for 0644.
        content: base64 of a file, the target of a link.
    """

    path: str
    kind: str
    mode: t.Optional[int]
    content: t.Optional[str]

    @classmethod
    def from_json(cls, data: object) -> FolderEntry:
        """Read it; raises `FieldError`."""
        if not isinstance(data, list) or len(data) != _ENTRY:
            raise FieldError("", "an entry is a list of path, type, mode and content")
        path, kind, mode, content = data
        if not isinstance(path, str) or kind not in {"file", "directory", "link"}:
            raise FieldError("", f"{path!r} is no file, directory or link")
        if (mode is not None and mode.__class__ is not int) or not (content is None or isinstance(content, str)):
            raise FieldError("", f"{path!r} has a mode that is no number, or a content that is no text")
        return cls(path, kind, mode, content)

    def to_json(self) -> t.List[object]:
        """Write it."""
        return list(self)


@dataclass
class FolderSpec:
    """A configuration folder that the host has or makes.

    Attributes:
        kind: `live`, `release` (with `id`) or `files` (with `entries`).
        id: of the release.
        entries: what is in the folder.
        over: `live`: the entries lie over a copy of the live folder; `owned`: what the confirmed release manages is
            taken out of that copy first; None: the folder holds nothing else.
    """

    kind: str
    id: t.Optional[str] = omit_none()
    entries: t.Optional[t.List[FolderEntry]] = omit_none()
    over: t.Optional[str] = None


@dataclass
class ReadJob:
    """Ask the host for the output of `nginx -T` with each folder."""

    sources: t.Dict[str, FolderSpec]


@dataclass
class Dump:
    """The output of `nginx -T`, packed without JSON, or nginx's reason to refuse the folder."""

    dump: t.Optional[str] = omit_none()
    refused: t.Optional[str] = omit_none()


@dataclass
class ReadAnswer:
    """The dumps by the names of the job's sources, and the nginx that made them."""

    dumps: t.Dict[str, Dump]
    nginx_version: str
    modules: t.List[str]
