# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Draws the incidents that a run plays.

INCIDENTS tells how many, `all`, or names with commas between; INCIDENTS_SEED repeats a draw; INCIDENTS_HALF plays the first or the second half of it.
FAILSAFE_WRITE keeps what the console says, and makes docs/incidents.md of it.
"""

from __future__ import annotations

import os
import random
import runpy
from pathlib import Path

import pytest

# Makes the collection importable.
runpy.run_path(str(Path(__file__).resolve().parents[1] / "unit" / "conftest.py"))

_SAMPLE = "24"
_SEED = int(os.environ.get("INCIDENTS_SEED", random.SystemRandom().randrange(10_000)))
_HALF = int(os.environ.get("INCIDENTS_HALF", "0"))


def pytest_report_header() -> str:
    """Tell how to repeat the draw."""
    return f"incidents: INCIDENTS={os.environ.get('INCIDENTS', _SAMPLE)} INCIDENTS_SEED={_SEED}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep those that are drawn; what the command line names is played."""
    if config.option.keyword or any("::" in each for each in config.args):
        return
    played = [item for item in items if item.get_closest_marker("incident")]
    text = os.environ.get("INCIDENTS", _SAMPLE)
    named = {f"[{name}]" for name in text.split(",")}
    if text != "all" and not text.isdigit():
        drawn = [item for item in played if item.name[item.name.find("[") :] in named]
    else:
        number = len(played) if text == "all" else min(int(text), len(played))
        drawn = random.Random(_SEED).sample(played, number)  # noqa: S311 -- a draw, no secret
    kept = drawn[_HALF - 1 :: 2] if _HALF else drawn
    skipped = _HALF == 2 or os.environ.get("FAILSAFE_WRITE")
    others = [] if skipped else [item for item in items if item not in played]
    left_out = [item for item in items if item not in kept and item not in others]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item in kept or item in others]


def pytest_sessionfinish() -> None:
    """Make the page of incidents anew where transcripts were written."""
    if os.environ.get("FAILSAFE_WRITE"):
        from ansible_collections.failsafe.nginx.tests.incidents.incident import incidents  # noqa: PLC0415 -- see above
        from ansible_collections.failsafe.nginx.tests.incidents.page import PAGE, page  # noqa: PLC0415 -- see above

        PAGE.write_text(page(incidents()))
