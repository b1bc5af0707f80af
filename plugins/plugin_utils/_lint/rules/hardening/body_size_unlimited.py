# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find request bodies of any size.

One client can then fill the disk.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule("body-size-unlimited", "advice", "Request bodies may be of any size", security=3.0)


def check(context: Context) -> Iterator[Finding]:
    """Check every client_max_body_size of whole servers."""
    for block, directive in context.directives("client_max_body_size"):
        if directive.args[:1] == ["0"] and block.name in ("http", "server"):
            message = (
                f"client_max_body_size 0 checks no size in this whole {block.name}: one client can fill the disk that request "
                "bodies are kept on; set a limit, and none only in the location that needs it"
            )
            yield RULE.at(directive.place, message)
