# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Names and sockets of servers."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.select import Listener, Server


def listeners_of(server: Server, context: Context) -> Iterator[Listener]:
    """Yield the sockets that a server listens on."""
    for listen in server.listens:
        listener = context.router.listeners.get(listen.socket)
        if listener is not None:
            yield listener


def is_requested(name: str) -> bool:
    """Return False for a placeholder such as `_`, which no client sends as a host name."""
    return bool(name.strip("_-"))
