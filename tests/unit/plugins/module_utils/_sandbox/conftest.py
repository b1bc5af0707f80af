# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes the helper module of this folder importable, and gives a site in each of the three ways."""

from __future__ import annotations

import shutil
import sys
import tempfile
import typing as t
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from world_site import WAYS, Site


@pytest.fixture(params=WAYS)
def site(request: pytest.FixtureRequest) -> t.Iterator[Site]:
    folder = Path(tempfile.mkdtemp(prefix="failsafe-world-"))
    folder.chmod(0o755)
    yield Site(folder, request.param)
    shutil.rmtree(folder)
