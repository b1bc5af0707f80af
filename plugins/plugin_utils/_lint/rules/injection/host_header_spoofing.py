# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find a Host header that is passed on as the client wrote it.

`$http_host` is unchecked: nginx may have chosen the server by another name.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule(
    "host-header-spoofing", "advice", "The upstream gets the Host header as the client wrote it", security=4.0
)


def check(context: Context) -> Iterator[Finding]:
    """Check every Host header to an upstream."""
    for _block, directive in context.directives("proxy_set_header"):
        args = directive.args
        if len(args) > 1 and args[0].lower() == "host" and args[1].strip("${}").lower() == "http_host":
            message = (
                "the upstream gets any Host header that a client writes, also where nginx chose the server by another name "
                "(GET http://a.test/ with Host: evil.test): links and redirects that it makes of it lead elsewhere; "
                "$host is the name that nginx has checked"
            )
            yield RULE.at(directive.place, message)
