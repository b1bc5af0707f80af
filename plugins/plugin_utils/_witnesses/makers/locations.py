# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Witnesses for locations: URIs that a changed location takes over or loses."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.draft import Draft, target_of
from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.plan import Unwitnessed
from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.probed_config import WitnessRequest
from ansible_collections.failsafe.nginx.plugins.plugin_utils._witnesses.counterparts import (
    location_at,
    other_side,
    server_there,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._witnesses.location_choice import (
    ALL_STEPS,
    LocationChange,
    path_of,
)

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes import SideName
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.blocks import Location
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.select import Server
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._witnesses.context import (
        ChangedDirective,
        WitnessContext,
    )

#: Places of one change that get every URI; a snippet that more servers include gets `_FEW` in each of the others.
_PLACES: t.Final = 4
_FEW: t.Final = 3
#: URIs that reach a location without going elsewhere.
_SAME: t.Final = 4
_UNREACHED: t.Final = "no request was found that the location gets: other locations come first"


def locations(context: WitnessContext, change: ChangedDirective) -> Iterator[WitnessRequest | Unwitnessed]:
    """Yield requests that go to another location because of the change, else some that the location gets."""
    if change.before is not None and change.after is not None and _has_left(context, change):
        yield from locations(context, replace(change, after=None))
        yield from locations(context, replace(change, before=None))
        return
    side, directive = change.nearest
    server = context.server_of(directive)
    if server is None:
        return
    many = context.turn(change.number) < _PLACES
    found = False
    for uri, words in _uris(context, change, side, server, many=many):
        target = target_of(uri)
        if target is not None:
            found = True
            yield WitnessRequest(change.number, side, server, Draft(target, words, directive))
    for base in _suggested(context, change) if not found else ():
        found = True
        yield base
    if not found:
        yield Unwitnessed(change.number, _UNREACHED)


def _has_left(context: WitnessContext, change: ChangedDirective) -> bool:
    """Tell whether a location moved to a server that clients meet under another name."""
    old, new = (None if each is None else context.server_of(each) for each in (change.before, change.after))
    return old is not None and new is not None and server_there(context, "after", new) is not old


def _uris(
    context: WitnessContext, change: ChangedDirective, side: SideName, server: Server, *, many: bool
) -> Iterator[tuple[str, str]]:
    there = server_there(context, side, server)
    if there is None:
        return
    servers = {side: server, other_side(side): there}
    old, new = _location(context, change.before), _location(context, change.after)
    # The location that has its name on the other side is another change, or the same one included again.
    if old is None and new is not None:
        old = location_at(servers["before"], path_of(new))
    elif new is None and old is not None:
        new = location_at(servers["after"], path_of(old))
    made = LocationChange(
        servers["before"].scope.locations, servers["after"].scope.locations, old, new, ALL_STEPS if many else 0
    )
    takeovers = made.takeovers()
    yield from ((each.uri, each.words) for each in (takeovers if many else takeovers[:_FEW]))
    if not takeovers:
        words = f"location {' '.join((change.after or change.before or server.scope.directive).args)}"
        yield from ((uri, words) for uri in made.reached()[:_SAME])


def _location(context: WitnessContext, directive: t.Any) -> Location | None:
    return None if directive is None else context.location_of(directive)


def _suggested(context: WitnessContext, change: ChangedDirective) -> Iterator[WitnessRequest]:
    """Yield requests that were made for the location: for a named one those of `try_files` and of error pages."""
    for side, directive in change.sides:
        server = context.server_of(directive)
        drafts = () if server is None else context.suggested(server, side).drafts
        own = [draft for draft in drafts if draft.block is directive][:_FEW]
        for draft in own:
            yield WitnessRequest(change.number, side, t.cast("Server", server), draft)
        base = None if own else next(context.bases(directive), None)
        if base is not None and base.location is not None and base.location.scope.directive is directive:
            yield base.witness(change.number)
