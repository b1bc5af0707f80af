# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find a variable that brings a line break into a header or a request line.

nginx decodes `%0d%0a` in the path: a client then ends the header line and writes its own.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.regex_charsets import whole_charset
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.taint import origin_of
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.variable_sources import is_redirect
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.blocks import ConfigBlock
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.taint import TaintFlow
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.template import Part

RULE: t.Final = Rule("header-splitting", "warning", "A client can end a header line and write its own", security=7.5)
_SINKS: t.Final = (
    *("add_header", "add_trailer", "proxy_set_header"),
    *("return", "rewrite", "error_page", "proxy_pass"),
)
_REDIRECTS: t.Final = frozenset({"301", "302", "303", "307", "308"})
_ABSOLUTE: t.Final = ("http://", "https://", "$scheme")
_URI: t.Final = frozenset({"uri", "document_uri"})
#: Where a directive writes its value; the others write it into the response.
_WRITES: t.Final = {
    "return": "the Location header",
    "rewrite": "the Location header",
    "error_page": "the Location header",
    "proxy_pass": "the request to the upstream",
    "proxy_set_header": "the request to the upstream",
}


def check(context: Context) -> Iterator[Finding]:
    """Check every directive that writes into a header or a request line, one finding each."""
    for block, directive in context.directives(*_SINKS):
        text = _line_of(directive)
        if "$" not in text:
            continue
        positional = directive.name != "rewrite"
        for part, flow in context.taint.flows(text, block, positional=positional, sink=directive.name):
            if flow.splits and not _is_bound(directive, part):
                yield RULE.at(directive.place, _message(directive, block, part, flow), origin_of(flow, directive))
                break


def _is_bound(directive: Directive, part: Part) -> bool:
    """Return whether the pattern of a `rewrite` already keeps line feeds out of the URI."""
    return directive.name == "rewrite" and part.variable in _URI and "\n" not in whole_charset(directive.args[0]).holds


def _line_of(directive: Directive) -> str:
    """Return the argument of a directive that nginx writes into a header or a request line."""
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
    return args[1] if len(args) > 1 else ""


def _message(directive: Directive, block: ConfigBlock, part: Part, flow: TaintFlow) -> str:
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
        f"{_request(block, flow)}{_remedy(flow)}"
    )


def _request(block: ConfigBlock, flow: TaintFlow) -> str:
    location = block.enclosing("location")
    args = location.directive.args if location is not None and location.directive is not None else ["/"]
    if len(args) == 1 and args[0].startswith("/") and flow.variable in {"$uri", "$document_uri"}:
        return f"so GET {args[0]}%0d%0aX-Injected:1 makes a header X-Injected"
    return "so what follows it is a header, or a body, of the client's making"


def _remedy(flow: TaintFlow) -> str:
    if "remote_user" in flow.variable:
        return "; use it only where auth_basic or auth_request has checked it"
    if "$uri" in flow.variable or "$document_uri" in flow.variable:
        if "out of" in flow.variable:
            return "; let the group match no line break, as in [^/\\s]+ instead of [^/]+"
        return "; use $request_uri, which stays encoded"
    return "; let nothing through that matches \\s"
