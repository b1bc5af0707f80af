# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the installed collection's playbooks by name, the whole life of a release, on one nginx of its own.

Usage: run.py WORK ANSIBLE_PLAYBOOK EXAMPLE
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import typing as t
import urllib.error
import urllib.request
from pathlib import Path

MAIN = """daemon on;
pid nginx.pid;
error_log error.log;
events {{}}
http {{
    access_log off;
    server {{
        listen 127.0.0.1:{port};
        location / {{ return 200 "{text}"; }}
    }}
}}
"""


class Trial:
    """One nginx with a prefix of its own, and ansible-playbook in a folder without settings."""

    def __init__(self, work: Path, ansible_playbook: str, example: Path) -> None:
        self.work, self.ansible_playbook, self.example = work, ansible_playbook, example
        self.prefix = work / "nginx"
        (self.prefix / "conf").mkdir(parents=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.write(self.prefix / "conf", "before")
        variables = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "nginx_deploy_become": False,
            "nginx_deploy_service_manager": "none",
            "nginx_deploy_prefix": f"{self.prefix}/",
            "nginx_deploy_config_dir": str(self.prefix / "conf"),
            "nginx_deploy_store": str(self.prefix / "store"),
        }
        self.inventory = work / "inventory.json"
        self.inventory.write_text(json.dumps({"all": {"hosts": {"web1": variables}}}))

    def write(self, folder: Path, text: str) -> Path:
        """Write a configuration that answers every request with a text."""
        folder.mkdir(exist_ok=True)
        (folder / "nginx.conf").write_text(MAIN.format(port=self.port, text=text))
        return folder

    def nginx(self, *arguments: str) -> None:
        """Run this nginx's binary."""
        binary = shutil.which("nginx") or "nginx"
        main = str(self.prefix / "conf" / "nginx.conf")
        subprocess.run([binary, "-p", f"{self.prefix}/", "-c", main, *arguments], check=True)

    def served(self) -> str:
        """Ask nginx."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=5) as answer:
                return str(answer.read().decode())
        except urllib.error.URLError as error:
            return str(error)

    def play(
        self, name: str, source: Path | None = None, inventory: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run `ansible-playbook failsafe.nginx.<name>` to its end."""
        command = [self.ansible_playbook, f"failsafe.nginx.{name}", "-i", str(inventory or self.inventory)]
        if source:
            command += ["-e", f"nginx_deploy_src={source}"]
        return subprocess.run(command, cwd=self.work, text=True, capture_output=True, check=False)


def expect(what: str, run: subprocess.CompletedProcess[str] | None, **facts: tuple[t.Any, t.Any]) -> None:
    """Print one line for one expectation; end with the whole output when a (found, wanted) pair differs."""
    wrong = {name: pair for name, pair in facts.items() if pair[0] != pair[1]}
    if wrong:
        if run:
            print(run.stdout, run.stderr, sep="\n")
        sys.exit(f"package: {what}: " + ", ".join(f"{name} is {a!r}, not {b!r}" for name, (a, b) in wrong.items()))
    print(f"package: {what}")


def main() -> None:
    """Lint, plan, deploy, deploy again, be refused, roll back."""
    trial = Trial(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
    installed = str(trial.work / "installed")
    run = subprocess.run(
        [str(Path(sys.executable).with_name("ansible-doc")), "-t", "module", "-F", "failsafe.nginx"],
        cwd=trial.work, text=True, capture_output=True, check=True,
    )  # fmt: skip
    expect("the installed copy is the one that is found", run, below=(installed in run.stdout, True))

    run = trial.play("lint", trial.example / "site", trial.example / "inventory")
    expect("failsafe.nginx.lint passes the example", run, status=(run.returncode, 0))

    good, bad = trial.write(trial.work / "good", "after"), trial.write(trial.work / "bad", "broken")
    (bad / "nginx.conf").write_text((bad / "nginx.conf").read_text().replace("return 200", "retrun 200"))
    trial.nginx()
    try:
        life(trial, good, bad)
    finally:
        os.kill(int((trial.prefix / "nginx.pid").read_text()), signal.SIGQUIT)
        deadline = time.monotonic() + 10
        while (trial.prefix / "nginx.pid").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
    expect("the trial's nginx ended", None, running=((trial.prefix / "nginx.pid").exists(), False))


def life(trial: Trial, good: Path, bad: Path) -> None:
    """Run the life of a release."""
    run = trial.play("plan", good)
    expect("failsafe.nginx.plan changes nothing", run, status=(run.returncode, 0), served=(trial.served(), "before"))
    run = trial.play("deploy", good)
    expect("failsafe.nginx.deploy deploys", run, status=(run.returncode, 0), served=(trial.served(), "after"))
    run = trial.play("deploy", good)
    again = (run.returncode, "changed=0" in run.stdout)
    expect("a second failsafe.nginx.deploy changes nothing", run, result=(again, (0, True)))
    run = trial.play("deploy", bad)
    refused = (run.returncode != 0, trial.served())
    expect("failsafe.nginx.deploy refuses what is broken", run, result=(refused, (True, "after")))
    run = trial.play("status")
    expect("failsafe.nginx.status answers", run, status=(run.returncode, 0))
    releases = sorted((trial.prefix / "store" / "releases").iterdir())
    adopted = next(path.name for path in releases if '"adopted"' in (path / "manifest.json").read_text())
    command = ["rollback", "-e", f"nginx_deploy_release={adopted}"]
    run = subprocess.run(
        [trial.ansible_playbook, f"failsafe.nginx.{command[0]}", "-i", str(trial.inventory), *command[1:]],
        cwd=trial.work, text=True, capture_output=True, check=False,
    )  # fmt: skip
    expect("failsafe.nginx.rollback goes back", run, status=(run.returncode, 0), served=(trial.served(), "before"))


if __name__ == "__main__":
    main()
