# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`make quick` runs the tests that a change reaches, the nearest first, and says what it had no time for."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import time
import typing as t

import pytest
from project import ROOT


@pytest.fixture(scope="module")
def quick() -> t.Any:
    loader = importlib.machinery.SourceFileLoader("failsafe_quick", str(ROOT / "tools" / "quick"))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def test_the_tests_of_a_changed_file_come_first(quick: t.Any) -> None:
    wanted = quick.nearest(["plugins/plugin_utils/_config/_lexer.py"])
    folder = "tests/unit/plugins/plugin_utils/_config/"
    own = [name for name in wanted if name.startswith(folder)]
    assert own == wanted[: len(own)]
    assert f"{folder}test_lexer.py" in own
    # The linter reads with it.
    assert "tests/unit/plugins/plugin_utils/_lint/test_engine.py" in wanted


def test_a_changed_test_runs(quick: t.Any) -> None:
    name = "tests/unit/plugins/plugin_utils/_config/test_lexer.py"
    assert quick.nearest([name]) == [name]


def test_a_changed_page_runs_what_reads_pages(quick: t.Any) -> None:
    wanted = quick.nearest(["docs/fleet.md"])
    assert "tests/meta/test_links.py" in wanted
    assert "tests/unit/examples/test_guides.py" in wanted


def test_what_there_is_no_time_for_is_named(quick: t.Any) -> None:
    wanted = quick.nearest(["docs/fleet.md"])
    assert quick.run_tests(wanted, time.monotonic() - 1) == (True, wanted)


def test_a_failure_is_one(quick: t.Any, tmp_path: t.Any) -> None:
    (tmp_path / "test_red.py").write_text("def test_red(): assert 0\n")
    (tmp_path / "test_green.py").write_text("def test_green(): assert 1\n")
    red, green = str(tmp_path / "test_red.py"), str(tmp_path / "test_green.py")
    assert quick.run_tests([red, green], time.monotonic() + 60) == (False, [])
    assert quick.run_tests([green], time.monotonic() + 60) == (True, [])
