# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What is sent to a host: the rendered files of a candidate, packed."""

from __future__ import annotations

import base64
import json
import re
import typing as t
import zlib
from dataclasses import dataclass, field

#: What may be a secret in nginx's configuration, by itself or as a part of a URL, a header field or a list.
_WORD = re.compile(r"""[^\s;{}"'/=:,]+""")
#: What every configuration has: directives, variables and plain words.
_COMMON = re.compile(r"\$?[a-z_]+")
_SHORTEST_WORD = 8
_PRIVATE_KEY = re.compile(rb"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----")


@dataclass(frozen=True)
class Rendered:
    """One entry of a candidate: a file with its bytes, a link with its target, or a folder.

    `secret` files are stored with mode 0600 when new and shown as a fingerprint only.
    """

    path: str
    type: t.Literal["file", "link", "directory"]
    content: bytes = b""
    target: str | None = None
    mode: int | None = None
    secret: bool = False


@dataclass(frozen=True)
class Candidate:
    """The managed part of a config tree, rendered for one host.

    `secrets` are the values that must not be seen in any output. `sources` maps a path below the
    config folder to the file on the controller that it came from.
    """

    entries: tuple[Rendered, ...]
    secrets: tuple[str, ...] = ()
    sources: dict[str, str] = field(default_factory=dict)

    def files(self) -> dict[str, bytes]:
        """Path -> bytes of what nginx could read: files, and links to files inside the candidate."""
        files = {entry.path: entry.content for entry in self.entries if entry.type == "file" and not entry.secret}
        for entry in self.entries:
            if entry.type == "link" and entry.target is not None:
                target = _normalise(entry.path, entry.target)
                if target in files:
                    files[entry.path] = files[target]
        return files

    def payload(self) -> str:
        """The candidate as one opaque string, so that no single value of it can be logged by accident."""
        document = {
            "entries": [
                {
                    "path": entry.path,
                    "type": entry.type,
                    "mode": entry.mode,
                    "content": base64.b64encode(entry.content).decode("ascii") if entry.type == "file" else None,
                    "target": entry.target,
                    "secret": entry.secret,
                }
                for entry in self.entries
            ],
            "secrets": list(self.secrets),
        }
        return base64.b64encode(zlib.compress(json.dumps(document).encode("utf-8"))).decode("ascii")


def holds_private_key(content: bytes) -> bool:
    """Whether a PEM private key of any kind (RFC 7468) is in these bytes."""
    return _PRIVATE_KEY.search(content) is not None


def words_of(content: bytes) -> set[str]:
    """The words of a vaulted file, which no output may show wherever a comparison has them.

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
