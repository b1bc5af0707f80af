# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find an `if` that looks for a file and rewrites the path when there is none.

`try_files` does it in one step, and without the surprises of an `if`.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.conditions import condition_args

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule("if-for-try-files", "advice", "An if does what try_files is for")
_NO_SUCH_FILE: t.Final = (["!-e", "$request_filename"], ["!-f", "$request_filename"])


def check(context: Context) -> Iterator[Finding]:
    """Check every `if` that holds nothing but a rewrite."""
    for _block, directive in context.directives("if"):
        if condition_args(directive) in _NO_SUCH_FILE and {each.name for each in directive.children} == {"rewrite"}:
            message = (
                "the file is looked for twice, and by an if, whose settings replace those of its location; "
                "try_files $uri $uri/ TARGET looks once, and says what it does"
            )
            yield RULE.at(directive.place, message)
