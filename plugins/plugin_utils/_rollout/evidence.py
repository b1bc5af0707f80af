# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""The findings of a run beside its outcomes: journals, lint, comparisons, guilty lines.

A record keeps what hosts share once, with the hosts that it is about. Long lists are cut, and say how much is left out.
"""

from __future__ import annotations

import json
import typing as t
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from .plain_json import JsonObject, fields, plain, plain_object, rows, texts
from .results import CALLS, Hostvars, registered

#: Entries of a list that a record holds at most.
_MOST: t.Final = 50
_MOST_CAUSES: t.Final = 3
_CHANGE: t.Final = (
    "class", "key", "risk", "server", "servers_count", "old_block", "new_block", "requests", "notes", "example", "accepted",
)  # fmt: skip
_CAUSE: t.Final = ("kind", "risk", "line", "block", "servers", "before", "after")

#: Step -> the result that was registered; without steps that did not run.
Steps = Mapping[str, Mapping[str, object]]


@dataclass(frozen=True)
class SharedRow:
    """A finding or a guilty line as it was told, and the hosts that have it."""

    row: JsonObject
    hosts: tuple[str, ...]

    @classmethod
    def from_json(cls, data: object) -> SharedRow:
        """Read what `to_json` wrote."""
        row = plain_object(data)
        return cls(row, texts(row.pop("hosts", ())))

    def to_json(self) -> JsonObject:
        """Write both as one object."""
        return {**self.row, "hosts": list(self.hosts)}


@dataclass(frozen=True)
class RecordedComparison:
    """The comparison of a change on some hosts.

    Attributes:
        reason: why the change is not verified there, "" where it is.
        changes: groups of requests whose outcome changes.
        details: everything else that a comparison found; None where none was made.
    """

    verified: bool
    reason: str
    changes: tuple[JsonObject, ...] = ()
    details: JsonObject | None = None
    hosts: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, data: object) -> RecordedComparison:
        """Read what `to_json` wrote."""
        known = plain_object(data)
        verified, reason = bool(known.pop("verified", False)), str(known.pop("reason", ""))
        changes, hosts = tuple(map(plain_object, rows(known.pop("changes", ())))), texts(known.pop("hosts", ()))
        return cls(verified, reason, changes, known or None, hosts)

    @classmethod
    def of_result(cls, result: Mapping[str, object]) -> RecordedComparison:
        """Read the result of the route check on the host that made the comparison."""
        changes = list(map(_change, rows(result.get("changes"))))
        left_out = int(str(fields(result.get("left_out")).get("changes") or 0)) + max(0, len(changes) - _MOST)
        failed = [each for each in rows(result.get("expectations")) if not each.get("ok")]
        unverified = plain(result.get("unverified") or [])
        details: JsonObject = {
            "refused": bool(result.get("failed")),
            "summary": plain_object(result.get("summary")),
            "changes_left_out": left_out,
            "accepted": list(map(_change, rows(result.get("accepted"))))[:_MOST],
            "expectations_failed": plain(failed[:_MOST]),
            "unverified": unverified[:_MOST] if isinstance(unverified, list) else unverified,
        }
        return cls(bool(result.get("verified")), str(result.get("reason") or ""), tuple(changes[:_MOST]), details)

    def to_json(self) -> JsonObject:
        """Write it."""
        own: JsonObject = {"hosts": list(self.hosts), "verified": self.verified, "reason": self.reason}
        return {**own, "changes": list(self.changes), **(self.details or {})}


@dataclass(frozen=True)
class HostAnswer:
    """The journal of a host since the run began, and the releases that it runs, as it told them."""

    journal: tuple[JsonObject, ...]
    current: JsonObject

    @classmethod
    def from_json(cls, data: object) -> HostAnswer:
        """Read what `to_json` wrote."""
        known = fields(data)
        return cls(tuple(map(plain_object, rows(known.get("journal")))), plain_object(known.get("current")))

    def to_json(self) -> JsonObject:
        """Write it."""
        return {"journal": list(self.journal), "current": self.current}


@dataclass(frozen=True)
class Evidence:
    """The findings about the hosts of a run.

    Attributes:
        journals: host -> the lines that this run wrote into its journal; a host that never answered is missing.
        nginx: version -> hosts.
        findings: of lint.
        behaviour: comparisons, one for each group of hosts that is alike.
        culprits: guilty lines, `by` which is `bisect`, `nginx` or `lint`.
        left_out: the numbers of findings and culprits that are not listed.
    """

    journals: dict[str, list[JsonObject]] = field(default_factory=dict)
    nginx: dict[str, list[str]] = field(default_factory=dict)
    findings: tuple[SharedRow, ...] = ()
    behaviour: tuple[RecordedComparison, ...] = ()
    culprits: tuple[SharedRow, ...] = ()
    left_out: dict[str, int] = field(default_factory=dict)


def gather(hosts: Iterable[str], hostvars: Hostvars) -> Evidence:
    """Read what the role registered on these hosts in this run."""
    known = {host: _steps(hostvars[host]) for host in hosts}
    findings = _shared(known, lambda steps: rows(steps.get("staged", {}).get("findings")))
    culprits = _shared(known, _culprits)
    return Evidence(
        journals={host: _journal(steps) for host, steps in known.items() if _answered(steps)},
        nginx=_versions(known),
        findings=findings[:_MOST],
        behaviour=_comparisons(known),
        culprits=culprits[:_MOST],
        left_out={"findings": len(findings[_MOST:]), "culprits": len(culprits[_MOST:])},
    )


def host_answers(
    hosts: Iterable[str], hostvars: Hostvars, journals: Mapping[str, list[JsonObject]], started: str
) -> dict[str, HostAnswer]:
    """Read the journals that hosts told of themselves, from where this run begins.

    Args:
        hosts: their names.
        hostvars: Ansible's.
        journals: host -> the lines that this run wrote.
        started: when the run began, for a host without such a line.
    """
    results = {host: registered(hostvars[host], "journal") for host in hosts}
    return {
        host: _answer(result, journals.get(host) or [], started)
        for host, result in results.items()
        if isinstance(result.get("history"), (list, tuple)) and not (result.get("failed") or result.get("unreachable"))
    }


def _answer(result: Mapping[str, object], own: list[JsonObject], started: str) -> HostAnswer:
    # The host's clock may differ from the controller's: a line of this run tells where in the journal it begins.
    first = own[0].get("seq") if own else None
    lines = [
        {name: value for name, value in plain_object(line).items() if name != "metadata"}
        for line in rows(result["history"])
        if (str(line.get("time")) >= started if first is None else _sequence(line) >= _sequence(own[0]))
    ]
    return HostAnswer(tuple(lines[::-1]), plain_object(result.get("current")))


def _steps(variables: Mapping[str, object]) -> Steps:
    found = {name: registered(variables, name) for name in (*CALLS, "behaviour", "bisected")}
    return {name: result for name, result in found.items() if result}


def _answered(steps: Steps) -> bool:
    return any(name in steps and not steps[name].get("unreachable") for name in CALLS)


def _journal(steps: Steps) -> list[JsonObject]:
    lines = [plain_object(line) for name in CALLS for line in rows(steps.get(name, {}).get("journal"))]
    return sorted(lines, key=_sequence)


def _sequence(line: Mapping[str, object]) -> int:
    return int(str(line.get("seq") or 0))


def _versions(known: Mapping[str, Steps]) -> dict[str, list[str]]:
    versions: dict[str, list[str]] = {}
    for host, steps in known.items():
        version = fields(steps.get("staged", {}).get("validation")).get("nginx_version")
        if version:
            versions.setdefault(str(version), []).append(host)
    return dict(sorted(versions.items()))


def _culprits(steps: Steps) -> Iterator[JsonObject]:
    """Yield the guilty lines of a host: found by a search, named by nginx or by lint."""
    staged = steps.get("staged", {})
    for name in ("behaviour", "bisected"):
        for line in rows(steps.get(name, {}).get("culprits")):
            yield {"by": "bisect", **{key: line.get(key) for key in ("file", "line", "kind", "text", "before")}}
    validation = fields(staged.get("validation"))
    if validation.get("ok") is False:
        place = {key: validation.get(key) for key in ("file", "line")}
        yield {"by": "nginx", **place, "text": validation.get("message")}
    for finding in rows(staged.get("guilty")):
        text = f"{finding.get('rule')}: {finding.get('message')}"
        yield {"by": "lint", **{key: finding.get(key) for key in ("file", "line")}, "text": text}


def _shared(
    known: Mapping[str, Steps], choose: Callable[[Steps], Iterable[Mapping[str, object]]]
) -> tuple[SharedRow, ...]:
    """Return what is chosen on each host, once, in the order of its first host."""
    chosen: dict[str, tuple[JsonObject, dict[str, None]]] = {}
    for host, steps in known.items():
        for item in choose(steps):
            row = plain_object(item)
            chosen.setdefault(json.dumps(row, sort_keys=True), (row, {}))[1][host] = None
    return tuple(SharedRow(row, tuple(hosts)) for row, hosts in chosen.values())


def _comparisons(known: Mapping[str, Steps]) -> tuple[RecordedComparison, ...]:
    """Return one comparison for hosts that share it, and one for each reason why there is none."""
    found: dict[str, RecordedComparison] = {}
    hosts: dict[str, list[str]] = {}
    for host, steps in known.items():
        result = steps.get("behaviour")
        if result is None:
            continue
        ended = "verified" in result
        key = str(result.get("reason") if result.get("verified") is False else result.get("asked_of") or host)
        reason = "" if ended else str(result.get("reason") or result.get("msg") or "")
        found.setdefault(key, RecordedComparison(verified=False, reason=reason))
        hosts.setdefault(key, []).append(host)
        if ended and "asked_of" not in result:
            found[key] = RecordedComparison.of_result(result)
    # Hosts that differ in what no request shows were compared one by one, with the same outcome.
    alike: dict[str, list[str]] = {}
    for key, comparison in found.items():
        alike.setdefault(json.dumps(comparison.to_json(), sort_keys=True), []).append(key)
    return tuple(
        replace(found[keys[0]], hosts=tuple(host for key in keys for host in hosts[key])) for keys in alike.values()
    )


def _change(change: Mapping[str, object]) -> JsonObject:
    causes = [{name: cause.get(name) for name in _CAUSE} for cause in rows(change.get("cause"))][:_MOST_CAUSES]
    return plain_object({**{name: change.get(name) for name in _CHANGE}, "cause": causes})
