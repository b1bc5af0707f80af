# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Folders of pages that became other ones: what this host has in both."""

from __future__ import annotations

import os
import typing as t

from .._wire.folders import FolderPair
from .made_files import FileView

#: Files of a folder that are looked for in another one.
_MOST = 200


def look_at(pairs: t.Sequence[FolderPair], view: FileView) -> t.List[FolderPair]:
    """Return what this host has in folders of pages, as far as it tells."""
    return [_looked_at(pair) for pair in pairs if view.is_own(pair.old) and view.is_own(pair.new)]


def _looked_at(pair: FolderPair) -> FolderPair:
    files = missing = 0
    for place, folders, names in os.walk(pair.old):
        folders.sort()
        for name in sorted(names):
            inner = os.path.relpath(os.path.join(place, name), pair.old)
            files += 1
            missing += not os.path.lexists(os.path.join(pair.new, inner))
            if files == _MOST:
                break
        if files == _MOST:
            break
    return FolderPair(pair.old, pair.new, os.path.isdir(pair.new), files, missing)
