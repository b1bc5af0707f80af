# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find `ssl on`, which makes every port of a server speak TLS.

nginx 1.25.1 no longer has it; `directive-removed` reports it for such a target.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule("ssl-on-deprecated", "warning", "ssl on makes every port of a server speak TLS", since="1.15.0")


def check(context: Context) -> Iterator[Finding]:
    """Check every `ssl on` that the target still knows."""
    if context.target.at_least("1.25.1"):
        return
    for _block, directive in context.directives("ssl"):
        if directive.args[:1] == ["on"]:
            message = (
                "every listen of this server speaks TLS, a plain port 80 beside 443 as well, which then answers plain requests "
                "with 400; deprecated since 1.15.0 and removed in 1.25.1: write listen 443 ssl"
            )
            yield RULE.at(directive.place, message)
