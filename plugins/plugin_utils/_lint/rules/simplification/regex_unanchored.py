# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find a pattern for an extension that matches it anywhere in a path.

Files such as `upload.php.txt` get the location as well.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule("regex-unanchored", "advice", "A pattern for an extension matches it anywhere in a path")
_EXTENSION: t.Final = re.compile(r"\\\.(?:\w+|\((?:\?:)?[\w|?]+\))")


def check(context: Context) -> Iterator[Finding]:
    """Check every regex location whose pattern is an extension and nothing else."""
    for _block, directive in context.directives("location"):
        match directive.args:
            case ["~" | "~*", pattern] if _EXTENSION.fullmatch(pattern):
                message = (
                    f"{pattern} matches anywhere in the path, so /upload{_sample(pattern)}.txt and /docs{_sample(pattern)}/x "
                    f"get this location as well; write {pattern}$"
                )
                yield RULE.at(directive.place, message)


def _sample(pattern: str) -> str:
    return "." + re.split(r"\W", pattern.lstrip("\\.").lstrip("(?:"))[0]
