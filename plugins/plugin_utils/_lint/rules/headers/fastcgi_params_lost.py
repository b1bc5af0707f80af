# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find a block that sets a parameter and thereby drops inherited ones that a script needs.

nginx inherits `fastcgi_param` only where a block has none of its own.
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
    "fastcgi-params-lost", "warning", "A block that sets a parameter drops inherited ones that a script needs"
)


def check(context: Context) -> Iterator[Finding]:
    """Report every block that loses SCRIPT_FILENAME, REQUEST_METHOD or QUERY_STRING."""
    for loss in lost_settings(context):
        if loss.kind == "gateway":
            yield RULE.at(loss.first.place, loss.message, loss.related)
