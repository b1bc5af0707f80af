# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What compares configurations that are written in the tests themselves."""

from __future__ import annotations

import sys
import typing as t
from pathlib import Path

import pytest

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import Config
from ansible_collections.failsafe.nginx.plugins.plugin_utils._diff import Diff, diff

# What the tests of this room share; test folders are no packages.
sys.path.insert(0, str(Path(__file__).parent))

from diff_texts import http, load


@pytest.fixture
def compare() -> t.Callable[..., Diff]:
    """Compare two configurations given as text."""

    def compare_texts(before: str | dict[str, str], after: str | dict[str, str], *, partial: bool = False) -> Diff:
        return diff(load(before, partial=partial), load(after, partial=partial))

    return compare_texts


@pytest.fixture
def compare_http() -> t.Callable[[str, str], Diff]:
    """Compare what is in two `http` blocks."""
    return lambda before, after: diff(load(http(before)), load(http(after)))


@pytest.fixture
def compare_server() -> t.Callable[[str, str], Diff]:
    """Compare what is in two `server` blocks for a.example."""

    def wrap(text: str) -> Config:
        return load(http(f"server {{\nlisten 80;\nserver_name a.example;\n{text}\n}}"))

    return lambda before, after: diff(wrap(before), wrap(after))
