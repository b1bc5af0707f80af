# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find an `if` in a location that keeps try_files from running.

The request gets a nameless location that inherits no try_files (ngx_http_rewrite_if()), so the fallback never answers.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.location_conditions import (
    conditions_in_locations,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule, related

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule("if-skips-try-files", "warning", "An if in a location turns its try_files off")


def check(context: Context) -> Iterator[Finding]:
    """Check every `if` beside a try_files."""
    for found in conditions_in_locations(context):
        files = found.location.scope.try_files
        if found.skips_try_files and files is not None:
            message = (
                f"where if ({found.condition}) holds, try_files (line {files.line}) does not run, even if the block only sets a "
                "variable: nginx answers from the file that the URI names, without the fallback. Use a map instead of the if"
            )
            yield RULE.at(found.block.place, message, [related("this one does not run", files.place)])
