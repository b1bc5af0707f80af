# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""Find a cache that several sites share, and whose key does not tell them apart.

Visitors of one site then get the pages of another.
"""

from __future__ import annotations

import re
import typing as t
from collections import defaultdict

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule, related

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.blocks import ConfigBlock
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule("cache-key-without-host", "warning", "A cache key that does not tell several sites apart")

#: Default keys (ngx_http_proxy_create_key() and the like): those of FastCGI and the others are empty.
_KEYS: t.Final = {"proxy": "$scheme$proxy_host$request_uri", "fastcgi": "", "uwsgi": "", "scgi": ""}
_VARIABLE: t.Final = re.compile(r"\$\{?(\w+)\}?")
#: Variables that are the same whatever name a client asks for; any other one may tell sites apart.
_SAME: t.Final = re.compile(
    r"scheme|proxy_(?:host|port)|request(?:_uri|_method)?|uri|document_uri|args|query_string|is_args|(?:arg|cookie)_\w+"
    r"|http_(?!host\b|x_forwarded_host\b|x_original_host\b)\w+|slice_range"
)
_PROXY_HOST: t.Final = re.compile(r"\$(?:proxy_host\b|\{proxy_host\})")
_OF_CLIENT: t.Final = re.compile(r"\$\{?(?:host|http_host|server_name)\b")


class _Use(t.NamedTuple):
    """A place where answers are kept: its `*_pass`, its server with names, and the directive that gives the key."""

    passed: Directive
    server: ConfigBlock
    names: frozenset[str]
    told_host: bool
    place: Directive


def check(context: Context) -> Iterator[Finding]:
    """Check every cache whose key has nothing of the site in it."""
    if context.router.partial:
        return
    uses: dict[tuple[str, str, str], list[_Use]] = defaultdict(list)
    for kind, default in _KEYS.items():
        for block, passed in context.directives(f"{kind}_pass"):
            zone = block.effective(f"{kind}_cache")
            server = block.enclosing("server")
            if server is None or not zone or not zone[-1].args or not passed.args:
                continue
            written = block.effective(f"{kind}_cache_key")
            key = written[-1].args[0] if written and written[-1].args else default
            if zone[-1].args[0] == "off" or "$" in zone[-1].args[0] or not _is_same(key, passed):
                continue
            key = _resolved(key, passed)
            names = frozenset(
                name.lower().removeprefix(".") for each in server.own.get("server_name", ()) for name in each.args
            )
            use = _Use(passed, server, names, _is_told_host(kind, block), (written or zone)[-1])
            uses[kind, zone[-1].args[0], key].append(use)
    for (kind, _zone, _key), found in uses.items():
        clash = _clash(found)
        if clash is not None:
            yield _finding(kind, *clash)


def _is_same(key: str, passed: Directive) -> bool:
    """Return whether a key is the same for every site, as far as its variables are known."""
    names = _VARIABLE.findall(key)
    return all(_SAME.fullmatch(name) for name in names) and not ("proxy_host" in names and "$" in passed.args[0])


def _resolved(key: str, passed: Directive) -> str:
    """Return a key with the text of `$proxy_host`, which stands in `proxy_pass`."""
    host = passed.args[0].partition("://")[2].partition("/")[0]
    return _PROXY_HOST.sub(lambda _match: host, key)


def _is_told_host(kind: str, block: ConfigBlock) -> bool:
    """Return whether the application is told the name that the client asks for, so that its answer may depend on it."""
    if kind != "proxy":
        return True
    headers = {each.args[0].lower(): each.args[1] for each in block.effective("proxy_set_header") if len(each.args) > 1}
    return any(_OF_CLIENT.search(headers.get(name, "")) for name in ("host", "x-forwarded-host"))


def _clash(uses: list[_Use]) -> tuple[_Use, _Use] | None:
    """Return two uses of one key for sites without a common name whose answers differ."""
    for position, use in enumerate(uses):
        for other in uses[:position]:
            differ = (use.told_host and other.told_host) or use.passed.args != other.passed.args
            if differ and use.names and other.names and use.names.isdisjoint(other.names):
                return other, use
    many = next((use for use in uses if use.told_host and any(name[:1] in ("*", "~") for name in use.names)), None)
    return None if many is None else (many, many)


def _finding(kind: str, first: _Use, second: _Use) -> Finding:
    names = ", ".join(dict.fromkeys(min(use.names) for use in (first, second)))
    what = f"the sites {names}" if first is not second else f"the sites of {names}"
    message = (
        f"{what} share this cache, and its key has nothing of the name in it: one gets the pages that were kept for the other. "
        f"Put $host into {kind}_cache_key, or give each a zone of its own"
    )
    uses = {use.passed.place: related("answers are kept here", use.passed.place) for use in (first, second)}
    return RULE.at(second.place.place, message, uses.values())
