# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Server names that another server answers than before: lost, gained, or taken over. Each is one group of the report."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .probe_requests import host_of

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from ansible_collections.failsafe.nginx.plugins.module_utils._wire.probes import ListenSocket, Probe
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Place
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.marker import Block

    from .sides import BlockLocator, ServedBy

Kind = t.Literal["lost", "gained", "moved"]
#: Tells whether a block of the old configuration and one of the new are the same.
Same = t.Callable[["Block", "Block"], bool]


class ServerNameMove(t.NamedTuple):
    """Names that went from one server to another; names of one move have one `key`."""

    key: tuple[str | Place, ...]
    kind: Kind
    text: str


@dataclass
class _MovedName:
    """A name on one listener, and the servers that answer it before and after."""

    host: str
    before: Block
    after: Block
    kind: Kind
    probes: list[int]


def find_moves(
    probes: Sequence[Probe],
    served: tuple[Sequence[ServedBy], Sequence[ServedBy]],
    locators: tuple[BlockLocator, BlockLocator],
    same: Same,
) -> dict[int, ServerNameMove]:
    """Find the names that moved.

    Args:
        probes: the requests.
        served: the blocks that answered them, before and after.
        locators: of both configurations.
        same: compares blocks of both configurations.

    Returns:
        Index of a probe -> the move that its host takes part in.
    """
    names: dict[tuple[str, str, int, bool], _MovedName | None] = {}
    old, new = locators
    for index, (probe, before, after) in enumerate(zip(probes, *served, strict=True)):
        host = host_of(probe)
        if not host or before.server is None or after.server is None:
            continue
        # A client asks at one address: there a name can be lost although it is served at the others.
        key = (host, probe.listen.address, probe.listen.port, probe.listen.ssl)
        name = names.get(key)
        if same(before.server, after.server):
            names[key] = None
        elif key not in names:
            names[key] = _MovedName(host, before.server, after.server, _kind(old, new, host, probe.listen), [index])
        elif name is not None:
            name.probes.append(index)
            if (name.before.place, name.after.place) != (before.server.place, after.server.place):
                # Several servers answer its requests: these changes are reported by block.
                names[key] = None
    return _moves([name for name in names.values() if name is not None], same)


def _kind(old: BlockLocator, new: BlockLocator, host: str, listen: ListenSocket) -> Kind:
    before, after = old.names_host(host, listen), new.names_host(host, listen)
    if before == after:
        return "moved"
    return "lost" if before else "gained"


def _moves(names: list[_MovedName], same: Same) -> dict[int, ServerNameMove]:
    lost = [name for name in names if name.kind == "lost"]
    gained = [name for name in names if name.kind == "gained"]
    partner: dict[int, _MovedName] = {}
    for name in gained:
        for other in lost:
            if same(other.before, name.after):
                partner[id(name)] = other
                partner.setdefault(id(other), name)
                break
    found: dict[int, ServerNameMove] = {}
    for name in names:
        half = partner.get(id(name))
        if half is None:
            key: tuple[str | Place, ...] = (name.kind, name.before.place, name.after.place)
            move = ServerNameMove(key, name.kind, _text(name))
        else:
            # A server that lost a name and gained another was renamed: that is one move.
            first, second = (half, name) if name.kind == "gained" else (name, half)
            move = ServerNameMove(
                ("renamed", first.before.place), "lost", f"{_text(first)}; name gained: {second.host}"
            )
        found.update(dict.fromkeys(name.probes, move))
    return found


def _text(name: _MovedName) -> str:
    if name.kind == "lost":
        return f"name lost: {name.host} (was {name.before.place}), now {name.after.place} answers"
    if name.kind == "gained":
        return f"name gained: {name.host} ({name.after.place}), {name.before.place} answered before"
    return f"name taken over: {name.host} was answered by {name.before.place}, now by {name.after.place}"
