# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Servers and locations of the other configuration: those that a client meets under the same name and path."""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.draft import NO_HOST
from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.server_probes import all_locations

from .location_choice import path_of

if t.TYPE_CHECKING:
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes import ProbedConfig, SideName
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.blocks import Location
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.select import Server

    from .context import WitnessContext
    from .location_choice import Path


def other_side(side: SideName) -> SideName:
    """Return the name of the other configuration."""
    return "before" if side == "after" else "after"


def server_there(context: WitnessContext, side: SideName, server: Server) -> Server | None:
    """Return the server of the other configuration that gets what this one gets; None where no socket of it is there."""
    here, there = context.sides[side], context.sides.get(other_side(side))
    return None if there is None else _named(here, there, server)


def _named(here: ProbedConfig, there: ProbedConfig, server: Server) -> Server | None:
    for listen in server.listens:
        listener, other = here.router.listeners.get(listen.socket), there.router.listeners.get(listen.socket)
        if listener is None or other is None:
            continue
        hosts = here.sockets.hosts(server, listener)
        for host in hosts:
            selected = there.router.select(other, "" if host == NO_HOST else host)
            if selected is not None:
                return selected.server
    return None


def location_at(server: Server, path: Path) -> Location | None:
    """Return the location of a server with these modifiers and names, from the outermost to the innermost."""
    return next((each for each in all_locations(server.scope) if path_of(each) == path), None)
