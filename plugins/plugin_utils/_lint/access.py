# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Rules on who may ask for what, and on what an answer gives away."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.conditions import condition_args

from .analysis.foreign_origins import foreign_origin
from .finding import Rule, related

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive

    from .analysis.blocks import ConfigBlock
    from .context import Context
    from .finding import Finding

VALID_REFERERS_NONE: t.Final = Rule(
    "valid-referers-none", "advice", "Requests without a Referer pass the check of the Referer", security=3.0
)
ORIGIN_REGEX: t.Final = Rule(
    "origin-regex-unanchored", "warning", "A pattern for trusted origins matches foreign ones", security=7.0
)
ALLOW_WITHOUT_DENY: t.Final = Rule(
    "allow-without-deny", "warning", "allow without deny lets every client in", security=6.5
)
H2C_SMUGGLING: t.Final = Rule("h2c-smuggling", "advice", "Any Upgrade header is passed on, h2c as well", security=5.0)
STUB_STATUS: t.Final = Rule("stub-status-exposed", "advice", "Every client can read the status page", security=3.0)
AUTOINDEX: t.Final = Rule("autoindex-on", "advice", "Every client can list the files of a folder", security=3.0)
SERVER_TOKENS: t.Final = Rule("server-tokens", "advice", "Answers name the version of nginx", security=2.0)
DOTFILES: t.Final = Rule("dotfiles-exposed", "advice", "Files such as .git/config are served", security=4.0)
RULES: t.Final = (
    VALID_REFERERS_NONE,
    ORIGIN_REGEX,
    ALLOW_WITHOUT_DENY,
    H2C_SMUGGLING,
    STUB_STATUS,
    AUTOINDEX,
    SERVER_TOKENS,
    DOTFILES,
)

_ORIGIN: t.Final = "$http_origin"
_CONNECTION: t.Final = "connection"
_PAIR: t.Final = 2
_COMPARISON: t.Final = 3
_CHECKS: t.Final = ("deny", "auth_basic", "auth_request", "auth_jwt", "access_by_lua_block", "access_by_lua_file")
_CHECKS_CERTIFICATE: t.Final = "ssl_verify_client"
_LOCAL: t.Final = ("127.", "[::1]", "unix:", "localhost")
#: Folders that builds write into: nobody keeps a repository there.
_BUILT: t.Final = re.compile(r"(?:^|/)(?:dist|build|out|public|_site|html|static|assets|media|pub)/?$")
_DOTTED: t.Final = ("/\\.", "/.git", "/[.]", "(\\.", "(^|/)\\.")
_PASSES: t.Final = ("proxy_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "grpc_pass", "return")


def _referers(_context: Context, _block: ConfigBlock, directive: Directive) -> Iterator[Finding]:
    if "none" in directive.args:
        message = (
            "valid_referers none accepts every request without a Referer header, and a foreign page can have the browser "
            "send none (Referrer-Policy: no-referrer): this keeps images from being embedded, it is no protection of a request"
        )
        yield VALID_REFERERS_NONE.at(directive.place, message)


def _origin_test(_context: Context, _block: ConfigBlock, directive: Directive) -> Iterator[Finding]:
    test = condition_args(directive)
    trusts = any(each.name in ("add_header", "set") for each in directive.children)
    if trusts and len(test) == _COMPARISON and test[0].lower() == _ORIGIN and test[1] in ("~", "~*"):
        yield from _origin(directive, test[2], caseless=test[1] == "~*")


def _origin_map(_context: Context, _block: ConfigBlock, directive: Directive) -> Iterator[Finding]:
    if not directive.args or directive.args[0].lower() != _ORIGIN:
        return
    for entry in directive.children:
        # A pattern that maps to nothing keeps origins out.
        if entry.name.startswith("~") and entry.args and entry.args[0] not in ("", "0"):
            caseless = entry.name.startswith("~*")
            yield from _origin(entry, entry.name[2 if caseless else 1 :], caseless=caseless)


def _origin(directive: Directive, pattern: str, *, caseless: bool) -> Iterator[Finding]:
    foreign = foreign_origin(pattern, caseless=caseless)
    if foreign:
        message = (
            f"the pattern {pattern} also matches the Origin {foreign}, which anybody can register: its pages may then read "
            r"answers in the name of a visitor; begin with ^https://, end with $ and write every dot as \."
        )
        yield ORIGIN_REGEX.at(directive.place, message)


def _allow(_context: Context, block: ConfigBlock) -> Iterator[Finding]:
    allowed = block.own.get("allow")
    if not allowed or "deny" in block.own or block.gap or block.value("satisfy", "all") == "any":
        return
    if any(each.args[:1] == ["all"] for each in allowed):
        return
    dropped = block.parent.effective("deny") if block.parent is not None else []
    because = " (those of the block around do not count beside rules of its own)" if dropped else ""
    message = (
        f"this {block.name} allows {', '.join(each.args[0] for each in allowed if each.args)} and denies nobody{because}: "
        "nginx lets in every address that no rule matches; end the list with deny all"
    )
    places = [related("not inherited", each.place) for each in dropped]
    yield ALLOW_WITHOUT_DENY.at(allowed[0].place, message, places)


def _h2c(context: Context, block: ConfigBlock, directive: Directive) -> Iterator[Finding]:
    args = directive.args
    if len(args) < _PAIR or args[0].lower() != "upgrade" or args[1].lower() != "$http_upgrade":
        return
    # One address that speaks websocket and nothing else is what it should be.
    if block.directive is not None and block.directive.args[:1] == ["="]:
        return
    connection = [
        each for each in block.effective("proxy_set_header") if each.args[:1] and each.args[0].lower() == _CONNECTION
    ]
    if connection and _passes_any_upgrade(context, connection[-1].args[-1]):
        message = (
            "a client can send Upgrade: h2c, and an upstream that speaks it takes the connection over: what it is then "
            "asked for passes nginx unseen, locations and access rules included; pass on websocket alone, by "
            "map $http_upgrade $upgrade { websocket websocket; } (and the same for Connection)"
        )
        yield H2C_SMUGGLING.at(directive.place, message, [related("passed on here", connection[-1].place)])


def _passes_any_upgrade(context: Context, value: str) -> bool:
    if value.lower() in ("upgrade", "$http_connection"):
        return True
    table = context.definitions.maps.get(value.strip("${}").lower()) if value.startswith("$") else None
    return table is not None and table.source.lower() == "$http_upgrade" and table.default.lower() == "upgrade"


def _status(_context: Context, block: ConfigBlock, directive: Directive) -> Iterator[Finding]:
    server = block.enclosing("server")
    if server is None or block.gap or _is_guarded(block) or "internal" in block.own:
        return
    listens = [each.args[0] for each in server.own.get("listen", ()) if each.args]
    if listens and all(each.startswith(_LOCAL) for each in listens):
        return
    message = (
        "anybody who reaches this server can read how many connections and requests it has; "
        "add allow 127.0.0.1; allow of the monitoring network; deny all"
    )
    yield STUB_STATUS.at(directive.place, message)


def _is_guarded(block: ConfigBlock) -> bool:
    if any(block.value(each, "off") != "off" for each in _CHECKS):
        return True
    return block.value(_CHECKS_CERTIFICATE, "off") == "on"


def _autoindex(_context: Context, block: ConfigBlock, directive: Directive) -> Iterator[Finding]:
    if directive.args[:1] == ["on"] and not _is_guarded(block) and "internal" not in block.own:
        message = (
            "a request for a folder without an index file is answered with the list of its files, "
            "forgotten backups included; say who may see it, or autoindex off"
        )
        yield AUTOINDEX.at(directive.place, message)


def _tokens(context: Context, block: ConfigBlock) -> Iterator[Finding]:
    if "server" not in {each.name for each in block.blocks} or context.router.partial:
        return
    own = block.own.get("server_tokens")
    if own is None:
        # Where every server says it, nothing is left to say for all of them.
        if all(each.own.get("server_tokens") for each in block.blocks if each.name == "server"):
            return
        place = block.directive.place if block.directive is not None else None
        if place is not None:
            yield SERVER_TOKENS.at(place, f"server_tokens is on by default: {_TOKENS}")


_TOKENS: t.Final = (
    "the Server header and every error page name the version of nginx, which says what it is vulnerable to; "
    "server_tokens off leaves the name only"
)


def _tokens_on(context: Context, _block: ConfigBlock, directive: Directive) -> Iterator[Finding]:
    if directive.args[:1] in (["on"], ["build"]):
        fix = context.editor.replace_word(directive, 1, "off")
        yield SERVER_TOKENS.at(directive.place, f"server_tokens {directive.args[0]}: {_TOKENS}", fix=fix)


def _dotfiles(_context: Context, block: ConfigBlock) -> Iterator[Finding]:
    roots = block.effective("root")
    if not roots or not roots[-1].args or block.gap or any(each in block.own for each in _PASSES):
        return
    if any(_keeps_dotfiles(each) for each in block.inner()):
        return
    root = roots[-1]
    if _BUILT.search(root.args[0]) or "$" in root.args[0]:
        return
    message = (
        f"everything below {root.args[0]} is served, files with a dot as well: where it is the checkout of a repository, "
        r"GET /.git/config answers; add location ~ /\.(?!well-known) { deny all; } or serve a folder below it"
    )
    yield DOTFILES.at(root.place, message)


def _keeps_dotfiles(block: ConfigBlock) -> bool:
    """Whether a location has something to say about files with a dot, or serves no files for all paths."""
    args = block.directive.args if block.name == "location" and block.directive is not None else []
    if any(any(mark in each for mark in _DOTTED) for each in args):
        return "deny" in block.own or "return" in block.own
    return args in (["/"], ["^~", "/"]) and any(each in block.own for each in (*_PASSES, "deny"))


ON_DIRECTIVE: t.Final = (
    (("valid_referers",), _referers),
    (("if",), _origin_test),
    (("map",), _origin_map),
    (("proxy_set_header",), _h2c),
    (("stub_status",), _status),
    (("autoindex",), _autoindex),
    (("server_tokens",), _tokens_on),
)
ON_BLOCK: t.Final = (
    (("http", "server", "location", "limit_except"), _allow),
    (("http",), _tokens),
    (("server",), _dotfiles),
)
