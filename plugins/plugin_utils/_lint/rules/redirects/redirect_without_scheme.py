# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find a redirect to a host without a scheme.

Clients take a Location without a scheme for a path below the page that they are at.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.redirect_targets import redirect_target
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule(
    "redirect-without-scheme", "error", "A redirect to a host without a scheme leads to a path instead"
)

_HOSTS: t.Final = ("host", "http_host", "server_name", "hostname")
_HOST_FIRST: t.Final = re.compile(r"\$\{?(?:" + "|".join(_HOSTS) + r")\b\}?(?P<rest>.*)", re.DOTALL)
_BROKEN: t.Final = re.compile(r"https?//[^/]", re.IGNORECASE)
_NAME_FIRST: t.Final = re.compile(r"(?P<host>(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,})(?=$|[/?:$])")


def check(context: Context) -> Iterator[Finding]:
    """Check every `return` and `rewrite` that redirects."""
    known = {name.lower() for server in context.router.servers for name in server.names}
    for directive in context.named("return", "rewrite"):
        target = redirect_target(directive)
        if target:
            yield from _check_target(context, directive, target, known)


def _check_target(context: Context, directive: Directive, target: str, known: set[str]) -> Iterator[Finding]:
    host = _HOST_FIRST.match(target)
    name = _NAME_FIRST.match(target)
    if _BROKEN.match(target):
        why, better = "the colon of the scheme is missing", "write ://"
    elif host is not None and not host["rest"].startswith("://"):
        why, better = "a Location without a scheme is a path", f'write "$scheme://{target}"'
    elif name is not None and (name["host"].lower() in known or target.lower().startswith("www.")):
        why, better = "a Location without a scheme is a path", f'write "https://{target}"'
    else:
        return
    shown = re.sub(r"\$\{?(?:host|http_host|server_name)\b\}?", "a.test", target).partition("$")[0]
    message = f'clients take "{target}" for a path below the page that they are at, so /docs/ leads to /docs/{shown}: {why}; {better}'
    fix = None
    if _BROKEN.match(target):
        index = directive.args.index(target) + 1
        fix = context.editor.replace_word(directive, index, directive.raw_args[index - 1].replace("//", "://", 1))
    yield RULE.at(directive.place, message, fix=fix)
