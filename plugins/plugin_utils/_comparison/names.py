# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Names that another server answers than before: lost, gained, or taken over. Told once, not per request."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .attribution import Locator, host_of

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.marker import Block

    from .attribution import Probe, Served

Same = t.Callable[["Block", "Block"], bool]


class Move(t.NamedTuple):
    """What became of the names that went from one server to another."""

    key: tuple[t.Any, ...]
    kind: t.Literal["lost", "gained", "moved"]
    text: str


@dataclass
class _Name:
    """A name on the listeners of one port, and who answers it before and after."""

    host: str
    before: Block
    after: Block
    kind: t.Literal["lost", "gained", "moved"]
    probes: list[int]


def find_moves(
    probes: Sequence[Probe],
    served: tuple[Sequence[Served], Sequence[Served]],
    locators: tuple[Locator, Locator],
    same: Same,
) -> dict[int, Move]:
    """Probe -> the move that its host takes part in."""
    names: dict[tuple[str, int, bool], _Name | None] = {}
    old, new = locators
    for index, (probe, before, after) in enumerate(zip(probes, *served, strict=True)):
        host = host_of(probe)
        if not host or before.server is None or after.server is None:
            continue
        listen = probe["listen"]
        key = (host, listen.get("port") or 0, bool(listen.get("ssl")))
        name = names.get(key)
        if same(before.server, after.server):
            names[key] = None
        elif key not in names:
            names[key] = _Name(host, before.server, after.server, _kind(old, new, host), [index])
        elif name is not None:
            name.probes.append(index)
            if (name.before.place, name.after.place) != (before.server.place, after.server.place):
                # Not one server for all of its requests: told request by request.
                names[key] = None
    return _moves([name for name in names.values() if name is not None], same)


def _kind(old: Locator, new: Locator, host: str) -> t.Literal["lost", "gained", "moved"]:
    before, after = old.names_host(host), new.names_host(host)
    if before == after:
        return "moved"
    return "lost" if before else "gained"


def _moves(names: list[_Name], same: Same) -> dict[int, Move]:
    lost = [name for name in names if name.kind == "lost"]
    gained = [name for name in names if name.kind == "gained"]
    partner: dict[int, _Name] = {}
    for name in gained:
        for other in lost:
            if same(other.before, name.after):
                partner[id(name)] = other
                partner.setdefault(id(other), name)
                break
    found: dict[int, Move] = {}
    for name in names:
        half = partner.get(id(name))
        if half is None:
            key: tuple[t.Any, ...] = (name.kind, name.before.place, name.after.place)
            move = Move(key, name.kind, _text(name))
        else:
            # One server lost a name and gained another: that is one thing.
            first, second = (half, name) if name.kind == "gained" else (name, half)
            move = Move(("renamed", first.before.place), "lost", f"{_text(first)}; name gained: {second.host}")
        found.update(dict.fromkeys(name.probes, move))
    return found


def _text(name: _Name) -> str:
    if name.kind == "lost":
        return f"name lost: {name.host} (was {name.before.place}), now {name.after.place} answers"
    if name.kind == "gained":
        return f"name gained: {name.host} ({name.after.place}), {name.before.place} answered before"
    return f"name taken over: {name.host} was answered by {name.before.place}, now by {name.after.place}"
