# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find an include whose files are not known here.

The configuration was not read as a whole: other servers, locations and errors may be in the missing files.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule, related

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule(
    "include-unresolved", "error", "What an include stands for cannot be seen from here", unreadable=True
)


def check(context: Context) -> Iterator[Finding]:
    """Report every include that could not be resolved."""
    for problem in context.problems("unresolved"):
        yield RULE.at(problem.place, problem.message, [related(*each) for each in problem.related])
