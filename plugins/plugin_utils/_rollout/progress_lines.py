# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""The lines of the progress callback. They show short fields of this collection's own results only."""

from __future__ import annotations

import typing as t
from collections.abc import Iterable, Mapping

from .plain_json import fields, texts

#: The tone of a line, which decides its colour.
Tone = t.Literal["good", "plain", "bad"]
Line = tuple[Tone, str]

_LONGEST: t.Final = 200  # characters of a reason
_NAMES: t.Final = 5  # hosts of a batch that are listed


def elapsed(seconds: float) -> str:
    """Return a duration as minutes and seconds, with hours where there are any."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}"


def release_line(state: str, result: Mapping[str, object], *, reload: bool) -> Line | None:
    """Return the line of a call of nginx_release.

    Args:
        state: the option of the task.
        result: what it returned.
        reload: the option of the task.
    """
    if result.get("failed"):
        verb = {"staged": "refused", "rolled_back": "ROLLBACK FAILED"}.get(state, f"failed to become {state}")
        return "bad", f"{verb}: {_reason(result)}"
    name = result.get("release")
    if state == "staged":
        return _staged(result)
    if state == "active":
        seconds = fields(result.get("gate")).get("seconds")
        passed = "" if seconds is None else f", gate passed in {float(str(seconds)):.1f} s"
        return "plain", f"runs {name}{passed}" if reload else f"activated {name}"
    if state == "rolled_back":
        return ("bad", f"rolled back to {name}") if result.get("changed") else ("plain", "nothing to roll back")
    return ("good", f"{state} {name}") if state in ("confirmed", "adopted") else None


def _staged(result: Mapping[str, object]) -> Line:
    name = result.get("release")
    if result.get("state") == "confirmed" and not result.get("reload_needed"):
        return "good", f"runs {name} already"
    numbers = [len(texts(result.get(key))) for key in ("added", "modified", "removed")]
    files = "".join(f" {sign}{number}" for sign, number in zip("+~-", numbers, strict=True) if number)
    word = "would change to" if result.get("state") == "planned" else "staged"
    return "plain", f"{word} {name}{f' ({files.strip()} files)' if files else ''}"


def route_check_line(result: Mapping[str, object]) -> Line | None:
    """Return the line of a route check that refuses."""
    return ("bad", f"refused: {_reason(result)}") if result.get("failed") else None


def run_lines(event: str, result: Mapping[str, object]) -> list[Line]:
    """Return the lines about the fleet, from what nginx_rollout_record returned."""
    hosts = texts(result.get("hosts"))
    if event == "started":
        sizes = [int(size) for size in texts(result.get("batches"))]
        return [("plain", f"rollout {result.get('rollout')}: {sum(sizes)} hosts in {len(sizes)} batches")]
    if event == "batch":
        return [("plain", f"{result.get('progress')}: {_some(hosts)}")]
    if event == "settling" and hosts:
        return [("bad", f"the fleet goes back: {_some(hosts)}")]
    if event == "finished":
        lines = texts(result.get("text"))
        tone: Tone = "good" if result.get("verdict") in ("deployed", "validated") else "bad"
        return [(tone, f"{result.get('verdict')}: {lines[0] if lines else ''}"), *((tone, line) for line in lines[1:])]
    return []


def _some(hosts: tuple[str, ...]) -> str:
    more = f" and {len(hosts) - _NAMES} more" if len(hosts) > _NAMES else ""
    return ", ".join(hosts[:_NAMES]) + more


def _reason(result: Mapping[str, object]) -> str:
    lines: Iterable[str] = str(result.get("msg") or "no message").strip().splitlines()[:2]
    text = " ".join(line.strip() for line in lines)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
