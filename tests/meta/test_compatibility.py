# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of ansible-core versions has the scenarios that are marked, the versions that are run, and no failure."""

from __future__ import annotations

import ast

import yaml
from project import ROOT, files


def marked() -> set[str]:
    """The scenarios that tests stand for."""
    calls = (
        node
        for path in files("tests/unit/*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.matrix"
    )
    return {str(ast.literal_eval(call.args[0])) for call in calls}


def rows() -> list[list[str]]:
    lines = (ROOT / "docs" / "compatibility.md").read_text().splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]


def versions() -> list[str]:
    lines = (ROOT / "requirements" / "matrix.txt").read_text().splitlines()
    return [line.split()[0] for line in lines if not line.startswith("#")]


def test_the_table_has_every_marked_scenario() -> None:
    _head, _line, *scenarios = rows()
    assert {row[0] for row in scenarios} == marked()


def test_the_table_has_every_version_and_no_failure() -> None:
    head, _line, *scenarios = rows()
    assert [cell.split()[0] for cell in head[1:]] == versions()
    assert {cell.partition(",")[0] for row in scenarios for cell in row[1:]} == {"same"}


def test_the_oldest_version_is_the_one_that_the_collection_asks_for() -> None:
    asked = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())["requires_ansible"]
    oldest = versions()[0].rpartition(".")[0]
    assert asked.startswith(f">={oldest}.")


def test_development_has_one_of_the_versions() -> None:
    pinned = (ROOT / "requirements" / "dev.txt").read_text().splitlines()
    assert {f"ansible-core=={version}" for version in versions()} & set(pinned)
