# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from scripted_fleet import Deploy


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tell the scenario that a test stands for, in its report."""
    for item in items:
        for marker in item.iter_markers("matrix"):
            item.user_properties.append(("scenario", marker.args[0]))


@pytest.fixture
def deploy(tmp_path: Path) -> Deploy:
    return Deploy(tmp_path)
