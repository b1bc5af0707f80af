# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""What the way back needs is put aside before there is need of it, so that a disk that fills up meanwhile stops nothing.

The files that a switch replaces keep a second name in the store, from where one rename brings each of them back, and there
are files with room for the states that will be saved. The former needs the store and the configuration folder on one file
system; where they are on two, a rollback writes the old contents anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import typing as t

from .disk import Folder
from .entry import Entry
from .errors import ReleaseError

_KEPT = "kept"
_SPARES = ["spare-%d" % number for number in range(8)]  # a rollback saves the state five times
_LEAST = 1 << 14  # bytes of each


class Reserve:
    """What is put aside in a store."""

    def __init__(self, store: Folder) -> None:
        self.store = store

    def lay(self, live: Folder, paths: t.Iterable[str], size: int) -> None:
        """Keep these files and links of `live`, and room for states of about `size` bytes. Raises `ReleaseError`."""
        self.lift()
        for name in _SPARES:
            self.store.allocate(name, max(_LEAST, 2 * size))
        self.store.make(_KEPT)
        for path in paths:
            entry = live.entry(path)
            if entry is not None and entry.type in ("file", "link"):
                self.store.link(live, path, _place(path))

    def lift(self) -> None:
        """Give it all back, as far as it is there."""
        shutil.rmtree(f"{self.store.path}/{_KEPT}", ignore_errors=True)
        for name in _SPARES:
            self.store.discard(name)

    def kept(self, wanted: Entry) -> str | None:
        """Where in the store a file or link lies that is what is wanted, down to its owner and label."""
        found = self.store.entry(_place(wanted.path))
        if found is None or not found.same(wanted) or found.acl != wanted.acl:
            return None
        return _place(wanted.path) if wanted.context in (None, found.context) else None

    def save(self, name: str, content: bytes) -> bool:
        """Replace a file of the store without a byte more on its disk; whether that could be done."""
        for spare in _SPARES:
            with contextlib.suppress(ReleaseError):
                found = self.store.size(spare)
                if found is not None and found >= len(content):
                    self.store.fill(spare, content)
                    self.store.rename(spare, name)
                    self.store.sync([""])
                    return True
        return False


def _place(path: str) -> str:
    return f"{_KEPT}/{hashlib.sha256(path.encode('utf-8', 'surrogateescape')).hexdigest()[:32]}"
