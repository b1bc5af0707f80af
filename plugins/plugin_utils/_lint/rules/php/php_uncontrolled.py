# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find a location that passes every path with `.php` at its end to PHP.

With cgi.fix_pathinfo=1, PHP's default, PHP runs an uploaded picture for `/uploads/photo.jpg/x.php`.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.php_locations import php_location_args
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.blocks import ConfigBlock
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule(
    "php-uncontrolled", "advice", "Paths that only end in .php reach PHP without a look at the file", security=6.0
)
_ENDS_OPEN: t.Final = re.compile(
    r"\\\.(?:php|\(\?:php[^()]*\)|ph[pt][^()/]*)(?:\(\?:\$\|/\)|\(/\|\$\)|\(\$\|/\)|\(\?:/\|\$\))?\$?$"
)
#: `^/index\.php` names its scripts; a pattern that any folder fits does not.
_NAMES_SCRIPTS: t.Final = re.compile(r"\^/[\w(|)/?:-]*\\?\.php")
_FILE_TESTS: t.Final = frozenset({"-f", "!-f", "-e", "!-e"})


def check(context: Context) -> Iterator[Finding]:
    """Check every fastcgi_pass in a regex location for PHP that does not look at the file."""
    for block, directive in context.directives("fastcgi_pass"):
        args = php_location_args(block)
        if args[:1] not in (["~"], ["~*"]) or len(args) == 1 or block.gap or "internal" in block.own:
            continue
        if not _ENDS_OPEN.search(args[1]) or _NAMES_SCRIPTS.match(args[1]):
            continue
        if any(_looks_at_the_file(each) for each in block.chain()):
            continue
        message = (
            f"location {' '.join(args)} passes any path with .php at its end: for GET /uploads/photo.jpg/x.php, PHP with "
            "cgi.fix_pathinfo=1 (its default) runs /uploads/photo.jpg when no such script exists; "
            "add try_files $fastcgi_script_name =404 (or $uri =404)"
        )
        yield RULE.at(directive.place, message)


def _looks_at_the_file(block: ConfigBlock) -> bool:
    if block.name == "location" and "try_files" in block.own:
        return True
    return any(_FILE_TESTS & {word.lstrip("(") for word in each.args} for each in block.own.get("if", ()))
