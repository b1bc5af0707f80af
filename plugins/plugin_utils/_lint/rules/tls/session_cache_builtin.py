# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find a cache of TLS sessions that each worker keeps for itself.

A client that comes back to another worker makes a whole handshake.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule("session-cache-builtin", "advice", "Each worker remembers TLS sessions of its own")
_BESIDE_SHARED: t.Final = (
    "the shared cache has every session for all workers already, and nginx's manual calls it more efficient alone: "
    "take builtin away"
)
_ALONE: t.Final = (
    "the builtin cache is each worker's own: a client without a session ticket that comes back to another worker "
    "makes a whole handshake; shared:NAME:SIZE is one cache for all of them"
)


def check(context: Context) -> Iterator[Finding]:
    """Check every ssl_session_cache."""
    for _block, directive in context.directives("ssl_session_cache"):
        beside = any(each.startswith("shared:") for each in directive.args)
        for index, word in enumerate(directive.args, 1):
            if word.split(":")[0] == "builtin":
                fix = context.editor.remove_word(directive, index) if beside else None
                yield RULE.at(directive.place, _BESIDE_SHARED if beside else _ALONE, fix=fix)
