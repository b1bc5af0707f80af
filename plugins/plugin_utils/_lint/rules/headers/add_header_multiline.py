# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find a header value that spans lines.

nginx writes the line break as it is; browsers refuse such a response over HTTP/2.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule("add-header-multiline", "warning", "A header value spans lines")
_HEADERS: t.Final = ("add_header", "add_trailer", "proxy_set_header", "grpc_set_header")


def check(context: Context) -> Iterator[Finding]:
    """Check every directive that writes a header."""
    for _block, directive in context.directives(*_HEADERS):
        if len(directive.args) > 1 and "\n" in directive.args[1]:
            message = (
                f"the value of {directive.args[0]} goes on in another line and nginx writes the line break as it is: "
                "continuation lines are obsolete (RFC 9112, 5.2), browsers refuse the response over HTTP/2; "
                "write it in one line"
            )
            yield RULE.at(directive.place, message)
