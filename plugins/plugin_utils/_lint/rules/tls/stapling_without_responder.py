# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find OCSP stapling for a certificate without a responder.

Let's Encrypt has had none since August 2025: nginx warns and staples nothing.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule, related

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule("stapling-without-responder", "advice", "OCSP stapling for a certificate without a responder")
#: Where certbot puts certificates of Let's Encrypt.
_CERTBOT: t.Final = "/letsencrypt/live/"


def check(context: Context) -> Iterator[Finding]:
    """Check every block with a certificate of Let's Encrypt."""
    for block in context.blocks_named("http", "server"):
        stapling = block.effective("ssl_stapling")
        if not stapling or stapling[-1].args[:1] != ["on"] or block.effective("ssl_stapling_file"):
            continue
        certificates = [each for each in block.own.get("ssl_certificate", ()) if each.args and _CERTBOT in each.args[0]]
        if certificates:
            message = (
                "Let's Encrypt has had no OCSP responder since August 2025, and its certificates name none: nginx warns "
                '("ssl_stapling" ignored, no OCSP responder URL in the certificate) and staples nothing; delete ssl_stapling'
            )
            # In http it may still be meant for another server.
            own = stapling[-1] if block.name == "server" and "ssl_stapling" in block.own else None
            fix = context.editor.remove(own) if own is not None else None
            places = [related("its certificate", certificates[0].place)]
            yield RULE.at(stapling[-1].place, message, places, fix=fix)
