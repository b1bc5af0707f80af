# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes `ansible_collections.failsafe.nginx` importable from the checkout, wherever the checkout is."""

from __future__ import annotations

import sys
import types
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def _register(name: str, path: Path | None) -> None:
    if name in sys.modules:
        return
    package = types.ModuleType(name)
    package.__path__ = [] if path is None else [str(path)]
    sys.modules[name] = package


_register("ansible_collections", None)
_register("ansible_collections.failsafe", None)
_register("ansible_collections.failsafe.nginx", ROOT)
