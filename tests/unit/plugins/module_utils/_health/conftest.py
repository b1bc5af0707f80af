# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import socket
import typing as t

import pytest

from ansible_collections.failsafe.nginx.tests.unit.plugins.module_utils._health.support import (
    Handler,
    Server,
    listen,
    reply,
    status,
)


@pytest.fixture
def serve() -> t.Iterator[t.Callable[..., Server]]:
    """A maker of servers: `serve(handler)` on 127.0.0.1, or on any listening socket."""
    servers: list[Server] = []

    def start(handler: Handler | None = None, listener: socket.socket | None = None, *, listens: bool = True) -> Server:
        handler = handler or reply(status(200))
        servers.append(Server(listener or listen(("127.0.0.1", 0)), handler, listens=listens))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def closed_port() -> t.Iterator[int]:
    """Return a port that this test reserves and nothing listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]
