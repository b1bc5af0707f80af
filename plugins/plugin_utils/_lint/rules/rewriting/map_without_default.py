# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find a map without a default whose variable alone decides where a request goes.

For a value that the map does not list the variable is empty, and with it the target.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.proxy_targets import (
    APPLICATION_PASS_DIRECTIVES,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule, related
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.samples import sample_hosts
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.simulate import REDIRECTS
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.template import parse_template, variables_of

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.variables import MapTable

RULE: t.Final = Rule(
    "map-without-default", "warning", "A map that is empty for other values decides where a request goes"
)
#: Every value that these variables can have.
_CLOSED: t.Final = {"scheme": ("http", "https"), "https": ("", "on"), "is_args": ("", "?")}
_UNLISTED: t.Final = "no-such-value.invalid"
_EFFECTS: t.Final = {
    "return": "the redirect has no target",
    "root": "files are looked for in the file system's root",
    "alias": "files are looked for in the file system's root",
}


def check(context: Context) -> Iterator[Finding]:
    """Check every map without a default, at the first directive that needs its value."""
    open_maps = {name: table for name, table in context.definitions.maps.items() if not _has_default(table)}
    told: set[str] = set()
    for directive in context.named("return", "root", "alias", *APPLICATION_PASS_DIRECTIVES) if open_maps else ():
        text = _destination(directive)
        name = parse_template(text.partition("://")[2] or text)[0].variable if text else ""
        if name in open_maps and name not in told and not _is_guarded(directive, name):
            missing = _unlisted(open_maps[name], directive, context)
            if missing:
                told.add(name)
                effect = _EFFECTS.get(directive.name, "the target is empty, and the answer a 500")
                message = f"for {missing}, ${name} is empty: {effect}. Give the map a default"
                place = open_maps[name].directive.place
                yield RULE.at(place, message, [related("used here", directive.place)])


def _has_default(table: MapTable) -> bool:
    return table.incomplete or any(child.name == "default" for child in table.directive.children)


def _destination(directive: Directive) -> str:
    """Return the text that decides where a request goes, empty where the directive does not."""
    args = directive.args
    if directive.name != "return":
        return args[0] if args else ""
    return args[1] if len(args) > 1 and args[0].isdecimal() and int(args[0]) in REDIRECTS else ""


def _is_guarded(directive: Directive, name: str) -> bool:
    """Return whether a condition around the directive, or before it, tests the variable."""
    block = directive.parent
    while block is not None and block.name != "http":
        if block.name == "if" and name in _tested(block):
            return True
        if any(child.name == "if" and name in _tested(child) for child in block.find("if")):
            return True
        block = block.parent
    return False


def _tested(block: Directive) -> set[str]:
    return set().union(*(variables_of(arg) for arg in block.args))


def _unlisted(table: MapTable, directive: Directive, context: Context) -> str:
    """Return a value of the source that the map has nothing for, in words; empty where there is none."""
    source = parse_template(table.source)
    name = source[0].variable if len(source) == 1 else ""
    if name in _CLOSED:
        return next((f"${name} = {value!r}" for value in _CLOSED[name] if not table.find(value)[0]), "")
    if name == "host":
        hosts = _hosts_of(directive, context)
        return next((f"the host {host}" for host in hosts if table.find(host)[0] == ""), "")
    if table.find(_UNLISTED)[0] == "" and table.find("/" + _UNLISTED)[0] == "":
        return f"every other value of {table.source}"
    return ""


def _hosts_of(directive: Directive, context: Context) -> Iterator[str]:
    """Yield hosts whose requests come to a directive."""
    block: Directive | None = directive
    while block is not None and id(block) not in context.scopes:
        block = block.parent
    server = context.scopes[id(block)][0] if block is not None else None
    if server is None:
        return
    for listener in context.router.listeners.values():
        if server in listener.servers:
            default = listener.default is server
            yield from sample_hosts(server, context.definitions, default=default)
            if default:
                yield _UNLISTED
