# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The results that the role's tasks registered on a host, read into dataclasses.

A task that did not run, or was skipped, reads as a result that did not run: so does anything that is no result.
"""

from __future__ import annotations

import typing as t
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from .plain_json import fields, optional_text, rows, texts
from .plan_console import ToldComparison

#: Host -> its variables, as Ansible's `hostvars` has them.
Hostvars = Mapping[str, Mapping[str, object]]

#: The steps of a rollout in their order.
STEPS: t.Final = ("staged", "activated", "gated", "confirmed")
#: All calls of nginx_release.
CALLS: t.Final = (*STEPS, "rolled_back", "reverted", "unlocked")

_PREFIX: t.Final = "__nginx_deploy_"
#: In the sentences of a search that found no line.
_UNEXPLAINED: t.Final = ("cannot be bisected, because", "no line of the change explains it")
_CONFIG_DIR: t.Final = "/etc/nginx"


def registered(variables: Mapping[str, object], name: str) -> Mapping[str, object]:
    """Return the result that a task of the role registered; an empty one where it did not run."""
    result = fields(variables.get(_PREFIX + name))
    return {} if result.get("skipped") else result


class StepResult(t.NamedTuple):
    """The end of a task, and the fields of nginx_release that decide about a host.

    It is a tuple, because a verdict over a large fleet makes ten for each host, and Ansible asks for it once for each host.
    """

    ran: bool = False
    failed: bool = False
    unreachable: bool = False
    changed: bool = False
    message: str = ""
    state: str = ""
    release: str | None = None
    previous: str | None = None
    reload_needed: bool = False
    #: Seconds after which the host rolls back by itself; 0 without a lease.
    lease: float = 0
    #: The rollout that has reserved the host.
    rollout: str | None = None
    #: Whether staging made a plan that the route check can run.
    planned: bool = False

    @classmethod
    def from_json(cls, result: Mapping[str, object]) -> StepResult:
        """Read a registered result."""
        if not result:
            return _NOT_RUN
        lease = fields(result.get("lease")).get("seconds")
        return cls(
            ran=True,
            failed=bool(result.get("failed")),
            unreachable=bool(result.get("unreachable")),
            changed=bool(result.get("changed")),
            message=str(result.get("msg") or "no message").strip(),
            state=str(result.get("state") or ""),
            release=optional_text(result.get("release")),
            previous=optional_text(result.get("previous")),
            reload_needed=bool(result.get("reload_needed")),
            lease=float(lease) if isinstance(lease, (int, float)) else 0,
            rollout=optional_text(fields(result.get("rollout")).get("id")),
            planned=bool(result.get("plan")),
        )

    @property
    def bad(self) -> bool:
        """Return whether the task failed or lost the host."""
        return self.failed or self.unreachable

    @property
    def succeeded(self) -> bool:
        """Return whether the task ran to its end."""
        return self.ran and not self.bad

    @property
    def unchanged(self) -> bool:
        """Return whether staging found that the host runs the candidate already."""
        return self.state == "confirmed" and not self.reload_needed

    @property
    def reason(self) -> str:
        """Return the message of a task that failed or lost the host."""
        return f"unreachable: {self.message}" if self.unreachable else self.message


_NOT_RUN: t.Final = StepResult()


class RouteCheckResult(t.NamedTuple):
    """The result of the route check on a host, or of the search for guilty lines."""

    step: StepResult = _NOT_RUN
    #: None where the task ended before it could tell.
    verified: bool | None = None
    refused: bool | None = None
    #: Whether it is refused for nothing but groups that a key accepts.
    acceptable: bool = False
    #: A digest of the keys of all groups, accepted or not.
    groups: str = ""
    reason: str = ""
    #: Whether this host made the comparison, and not another one with the same configuration.
    compared: bool = False
    #: Lines of the change that are guilty of what was found.
    guilty_lines: tuple[str, ...] = ()
    #: The comparison of the configurations, and of the outcomes, as text.
    difference: str = ""
    report: str = ""
    #: What is printed of the comparison; None where another host made it.
    console: ToldComparison | None = None

    @classmethod
    def from_json(cls, result: Mapping[str, object]) -> RouteCheckResult:
        """Read a registered result."""
        return cls(
            step=StepResult.from_json(result),
            verified=bool(result["verified"]) if "verified" in result else None,
            refused=bool(result["refused"]) if "refused" in result else None,
            acceptable=bool(result.get("acceptable")),
            groups=str(result.get("groups") or ""),
            reason=str(result.get("reason") or ""),
            compared="changes" in result,
            guilty_lines=texts(result.get("lines")),
            difference=str(fields(result.get("difference")).get("text") or ""),
            report=str(fields(result.get("diff")).get("prepared") or ""),
            console=ToldComparison.from_json(result.get("console")),
        )


@dataclass(frozen=True)
class StagedFinding:
    """A finding of lint in a candidate."""

    severity: str
    rule: str
    file: str
    line: str
    message: str

    @classmethod
    def from_json(cls, finding: Mapping[str, object]) -> StagedFinding:
        """Read a finding that nginx_release returned."""
        return cls(*(str(finding.get(name, "")) for name in ("severity", "rule", "file", "line", "message")))


@dataclass(frozen=True)
class StagedChange:
    """The findings of staging about a candidate: the files that change, and digests of all that decides."""

    #: Digests of what nginx reads now and would read, "" where the host could not tell.
    before: str | None = None
    after: str | None = None
    #: Hosts with the same key have the same configuration, candidate and nginx.
    key: str | None = None
    added: tuple[str, ...] = ()
    modified: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    drift: tuple[str, ...] = ()
    #: A digest of the options.
    asked: str | None = None
    #: None where staging ended before lint.
    findings: tuple[StagedFinding, ...] | None = None
    #: The number of fields in the result: hosts that share an answer return fewer of them.
    size: int = 0

    @classmethod
    def from_json(cls, result: Mapping[str, object]) -> StagedChange:
        """Read the registered result of staging."""
        plan = fields(result.get("plan"))
        before, after, key = (optional_text(plan.get(name)) for name in ("before", "after", "key"))
        added, modified, removed, drift = (
            texts(result.get(name)) for name in ("added", "modified", "removed", "drift")
        )
        found = tuple(map(StagedFinding.from_json, rows(result.get("findings")))) if "findings" in result else None
        return cls(
            before, after, key, added, modified, removed, drift, optional_text(result.get("asked")), found, len(result)
        )


class HostResults:
    """The results that the role registered on a host. Each is read when it is first needed."""

    def __init__(self, variables: Mapping[str, object]) -> None:
        self._variables = variables
        self._steps: dict[str, StepResult] = {}

    def step(self, name: str) -> StepResult:
        """Return how a task ended, by the name that the role registers it under."""
        if name not in self._steps:
            self._steps[name] = StepResult.from_json(registered(self._variables, name))
        return self._steps[name]

    @property
    def staged(self) -> StepResult:
        """Return how staging ended."""
        return self.step("staged")

    @cached_property
    def change(self) -> StagedChange:
        """Return what staging found out."""
        return StagedChange.from_json(registered(self._variables, "staged"))

    @cached_property
    def route_check(self) -> RouteCheckResult:
        """Return the result of the route check."""
        return RouteCheckResult.from_json(registered(self._variables, "behaviour"))

    @cached_property
    def guilty_lines(self) -> tuple[str, ...]:
        """Return the lines that the search after a failed gate found."""
        return texts(registered(self._variables, "bisected").get("lines"))

    @cached_property
    def unsearched(self) -> str:
        """Return why the search after a failed gate named no line; "" where it named some, or where nothing was searched."""
        found = registered(self._variables, "bisected")
        if self.guilty_lines or found.get("skipped"):
            return ""
        lines = [line.strip() for line in str(found.get("msg") or "").splitlines()]
        return next((line for line in lines if any(words in line for words in _UNEXPLAINED)), "".join(lines[:1]))

    @cached_property
    def unasked(self) -> tuple[str, ...]:
        """Return the requests that the gate left out or could not ask, each with the reason."""
        gate = fields(registered(self._variables, "gated").get("gate"))
        return (*texts(registered(self._variables, "staged").get("probes_excluded")), *texts(gate.get("unasked")))

    @property
    def batch(self) -> tuple[str, ...]:
        """Return the hosts of the batch that this one was rolled out with; none before its turn."""
        return texts(registered(self._variables, "batch").get("hosts"))

    @property
    def rollout(self) -> str | None:
        """Return the id of this run."""
        return optional_text(registered(self._variables, "run").get("rollout"))

    @property
    def approved_plan(self) -> object:
        """Return the plan that the run was given to compare itself with, or None."""
        return fields(registered(self._variables, "input").get("options")).get("approved_plan")

    @property
    def config_dir(self) -> str:
        """Return nginx's configuration folder on the host."""
        return str(self._variables.get("nginx_deploy_config_dir") or _CONFIG_DIR)
