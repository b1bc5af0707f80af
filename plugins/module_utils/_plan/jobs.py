# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Messages of a route check: the job for the host, and its answer."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from .._common.json_fields import omit_none
from .._wire.files import MadeFile, MadeFiles
from .._wire.folders import FolderPair
from .._wire.probes import EdgeEntry, ListenSocket, Probe
from .._wire.worlds import WorldResult
from .folders import FolderEntry, FolderSpec


@dataclass
class RouteCheckJob:
    """Ask the host to send the same probes with each folder, in private worlds.

    Attributes:
        sources: `after`, and `before` where there is a configuration.
        traced: source -> files that make it tell which blocks a request passed.
        again: run `before` twice, to detect nondeterminism.
        probes: in the order of the outcomes.
        listens: sockets of both configurations, for redirects.
        edge: proxies in front of the servers, for redirects.
        files: what both configurations look for; made up where it is missing.
        unknown: positions of the probes whose files the configurations do not tell: nginx's error log does.
        folders: of pages that became other ones: what the host has there is told.
    """

    sources: t.Dict[str, FolderSpec]
    traced: t.Dict[str, t.List[FolderEntry]]
    again: bool
    probes: t.List[Probe]
    listens: t.List[ListenSocket]
    edge: t.List[EdgeEntry] = field(default_factory=list)
    files: t.List[MadeFile] = field(default_factory=list)
    unknown: t.List[int] = field(default_factory=list)
    folders: t.List[FolderPair] = field(default_factory=list)


@dataclass
class RouteCheckAnswer:
    """The answers of the worlds: `before`, `after`, `again`, `before-traced`, `after-traced`.

    `unavailable` is the reason why this host cannot build any; `files` are those that were made up in all of them; `folders`
    are those of the job that were looked at.
    """

    worlds: t.Dict[str, WorldResult]
    files: MadeFiles = field(default_factory=MadeFiles)
    folders: t.List[FolderPair] = field(default_factory=list)
    unavailable: t.Optional[str] = omit_none()
