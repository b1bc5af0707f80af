# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find two locations of one name in one block.

nginx refuses the whole configuration ("duplicate location", ngx_http_join_exact_locations()).
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.location_text import location_text
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule, related

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule("duplicate-location", "error", "Two locations of one name: nginx does not start")


def check(context: Context) -> Iterator[Finding]:
    """Compare the prefix and exact locations of each level."""
    for level in context.location_levels:
        for location in level.all:
            if location.modifier not in ("", "^~", "="):
                continue
            first = (level.exact if location.modifier == "=" else level.prefix)[location.name]
            if first is location:
                continue
            message = (
                f"{location_text(location)} is there twice in one block: nginx refuses the whole configuration "
                f'(duplicate location "{location.name}"); make one of the two'
            )
            places = [related("the first one", first.scope.directive.place)]
            yield RULE.at(location.scope.directive.place, message, places)
