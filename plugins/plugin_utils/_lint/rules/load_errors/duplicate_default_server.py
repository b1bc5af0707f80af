# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find two default servers on one socket.

nginx refuses the whole configuration ("a duplicate default server", ngx_http_add_addresses()).
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule, related

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.listen import Socket

RULE: t.Final = Rule("duplicate-default-server", "error", "Two default servers on one socket: nginx does not start")


def check(context: Context) -> Iterator[Finding]:
    """Check every `default_server`; TCP and UDP (QUIC) are sockets of their own at one address and port."""
    first: dict[tuple[Socket, bool], Directive] = {}
    for server in context.router.servers:
        for listen in server.listens:
            directive = listen.directive
            if not listen.default or directive is None:
                continue
            before = first.setdefault((listen.socket, listen.quic), directive)
            if before is not directive:
                message = (
                    f"{listen.socket} has a default_server already: nginx refuses the whole configuration "
                    f"(a duplicate default server for {listen.socket}); keep one"
                )
                yield RULE.at(directive.place, message, [related("the first one", before.place)])
