# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find a key exchange that older versions of OpenSSL do not know.

nginx does not start on a host with such a version.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule("tls-curves", "advice", "A key exchange that nginx starts with only on a new OpenSSL")


def check(context: Context) -> Iterator[Finding]:
    """Check every ssl_ecdh_curve for groups of OpenSSL 3.5."""
    for _block, directive in context.directives("ssl_ecdh_curve"):
        groups = directive.args[0].split(":") if directive.args else []
        new = [each for each in groups if "MLKEM" in each.upper()]
        if new:
            message = (
                f"OpenSSL before 3.5 does not know {', '.join(new)}, and then nginx does not start (SSL_CTX_set1_curves_list() "
                "failed): see `openssl version` on every server; `auto` lets each use what it has, 3.5 the new ones first"
            )
            yield RULE.at(directive.place, message)
