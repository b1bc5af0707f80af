# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""The report of a comparison."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from .accounting import count_states
from .change_classes import DEFAULT_FAIL_ON, RISKS, guilty_classes, risk_of

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    from .accept_list import AcceptEntry
    from .accounting import ChangeAccount
    from .attribution import SemanticChange

#: Entries that are listed; others are counted.
MOST_PROBES: t.Final = 20
MOST_EXAMPLES: t.Final = 3
MOST_CAUSES: t.Final = 10
MOST_LISTED: t.Final = 200

#: Begins the note of a group whose files come from another folder.
FILES_MOVED: t.Final = "files now come from "
#: The extent of a change: one block, a whole server, a whole listener, or a server name.
Scope = t.Literal["block", "server", "listener", "name"]


@dataclass(frozen=True)
class Example:
    """One request of a group, with lines about its outcome before and after."""

    probe: str
    request: str
    why: str
    file: str | None
    line: int | None
    before: tuple[str, ...]
    after: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        """Return it as the module returns it."""
        return {
            "probe": self.probe,
            "request": self.request,
            "why": self.why,
            "file": self.file,
            "line": self.line,
            "before": list(self.before),
            "after": list(self.after),
        }


@dataclass(frozen=True)
class BehaviourChange:
    """A group of requests that changed in one way for one cause.

    Attributes:
        name: the class of change.
        servers: the names of the servers concerned.
        requests: how many probes changed; their ids are `probes`.
        causes: the changes of the configuration behind it.
        also: other classes of these requests, with the number of requests.
        notes: sentences beside the example: the URLs of a loop, a name's old and new server.
        scenario: only requests under made-up circumstances changed: an upstream that fails, a crafted answer.
        accepted: the entry of an accept list that expects it.
        key: accepts exactly this group; "" where groups have none.
        more_examples: up to two other requests, the simplest ones.
    """

    name: str
    scope: Scope
    servers: tuple[str, ...]
    before_block: str
    after_block: str
    listeners: tuple[str, ...]
    requests: int
    probes: tuple[str, ...]
    example: Example
    causes: tuple[SemanticChange, ...] = ()
    also: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    scenario: bool = False
    accepted: AcceptEntry | None = None
    key: str = ""
    more_examples: tuple[Example, ...] = ()

    @property
    def risk(self) -> str:
        """Return the risk of its class."""
        return risk_of(self.name)

    @property
    def where(self) -> str:
        """Return the place in one phrase: `location /a  =>  location /b`, `whole server`."""
        if self.scope == "listener":
            return f"whole listener {', '.join(self.listeners)}"
        if self.scope != "block":
            return {"server": "whole server", "name": "server name"}[self.scope]
        before, after = self.before_block or "(server)", self.after_block or "(server)"
        return before if before == after else f"{before}  =>  {after}"

    @property
    def server(self) -> str:
        """Return the first server, and how many more there are."""
        more = len(self.servers) - 1
        return (self.servers[0] if self.servers else "(no server)") + (f" and {more} more" if more > 0 else "")

    def as_dict(self) -> dict[str, object]:
        """Return it as the module returns it."""
        return {
            "class": self.name,
            "key": self.key,
            "risk": self.risk,
            "scope": self.scope,
            "server": self.server,
            "servers": list(self.servers[:MOST_PROBES]),
            "servers_count": len(self.servers),
            "old_block": self.before_block,
            "new_block": self.after_block,
            "listeners": list(self.listeners),
            "requests": self.requests,
            "probes": list(self.probes[:MOST_PROBES]),
            "also": dict(sorted(self.also.items())),
            "notes": list(self.notes),
            "scenario": self.scenario,
            "example": self.example.as_dict(),
            "cause": [cause.as_dict() for cause in self.causes[:MOST_CAUSES]],
            "causes_count": len(self.causes),
            "accepted": self.accepted.as_dict() if self.accepted else None,
        }


@dataclass(frozen=True)
class Unverified:
    """A gap of the comparison.

    `changed`: a change that no request exercises, or only approximately; `unstable`: answers that differ from run
    to run; `limit`: a feature that a private world cannot show.
    """

    kind: t.Literal["changed", "unstable", "limit"]
    what: str
    reason: str
    file: str | None = None
    line: int | None = None

    def as_dict(self) -> dict[str, object]:
        """Return it as the module returns it."""
        return {"kind": self.kind, "what": self.what, "reason": self.reason, "file": self.file, "line": self.line}


@dataclass(frozen=True)
class ExpectationResult:
    """One request of an expectation, and whether its outcome is the expected one.

    `expected` and `got` have a text for each expected field, `failed` names the fields that differ.
    """

    name: str
    ok: bool
    expected: dict[str, str]
    got: dict[str, str]
    failed: tuple[str, ...]
    request: str
    file: str
    line: int
    probe: str

    def as_dict(self) -> dict[str, object]:
        """Return it as the module returns it."""
        return {
            "name": self.name,
            "ok": self.ok,
            "expected": self.expected,
            "got": self.got,
            "failed": list(self.failed),
            "request": self.request,
            "file": self.file,
            "line": self.line,
            "probe": self.probe,
        }


@dataclass(frozen=True)
class UnstableField:
    """A field that was not compared because it differs from run to run; `example` is the id of a probe."""

    field: str
    requests: int
    example: str

    def as_dict(self) -> dict[str, object]:
        """Return it as the module returns it."""
        return {"field": self.field, "requests": self.requests, "example": self.example}


@dataclass(frozen=True)
class CoverageCount:
    """The number of blocks of a kind, and of those that requests reached."""

    covered: int = 0
    total: int = 0

    def as_dict(self) -> dict[str, object]:
        """Return it as the module returns it."""
        return {"covered": self.covered, "total": self.total}


@dataclass(frozen=True)
class UncoveredBlock:
    """A block, or an entry of a map, that no request reached; `server` is empty for maps."""

    kind: str
    block: str
    file: str
    line: int
    server: str

    def as_dict(self) -> dict[str, object]:
        """Return it as the module returns it."""
        return {"kind": self.kind, "block": self.block, "file": self.file, "line": self.line, "server": self.server}


@dataclass(frozen=True)
class Coverage:
    """The blocks of the new configuration that requests reached. `traced` is False where that is unknown."""

    servers: CoverageCount = CoverageCount()
    locations: CoverageCount = CoverageCount()
    ifs: CoverageCount = CoverageCount()
    maps: CoverageCount = CoverageCount()
    traced: bool = False
    uncovered: tuple[UncoveredBlock, ...] = ()

    @property
    def counts(self) -> dict[str, CoverageCount]:
        """Return the counts by kind."""
        return {"servers": self.servers, "locations": self.locations, "ifs": self.ifs, "maps": self.maps}

    @property
    def covered(self) -> int:
        """Return how many servers, locations and ifs were reached."""
        return self.servers.covered + self.locations.covered + self.ifs.covered

    @property
    def total(self) -> int:
        """Return how many servers, locations and ifs there are."""
        return self.servers.total + self.locations.total + self.ifs.total

    def as_dict(self) -> dict[str, object]:
        """Return it as the module returns it; a long list is cut."""
        return {
            **{name: count.as_dict() for name, count in self.counts.items()},
            "covered": self.covered,
            "total": self.total,
            "traced": self.traced,
            "uncovered": [each.as_dict() for each in self.uncovered[:MOST_LISTED]],
            "uncovered_count": len(self.uncovered),
        }


@dataclass(frozen=True)
class RequestCount:
    """The requests of one server without made-up circumstances.

    Attributes:
        requests: all of them.
        changed: those that are in a group that is not accepted.
        failing: those of them that were answered below 400, at the end of their redirects, and are not now.
    """

    requests: int
    changed: int
    failing: int

    def as_dict(self) -> dict[str, object]:
        """Return it as the module returns it."""
        return {"requests": self.requests, "changed": self.changed, "failing": self.failing}


@dataclass(frozen=True)
class ConfigSummary:
    """The summary of the semantic diff: one line for people, and its numbers."""

    text: str
    numbers: dict[str, object] = field(default_factory=dict)

    @classmethod
    def from_json(cls, data: t.Mapping[str, object]) -> ConfigSummary:
        """Read the summary of a semantic diff."""
        return cls(str(data["text"]), {name: value for name, value in data.items() if name != "text"})

    def as_dict(self) -> dict[str, object]:
        """Return it as the module returns it."""
        return {**self.numbers, "text": self.text}


@dataclass(frozen=True)
class GateFailure:
    """A reason to refuse the candidate: a change, a failed expectation, or a change that is not exercised."""

    name: str
    risk: str
    reason: BehaviourChange | ExpectationResult | Unverified

    @property
    def probe(self) -> str | None:
        """Return the id of a probe that shows it."""
        if isinstance(self.reason, BehaviourChange):
            return self.reason.example.probe
        return self.reason.probe if isinstance(self.reason, ExpectationResult) else None

    @property
    def about(self) -> tuple[str, ...]:
        """Return the fields or the class that speak of it, for a search of its cause."""
        return self.reason.failed if isinstance(self.reason, ExpectationResult) else (self.name,)

    def as_dict(self) -> dict[str, object]:
        """Return it as the module returns it."""
        return {"class": self.name, "risk": self.risk, **self.reason.as_dict()}


@dataclass
class RouteCheckReport:
    """The findings of a route check.

    Attributes:
        requests: how many probes were sent.
        changed_requests: how many of them changed in a way that is not accepted.
        verdicts: `verified`, `approx` or `not-verified` -> number of requests.
        unstable_fields: the fields that were not compared.
        config: the summary of the semantic diff; None without one.
        accounts: the account of every change of the semantic diff, in its order; empty without one.
        servers: server -> the numbers of its requests.
    """

    requests: int
    changes: list[BehaviourChange]
    accepted: list[BehaviourChange]
    changed_requests: int
    unverified: list[Unverified] = field(default_factory=list)
    coverage: Coverage = Coverage()
    verdicts: dict[str, int] = field(default_factory=dict)
    expectations: list[ExpectationResult] = field(default_factory=list)
    unstable_fields: list[UnstableField] = field(default_factory=list)
    accept_expired: list[AcceptEntry] = field(default_factory=list)
    accept_unused: list[AcceptEntry] = field(default_factory=list)
    config: ConfigSummary | None = None
    accounts: list[ChangeAccount] = field(default_factory=list)
    servers: dict[str, RequestCount] = field(default_factory=dict)

    @property
    def unobserved(self) -> int:
        """Return how many changes of the semantic diff no group shows."""
        return sum(each.state != "shown" for each in self.accounts)

    @property
    def unverified_changes(self) -> list[Unverified]:
        """Return the changes that are not exercised, and the requests whose answers are not stable."""
        return [each for each in self.unverified if each.kind in ("changed", "unstable")]

    @property
    def failed_expectations(self) -> list[ExpectationResult]:
        """Return the expectations that do not hold."""
        return [each for each in self.expectations if not each.ok]

    def risks(self) -> dict[str, int]:
        """Return risk -> number of groups that are not accepted."""
        return {risk: sum(change.risk == risk for change in self.changes) for risk in RISKS}

    def gate(self, fail_on: Iterable[str] = DEFAULT_FAIL_ON, *, fail_on_unverified: bool = False) -> list[GateFailure]:
        """Return the reasons to refuse the candidate; every failed expectation is one.

        Args:
            fail_on: classes and risks of changes that are reasons; accepted changes never are.
            fail_on_unverified: a change that is not exercised, or an answer that is not stable, is a reason, too.

        Raises:
            RouteError: `fail_on` holds a word that is neither.
        """
        classes = guilty_classes(fail_on)
        failures = [
            GateFailure(change.name, change.risk, change)
            for change in self.changes
            if {change.name, *change.also} & classes
        ]
        failures += [GateFailure("expectation-failed", "critical", each) for each in self.failed_expectations]
        if fail_on_unverified:
            failures += [GateFailure("not-verified", "high", each) for each in self.unverified_changes]
        return failures

    def as_dict(self) -> dict[str, t.Any]:
        """Return the report as the module returns it; long lists are cut, and `left_out` counts the rest."""
        changes, accepted, unverified, unstable = (
            [each.as_dict() for each in entries]
            for entries in (self.changes, self.accepted, self.unverified, self.unstable_fields)
        )
        accounting = [each.as_dict() for each in self.accounts]
        lists = {
            "changes": changes,
            "accepted": accepted,
            "unverified": unverified,
            "noise": unstable,
            "accounting": accounting,
        }
        return {
            "summary": self._summary(),
            **{name: entries[:MOST_LISTED] for name, entries in lists.items()},
            "accept_expired": [each.as_dict() for each in self.accept_expired],
            "accept_unused": [each.as_dict() for each in self.accept_unused],
            "expectations": [each.as_dict() for each in self.expectations],
            "coverage": self.coverage.as_dict(),
            "config": self.config.as_dict() if self.config else None,
            "unobserved": self.unobserved,
            "left_out": {
                name: len(entries) - MOST_LISTED for name, entries in lists.items() if len(entries) > MOST_LISTED
            },
        }

    def _summary(self) -> dict[str, object]:
        classes: dict[str, int] = {}
        for change in self.changes:
            classes[change.name] = classes.get(change.name, 0) + change.requests
        failed = len(self.failed_expectations)
        return {
            "requests": self.requests,
            "changed": self.changed_requests,
            "accepted": sum(change.requests for change in self.accepted),
            "groups": len(self.changes),
            "risks": self.risks(),
            "classes": classes,
            "verdicts": self.verdicts,
            "unverified": len(self.unverified_changes),
            "accounting": {"changes": len(self.accounts), **count_states(self.accounts)},
            "expectations": {"passed": len(self.expectations) - failed, "failed": failed},
            "failing": sum(count.failing for count in self.servers.values()),
            "covered": {"blocks": self.coverage.covered, "of": self.coverage.total},
        }
