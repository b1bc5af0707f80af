# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""Find a front page that browsers keep for months.

It names the scripts and styles of its release: once the next one deletes them, the kept page shows nothing.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.rewrite_programs import certain_return
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.blocks import ConfigBlock
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule("front-page-cached", "warning", "Browsers keep the front page for months")

_PAGE: t.Final = "/index.html"
_MAX_AGE: t.Final = re.compile(r"\bmax-age\s*=\s*\"?(\d+)", re.IGNORECASE)
_FRESH: t.Final = re.compile(r"\bno-(?:cache|store)\b", re.IGNORECASE)
_IMMUTABLE: t.Final = re.compile(r"\bimmutable\b", re.IGNORECASE)
_TIME: t.Final = re.compile(r"(\d+)([smhdwMy]?)")
_DAY: t.Final = 86400
#: Seconds in one of each unit (ngx_parse_time()).
_UNITS: t.Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": _DAY, "w": 7 * _DAY, "M": 30 * _DAY, "y": 365 * _DAY}
_LONGEST: t.Final = 30 * _DAY
_EVER: t.Final = 3650 * _DAY  # what nginx sends for `expires max`


def check(context: Context) -> Iterator[Finding]:
    """Check the block that sends the front page of each server."""
    blocks = {id(block.directive): block for block in context.blocks_named("server", "location")}
    told: set[int] = set()
    for server in context.router.servers:
        found = server.scope.locations.find(_PAGE)
        if not found.certain or found.add_slash:
            continue
        scope = server.scope if found.location is None else found.location.scope
        if scope.handler is not None or scope.internal or certain_return(scope) or certain_return(server.scope):
            continue
        block = blocks.get(id(scope.directive))
        if block is None or block.gap or not _is_front_page(block):
            continue
        for directive, seconds in _kept(block):
            if id(directive) not in told:
                told.add(id(directive))
                yield RULE.at(directive.place, _message(seconds))


def _is_front_page(block: ConfigBlock) -> bool:
    """Return whether a block sends files, and the page is an index or a fallback of them."""
    if not block.effective("root"):
        return False
    index = [name for each in block.effective("index") for name in each.args] or ["index.html"]
    return "index.html" in index


def _kept(block: ConfigBlock) -> Iterator[tuple[Directive, int]]:
    """Yield the directives that let browsers keep what a block sends for long, with the seconds."""
    controls = [
        each for each in block.effective("add_header") if len(each.args) > 1 and each.args[0].lower() == "cache-control"
    ]
    if any(_FRESH.search(each.args[1]) or "$" in each.args[1] for each in controls):
        return
    for each in controls:
        age = _MAX_AGE.search(each.args[1])
        seconds = int(age[1]) if age else _LONGEST if _IMMUTABLE.search(each.args[1]) else 0
        if seconds >= _LONGEST or (seconds and _IMMUTABLE.search(each.args[1])):
            yield each, seconds
    for each in block.effective("expires")[-1:]:
        seconds = _seconds(each.args[-1]) if each.args else 0
        if seconds >= _LONGEST:
            yield each, seconds


def _seconds(text: str) -> int:
    """Return the seconds of a time such as `1y` or `1d 12h`; 0 for what is not known or in the past."""
    if text == "max":
        return _EVER
    parts = _TIME.findall(text.removeprefix("+").removeprefix("@"))
    if text.startswith(("-", "@")) or "".join(number + unit for number, unit in parts) != text.removeprefix("+"):
        return 0
    return sum(int(number) * _UNITS[unit] for number, unit in parts)


def _message(seconds: int) -> str:
    return (
        f"browsers keep {_PAGE} for {max(1, seconds // _DAY)} days without asking again: after a deploy they show the old page, "
        f"whose scripts may be gone. Give it a location = {_PAGE} with Cache-Control no-cache, and keep files with a hash in "
        "their name only"
    )
