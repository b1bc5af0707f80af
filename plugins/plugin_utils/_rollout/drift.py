# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""Changes by hand over a fleet, from what the role registered on each host."""

from __future__ import annotations

import typing as t
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .errors import RolloutError
from .host_status import EditedFile, HostStatus, adoption
from .plain_json import JsonObject
from .results import Hostvars, registered

#: What a run does about drift.
POLICIES: t.Final = ("fail", "warn", "adopt")


@dataclass(frozen=True)
class DriftReport:
    """Hosts whose live files differ from their confirmed release.

    Attributes:
        ok: whether the policy fails no host, and there are hosts.
        hosts: host -> `clean`, `drifted`, `adopted` or `unknown`.
        failed: hosts that the policy fails.
        text: a summary, a line for each host that is not clean, and its diffs where they were asked for.
    """

    ok: bool
    hosts: Mapping[str, str]
    failed: tuple[str, ...]
    text: tuple[str, ...]

    def to_json(self) -> JsonObject:
        """Write it for Ansible."""
        return {"ok": self.ok, "hosts": dict(self.hosts), "failed": list(self.failed), "text": list(self.text)}


def drift_report(hosts: Iterable[str], hostvars: Hostvars, *, policy: str = "fail", diff: bool = False) -> DriftReport:
    """Report the drift of hosts.

    Args:
        hosts: their names.
        hostvars: Ansible's.
        policy: one of `POLICIES`.
        diff: whether the text shows the diffs.

    Raises:
        RolloutError: the policy is unknown.
    """
    if policy not in POLICIES:
        raise RolloutError(f"nginx_deploy_drift_policy has to be one of {', '.join(POLICIES)}, not {policy!r}.")
    outcomes: dict[str, str] = {}
    lines: list[str] = []
    for host in hosts:
        status = HostStatus.from_json(registered(hostvars[host], "status"), "drift")
        outcomes[host], line = _host(status, hostvars[host])
        if outcomes[host] != "clean":
            lines.append(f"{host}: {line}")
            lines.extend(_diffs(status) if diff else ())
    bad = {"unknown"} if policy == "warn" else {"unknown", "drifted"}
    failed = tuple(host for host, outcome in outcomes.items() if outcome in bad)
    counts = {name: list(outcomes.values()).count(name) for name in ("clean", "drifted", "adopted", "unknown")}
    head = ", ".join(f"{number} {name}" for name, number in counts.items() if number) or "no host"
    return DriftReport(bool(outcomes) and not failed, outcomes, failed, (head, *lines))


def _host(status: HostStatus, variables: Mapping[str, object]) -> tuple[str, str]:
    """Return the outcome of a host, and its line."""
    if status.problem:
        return "unknown", f"unknown: {status.problem}"
    adopted = adoption(variables)
    if adopted.bad:
        return "drifted", f"{_paths(status)}; not adopted: {adopted.message}"
    if not status.drift:
        return "clean", ""
    if adopted.ran:
        return "adopted", f"{_paths(status)}; adopted as {adopted.release}"
    return "drifted", _paths(status)


def _paths(status: HostStatus) -> str:
    files = status.drifted_files or {}
    return "changed by hand: " + ", ".join(f"{path}{_extent(files.get(path))}" for path in status.drift)


def _extent(file: EditedFile | None) -> str:
    if file is None:
        return ""
    lines = f" +{file.added} -{file.removed}" if file.added or file.removed else ""
    return f" ({file.change}{lines})"


def _diffs(status: HostStatus) -> list[str]:
    return [line for file in (status.drifted_files or {}).values() for line in file.diff.splitlines()]
