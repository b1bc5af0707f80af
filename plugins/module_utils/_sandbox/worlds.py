# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Several worlds at the same time, each in a process of its own, which are sent the same probes."""

from __future__ import annotations

import json
import os
import select
import typing as t
from dataclasses import dataclass, field

from .._common.json_fields import decode, encode
from .._namespaces.namespaces import SandboxError
from .._nginx.instance import Instance
from .._wire.files import MadeFiles
from .._wire.probes import EdgeEntry, ListenSocket, Probe
from .._wire.worlds import WorldFailure, WorldResult
from .init import die_with_parent
from .world import BATCH, World


@dataclass
class WorldSpec:
    """One of several worlds.

    Attributes:
        name: the key of its result.
        tree: the folder shown at the instance's configuration folder; None shows the live one.
        second: send those probes again that missed a file, with all such files made.
        traced: the tree is instrumented: outcomes are kept as `BlockTrace`, and redirects are not followed.
        replaced: absolute path -> content of files that nginx finds there in this world.
    """

    name: str
    tree: t.Optional[str] = None
    second: bool = False
    traced: bool = False
    replaced: t.Mapping[str, bytes] = field(default_factory=dict)


@dataclass
class WorldSettings:
    """The arguments of `World` that several worlds have in common, and their files.

    Attributes:
        files: those that are made up, at which moment, and the probes that are sent again then.
        unknown: positions of the probes whose files are those that nginx reports missing; None for all.
    """

    listens: t.Sequence[ListenSocket] = ()
    edge: t.Sequence[EdgeEntry] = ()
    deadline: float = 300.0
    fs: str = "host"
    user: t.Optional[bool] = None
    files: MadeFiles = field(default_factory=MadeFiles)
    unknown: t.Optional[t.Sequence[int]] = None


def run_worlds(
    instance: Instance,
    worlds: t.Sequence[WorldSpec],
    probes: t.Sequence[Probe],
    settings: t.Optional[WorldSettings] = None,
) -> t.Dict[str, WorldResult]:
    """Run the same probes in several worlds at the same time; return their results by the worlds' names.

    A world that does not start, or breaks, has a result with `error`: this never raises for one.
    """
    settings = settings or WorldSettings()
    children = []
    parent = os.getpid()
    for spec in worlds:
        receiver, sender = os.pipe()
        child = os.fork()
        if not child:
            try:
                die_with_parent(parent)
                os.close(receiver)
                data = json.dumps(encode(_run(instance, spec, probes, settings))).encode("utf-8", "surrogatepass")
                with open(sender, "wb") as file:
                    file.write(data)
            finally:
                os._exit(0)
        os.close(sender)
        children.append((spec.name, child, receiver))
    results = _gather({receiver: name for name, _child, receiver in children})
    for _name, child, _receiver in children:
        os.waitpid(child, 0)
    return results


def _gather(receivers: t.Dict[int, str]) -> t.Dict[str, WorldResult]:
    parts: t.Dict[str, t.List[bytes]] = {name: [] for name in receivers.values()}
    waiting = dict(receivers)
    while waiting:
        for handle in select.select(list(waiting), [], [])[0]:
            data = os.read(handle, 1 << 20)
            if data:
                parts[waiting[handle]].append(data)
            else:
                os.close(handle)
                del waiting[handle]
    return {name: _result(b"".join(chunks)) for name, chunks in parts.items()}


def _result(data: bytes) -> WorldResult:
    if not data:
        return WorldResult(error=WorldFailure("failed", "the process of this world died"))
    return decode(WorldResult, json.loads(data.decode("utf-8", "surrogatepass")))


def _run(instance: Instance, spec: WorldSpec, probes: t.Sequence[Probe], settings: WorldSettings) -> WorldResult:
    try:
        with World(
            instance,
            spec.tree,
            listens=settings.listens,
            edge=settings.edge,
            deadline=settings.deadline,
            fs=settings.fs,
            user=settings.user,
            trace=spec.traced,
            replaced=spec.replaced,
            probes=probes,
        ) as world:
            result = _send(world, len(probes), settings, second=spec.second)
            result.facts = world.facts
            return result
    except SandboxError as error:
        return WorldResult(error=WorldFailure(error.kind, str(error)))
    except Exception as error:  # noqa: BLE001 - this process ends here: its caller has to know why
        return WorldResult(error=WorldFailure("failed", f"{type(error).__name__}: {error}"))


def _send(world: World, count: int, settings: WorldSettings, *, second: bool) -> WorldResult:
    missing: t.Dict[int, t.List[str]] = {}
    world.create_files([file.path for file in settings.files.first])
    outcomes: t.List[str] = []
    for start in range(0, count, BATCH):
        packed, found = world.probe_planned(range(start, min(start + BATCH, count)))
        outcomes.append(packed)
        missing.update(found)
    stages = []
    for stage in settings.files.stages:
        world.create_files([file.path for file in stage.files])
        stages.append(_again(world, stage.probes))
    result = WorldResult(outcomes=outcomes, stages=stages or None)
    if settings.unknown is not None:
        missing = {position: missing[position] for position in settings.unknown if position in missing}
    if missing and second:
        world.create_files(list(dict.fromkeys(path for paths in missing.values() for path in paths)))
        # Only the probes that missed a file get another answer now.
        result.asked_again = sorted(missing)
        result.second = _again(world, result.asked_again)
    return result


def _again(world: World, positions: t.Sequence[int]) -> t.List[str]:
    return [world.probe_planned(positions[start : start + BATCH])[0] for start in range(0, len(positions), BATCH)]
