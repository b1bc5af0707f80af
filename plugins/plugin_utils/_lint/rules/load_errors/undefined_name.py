# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find the name of a zone or log format that is defined nowhere.

nginx refuses the whole configuration ("zero size shared memory zone", "unknown log format").
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule("undefined-name", "error", "A zone or log format that is not defined: nginx does not start")

_ZONE_NAME: t.Final = re.compile(r"(?:keys_)?zone=([^:]+)(:.*)?")
_OFF: t.Final = frozenset({"off"})


def check(context: Context) -> Iterator[Finding]:
    """Check every use of a zone, a cache or a log format, where the whole configuration is known."""
    if context.router.partial:
        return
    for kind in ("limit_req", "limit_conn"):
        known = _zones(context, f"{kind}_zone")
        for directive in context.named(kind):
            name = next((each.removeprefix("zone=") for each in _candidates(directive, kind)), "")
            if name and name not in known:
                yield _finding(directive, name, f"{kind}_zone", "zone")
    for kind in ("proxy", "fastcgi", "uwsgi", "scgi"):
        known = _zones(context, f"{kind}_cache_path")
        for directive in context.named(f"{kind}_cache"):
            name = directive.args[0] if directive.args else "off"
            if name not in _OFF and "$" not in name and name not in known:
                yield _finding(directive, name, f"{kind}_cache_path", "zone")
    known = {each.args[0] for each in context.named("log_format") if each.args} | {"combined"}
    for directive in context.named("access_log"):
        name = directive.args[1] if len(directive.args) > 1 else ""
        if name and name not in known and directive.args[0] not in _OFF:
            yield _finding(directive, name, "log_format", "format")


def _candidates(directive: Directive, user: str) -> list[str]:
    if user == "limit_conn":
        return directive.args[:1]
    return [each for each in directive.args if each.startswith("zone=")]


def _zones(context: Context, definition: str) -> set[str]:
    matches = (_ZONE_NAME.fullmatch(arg) for each in context.named(definition) for arg in each.args)
    return {match[1] for match in matches if match is not None}


def _finding(directive: Directive, name: str, definition: str, kind: str) -> Finding:
    message = (
        f'no {definition} defines the {kind} "{name}": nginx refuses the whole configuration; define it in http, or write the '
        "name of one that is there"
    )
    return RULE.at(directive.place, message)
