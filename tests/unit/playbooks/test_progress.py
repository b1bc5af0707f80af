# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What people see of a rollout while it goes on, with the default callback."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from scripted_fleet import FLEET, SERIAL, Deploy, Run, fleet


def lines(run: Run) -> list[str]:
    """The lines about progress, seconds left out."""
    found = re.findall(r"^(?:batch \d|\d+ of \d+ hosts).*$", run.output, re.MULTILINE)
    return [re.sub(r"\d+ s since", "N s since", line) for line in found]


def test_a_line_when_a_batch_begins_and_one_when_it_runs_the_release(deploy: Deploy) -> None:
    run = deploy(fleet(), *SERIAL)
    assert run.rc == 0, run.output
    assert lines(run) == [
        "batch 1 of 3, 0 of 6 hosts done",
        "batch 1 of 3, 0 of 6 hosts done, N s since the reload",
        "batch 2 of 3, 1 of 6 hosts done",
        "batch 2 of 3, 1 of 6 hosts done, N s since the reload",
        "batch 3 of 3, 3 of 6 hosts done",
        "batch 3 of 3, 3 of 6 hosts done, N s since the reload",
    ]


def test_failures_are_counted_and_a_batch_that_goes_back_claims_nothing(deploy: Deploy) -> None:
    there = {"staged": {"changed": False, "state": "confirmed", "release": "r-new"}}
    hosts = fleet(web2={"gated": "it did not last"}, web3=there)
    run = deploy(hosts, "-e", '{"nginx_deploy_serial": [2, 4], "nginx_deploy_max_failures": 1}')
    assert run.rc == 2, run.output
    assert lines(run) == [
        "batch 1 of 2, 1 of 6 hosts done",
        "batch 1 of 2, 1 of 6 hosts done, N s since the reload",
        "batch 2 of 2, 2 of 6 hosts done, 1 failed",
        "batch 2 of 2, 2 of 6 hosts done, 1 failed, N s since the reload",
    ]
    failed = deploy(fleet(web1={"gated": "500"}), *SERIAL)
    assert lines(failed) == ["batch 1 of 3, 0 of 6 hosts done"]


def test_a_limit_counts_its_own_hosts_only(deploy: Deploy) -> None:
    run = deploy(fleet(), "-l", "web2,web5", "-e", "nginx_deploy_serial=1")
    assert run.rc == 0, run.output
    assert lines(run)[::2] == ["batch 1 of 2, 0 of 2 hosts done", "batch 2 of 2, 1 of 2 hosts done"]


def test_check_mode_claims_no_reload(deploy: Deploy) -> None:
    planned = {name: {"staged": {"state": "planned", "changed": True}} for name in FLEET}
    run = deploy(planned, "--check", *SERIAL)
    assert run.rc == 0, run.output
    assert "since the reload" not in run.output


# The callback plugin

CLOCK = re.compile(r"^(?:\d+:)?\d\d:\d\d  (.*)$", re.MULTILINE)


def test_the_callback_in_place_of_the_default_one(deploy: Deploy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANSIBLE_STDOUT_CALLBACK", "failsafe.nginx.progress")
    run = deploy(fleet(web2={"gated": "GET / answered 500"}), *SERIAL, "--forks", "1")
    assert run.rc == 2, run.output
    told = CLOCK.findall(run.output)
    assert re.fullmatch(r"rollout \S+: 6 hosts in 3 batches", told[0])
    assert told[1:7] == [f"{host}  staged r-new" for host in FLEET]
    assert told[7:11] == [
        "batch 1 of 3, 0 of 6 hosts done: web1",
        "web1  activated r-new",
        "web1  runs r-new",
        "web1  confirmed r-new",
    ]
    assert "web2  failed to become active: GET / answered 500" in told
    assert "web2  rolled back to r-old" in told
    end = next(place for place, line in enumerate(told) if line.startswith("stopped: "))
    assert told[end] == "stopped: 2 confirmed, 3 pending, 1 rolled back"
    assert told[-1] == "rolled back: web2: GET / answered 500"
    assert "TASK [" not in run.output
    assert "\x1b[" not in run.output
    assert sum(line.startswith("web2  failed") for line in told) == 1
    assert not re.search(r"^batch [^\n]*done$", run.output, re.MULTILINE), "told once"


def test_the_callback_in_place_of_the_default_one_shows_what_a_playbook_prints(
    deploy: Deploy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ANSIBLE_STDOUT_CALLBACK", "failsafe.nginx.progress")
    hook = tmp_path / "hook.yml"
    hook.write_text("- ansible.builtin.debug:\n    msg: [drained, for now]\n")
    run = deploy({"web1": {}}, "-e", f"nginx_deploy_drain_tasks={hook}")
    assert re.search(r"^drained\nfor now$", run.output, re.MULTILINE), run.output
    assert run.output.count("1 confirmed") == 1


def test_the_callback_beside_the_default_one_and_a_host_that_is_gone(
    deploy: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANSIBLE_CALLBACKS_ENABLED", "failsafe.nginx.progress")
    run = deploy(fleet(web4={"staged": "unreachable"}), *SERIAL)
    told = CLOCK.findall(run.output)
    assert "web4  unreachable: failsafe.nginx.nginx_deploy : Render, lint and validate the candidate" in told
    assert "TASK [" in run.output


def test_a_callback_with_an_error_disturbs_nothing(deploy: Deploy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANSIBLE_CALLBACKS_ENABLED", "failsafe.nginx.progress")
    lines = deploy.home / "plugins" / "plugin_utils" / "_rollout" / "progress_lines.py"
    lines.write_text(lines.read_text().replace("def release_line(", "def _gone("))
    run = deploy({"web1": {}})
    assert run.rc == 0, run.output
    assert run.output.count("failsafe.nginx.progress shows no more") == 1
