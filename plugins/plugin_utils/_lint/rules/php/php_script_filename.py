# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find a fastcgi_pass to PHP without SCRIPT_FILENAME.

PHP-FPM then answers every request with an empty page.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.php_locations import php_location_args
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule, related

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule("php-script-filename", "warning", "PHP is not told which file to run")


def check(context: Context) -> Iterator[Finding]:
    """Check every fastcgi_pass in a location for PHP."""
    for block, directive in context.directives("fastcgi_pass"):
        if not php_location_args(block) or block.gap:
            continue
        params = block.effective("fastcgi_param")
        if any(each.args[:1] == ["SCRIPT_FILENAME"] for each in params):
            continue
        message = (
            f"{directive.name} is here and no fastcgi_param SCRIPT_FILENAME holds: PHP-FPM answers every request with an empty "
            'page or "Primary script unknown"; include fastcgi.conf instead of fastcgi_params, or add '
            "fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name"
        )
        places = [related("these parameters hold", params[0].place)] if params else []
        yield RULE.at(directive.place, message, places)
