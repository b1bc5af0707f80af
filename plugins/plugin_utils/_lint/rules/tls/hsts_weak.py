# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find a Strict-Transport-Security that browsers forget too soon, or ignore.

After that time a first request over http can be caught.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.data import mozilla_tls
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.data.mozilla_tls import GUIDELINE
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule("hsts-weak", "advice", "Browsers forget too soon that a site is https only", security=3.0)
_MAX_AGE: t.Final = re.compile(r"max-age\s*=\s*\"?(\d+)", re.IGNORECASE)
#: Seconds.
_DAY: t.Final = 86400
_HALF_YEAR: t.Final = 180 * _DAY


def check(context: Context) -> Iterator[Finding]:
    """Check every literal Strict-Transport-Security header."""
    for _block, directive in context.directives("add_header"):
        args = directive.args
        if len(args) > 1 and args[0].lower() == "strict-transport-security" and "$" not in args[1]:
            message = _message(args[1])
            if message:
                yield RULE.at(directive.place, message)


def _message(value: str) -> str:
    """Return what is wrong with a header value, empty where nothing is."""
    age = _MAX_AGE.search(value)
    if age is None:
        return "without max-age=SECONDS browsers ignore the header (RFC 6797, 6.1.1)"
    # Zero takes the header back: browsers forget the site.
    if int(age[1]) == 0 or int(age[1]) >= _HALF_YEAR:
        return ""
    return (
        f"browsers forget after {int(age[1]) // _DAY} days that this site is https only, then a first request over http can be "
        f"caught; once it works, {GUIDELINE} has max-age={mozilla_tls.HSTS_MAX_AGE}"
    )
