# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""The progress of a rollout, in a few words."""

from __future__ import annotations

import hashlib
import os
import typing as t
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from .plain_json import fields
from .results import registered
from .verdict import FAILED, FleetVerdict

_DONE: t.Final = ("confirmed", "unchanged")


def batch_sizes(total: int, serial: t.Any) -> list[int]:
    """Return the number of hosts of each batch, as Ansible divides them (lib/ansible/executor/playbook_executor.py).

    Args:
        total: the number of hosts.
        serial: sizes. The last one holds for all that is left; a percentage is of `total`, rounded down, and at least one host.
    """
    wanted = serial if isinstance(serial, (list, tuple)) else [serial]
    sizes: list[int] = []
    while (left := total - sum(sizes)) > 0:
        size = _size(wanted[min(len(sizes), len(wanted) - 1)], total)
        sizes.append(min(size, left) if size > 0 else left)
    return sizes


def _size(value: object, total: int) -> int:
    text = str(value).strip()
    if text.endswith("%"):
        return int(int(text[:-1]) / 100 * total) or 1
    return int(text)


def batch_progress(sizes: Sequence[int], hosts: Iterable[str], verdict: FleetVerdict) -> str:
    """Return how far a rollout is as the batch `hosts` begins: "batch 2 of 4, 12 of 40 hosts done, 1 failed"."""
    places = {row.host: place for place, row in enumerate(verdict.hosts)}
    first = next((places[host] for host in hosts if host in places), None)
    total = len(verdict.hosts)
    done, failed = (sum(row.outcome in those for row in verdict.hosts) for those in (_DONE, FAILED))
    words = [f"{done} of {total} hosts done", *([f"{failed} failed"] if failed else [])]
    if first is not None and sum(sizes) == total:
        number = sum(sum(sizes[:end]) <= first for end in range(1, len(sizes))) + 1
        words.insert(0, f"batch {number} of {len(sizes)}")
    return ", ".join(words)


def progress_line(batch: object, gated: object = None, moment: datetime | None = None) -> str:
    """Return a line about a batch, or "" where nothing is known.

    Args:
        batch: what `nginx_rollout_record` registered, or answers, at the batch's begin.
        gated: what the reload of a host registered, if there was one.
        moment: now.
    """
    words = [str(fields(batch).get("progress") or "")]
    reloaded = fields(gated).get("reloaded")
    if reloaded and isinstance(batch, Mapping):
        passed = ((moment or datetime.now(UTC)) - datetime.fromisoformat(str(reloaded))).total_seconds()
        words.append(f"{max(0, round(passed))} s since the reload")
    return ", ".join(word for word in words if word)


def first_to_say(folder: str, words: str) -> bool:
    """Return whether no other worker of this run, whose temporary folder this is, has said these words yet."""
    name = "failsafe-told-" + hashlib.sha256(words.encode()).hexdigest()[:16]
    try:
        os.close(os.open(os.path.join(folder, name), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except OSError:
        return False
    return True


def reloaded(variables: Mapping[str, object], folder: str) -> str:
    """Return the line before a host is confirmed, for the first of its batch only."""
    batch = registered(variables, "batch")
    known = progress_line(batch)
    return progress_line(batch, registered(variables, "gated")) if known and first_to_say(folder, known) else ""
