# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find an include whose pattern matches no file.

nginx takes it for an empty file and starts without a word (ngx_conf_include()).
"""

from __future__ import annotations

import re
import typing as t
from fnmatch import fnmatchcase

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule("include-without-match", "advice", "An include whose pattern matches no file")

#: Folders that packages make for what others install.
_MAY_BE_EMPTY: t.Final = re.compile(r"modules|\.d/[^/]*$")
_MAGIC: t.Final = re.compile(r"[*?\[]")


def check(context: Context) -> Iterator[Finding]:
    """Check every include with a pattern, where the whole configuration is known."""
    if context.router.partial:
        return
    read = list(context.config.texts)[1:]
    empty: dict[str, bool] = {}
    for directive in _includes(context.config.root):
        pattern = directive.args[0] if directive.args else ""
        if directive.include or not _MAGIC.search(pattern) or _MAY_BE_EMPTY.search(pattern):
            continue
        if pattern not in empty:
            empty[pattern] = not any(_may_match(pattern, path) for path in read)
        if empty[pattern]:
            message = (
                f"{pattern} matches no file: nginx goes on without a word. Write the pattern as the files are called, "
                "or delete the include"
            )
            yield RULE.at(directive.place, message)


def _may_match(pattern: str, path: str) -> bool:
    """Return whether a file that was read may be one of the pattern's: then the include is only empty."""
    names, parts = path.split("/"), pattern.split("/")
    if len(names) < len(parts) and not pattern.startswith("/"):
        return False
    # Places in a folder are shown without the folder, which an absolute pattern begins with.
    return all(fnmatchcase(name, part) for name, part in zip(reversed(names), reversed(parts), strict=False) if part)


def _includes(directives: Iterable[Directive]) -> Iterator[Directive]:
    for directive in directives:
        if directive.include is not None:
            yield directive
            yield from _includes(directive.include)
        elif directive.block:
            yield from _includes(directive.block)
