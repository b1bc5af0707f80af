# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""What a host runs, as a file for the textfile collector of Prometheus' node exporter."""

from __future__ import annotations

import calendar
import hashlib
import os
import time
import typing as t

from .disk import Folder
from .errors import ReleaseError

_USUAL = "/var/lib/failsafe-nginx"
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})

#: Names, without their prefix, and what they tell. The text of a name has to be the same in every file of a host.
HELP = {
    "release_info": "The confirmed release, which a rollback returns to.",
    "release_confirmed_timestamp_seconds": "When the confirmed release was confirmed.",
    "trial_active": "Whether a release is active that nobody has confirmed.",
    "trial_start_timestamp_seconds": "When that release was activated.",
    "last_rollback_info": "The last rollback: what was abandoned, and what on the host decided it, empty for a run of Ansible.",
    "last_rollback_timestamp_seconds": "When that rollback was complete.",
    "rollback_failed": "Whether the last rollback failed, so that the host needs a person.",
    "drifted_files": "Managed files that somebody else had changed when they were last compared.",
    "drift_check_timestamp_seconds": "When they were last compared.",
}

Sample = t.Tuple[str, t.Dict[str, str], float]


def file_name(store: str) -> str:
    """The file's name; a second nginx on a host has a store, and a file, of its own."""
    if os.path.realpath(store) == _USUAL:
        return "failsafe_nginx.prom"
    return f"failsafe_nginx_{hashlib.sha256(os.path.realpath(store).encode()).hexdigest()[:8]}.prom"


def seconds(moment: str) -> float:
    """The Unix time of a journal's time."""
    whole, _dot, thousandths = moment.rstrip("Z").partition(".")
    return calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) + int(thousandths or 0) / 1000


def samples(
    state: t.Mapping[str, t.Any], history: t.Iterable[t.Mapping[str, t.Any]], drift: int | None, moment: float
) -> list[Sample]:
    """What there is to tell. `history` is newest first; `drift` is None where the files could not be compared."""
    rows, active = list(history), state["active"] or {}
    found: list[Sample] = [
        ("release_info", {"release": state["confirmed"]}, 1),
        ("trial_active", {}, 1 if active else 0),
        ("rollback_failed", {}, 1 if state.get("trouble") else 0),
    ]
    confirmed = _first(rows, ("confirmed", "adopted"), state["confirmed"])
    if confirmed:
        found.append(("release_confirmed_timestamp_seconds", {}, seconds(confirmed["time"])))
    if active.get("since"):
        found.append(("trial_start_timestamp_seconds", {}, seconds(active["since"])))
    back = _first(rows, ("rolled_back",), None)
    if back:
        details = back.get("details") or {}
        labels = {"abandoned": details.get("abandoned") or "", "by": details.get("by") or ""}
        found.append(("last_rollback_info", labels, 1))
        found.append(("last_rollback_timestamp_seconds", {}, seconds(back["time"])))
    if drift is not None:
        found += [("drifted_files", {}, drift), ("drift_check_timestamp_seconds", {}, moment)]
    return found


def _first(
    rows: t.Iterable[t.Mapping[str, t.Any]], events: t.Sequence[str], release: str | None
) -> t.Mapping[str, t.Any] | None:
    return next((row for row in rows if row["event"] in events and release in (None, row.get("release"))), None)


def text(found: t.Iterable[Sample], config_dir: str) -> str:
    """The samples in the text format, version 0.0.4, of Prometheus' documentation (instrumenting/exposition_formats).

    All have the label config_dir, so that those of two nginx on one host do not collide.
    """
    lines: list[str] = []
    for name, labels, value in found:
        metric = f"failsafe_nginx_{name}"
        pairs = {"config_dir": config_dir, **labels}
        told = ",".join(f'{key}="{_printable(pairs[key]).translate(_ESCAPES)}"' for key in sorted(pairs))
        lines += [f"# HELP {metric} {HELP[name]}", f"# TYPE {metric} gauge", f"{metric}{{{told}}} {value!r}"]
    return "\n".join(lines) + "\n"


def _printable(value: str) -> str:
    # A path may have bytes that are no UTF-8; the format has nothing else.
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def write(directory: str, store: str, content: str, before: t.Callable[[str], None]) -> None:
    """Replace the file as a whole. Raises `ReleaseError`, also for a folder that is not there: it is not ours to make."""
    _check(directory)
    Folder(directory, before).put(file_name(store), content.encode("utf-8"), 0o644)


def remove(directory: str, store: str, before: t.Callable[[str], None]) -> None:
    """Delete the file that an earlier deploy wanted; there may be none."""
    folder = Folder(directory, before)
    if os.path.isdir(directory) and folder.entry(file_name(store)) is not None:
        folder.delete(file_name(store))


def _check(directory: str) -> None:
    if not os.path.isabs(directory):
        raise ReleaseError(f"metrics_dir has to be an absolute path, not {directory!r}", "options")
    if not os.path.isdir(directory):
        raise ReleaseError(f"there is no folder {directory}: is a node exporter installed?", "metrics")
