# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find connections of clients that are closed after a few requests.

A page with many parts then needs several connections and handshakes.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule("keepalive-requests-low", "advice", "Connections are closed after a few requests")
_FEW: t.Final = 100


def check(context: Context) -> Iterator[Finding]:
    """Check every keepalive_requests for clients."""
    for block, directive in context.directives("keepalive_requests"):
        number = directive.args[0] if directive.args else ""
        if block.name != "upstream" and number.isdecimal() and 0 < int(number) < _FEW:
            message = (
                f"after {number} requests a client has to connect again, TLS handshake included, and a page with many parts "
                "over HTTP/2 needs several connections; the default is 1000 since 1.19.10"
            )
            yield RULE.at(directive.place, message)
