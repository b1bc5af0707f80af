# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find a variable that neither nginx nor the configuration has.

nginx refuses the whole configuration ("unknown variable"), unless a module that is not known here makes it.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.data.variables import BUILT_IN, PREFIXES
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule("unknown-variable", "warning", "A variable that neither nginx nor the configuration has")

_READS: t.Final = re.compile(r"\$\{?([A-Za-z_]\w*)")
_GROUP: t.Final = re.compile(r"\(\?P?<([A-Za-z_]\w*)>|\(\?'([A-Za-z_]\w*)'")
#: Directives whose arguments nginx evaluates, with the number of the first one that it does.
_EVALUATED: t.Final = {
    **dict.fromkeys(("return", "root", "alias", "try_files", "proxy_pass", "fastcgi_pass", "access_log", "if"), 0),
    **dict.fromkeys(("add_header", "proxy_set_header", "fastcgi_param", "set", "rewrite", "log_format"), 1),
    **dict.fromkeys(("map", "proxy_cache_key", "proxy_cache_bypass", "proxy_no_cache", "limit_req_zone"), 0),
    **dict.fromkeys(("limit_conn_zone", "expires", "auth_basic", "proxy_method", "grpc_pass", "uwsgi_pass"), 0),
    **dict.fromkeys(("uwsgi_param", "grpc_set_header", "scgi_param", "auth_request_set", "add_trailer"), 1),
}
#: Directives that bring variables: the argument that names one.
_DEFINE: t.Final = {
    **dict.fromkeys(("map", "geo", "split_clients"), -1),
    **dict.fromkeys(
        ("set", "auth_request_set", "perl_set", "js_set", "js_var", "auth_jwt_claim_set", "auth_jwt_header_set"), 0
    ),
}
_PATTERNS: t.Final = ("location", "server_name", "if", "rewrite")
#: Code and modules that make variables whose names are not in the configuration.
_OPAQUE: t.Final = re.compile(r"_by_lua|^js_|^perl|^set_|^geoip|^keyval|^ndk|^encrypted|^otel|^passenger")


def check(context: Context) -> Iterator[Finding]:
    """Report each variable once, where the whole configuration is known and no module may make variables."""
    if context.router.partial or _is_opaque(context):
        return
    used: dict[str, Directive] = {}
    for name, first in _EVALUATED.items():
        for directive in context.named(name):
            # Most directives have no variable: looking first is cheaper than taking them apart.
            if "$" in "".join(directive.args):
                for variable in _used(directive, first):
                    used.setdefault(variable, directive)
    missing = {name: each for name, each in used.items() if name not in BUILT_IN and not name.startswith(PREFIXES)}
    known = _defined(context) if missing else set()
    for name, directive in missing.items():
        if name not in known:
            message = (
                f"nginx has no variable ${name}, and no set, map or group of a pattern here makes it: unless a module does, "
                f'nginx refuses the whole configuration (unknown "{name}" variable)'
            )
            yield RULE.at(directive.place, message)


def _is_opaque(context: Context) -> bool:
    if any(context.problems("unknown-directive")) or context.blocks.main.own.get("load_module"):
        return True
    return any(_OPAQUE.search(name) for name in context.by_name)


def _used(directive: Directive, first: int) -> Iterator[str]:
    args = directive.args[first:]
    if directive.name == "map":
        args = args[:1]
    for index, arg in enumerate(args):
        if "$" not in arg or (directive.name == "if" and index and directive.args[index - 1].endswith(("~", "~*"))):
            continue
        for match in _READS.finditer(arg):
            yield match[1].lower()


def _defined(context: Context) -> set[str]:
    found: set[str] = set()
    for name, index in _DEFINE.items():
        for directive in context.named(name):
            if directive.args:
                found.add(directive.args[index].strip("${}").lower())
    texts = [arg for directive in context.named(*_PATTERNS) for arg in directive.args]
    texts += [each.name for directive in context.named("map") for each in directive.children]
    for text in texts:
        if "(?" in text:
            found.update((match[1] or match[2]).lower() for match in _GROUP.finditer(text))
    return found
