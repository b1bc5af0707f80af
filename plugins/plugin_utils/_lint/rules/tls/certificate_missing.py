# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find a TLS server without a certificate or its key.

nginx refuses the whole configuration.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule, related

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.blocks import ConfigBlock
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule(
    "certificate-missing", "error", "A TLS server without a certificate or its key: nginx does not start"
)


def check(context: Context) -> Iterator[Finding]:
    """Check every server that listens with TLS, where the whole configuration is known."""
    if context.router.partial:
        # The main file may live on the host, and a certificate for all servers in it.
        return
    for block in context.blocks_named("server"):
        if block.parent is None or block.parent.name not in ("http", "stream", "mail") or block.gap:
            continue
        listens = [each for each in block.own.get("listen", ()) if {"ssl", "quic"} & set(each.args[1:])]
        if listens and block.value("ssl_reject_handshake") != "on":
            yield from _check_server(block, listens[0])


def _check_server(block: ConfigBlock, listen: Directive) -> Iterator[Finding]:
    certificates = block.effective("ssl_certificate")
    if not certificates:
        message = (
            f"listen {' '.join(listen.args)} needs a certificate and no ssl_certificate holds here: nginx refuses the "
            'whole configuration (no "ssl_certificate" is defined); add one, or ssl_reject_handshake on for names '
            "that are not served"
        )
        yield RULE.at(listen.place, message)
    elif len(block.effective("ssl_certificate_key")) < len(certificates):
        message = (
            f"the certificate {certificates[-1].args[0] if certificates[-1].args else ''} has no ssl_certificate_key "
            'beside it: nginx refuses the whole configuration (no "ssl_certificate_key" is defined)'
        )
        places = [related(f"for {listen.raw_args[0]}", listen.place)]
        yield RULE.at(certificates[-1].place, message, places)
