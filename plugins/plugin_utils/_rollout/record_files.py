# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""The files of records: where they are, reading and replacing them, and deleting old ones."""

from __future__ import annotations

import contextlib
import glob
import json
import re
import typing as t
from pathlib import Path

from ansible_collections.failsafe.nginx.plugins.module_utils._common.json_fields import FieldError, decode, encode
from ansible_collections.failsafe.nginx.plugins.module_utils._common.json_text import parse_json

from .disk import replace
from .errors import RolloutError
from .plain_json import JsonObject
from .record import SCHEMA, Record

#: Records that the default folder holds at most. A folder that a user names keeps all.
KEPT: t.Final = 100

_NAMED: t.Final = re.compile(r".+-(\d{8}T\d{6}Z)-[0-9a-f]{6}\.json")


def to_json(record: Record) -> JsonObject:
    """Return the JSON of a record."""
    return encode(record)


def record_path(path: str, rollout: str) -> Path:
    """Return where the record is: `path`, or a file named after the run where it is a folder or ends with a slash."""
    target = Path(path).expanduser()
    return target / f"{rollout}.json" if path.endswith("/") or target.is_dir() else target


def write_record(path: Path, record: Record) -> None:
    """Replace the file as a whole, readable by its owner only.

    Raises:
        RolloutError: it cannot be written.
    """
    try:
        replace(path, json.dumps(to_json(record), indent=2, sort_keys=True) + "\n")
    except OSError as error:
        raise RolloutError(f"The record {path} cannot be written: {error.strerror}.") from error


def read_record(path: Path, rollout: str | None = None) -> Record:
    """Read the record of a run.

    Args:
        path: the file.
        rollout: the run's id, or None for any run.

    Raises:
        RolloutError: it is not there, damaged, no record, or another run's.
    """
    try:
        data = parse_json(path.read_bytes())
    except OSError as error:
        raise RolloutError(f"The record {path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise RolloutError(f"The record {path} is damaged: {error}.") from error
    if not isinstance(data, dict) or data.get("schema") != SCHEMA or not isinstance(data.get("hosts"), list):
        raise RolloutError(f"{path} is not the record of a rollout (schema {SCHEMA}).")
    if rollout is not None and data.get("rollout") != rollout:
        raise RolloutError(
            f"{path} is not the record of the run {rollout}: another run has the same nginx_deploy_record."
        )
    try:
        return decode(Record, data)
    except FieldError as error:
        raise RolloutError(f"The record {path} is damaged: {error}.") from error


def newest_record(path: Path) -> Path:
    """Return the record that was written last where `path` is a folder, else `path`.

    Raises:
        RolloutError: there is none.
    """
    if not path.is_dir():
        return path
    found = [file for file in path.glob("*.json") if not file.name.endswith(".report.json")]
    if not found:
        raise RolloutError(f"There is no record of a rollout in {path}.")
    return max(found, key=lambda file: file.stat().st_mtime_ns)


def prune_records(folder: Path, keep: int = KEPT) -> None:
    """Delete all but the newest records of a folder, with the files beside them, as far as that is possible.

    Only files that are named after a run are touched.
    """
    named = ((_NAMED.fullmatch(path.name), path) for path in folder.iterdir())
    found = sorted((match[1], path) for match, path in named if match)
    for _moment, path in found[:-keep]:
        for file in folder.glob(f"{glob.escape(path.stem)}.*"):
            with contextlib.suppress(OSError):
                file.unlink()
