# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find a configuration that leaves the number of workers at nginx's default of one.

One worker uses one processor core.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule("single-worker", "advice", "One worker process has to do with one processor core")


def check(context: Context) -> Iterator[Finding]:
    """Check the main level, where the whole configuration is known."""
    for block in context.blocks_named("main"):
        http = next((each for each in block.blocks if each.name == "http"), None)
        if http is None or http.directive is None or context.router.partial or "worker_processes" in block.own:
            continue
        message = (
            "without worker_processes nginx starts one worker, which uses one processor core, however many there are; "
            "worker_processes auto starts one for each"
        )
        yield RULE.at(http.directive.place, message)
