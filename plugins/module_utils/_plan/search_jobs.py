# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Messages of a search for the changes behind changed outcomes: the job for the host, and its answer."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from .._common.json_fields import omit_none
from .._wire.outcomes import ProbeOutcome
from .._wire.probes import EdgeEntry, ListenSocket, Probe
from .folders import FolderSpec

#: A list that begins with a sign, see `PatchedFile`; or a sign and a change.
Part = t.List[t.Any]


@dataclass
class SearchRequest:
    """A probe whose outcome changed, and the aspects of `oracle.ASPECTS` that matter, the weightiest first."""

    probe: Probe
    aspects: t.List[str]


@dataclass
class PatchedFile:
    """Two versions of a file in one, of which any set of the changes between them can be applied.

    A *part* is a list: `["=", text]` is in both versions; `["+", change, text]` only with the change; `["-", change, text]`
    only without it; `["+{", change, parts]` and `["-{", change, parts]` say the same of other parts.

    Attributes:
        path: below the configuration folder.
        only: None, or `["+", change]` for a file that exists with the change only, `["-", change]` without it only.
        parts: of the file; texts are bytes as latin-1.
    """

    path: str
    only: t.Optional[t.List[object]]
    parts: t.List[t.List[object]]

    def patched(self, ids: t.Container[int]) -> t.Optional[bytes]:
        """Return the bytes of the file with these changes and no others; None where it does not exist then."""
        if self.only is not None and (self.only[0] == "+") != (self.only[1] in ids):
            return None
        pieces: t.List[str] = []
        _collect(self.parts, ids, pieces)
        return "".join(pieces).encode("latin-1")


def _collect(parts: t.Iterable[Part], ids: t.Container[int], pieces: t.List[str]) -> None:
    for part in parts:
        kind, content = t.cast("t.Tuple[str, t.Any]", (part[0], part[-1]))
        if kind != "=" and kind.startswith("+") != (part[1] in ids):
            continue
        if kind.endswith("{"):
            _collect(content, ids, pieces)
        else:
            pieces.append(content)


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
        budget: of combinations that are tried for all requests; None: any number.
    """

    sources: t.Dict[str, FolderSpec]
    files: t.List[PatchedFile]
    units: t.List[object]
    requests: t.List[SearchRequest]
    listens: t.List[ListenSocket]
    edge: t.List[EdgeEntry] = field(default_factory=list)
    create: t.List[str] = field(default_factory=list)
    peers: t.Dict[str, str] = field(default_factory=dict)
    budget: t.Optional[int] = omit_none()


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
        complement: `pass`, `fail` or `unresolved`: the request with the rest of the changes; None where it was not tried.
        tests: sets of changes that were tried.
    """

    aspect: t.Optional[str]
    before: ProbeOutcome
    after: ProbeOutcome
    causes: t.List[FoundCause] = field(default_factory=list)
    complement: t.Optional[str] = omit_none()
    tests: t.Optional[int] = omit_none()


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
    unavailable: t.Optional[str] = omit_none()
