# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find an alias without a slash below a location with one.

nginx puts the alias in the place of the location's name, so the folder and the file's name become one word.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.proxy_passes import location_of
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule, related

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.blocks import Location

RULE: t.Final = Rule("alias-without-slash", "error", "An alias that glues its folder to the file's name")


def check(context: Context) -> Iterator[Finding]:
    """Check every alias of a prefix location that only files answer."""
    for directive in context.named("alias"):
        location = location_of(context, directive)
        if location is None or location.modifier not in ("", "^~") or not directive.args:
            continue
        name, path = location.name, directive.args[0]
        if "$" in path or not name.startswith("/") or not name.endswith("/") or not path[-1:].isalnum():
            continue
        if _may_answer_otherwise(location):
            continue
        message = (
            f"GET {name}x asks for the file {path}x: nginx puts the alias in the place of {name}. "
            f'Write "{path}/" as alias, with the slash that the location has'
        )
        places = [related("in this location", location.scope.directive.place)]
        yield RULE.at(directive.place, message, places, fix=context.editor.append(directive, 1, "/"))


def _may_answer_otherwise(location: Location) -> bool:
    """Return whether something else than a file below the alias may answer."""
    return location.scope.handler is not None or location.scope.try_files is not None or bool(location.scope.program)
