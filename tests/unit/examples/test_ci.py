# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The commands of examples/ci, out of the files that people copy, in a repository laid out as they say."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
import yaml

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
BIN = Path(sys.executable).parent
GITHUB, GITLAB = "ci/github/nginx.yml", "ci/gitlab/.gitlab-ci.yml"

#: What only a service's own machine can do.
ELSEWHERE = re.compile(r"(pip install|ansible-galaxy|apt-get|apk|python3 -m venv) ")
#: A loop that nginx -t accepts.
CYCLE = "server { listen 80; server_name a.test; location /old { rewrite ^/old /old/x last; } }\n"

#: How the services call a shell: docs.github.com (jobs.<id>.steps[*].shell), docs.gitlab.com (the runner's Docker executor).
SHELL = {GITHUB: ["bash", "-e"], GITLAB: ["bash", "-eo", "pipefail"]}


def scripts(file: str, job: str) -> list[str]:
    """List the scripts of a job, one per shell."""
    whole = yaml.safe_load((EXAMPLES / file).read_text())
    if file == GITLAB:
        return ["\n".join(line for line in whole[job]["script"] if not ELSEWHERE.match(line))]
    steps = [step["run"] for step in whole["jobs"][job]["steps"] if "run" in step]
    return [step for step in steps if not ELSEWHERE.match(step)]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    shutil.copytree(EXAMPLES / "awx/project", tmp_path / "repository")
    (tmp_path / "bin").mkdir()
    return tmp_path / "repository"


def stub(repository: Path, name: str, script: str) -> None:
    """Put a command in front of the real one."""
    place = repository.parent / "bin" / name
    place.write_text(f"#!/bin/sh\n{script}\n")
    place.chmod(0o755)


def shell(file: str, script: str, repository: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(repository.parent / "bin"), str(BIN), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, **variables}
    argv = [*SHELL[file], "-c", script]
    return subprocess.run(
        argv, cwd=repository, env=environment, capture_output=True, text=True, check=False, timeout=180
    )


def report(file: str, repository: Path) -> tuple[int, t.Any]:
    (script,) = scripts(file, "lint")
    done = shell(file, script, repository)
    return done.returncode, json.loads((repository / re.findall(r"--output (\S+)", script)[0]).read_text())


def test_lint_writes_sarif_for_github(repository: Path) -> None:
    assert report(GITHUB, repository)[0] == 0
    (repository / "site/conf.d/bad.conf").write_text(CYCLE)
    code, sarif = report(GITHUB, repository)
    assert code == 1
    found = {row["ruleId"]: row["locations"][0]["physicalLocation"] for row in sarif["runs"][0]["results"]}
    assert found["rewrite-cycle"]["artifactLocation"]["uri"] == "site/conf.d/bad.conf"


def test_lint_writes_code_quality_for_gitlab(repository: Path) -> None:
    assert report(GITLAB, repository)[0] == 0
    (repository / "site/conf.d/bad.conf").write_text(CYCLE)
    code, rows = report(GITLAB, repository)
    assert code == 1
    found = {row["check_name"]: row["location"]["path"] for row in rows}
    assert found["rewrite-cycle"] == "site/conf.d/bad.conf"


@pytest.mark.parametrize("file", [GITHUB, GITLAB])
def test_the_report_is_the_one_that_the_service_is_given(file: str) -> None:
    whole = yaml.safe_load((EXAMPLES / file).read_text())
    (script,) = scripts(file, "lint")
    written = re.findall(r"--output (\S+)", script)[0]
    if file == GITLAB:
        assert whole["lint"]["artifacts"]["reports"]["codequality"] == written
    else:
        assert written in [step["with"].get("sarif_file") for step in whole["jobs"]["lint"]["steps"] if "with" in step]


@pytest.mark.parametrize("file", [GITHUB, GITLAB])
@pytest.mark.parametrize("code", [0, 2])
def test_a_plan_is_kept_and_its_status_is_the_jobs(repository: Path, file: str, code: int) -> None:
    stub(repository, "ansible-playbook", f'echo the plan; echo "$*" >asked; exit {code}')
    stub(repository, "ssh-agent", "echo true")
    stub(repository, "ssh-add", "cat >added")
    key = repository.parent / "key"
    key.write_text("key\n")
    given = str(key) if file == GITLAB else key.read_text()
    summary = repository.parent / "summary"
    codes = [
        shell(file, script, repository, PLAN_SSH_KEY=given, GITHUB_STEP_SUMMARY=str(summary)).returncode
        for script in scripts(file, "plan")
    ]
    assert codes[0] == code
    assert (repository / "plan.txt").read_text() == "the plan\n"
    asked = (repository / "asked").read_text()
    assert f"UserKnownHostsFile={repository}/known_hosts" in asked
    assert asked.endswith("plan.yml --limit canary\n")
    if file == GITLAB:
        assert key.stat().st_mode & 0o777 == 0o600
    else:
        assert (repository / "added").read_text().startswith("key")
        assert summary.read_text() == "```text\nthe plan\n```\n"


@pytest.mark.parametrize("file", [GITHUB, GITLAB])
def test_molecule_is_asked_for_scenarios_that_are_there(repository: Path, file: str) -> None:
    stub(repository, "molecule", 'echo "$*" >asked')
    whole = yaml.safe_load((EXAMPLES / file).read_text())
    if file == GITLAB:
        names = [name for row in whole["molecule"]["parallel"]["matrix"] for name in row["SCENARIO"]]
    else:
        names = whole["jobs"]["molecule"]["strategy"]["matrix"]["scenario"]
    assert names == sorted(path.name for path in (repository / "molecule").iterdir())
    for script in scripts(file, "molecule"):
        assert shell(file, script, repository, SCENARIO=names[0]).returncode == 0
    assert (repository / "asked").read_text() == f"test --scenario-name {names[0]}\n"
