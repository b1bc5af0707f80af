# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A plan file: what the plan showed is what the deploy does and accepts. Real nginx, the real playbooks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from scripted_fleet import Deploy, fleet
from test_behaviour import deployed
from test_deploy import Instance, Play, play, src, web1

__all__ = ["deployed", "play", "src", "web1"]

API = ("location /api/ { return 200 api; }", "location /api/ { return 404; }")
NEW = ("location /new/ { return 200 new; }", "location /new/ { return 404; }")


@pytest.mark.nginx
@pytest.mark.root
def test_a_deploy_with_the_file_does_what_was_shown_and_nothing_else(
    deployed: Path, web1: Instance, play: Play, tmp_path: Path
) -> None:
    path = tmp_path / "plans" / "change.json"
    changed = deployed.read_text().replace(*API)
    deployed.write_text(changed)
    planned = play(playbook="plan", nginx_deploy_plan_file=str(path))
    assert planned.rc == 0, planned.output
    plan = json.loads(path.read_text())
    [key] = plan["accept"]
    assert key.startswith("lost-")
    assert path.stat().st_mode & 0o777 == 0o600
    assert any("STOPS lost" in line for line in plan["shown"])
    assert f"plan file: {path}" in planned.flat
    assert f"accepts {key}" in planned.flat

    before = web1.fingerprint()
    # One more group that stops: both reasons are told.
    deployed.write_text(changed.replace(*NEW))
    more = play(nginx_deploy_plan_file=str(path))
    assert more.rc == 2, more.output
    assert "not what was approved" in more.flat
    assert "the candidate is another one now" in more.flat
    assert "STOPS lost www.example.com location /new/" in more.flat
    assert "STOPS lost www.example.com location /api/" not in more.flat
    # An edit that no request notices.
    deployed.write_text(changed + "# a comment\n")
    edited = play(nginx_deploy_plan_file=str(path))
    assert edited.rc == 2, edited.output
    assert "the candidate is another one now" in edited.flat
    # An edit on the host.
    deployed.write_text(changed)
    live = web1.conf / "conf.d" / "site.conf"
    content = live.read_bytes()
    live.write_bytes(content + b"# by hand\n")
    drifted = play(nginx_deploy_plan_file=str(path), nginx_deploy_on_drift="overwrite")
    assert drifted.rc == 2, drifted.output
    assert "the host was changed since" in drifted.flat
    live.write_bytes(content)

    checked = play("--check", nginx_deploy_plan_file=str(path))
    assert checked.rc == 0, checked.output
    done = play(nginx_deploy_plan_file=str(path))
    assert done.rc == 0, done.output
    assert f"accepted: {key}" in done.flat
    assert "return 404" in live.read_text()
    assert before != web1.fingerprint()


def test_a_plan_that_no_key_lets_pass_fails_and_writes_no_file(deploy: Deploy) -> None:
    path = deploy.work / "change.json"
    told = ("-e", json.dumps({"nginx_deploy_plan_file": str(path)}))
    run = deploy(fleet(web2={"staged": {"failed": True, "msg": "lint says no"}}), *told, playbook="failsafe.nginx.plan")
    assert run.rc == 2, run.output
    assert "no plan file was written" in " ".join(run.output.split())
    assert not path.exists()


def test_a_plan_without_anything_that_stops_is_written_and_followed(deploy: Deploy) -> None:
    path = deploy.work / "change.json"
    told = ("-e", json.dumps({"nginx_deploy_plan_file": str(path), "nginx_deploy_require_approval": True}))
    run = deploy(fleet(), *told, playbook="failsafe.nginx.plan")
    assert run.rc == 0, run.output
    assert json.loads(path.read_text())["accept"] == []
    done = deploy(fleet(), *told)
    assert done.rc == 0, done.output
    path.write_text(path.read_text()[:-40])
    damaged = deploy(fleet(), *told)
    assert damaged.rc == 2, damaged.output
    assert not damaged.calls
    assert "is damaged" in damaged.output
