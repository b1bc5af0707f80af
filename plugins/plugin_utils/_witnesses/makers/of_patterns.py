# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The makers for what decides by a pattern, a key, a name or a network, by name."""

from __future__ import annotations

import typing as t

from . import locations, maps, networks, patterns, server_names, types

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes import Unwitnessed, WitnessRequest
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._witnesses.context import (
        ChangedDirective,
        WitnessContext,
    )

OF_PATTERNS: t.Final[
    dict[str, Callable[[WitnessContext, ChangedDirective], Iterator[WitnessRequest | Unwitnessed]]]
] = {
    "location": locations.locations,
    "server": server_names.servers,
    "server_name": server_names.names,
    "rewrite": patterns.rewrites,
    "if": patterns.conditions,
    "access": networks.access,
    "real_ip": networks.real_ip,
    "map": maps.tables,
    "geo": maps.tables,
    "split_clients": maps.shares,
    "types": types.types,
}
