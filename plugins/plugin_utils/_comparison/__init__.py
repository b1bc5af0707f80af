# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""The comparison of the outcomes of the same probes with two configurations: `compare(probes, before, after)`."""

from __future__ import annotations

from .accept_list import AcceptEntry, is_key
from .accountant import Witnessed
from .accounting import STATES, ChangeAccount
from .change_classes import CLASSES, DEFAULT_FAIL_ON, RISKS, guilty_classes
from .comparison import compare
from .report import BehaviourChange, ExpectationResult, GateFailure, RouteCheckReport, Unverified
from .sides import ComparedSide

__all__ = [
    "CLASSES",
    "DEFAULT_FAIL_ON",
    "RISKS",
    "STATES",
    "AcceptEntry",
    "BehaviourChange",
    "ChangeAccount",
    "ComparedSide",
    "ExpectationResult",
    "GateFailure",
    "RouteCheckReport",
    "Unverified",
    "Witnessed",
    "compare",
    "guilty_classes",
    "is_key",
]
