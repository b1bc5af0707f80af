# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find a status page that every client can read.

It tells how many connections and requests the server has.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.access_control import is_restricted
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule("stub-status-exposed", "advice", "Every client can read the status page", security=3.0)
_LOCAL: t.Final = ("127.", "[::1]", "unix:", "localhost")


def check(context: Context) -> Iterator[Finding]:
    """Check every stub_status that is neither restricted nor on loopback only."""
    for block, directive in context.directives("stub_status"):
        server = block.enclosing("server")
        if server is None or block.gap or is_restricted(block) or "internal" in block.own:
            continue
        listens = [each.args[0] for each in server.own.get("listen", ()) if each.args]
        if listens and all(each.startswith(_LOCAL) for each in listens):
            continue
        message = (
            "every client that reaches this server can read how many connections and requests it has; "
            "add allow 127.0.0.1; allow of the monitoring network; deny all"
        )
        yield RULE.at(directive.place, message)
