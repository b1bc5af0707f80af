# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find an upstream, a map, a zone or a log format that nothing uses.

It is left over, or the name is misspelt where it should be used.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import walk
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.proxy_targets import (
    PASS_DIRECTIVES,
    PATH_VARIABLES,
    parse_proxy_target,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.template import parse_template

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.variables import MapTable

RULE: t.Final = Rule("unused-definition", "advice", "An upstream, a map, a zone or a log format that nothing uses")

_VARIABLE: t.Final = re.compile(r"\$\{?(\w+)")
_ZONE: t.Final = re.compile(r"(?:keys_)?zone=([^:]+)")
#: Blocks that define the variable that they name last.
_MAPS: t.Final = ("map", "geo", "split_clients")
#: Definitions of zones, with the directives that use them.
_ZONES: t.Final = {
    "limit_req_zone": ("limit_req",),
    "limit_conn_zone": ("limit_conn",),
    "proxy_cache_path": ("proxy_cache",),
    "fastcgi_cache_path": ("fastcgi_cache",),
    "uwsgi_cache_path": ("uwsgi_cache",),
    "scgi_cache_path": ("scgi_cache",),
}
#: Code that may use variables and names without a trace in the configuration.
_OPAQUE: t.Final = re.compile(r"_by_lua|^js_|^perl")


def check(context: Context) -> Iterator[Finding]:
    """Compare definitions with uses, where the whole configuration is known and no code may use them."""
    if context.router.partial or any(_OPAQUE.search(name) for name in context.by_name):
        return
    used, words = _uses(context)
    yield from _upstreams(context, words)
    for block in context.named(*_MAPS):
        name = block.args[-1].lstrip("$").strip("{}").lower() if block.args else ""
        if name and name not in used:
            yield _finding(block, block.name, f"${name}")
    yield from _zones(context)
    yield from _formats(context)


def _finding(directive: Directive, kind: str, name: str) -> Finding:
    return RULE.at(directive.place, f"{kind} {name} is used nowhere: delete it, or look for a misspelt name")


def _uses(context: Context) -> tuple[set[str], set[str]]:
    """Return the variables that are read anywhere, and the values that `map` and `set` may give to a target."""
    used: set[str] = set()
    words: set[str] = set()
    for directive in walk(context.config.root):
        data = directive.parent is not None and directive.parent.name in _MAPS
        if directive.name in _MAPS and directive.block is not None:
            texts: Iterable[str] = directive.args[:-1]
        elif directive.name == "set":
            texts = directive.args[1:]
        else:
            texts = directive.args
        if data or directive.name == "set":
            words.update(text.lower().rpartition("/")[2] for text in texts)
        for text in texts:
            if "$" in text:
                used.update(name.lower() for name in _VARIABLE.findall(text))
    return used, words


def _upstreams(context: Context, words: set[str]) -> Iterator[Finding]:
    targets: set[str] = set()
    for directive in context.named(*PASS_DIRECTIVES):
        target = parse_proxy_target(directive.args[0]) if directive.args else None
        if target is not None and target.host:
            targets.add(target.host)
        elif target is not None and target.dynamic and _may_be_any(directive, context):
            return
    for upstream in context.named("upstream"):
        name = upstream.args[0].lower() if upstream.args else ""
        if name and name not in targets and name not in words:
            yield _finding(upstream, "upstream", f'"{name}"')


def _may_be_any(directive: Directive, context: Context) -> bool:
    """Return whether a target depends on more than the values that `map` and `set` write out."""
    definitions = context.definitions
    for part in parse_template(directive.args[0].partition("://")[2] or directive.args[0]):
        table = definitions.maps.get(part.variable)
        if table is not None and any("$" in value for value in _values(table)):
            return True
        if part.capture >= 0 or (
            part.variable and table is None and part.variable not in definitions.assigned | PATH_VARIABLES
        ):
            return True
    return False


def _values(table: MapTable) -> Iterator[str]:
    yield table.default
    yield from table.exact.values()
    yield from (value for _unused, value in table.regexes)


def _zones(context: Context) -> Iterator[Finding]:
    for definition, users in _ZONES.items():
        used = {text for user in context.named(*users) for text in _zone_words(user)}
        if any("$" in text for text in used):
            continue
        for directive in context.named(definition):
            name = next((match[1] for arg in directive.args if (match := _ZONE.fullmatch(arg.partition(":")[0]))), "")
            if name and name not in used:
                yield _finding(directive, definition, f'"{name}"')


def _zone_words(user: Directive) -> Iterator[str]:
    for arg in user.args:
        yield arg.removeprefix("zone=")


def _formats(context: Context) -> Iterator[Finding]:
    used = {arg for user in context.named("access_log") for arg in user.args[1:]}
    for directive in context.named("log_format"):
        name = directive.args[0] if directive.args else ""
        if name and name not in used:
            yield _finding(directive, "log_format", f'"{name}"')
