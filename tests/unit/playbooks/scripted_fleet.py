# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A fleet of scripted hosts, the real playbooks and role, and the real ansible-playbook."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import typing as t
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
ANSIBLE_PLAYBOOK = Path(sys.executable).parent / "ansible-playbook"

#: Seconds after which a run is stuck, on a machine that does much else.
#: How often Ctrl-C is pressed before a run counts as hanging.
PRESSES = 3
PATIENCE = 180

FLEET = [f"web{number}" for number in range(1, 7)]
SERIAL = ("-e", json.dumps({"nginx_deploy_serial": [1, 2, 3]}))

Hosts = dict[str, dict]


def fleet(**scripts: dict) -> Hosts:
    """Six hosts, of which some have a script: step -> how it fails, or what it answers."""
    return {name: scripts.get(name, {}) for name in FLEET}


class Call(t.NamedTuple):
    """One host was asked for one step, for a run, about a release."""

    host: str
    step: str
    rollout: str
    release: str


@dataclass
class Run:
    """What a run printed, how it ended, which host was asked for what in order, and the run's record."""

    rc: int
    output: str
    told: list[Call]
    record: dict[str, t.Any] = field(default_factory=dict)
    reports: dict[str, str] = field(default_factory=dict)

    @property
    def calls(self) -> list[tuple[str, str]]:
        return [(call.host, call.step) for call in self.told]

    def asked(self, step: str) -> list[str]:
        return [host for host, asked in self.calls if asked == step]

    @property
    def report(self) -> dict[str, t.Any]:
        return dict(json.loads(self.reports["json"]))

    def events(self, host: str) -> list[str]:
        """What happened on a host, as the report's timeline has it."""
        return [row["event"] for row in self.report["timeline"] if row["host"] == host]

    def outcomes(self) -> dict[str, list[str]]:
        """Outcome -> hosts, as the record has them."""
        told: dict[str, list[str]] = {}
        for row in self.record["hosts"]:
            told.setdefault(row["outcome"], []).append(row["host"])
        return told


class Deploy:
    """Runs playbooks in a folder of its own."""

    def __init__(self, work: Path) -> None:
        self.work = work
        self.home = work / "collections" / "ansible_collections" / "failsafe" / "nginx"
        self.log, self.output = work / "calls.log", work / "output.log"
        parts = ["roles", "playbooks", "meta", "plugins/callback", "plugins/filter", "plugins/lookup"]
        parts += ["plugins/plugin_utils/_markup", "plugins/plugin_utils/_rollout"]
        parts += ["plugins/plugin_utils/_reports/rollout", "plugins/module_utils/_common"]
        for part in parts:
            shutil.copytree(ROOT / part, self.home / part, ignore=shutil.ignore_patterns("__pycache__"))
        for part in ("plugins/action", "plugins/modules"):
            (self.home / part).mkdir()
            for name in ("nginx_rollout_options.py", "nginx_rollout_plan.py", "nginx_rollout_record.py"):
                shutil.copy(ROOT / part / name, self.home / part)
        shutil.copy(ROOT / "galaxy.yml", self.home)
        for name in ("nginx_release", "nginx_release_info", "nginx_route_check", "nginx_bisect"):
            script = Path(__file__).with_name(
                "scripted_release.py" if name == "nginx_release" else "scripted_behaviour.py"
            )
            shutil.copy(script, self.home / "plugins" / "action" / f"{name}.py")
        (work / "ansible.cfg").touch()

    def __call__(self, hosts: Hosts, *arguments: str, **options: t.Any) -> Run:
        """Run a playbook to its end."""
        process = self._start(hosts, arguments, **options)
        return self._end(process)

    def interrupted(self, number: int, step: str, hosts: Hosts, *arguments: str, presses: int = 1) -> Run:
        """Run a playbook and send it a signal as soon as some host is asked for a step; `presses` count for SIGINT."""
        process = self._start(hosts, arguments)
        deadline = time.monotonic() + PATIENCE
        while not any(call.step == step for call in self._told()):
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"no host was asked for {step}: {self._end(process, 0).output}")
            time.sleep(0.02)
        if number == signal.SIGINT:
            self._press_ctrl_c(process, presses)
        else:
            process.send_signal(number)
        return self._end(process)

    def _press_ctrl_c(self, process: subprocess.Popen[bytes], presses: int) -> None:
        """Interrupt a run as a terminal does it, and again while it has not ended.

        A worker that the signal kills may hold the lock of ansible-core's results queue, for which the controller then
        waits for ever in StrategyBase.cleanup (seen with 2.21; https://github.com/ansible/ansible/issues/29124 is an
        earlier report of a hang after a worker got the signal). People press Ctrl-C again.
        """
        for number in range(PRESSES):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.2 if number + 1 < presses else PATIENCE / PRESSES)
            if process.poll() is not None:
                return

    def _end(self, process: subprocess.Popen[bytes], seconds: float = PATIENCE) -> Run:
        """Wait for a run, and leave no process of it, however it ended."""
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            pytest.fail(f"the run did not end within {seconds} s: {self.output.read_text()}")
        finally:
            for folder in Path("/proc").glob("[0-9]*"):  # workers lead sessions of their own
                with contextlib.suppress(OSError):
                    if f"FAILSAFE_SCRIPT_LOG={self.log}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                        os.kill(int(folder.name), signal.SIGKILL)
            process.wait(PATIENCE)
        return self._run(process.returncode, self.output.read_text())

    def _start(
        self,
        hosts: Hosts,
        arguments: tuple[str, ...],
        playbook: str = "failsafe.nginx.deploy",
        source: Path | t.Literal[""] | None = "",
    ) -> subprocess.Popen[bytes]:
        source = self.work if source == "" else source
        variables = {"nginx_deploy_become": False, **({"nginx_deploy_src": str(source)} if source else {})}
        inventory = self.work / "inventory.json"
        script = {name: {"ansible_connection": "local", "script": what} for name, what in hosts.items()}
        inventory.write_text(json.dumps({"all": {"hosts": script}}))
        self.log.write_text("")
        shutil.rmtree(self.work / "home", ignore_errors=True)
        environment = {
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": str(self.work / "collections"),
            "ANSIBLE_CONFIG": str(self.work / "ansible.cfg"),
            "ANSIBLE_HOME": str(self.work / "home"),
            "ANSIBLE_INVENTORY_ENABLED": "yaml",
            "FAILSAFE_SCRIPT_LOG": str(self.log),
            "ANSIBLE_RETRY_FILES_ENABLED": "false",
        }
        # Into a file: a pipe fills while nothing reads it, and is open for as long as any process has it.
        with self.output.open("wb") as output:
            return subprocess.Popen(
                [ANSIBLE_PLAYBOOK, "-i", inventory, playbook, "-e", json.dumps(variables), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd=self.work,
                start_new_session=True,
            )

    def _told(self) -> list[Call]:
        return [Call(*line.split()) for line in self.log.read_text().splitlines()]

    def _run(self, status: int, output: str) -> Run:
        files = list((self.work / "home").glob("failsafe-nginx/*"))
        reports = {path.suffix[1:]: path.read_text() for path in files if ".report." in path.name}
        records = [path for path in files if ".report." not in path.name]
        assert len(records) <= 1
        assert {path.stat().st_mode & 0o777 for path in files} <= {0o600}
        run = Run(status, output, self._told(), json.loads(records[0].read_text()) if records else {}, reports)
        self._note(run)
        return run

    def _note(self, run: Run) -> None:
        """Write down, for a comparison of Ansible's versions, what they have to agree on."""
        path = os.environ.get("FAILSAFE_MATRIX_LOG")
        if path:
            test = os.environ["PYTEST_CURRENT_TEST"].rpartition(" ")[0]
            told = {
                "rc": run.rc,
                "verdict": run.record.get("verdict"),
                "outcomes": run.outcomes() if run.record else {},
            }
            if told["verdict"] != "interrupted":  # who was asked until a signal came is a matter of luck
                told["asked"] = sorted(run.calls)
            with open(path, "a", encoding="utf-8") as log:
                log.write(json.dumps({"test": test, **told}) + "\n")
