# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Results of the engine's steps, as the modules return them."""

from __future__ import annotations

import dataclasses
import typing as t

from .._common.json_fields import encode, omit_none
from .state import ConfigFacts

#: JSON of a result.
ResultJson = t.Dict[str, object]
_JOURNALED = ("ok", "reason", "seconds", "rounds", "failed", "already_failing")


@dataclasses.dataclass(frozen=True)
class Verdict:
    """A proof or the outcome of a gate: `ok`, `reason`, and more for people."""

    shown: t.Dict[str, object]

    @property
    def ok(self) -> bool:
        """Return whether it was passed."""
        return bool(self.shown["ok"])

    @property
    def reason(self) -> str:
        """Return why it failed."""
        return str(self.shown["reason"])

    def journaled(self) -> ResultJson:
        """Return the part for the journal."""
        return {name: self.shown[name] for name in _JOURNALED if name in self.shown}

    def to_json(self) -> ResultJson:
        """Return all of it."""
        return dict(self.shown)


class Validated(t.NamedTuple):
    """The validation of a tree by nginx; `limits` says what it could not cover, `dump` is the output of `nginx -T`."""

    ok: bool
    message: str = ""
    method: str = ""
    version: str = ""
    warnings: t.Tuple[str, ...] = ()
    limits: t.Tuple[str, ...] = ()
    file: t.Optional[str] = None
    line: t.Optional[int] = None
    dump: t.Optional[bytes] = None
    facts: t.Optional[ConfigFacts] = None
    modules: t.Tuple[str, ...] = ()

    def report(self, notes: t.Iterable[str] = ()) -> ValidationReport:
        """Return the part for results, with more limits."""
        return ValidationReport(
            self.ok, self.message, self.method, list(self.warnings), [*self.limits, *notes], self.file, self.line,
            self.version,
        )  # fmt: skip


@dataclasses.dataclass
class ValidationReport:
    """A validation in results and in the journal."""

    ok: bool
    message: str
    method: str
    warnings: t.List[str]
    limits: t.List[str]
    file: t.Optional[str]
    line: t.Optional[int]
    nginx_version: str

    def to_json(self) -> ResultJson:
        """Return it as JSON."""
        return dict(vars(self))


@dataclasses.dataclass
class LeaseView:
    """A lease in results; seconds."""

    release: str
    mechanism: str
    seconds: float
    expires_in: float
    alive: bool


@dataclasses.dataclass
class ReservationView:
    """A reservation in results; `age` and `expires_in` in seconds."""

    id: str
    holder: str
    since: str
    age: int
    expires_in: int


@dataclasses.dataclass
class Status:
    """The releases of a host, the one that nginx runs, and the claims on the host."""

    confirmed: t.Optional[str] = None
    previous: t.Optional[str] = None
    active: t.Optional[str] = None
    phase: t.Optional[str] = None
    staged: t.Optional[str] = None
    trouble: t.Optional[str] = None
    running: t.Optional[str] = None
    interrupted: bool = False
    releases: t.List[str] = dataclasses.field(default_factory=list)
    lease: t.Optional[LeaseView] = None
    rollout: t.Optional[ReservationView] = None

    def to_json(self) -> ResultJson:
        """Return it as JSON."""
        return encode(self)


@dataclasses.dataclass
class FileDiff:
    """A file's change as Ansible shows it."""

    before_header: str
    after_header: str
    before: str
    after: str


@dataclasses.dataclass
class DriftedFile:
    """A managed file that differs from its release; `added` and `removed` are numbers of lines, `diff` is cut short."""

    path: str
    change: str
    added: int
    removed: int
    diff: str

    def to_json(self) -> ResultJson:
        """Return it as JSON."""
        return encode(self)


@dataclasses.dataclass
class StageResult:
    """A staged candidate, or the finding that the host has it already.

    Attributes:
        dump, dump_current: what nginx read, for the action plugin (base64 of zlib).
        recovered: what an earlier run had left and was rolled back first.
    """

    release: str
    state: str
    changed: bool
    added: t.List[str]
    modified: t.List[str]
    removed: t.List[str]
    drift: t.List[str]
    special: t.List[str]
    previous: str
    diff: t.List[FileDiff]
    validation: t.Optional[ValidationReport] = None
    modules: t.Optional[t.List[str]] = omit_none()
    dump: t.Optional[str] = None
    dump_current: t.Optional[str] = None
    recovered: t.Optional[t.List[str]] = omit_none()

    def to_json(self) -> ResultJson:
        """Return it as JSON; names with an underscore are for the action plugin, where nginx read the release."""
        found = encode(self)
        packed = {f"_{name}": found.pop(name, None) for name in ("modules", "dump", "dump_current")}
        return found if self.modules is None else {**found, **packed}


@dataclasses.dataclass
class ActivateResult:
    """An active release; with `state` `confirmed` it was so before."""

    release: str
    changed: bool = False
    state: str = "active"
    reload_needed: bool = False
    added: t.Optional[t.List[str]] = omit_none()
    modified: t.Optional[t.List[str]] = omit_none()
    removed: t.Optional[t.List[str]] = omit_none()
    proof: t.Optional[Verdict] = omit_none()
    gate: t.Optional[Verdict] = omit_none()
    phase: t.Optional[str] = omit_none()
    lease: t.Optional[LeaseView] = None

    def to_json(self) -> ResultJson:
        """Return it as JSON."""
        found = encode(self)
        if self.phase is None:
            del found["lease"]
        return found


@dataclasses.dataclass
class ConfirmResult:
    """A confirmed release, and the old ones that were deleted."""

    release: str
    changed: bool = False
    pruned: t.Optional[t.List[str]] = omit_none()
    state: str = "confirmed"

    def to_json(self) -> ResultJson:
        """Return it as JSON."""
        return encode(self)


@dataclasses.dataclass
class RollbackResult:
    """A rollback to the confirmed release.

    Attributes:
        edited: paths that were edited by hand while the abandoned release was active.
        kept: the release that keeps these edits.
        stopped: nginx was stopped, because it did not run before the activation.
        older: other stored releases, where nothing had to be undone.
    """

    release: t.Optional[str]
    changed: bool
    state: str = "rolled_back"
    edited: t.Optional[t.List[str]] = omit_none()
    kept: t.Optional[str] = omit_none()
    added: t.Optional[t.List[str]] = omit_none()
    modified: t.Optional[t.List[str]] = omit_none()
    removed: t.Optional[t.List[str]] = omit_none()
    stopped: t.Optional[bool] = omit_none()
    proof: t.Optional[Verdict] = omit_none()
    gate: t.Optional[Verdict] = omit_none()
    older: t.Optional[t.List[str]] = omit_none()

    def to_json(self) -> ResultJson:
        """Return it as JSON."""
        return encode(self)


@dataclasses.dataclass
class StoredRollbackResult:
    """A rollback to a stored release, which is staged, activated and confirmed like a new one."""

    staged: StageResult
    activated: t.Optional[ActivateResult] = None
    confirmed: t.Optional[ConfirmResult] = None

    @property
    def release(self) -> str:
        """Return the release."""
        return self.staged.release

    def to_json(self) -> ResultJson:
        """Return it as JSON."""
        found = self.staged.to_json()
        for step in (self.activated, self.confirmed):
            found.update(step.to_json() if step else {})
        return {**found, "state": "rolled_back"}


@dataclasses.dataclass
class AdoptResult:
    """The live files as a release of their own, where any had drifted."""

    release: str
    changed: bool
    drift: t.List[str]
    state: str = "adopted"
    proof: t.Optional[Verdict] = None
    recovered: t.Optional[t.List[str]] = omit_none()

    def to_json(self) -> ResultJson:
        """Return it as JSON; the proof (null where nginx does not run) is there if a release was made."""
        found = encode(self)
        if not self.drift:
            del found["proof"]
        return found


@dataclasses.dataclass
class UnlockResult:
    """A host that this run has not reserved any more."""

    release: t.Optional[str]
    changed: bool = False
    state: str = "unlocked"
    rollout: t.Optional[ReservationView] = None

    def to_json(self) -> ResultJson:
        """Return it as JSON; a host without a store has no rollout."""
        found = encode(self)
        if self.release is None:
            del found["rollout"]
        return found


@dataclasses.dataclass
class RemoveResult:
    """A stored release that is deleted."""

    release: str
    changed: bool
    state: str = "absent"

    def to_json(self) -> ResultJson:
        """Return it as JSON."""
        return encode(self)


@dataclasses.dataclass
class PruneResult:
    """Old releases that were deleted."""

    pruned: t.List[str]
    changed: bool

    def to_json(self) -> ResultJson:
        """Return it as JSON."""
        return encode(self)


@dataclasses.dataclass
class RecoverResult:
    """The steps of a recovery, in words."""

    recovered: t.List[str]
    changed: bool
    left_to: t.Optional[str] = omit_none()

    def to_json(self) -> ResultJson:
        """Return it as JSON."""
        return encode(self)


@dataclasses.dataclass
class ExpireResult:
    """The end of a lease.

    Attributes:
        expires_in: seconds that are left, where the lease was renewed.
        ended: the lease had ended, and nothing was on trial.
    """

    rollback: t.Optional[RollbackResult] = None
    expires_in: t.Optional[float] = None
    ended: bool = False

    def to_json(self) -> ResultJson:
        """Return it as JSON."""
        if self.rollback:
            return self.rollback.to_json()
        return {"changed": False} if self.ended else {"changed": False, "expires_in": self.expires_in}


@dataclasses.dataclass
class Reserved:
    """A result with the reservation of the host."""

    result: t.Union[StageResult, ActivateResult]
    rollout: t.Optional[ReservationView]

    @property
    def release(self) -> str:
        """Return the release."""
        return self.result.release

    def to_json(self) -> ResultJson:
        """Return it as JSON."""
        return {**self.result.to_json(), "rollout": None if self.rollout is None else encode(self.rollout)}
