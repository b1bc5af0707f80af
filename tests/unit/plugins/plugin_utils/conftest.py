# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import importlib.util
import typing as t
from pathlib import Path

import pytest

HELPER = Path(__file__).resolve().parent / "real_nginx.py"


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(_helper().make_certificate(tmp_path_factory.mktemp("certificate")))


@pytest.fixture
def real_nginx(tmp_path: Path, certificate: Path) -> t.Callable[[str], t.Any]:
    """Makes a context manager that runs the inside of an http block."""
    return lambda block: _helper().RealNginx(tmp_path, block, certificate)


def _helper() -> t.Any:
    global _module  # noqa: PLW0603
    if _module is None:
        spec = importlib.util.spec_from_file_location("failsafe_real_nginx", HELPER)
        assert spec is not None
        assert spec.loader is not None
        _module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(_module)
    return _module


_module: t.Any = None
