# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find whole sites without buffering.

The upstream then sends at the speed of the client, and a few slow clients occupy its workers.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule("proxy-buffering-off", "advice", "Slow clients keep the upstream busy for whole sites")


def check(context: Context) -> Iterator[Finding]:
    """Check every proxy_buffering of whole servers."""
    for block, directive in context.directives("proxy_buffering"):
        if directive.args[:1] == ["off"] and block.name in ("http", "server"):
            message = (
                f"for everything in this {block.name} the upstream sends at the speed of the client: a few slow clients occupy "
                "all of its workers, and nothing is cached; switch it off where responses stream, or let them say it "
                "(X-Accel-Buffering: no)"
            )
            yield RULE.at(directive.place, message)
