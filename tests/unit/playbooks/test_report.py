# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report that a deploy leaves: how it is made, made again and switched off. What it says of failures: test_fleet_failures.py."""

from __future__ import annotations

import json
import re
import signal
import typing as t
from pathlib import Path

import pytest
from scripted_fleet import FLEET, SERIAL, Deploy, fleet

GUILTY: t.Final = {"file": "conf.d/a.conf", "line": 3, "kind": "added", "text": "rewrite ^ / last;", "before": None}


def test_a_canary_that_went_back_and_the_line_that_is_guilty(deploy: Deploy) -> None:
    script = {
        "staged": {"plan": {"key": "k"}},
        "gated": {"failed": True, "msg": "gate failed", "gate": {"failed": [{"name": "home"}]}},
        "nginx_bisect": {"culprits": [GUILTY], "lines": ["conf.d/a.conf:3 + rewrite ^ / last"]},
        "nginx_route_check": {"changes": [], "summary": {"requests": 40, "changed": 0}},
    }
    run = deploy(fleet(web1=script), *SERIAL)
    assert run.rc == 2
    assert run.reports["md"].startswith("# Postmortem (draft): Stopped")
    assert "`conf.d/a.conf:3` `+ rewrite ^ / last;`, named by bisect, on web1" in run.reports["md"]
    assert "1 of 6 hosts served the change until it was taken back" in run.reports["md"]
    assert "web1: 40 requests, 0 changed" in run.reports["md"]
    assert run.asked("nginx_release_info") == ["web1"]


def test_an_interrupted_run_has_a_report_that_is_made_again_once_the_hosts_are_asked(deploy: Deploy) -> None:
    run = deploy.interrupted(signal.SIGKILL, "gated", fleet(web1={"gated": "hang"}), *SERIAL)
    assert (run.report["verdict"], run.report["finished"]) == ("interrupted", None)
    assert "its end is _unknown_" in run.reports["md"]
    assert "What web1 runs now" in " ".join(run.report["unknown"])
    record = next((deploy.work / "home" / "failsafe-nginx").glob("*Z-??????.json")).rename(deploy.work / "kept.json")
    before = record.read_text()
    told = {"nginx_release_info": {"history": [], "current": {"running": "r-old"}}}
    hosts = {**fleet(), "web1": told, "web2": told, "web3": {"nginx_release_info": "unreachable"}}
    again = deploy(
        hosts, "-l", "web1,web3", "-e", f"nginx_deploy_record={record}", "-e", "nginx_deploy_report=elsewhere",
        playbook="failsafe.nginx.report", source=None,
    )  # fmt: skip
    assert again.rc == 0, again.output
    assert record.read_text() == before
    report = json.loads((deploy.work / "elsewhere" / "kept.report.json").read_text())
    assert {row["host"]: bool(row["now"]) for row in report["hosts"]} == {name: name == "web1" for name in FLEET}
    assert "What web1 runs now" not in " ".join(report["unknown"])


def test_a_report_that_cannot_be_written_is_said_and_changes_nothing(deploy: Deploy) -> None:
    run = deploy(fleet(), "-l", "web1", "-e", "nginx_deploy_report=/proc/nowhere/")
    assert run.rc == 0, run.output
    assert run.record["verdict"] == "deployed"
    assert not run.reports
    assert re.search(r"The report \S+ cannot be written", re.sub(r"\s+", " ", run.output)), run.output
    assert "report: " not in run.output


def test_the_report_is_switched_off(deploy: Deploy) -> None:
    run = deploy(fleet(web1={"gated": "500"}), "-l", "web1", "-e", "nginx_deploy_report=")
    assert run.rc == 2
    assert run.record["verdict"] == "stopped"
    assert not run.reports
    assert not run.asked("nginx_release_info")


def test_a_report_without_a_record_is_refused_before_any_host_is_asked(deploy: Deploy) -> None:
    run = deploy(fleet(), "-e", "nginx_deploy_record=", "-e", "nginx_deploy_report=reports")
    assert run.rc == 2
    assert not run.told
    assert "nginx_deploy_report needs the record" in run.output


@pytest.mark.parametrize(("content", "words"), [(None, "cannot be read"), ("{}", "not the record of a rollout")])
def test_what_is_no_record_makes_no_report(deploy: Deploy, content: str | None, words: str) -> None:
    record = Path(deploy.work / "record.json")
    if content:
        record.write_text(content)
    run = deploy(
        fleet(), "-e", f"nginx_deploy_record={record}", playbook="failsafe.nginx.report", source=None
    )  # fmt: skip
    assert run.rc == 2, run.output
    assert words in re.sub(r"\s+", " ", run.output)
