# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find settings inside an `if` in a location.

A request gets the settings of the last `if` that holds, and of no other one.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.location_conditions import (
    conditions_in_locations,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule, related

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule("if-is-evil", "advice", "Settings inside an if in a location")


def check(context: Context) -> Iterator[Finding]:
    """Check every `if` that `if-skips-try-files` does not report."""
    for found in conditions_in_locations(context):
        if found.settings and not found.skips_try_files:
            message = (
                f"{found.settings[0].name} inside if ({found.condition}): the request gets the settings of the last if that "
                "holds, and of no other one. A map, or another location, says the same without surprises"
            )
            yield RULE.at(found.settings[0].place, message, [related("in this if", found.block.place)])
