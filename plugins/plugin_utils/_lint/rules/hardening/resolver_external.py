# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find a public resolver.

nginx checks no signatures, so an attacker that forges an answer chooses the server that nginx connects to.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.data import resolvers
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule("resolver-external", "advice", "Names are looked up by a public resolver", security=3.0)


def check(context: Context) -> Iterator[Finding]:
    """Check every resolver for the best-known public addresses."""
    for _block, directive in context.directives("resolver"):
        public = [each for each in directive.args if resolvers.is_public(each)]
        if public:
            message = (
                f"{', '.join(public)} answers over the open network, unsigned: an attacker that forges such an answer chooses "
                "where nginx connects to, and names that only your own network knows are not found; use a resolver nearby"
            )
            yield RULE.at(directive.place, message)
