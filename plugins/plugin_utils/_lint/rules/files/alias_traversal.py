# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find an alias through which clients climb out of its folder.

nginx puts the alias in the place of the location's name. Where the name has no slash at its end, `..` may follow it.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.proxy_passes import location_of
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule, related

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule("alias-traversal", "warning", "An alias that lets clients climb out of its folder", security=7.5)


def check(context: Context) -> Iterator[Finding]:
    """Check every alias of a prefix location without a slash at its end."""
    for directive in context.named("alias"):
        location = location_of(context, directive)
        if location is None or location.modifier not in ("", "^~") or location.scope.internal or not directive.args:
            continue
        name, path = location.name, directive.args[0]
        if "$" in path or not name.startswith("/") or name.endswith("/") or not path.endswith("/"):
            continue
        message = (
            f"GET {name}../x is answered with {path}../x, a file outside {path}: nginx puts the alias in the place of {name}, "
            f'and what follows need not begin with a slash. Write "{name}/" as location'
        )
        yield RULE.at(directive.place, message, [related("in this location", location.scope.directive.place)])
