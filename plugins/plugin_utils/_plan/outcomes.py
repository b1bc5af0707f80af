# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The outcomes in a host's answer: tens of thousands that are much alike, read with each text once."""

from __future__ import annotations

import typing as t
from collections.abc import Sequence

from ansible_collections.failsafe.nginx.plugins.module_utils._common.json_fields import FieldError, decode
from ansible_collections.failsafe.nginx.plugins.module_utils._common.packing import PackingError, unpack
from ansible_collections.failsafe.nginx.plugins.module_utils._wire.outcomes import (
    BlockTrace,
    ProbeOutcome,
    RedirectHop,
    UpstreamRequest,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.gc_paused import collector_paused
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.errors import RouteError

#: An outcome, or the part of one that an instrumented configuration is run for.
Outcome = t.TypeVar("Outcome", ProbeOutcome, BlockTrace)


class OutcomeReader:
    """Reads the lists of outcomes of one answer; equal texts and lists become one object."""

    def __init__(self) -> None:
        self._pairs: dict[tuple[str, str], list[str]] = {}
        self._lists: dict[tuple[int, ...], list[list[str]]] = {}
        self._texts: dict[str, str] = {}

    @collector_paused()
    def read(self, kind: type[Outcome], parts: Sequence[str]) -> list[Outcome]:
        """Read the parts of a list that a world packed.

        Args:
            kind: the class of the outcomes.
            parts: of the list.

        Raises:
            RouteError: a part cannot be read.
        """
        found: list[Outcome] = []
        for part in parts:
            try:
                outcomes = [decode(kind, outcome) for outcome in unpack(part)]
            except (PackingError, FieldError) as error:
                raise RouteError(f"what the host answered cannot be read: {error}") from error
            for outcome in outcomes:
                self._share(outcome)
            found += outcomes
        return found

    def _share(self, outcome: ProbeOutcome | BlockTrace) -> None:
        outcome.trace = self._lines(outcome.trace)
        if isinstance(outcome, ProbeOutcome):
            outcome.headers = self._headers(outcome.headers)
            requests: list[ProbeOutcome | RedirectHop] = [outcome, *outcome.hops]
            for hop in requests:
                hop.errors = self._lines(hop.errors)
                for upstream in hop.upstreams:
                    self._share_upstream(upstream)

    def _share_upstream(self, upstream: UpstreamRequest) -> None:
        upstream.headers = self._headers(upstream.headers)
        upstream.params = {name: self._text(value) for name, value in upstream.params.items()}
        upstream.target = self._text(upstream.target)
        upstream.protocol = self._text(upstream.protocol)
        upstream.address = self._text(upstream.address)
        upstream.method = self._text(upstream.method)
        upstream.uri = self._text(upstream.uri)

    def _lines(self, lines: list[str]) -> list[str]:
        return [self._text(line) for line in lines]

    def _headers(self, headers: list[list[str]]) -> list[list[str]]:
        pairs = [self._pairs.setdefault((pair[0], pair[1]), pair) for pair in headers]
        # self._pairs keeps the pairs alive, so that no other object gets the id of one.
        return self._lists.setdefault(tuple(map(id, pairs)), pairs)

    def _text(self, text: str) -> str:
        return self._texts.setdefault(text, text)
