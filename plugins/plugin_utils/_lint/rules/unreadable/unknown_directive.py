# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find a directive of a third-party or newer module.

It is a typo, or nginx needs that module: without it nginx refuses the whole configuration.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule, related

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule("unknown-directive", "advice", "A directive of a third-party or newer module")


def check(context: Context) -> Iterator[Finding]:
    """Report every directive that nginx's own modules do not have."""
    for problem in context.problems("unknown-directive"):
        yield RULE.at(problem.place, problem.message, [related(*each) for each in problem.related])
