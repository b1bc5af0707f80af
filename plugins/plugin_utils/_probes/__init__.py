# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Probes for a change: requests made from both configurations, traced back from what they read."""

from __future__ import annotations

from .plan import ProbePlan, SocketWitness, Unwitnessed, WitnessSource, listens_of, plan_probes, probes_for
from .probed_config import ProbedConfig, SideName, WitnessRequest

__all__ = [
    "ProbePlan",
    "ProbedConfig",
    "SideName",
    "SocketWitness",
    "Unwitnessed",
    "WitnessRequest",
    "WitnessSource",
    "listens_of",
    "plan_probes",
    "probes_for",
]
