# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Folders of pages that became other ones, as controller and host exchange them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class FolderPair:
    """A folder of pages that became another one, and what this host has in both.

    Attributes:
        old: the folder before.
        new: the folder after.
        exists: the new one does.
        files: of the old one that were looked for in the new one, at most a few hundred.
        missing: those of them that it does not have.
    """

    old: str
    new: str
    exists: bool = False
    files: int = 0
    missing: int = 0
