# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find an `if` that compares the host.

nginx looks servers up by name; a server of its own says the same.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.conditions import if_comparison
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule("if-for-server-name", "advice", "An if does what server_name is for")


def check(context: Context) -> Iterator[Finding]:
    """Check every `if` of a server that compares the host with a name and sends the request away."""
    for block, directive in context.directives("if"):
        test = if_comparison(directive)
        if test is None or block.name != "server" or test.subject.lower() not in ("$host", "$http_host"):
            continue
        program = {each.name for each in directive.children}
        if test.operator in ("=", "!=") and "$" not in test.operand and program & {"return", "rewrite"}:
            message = (
                "every request is compared, and the names of a server are in two places; a server of its own with this "
                "server_name and the return is what nginx looks up by name"
            )
            yield RULE.at(directive.place, message)
