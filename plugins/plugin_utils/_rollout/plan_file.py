# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""The plan file: an approved plan and the lines that were shown, in a file between plan and deploy.

It is the JSON object that AWX hands from job to job (`approval.py`), with `shown` for people beside it. No deploy reads `shown`.
"""

from __future__ import annotations

import json
import typing as t
from collections.abc import Mapping, Sequence
from pathlib import Path

from ansible_collections.failsafe.nginx.plugins.module_utils._common.json_text import parse_json

from .approval import Approval
from .disk import replace
from .errors import RolloutError

#: Lines that are kept of the plan, and characters of each. All of it fits into a field of a survey, 64 KiB.
_MOST_LINES: t.Final = 150
_WIDTH: t.Final = 240


def write_plan_file(path: Path, approval: Approval, shown: Sequence[str]) -> bool:
    """Replace the file as a whole, readable by its owner only; return whether it was another one before.

    Args:
        path: a relative one begins at the working folder.
        approval: the plan.
        shown: the lines that the plan printed, redacted. They are cut to a size that a form takes.

    Raises:
        RolloutError: it cannot be written.
    """
    text = json.dumps({**approval.to_json(), "shown": _bounded(shown)}, indent=2) + "\n"
    try:
        before = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else None
        replace(path, text)
    except OSError as error:
        raise RolloutError(f"The plan file {path} cannot be written: {error.strerror}.") from error
    return text != before


def read_plan_file(path: Path) -> Approval:
    """Read a plan file.

    Raises:
        RolloutError: it is not there, cannot be read, is damaged, or another version of this collection made it.
    """
    try:
        data = parse_json(path.read_bytes())
    except OSError as error:
        raise RolloutError(
            f"The plan file {path} cannot be read: {error.strerror}. failsafe.nginx.plan writes it, with -e nginx_deploy_plan_file={path}."
        ) from error
    except ValueError as error:
        raise RolloutError(f"The plan file {path} is damaged: {error}. Make the plan again.") from error
    return Approval.from_json(f"The plan file {path}", data)


def plan_to_follow(options: Mapping[str, object]) -> Approval | None:
    """Return the plan that a run is held to, out of a file or of what the job before published; None without one.

    Args:
        options: of the run, as `variables.RUN` names them, without their prefix.

    Raises:
        RolloutError: both are given, or the plan cannot be used, see `read_plan_file`.
    """
    path, published = options.get("plan_file"), options.get("approved_plan")
    if path and published is not None:
        raise RolloutError(
            "Both nginx_deploy_plan_file and nginx_deploy_approved_plan are given, and each names a plan: give one of them."
        )
    if path:
        return read_plan_file(Path(str(path)).expanduser())
    return None if published is None else Approval.from_json("nginx_deploy_approved_plan", published)


def _bounded(lines: Sequence[str]) -> list[str]:
    """Return the first lines, each cut short, and how many are left out."""
    kept = [line if len(line) <= _WIDTH else line[: _WIDTH - 3] + "..." for line in lines[:_MOST_LINES]]
    more = len(lines) - len(kept)
    return [*kept, *([f"... and {more} more line{'' if more == 1 else 's'}"] if more else [])]
