# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find the `http2` parameter of `listen`, which nginx 1.25.1 deprecates.

It switches HTTP/2 on for every server of the socket.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule(
    "listen-http2-deprecated", "advice", "listen ... http2 is deprecated, http2 on takes its place", since="1.25.1"
)


def check(context: Context) -> Iterator[Finding]:
    """Check every `listen` for a target whose version is known: older ones have nothing else."""
    version = context.target.version
    if version is None:
        return
    for block, directive in context.directives("listen"):
        if "http2" in directive.args[1:] and block.parent is not None and block.parent.name == "http":
            message = (
                f"nginx {'.'.join(map(str, version))} warns that this parameter is deprecated: it switches HTTP/2 on "
                "for every server of the socket; write http2 on in the servers that mean it"
            )
            yield RULE.at(directive.place, message)
