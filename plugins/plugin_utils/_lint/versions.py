# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Rules on what newer versions of nginx have deprecated or removed."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.recent_directives import NEWER

from .data import advisories
from .finding import Rule
from .target import parse_version

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive

    from .analysis.blocks import ConfigBlock
    from .context import Context
    from .finding import Finding

LISTEN_HTTP2: t.Final = Rule(
    "listen-http2-deprecated", "advice", "listen ... http2 is deprecated, http2 on takes its place", since="1.25.1"
)
SSL_ON: t.Final = Rule("ssl-on-deprecated", "warning", "ssl on makes every port of a server speak TLS", since="1.15.0")
REMOVED: t.Final = Rule("directive-removed", "error", "The target's nginx no longer knows a directive")
TOO_NEW: t.Final = Rule("directive-too-new", "error", "The target's nginx does not know a directive yet")
OBSOLETE: t.Final = Rule("directive-obsolete", "warning", "nginx ignores a directive")
VULNERABILITY: t.Final = Rule(
    "known-vulnerability",
    "advice",
    "The target's nginx has a known vulnerability that the configuration uses",
    security=7.5,
)
RULES: t.Final = (LISTEN_HTTP2, SSL_ON, REMOVED, TOO_NEW, OBSOLETE, VULNERABILITY)

_PAIR: t.Final = 2
_GROUP: t.Final = re.compile(r"\$[1-9]")
_HTTP2: t.Final = {
    "http2_max_requests": "keepalive_requests",
    "http2_idle_timeout": "keepalive_timeout",
    "http2_recv_timeout": "client_header_timeout",
    "http2_max_field_size": "large_client_header_buffers",
    "http2_max_header_size": "large_client_header_buffers",
}
_PUSH: t.Final = ("http2_push", "http2_push_preload", "http2_max_concurrent_pushes")
#: Directive -> a version that no longer has it, and what took its place (https://nginx.org/en/CHANGES).
_GONE: t.Final = {
    "ssl": ("1.25.1", "the ssl parameter of listen"),
    "limit_zone": ("1.7.6", "limit_conn_zone"),
    "satisfy_any": ("1.22.1", "satisfy any"),
    "spdy_headers_comp": ("1.22.1", "http2"),
    "spdy_chunk_size": ("1.22.1", "http2_chunk_size"),
}


def _listen(context: Context, block: ConfigBlock, directive: Directive) -> Iterator[Finding]:
    if "http2" not in directive.args[1:] or block.parent is None or block.parent.name != "http":
        return
    if context.target.version is None:
        # Older ones have nothing else, and would not start with http2 on.
        return
    message = (
        f"nginx {'.'.join(map(str, context.target.version))} warns that this parameter is deprecated: it switches HTTP/2 on "
        "for every server of the socket; write http2 on in the servers that mean it"
    )
    yield LISTEN_HTTP2.at(directive.place, message)


def _removed(context: Context, _block: ConfigBlock, directive: Directive) -> Iterator[Finding]:
    version, instead = _GONE[directive.name]
    if context.target.at_least(version) and (directive.name != "ssl" or directive.args[:1] in (["on"], ["off"])):
        message = (
            f"nginx {version} and newer do not know {directive.name}: the target refuses the whole configuration "
            f'(unknown directive "{directive.name}"); use {instead}'
        )
        yield REMOVED.at(directive.place, message)
    elif directive.name == "ssl" and directive.args[:1] == ["on"]:
        message = (
            "every listen of this server speaks TLS, a plain port 80 beside 443 as well, which then answers plain requests "
            "with 400; deprecated since 1.15.0 and removed in 1.25.1: write listen 443 ssl"
        )
        yield SSL_ON.at(directive.place, message)


def _too_new(context: Context, _block: ConfigBlock, directive: Directive) -> Iterator[Finding]:
    since = NEWER[directive.name]
    if context.target.at_least(since) is False:
        version = ".".join(map(str, context.target.version or ()))
        message = (
            f"{directive.name} came with nginx {since} and the target has {version}, which refuses the whole configuration "
            f'(unknown directive "{directive.name}"); leave it out until all of them are newer'
        )
        yield TOO_NEW.at(directive.place, message)


def _obsolete(context: Context, _block: ConfigBlock, directive: Directive) -> Iterator[Finding]:
    if directive.name in _HTTP2 and context.target.at_least("1.19.7") is not False:
        message = (
            f"since 1.19.7 nginx ignores {directive.name} with a warning, so the limit meant here does not hold; "
            f"use {_HTTP2[directive.name]}"
        )
    elif directive.name in _PUSH and context.target.at_least("1.25.1") and directive.args[:1] != ["off"]:
        message = (
            f"since 1.25.1 nginx ignores {directive.name} with a warning: it has no server push any more; remove it"
        )
    else:
        return
    fix = context.editor.remove(directive) if directive.name in _PUSH else None
    yield OBSOLETE.at(directive.place, message, fix=fix)


def _vulnerable(context: Context, _block: ConfigBlock, directive: Directive) -> Iterator[Finding]:
    version = context.target.version
    if version is None or directive.args[:1] == ["off"]:
        return
    for advisory in _ADVISORIES[directive.name]:
        if _has(version, advisory):
            yield _vulnerability(version, advisory, directive, f"{directive.name} uses that part")


def _vulnerability(version: tuple[int, ...], advisory: advisories.Advisory, directive: Directive, why: str) -> Finding:
    message = (
        f"nginx {'.'.join(map(str, version))} has {advisory.cve}, {advisory.what}, and {why}: "
        f"fixed in {advisory.branch} and {advisory.fixed}, unless the distribution has patched its package "
        f"(advisories known here are those up to {advisories.DATE})"
    )
    return VULNERABILITY.at(directive.place, message)


def _rift(context: Context, block: ConfigBlock, directive: Directive) -> Iterator[Finding]:
    """A rewrite with a `?` in what it writes, and behind it one that copies a group without a name."""
    version = context.target.version
    if version is None or len(directive.args) < _PAIR or "?" not in directive.args[1].rstrip("?"):
        return
    later = [each for name in ("set", "rewrite") for each in block.own.get(name, ())]
    behind = [each for each in later if each.place > directive.place and each.file == directive.file]
    if _has(version, advisories.RIFT) and any(_GROUP.search(arg) for each in behind for arg in each.args[1:]):
        why = "the arguments written here and a $1 behind them trigger it; named groups do not"
        yield _vulnerability(version, advisories.RIFT, directive, why)


def _has(version: tuple[int, ...], advisory: advisories.Advisory) -> bool:
    branch = parse_version(advisory.branch)
    if version[:2] == branch[:2] and version >= branch:
        return False
    return parse_version(advisory.since) <= version < parse_version(advisory.fixed)


_ADVISORIES: t.Final = {
    name: tuple(each for each in advisories.ADVISORIES if name in each.directives)
    for advisory in advisories.ADVISORIES
    for name in advisory.directives
}

ON_DIRECTIVE: t.Final = (
    (tuple(_ADVISORIES), _vulnerable),
    (("listen",), _listen),
    (("rewrite",), _rift),
    (tuple(_GONE), _removed),
    (tuple(NEWER), _too_new),
    ((*_HTTP2, *_PUSH), _obsolete),
)
ON_BLOCK: t.Final = ()
