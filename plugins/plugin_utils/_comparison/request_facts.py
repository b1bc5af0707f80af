# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Facts about requests that only the configurations tell: see `RequestFacts`."""

from __future__ import annotations

import re
import typing as t
from functools import cached_property

from .error_pages import is_error_page, page_places
from .outcome_pair import RequestFacts
from .probe_requests import host_of, path_of

if t.TYPE_CHECKING:
    from ansible_collections.failsafe.nginx.plugins.module_utils._wire.outcomes import ProbeOutcome
    from ansible_collections.failsafe.nginx.plugins.module_utils._wire.probes import Probe
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Place
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.blocks import Location
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.marker import Block

    from .attribution import SemanticDiff
    from .sides import BlockLocator, ServedBy

_BAD: t.Final = 400
_DOTTED: t.Final = re.compile(r"/\.(?!well-known(?:/|$))")


class SurvivingBlocks:
    """Tells which blocks both configurations have.

    Args:
        diff: the semantic diff; without one, blocks are the same where their heads are.
        old: the old configuration.
    """

    def __init__(self, diff: SemanticDiff | None, old: BlockLocator) -> None:
        self._diff = diff
        self._is_known = bool(old.side.markers)
        self._texts = frozenset(block.text for block in old.side.markers.values())
        self._kept = frozenset(place for places in (diff.blocks.values() if diff else ()) for place in places)
        self._same: dict[tuple[Place, Place], bool] = {}

    def same(self, old: Block, new: Block) -> bool:
        """Return True if a block of the old configuration and one of the new are the same."""
        key = (old.place, new.place)
        if key not in self._same:
            self._same[key] = old.text == new.text if self._diff is None else self._diff.same(*key)
        return self._same[key]

    def is_added(self, block: Block | None) -> bool | None:
        """Return True if the old configuration did not have a block of the new one, None where that is unknown."""
        if block is None or not self._is_known:
            return None
        if self._diff is None:
            return block.text not in self._texts
        return _key(block.place) not in self._kept

    def is_added_at(self, place: Place) -> bool:
        """Return True if the semantic diff shows that the old configuration did not have the block at a place of the new one."""
        return self._diff is not None and _key(place) not in self._kept

    def is_kept(self, place: Place) -> bool:
        """Return True if the new configuration still has a block of the old one, as far as that is known."""
        return self._diff is None or _key(place) in self._diff.blocks


def _key(place: Place) -> tuple[str, int, int]:
    return (place.file, place.line, place.column)


class FactFinder:
    """Find the facts about requests.

    Args:
        old: the old configuration.
        new: the new configuration.
        blocks: the blocks that both have.
    """

    def __init__(self, old: BlockLocator, new: BlockLocator, blocks: SurvivingBlocks) -> None:
        self._old, self._new = old, new
        self._blocks = blocks

    def facts(
        self,
        probe: Probe,
        outcomes: tuple[ProbeOutcome, ProbeOutcome],
        served: tuple[ServedBy, ServedBy],
        *,
        moved: bool,
    ) -> RequestFacts:
        """Return the facts about one request.

        Args:
            probe: the request.
            outcomes: its outcomes before and after.
            served: the blocks that answered, before and after.
            moved: another block answers.
        """
        (old, new), (before, after) = outcomes, served
        added = self._blocks.is_added(after.block)
        return RequestFacts(
            moved=moved,
            added=added,
            foreign=self._is_foreign(probe, before, after),
            was_internal=self._was_internal(probe, before),
            hidden=self._is_hidden(probe, after),
            error_page=(old.status or 0) >= _BAD and is_error_page(self._new.scopes, after, new, old.status or 0),
            dotted=_DOTTED.search(path_of(probe) or "") is not None,
            credentials=any(name.lower() == "authorization" for name, _value in probe.headers),
        )

    def _is_foreign(self, probe: Probe, before: ServedBy, after: ServedBy) -> bool:
        """Return True if another default server answers for a host that no server is named after.

        An added server that is declared the default one is meant to.
        """
        if before.server is None or after.server is None or self._blocks.same(before.server, after.server):
            return False
        if self._new.names_host(host_of(probe), probe.listen):
            return False
        is_declared = after.server.place in self._new.declared_defaults
        return not (is_declared and self._blocks.is_added(after.server))

    def _is_hidden(self, probe: Probe, after: ServedBy) -> bool:
        """Return True if an added location fails a request that no client makes.

        That is the path of an `internal` error page or of a file that is made up, and what an upstream is told to answer in
        order to get to the location.
        """
        if probe.answers and any(map(self._blocks.is_added, after.path)):
            return True
        location = _own_location(self._new, after, probe)
        if location is None or not location.scope.internal:
            return False
        place = location.scope.directive.place
        return self._blocks.is_added_at(place) and (bool(probe.made_files) or place in self._pages)

    @cached_property
    def _pages(self) -> frozenset[Place]:
        return page_places(self._new.scopes.values())

    def _was_internal(self, probe: Probe, before: ServedBy) -> bool:
        """Return True if the request's own location was `internal`, and is there still."""
        location = _own_location(self._old, before, probe)
        return location is not None and location.scope.internal and self._blocks.is_kept(location.scope.directive.place)


def _own_location(locator: BlockLocator, served: ServedBy, probe: Probe) -> Location | None:
    """Return the location of a request's own path.

    nginx refuses what is `internal` before the location runs (ngx_http_core_find_config_phase()), so that no trace shows it
    where an error page answers.
    """
    server = locator.scopes.get(served.server.place) if served.server is not None else None
    uri = path_of(probe)
    found = server.locations.find(uri) if server is not None and uri else None
    return found.location if found is not None and found.certain else None
