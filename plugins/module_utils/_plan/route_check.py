# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The host's half of nginx_route_check: the same probes with both configurations, in private worlds."""

from __future__ import annotations

import contextlib
import typing as t

from .._common.packing import decode_bytes
from .._sandbox.world import available
from .._sandbox.worlds import WorldSettings, WorldSpec, run_worlds
from .host import HostOptions, find_instance, view_of
from .jobs import RouteCheckAnswer, RouteCheckJob
from .made_files import FileView, plan_files
from .page_folders import look_at
from .trees import Trees, write


def run(options: HostOptions, job: RouteCheckJob) -> RouteCheckAnswer:
    """Send the same probes with each source, in worlds that run at the same time.

    Raises:
        TreeError: a source is not there.
        NginxError: nginx cannot be run.
    """
    instance = find_instance(options, job.sources)
    reason = available()
    if reason:
        return RouteCheckAnswer({}, unavailable=reason)
    view = view_of(options, job.sources)
    with contextlib.closing(Trees(options.config_dir, options.store)) as trees:
        folders = {name: trees.folder(spec) for name, spec in job.sources.items()}
        prefix = instance.prefix or instance.build().prefix
        seen = FileView(options.config_dir, list(folders.values()), prefix, empty=view == "empty")
        files = plan_files(job.files, seen)
        settings = WorldSettings(job.listens, job.edge, options.timeout, view, files=files, unknown=job.unknown)
        worlds = run_worlds(instance, _worlds(job, trees, folders), job.probes, settings)
        return RouteCheckAnswer(worlds, files, look_at(job.folders, seen))


def _worlds(job: RouteCheckJob, trees: Trees, folders: t.Mapping[str, str]) -> t.List[WorldSpec]:
    worlds = []
    for name, folder in folders.items():
        worlds.append(WorldSpec(name, folder, second=True))
        if job.again and name == "before":
            worlds.append(WorldSpec("again", folder))
        entries = job.traced.get(name)
        if entries:
            copy = trees.copy(folder)
            write(copy, [entry for entry in entries if not entry.path.startswith("/")])
            elsewhere = {
                entry.path: decode_bytes(entry.content or "") for entry in entries if entry.path.startswith("/")
            }
            worlds.append(WorldSpec(name + "-traced", copy, second=True, traced=True, replaced=elsewhere))
    return worlds
