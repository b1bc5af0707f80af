# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The record of one run: a file that at any moment says what is true if the controller dies in that moment.

It says "interrupted" from its first version on, until the end of the run says otherwise, and hosts that are being
changed are "unknown" until their batch is over. So no signal and no crash has to be caught.
"""

from __future__ import annotations

import contextlib
import getpass
import glob
import json
import os
import platform
import re
import secrets
import typing as t
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from .disk import replace
from .options import RolloutError

SCHEMA: t.Final = 1

#: Records that the default folder holds at most; whoever wants to keep more names a folder of his own.
KEPT: t.Final = 100

_NAMED: t.Final = re.compile(r".+-(\d{8}T\d{6}Z)-[0-9a-f]{6}\.json")

Record = dict[str, t.Any]

_UNKNOWN: t.Final = "the run ended while this host was being {}; ask failsafe.nginx.status what it runs"


def begin(
    hosts: Iterable[str],
    settings: Mapping[str, t.Any],
    moment: datetime | None = None,
    launch: Mapping[str, str] | None = None,
) -> Record:
    """The record of a run in which nothing has happened yet. Its `rollout` is the run's new id, `launch` AWX's job, if any."""
    moment = moment or datetime.now(UTC)
    user, controller = _user(), platform.node().partition(".")[0] or "unknown"
    return {
        "schema": SCHEMA,
        "rollout": f"{user}@{controller}-{moment:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}",
        "controller": {"user": user, "host": controller, "pid": os.getppid()},
        "settings": dict(settings),
        **({"launch": dict(launch)} if launch else {}),
        "started": _stamp(moment),
        "updated": _stamp(moment),
        "finished": None,
        "verdict": "interrupted",
        "ok": False,
        "batches": [],
        "fleet_rollback": None,
        "counts": {},
        "text": ["the run ended before any host was asked"],
        "hosts": [
            {"host": host, "outcome": "unknown", "reason": "the run ended before this host was asked"} for host in hosts
        ],
    }


def batch(record: Record, verdict: Mapping[str, t.Any], hosts: Iterable[str], moment: datetime | None = None) -> Record:
    """The record once a batch begins; the one before is over."""
    names, moment = list(hosts), moment or datetime.now(UTC)
    batches = [*_closed(record["batches"], moment), {"hosts": names, "started": _stamp(moment), "finished": None}]
    changing = [row["host"] for row in verdict["hosts"] if row["outcome"] == "pending" and row["host"] in names]
    return _update(record, verdict, moment, changing, "changed", batches=batches)


def settle(
    record: Record, verdict: Mapping[str, t.Any], hosts: Iterable[str], moment: datetime | None = None
) -> Record:
    """The record once no batch is left; `hosts` are now rolled back with the fleet."""
    names, moment = list(hosts), moment or datetime.now(UTC)
    rollback = {"hosts": names, "started": _stamp(moment), "finished": None} if names else None
    batches = _closed(record["batches"], moment)
    return _update(record, verdict, moment, names, "rolled back", batches=batches, fleet_rollback=rollback)


def finish(record: Record, verdict: Mapping[str, t.Any], moment: datetime | None = None) -> Record:
    """The record of a run that came to its end."""
    moment = moment or datetime.now(UTC)
    rollback = record["fleet_rollback"] and {**record["fleet_rollback"], "finished": _stamp(moment)}
    done = {"finished": _stamp(moment), "verdict": verdict["verdict"], "ok": verdict["ok"], "fleet_rollback": rollback}
    return _update(record, verdict, moment, (), "", batches=_closed(record["batches"], moment), **done)


def place(path: str, rollout: str) -> Path:
    """Where the record is: `path`, or a file named after the run where `path` is a folder or ends with a slash."""
    target = Path(path).expanduser()
    return target / f"{rollout}.json" if path.endswith("/") or target.is_dir() else target


def write(path: Path, record: Record) -> None:
    """Replace the file as a whole, for its owner's eyes only.

    Raises:
        RolloutError: it cannot be written.

    """
    try:
        replace(path, json.dumps(record, indent=2, sort_keys=True) + "\n")
    except OSError as error:
        raise RolloutError(f"The record {path} cannot be written: {error.strerror}.") from error


def newest(path: Path) -> Path:
    """The record that was written last where `path` is a folder, else `path`.

    Raises:
        RolloutError: there is none.

    """
    if not path.is_dir():
        return path
    found = [file for file in path.glob("*.json") if not file.name.endswith(".report.json")]
    if not found:
        raise RolloutError(f"There is no record of a rollout in {path}.")
    return max(found, key=lambda file: file.stat().st_mtime_ns)


def prune(folder: Path, keep: int = KEPT) -> None:
    """Delete all but the newest records of a folder, and what lies beside them under their names, as far as that can be done.

    Only files that are named after a run are looked at.
    """
    named = ((_NAMED.fullmatch(path.name), path) for path in folder.iterdir())
    found = sorted((match[1], path) for match, path in named if match)
    for _moment, path in found[:-keep]:
        for file in folder.glob(f"{glob.escape(path.stem)}.*"):
            with contextlib.suppress(OSError):
                file.unlink()


def read(path: Path, rollout: str | None = None) -> Record:
    """The record of this run, or of whichever run it is.

    Raises:
        RolloutError: it is not there, not a record, or another run's.

    """
    try:
        record = json.loads(path.read_bytes())
    except OSError as error:
        raise RolloutError(f"The record {path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise RolloutError(f"The record {path} is damaged: {error}.") from error
    if not isinstance(record, dict) or record.get("schema") != SCHEMA or not isinstance(record.get("hosts"), list):
        raise RolloutError(f"{path} is not the record of a rollout (schema {SCHEMA}).")
    if rollout is not None and record.get("rollout") != rollout:
        raise RolloutError(
            f"{path} is not the record of the run {rollout}: another run has the same nginx_deploy_record."
        )
    return record


def _update(
    record: Record, told: Mapping[str, t.Any], moment: datetime, open_: Iterable[str], what: str, **fields: t.Any
) -> Record:
    unknown = {"outcome": "unknown", "reason": _UNKNOWN.format(what)}
    names = set(open_)
    hosts = [{**row, **unknown} if row["host"] in names else dict(row) for row in told["hosts"]]
    before = {row["host"]: row for row in record["hosts"]}
    for row in hosts:
        known = before.get(row["host"], {})
        same = known.get("outcome") == row["outcome"] and "since" in known
        row["since"] = known["since"] if same else _stamp(moment)
    shown = {"counts": told["counts"], "text": told["text"], "hosts": hosts, "updated": _stamp(moment)}
    return {**record, **shown, **fields}


def _closed(batches: Iterable[Record], moment: datetime) -> list[Record]:
    return [{**row, "finished": row["finished"] or _stamp(moment)} for row in batches]


def _stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # an account without a name, as containers have it; OSError from Python 3.13 on
        return f"uid{os.getuid()}"
