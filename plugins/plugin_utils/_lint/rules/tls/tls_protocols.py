# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find broken versions of TLS that are switched on.

RFC 8996 forbids TLS 1.0 and 1.1; what remains of them are downgrade attacks.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.data.mozilla_tls import GUIDELINE
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.edits import Fix
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule("tls-protocols", "warning", "Broken versions of TLS are switched on", security=5.9)
_DIRECTIVES: t.Final = ("ssl_protocols", "proxy_ssl_protocols", "grpc_ssl_protocols", "uwsgi_ssl_protocols")
_BROKEN: t.Final = frozenset({"SSLv2", "SSLv3", "TLSv1", "TLSv1.1"})


def check(context: Context) -> Iterator[Finding]:
    """Check every list of protocols that holds for whole servers."""
    for block, directive in context.directives(*_DIRECTIVES):
        broken = [each for each in directive.args if each in _BROKEN]
        if broken and block.name in ("http", "stream", "mail", "server"):
            message = (
                f"{', '.join(broken)} {'is' if len(broken) == 1 else 'are'} broken and no browser since 2020 asks for it "
                f"(RFC 8996): what remains are downgrade attacks; {GUIDELINE} has TLSv1.2 and TLSv1.3"
            )
            yield RULE.at(directive.place, message, fix=_without(context, directive, broken))


def _without(context: Context, directive: Directive, broken: list[str]) -> Fix | None:
    """Return the list without its broken protocols; None where nothing is left of it."""
    # Servers of one socket share a handshake: without anything left there is nothing certain to put in its place.
    left = len(directive.args) > len(broken)
    if not left or len(set(directive.args)) < len(directive.args) or directive.name != "ssl_protocols":
        return None
    edits = [context.editor.remove_word(directive, index + 1) for index in map(directive.args.index, broken)]
    return sum(edits[1:], edits[0])
