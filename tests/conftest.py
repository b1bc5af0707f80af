# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes `ansible_collections.failsafe.nginx` importable, wherever the checkout is, and lets no test wait for ever."""

from __future__ import annotations

import signal
import sys
import types
import typing as t
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parents[1]


def _register(name: str, path: Path | None) -> None:
    if name in sys.modules:
        return
    package = types.ModuleType(name)
    package.__path__ = [] if path is None else [str(path)]
    sys.modules[name] = package


_register("ansible_collections", None)
_register("ansible_collections.failsafe", None)
_register("ansible_collections.failsafe.nginx", ROOT)

settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

PATIENCE = 600


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Generator[None, object, object]:
    """Fails a test that waits for ever, wherever it waits: in a child, a socket, a lock."""

    def stuck(_number: int, _frame: t.Any) -> None:
        raise TimeoutError(f"the test did not end within {PATIENCE} s")

    before = signal.signal(signal.SIGALRM, stuck)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE)
    try:
        return (yield)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
