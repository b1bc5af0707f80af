# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""A rendered candidate, and its packed form that a host gets."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field

from ansible_collections.failsafe.nginx.plugins.module_utils._common.packing import encode_bytes, pack

#: A word that may be a secret, by itself or as a part of a URL, a header field or a list.
_WORD = re.compile(r"""[^\s;{}"'/=:,]+""")
#: Words that every configuration has: directives, variables and plain words.
_COMMON = re.compile(r"\$?[a-z_]+")
_SHORTEST_WORD = 8
_PRIVATE_KEY = re.compile(rb"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----")


@dataclass(frozen=True)
class Rendered:
    """One entry of a candidate: a file with its bytes, a link with its target, or a folder.

    A `secret` file is stored with mode 0600 when it is new, and output shows only a digest of it.
    """

    path: str
    type: t.Literal["file", "link", "directory"]
    content: bytes = b""
    target: str | None = None
    mode: int | None = None
    secret: bool = False

    def to_json(self) -> dict[str, str | int | None]:
        """Write it for the host; only files have content, and only links a target."""
        return {
            "path": self.path,
            "type": self.type,
            "mode": self.mode,
            "content": encode_bytes(self.content) if self.type == "file" else None,
            "target": self.target,
            "secret": self.secret,
        }


@dataclass(frozen=True)
class Candidate:
    """The managed part of a config tree, rendered for one host.

    Attributes:
        entries: files, links and folders.
        secrets: values that no output may show.
        sources: path below the configuration folder -> the file on the controller that it came from.
    """

    entries: tuple[Rendered, ...]
    secrets: tuple[str, ...] = ()
    sources: dict[str, str] = field(default_factory=dict)

    def files(self) -> dict[str, bytes]:
        """Return the bytes of what nginx could read, by path: files, and links to files inside the candidate."""
        files = {entry.path: entry.content for entry in self.entries if entry.type == "file" and not entry.secret}
        for entry in self.entries:
            if entry.type == "link" and entry.target is not None:
                target = _normalise(entry.path, entry.target)
                if target in files:
                    files[entry.path] = files[target]
        return files

    def payload(self) -> str:
        """Return the candidate as one opaque string, so that no single value of it can be logged by accident."""
        return pack({"entries": [entry.to_json() for entry in self.entries], "secrets": list(self.secrets)})


def holds_private_key(content: bytes) -> bool:
    """Return whether these bytes hold a PEM private key of any kind (RFC 7468)."""
    return _PRIVATE_KEY.search(content) is not None


def words_of(content: bytes) -> set[str]:
    """Return the words of a vaulted file that a comparison has to mask.

    Keys are left out: they are in no comparison. So are short words and common ones, see `_common.redaction`.
    """
    if holds_private_key(content):
        return set()
    found = _WORD.findall(content.decode("utf-8", "replace"))
    return {word for word in found if len(word) >= _SHORTEST_WORD and not _COMMON.fullmatch(word)}


def _normalise(link: str, target: str) -> str:
    parts: list[str] = link.split("/")[:-1]
    for part in target.split("/"):
        if part == "..":
            if parts:
                parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)
