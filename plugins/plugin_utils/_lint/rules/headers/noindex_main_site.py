# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""Find the main site of a domain that tells search engines to leave it out.

Headers for test systems reach production by a shared snippet or a template, and no visitor sees them.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.rewrite_programs import certain_return
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule, related

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.blocks import ConfigBlock
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.select import Server

RULE: t.Final = Rule("noindex-main-site", "warning", "The main site of a domain tells search engines to leave it out")

#: For every robot, or for one of those that most visitors come from.
_NOINDEX: t.Final = re.compile(
    r"(?:^|,)\s*(?:(?:googlebot|bingbot)\s*:[^:]*?)?\b(?:noindex|none)\b(?!\s*:)", re.IGNORECASE
)
#: Endings of names inside of a house, which no search engine asks.
_PRIVATE: t.Final = frozenset({"local", "lan", "internal", "intranet", "corp", "home", "arpa", "localdomain", "onion"})
#: Words below which a country sells names: `shop.co.uk` is a domain as `shop.com` is.
_BELOW_COUNTRY: t.Final = frozenset({"co", "com", "org", "net", "ac", "edu", "gov", "or", "ne", "go"})
_COUNTRY: t.Final = 2


def check(context: Context) -> Iterator[Finding]:
    """Check the block that answers for the front page of each main site."""
    blocks = {id(block.directive): block for block in context.blocks_named("server", "location")}
    for server in context.router.servers:
        name = next((name for name in server.names if _is_main(name.lower())), None)
        found = server.scope.locations.find("/")
        if name is None or not found.certain or certain_return(server.scope):
            continue
        scope = server.scope if found.location is None else found.location.scope
        block = blocks.get(id(scope.directive))
        if block is None or scope.internal or certain_return(scope) or _is_closed(block):
            continue
        for directive in block.effective("add_header"):
            if _says_noindex(directive):
                yield _finding(directive, name, server)
                break


def _is_main(name: str) -> bool:
    """Return whether a name is a domain's own, or begins with www."""
    labels = name.removeprefix(".").split(".")
    if name.startswith(("~", "*")) or len(labels) < 2 or labels[-1] in _PRIVATE or labels[-1].isdecimal():  # noqa: PLR2004
        return False
    if labels[0] == "www":
        labels = labels[1:]
    if len(labels[-1]) == _COUNTRY and labels[-2:-1] and labels[-2] in _BELOW_COUNTRY:
        return len(labels) <= 3  # noqa: PLR2004
    return len(labels) <= 2  # noqa: PLR2004


def _is_closed(block: ConfigBlock) -> bool:
    """Return whether not every client gets the page."""
    if block.value("auth_basic", "off") != "off" or block.value("auth_request", "off") != "off":
        return True
    return bool(block.effective("deny")) or block.value("ssl_verify_client", "off") == "on"


def _says_noindex(directive: Directive) -> bool:
    args = directive.args
    return len(args) > 1 and args[0].lower() == "x-robots-tag" and _NOINDEX.search(args[1]) is not None


def _finding(directive: Directive, name: str, server: Server) -> Finding:
    message = (
        f"search engines drop {name} when they see this header, and it takes weeks to come back: it is for test systems. Take it out, "
        "or give it to the locations that are meant"
    )
    return RULE.at(directive.place, message, [related("the main site of its domain", server.scope.directive.place)])
