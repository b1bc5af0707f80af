# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Rules on resources: connections, buffers, logs."""

from __future__ import annotations

import re
import typing as t

from .analysis.regex_charsets import backtracks
from .finding import Rule, related

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive

    from .analysis.blocks import ConfigBlock
    from .context import Context
    from .finding import Finding

RLIMIT: t.Final = Rule("worker-rlimit-nofile", "advice", "A worker may open fewer files than its connections need")
KEEPALIVE: t.Final = Rule(
    "keepalive-without-http11",
    "warning",
    "An upstream's keepalive has no effect: every request opens a connection",
    until="1.29.7",
)
BUFFERING: t.Final = Rule("proxy-buffering-off", "advice", "Slow clients keep the upstream busy for whole sites")
ERROR_LOG_OFF: t.Final = Rule("error-log-off", "warning", "error_log off writes a file named off")
REDOS: t.Final = Rule(
    "regex-redos", "advice", "A regular expression takes exponential time for some paths", security=5.0
)
RULES: t.Final = (RLIMIT, KEEPALIVE, BUFFERING, ERROR_LOG_OFF, REDOS)

_PAIR: t.Final = 2
_COMPARISON: t.Final = 3


def _rlimit(_context: Context, block: ConfigBlock) -> Iterator[Finding]:
    limits = block.own.get("worker_rlimit_nofile")
    events = next((each for each in block.blocks if each.name == "events"), None)
    found = events.own.get("worker_connections") if events is not None else None
    if not limits or not found or not limits[0].args or not found[0].args:
        return
    limit, connections = limits[0].args[0], found[0].args[0]
    if limit.isdecimal() and connections.isdecimal() and int(limit) < int(connections):
        message = (
            f"each of {connections} connections needs a file, {limit} may be open: under load new clients "
            "wait (accept4() failed: Too many open files) while connections are free; a proxied request takes two, so "
            f"{2 * int(connections)}"
        )
        yield RLIMIT.at(limits[0].place, message, [related("the connections", found[0].place)])


def _keepalive(context: Context, block: ConfigBlock, directive: Directive) -> Iterator[Finding]:
    name = _upstream_name(directive)
    upstream = context.keepalive_upstreams.get(name)
    if upstream is None or block.gap:
        return
    missing = []
    if block.value("proxy_http_version", "1.0") == "1.0":
        missing.append("proxy_http_version 1.1")
    headers = {each.args[0].lower(): each.args[1] for each in block.effective("proxy_set_header") if len(each.args) > 1}
    if headers.get("connection", "close").lower() == "close":
        missing.append('proxy_set_header Connection ""')
    if missing:
        message = (
            f"upstream {name} keeps connections, but requests from here ask for the opposite: without "
            f"{' and '.join(missing)} nginx sends {_sent(missing)}, the upstream closes after each answer, "
            "and every request opens a connection of its own"
        )
        yield KEEPALIVE.at(directive.place, message, [related("to be kept", upstream.place)])


def _upstream_name(directive: Directive) -> str:
    target = directive.args[0] if directive.args else ""
    return re.sub(r"^https?://", "", target).partition("/")[0].lower() if target.startswith("http") else ""


def _sent(missing: list[str]) -> str:
    sent = ["HTTP/1.0" if "version" in missing[0] else "", "Connection: close" if "Connection" in missing[-1] else ""]
    return " with ".join(each for each in sent if each)


def _buffering(_context: Context, block: ConfigBlock, directive: Directive) -> Iterator[Finding]:
    if directive.args[:1] == ["off"] and block.name in ("http", "server"):
        message = (
            f"for everything in this {block.name} the upstream sends at the speed of the client: a few slow clients occupy "
            "all of its workers, and nothing is cached; switch it off where responses stream, or let them say it "
            "(X-Accel-Buffering: no)"
        )
        yield BUFFERING.at(directive.place, message)


def _error_log(_context: Context, _block: ConfigBlock, directive: Directive) -> Iterator[Finding]:
    if directive.args[:1] == ["off"]:
        message = (
            "error_log has no off: nginx writes a file named off in its prefix folder, and nobody looks for errors there; "
            "error_log /dev/null crit drops them, a path keeps them"
        )
        yield ERROR_LOG_OFF.at(directive.place, message)


def _regex(_context: Context, _block: ConfigBlock, directive: Directive) -> Iterator[Finding]:
    args = directive.args
    if directive.name == "location":
        pattern = args[1] if len(args) == _PAIR and args[0] in ("~", "~*") else ""
    else:
        pattern = args[0] if args else ""
    part = backtracks(pattern) if pattern else ""
    if part:
        message = (
            f"{part} repeats what already repeats: for a path that nearly matches, PCRE tries every way to split it, twice "
            "as many for each further character, until its limit ends the request with 500; "
            "write one repetition, or make the inner one possessive (++)"
        )
        yield REDOS.at(directive.place, message)


ON_DIRECTIVE: t.Final = (
    (("proxy_pass",), _keepalive),
    (("proxy_buffering",), _buffering),
    (("error_log",), _error_log),
    (("location", "rewrite"), _regex),
)
ON_BLOCK: t.Final = ((("main",), _rlimit),)
