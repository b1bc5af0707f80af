# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find a limit of open files that is lower than the connections of a worker.

New clients then wait while connections are free.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule, related

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule("worker-rlimit-nofile", "advice", "A worker may open fewer files than its connections need")


def check(context: Context) -> Iterator[Finding]:
    """Compare worker_rlimit_nofile with worker_connections."""
    for block in context.blocks_named("main"):
        limits = block.own.get("worker_rlimit_nofile")
        events = next((each for each in block.blocks if each.name == "events"), None)
        found = events.own.get("worker_connections") if events is not None else None
        if not limits or not found or not limits[0].args or not found[0].args:
            continue
        limit, connections = limits[0].args[0], found[0].args[0]
        if limit.isdecimal() and connections.isdecimal() and int(limit) < int(connections):
            message = (
                f"each of {connections} connections needs a file, {limit} may be open: under load new clients "
                "wait (accept4() failed: Too many open files) while connections are free; a proxied request takes two, so "
                f"{2 * int(connections)}"
            )
            yield RULE.at(limits[0].place, message, [related("the connections", found[0].place)])
