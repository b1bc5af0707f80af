# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find OCSP stapling without a resolver.

nginx then knows only the addresses that the responder's name had at start.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule(
    "stapling-without-resolver", "advice", "OCSP stapling cannot find the responder without a resolver"
)


def check(context: Context) -> Iterator[Finding]:
    """Check every `ssl_stapling on` that has no response from a file."""
    for block, directive in context.directives("ssl_stapling"):
        if directive.args[:1] != ["on"] or block.gap or block.effective("ssl_stapling_file"):
            continue
        servers = [each for each in block.inner() if each.name == "server"]
        if block.effective("resolver") or (servers and all(each.effective("resolver") for each in servers)):
            continue
        message = (
            "nginx has to ask the OCSP responder of the certificate by its name, and no resolver holds here: it knows the "
            "addresses that the name had at start only, and staples nothing when they change; add resolver ADDRESS"
        )
        yield RULE.at(directive.place, message)
