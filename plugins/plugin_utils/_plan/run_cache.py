# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The cache that the hosts of one run share on the controller: dumps of configurations, and results for all hosts alike.

It lies in Ansible's temporary folder, which is private and is deleted at the end of the run.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import tempfile
import typing as t
import zlib
from collections.abc import Iterator

_DIGEST: t.Final = re.compile(r"[0-9a-f]{64}")


class RunCache:
    """A folder of content by digest and of answers by key.

    Args:
        temporary: Ansible's temporary folder of this run (`C.DEFAULT_LOCAL_TMP`).
    """

    def __init__(self, temporary: str) -> None:
        self._folder = os.path.join(temporary, "failsafe-nginx")
        os.makedirs(self._folder, mode=0o700, exist_ok=True)

    def keep(self, data: bytes) -> str:
        """Store content; return its SHA-256, by which `kept` finds it."""
        digest = hashlib.sha256(data).hexdigest()
        path = self._path(digest)
        if not os.path.exists(path):
            self._write(path, zlib.compress(data, 1))
        return digest

    def kept(self, digest: str | None) -> bytes | None:
        """Return stored content, None if this run did not store it."""
        if digest is None or not _DIGEST.fullmatch(digest):
            return None
        with contextlib.suppress(FileNotFoundError), open(self._path(digest), "rb") as file:
            return zlib.decompress(file.read())
        return None

    @contextlib.contextmanager
    def alone(self, key: str) -> Iterator[CachedAnswer]:
        """Wait until no other host of the run works on this key, then give its answer, which the caller may set."""
        path = self._path(hashlib.sha256(key.encode()).hexdigest() + ".answer")
        with open(path + ".lock", "wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            answer = CachedAnswer()
            with contextlib.suppress(FileNotFoundError), open(path, "rb") as file:
                answer.value = json.loads(file.read())
            known = answer.value
            yield answer
            if answer.value is not None and answer.value is not known:
                self._write(path, json.dumps(answer.value).encode("utf-8"))

    def _path(self, name: str) -> str:
        return os.path.join(self._folder, name)

    def _write(self, path: str, data: bytes) -> None:
        # Several hosts may write the same at once, so each writes a file of its own and renames it.
        handle, made = tempfile.mkstemp(dir=self._folder)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.replace(made, path)


class CachedAnswer:
    """The answer for a key: None until the first host sets `value`."""

    def __init__(self) -> None:
        self.value: t.Any = None


def key_of(*parts: t.Any) -> str:
    """Return one key for values that decide an answer."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode("utf-8")).hexdigest()[:16]
