# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Messages between the two ends of a comparison: jobs for the host, and its answers."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.failsafe.nginx.plugins.module_utils._common.json_fields import LEFT_OUT, FieldError
from ansible_collections.failsafe.nginx.plugins.module_utils._wire.outcomes import ProbeOutcome
from ansible_collections.failsafe.nginx.plugins.module_utils._wire.probes import EdgeEntry, ListenSocket, Probe
from ansible_collections.failsafe.nginx.plugins.module_utils._wire.worlds import WorldResult

_KINDS = ("live", "release", "files")
_ENTRY = 4


class FolderEntry(t.NamedTuple):
    """A file, a folder or a link below a configuration folder; its JSON is a list.

    Attributes:
        path: relative to the configuration folder; absolute for a file that is replaced elsewhere.
        kind: `file`, `directory` or `link`.
        mode: permission bits of a file; None for 0644.
        content: base64 of a file, the target of a link.
    """

    path: str
    kind: str
    mode: t.Optional[int]
    content: t.Optional[str]

    @classmethod
    def from_json(cls, data: object) -> FolderEntry:
        """Read it.

        Raises:
            FieldError: it is no entry.
        """
        if not isinstance(data, list) or len(data) != _ENTRY:
            raise FieldError("", "an entry is a list of path, type, mode and content")
        path, kind, mode, content = data
        if not isinstance(path, str) or kind not in {"file", "directory", "link"}:
            raise FieldError("", f"{path!r} is no file, directory or link")
        if not (mode is None or type(mode) is int) or not (content is None or isinstance(content, str)):
            raise FieldError("", f"{path!r} has a mode that is no number, or a content that is no text")
        return cls(path, kind, mode, content)


@dataclass
class FolderSpec:
    """A configuration folder that the host has or makes.

    Attributes:
        kind: `live`, `release` (with `id`) or `files` (with `entries`).
        id: of the release.
        entries: what is in the folder.
        over: `live`: the entries lie over a copy of the live folder; `owned`: what the confirmed release manages is
            taken out of that copy first; None: the folder holds nothing else.
    """

    kind: str
    id: t.Optional[str] = field(default=None, metadata=LEFT_OUT)
    entries: t.Optional[t.List[FolderEntry]] = field(default=None, metadata=LEFT_OUT)
    over: t.Optional[str] = None


@dataclass
class ReadJob:
    """Ask the host for the output of `nginx -T` with each folder."""

    sources: t.Dict[str, FolderSpec]


@dataclass
class Dump:
    """The output of `nginx -T`, packed without JSON, or nginx's reason to refuse the folder."""

    dump: t.Optional[str] = field(default=None, metadata=LEFT_OUT)
    refused: t.Optional[str] = field(default=None, metadata=LEFT_OUT)


@dataclass
class ReadAnswer:
    """The dumps by the names of the job's sources, and the nginx that made them."""

    dumps: t.Dict[str, Dump]
    nginx_version: str
    modules: t.List[str]


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
    """

    sources: t.Dict[str, FolderSpec]
    traced: t.Dict[str, t.List[FolderEntry]]
    again: bool
    probes: t.List[Probe]
    listens: t.List[ListenSocket]
    edge: t.List[EdgeEntry] = field(default_factory=list)


@dataclass
class RouteCheckAnswer:
    """The answers of the worlds: `before`, `after`, `again`, `before-traced`, `after-traced`.

    `unavailable` is the reason why this host cannot build any.
    """

    worlds: t.Dict[str, WorldResult]
    unavailable: t.Optional[str] = field(default=None, metadata=LEFT_OUT)


@dataclass
class SearchRequest:
    """A probe whose outcome changed, and the aspects of `oracle.ASPECTS` that matter, the weightiest first."""

    probe: Probe
    aspects: t.List[str]


@dataclass
class PatchedFile:
    """Two versions of a file in one, see `patch`.

    Attributes:
        path: below the configuration folder.
        only: None, or `["+", change]` for a file that exists with the change only, `["-", change]` without it only.
        parts: of the file, as `patch.apply` reads them.
    """

    path: str
    only: t.Optional[t.List[object]]
    parts: t.List[t.List[object]]


@dataclass
class SearchJob:
    """Ask the host which changes are behind the changed outcomes of requests.

    Attributes:
        sources: `before` and `after`.
        files: the files that differ.
        units: the changes, nested.
        listens: sockets of both configurations, for redirects.
        edge: proxies in front of the servers, for redirects.
        create: files that every world has.
        peers: a peer of an upstream -> the name that stands for all peers of it.
    """

    sources: t.Dict[str, FolderSpec]
    files: t.List[PatchedFile]
    units: t.List[object]
    requests: t.List[SearchRequest]
    listens: t.List[ListenSocket]
    edge: t.List[EdgeEntry] = field(default_factory=list)
    create: t.List[str] = field(default_factory=list)
    peers: t.Dict[str, str] = field(default_factory=dict)


@dataclass
class FoundCause:
    """Changes that break a request together; `complete` is False where fewer of them may do."""

    changes: t.List[int]
    complete: bool


@dataclass
class FoundCauses:
    """The result for one request.

    Attributes:
        aspect: the first in which the outcomes differ; None where they do not.
        before: the outcome without the changes.
        after: the outcome with all of them.
        causes: sets of changes that break it independently of each other.
        complement: `pass`, `fail` or `unresolved`: the request with the rest of the changes.
        tests: sets of changes that were tried.
    """

    aspect: t.Optional[str]
    before: ProbeOutcome
    after: ProbeOutcome
    causes: t.List[FoundCause] = field(default_factory=list)
    complement: t.Optional[str] = field(default=None, metadata=LEFT_OUT)
    tests: t.Optional[int] = field(default=None, metadata=LEFT_OUT)


@dataclass
class SearchAnswer:
    """The results in the order of the job's requests.

    Attributes:
        others: number (as text) of a change that is a whole file -> its path.
        worlds: how many were run.
        unavailable: the reason why this host cannot build any.
    """

    results: t.List[FoundCauses] = field(default_factory=list)
    others: t.Dict[str, str] = field(default_factory=dict)
    worlds: int = 0
    unavailable: t.Optional[str] = field(default=None, metadata=LEFT_OUT)
