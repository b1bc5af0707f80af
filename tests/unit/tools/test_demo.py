# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What `make demo` promises beside its story: nothing left behind, no collisions, no claim that did not hold."""

from __future__ import annotations

import shutil
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from unittest.mock import Mock

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tools" / "demo"))
from shwitter import machine  # noqa: E402
from shwitter.fleet import Fleet, Ports, is_free  # noqa: E402
from shwitter.host import DemoError, processes  # noqa: E402
from shwitter.playbook import Playbooks, Run  # noqa: E402
from shwitter.story import Story  # noqa: E402
from shwitter.telling import Teller  # noqa: E402

OUTPUT = """\
TASK [Print the verdict] *******************************************************
skipping: [web2]
ok: [web1] =>\x20
    msg:
    - 4 pending, 1 rolled back
    - |-
        rolled back: web1: gate failed
        check profile: 502
    - 'pending: web2, web3, web4, web5: no batch with
      this host was started'
skipping: [web3]

TASK [Fail for every host that does not run the candidate] *********************
fatal: [web1]: FAILED! =>
    msg: not told twice
"""


def test_the_verdict_is_read_from_the_output() -> None:
    assert Run(OUTPUT, 2, 1.0).verdict == [
        "4 pending, 1 rolled back",
        "rolled back: web1: gate failed",
        "check profile: 502",
        "pending: web2, web3, web4, web5: no batch with this host was started",
    ]


def test_a_run_without_verdict_has_none() -> None:
    run = Run("ERROR! the playbook could not be found\n", 1, 0.1)
    assert run.verdict == []
    with pytest.raises(DemoError, match="no report"):
        assert run.report


def test_the_report_is_where_the_verdict_says() -> None:
    page = "/tmp/failsafe-demo-x/records/me@here-1.report.html"
    told = OUTPUT.replace("    - 4 pending", f"    - 'report: {page}\n      (and .md, .json)'\n    - 4 pending")
    assert Run(told, 2, 1.0).report == Path(page)


def test_two_fleets_have_different_ports() -> None:
    one, other = Ports.choose(), Ports.choose()
    try:
        assert one.base != other.base
    finally:
        one.claim.close()
        other.claim.close()


def test_a_claim_that_does_not_hold_ends_the_demo(capsys: pytest.CaptureFixture[str]) -> None:
    teller = Teller()
    with pytest.raises(DemoError, match="not as told: water is dry"), teller.step("Water", "dry"):
        teller.must("water is dry", holds=False)
    teller.sum_up()
    assert "dry" not in capsys.readouterr().out


def test_hosts_with_the_same_answer_share_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = {"http://a/": "200 fine"}, {"http://a/": "502 not fine"}
    Teller().served("after", {"web1": bad, "web2": good, "web3": good, "web5": good})
    lines = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    assert lines == [
        ["web1", "http://a/", "502", "not", "fine"],
        ["web2,3,5", "http://a/", "200", "fine"],
    ]


def _fail_with_everything_running(fleet: Fleet) -> None:
    with fleet.running():
        assert all(host.workers for host in fleet.hosts)
        raise DemoError("not as told")


@pytest.mark.nginx
def test_nothing_runs_after_a_failure(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path)
    fleet.prepare()
    with pytest.raises(DemoError):
        _fail_with_everything_running(fleet)
    assert not [title for _unused, _unused, title in processes() if str(tmp_path) in title]
    assert not any(host.master for host in fleet.hosts)
    assert all(is_free(host.address, fleet.ports.http) for host in fleet.hosts)
    assert all(is_free("127.0.0.1", port) for port in fleet.ports.apps.values())


def test_without_nginx_an_ordinary_user_is_told_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("shutil.which", lambda _: None)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(DemoError, match="sudo apt-get install nginx-light openssl"):
        machine.make_ready()


STEPS = (
    "welcome", "deploy_the_site", "do_it_as_it_was_done_then", "deploy_the_outage", "deploy_the_early_cutover",
    "deploy_the_fix", "nothing_leaked",
)  # fmt: skip


@pytest.mark.parametrize(
    ("brief", "without"), [(False, set()), (True, {"do_it_as_it_was_done_then", "deploy_the_fix"})]
)
def test_the_steps_of_the_demo_and_of_its_brief_form(
    monkeypatch: pytest.MonkeyPatch, *, brief: bool, without: set[str]
) -> None:
    told: list[str] = []
    for step in STEPS:
        monkeypatch.setattr(Story, step, lambda _story, step=step: told.append(step))
    fleet = Mock(spec=Fleet, hosts=["web1"], running=nullcontext)
    Story(fleet, Mock(spec=Playbooks)).tell(brief=brief)
    assert told == [step for step in STEPS if step not in without]


def test_make_package_fails_when_the_brief_demo_fails(tmp_path: Path) -> None:
    """Its last command, with a demo that fails in the place of the real one."""
    makefile = (ROOT / "Makefile").read_text()
    recipe = makefile[makefile.index("\npackage:") :].split("\n\n")[0].splitlines()[2:]
    assert recipe[-1] == "\t@$(BIN)/python tools/demo/run --brief"
    (tmp_path / "run").write_text("import sys\nsys.exit(1)\n")
    (tmp_path / "Makefile").write_text(f"package:\n{recipe[-1].replace('tools/demo/run', 'run')}\n")
    done = subprocess.run(
        [shutil.which("make") or "make", "package", f"BIN={Path(sys.executable).parent}"],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert done.returncode != 0
