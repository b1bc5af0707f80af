# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the safety costs: a rollout to twenty local instances beside the usual hand-written playbook.

Prints every figure with its limit and exits with 1 when one is missed. Run it with `make bench`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import typing as t
import urllib.error
import urllib.request
from datetime import datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
PLAYBOOK = ROOT / ".venv" / "bin" / "ansible-playbook"
SITE = ROOT / "examples" / "shwitter" / "site"
PORT = 23080
#: Lines of a play that failed that are printed.
MOST_LINES = 60
HOSTS = {f"web{number}": f"127.0.0.{100 + number}" for number in range(1, 21)}

SERVING = """\
pid {root}/run/nginx.pid;
error_log {root}/log/error.log warn;
events {{}}
http {{
    access_log off;
    server {{ listen {address}:{port}; return 200 "first\\n"; }}
}}
"""

#: A server that serves nothing yet. The example's site answers less than SERVING by plain HTTP, and is refused there as an outage.
EMPTY = SERVING.replace('return 200 "first\\n"', "return 503")

BROKEN = """\
pid {root}/run/nginx.pid;
error_log {root}/log/error.log warn;
events {{}}
http {{
    access_log off;
    server {{ listen {address}:{port}; location / {{ proxy_pass http://127.0.0.1:1; }} }}
}}
"""


class Instances:
    """nginx instances below one folder, twenty unless told otherwise; `first` is what they begin with."""

    def __init__(self, work: Path, hosts: dict[str, str] = HOSTS, first: str = SERVING) -> None:
        self.work = work
        self.hosts = hosts
        self.first = first
        self.nginx = shutil.which("nginx") or "/usr/sbin/nginx"

    def __enter__(self) -> t.Self:
        """Make and start them."""
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        command += ["-days", "2", "-subj", "/CN=shwitter.example"]
        command += ["-keyout", str(self.work / "k.pem"), "-out", str(self.work / "c.pem")]
        subprocess.run(command, check=True, capture_output=True)
        self.work.chmod(0o755)
        (self.work / "static").mkdir()
        for name in self.hosts:
            self.reset(name)
        return self

    def reset(self, name: str, first: str | None = None) -> None:
        """Bring one instance back to its first configuration and an empty store."""
        root = self.work / name
        self.stop(name)
        shutil.rmtree(root, ignore_errors=True)
        for folder in ("conf", "run", "log", "cache"):
            (root / folder).mkdir(parents=True)
        text = (first or self.first).format(root=root, address=self.hosts[name], port=PORT)
        (root / "conf" / "nginx.conf").write_text(text)
        command = [self.nginx, "-p", str(root), "-c", str(root / "conf" / "nginx.conf")]
        subprocess.run(command, check=True, capture_output=True)

    def stop(self, name: str) -> None:
        """Stop one instance by its pid and wait for its end."""
        try:
            pid = int((self.work / name / "run" / "nginx.pid").read_text())
            os.kill(pid, signal.SIGTERM)
        except (OSError, ValueError):
            return
        while Path(f"/proc/{pid}").exists():
            time.sleep(0.01)

    def __exit__(self, *_: object) -> None:
        """Stop them."""
        for name in self.hosts:
            self.stop(name)

    def source(self) -> Path:
        """A working copy of the example's site with a certificate."""
        copy = self.work / "site"
        shutil.copytree(SITE, copy)
        (copy / "tls").mkdir()
        shutil.copy(self.work / "c.pem", copy / "tls" / "shwitter.example.crt")
        shutil.copy(self.work / "k.pem", copy / "tls" / "shwitter.example.key")
        return copy

    def variables(self) -> dict[str, t.Any]:
        """What both playbooks are told."""
        return {
            "shwitter_work": str(self.work),
            "shwitter_http_port": PORT,
            "shwitter_https_port": PORT + 1,
            "nginx_deploy_checks": [],
            "nginx_deploy_serial": "100%",
            "nginx_deploy_record": "",
            "nginx_deploy_binary": self.nginx,
        }


def play(inventory: Path, playbook: Path, variables: dict[str, t.Any], *arguments: str) -> tuple[float, int, str]:
    """Run a playbook: wall time in seconds, exit status, output."""
    started = time.monotonic()
    done = subprocess.run(
        [PLAYBOOK, "-i", inventory, playbook, "-e", json.dumps(variables), *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return time.monotonic() - started, done.returncode, done.stdout + done.stderr


def inventory(work: Path) -> Path:
    """The example's variables for twenty hosts."""
    folder = work / "inventory"
    shutil.copytree(ROOT / "examples" / "shwitter" / "inventory", folder, ignore=shutil.ignore_patterns("host_vars"))
    hosts = {name: {"shwitter_listen_address": address} for name, address in HOSTS.items()}
    (folder / "hosts.yml").write_text(json.dumps({"web": {"hosts": hosts}}))
    return folder


def expect(condition: bool, what: str, output: str) -> None:  # noqa: FBT001 - reads like assert
    """Stop the bench when what it measures did not even work; print the end of the output."""
    if not condition:
        sys.exit("\n".join([what, *output.splitlines()[-MOST_LINES:]]))


def bench_rollout(instances: Instances, hosts: Path) -> float:
    """Wall time of our rollout in times of the hand-written one, same hosts, files and forks."""
    source, variables = instances.source(), instances.variables()
    variables["nginx_deploy_src"] = str(source)
    theirs, status, output = play(hosts, HERE / "handwritten.yml", variables)
    expect(status == 0, "the hand-written playbook failed", output)
    for name in HOSTS:
        instances.reset(name)
    seconds, status, output = play(hosts, ROOT / "playbooks" / "deploy.yml", variables)
    expect(status == 0 and "20 confirmed" in output, "our rollout failed", output)
    print(f"rollout to 20 instances: this collection {seconds:.1f} s, hand-written {theirs:.1f} s")
    print(gates_side_by_side(instances))
    return seconds / theirs


def gates_side_by_side(instances: Instances) -> str:
    """Return how long the gates of all hosts took: from the first one's begin to the last one's end, and by themselves."""
    begins, ends, each = [], [], []
    for name in instances.hosts:
        rows = [
            json.loads(line) for line in (instances.work / name / "store" / "journal.jsonl").read_text().splitlines()
        ]
        gate = next(row for row in rows if row["event"] == "gate")
        end, seconds = datetime.fromisoformat(gate["time"]).timestamp(), float(gate["details"]["seconds"])
        begins.append(end - seconds)
        ends.append(end)
        each.append(seconds)
    return (
        f"{len(each)} gates: {min(each):.1f} to {max(each):.1f} s each at their pace, "
        f"{max(ends) - min(begins):.1f} s for all of them side by side, {sum(each):.1f} s one after another"
    )


def bench_unchanged(instances: Instances, hosts: Path) -> float:
    """Remote executions per host for a fleet that is at the candidate already."""
    variables = {**instances.variables(), "nginx_deploy_src": str(instances.work / "site")}
    seconds, status, output = play(hosts, ROOT / "playbooks" / "deploy.yml", variables, "-vvv")
    expect(status == 0 and "20 unchanged" in output, "the second rollout changed something", output)
    executions = len(re.findall(r"> EXEC /bin/sh -c .*python", output))
    print(f"20 instances at the candidate: {executions} executions, {seconds:.1f} s")
    return executions / len(HOSTS)


def bench_rollback(instances: Instances, hosts: Path) -> float:
    """Seconds from the failing gate to the first old answer on that host."""
    name = "web1"
    instances.reset(name, SERVING)
    root = instances.work / name
    source = instances.work / "broken"
    source.mkdir()
    (source / "nginx.conf").write_text(BROKEN.format(root=root, address=HOSTS[name], port=PORT))
    watcher = Watcher(f"http://{HOSTS[name]}:{PORT}/")
    watcher.start()
    variables = {**instances.variables(), "nginx_deploy_src": str(source), "nginx_deploy_hosts": name}
    _unused, status, output = play(hosts, ROOT / "playbooks" / "deploy.yml", variables)
    watcher.stop()
    expect(status != 0 and "1 rolled back" in output, "the gate let it pass", output)
    journal = [json.loads(line) for line in (root / "store" / "journal.jsonl").read_text().splitlines()]
    failed = next(row for row in journal if row["event"] == "gate" and not row["details"]["ok"])
    moment = datetime.fromisoformat(failed["time"]).timestamp()
    return watcher.good_again() - moment


class Watcher(threading.Thread):
    """Asks one URL again and again and notes when the answers turn bad and good."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url
        self._stop_now = threading.Event()
        self._answers: list[tuple[float, int]] = []

    def run(self) -> None:
        """Ask about a hundred times a second until stopped, for ten minutes at most."""
        deadline = time.monotonic() + 600
        while not self._stop_now.wait(0.01) and time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(self._url, timeout=2) as response:
                    status = response.status
            except urllib.error.HTTPError as error:
                status = error.code
            except OSError:
                status = 0
            self._answers.append((time.time(), status))

    def stop(self) -> None:
        """End the asking."""
        self._stop_now.set()
        self.join()

    def good_again(self) -> float:
        """When, in seconds since the epoch, the last run of bad answers ended."""
        last_bad = max(moment for moment, status in self._answers if status != 200)
        return next(moment for moment, _unused in self._answers if moment > last_bad)


def verdict(figures: t.Iterable[tuple[str, float, float]]) -> int:
    """Print each figure, its value and the most that it may be; 1 if one is missed, else 0."""
    missed = 0
    for name, value, limit in figures:
        missed += value > limit
        print(f"{'MISSED' if value > limit else 'ok':6}  {name}: {value:.2f} (at most {limit:g})")
    return min(missed, 1)


def main() -> int:
    """Measure, compare with the limits, say which were missed."""
    with (
        tempfile.TemporaryDirectory(prefix="failsafe-bench-") as folder,
        Instances(Path(folder), first=EMPTY) as instances,
    ):
        hosts = inventory(Path(folder))
        figures = [
            ("rollout, in times of the hand-written playbook", bench_rollout(instances, hosts), 2.0),
            ("executions per host that is at the candidate", bench_unchanged(instances, hosts), 1.0),
            ("seconds from a failing gate to the old configuration", bench_rollback(instances, hosts), 2.0),
        ]
    return verdict(figures)


if __name__ == "__main__":
    sys.exit(main())
