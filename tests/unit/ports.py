# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ports for servers of tests, of which several run on one machine at a time."""

from __future__ import annotations

import random
import socket
import typing as t

#: Below what Linux gives connections as their own port (ip_local_port_range begins at 32768): a port that is free now is
#: not taken by another connection before the server is up.
_RANGE: t.Final = range(10_000, 32_000)
_random: t.Final = random.SystemRandom()
_given: t.Final[set[int]] = set()


def free_port() -> int:
    """Return a port of 127.0.0.1 that nothing listens on, and that this process was not given before."""
    while True:
        port = _random.choice(_RANGE)
        if port not in _given and _is_free(port):
            _given.add(port)
            return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
