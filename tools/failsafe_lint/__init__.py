# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Python package around the linter of the collection: `pip install` of this repository gives `failsafe-lint`.

The collection's code imports itself as `ansible_collections.failsafe.nginx`. Installing it under that name would put
half a collection where Ansible looks for whole ones, so it lies in this package, and gets its name in this process only.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys
import types

_HERE = os.path.dirname(os.path.realpath(__file__))


def main() -> int:
    """Run `failsafe-lint`; return its exit code."""
    # A configuration lives as long as this process, so that there is nothing to collect.
    gc.disable()
    register()
    cli = importlib.import_module("ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.cli")
    return int(cli.main())


def register() -> None:
    """Make the collection's code importable under its name."""
    _register("ansible_collections", [])
    _register("ansible_collections.failsafe", [])
    _register("ansible_collections.failsafe.nginx", [_root()])


def _root() -> str:
    """Return the folder of the collection's files: beside this one when installed, else the checkout."""
    installed = os.path.join(_HERE, "_collection")
    return installed if os.path.isdir(installed) else os.path.dirname(os.path.dirname(_HERE))


def _register(name: str, path: list[str]) -> None:
    package = types.ModuleType(name)
    package.__path__ = path
    sys.modules[name] = package
