# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find a rewrite that redirects everything.

nginx runs a regular expression where `return` sends the path on as the client wrote it.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.rewrite_programs import ALWAYS
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule("rewrite-for-return", "advice", "A rewrite that redirects everything")
_STATUS: t.Final = {"permanent": 301, "redirect": 302}


def check(context: Context) -> Iterator[Finding]:
    """Check every rewrite that answers with a redirect for all paths."""
    for _block, directive in context.directives("rewrite"):
        match directive.args:
            case [pattern, _replacement, flag] if pattern in ALWAYS and flag in _STATUS:
                message = (
                    "nginx runs a regular expression and puts the path together again, only to send every client elsewhere; "
                    f"return {_STATUS[flag]} with $request_uri sends the path on as the client wrote it"
                )
                yield RULE.at(directive.place, message)
