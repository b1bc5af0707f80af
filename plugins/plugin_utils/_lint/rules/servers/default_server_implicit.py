# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find a socket whose default server is only the one that nginx reads first.

Requests for unknown names then go to another server as soon as a file gets another name.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.listeners import is_requested
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule, related

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule("default-server-implicit", "advice", "The first server of a socket answers unknown names")


def check(context: Context) -> Iterator[Finding]:
    """Check every socket with several servers, where the whole configuration is known."""
    if context.router.partial:
        return
    for listener in context.router.listeners.values():
        default = listener.default
        others = [each for each in listener.servers if each is not default]
        listens = [listen for listen in default.listens if listen.socket == listener.socket]
        if not others or not listens or any(listen.default for listen in listens):
            continue
        if not any(is_requested(name) for name in default.names):
            # It is meant for unknown names, and it stands first.
            continue
        directive = listens[0].directive or default.scope.directive
        message = (
            f"requests to {listener.socket} for names that no server has get "
            f'"{default.first_name}", because it is read first: the order of files decides. '
            "Mark one server with default_server"
        )
        yield RULE.at(directive.place, message, [related("another server here", others[0].scope.directive.place)])
