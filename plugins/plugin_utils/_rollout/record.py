# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""The record of one run, true at any moment in which the controller may die.

It says "interrupted" from its first version on, until the end of the run says otherwise. Hosts that are being changed are
"unknown" until their batch is over. So no signal and no crash has to be caught.
"""

from __future__ import annotations

import getpass
import os
import platform
import secrets
import typing as t
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from ansible_collections.failsafe.nginx.plugins.module_utils._common.json_fields import (
    decode,
    encode,
    omit_none,
    unknown_fields,
)

from .evidence import HostAnswer, RecordedComparison, SharedRow, gather, host_answers
from .launch import Launch
from .plain_json import JsonObject, plain_object
from .results import Hostvars
from .verdict import FleetVerdict, HostVerdict

SCHEMA: t.Final = 1

_UNKNOWN: t.Final = "the run ended while this host was being {}; ask failsafe.nginx.status what it runs"


@dataclass(frozen=True)
class RunController:
    """The process that runs the rollout."""

    user: str
    host: str
    pid: int
    unknown: JsonObject = unknown_fields()

    @classmethod
    def here(cls) -> RunController:
        """Describe this process."""
        return cls(_user(), platform.node().partition(".")[0] or "unknown", os.getppid())


@dataclass(frozen=True)
class HostsPeriod:
    """The hosts of a batch, or of a rollback of the fleet, and its time; `finished` is None while it lasts."""

    hosts: list[str]
    started: str
    finished: str | None = None
    unknown: JsonObject = unknown_fields()

    def closed(self, moment: datetime) -> HostsPeriod:
        """Return it with its end, unless it has one."""
        return replace(self, finished=self.finished or stamp(moment))


@dataclass(frozen=True)
class RecordedHost:
    """A host's verdict, and the time since which it has this outcome; None before the first batch."""

    verdict: HostVerdict
    since: str | None = None

    @classmethod
    def from_json(cls, data: object) -> RecordedHost:
        """Read what `to_json` wrote."""
        row = plain_object(data)
        since = row.pop("since", None)
        return cls(decode(HostVerdict, row), None if since is None else str(since))

    def to_json(self) -> JsonObject:
        """Write it; before the first batch no more is known than the outcome."""
        row = encode(self.verdict)
        if self.since is None:
            return {name: row[name] for name in ("host", "outcome", "reason")}
        return {**row, "since": self.since}


@dataclass(frozen=True)
class Record:
    """The record of one run. Times are UTC, in ISO 8601; fields of `Evidence` are absent before the first batch.

    Attributes:
        rollout: the run's id.
        settings: the options of the run, for people.
        verdict: one word, `interrupted` until the run comes to its end.
        fleet_rollback: the hosts that were rolled back with the fleet.
        asked: host -> the answer of a host that was asked about itself.
        launch: AWX's description of the job.
        unknown: fields of a newer version.
    """

    rollout: str
    controller: RunController
    settings: JsonObject
    started: str
    updated: str
    hosts: list[RecordedHost]
    text: list[str]
    finished: str | None = None
    verdict: str = "interrupted"
    ok: bool = False
    batches: list[HostsPeriod] = field(default_factory=list)
    fleet_rollback: HostsPeriod | None = None
    counts: dict[str, int] = field(default_factory=dict)
    schema: int = SCHEMA
    launch: Launch | None = omit_none()
    journals: dict[str, list[JsonObject]] | None = omit_none()
    nginx: dict[str, list[str]] | None = omit_none()
    findings: list[SharedRow] | None = omit_none()
    behaviour: list[RecordedComparison] | None = omit_none()
    culprits: list[SharedRow] | None = omit_none()
    left_out: dict[str, int] | None = omit_none()
    asked: dict[str, HostAnswer] | None = omit_none()
    unknown: JsonObject = unknown_fields()

    @classmethod
    def begin(
        cls, hosts: Iterable[str], settings: JsonObject, launch: Launch | None = None, moment: datetime | None = None
    ) -> Record:
        """Make the record of a run in which nothing has happened yet; it gets a new id."""
        moment = moment or datetime.now(UTC)
        controller = RunController.here()
        reason = "the run ended before this host was asked"
        return cls(
            rollout=f"{controller.user}@{controller.host}-{moment:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}",
            controller=controller,
            settings=settings,
            started=stamp(moment),
            updated=stamp(moment),
            hosts=[RecordedHost(HostVerdict(host, "unknown", reason=reason)) for host in hosts],
            text=["the run ended before any host was asked"],
            launch=launch if launch and launch.to_json() else None,
        )

    def with_batch(self, verdict: FleetVerdict, hosts: Iterable[str], moment: datetime | None = None) -> Record:
        """Return the record once a batch begins; the one before is over."""
        names, moment = list(hosts), moment or datetime.now(UTC)
        batches = [*self._closed(moment), HostsPeriod(names, stamp(moment))]
        changing = [row.host for row in verdict.hosts if row.outcome == "pending" and row.host in names]
        return replace(self._updated(verdict, moment, changing, "changed"), batches=batches)

    def settled(self, verdict: FleetVerdict, hosts: Iterable[str], moment: datetime | None = None) -> Record:
        """Return the record once no batch is left; `hosts` are now rolled back with the fleet."""
        names, moment = list(hosts), moment or datetime.now(UTC)
        rollback = HostsPeriod(names, stamp(moment)) if names else None
        record = self._updated(verdict, moment, names, "rolled back")
        return replace(record, batches=self._closed(moment), fleet_rollback=rollback)

    def ended(self, verdict: FleetVerdict, moment: datetime | None = None) -> Record:
        """Return the record of a run that came to its end."""
        moment = moment or datetime.now(UTC)
        rollback = self.fleet_rollback and replace(self.fleet_rollback, finished=stamp(moment))
        return replace(
            self._updated(verdict, moment, (), ""),
            batches=self._closed(moment),
            fleet_rollback=rollback,
            finished=stamp(moment),
            verdict=verdict.verdict,
            ok=verdict.ok,
        )

    def with_evidence(self, hostvars: Hostvars) -> Record:
        """Return the record with what the role registered on its hosts."""
        found = gather(self._known(hostvars), hostvars)
        record = replace(
            self,
            journals=found.journals,
            nginx=found.nginx,
            findings=list(found.findings),
            behaviour=list(found.behaviour),
            culprits=list(found.culprits),
            left_out=found.left_out,
        )
        return record.with_answers(hostvars)

    def with_answers(self, hostvars: Hostvars) -> Record:
        """Return the record with the answers of hosts that were asked about themselves."""
        answers = host_answers(self._known(hostvars), hostvars, self.journals or {}, self.started)
        return replace(self, asked={**(self.asked or {}), **answers})

    def _known(self, hostvars: Hostvars) -> list[str]:
        return [row.verdict.host for row in self.hosts if row.verdict.host in hostvars]

    def _closed(self, moment: datetime) -> list[HostsPeriod]:
        return [batch.closed(moment) for batch in self.batches]

    def _updated(self, verdict: FleetVerdict, moment: datetime, changing: Iterable[str], what: str) -> Record:
        """Return the record with this verdict; hosts that are being changed become unknown."""
        names, before = set(changing), {row.verdict.host: row for row in self.hosts}
        hosts = [
            replace(row, outcome="unknown", reason=_UNKNOWN.format(what)) if row.host in names else row
            for row in verdict.hosts
        ]
        rows = [RecordedHost(row, _since(before.get(row.host), row, moment)) for row in hosts]
        return replace(self, hosts=rows, counts=verdict.counts, text=list(verdict.text), updated=stamp(moment))


def _since(before: RecordedHost | None, row: HostVerdict, moment: datetime) -> str:
    if before is not None and before.since is not None and before.verdict.outcome == row.outcome:
        return before.since
    return stamp(moment)


def stamp(moment: datetime) -> str:
    """Return a time as records have it, with milliseconds."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # an account without a name, as containers have it; OSError from Python 3.13 on
        return f"uid{os.getuid()}"
