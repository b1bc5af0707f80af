# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Rules on headers and parameters: what a block loses by adding one of its own, and how a header may not be added."""

from __future__ import annotations

import typing as t

from .finding import Rule, related
from .fixes import Fix

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive

    from .analysis.blocks import ConfigBlock
    from .context import Context
    from .finding import Finding

SECURITY_HEADERS_LOST: t.Final = Rule(
    "security-headers-lost", "warning", "A block that adds a header drops inherited security headers", security=5.0
)
PROXY_HEADERS_LOST: t.Final = Rule(
    "proxy-headers-lost", "warning", "A block that sets a request header drops inherited ones the upstream relies on"
)
FASTCGI_PARAMS_LOST: t.Final = Rule(
    "fastcgi-params-lost", "warning", "A block that sets a parameter drops inherited ones that a script needs"
)
HEADERS_NOT_INHERITED: t.Final = Rule(
    "headers-not-inherited", "advice", "A block that adds a header drops inherited headers"
)
CONTENT_TYPE: t.Final = Rule(
    "add-header-content-type", "advice", "add_header makes a second Content-Type instead of another one"
)
MULTILINE: t.Final = Rule("add-header-multiline", "warning", "A header value spans lines")
RULES: t.Final = (
    SECURITY_HEADERS_LOST,
    PROXY_HEADERS_LOST,
    FASTCGI_PARAMS_LOST,
    HEADERS_NOT_INHERITED,
    CONTENT_TYPE,
    MULTILINE,
)

_SECURITY: t.Final = frozenset(
    {
        *("strict-transport-security", "content-security-policy", "x-frame-options", "x-content-type-options"),
        *("referrer-policy", "permissions-policy", "cross-origin-opener-policy", "cross-origin-embedder-policy"),
        "cross-origin-resource-policy",
    }
)
_PROXY: t.Final = frozenset({"host", "forwarded", "x-real-ip", "authorization"})
_GATEWAY: t.Final = frozenset({"script_filename", "request_method", "query_string"})
_ADDING: t.Final = ("add_header", "add_trailer")
_PASSING: t.Final = ("proxy_set_header", "grpc_set_header")
_PARAMS: t.Final = ("fastcgi_param", "uwsgi_param", "scgi_param")
_NESTED: t.Final = ("server", "location", "if", "limit_except")
_PAIR: t.Final = 2
#: Answers that show no page: what they lack of security headers harms nobody.
_ANSWERS: t.Final = ("return", "deny", "internal", "empty_gif")


def _lost(_context: Context, block: ConfigBlock) -> Iterator[Finding]:
    if block.parent is None:
        return
    for name in (*_ADDING, *_PASSING, *_PARAMS):
        own = block.own.get(name)
        if own is None:
            continue
        inherited = block.parent.effective(name)
        if not inherited or (name in _ADDING and block.value(f"{name}_inherit", "on") != "on"):
            continue
        kept = {each.args[0].lower() for each in own if each.args}
        lost = {each.args[0].lower(): each for each in inherited if each.args and each.args[0].lower() not in kept}
        if lost:
            yield _finding(_rule(name, lost, block), own[0], block, list(lost.values()))


def _rule(name: str, lost: dict[str, Directive], block: ConfigBlock) -> Rule:
    if name in _ADDING:
        answers = block.name == "if" or any(each in block.own for each in _ANSWERS)
        return SECURITY_HEADERS_LOST if lost.keys() & _SECURITY and not answers else HEADERS_NOT_INHERITED
    if name in _PASSING:
        needed = any(each in _PROXY or each.startswith("x-forwarded-") for each in lost)
        return PROXY_HEADERS_LOST if needed else HEADERS_NOT_INHERITED
    return FASTCGI_PARAMS_LOST if lost.keys() & _GATEWAY else HEADERS_NOT_INHERITED


def _finding(rule: Rule, first: Directive, block: ConfigBlock, lost: list[Directive]) -> Finding:
    outer = lost[0].parent
    around = outer.name if outer is not None else "main"
    names = ", ".join(dict.fromkeys(each.args[0] for each in lost))
    message = (
        f"this {block.name} has its own {first.name}, so nginx takes none of the {around} block's: "
        f"{names} {_effect(first.name)}; repeat them here, best by an include of one snippet in both places"
    )
    places = {each.place: related(f"{each.args[0]} does not reach the {block.name}", each.place) for each in lost[:8]}
    return rule.at(first.place, message, places.values())


def _effect(name: str) -> str:
    if name in _ADDING:
        return "is missing in its answers" if name == "add_header" else "is missing in its trailers"
    return "is not sent to the upstream as set there"


def _content_type(context: Context, block: ConfigBlock, directive: Directive) -> Iterator[Finding]:
    args = directive.args
    if len(args) < _PAIR or args[0].lower() != "content-type" or "proxy_hide_header" in block.own:
        return
    message = (
        f"add_header adds a second Content-Type beside nginx's own ({block.value('default_type', 'text/plain')}, or by the "
        f"extension), and clients choose one of the two; default_type {directive.raw_args[1]} sets the only one"
    )
    yield CONTENT_TYPE.at(directive.place, message, fix=_default_type(context, block, directive))


def _default_type(context: Context, block: ConfigBlock, directive: Directive) -> Fix | None:
    """For an answer that nginx gives itself, the same header by default_type."""
    if "return" not in block.own or "default_type" in block.own or "$" in directive.args[1]:
        return None
    fix = context.editor.replace_word(directive, 0, "default_type") + context.editor.remove_word(directive, 1)
    for index in range(_PAIR + 1, len(directive.args) + 1):
        fix += context.editor.remove_word(directive, index)
    return fix


def _multiline(_context: Context, _block: ConfigBlock, directive: Directive) -> Iterator[Finding]:
    if len(directive.args) >= _PAIR and "\n" in directive.args[1]:
        message = (
            f"the value of {directive.args[0]} goes on in another line and nginx writes the line break as it is: "
            "continuation lines are obsolete (RFC 9112, 5.2), browsers refuse the response over HTTP/2; "
            "write it in one line"
        )
        yield MULTILINE.at(directive.place, message)


ON_DIRECTIVE: t.Final = (
    (("add_header",), _content_type),
    ((*_ADDING, *_PASSING), _multiline),
)
ON_BLOCK: t.Final = ((_NESTED, _lost),)
