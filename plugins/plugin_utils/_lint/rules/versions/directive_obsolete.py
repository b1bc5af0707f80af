# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find a directive that nginx ignores with a warning.

A limit that it sets does not hold any more.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule("directive-obsolete", "warning", "nginx ignores a directive")
#: Directive -> its successor, since 1.19.7.
_HTTP2_LIMITS: t.Final = {
    "http2_max_requests": "keepalive_requests",
    "http2_idle_timeout": "keepalive_timeout",
    "http2_recv_timeout": "client_header_timeout",
    "http2_max_field_size": "large_client_header_buffers",
    "http2_max_header_size": "large_client_header_buffers",
}
#: Without a successor, since 1.25.1.
_PUSH: t.Final = ("http2_push", "http2_push_preload", "http2_max_concurrent_pushes")


def check(context: Context) -> Iterator[Finding]:
    """Check the directives of HTTP/2 that later versions ignore."""
    if context.target.at_least("1.19.7") is not False:
        for _block, directive in context.directives(*_HTTP2_LIMITS):
            message = (
                f"since 1.19.7 nginx ignores {directive.name} with a warning, so the limit meant here does not hold; "
                f"use {_HTTP2_LIMITS[directive.name]}"
            )
            yield RULE.at(directive.place, message)
    if context.target.at_least("1.25.1"):
        for _block, directive in context.directives(*_PUSH):
            if directive.args[:1] != ["off"]:
                message = f"since 1.25.1 nginx ignores {directive.name} with a warning: it has no server push any more; remove it"
                yield RULE.at(directive.place, message, fix=context.editor.remove(directive))
