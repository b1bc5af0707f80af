# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The requests of a route check that were sent again with more files there: one probe more for each that shows something else."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ansible_collections.failsafe.nginx.plugins.module_utils._wire.files import MadeFile, MadeFiles
from ansible_collections.failsafe.nginx.plugins.module_utils._wire.outcomes import BlockTrace, ProbeOutcome
from ansible_collections.failsafe.nginx.plugins.module_utils._wire.probes import Probe
from ansible_collections.failsafe.nginx.plugins.module_utils._wire.worlds import WorldResult
from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison import ComparedSide
from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison.outcome_diff import missing_files
from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison.probe_requests import (
    NAMED_FILES,
    REPORTED_FILES,
    REQUESTED_FILES,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._markup.wording import counted

from .outcomes import Outcome, OutcomeReader

#: Stage of files -> end of the id of a probe that is sent again then, and what its reason says.
_STAGES: t.Final = {
    "named": (NAMED_FILES, "with the files there that the configuration names"),
    "requested": (REQUESTED_FILES, "with the files there that were missing"),
    "reported": (REPORTED_FILES, "with the files there that nginx reported missing"),
}
_MOST_TOLD: t.Final = 3


@dataclass
class _Stage:
    """One stage: positions of its probes, the files of each, and their outcomes in each world."""

    name: str
    positions: list[int]
    files: dict[int, list[str]]
    parts: dict[str, list[str]]


@dataclass
class FileStages:
    """All stages of one answer.

    Attributes:
        worlds: the answer's worlds by name.
        made: the files that were made up in all of them.
        reader: of this answer's outcomes.
        first: paths that were there from the beginning.
        files: id of a probe -> the files made up on its way, in all stages up to its own.
    """

    worlds: Mapping[str, WorldResult]
    made: MadeFiles
    reader: OutcomeReader
    first: list[str] = field(init=False)
    files: dict[str, list[str]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.first = [file.path for file in self.made.first]

    def extend(
        self, probes: list[Probe], sides: Mapping[str, ComparedSide], names: Mapping[str, tuple[str, str]]
    ) -> None:
        """Add the probes whose outcome is another one at a stage, and their outcomes on every side.

        Args:
            probes: of the plan; gets more.
            sides: by the name of their world; get as many outcomes more.
            names: name of a side -> the worlds of its traces and of its second run.
        """
        base = {name: list(side.outcomes) for name, side in sides.items()}
        traces = {name: list(side.traced or ()) for name, side in sides.items()}
        again = {name: list(side.again or ()) for name, side in sides.items()}
        own = _by_probe(self.made.first)
        self.files.update((probes[position].id, paths) for position, paths in own.items())
        for stage in self._stages(base):
            for position, paths in stage.files.items():
                own.setdefault(position, []).extend(paths)
            later = {name: self._outcomes(ProbeOutcome, stage, name, base[name]) for name in sides}
            other = [
                position
                for position in stage.positions
                if any(_shown(later[name][position]) != _shown(base[name][position]) for name in sides)
            ]
            suffix, why = _STAGES[stage.name]
            added = [
                replace(
                    probes[position],
                    id=f"{probes[position].id}{suffix}",
                    why=f"{probes[position].why}, {why}",
                    made_files=list(dict.fromkeys(own.get(position, ()))),
                )
                for position in other
            ]
            self.files.update((probe.id, probe.made_files or []) for probe in added)
            for name, side in sides.items():
                traced, second = names[name]
                outcomes = _picked(later[name], other, added)
                side.outcomes = [*side.outcomes, *outcomes]
                if side.traced:
                    kept = self._outcomes(BlockTrace, stage, traced, t.cast("list[BlockTrace]", traces[name]))
                    side.traced = [*side.traced, *_picked(kept, other, added)]
                if side.again:
                    # A stage of which the second run knows nothing is compared as it is.
                    repeated = self._outcomes(ProbeOutcome, stage, second, again[name])
                    known = second in stage.parts
                    side.again = [*side.again, *(_picked(repeated, other, added) if known else outcomes)]
            probes.extend(added)

    def _stages(self, base: Mapping[str, Sequence[ProbeOutcome]]) -> list[_Stage]:
        found = [
            _Stage(
                stage.name,
                list(stage.probes),
                _by_probe(stage.files),
                {name: world.stages[number] for name, world in self.worlds.items() if world.stages},
            )
            for number, stage in enumerate(self.made.stages)
        ]
        return [*found, *self._reported(base)]

    def _reported(self, base: Mapping[str, Sequence[ProbeOutcome]]) -> list[_Stage]:
        """Return the last stage: files that no configuration tells, as each world's error log told them."""
        positions = sorted({each for world in self.worlds.values() for each in world.asked_again or ()})
        if not positions:
            return []
        files = {
            each: sorted({path for outcomes in base.values() for path in missing_files(outcomes[each])})
            for each in positions
        }
        return [_Stage("reported", positions, files, {})]

    def _outcomes(self, kind: type[Outcome], stage: _Stage, world: str, first: Sequence[Outcome]) -> dict[int, Outcome]:
        """Return the outcomes of a stage in a world by position; those of before where it did not send a probe again."""
        found = {position: first[position] for position in stage.positions if position < len(first)}
        answer = self.worlds.get(world)
        if stage.name == "reported" and answer is not None:
            again = self.reader.read(kind, answer.second or ())
            found.update(zip(answer.asked_again or (), again, strict=True))
        elif world in stage.parts:
            found.update(zip(stage.positions, self.reader.read(kind, stage.parts[world]), strict=True))
        return found

    def note(self) -> list[str]:
        """Return a sentence about the files that are there from the beginning; nothing where there are none."""
        if not self.first:
            return []
        more = f" and {len(self.first) - _MOST_TOLD} more" if len(self.first) > _MOST_TOLD else ""
        paths = ", ".join(self.first[:_MOST_TOLD])
        return [f"{counted(len(self.first), 'file')} that the configuration names made up: {paths}{more}"]


def _by_probe(files: Sequence[MadeFile]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for file in files:
        for position in file.probes:
            found.setdefault(position, []).append(file.path)
    return found


def _picked(outcomes: Mapping[int, Outcome], positions: Sequence[int], probes: Sequence[Probe]) -> list[Outcome]:
    return [replace(outcomes[position], id=probe.id) for position, probe in zip(positions, probes, strict=True)]


def _shown(outcome: ProbeOutcome) -> tuple[object, ...]:
    """Return what a client, upstreams and the log show of an outcome."""
    asked = len(outcome.upstreams)
    return (outcome.status, outcome.closed, outcome.location, outcome.errors, outcome.body_digest, asked)
