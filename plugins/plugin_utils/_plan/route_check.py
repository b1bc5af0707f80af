# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""A route check from both ends: what the host is asked to run, and what its answer means. Plain data in between."""

from __future__ import annotations

import base64
import typing as t
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison import Report, Side, compare
from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison.outcome_diff import files
from ansible_collections.failsafe.nginx.plugins.plugin_utils._diff import Diff, diff
from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes import ProbePlan, plan_probes
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.errors import RouteError
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.marker import Block, instrument

from .answers import Outcomes, again
from .sources import ConfigSource

#: Up to so many probes the old configuration is asked twice, so that what differs by itself is known.
_CHEAP: t.Final = 5000
#: How a world is named in what the host answers.
BEFORE, AFTER, AGAIN = "before", "after", "again"
#: At the end of the id of a probe that was asked again once missing files were there.
FILES: t.Final = "+files"
#: How the names of directives end whose files are replaced where they are missing.
_FILES_OF_TLS: t.Final = ("_certificate", "_certificate_key", "_dhparam")
TRACED: t.Final = {BEFORE: "before-traced", AFTER: "after-traced"}
#: What a host without a configuration answers.
_NOTHING: t.Final[dict[str, t.Any]] = {
    "status": None, "closed": "refused", "location": None, "headers": [], "body_length": 0, "body_digest": "",
    "upstreams": [], "errors": [], "hops": [], "chain": None, "trace": [],
}  # fmt: skip


class WorldError(Exception):
    """No world came about: `kind` is `unavailable` (not on this host) or `refused` (nginx does not start there)."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass
class RouteCheck:
    """One comparison. `expectations` and `log` are as `plan_probes` takes them."""

    before: ConfigSource | None
    after: ConfigSource
    expectations: t.Any = None
    log: t.Any = None
    limit: int | None = None
    #: Id of such a probe -> the files that were missing.
    missing: dict[str, list[str]] = field(init=False, default_factory=dict)
    plan: ProbePlan = field(init=False)
    #: Those of the plan, and once judged those that were asked again.
    probes: list[dict[str, t.Any]] = field(init=False, default_factory=list)
    diff: Diff | None = field(init=False)
    _markers: dict[str, Mapping[str, Block]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        old = self.before.loaded if self.before else None
        self.plan = plan_probes(old, self.after.loaded, expectations=self.expectations, log=self.log, limit=self.limit)
        self.diff = diff(old, self.after.loaded) if old else None

    def job(self) -> dict[str, t.Any]:
        """What the host needs: folders, requests, and the files that tell which blocks answered."""
        sides = {AFTER: self.after, **({BEFORE: self.before} if self.before else {})}
        return {
            "sources": {name: dict(side.spec) for name, side in sides.items()},
            "traced": {name: entries for name, side in sides.items() if (entries := self._traced(name, side))},
            "again": len(self.plan.probes) <= _CHEAP,
            "probes": self.plan.probes,
            "listens": self.plan.listens,
            "edge": list(self.expectations.edge) if self.expectations else [],
        }

    def _traced(self, name: str, side: ConfigSource) -> list[list[t.Any]]:
        try:
            marked, self._markers[name] = instrument(side.loaded, {**side.files, **side.elsewhere})
        except RouteError:
            # Without traces the configuration alone says which block answers.
            return []
        if not set(marked) <= {*side.files, *side.elsewhere}:
            # A file that was not read cannot be replaced, and half a trace would be a wrong one.
            self._markers[name] = {}
            return []
        return [[path, "file", None, base64.b64encode(data).decode("ascii")] for path, data in sorted(marked.items())]

    def judge(self, answer: Mapping[str, t.Any], *, accept: Sequence[Mapping[str, t.Any]] = ()) -> Report:
        """The report on what the host answered.

        Raises:
            WorldError: a world that decides did not come about.
            RouteError: the answer or `accept` cannot be read.
        """
        worlds, read = answer["worlds"], Outcomes()
        sides = {
            BEFORE: self._side(worlds, BEFORE, self.before, read),
            AFTER: self._side(worlds, AFTER, self.after, read),
        }
        self.probes = list(self.plan.probes)
        self._add_second(worlds, sides, read)
        return compare(
            self.probes,
            sides[BEFORE],
            sides[AFTER],
            diff=t.cast("t.Any", self.diff),
            expectations=self.expectations,
            accept=accept,
        )

    def _side(self, worlds: Mapping[str, t.Any], name: str, source: ConfigSource | None, read: Outcomes) -> Side:
        if source is None:
            return Side([{**_NOTHING, "id": probe["id"]} for probe in self.plan.probes])
        world = _world(worlds, name, source)
        traced = worlds.get(TRACED[name]) or {}
        repeated = (worlds.get(AGAIN) or {}).get("outcomes") if name == BEFORE else None
        return Side(
            read.read(world["outcomes"]),
            config=source.loaded,
            markers=self._markers.get(name, {}) if "outcomes" in traced else {},
            traced=read.read(traced["outcomes"]) if "outcomes" in traced else None,
            again=None if repeated is None else read.read(repeated),
            notes=[
                *_notes(world["facts"], source),
                *(f"not compared, but nginx reads it: {each}" for each in source.outside),
            ],
        )

    def _add_second(self, worlds: Mapping[str, t.Any], sides: Mapping[str, Side], read: Outcomes) -> None:
        """Adds the requests that get something else once the files that nginx reported missing are there."""
        count = len(self.plan.probes)
        second = {name: again(worlds.get(name) or {}, side.outcomes, read) for name, side in sides.items()}
        other = [
            index
            for index in range(count)
            if any(_told(second[name][index]) != _told(side.outcomes[index]) for name, side in sides.items())
        ]
        for index in other:
            probe = self.plan.probes[index]
            why = f"{probe['why']}, with the files there that were missing"
            paths = sorted({path for side in sides.values() for path in files(side.outcomes[index])})
            self.probes.append({**probe, "id": f"{probe['id']}{FILES}", "why": why, "made_files": paths})
            self.missing[self.probes[-1]["id"]] = paths
        for name, side in sides.items():
            if side.traced:
                traces = again(worlds.get(TRACED[name]) or {}, side.traced, read)
                side.traced = [*side.traced, *self._renamed(traces, other)]
            outcomes = self._renamed(second[name], other)
            side.outcomes = [*side.outcomes, *outcomes]
            side.again = side.again and [*side.again, *outcomes]

    def _renamed(self, outcomes: Sequence[Mapping[str, t.Any]], indexes: Sequence[int]) -> list[dict[str, t.Any]]:
        added = self.probes[len(self.plan.probes) :]
        return [{**outcomes[index], "id": probe["id"]} for index, probe in zip(indexes, added, strict=True)]


def _notes(facts: Mapping[str, t.Any], source: ConfigSource) -> list[str]:
    """What the world had to do without, for the report."""
    replaced = facts.get("certificates") or ()
    if replaced and not source.outside:
        # The world looks into every file of the folder, nginx into those that are included: an unused snippet names files too.
        directives = (each for each in source.loaded.walk() if each.name.endswith(_FILES_OF_TLS))
        named = {f"/{path.lstrip('/')}" for each in directives for path in each.args}
        replaced = [path for path in replaced if path.endswith(tuple(named))]
    told = [f"{path} is missing, a self-signed certificate stood for it" for path in replaced]
    return [*(facts.get("notes") or ()), *told]


def _told(outcome: Mapping[str, t.Any]) -> tuple[t.Any, ...]:
    return tuple(outcome[name] for name in ("status", "closed", "location", "errors", "body_digest"))


def _world(worlds: Mapping[str, t.Any], name: str, source: ConfigSource) -> Mapping[str, t.Any]:
    world: Mapping[str, t.Any] = worlds[name]
    if "error" in world:
        words = {BEFORE: "the configuration from before", AFTER: "the candidate"}[name]
        raise WorldError(
            world["error"]["kind"],
            f"{words} does not start in a private world: {world['error']['message']}{source.advice('its folder')}",
        )
    return world
