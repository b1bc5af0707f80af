# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Comparing what the same requests get from two configurations: `compare(probes, before, after) -> Report`."""

from __future__ import annotations

from .accepting import parse as parse_accept
from .attribution import Side
from .classes import CLASSES, DEFAULT_FAIL_ON, RISKS, guilty_classes
from .compare import compare
from .result import BehaviourChange, Report, Unverified

__all__ = [
    "CLASSES",
    "DEFAULT_FAIL_ON",
    "RISKS",
    "BehaviourChange",
    "Report",
    "Side",
    "Unverified",
    "compare",
    "guilty_classes",
    "parse_accept",
]
