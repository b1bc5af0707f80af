# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Witnesses: for each change a request that the two configurations could answer differently, or why there is none."""

from __future__ import annotations

from .directive_table import Answer, ByRequest, Invisible, Sight, Unexercised, sight_of
from .registry import Witnesses

__all__ = ["Answer", "ByRequest", "Invisible", "Sight", "Unexercised", "Witnesses", "sight_of"]
