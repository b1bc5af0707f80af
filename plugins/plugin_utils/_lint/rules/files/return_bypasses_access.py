# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find a `return` that answers before the access rules of its block are asked.

ngx_http_rewrite_module runs before the access phase.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.rewrite_programs import certain_return
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule, related

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule("return-bypasses-access", "warning", "A return that answers before access control", security=6.5)
_GUARDS: t.Final = ("allow", "deny", "auth_basic", "auth_request")
_SUCCESS: t.Final = range(200, 300)


def check(context: Context) -> Iterator[Finding]:
    """Check every server and location that restricts access."""
    for _server, scope in context.scopes.values():
        guards = [each for name in _GUARDS for each in scope.own.get(name, ()) if each.args[:1] not in (["off"], [])]
        if not guards or all(each.name == "allow" for each in guards):
            continue
        answer = certain_return(scope)
        if answer is None or not answer.args[0].isdecimal() or int(answer.args[0]) not in _SUCCESS:
            continue
        words = " ".join([answer.name, *answer.raw_args])
        message = (
            f"`{words}` answers every client: return runs before nginx looks at {guards[0].name} (line {guards[0].line}). "
            "Send the answer from a file or an upstream, or decide with a geo or map and `if`"
        )
        yield RULE.at(answer.place, message, [related("never asked", each.place) for each in guards])
