# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What the host answered, read part by part: tens of thousands of outcomes that are much alike, and each text once."""

from __future__ import annotations

import base64
import json
import typing as t
import zlib
from collections.abc import Mapping, Sequence

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.gc_paused import collector_paused
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.errors import RouteError

Outcome = dict[str, t.Any]


def pack(value: t.Any) -> str:
    """Data for the host as one opaque string, so that no single value of it can be logged by accident."""
    return base64.b64encode(zlib.compress(json.dumps(value).encode("utf-8"))).decode("ascii")


def unpack(text: str) -> t.Any:
    """What the host packed in the same way.

    Raises:
        RouteError: it did not.
    """
    try:
        return json.loads(zlib.decompress(base64.b64decode(text, validate=True)))
    except (ValueError, zlib.error) as error:
        raise RouteError(f"what the host answered cannot be read: {error}") from error


class Outcomes:
    """Reads the lists of outcomes of one answer; texts and lists that are the same are one object."""

    def __init__(self) -> None:
        self._pairs: dict[tuple[str, str], list[str]] = {}
        self._lists: dict[tuple[int, ...], list[list[str]]] = {}
        self._texts: dict[str, str] = {}

    @collector_paused()
    def read(self, parts: Sequence[str]) -> list[Outcome]:
        """The outcomes that `run_worlds` packed.

        Raises:
            RouteError: these are none.
        """
        found: list[Outcome] = []
        for part in parts:
            outcomes = unpack(part)
            for outcome in outcomes:
                self._share(outcome)
            found += outcomes
        return found

    def _share(self, outcome: Outcome) -> None:
        if "trace" in outcome:
            outcome["trace"] = [self._text(mark) for mark in outcome["trace"]]
        if "headers" in outcome:
            outcome["headers"] = self._headers(outcome["headers"])
        for hop in (outcome, *outcome.get("hops", ())):
            if "errors" in hop:
                hop["errors"] = [self._text(line) for line in hop["errors"]]
            for upstream in hop.get("upstreams", ()):
                self._share_upstream(upstream)

    def _share_upstream(self, upstream: Outcome) -> None:
        upstream["headers"] = self._headers(upstream["headers"])
        upstream["params"] = {name: self._text(value) for name, value in upstream["params"].items()}
        for name in ("target", "protocol", "address", "method", "uri"):
            upstream[name] = self._text(upstream[name])

    def _headers(self, headers: list[list[str]]) -> list[list[str]]:
        pairs = [self._pairs.setdefault((pair[0], pair[1]), pair) for pair in headers]
        # The pairs live as long as this object does, so that no other object gets the identity of one.
        return self._lists.setdefault(tuple(map(id, pairs)), pairs)

    def _text(self, text: str) -> str:
        return self._texts.setdefault(text, text)


def again(
    world: Mapping[str, t.Any], first: Sequence[Mapping[str, t.Any]], read: Outcomes
) -> list[Mapping[str, t.Any]]:
    """The outcomes once the files are there that nginx reported missing: those asked again, and the first of the others."""
    later = list(first)
    for position, outcome in zip(world.get("asked_again") or (), read.read(world.get("second") or ()), strict=True):
        later[position] = outcome
    return later
