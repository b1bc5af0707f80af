# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The semantic difference of two configurations, as nginx would see it."""

from __future__ import annotations

from .change import RISKS, Change, DiffError, Lost, gate
from .diff import Diff, diff, unread_parts

__all__ = ["RISKS", "Change", "Diff", "DiffError", "Lost", "diff", "gate", "unread_parts"]
