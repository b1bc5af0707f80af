# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The search for the lines of a change that break requests: the job for the host, and the result of its answer."""

from __future__ import annotations

import typing as t
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import unified_diff

from ansible_collections.failsafe.nginx.plugins.module_utils._common.json_fields import FieldError, decode, encode
from ansible_collections.failsafe.nginx.plugins.module_utils._plan.ddmin import Unit
from ansible_collections.failsafe.nginx.plugins.module_utils._plan.oracle import ASPECTS
from ansible_collections.failsafe.nginx.plugins.module_utils._plan.search_jobs import (
    FoundCauses,
    SearchAnswer,
    SearchJob,
    SearchRequest,
)
from ansible_collections.failsafe.nginx.plugins.module_utils._wire.probes import EdgeEntry, Probe
from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison.formatting import outcome_line, request_line
from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison.redaction import text as redacted
from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison.sides import BlockLocator, ComparedSide
from ansible_collections.failsafe.nginx.plugins.plugin_utils._markup.wording import counted
from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes import listens_of
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.errors import RouteError

from .edits import Edits, SingleChange, edits
from .sources import ConfigSource

#: Class of a change, or failed field of an expectation -> the aspect of an outcome that shows it.
_ASPECTS: t.Final[dict[str, str]] = {
    "outage": "status",
    "error-introduced": "status",
    "redirect-loop": "chain",
    "cached-redirect-loop": "location",
    "access-widened": "status",
    "auth-subrequest-removed": "upstream",
    "security-header-removed": "headers",
    "lost": "status",
    "auth-added": "status",
    "status-changed": "status",
    "redirect-changed": "location",
    "upstream-changed": "upstream",
    "peers-changed": "upstream",
    "upstream-headers-changed": "upstream-headers",
    "file-changed": "body",
    "content-type-changed": "headers",
    "headers-changed": "headers",
    "certificate-broken": "tls",
    "tls-changed": "tls",
    "certificate-renewed": "tls",
    "status": "status",
    "closed": "status",
    "location": "location",
    "upstream": "upstream",
    "final": "chain",
    "hops": "chain",
    "chain": "chain",
    "errors": "errors",
}
_CONTEXT_LINES: t.Final = 1
WHOLE_FILE: t.Final = "(the whole file)"


@dataclass(frozen=True)
class FailingRequest:
    """A request whose changed outcome is to be explained.

    Attributes:
        probe: the request.
        about: the classes of change or the fields that say what is wrong, the weightiest first.
        missing: files that were missing and were made up for it.
        beside: it belongs to the request before it, and is told where it differs.
        only: the aspects that count, the weightiest first; empty for all of them.
    """

    probe: Probe
    about: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    beside: bool = False
    only: list[str] = field(default_factory=list)

    @classmethod
    def from_json(cls, data: object) -> FailingRequest:
        """Read a request that nginx_route_check returned in `failing`.

        Raises:
            RouteError: it is none; the message names the key.
        """
        try:
            return decode(cls, data)
        except FieldError as error:
            raise RouteError(f"failing is no list of requests as nginx_route_check returns it: {error}") from error

    @property
    def aspects(self) -> list[str]:
        """Return the aspects of an outcome that count, those that show what is wrong first."""
        if self.only:
            return self.only
        first = [_ASPECTS.get(name.partition(" ")[0], "headers") for name in self.about]
        return list(dict.fromkeys([*first, *ASPECTS]))


@dataclass(frozen=True)
class GuiltyLine:
    """A line of the change that breaks a request.

    Attributes:
        file: relative to the configuration folder.
        line: in the configuration from after; of a removed line, in the one from before.
        kind: `added`, `removed`, `changed` or `moved`.
        text: the statement after the change, None for a removed one.
        before: the statement before it, None for an added one.
    """

    file: str
    line: int
    kind: str
    text: str | None
    before: str | None

    def __str__(self) -> str:
        """Return it in one line: `snippets/api.conf:6 + rewrite ...`."""
        where = f"{self.file}:{self.line}"
        before, after = ((text or "").removesuffix(";") for text in (self.before, self.text))
        if self.kind == "changed" and before != after:
            return f"{where} ~ {before} -> {after}"
        sign = {"added": "+", "removed": "-", "moved": ">"}.get(self.kind, "~")
        return f"{where} {sign} {after or before}"


@dataclass(frozen=True)
class Cause:
    """Lines that break a request together; `complete` is False where fewer of them may do."""

    lines: list[GuiltyLine]
    complete: bool


@dataclass(frozen=True)
class SearchedRequest:
    """One request of a search, with its outcomes in words and what breaks it."""

    request: str
    before: str
    after: str
    aspect: str | None
    causes: list[Cause]
    complement: str | None
    worlds: int

    @property
    def text(self) -> list[str]:
        """Return the lines that tell of it."""
        lines = [self.request, f"  - {self.before}", f"  + {self.after}"]
        if self.aspect is None:
            return [*lines, "  both configurations give it the same here: no line of the change explains it"]
        for position, cause in enumerate(self.causes):
            lines.append("  guilty:" if not position else "  guilty by itself too:")
            lines += [f"    {line}" for line in cause.lines]
            if not cause.complete:
                lines.append("    (perhaps not the smallest part: the limit of tries was reached)")
        complement = {
            "pass": "without it the rest of the change is fine",
            "fail": "without it the request still fails: more of the change is guilty",
            "unresolved": "nginx does not do with the rest alone what it did before: lines of it belong together",
        }.get(str(self.complement), "the rest of the change was not tried: the limit of tries was reached")
        return [*lines, f"  {complement} ({counted(self.worlds, 'combination')} tried)"]


@dataclass(frozen=True)
class BisectResult:
    """The result of a search, as the documentation of nginx_bisect describes it."""

    culprits: list[GuiltyLine]
    lines: list[str]
    searches: list[SearchedRequest]
    worlds: int
    changes: int
    patch: str
    msg: str

    @property
    def is_smallest(self) -> bool:
        """Tell whether no guilty line can be left out."""
        return all(cause.complete for each in self.searches for cause in each.causes)

    def to_json(self) -> dict[str, object]:
        """Return the values that the module returns."""
        return encode(self)


@dataclass
class Search:
    """A search for the lines between two configurations that break requests.

    Attributes:
        wanted: the requests.
        edge: proxies in front of the servers.
        create: files that every world has.
        budget: of combinations that are tried for all requests; None: any number.
    """

    before: ConfigSource
    after: ConfigSource
    wanted: Sequence[FailingRequest]
    edge: Sequence[EdgeEntry] = ()
    create: Sequence[str] = ()
    budget: int | None = None
    edits: Edits = field(init=False)

    def __post_init__(self) -> None:
        self.edits = edits(self.before.files, self.after.files)

    def job(self) -> SearchJob:
        """Return the message for the host."""
        return SearchJob(
            sources={"before": self.before.spec, "after": self.after.spec},
            files=self.edits.files,
            units=[_nested(unit) for unit in self.edits.units],
            requests=[SearchRequest(each.probe, each.aspects) for each in self.wanted],
            listens=listens_of(self.before.loaded, self.after.loaded),
            edge=list(self.edge),
            create=list(self.create),
            peers=_peers(self.before, self.after),
            budget=self.budget,
        )

    def result(self, answer: SearchAnswer) -> BisectResult:
        """Return the result that the host's answer means."""
        others = {int(number): path for number, path in answer.others.items()}
        searches = [self._searched(wanted, found, others) for wanted, found in self._told(answer.results)]
        guilty = {number for found in answer.results for cause in found.causes for number in cause.changes}
        first = {number for found in answer.results for cause in found.causes[:1] for number in cause.changes}
        culprits = self._lines(sorted(guilty), others)
        return BisectResult(
            culprits=culprits,
            lines=list(map(str, culprits)),
            searches=searches,
            worlds=answer.worlds,
            changes=len(self.edits.changes) + len(others),
            patch=self._patch(first),
            msg="\n".join(line for search in searches for line in search.text),
        )

    def _told(self, results: Sequence[FoundCauses]) -> list[tuple[FailingRequest, FoundCauses]]:
        """Return the results to tell: of a request and what belongs to it, those that differ, or the request's own."""
        pairs = list(zip(self.wanted, results, strict=True))
        told: list[tuple[FailingRequest, FoundCauses]] = []
        for wanted, found in pairs:
            if not wanted.beside:
                told.append((wanted, found))
            elif found.aspect is not None:
                if told and told[-1][1].aspect is None:
                    told.pop()
                told.append((wanted, found))
        return told

    def _searched(self, wanted: FailingRequest, found: FoundCauses, others: Mapping[int, str]) -> SearchedRequest:
        return SearchedRequest(
            request=request_line(wanted.probe),
            before=outcome_line(found.before),
            after=outcome_line(found.after),
            aspect=found.aspect,
            causes=[Cause(self._lines(cause.changes, others), cause.complete) for cause in found.causes],
            complement=found.complement,
            worlds=found.tests or 0,
        )

    def _lines(self, numbers: Iterable[int], others: Mapping[int, str]) -> list[GuiltyLine]:
        lines = [
            GuiltyLine(others[number], 1, "changed", WHOLE_FILE, WHOLE_FILE)
            if number in others
            else _line(self.edits.changes[number])
            for number in numbers
        ]
        return sorted(lines, key=lambda line: (line.file, line.line))

    def _patch(self, numbers: set[int]) -> str:
        """Return a unified diff of these changes alone."""
        tree = self.edits.apply(self.before.files, numbers)
        paths = sorted(path for path in {*self.before.files, *tree} if self.before.files.get(path) != tree.get(path))
        return "".join(
            line
            for path in paths
            for line in unified_diff(
                _text(self.before.files.get(path)), _text(tree.get(path)), f"a/{path}", f"b/{path}", n=_CONTEXT_LINES
            )
        )


def _peers(*sides: ConfigSource) -> dict[str, str]:
    """Map every peer of an upstream to the one that stands for all of them on both sides."""
    groups: dict[str, frozenset[str]] = {}
    for side in sides:
        for group in BlockLocator(ComparedSide((), config=side.loaded)).peers.values():
            joined = group.union(*(groups.get(peer, ()) for peer in group))
            groups.update(dict.fromkeys(joined, joined))
    return {peer: min(group) for peer, group in groups.items()}


def _nested(unit: Unit) -> object:
    """Return a unit as JSON: the number of a change, or a list of units."""
    return [_nested(child) for child in unit.children] if unit.children else next(iter(unit.ids))


def _line(change: SingleChange) -> GuiltyLine:
    return GuiltyLine(change.file, change.line, change.kind, _shown(change.text_after), _shown(change.text_before))


def _shown(text: str | None) -> str | None:
    # Bytes were read as latin-1.
    return None if text is None else redacted(text.encode("latin-1", "replace").decode("utf-8", "replace"))


def _text(data: bytes | None) -> list[str]:
    lines = (data or b"").decode("utf-8", "replace").splitlines()
    return [redacted(line.expandtabs(4)) + "\n" for line in lines]
