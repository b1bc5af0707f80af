# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Witnesses: for each change a request that the two configurations could answer differently, or why there is none."""

from __future__ import annotations

from .context import ChangedDirective
from .directive_table import Answer, ByRequest, Invisible, Need, Sight, Unexercised, sight_of, sight_of_change
from .registry import Witnesses, is_decisive

__all__ = [
    "Answer",
    "ByRequest",
    "ChangedDirective",
    "Invisible",
    "Need",
    "Sight",
    "Unexercised",
    "Witnesses",
    "is_decisive",
    "sight_of",
    "sight_of_change",
]
