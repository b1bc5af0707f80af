# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import sys
import tempfile
import typing as t
from pathlib import Path

import pytest

# What the tests of this room share; test folders are no packages.
sys.path.insert(0, str(Path(__file__).parent))

from real_site import Site
from release_world import World


@pytest.fixture
def memory(tmp_path: Path) -> t.Iterator[Path]:
    """A folder where fsync costs nothing, if there is one."""
    if not os.path.isdir("/dev/shm"):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


@pytest.fixture
def world(memory: Path) -> World:
    return World(memory / "host")


@pytest.fixture
def site(tmp_path: Path) -> t.Iterator[Site]:
    site = Site(tmp_path)
    yield site
    site.stop()
