# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The files of a report: data, Markdown and page."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout.disk import replace

from .assembly import build
from .errors import ReportError
from .formats import render

#: Format -> how a file's name ends.
ENDINGS: t.Final = {"html": ".report.html", "markdown": ".report.md", "json": ".report.json"}


def publish(record: Mapping[str, t.Any], folder: Path, name: str, *, now: datetime) -> list[Path]:
    """Write the report of a record; return the files, the page first.

    Args:
        record: the controller's record of the run.
        folder: where the files go.
        name: how their names begin.
        now: the time up to which serving periods that last are counted.

    Raises:
        ReportError: it cannot be made or written. Files that were there before stay whole.
    """
    try:
        report = build(record, now=now)
        texts = {form: render(report, form) for form in ENDINGS}
    except ReportError:
        raise
    except Exception as error:  # a record holds what hosts said, and a run must not fail for its report
        raise ReportError(f"the report cannot be made: {type(error).__name__}: {error}") from error
    paths = []
    for form, text in texts.items():
        path = folder / f"{name}{ENDINGS[form]}"
        try:
            replace(path, text)
        except OSError as error:
            raise ReportError(f"the report {path} cannot be written: {error.strerror}") from error
        paths.append(path)
    return paths
