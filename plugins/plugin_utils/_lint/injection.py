# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Rules on what a client can write into headers and addresses."""

from __future__ import annotations

import typing as t

from .analysis.regex_charsets import whole_charset
from .analysis.variable_sources import is_redirect
from .finding import Rule, related

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.template import Part

    from .analysis.blocks import ConfigBlock
    from .analysis.taint import TaintFlow
    from .context import Context
    from .finding import Finding

HEADER_SPLITTING: t.Final = Rule(
    "header-splitting", "warning", "A client can end a header line and write its own", security=7.5
)
SSRF: t.Final = Rule("ssrf", "warning", "A client chooses the host that nginx connects to", security=8.6)
HOST_HEADER_SPOOFING: t.Final = Rule(
    "host-header-spoofing", "advice", "The upstream gets the Host header as the client wrote it", security=4.0
)
RULES: t.Final = (HEADER_SPLITTING, SSRF, HOST_HEADER_SPOOFING)

_PASSES: t.Final = ("proxy_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "grpc_pass", "memcached_pass")
_HEADERS: t.Final = ("add_header", "add_trailer", "proxy_set_header")
_REDIRECTS: t.Final = frozenset({"301", "302", "303", "307", "308"})
_ABSOLUTE: t.Final = ("http://", "https://", "$scheme")
_URI: t.Final = frozenset({"uri", "document_uri"})
_PAIR: t.Final = 2


def _splitting(context: Context, block: ConfigBlock, directive: Directive) -> Iterator[Finding]:
    text = _line_of(directive)
    if "$" not in text:
        return
    positional = directive.name != "rewrite"
    for part, flow in context.taint.flows(text, block, positional=positional, sink=directive.name):
        if flow.splits and not _is_bound(directive, part):
            yield HEADER_SPLITTING.at(directive.place, _splits(directive, block, part, flow), _origin(flow, directive))
            return


def _is_bound(directive: Directive, part: Part) -> bool:
    """Whether the pattern of a `rewrite` has already said that the URI holds no line feed."""
    return directive.name == "rewrite" and part.variable in _URI and "\n" not in whole_charset(directive.args[0]).holds


def _line_of(directive: Directive) -> str:
    """The part of a directive that nginx writes into a header or a request line."""
    args = directive.args
    if directive.name == "return":
        if len(args) == 1 or (args and args[0] in _REDIRECTS):
            return args[-1]
        return ""
    if directive.name == "rewrite":
        return args[1] if is_redirect(directive) else ""
    if directive.name == "error_page":
        return args[-1] if args and args[-1].startswith(_ABSOLUTE) else ""
    if directive.name == "proxy_pass":
        return args[0] if args else ""
    return args[1] if len(args) >= _PAIR else ""


_WRITES: t.Final = {
    "return": "the Location header",
    "rewrite": "the Location header",
    "error_page": "the Location header",
    "proxy_pass": "the request to the upstream",
    "proxy_set_header": "the request to the upstream",
}


def _splits(directive: Directive, block: ConfigBlock, part: Part, flow: TaintFlow) -> str:
    shown = f"${part.variable}" if part.variable else f"${part.capture}"
    if flow.variable.startswith(f"{shown} "):
        shown = flow.variable
    by = "" if flow.variable == shown else f" (here {flow.variable})"
    where = _WRITES.get(directive.name, "the response")
    if "remote_user" in flow.variable:
        how = "the user name of an Authorization header is decoded and nothing here checks it"
    else:
        how = "nginx decodes %0d%0a in the path into a line break"
    return (
        f"{shown}{by} can hold a line break: {how}, and {directive.name} writes it into {where} as it is, "
        f"{_request(block, flow)}{_instead(flow)}"
    )


def _request(block: ConfigBlock, flow: TaintFlow) -> str:
    location = block.enclosing("location")
    args = location.directive.args if location is not None and location.directive is not None else ["/"]
    if len(args) == 1 and args[0].startswith("/") and flow.variable in {"$uri", "$document_uri"}:
        return f"so GET {args[0]}%0d%0aX-Injected:1 makes a header X-Injected"
    return "so what follows it is a header, or a body, of the client's making"


def _instead(flow: TaintFlow) -> str:
    if "remote_user" in flow.variable:
        return "; use it only where auth_basic or auth_request has checked it"
    if "$uri" in flow.variable or "$document_uri" in flow.variable:
        if "out of" in flow.variable:
            return "; let the group match no line break, as in [^/\\s]+ instead of [^/]+"
        return "; use $request_uri, which stays encoded"
    return "; let nothing through that matches \\s"


def _origin(flow: TaintFlow, directive: Directive) -> list[t.Any]:
    place = flow.place
    return [related(f"{flow.variable} comes in here", place)] if place is not None and place != directive.place else []


def _ssrf(context: Context, block: ConfigBlock, directive: Directive) -> Iterator[Finding]:
    text = directive.args[0] if directive.args else ""
    if "$" not in text or "internal" in block.own:
        return
    for part, flow in context.taint.flows(text, block, sink=directive.name):
        if flow.fixed:
            continue
        shown = f"${part.variable}" if part.variable else f"${part.capture}"
        by = "" if flow.variable == shown else f" by {flow.variable}"
        message = (
            f"{shown} decides on the host in {directive.name} {text}, and a client chooses it{by}: "
            f"{_example(flow, directive)}; let it choose among written values with a map"
        )
        yield SSRF.at(directive.place, message, _origin(flow, directive))
        return


def _example(flow: TaintFlow, directive: Directive) -> str:
    if flow.variable in {"$host", "$http_host"}:
        return "whatever Host header a request has, nginx sends it there"
    if directive.name == "proxy_pass":
        return "requests can be sent to hosts that only this machine reaches, such as 169.254.169.254"
    return "requests can be sent to any host"


def _spoofing(_context: Context, _block: ConfigBlock, directive: Directive) -> Iterator[Finding]:
    if len(directive.args) < _PAIR or directive.args[0].lower() != "host":
        return
    if directive.args[1].strip("${}").lower() == "http_host":
        message = (
            "the upstream gets any Host header that a client writes, also where nginx chose the server by another name "
            "(GET http://a.test/ with Host: evil.test): links and redirects that it makes of it lead elsewhere; "
            "$host is the name that nginx has checked"
        )
        yield HOST_HEADER_SPOOFING.at(directive.place, message)


ON_DIRECTIVE: t.Final = (
    ((*_HEADERS, "return", "rewrite", "error_page", "proxy_pass"), _splitting),
    (_PASSES, _ssrf),
    (("proxy_set_header",), _spoofing),
)
ON_BLOCK: t.Final = ()
