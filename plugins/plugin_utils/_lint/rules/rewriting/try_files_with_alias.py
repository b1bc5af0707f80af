# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find `try_files $uri` below an alias with captures.

`$uri` is the client's whole path there, which the alias already has in its captures: no such file exists.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.captures import highest_capture
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule, related

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule("try-files-with-alias", "warning", "try_files $uri below an alias with captures looks for no file")


def check(context: Context) -> Iterator[Finding]:
    """Check every regex location with try_files and an alias."""
    for location in context.locations:
        files = location.scope.try_files
        if files is None or not location.is_regex:
            continue
        alias = next((each for each in location.scope.directive.children if each.name == "alias" and each.args), None)
        if alias is None or highest_capture(*alias.args) < 1:
            continue
        if any(arg.startswith("$uri") for arg in files.args[:-1]):
            message = (
                f"try_files looks for {alias.args[0]}$uri: below an alias of a regex location $uri is the client's whole path, "
                'so no file is ever found. Take root, or try_files "" with the fallback behind it'
            )
            yield RULE.at(files.place, message, [related("the alias", alias.place)])
