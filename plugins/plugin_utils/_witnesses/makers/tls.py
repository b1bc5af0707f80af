# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Handshakes for changes of TLS."""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes import WitnessRequest
from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.tls_probes import handshake

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._witnesses.context import (
        ChangedDirective,
        WitnessContext,
    )

#: Servers of one change of `http`.
_MOST_SERVERS: t.Final = 50


def handshakes(context: WitnessContext, change: ChangedDirective) -> Iterator[WitnessRequest]:
    """Yield a handshake for each TLS listener of the servers that a directive of TLS is for."""
    for side, directive in change.sides:
        server = context.server_of(directive)
        servers = [server] if server is not None else context.sides[side].router.servers[:_MOST_SERVERS]
        for each in servers:
            for listener in context.sides[side].router.listeners.values():
                if listener.ssl and any(one is each for one in listener.servers):
                    yield WitnessRequest(change.number, side, each, handshake(each), listener)
