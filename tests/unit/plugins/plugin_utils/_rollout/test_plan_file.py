# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plan files: written as a whole, read or refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout.approval import Approval, HostPlan
from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout.errors import RolloutError
from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout.plan_file import (
    plan_to_follow,
    read_plan_file,
    write_plan_file,
)

PLAN = Approval.of([HostPlan("web1", (), "r-1", (), False)], ["lost-0123456789", "broken-0123456789"])


def test_a_plan_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "plans" / "change.json"
    assert write_plan_file(path, PLAN, ["one", "two"]) is True
    assert write_plan_file(path, PLAN, ["one", "two"]) is False
    assert read_plan_file(path) == PLAN
    assert PLAN.accept == ("broken-0123456789", "lost-0123456789")
    assert json.loads(path.read_text())["shown"] == ["one", "two"]
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_the_lines_are_bounded_and_the_whole_file_fits_into_a_field_of_a_survey(tmp_path: Path) -> None:
    path = tmp_path / "change.json"
    write_plan_file(path, PLAN, ["x" * 1000] * 1000)
    shown = json.loads(path.read_text())["shown"]
    assert shown[-1] == "... and 850 more lines"
    assert {len(line) for line in shown[:-1]} == {240}
    assert path.stat().st_size < 50_000


def test_a_file_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "change.json"
    with pytest.raises(RolloutError, match=r"cannot be read: No such file .* -e nginx_deploy_plan_file="):
        read_plan_file(path)
    with pytest.raises(RolloutError, match="cannot be read: Is a directory"):
        read_plan_file(tmp_path)
    with pytest.raises(RolloutError, match="cannot be written: Is a directory"):
        write_plan_file(tmp_path, PLAN, [])
    write_plan_file(path, PLAN, ["one"])
    text = path.read_text()
    for end in range(0, len(text) - 2, 7):
        path.write_text(text[:end])
        with pytest.raises(RolloutError, match="is damaged"):
            read_plan_file(path)
    path.write_text(text.replace('"version": 2', '"version": 3'))
    with pytest.raises(RolloutError, match="was made by a newer version"):
        read_plan_file(path)
    path.write_text("[]")
    with pytest.raises(RolloutError, match=r"The plan file .* is no plan"):
        read_plan_file(path)


def test_a_run_follows_one_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_plan_file(tmp_path / "change.json", PLAN, [])
    # A relative path begins at the working folder.
    monkeypatch.chdir(tmp_path)
    assert plan_to_follow({"plan_file": "change.json"}) == PLAN
    assert plan_to_follow({"approved_plan": PLAN.to_json()}) == PLAN
    assert plan_to_follow({}) is None
    with pytest.raises(RolloutError, match="Both nginx_deploy_plan_file and nginx_deploy_approved_plan are given"):
        plan_to_follow({"plan_file": "change.json", "approved_plan": PLAN.to_json()})
