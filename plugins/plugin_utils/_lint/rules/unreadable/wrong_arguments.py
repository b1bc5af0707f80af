# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find arguments that nginx does not accept.

nginx refuses the whole configuration ("invalid number of arguments", "invalid value").
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule, related

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule(
    "wrong-arguments", "error", "A directive has arguments that nginx does not accept", unreadable=True
)


def check(context: Context) -> Iterator[Finding]:
    """Report arguments that the loader refused, and `listen` addresses that the router cannot read."""
    for problem in context.problems("arguments"):
        yield RULE.at(problem.place, problem.message, [related(*each) for each in problem.related])
    for server in context.router.servers:
        for directive, message in server.unreadable:
            yield RULE.at(directive.place, message)
