# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The result of a comparison: plain data, in one order whatever the run."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from .classes import DEFAULT_FAIL_ON, RISKS, guilty_classes, risk_of

if t.TYPE_CHECKING:
    from collections.abc import Iterable

#: What is listed of anything that may be long; the rest is counted.
MOST_PROBES: t.Final = 20
MOST_CAUSES: t.Final = 10
MOST_LISTED: t.Final = 200

Scope = t.Literal["block", "server", "name"]


@dataclass(frozen=True)
class Example:
    """One request of a group, and what it got before and after."""

    probe: str
    request: str
    why: str
    file: str | None
    line: int | None
    before: tuple[str, ...]
    after: tuple[str, ...]

    def as_dict(self) -> dict[str, t.Any]:
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
    """A group of requests that changed in one way for one cause."""

    name: str
    scope: Scope
    servers: tuple[str, ...]
    before_block: str
    after_block: str
    listeners: tuple[str, ...]
    requests: int
    probes: tuple[str, ...]
    example: Example
    causes: tuple[dict[str, t.Any], ...] = ()
    #: Other classes that requests of this group fall into, with how many.
    also: dict[str, int] = field(default_factory=dict)
    #: What is to be said beside the example: a loop's URLs, the headers that are gone, a name's old and new server.
    notes: tuple[str, ...] = ()
    #: Only requests under made-up circumstances changed: an upstream that fails, a crafted answer.
    scenario: bool = False
    accepted: dict[str, t.Any] | None = None

    @property
    def risk(self) -> str:
        return risk_of(self.name)

    @property
    def where(self) -> str:
        """The place in one phrase: `location /a  =>  location /b`, `whole server`."""
        if self.scope != "block":
            return {"server": "whole server", "name": "server name"}[self.scope]
        before, after = self.before_block or "(server)", self.after_block or "(server)"
        return before if before == after else f"{before}  =>  {after}"

    @property
    def server(self) -> str:
        more = len(self.servers) - 1
        return (self.servers[0] if self.servers else "(no server)") + (f" and {more} more" if more > 0 else "")

    def as_dict(self) -> dict[str, t.Any]:
        return {
            "class": self.name,
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
            "cause": list(self.causes[:MOST_CAUSES]),
            "causes_count": len(self.causes),
            "accepted": self.accepted,
        }


@dataclass(frozen=True)
class Unverified:
    """Something that the comparison does not vouch for.

    `changed`: a changed block that no probe reached, or that only approximations reached; `unstable`: answers that differ by
    themselves; `unanswered`: a probe without an answer on either side; `limit`: a feature that a private world cannot show.
    """

    kind: t.Literal["changed", "unstable", "unanswered", "limit"]
    what: str
    reason: str
    file: str | None = None
    line: int | None = None

    def as_dict(self) -> dict[str, t.Any]:
        return {
            "kind": self.kind,
            "what": self.what,
            "reason": self.reason,
            "file": self.file,
            "line": self.line,
        }


@dataclass
class Report:
    """Everything that a route check found."""

    requests: int
    changes: list[BehaviourChange]
    accepted: list[BehaviourChange]
    changed_requests: int
    unverified: list[Unverified] = field(default_factory=list)
    coverage: dict[str, t.Any] = field(default_factory=dict)
    #: Verdict -> number of requests.
    verdicts: dict[str, int] = field(default_factory=dict)
    expectations: list[dict[str, t.Any]] = field(default_factory=list)
    noise: list[dict[str, t.Any]] = field(default_factory=list)
    accept_expired: list[dict[str, t.Any]] = field(default_factory=list)
    accept_unused: list[dict[str, t.Any]] = field(default_factory=list)
    #: The summary of the semantic diff; None where none was made.
    config: dict[str, t.Any] | None = None
    #: The changes of the semantic diff that are no cause of any group.
    unobserved: int = 0

    @property
    def unverified_changes(self) -> list[Unverified]:
        return [each for each in self.unverified if each.kind in ("changed", "unstable")]

    @property
    def failed_expectations(self) -> list[dict[str, t.Any]]:
        return [each for each in self.expectations if not each.get("ok")]

    def risks(self) -> dict[str, int]:
        """Risk -> number of groups that are not accepted."""
        return {risk: sum(change.risk == risk for change in self.changes) for risk in RISKS}

    def gate(
        self, fail_on: Iterable[str] = DEFAULT_FAIL_ON, *, fail_on_unverified: bool = False
    ) -> list[dict[str, t.Any]]:
        """What speaks against the candidate: changes of these classes, every failed expectation, what nobody verified.

        Args:
            fail_on: names of classes and risks; accepted changes never count.
            fail_on_unverified: whether a changed block that is not verified counts.

        Raises:
            RouteError: `fail_on` holds a word that is neither.
        """
        classes = guilty_classes(fail_on)
        guilty = [change.as_dict() for change in self.changes if {change.name, *change.also} & classes]
        guilty += [{"class": "expectation-failed", "risk": "critical", **each} for each in self.failed_expectations]
        if fail_on_unverified:
            guilty += [{"class": "not-verified", "risk": "high", **each.as_dict()} for each in self.unverified_changes]
        return guilty

    def summary(self) -> dict[str, t.Any]:
        """The numbers of the first line."""
        classes: dict[str, int] = {}
        for change in self.changes:
            classes[change.name] = classes.get(change.name, 0) + change.requests
        return {
            "requests": self.requests,
            "changed": self.changed_requests,
            "accepted": sum(change.requests for change in self.accepted),
            "groups": len(self.changes),
            "risks": self.risks(),
            "classes": classes,
            "verdicts": self.verdicts,
            "unverified": len(self.unverified_changes),
            "expectations": {
                "passed": len(self.expectations) - len(self.failed_expectations),
                "failed": len(self.failed_expectations),
            },
            "covered": {"blocks": self.coverage.get("covered"), "of": self.coverage.get("total")},
        }

    def as_dict(self) -> dict[str, t.Any]:
        """The whole report as plain data; long lists are cut, with a count of what is left out."""
        left_out: dict[str, int] = {}

        def cut(name: str, entries: list[dict[str, t.Any]]) -> list[dict[str, t.Any]]:
            if len(entries) > MOST_LISTED:
                left_out[name] = len(entries) - MOST_LISTED
            return entries[:MOST_LISTED]

        result = {
            "summary": self.summary(),
            "changes": cut("changes", [change.as_dict() for change in self.changes]),
            "accepted": cut("accepted", [change.as_dict() for change in self.accepted]),
            "accept_expired": self.accept_expired,
            "accept_unused": self.accept_unused,
            "expectations": self.expectations,
            "unverified": cut("unverified", [each.as_dict() for each in self.unverified]),
            "coverage": self.coverage,
            "noise": cut("noise", self.noise),
            "config": self.config,
            "unobserved": self.unobserved,
        }
        return {**result, "left_out": left_out}
