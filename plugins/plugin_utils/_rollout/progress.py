# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""How far a rollout is, in a few words. Plain data in, plain data out."""

from __future__ import annotations

import hashlib
import os
import typing as t
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

_DONE: t.Final = ("confirmed", "unchanged")
_FAILED: t.Final = ("rolled_back", "failed", "unreachable")


def batches(total: int, serial: t.Any) -> list[int]:
    """How many hosts each batch has, as Ansible divides `total` hosts (lib/ansible/executor/playbook_executor.py).

    The last size of `serial` holds for all that is left; a percentage is of `total`, rounded down, and one host at least.
    """
    wanted = serial if isinstance(serial, (list, tuple)) else [serial]
    sizes: list[int] = []
    while (left := total - sum(sizes)) > 0:
        size = _size(wanted[min(len(sizes), len(wanted) - 1)], total)
        sizes.append(min(size, left) if size > 0 else left)
    return sizes


def _size(value: t.Any, total: int) -> int:
    text = str(value).strip()
    if text.endswith("%"):
        return int(int(text[:-1]) / 100 * total) or 1
    return int(text)


def batch(sizes: Sequence[int], hosts: Iterable[str], verdict: Mapping[str, t.Any]) -> str:
    """Where a rollout is when the batch `hosts` begins, such as "batch 2 of 4, 12 of 40 hosts done, 1 failed"."""
    rows = verdict.get("hosts") or ()
    places = {row["host"]: place for place, row in enumerate(rows)}
    first = next((places[host] for host in hosts if host in places), None)
    outcomes = [row["outcome"] for row in rows]
    done, failed = (sum(outcome in those for outcome in outcomes) for those in (_DONE, _FAILED))
    words = [f"{done} of {len(outcomes)} hosts done", *([f"{failed} failed"] if failed else [])]
    if first is not None and sum(sizes) == len(outcomes):
        number = sum(sum(sizes[:end]) <= first for end in range(1, len(sizes))) + 1
        words.insert(0, f"batch {number} of {len(sizes)}")
    return ", ".join(words)


def line(told: t.Any, gated: t.Any = None, moment: datetime | None = None) -> str:
    """One line about a batch, empty where nothing is known.

    Args:
        told: what `nginx_rollout_record` registered, or answers, at the batch's begin.
        gated: what the reload of a host registered, if there was one.
        moment: now.

    """
    words = [str(told.get("progress") or "")] if isinstance(told, Mapping) else []
    if words and isinstance(gated, Mapping) and gated.get("reloaded"):
        passed = ((moment or datetime.now(UTC)) - datetime.fromisoformat(str(gated["reloaded"]))).total_seconds()
        words.append(f"{max(0, round(passed))} s since the reload")
    return ", ".join(word for word in words if word)


def first(folder: str, words: str) -> bool:
    """Whether no other worker of this run, whose temporary folder this is, has said these words yet."""
    name = "failsafe-told-" + hashlib.sha256(words.encode()).hexdigest()[:16]
    try:
        os.close(os.open(os.path.join(folder, name), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except OSError:
        return False
    return True


def reloaded(variables: Mapping[str, t.Any], folder: str) -> str:
    """The line for a host that comes to be confirmed, the first of its batch only: not one line per host."""
    told = variables.get("__nginx_deploy_batch")
    known = line(told)
    return line(told, variables.get("__nginx_deploy_gated")) if known and first(folder, known) else ""
