# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find a check of the Referer that requests without one pass.

A foreign page can have the browser send no Referer.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule(
    "valid-referers-none", "advice", "Requests without a Referer pass the check of the Referer", security=3.0
)


def check(context: Context) -> Iterator[Finding]:
    """Check every valid_referers."""
    for _block, directive in context.directives("valid_referers"):
        if "none" in directive.args:
            message = (
                "valid_referers none accepts every request without a Referer header, and a foreign page can have the browser "
                "send none (Referrer-Policy: no-referrer): this keeps images from being embedded, it is no protection of a "
                "request"
            )
            yield RULE.at(directive.place, message)
