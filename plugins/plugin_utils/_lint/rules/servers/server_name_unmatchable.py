# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find a server_name that no Host header can have.

nginx compares the name as written with the header without its port. A URL, a port or a pattern without `~` never matches.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.listeners import listeners_of
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule, related

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule("server-name-unmatchable", "error", "A server_name that no Host header can have")

#: Host names, nginx's wildcards, and addresses in brackets.
_NAME: t.Final = re.compile(r"[A-Za-z0-9_.*-]+|\[[0-9A-Fa-f:.]+\]")
_REGEX: t.Final = re.compile(r"[\\^$()|\[\]{}+?]")


def check(context: Context) -> Iterator[Finding]:
    """Check every name of every server, unless that server is the default one and gets the requests all the same."""
    for server in context.router.servers:
        for name, directive in server.names.items():
            if name.startswith("~") or name == "$hostname" or _NAME.fullmatch(name) or not re.search(r"\w", name):
                continue
            others = [each.default for each in listeners_of(server, context) if each.default is not server]
            if not others:
                continue
            message = (
                f'no request is for "{name}": {_reason(name)}. Requests that are meant for it get server '
                f'"{others[0].first_name}", the default one of the socket'
            )
            places = [related("this server answers", others[0].scope.directive.place)]
            better = _better(name)
            index = directive.args.index(name) + 1
            fix = context.editor.replace_word(directive, index, better) if better else None
            yield RULE.at(directive.place, message, places, fix=fix)


def _better(name: str) -> str:
    """Return the host name that is surely meant, or "" where that is not certain."""
    bare = name.split("://", 1)[-1].partition("/")[0].rstrip(",;")
    bare = re.sub(r":\d+$", "", bare)
    return bare if _NAME.fullmatch(bare) and bare.isascii() else ""


def _reason(name: str) -> str:
    if "://" in name:
        return f'a server_name has no scheme and no path, write "{name.split("://", 1)[1].partition("/")[0]}"'
    if _REGEX.search(name):
        return f'without ~ it is compared letter by letter, regex signs and all; write "~{name}"'
    if re.search(r":\d+$", name):
        return f'nginx compares the Host header without its port, write "{name.rpartition(":")[0]}"'
    if name.endswith((",", ";")):
        return f'names are separated by spaces, write "{name.rstrip(",;")}"'
    if not name.isascii():
        return f"clients send international names in ASCII, write {_ascii(name)}"
    return "a host name has letters, digits, hyphens and dots"


def _ascii(name: str) -> str:
    try:
        return f'"{name.encode("idna").decode()}"'
    except UnicodeError:
        return "its xn-- form"
