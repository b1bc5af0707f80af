# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""A route check from both ends: the job for the host, and the report on its answer."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ansible_collections.failsafe.nginx.plugins.module_utils._common.json_fields import FieldError, decode
from ansible_collections.failsafe.nginx.plugins.module_utils._common.packing import encode_bytes
from ansible_collections.failsafe.nginx.plugins.module_utils._plan.folders import FolderEntry
from ansible_collections.failsafe.nginx.plugins.module_utils._plan.jobs import RouteCheckAnswer, RouteCheckJob
from ansible_collections.failsafe.nginx.plugins.module_utils._wire.folders import FolderPair
from ansible_collections.failsafe.nginx.plugins.module_utils._wire.outcomes import BlockTrace, ProbeOutcome
from ansible_collections.failsafe.nginx.plugins.module_utils._wire.probes import Probe
from ansible_collections.failsafe.nginx.plugins.module_utils._wire.worlds import WorldFacts, WorldResult
from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison import (
    AcceptEntry,
    ComparedSide,
    RouteCheckReport,
    Witnessed,
    compare,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison.page_folders import changed_folders
from ansible_collections.failsafe.nginx.plugins.plugin_utils._diff import Diff, diff
from ansible_collections.failsafe.nginx.plugins.plugin_utils._expectations import AccessLog, Expectations
from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes import ProbePlan, plan_probes
from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.made_files import made_up_files
from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.rate_limits import ClientPool
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.errors import RouteError
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.marker import Block, instrument
from ansible_collections.failsafe.nginx.plugins.plugin_utils._witnesses import Witnesses

from .errors import PlanError
from .file_stages import FileStages
from .gate_expectations import gate_requests
from .outcomes import OutcomeReader
from .sources import ConfigSource, changed_files

#: Up to this number of probes the old configuration runs twice, to detect nondeterminism.
_CHEAP: t.Final = 5000
#: Names of the worlds in the host's answer.
BEFORE, AFTER, AGAIN = "before", "after", "again"
#: Ends of the names of directives whose files are replaced where they are missing.
_FILES_OF_TLS: t.Final = ("_certificate", "_certificate_key", "_dhparam")
_SECOND: t.Final = {BEFORE: AGAIN, AFTER: ""}
TRACED: t.Final = {BEFORE: "before-traced", AFTER: "after-traced"}


@dataclass
class RouteCheck:
    """The same requests sent to two configurations.

    Attributes:
        before: the configuration from before, None where the host has none.
        after: the candidate.
        expectations: what users wrote down.
        log: requests that clients sent.
        limit: the most generated probes, None for all.
        gate: the default probes of the health gate, which are sent too.
        diff: the semantic diff; made here unless it is known.
        uncompared: why the old configuration is not compared, known from the beginning or once judged; else empty.
        staged: paths below the folder of the files that staging found to differ, None where the candidate was not staged.
        plan: the probes, and the blocks that have none.
        probes: those of the plan; once judged, also those that were sent again with more files there.
        made: id of a probe -> the files on its way that were made up.
        outcomes: side -> the outcomes of the plan's probes, once judged.
    """

    before: ConfigSource | None
    after: ConfigSource
    expectations: Expectations | None = None
    log: AccessLog | None = None
    limit: int | None = None
    gate: Sequence[Mapping[str, t.Any]] = ()
    diff: Diff | None = None
    uncompared: str = ""
    staged: Sequence[str] | None = None
    plan: ProbePlan = field(init=False)
    probes: list[Probe] = field(init=False, default_factory=list)
    made: dict[str, list[str]] = field(init=False, default_factory=dict)
    outcomes: dict[str, Sequence[ProbeOutcome]] = field(init=False, default_factory=dict)
    _markers: dict[str, Mapping[str, Block]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        old = self.before.loaded if self.before else None
        if self.diff is None and old is not None:
            self.diff = diff(old, self.after.loaded)
        self.plan = plan_probes(
            old,
            self.after.loaded,
            expectations=self.expectations,
            log=self.log,
            limit=self.limit,
            witnesses=None if self.diff is None else Witnesses(self.diff.changes),
            changed_files=[] if self.before is None else changed_files(self.before, self.after, self.staged),
        )
        asked = gate_requests(self.gate, self.plan.probes, self.plan.listens)
        ClientPool([*([] if old is None else [old]), self.after.loaded], used=len(self.plan.probes)).settle(asked)
        self.plan.probes += asked

    def job(self) -> RouteCheckJob:
        """Return the message for the host: folders, requests, and files that tell which blocks answered."""
        sides = {AFTER: self.after, **({BEFORE: self.before} if self.before else {})}
        files, unknown = made_up_files(self.before.loaded if self.before else None, self.after.loaded, self.plan.probes)
        return RouteCheckJob(
            sources={name: side.spec for name, side in sides.items()},
            traced={name: entries for name, side in sides.items() if (entries := self._traced(name, side))},
            again=len(self.plan.probes) <= _CHEAP,
            probes=self.plan.probes,
            listens=self.plan.listens,
            edge=self.expectations.edge if self.expectations else [],
            files=files,
            unknown=unknown,
            folders=[
                FolderPair(*each) for each in dict.fromkeys(changed_folders(self.diff.changes if self.diff else ()))
            ],
        )

    def _traced(self, name: str, side: ConfigSource) -> list[FolderEntry]:
        try:
            marked, self._markers[name] = instrument(side.loaded, {**side.files, **side.elsewhere})
        except RouteError:
            # Without traces the configuration alone says which block answers.
            return []
        if not set(marked) <= {*side.files, *side.elsewhere}:
            # A file that was not read cannot be replaced, and a part of a trace would mislead.
            self._markers[name] = {}
            return []
        return [FolderEntry(path, "file", None, encode_bytes(data)) for path, data in sorted(marked.items())]

    def judge(
        self, answer: RouteCheckAnswer, *, accept: Sequence[AcceptEntry] = (), host_names: Sequence[str] = ()
    ) -> RouteCheckReport:
        """Compare the outcomes in the host's answer.

        Args:
            answer: of the host.
            accept: expected changes beside those of the expectations.
            host_names: names and addresses of the host, which are no part of a key.

        Raises:
            PlanError: a world that decides did not start.
            RouteError: the outcomes cannot be read.
        """
        worlds, reader = answer.worlds, OutcomeReader()
        sides = {
            BEFORE: self._side(worlds, BEFORE, self.before, reader),
            AFTER: self._side(worlds, AFTER, self.after, reader),
        }
        self.probes = list(self.plan.probes)
        self.outcomes = {name: side.outcomes for name, side in sides.items()}
        stages = FileStages(worlds, answer.files, reader)
        stages.extend(self.probes, sides, {name: (TRACED[name], _SECOND[name]) for name in sides})
        self.made = stages.files
        told = [f"there was nothing to compare with: {self.uncompared}"] if self.uncompared else []
        sides[AFTER].notes = [*told, *sides[AFTER].notes, *stages.note()]
        return compare(
            self.probes,
            sides[BEFORE],
            sides[AFTER],
            diff=t.cast("t.Any", None if self.uncompared else self.diff),
            expectations=self.expectations,
            accept=accept,
            host_names=host_names,
            witnessed=None if self.uncompared else Witnessed(self.plan.witnesses, self.plan.unwitnessed),
            folders=answer.folders,
        )

    def _is_refused(self, worlds: Mapping[str, WorldResult]) -> bool:
        """Tell whether nginx refuses the old configuration; then the candidate is checked by itself."""
        error = worlds[BEFORE].error
        if error is not None and error.kind == "refused":
            self.uncompared = f"nginx does not load the configuration from before: {error.message}"
        return bool(self.uncompared)

    def _side(
        self, worlds: Mapping[str, WorldResult], name: str, source: ConfigSource | None, reader: OutcomeReader
    ) -> ComparedSide:
        if source is None or (name == BEFORE and self._is_refused(worlds)):
            return ComparedSide([ProbeOutcome(probe.id, closed="refused") for probe in self.plan.probes])
        world = _world(worlds, name, source)
        traced = _outcomes(worlds.get(TRACED[name]))
        repeated = _outcomes(worlds.get(AGAIN)) if name == BEFORE else None
        return ComparedSide(
            reader.read(ProbeOutcome, world.outcomes or ()),
            config=source.loaded,
            markers={} if traced is None else self._markers.get(name, {}),
            traced=None if traced is None else reader.read(BlockTrace, traced),
            again=None if repeated is None else reader.read(ProbeOutcome, repeated),
            notes=[
                *_notes(world.facts, source),
                *(f"not compared, but nginx reads it: {each}" for each in source.outside),
            ],
        )


def read_answer(answer: object) -> RouteCheckAnswer:
    """Read the host's answer from JSON.

    Raises:
        RouteError: it is none; the message names the key.
    """
    try:
        return decode(RouteCheckAnswer, answer)
    except FieldError as error:
        raise RouteError(f"what the host answered cannot be read: {error}") from error


def _outcomes(world: WorldResult | None) -> list[str] | None:
    return None if world is None else world.outcomes


def _notes(facts: WorldFacts | None, source: ConfigSource) -> list[str]:
    """Return what the world had to do without, for the report."""
    if facts is None:
        return []
    replaced = facts.certificates
    if replaced and not source.outside:
        # The world reads every file of the folder, nginx only included ones: an unused snippet may name files too.
        directives = (each for each in source.loaded.walk() if each.name.endswith(_FILES_OF_TLS))
        named = {f"/{path.lstrip('/')}" for each in directives for path in each.args}
        replaced = [path for path in replaced if path.endswith(tuple(named))]
    return [*facts.notes, *(f"{path} is missing, a self-signed certificate stood for it" for path in replaced)]


def _world(worlds: Mapping[str, WorldResult], name: str, source: ConfigSource) -> WorldResult:
    world = worlds[name]
    if world.error is not None:
        words = {BEFORE: "the configuration from before", AFTER: "the candidate"}[name]
        raise PlanError(
            f"{words} does not start in a private world: {world.error.message}{source.advice('its folder')}",
            world.error.kind,
        )
    return world
