# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""`routes.yml`: expectations of users as probes, and the judgement of their outcomes."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.failsafe.nginx.plugins.module_utils._wire.probes import EdgeEntry, Probe, StubAnswer
from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison import AcceptEntry, ExpectationResult
from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.edge import Arrivals
from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.upstreams import upstreams_of, with_port

from .judgement import Judge, ServedBlocks
from .schema import RoutesFileReader
from .yaml_document import Document

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ansible_collections.failsafe.nginx.plugins.module_utils._wire.outcomes import BlockTrace, ProbeOutcome
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Config
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.marker import Block

    from .cases import Case, RouteRequest

_UNKNOWN: t.Final[ServedBlocks] = (None, None)


class Expectations:
    """One file of expectations.

    Attributes:
        cases: in order.
        accept: the accepted changes.
        edge: the proxies in front of the servers.
    """

    def __init__(self, reader: RoutesFileReader) -> None:
        self.cases: list[Case] = reader.cases
        self.accept: list[AcceptEntry] = reader.accept
        self.edge: list[EdgeEntry] = reader.edge

    @classmethod
    def load(cls, text: str | bytes, name: str) -> Expectations:
        """Read expectations.

        Args:
            text: the file's content.
            name: its path for messages and reports.

        Raises:
            RouteError: every fault as `file:line: what is wrong`, one per line.
        """
        return cls(RoutesFileReader(Document(text, name)))

    def probes(self, before: Config | None = None, after: Config | None = None) -> list[Probe]:
        """Make a probe for each request of each case, in order, with ids `e<case>.<request>`.

        Args:
            before: the configuration that runs now.
            after: the candidate: its sockets get the requests where it has any for them.
        """
        arrivals = Arrivals(before, after, self.edge)
        return [
            replace(
                request.probe(id_, arrivals, "expect"),
                why=case.name,
                file=case.place.file,
                line=case.place.line,
                answers=[each for answer in case.answers for each in _for_peers(answer, arrivals.upstreams)],
            )
            for id_, case, request in self._numbered()
        ]

    def _numbered(self) -> Iterator[tuple[str, Case, RouteRequest]]:
        for number, case in enumerate(self.cases, 1):
            for position, request in enumerate(case.requests, 1):
                yield f"e{number}.{position}", case, request

    def check(
        self,
        outcomes: Iterable[ProbeOutcome],
        *,
        config: Config | None = None,
        markers: Mapping[str, Block] | None = None,
        traced: Iterable[BlockTrace | ProbeOutcome] | None = None,
    ) -> list[ExpectationResult]:
        """Judge the candidate's outcomes: return one result for each request of each case.

        A request without an outcome fails. So does a field that needs a trace where there is none.

        Args:
            outcomes: of the probes of `probes()`; others may be among them.
            config: the candidate, so that upstreams can be expected by name.
            markers: id in a trace -> the block that it stands for.
            traced: outcomes of the instrumented run, where `outcomes` have no traces.
        """
        found = {outcome.id: outcome for outcome in outcomes}
        traces = {each.id: each.trace for each in traced or ()}
        peers = {} if config is None else upstreams_of(config)
        results = []
        for id_, case, request in self._numbered():
            outcome = found.get(id_)
            trace = traces.get(id_, outcome.trace if outcome else [])
            judge = None if outcome is None else Judge(request, outcome, peers, _served(trace, markers))
            results.append(_judge(id_, case, request, judge))
        return results


def _judge(id_: str, case: Case, request: RouteRequest, judge: Judge | None) -> ExpectationResult:
    """Return the result of one request; without a judge it was not sent."""
    expected: dict[str, str] = {}
    got: dict[str, str] = {}
    failed: list[str] = []
    if judge is None:
        expected, got, failed = {"outcome": "one"}, {"outcome": "the request was not made"}, ["outcome"]
    for judged in judge.fields(case.then) if judge is not None else ():
        name = judged.field
        if name in expected:
            expected[name], got[name] = f"{expected[name]}; {judged.expected}", judged.got
        else:
            expected[name], got[name] = judged.expected, judged.got
        if not judged.ok and name not in failed:
            failed.append(name)
    return ExpectationResult(
        name=case.name,
        ok=not failed,
        expected=expected,
        got=got,
        failed=tuple(failed),
        request=request.line,
        file=case.place.file,
        line=case.place.line,
        probe=id_,
    )


def _served(trace: Iterable[str], markers: Mapping[str, Block] | None) -> ServedBlocks:
    """Return the server and the location that answered: the last of each in the trace."""
    blocks = [markers[mark] for mark in trace if mark in markers] if markers else []
    if not blocks:
        return _UNKNOWN
    server = next((block.text for block in reversed(blocks) if block.kind == "server"), None)
    last = next((block for block in reversed(blocks) if block.kind != "if"), None)
    return server, (last.text if last is not None and last.kind == "location" else "")


def _for_peers(answer: StubAnswer, upstreams: Mapping[str, tuple[str, ...]]) -> Iterator[StubAnswer]:
    """Yield the answer for each peer of the upstream block that it names, else for the address that it names."""
    name = answer.upstream
    if name == "*":
        yield answer
        return
    for peer in upstreams.get(name.lower()) or (with_port(name.partition("://")[2] or name, 80),):
        yield replace(answer, upstream=peer)
