# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find a block that adds a header and thereby drops inherited security headers.

nginx inherits `add_header` only where a block has none of its own.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.inheritance import lost_settings
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule(
    "security-headers-lost", "warning", "A block that adds a header drops inherited security headers", security=5.0
)


def check(context: Context) -> Iterator[Finding]:
    """Report every block that loses a header which protects its pages."""
    for loss in lost_settings(context):
        if loss.kind == "security":
            yield RULE.at(loss.first.place, loss.message, loss.related)
