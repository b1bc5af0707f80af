# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What a change of state is called in one line. Takes the short fields of this collection's own results only."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping, Sequence

#: How bad a line is.
Mood = t.Literal["good", "plain", "bad"]
Line = tuple[Mood, str]

Result = Mapping[str, t.Any]

_LONGEST: t.Final = 200  # characters of a reason
_NAMES: t.Final = 5  # hosts of a batch that are listed


def elapsed(seconds: float) -> str:
    """Minutes and seconds, hours too where there are any."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}"


def release(state: str, *, reload: bool, result: Result) -> Line | None:
    """What nginx_release has done on a host, by what it was asked for."""
    if result.get("failed"):
        verb = {"staged": "refused", "rolled_back": "ROLLBACK FAILED"}.get(state, f"failed to become {state}")
        return "bad", f"{verb}: {_reason(result)}"
    name = result.get("release")
    if state == "staged":
        return _staged(result, name)
    if state == "active" and not reload:
        return "plain", f"activated {name}"
    if state == "active":
        gate = result.get("gate") or {}
        passed = f", gate passed in {float(gate['seconds']):.1f} s" if gate.get("seconds") is not None else ""
        return "plain", f"runs {name}{passed}"
    if state == "rolled_back":
        return ("bad", f"rolled back to {name}") if result.get("changed") else ("plain", "nothing to roll back")
    return ("good", f"{state} {name}") if state in ("confirmed", "adopted") else None


def _staged(result: Result, name: t.Any) -> Line:
    if result.get("state") == "confirmed" and not result.get("reload_needed"):
        return "good", f"runs {name} already"
    numbers = [len(result.get(key) or ()) for key in ("added", "modified", "removed")]
    files = "".join(f" {sign}{number}" for sign, number in zip("+~-", numbers, strict=True) if number)
    word = "would change to" if result.get("state") == "planned" else "staged"
    return "plain", f"{word} {name}{f' ({files.strip()} files)' if files else ''}"


def route_check(result: Result) -> Line | None:
    """What a route check has come to, where it refuses."""
    return ("bad", f"refused: {_reason(result)}") if result.get("failed") else None


def run(event: str, result: Result) -> list[Line]:
    """What the record of a run says of the fleet."""
    if event == "started":
        sizes = result.get("batches") or ()
        return [("plain", f"rollout {result.get('rollout')}: {sum(sizes)} hosts in {len(sizes)} batches")]
    if event == "batch":
        return [("plain", f"{result.get('progress')}: {_some(result.get('hosts') or ())}")]
    if event == "settling" and result.get("hosts"):
        return [("bad", f"the fleet goes back: {_some(result['hosts'])}")]
    if event == "finished":
        lines = [str(line) for line in result.get("text") or ()]
        mood: Mood = "good" if result.get("verdict") in ("deployed", "validated") else "bad"
        return [(mood, f"{result.get('verdict')}: {lines[0] if lines else ''}"), *((mood, line) for line in lines[1:])]
    return []


def _some(hosts: Sequence[t.Any]) -> str:
    more = f" and {len(hosts) - _NAMES} more" if len(hosts) > _NAMES else ""
    return ", ".join(map(str, hosts[:_NAMES])) + more


def _reason(result: Result) -> str:
    lines = str(result.get("msg") or "no message").strip().splitlines()
    text = " ".join(line.strip() for line in lines[:2])
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
