# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find a block that sets a request header and thereby drops inherited ones the upstream relies on.

nginx inherits `proxy_set_header` only where a block has none of its own.
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
    "proxy-headers-lost", "warning", "A block that sets a request header drops inherited ones the upstream relies on"
)


def check(context: Context) -> Iterator[Finding]:
    """Report every block that loses Host, Authorization or a header about the client."""
    for loss in lost_settings(context):
        if loss.kind == "proxy":
            yield RULE.at(loss.first.place, loss.message, loss.related)
