# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbooks against real nginx instances on loopback, through ansible-playbook, above all with bad input."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ansible_collections.failsafe.nginx.tests.unit.ports import free_port

pytestmark = pytest.mark.nginx

ROOT = Path(__file__).resolve().parents[3]
BIN = Path(sys.executable).parent

NGINX_CONF = """\
pid {root}/run/nginx.pid;
error_log {root}/log/error.log warn;
worker_processes 1;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {root}/cache/body;
    proxy_temp_path {root}/cache/proxy;
    fastcgi_temp_path {root}/cache/fastcgi;
    uwsgi_temp_path {root}/cache/uwsgi;
    scgi_temp_path {root}/cache/scgi;
    include conf.d/*.conf;
}}
"""

SITE = "server {{ listen 127.0.0.1:{port}; location / {{ return 200 {answer}; }} }}\n"


def nginx_binary() -> str:
    found = [path for path in ("/usr/sbin/nginx", "/usr/local/sbin/nginx") if os.access(path, os.X_OK)]
    assert found, "these tests need nginx: install the distribution's package"
    return found[0]


@dataclass
class Instance:
    """One nginx with everything of it below one folder, serving `old`."""

    root: Path
    port: int = field(default_factory=free_port)
    #: Further files below conf.d: name -> content with {port}.
    more: dict[str, str] = field(default_factory=dict)

    @property
    def conf(self) -> Path:
        return self.root / "conf"

    @property
    def store(self) -> Path:
        return self.root / "store"

    def start(self) -> None:
        for name in ("conf/conf.d", "run", "log", "cache"):
            (self.root / name).mkdir(parents=True)
        (self.conf / "nginx.conf").write_text(NGINX_CONF.format(root=self.root))
        (self.conf / "conf.d" / "site.conf").write_text(SITE.format(port=self.port, answer="old"))
        for name, content in self.more.items():
            (self.conf / "conf.d" / name).write_text(content.replace("{port}", str(self.port)))
        subprocess.run([nginx_binary(), "-p", self.root, "-c", self.conf / "nginx.conf"], check=True, timeout=60)

    @property
    def master(self) -> int:
        return int((self.root / "run" / "nginx.pid").read_text())

    def stop(self) -> None:
        try:
            pid = self.master
            os.kill(pid, signal.SIGTERM)
        except (OSError, ValueError):
            return
        deadline = time.monotonic() + 10
        while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
            time.sleep(0.01)

    def ask(self, path: str = "/") -> str:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as response:
                return response.read().decode()
        except urllib.error.HTTPError as error:
            return f"{error.code}"

    def fingerprint(self) -> str:
        """What a refused deploy must not change: the live folder, the store, the processes."""
        digest = hashlib.sha256(str(self.master).encode())
        for folder in (self.conf, self.store):
            for path in sorted(folder.rglob("*")):
                digest.update(f"{path} {path.lstat().st_mode} {path.lstat().st_mtime_ns}".encode())
                if path.is_file() and not path.is_symlink():
                    digest.update(path.read_bytes())
        return digest.hexdigest()

    def variables(self) -> dict[str, object]:
        return {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "site_port": self.port,
            "instance_root": str(self.root),
            "nginx_deploy_config_dir": str(self.conf),
            "nginx_deploy_prefix": str(self.root),
            "nginx_deploy_store": str(self.store),
            "nginx_deploy_binary": nginx_binary(),
            "nginx_deploy_become": False,
            "nginx_deploy_service_manager": "none",
            "nginx_deploy_health_timeout": 2,
        }


@pytest.fixture
def web1(tmp_path: Path) -> Iterator[Instance]:
    tmp_path.chmod(0o755)
    instance = Instance(tmp_path / "web1")
    instance.start()
    yield instance
    instance.stop()


@pytest.fixture
def src(tmp_path: Path) -> Path:
    folder = tmp_path / "src"
    (folder / "conf.d").mkdir(parents=True)
    (folder / "conf.d" / "site.conf.j2").write_text(SITE.format(port="{{ site_port }}", answer="new"))
    return folder


@dataclass
class Run:
    rc: int
    output: str

    @property
    def flat(self) -> str:
        return re.sub(r"\s+", " ", self.output)


Play = Callable[..., Run]


@pytest.fixture
def play(tmp_path: Path, web1: Instance, src: Path) -> Play:
    collections = tmp_path / "collections" / "ansible_collections" / "failsafe"
    collections.mkdir(parents=True)
    (collections / "nginx").symlink_to(ROOT)
    (tmp_path / "ansible.cfg").write_text("[connection]\npipelining = true\n")

    def run(
        *arguments: str,
        playbook: str = "deploy",
        hosts: dict[str, dict] | None = None,
        under: tuple[str, ...] = (),
        **variables: object,
    ) -> Run:
        inventory = tmp_path / "inventory.json"
        inventory.write_text(json.dumps({"all": {"hosts": hosts or {"web1": web1.variables()}}}))
        environment = {
            **os.environ,
            "ANSIBLE_CONFIG": str(tmp_path / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(tmp_path / "collections"),
            "ANSIBLE_INVENTORY_ENABLED": "yaml",
            "ANSIBLE_CALLBACK_RESULT_FORMAT": "yaml",
            "ANSIBLE_HOME": str(tmp_path / "ansible-home"),
            "ANSIBLE_LOCAL_TEMP": str(tmp_path / "ansible-local"),
            "ANSIBLE_REMOTE_TEMP": str(tmp_path / "ansible-remote"),
        }
        extra = {"nginx_deploy_src": str(src), **variables}
        done = subprocess.run(
            [
                *under,
                BIN / "ansible-playbook",
                "-i",
                inventory,
                f"failsafe.nginx.{playbook}",
                "-e",
                json.dumps(extra),
                *arguments,
            ],
            capture_output=True,
            text=True,
            env=environment,
            cwd=tmp_path,
            check=False,
            timeout=300,
        )
        return Run(done.returncode, done.stdout + done.stderr)

    return run


def last_report(home: Path, form: str = "json") -> Path:
    """The report that was written last."""
    return max(
        (home / "ansible-home").glob(f"failsafe-nginx/*.report.{form}"), key=lambda path: path.stat().st_mtime_ns
    )


def test_deploy_again_roll_back_and_status(play: Play, web1: Instance, src: Path, tmp_path: Path) -> None:
    first = play()
    assert first.rc == 0, first.output
    assert web1.ask() == "new"
    report = json.loads(last_report(tmp_path).read_text())
    assert (report["verdict"], report["unknown"], report["next_steps"]) == ("deployed", [], [])
    assert {row["event"] for row in report["timeline"] if row["host"] == "web1"} >= {
        "staged", "lease_armed", "activated", "reload", "gate", "confirmed",
    }  # fmt: skip
    assert report["risk"]["host_seconds"] > 0
    assert [len(report["served"]), report["served"][0]["until"], report["behaviour"][0]["verified"]] == [1, None, True]
    assert re.fullmatch(r"\d+\.\d+\.\d+", next(iter(report["nginx"])))
    again = play()
    assert again.rc == 0, again.output
    assert "1 unchanged" in again.output
    assert "changed=0" in again.output
    (src / "conf.d" / "site.conf.j2").write_text(SITE.format(port="{{ site_port }}", answer="newer"))
    assert play(nginx_deploy_route_check=False).rc == 0
    assert web1.ask() == "newer"
    releases = {path.name: path.stat().st_mtime for path in (web1.store / "releases").iterdir()}
    adopted, new, newer = sorted(releases, key=lambda name: releases[name])
    status = play(playbook="status")
    assert status.rc == 0, status.output
    assert f"{newer}; nginx" in status.flat, status.output
    nothing = play(playbook="rollback")
    assert nothing.rc == 0, nothing.output
    assert f"runs {newer}, confirmed: nothing was undone" in nothing.flat
    assert new in nothing.flat
    back = play(playbook="rollback", nginx_deploy_release=new)
    assert back.rc == 0, back.output
    assert web1.ask() == "new"
    assert play(playbook="rollback", nginx_deploy_release=adopted).rc == 0
    assert web1.ask() == "old"


EXECUTION = re.compile(r"EXEC /bin/sh -c .*python")


def executions(run: Run) -> int:
    """How often a host was asked; pipelining makes one EXEC of each module."""
    assert run.rc == 0, run.output
    return len(EXECUTION.findall(run.output))


def test_a_change_costs_four_executions_and_the_route_check_and_no_change_one(play: Play, src: Path) -> None:
    """What a host is asked is what a fleet of a thousand pays for."""
    stage, activate, reload, confirm, route_check = 1, 1, 1, 1, 1
    assert executions(play("-vvv")) == stage + activate + reload + confirm + route_check
    assert executions(play("-vvv")) == stage
    (src / "conf.d" / "site.conf.j2").write_text(SITE.format(port="{{ site_port }}", answer="newer"))
    assert executions(play("-vvv", nginx_deploy_route_check=False)) == stage + activate + reload + confirm


def test_each_distinct_change_is_compared_once_whatever_the_number_of_hosts(
    play: Play, web1: Instance, src: Path, tmp_path: Path
) -> None:
    (src / "conf.d" / "site.conf.j2").write_text(SITE.format(port="{{ site_port }}", answer="{{ answer }}"))
    other = Instance(tmp_path / "web5")
    other.start()
    hosts = {name: {**web1.variables(), "answer": "new"} for name in ("web1", "web2", "web3")}
    hosts["web4"] = {**web1.variables(), "answer": "newer"}
    hosts["web5"] = {**other.variables(), "answer": "new"}
    planned = play("-vvv", playbook="plan", hosts=hosts)
    other.stop()
    same, other_candidate, other_live = 1, 1, 1
    assert executions(planned) == len(hosts) + same + other_candidate + other_live, planned.output
    for group in ("web1, web2, web3", "web4", "web5"):
        assert f"{group}: would be changed" in planned.flat


@pytest.mark.matrix("real nginx: plan, check and deploy with diff")
def test_check_and_diff_tell_the_truth_and_leave_no_trace(play: Play, web1: Instance) -> None:
    before = web1.fingerprint()
    planned = play("--check", "--diff")
    assert planned.rc == 0, planned.output
    assert web1.fingerprint() == before
    assert not web1.store.exists()
    assert re.search(r"^-server .* return 200 old", planned.output, re.MULTILINE), planned.output
    assert re.search(r"^\+server .* return 200 new", planned.output, re.MULTILINE), planned.output
    assert "1 planned" in planned.output
    plan = play("--diff", playbook="plan")
    assert plan.rc == 0, plan.output
    assert "web1: would be changed" in plan.flat, plan.output
    assert "~ conf.d/site.conf" in plan.flat, plan.output
    assert f"server 127.0.0.1:{web1.port}: location /: return 200 old -> new" in plan.flat, plan.output
    assert diff_lines(plan.output) == diff_lines(planned.output)
    assert web1.fingerprint() == before
    assert not web1.store.exists()
    done = play("--diff")
    assert diff_lines(done.output) == diff_lines(planned.output)


def diff_lines(output: str) -> list[str]:
    return [line for line in output.splitlines() if line.startswith(("+", "-"))]


def test_lint_asks_no_host(play: Play, web1: Instance, src: Path) -> None:
    (src / "conf.d" / "loop.conf").write_text("server { listen 81; location /a { rewrite ^ /a last; } }\n")
    unreachable = {**web1.variables(), "ansible_connection": "ssh", "ansible_host": "192.0.2.1"}
    run = play(playbook="lint", hosts={"web1": unreachable})
    assert run.rc == 2, run.output
    assert "rewrite-cycle conf.d/loop.conf:1" in run.flat


REFUSALS: dict[str, tuple[Callable[[Path], object], dict[str, object], str]] = {
    "source missing": (lambda _: None, {"nginx_deploy_src": "/nonexistent/site"}, "/nonexistent/site"),
    "source empty": (lambda src: [path.unlink() for path in src.rglob("*.j2")], {}, "holds no file"),
    "device": (lambda src: os.mkfifo(src / "pipe"), {}, "is a FIFO"),
    "link that leaves": (lambda src: (src / "link").symlink_to("/etc/passwd"), {}, "leaves the source folder"),
    "undefined variable": (
        lambda src: (src / "conf.d" / "a.conf.j2").write_text("{{ nobody_set_this }}"),
        {},
        "nobody_set_this",
    ),
    "no nginx": (lambda _: None, {"nginx_deploy_binary": "/nonexistent/nginx"}, "/nonexistent/nginx"),
    "directive of a newer nginx": (
        lambda src: (src / "conf.d" / "new.conf").write_text(
            "server {\n listen 127.0.0.1:1;\n no_such_thing_yet on;\n}\n"
        ),
        {},
        'unknown directive "no_such_thing_yet"',
    ),
    "lint": (
        lambda src: (src / "conf.d" / "x.conf").write_text("server { listen 8; location /a { rewrite ^ /a last; } }\n"),
        {},
        "rewrite-cycle conf.d/x.conf:1",
    ),
    "unknown check option": (
        lambda _: None,
        {"nginx_deploy_checks": [{"name": "x", "url": "http://127.0.0.1/", "stauts": 200}]},
        "stauts",
    ),
    "no such service manager": (lambda _: None, {"nginx_deploy_service_manager": "launchd"}, "launchd"),
}


@pytest.mark.parametrize("case", REFUSALS.values(), ids=REFUSALS)
def test_bad_input_is_refused_and_nothing_changes(
    play: Play, web1: Instance, src: Path, case: tuple[Callable[[Path], object], dict[str, object], str]
) -> None:
    spoil, variables, words = case
    spoil(src)
    before = web1.fingerprint()
    for playbook in ("plan", "deploy") if words == "stauts" else ("deploy",):
        run = play(playbook=playbook, **variables)
        assert run.rc == 2, run.output
        assert words in run.flat, run.output
    assert web1.ask() == "old"
    assert web1.fingerprint() == before


def test_a_certificate_that_does_not_match_its_key_is_refused(play: Play, web1: Instance, src: Path) -> None:
    for name in ("a", "b"):
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        command += ["-days", "2", "-subj", "/CN=a", "-keyout", f"{src}/{name}.key", "-out", f"{src}/{name}.crt"]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
    (src / "conf.d" / "tls.conf").write_text(
        f"server {{ listen 127.0.0.1:{free_port()} ssl; ssl_certificate a.crt; ssl_certificate_key b.key; }}\n"
    )
    before = web1.fingerprint()
    run = play("--diff")
    assert run.rc == 2, run.output
    assert "key values mismatch" in run.flat
    assert web1.fingerprint() == before
    assert "BEGIN" not in run.output.replace("BEGIN CERTIFICATE", "")


@pytest.mark.matrix("real nginx: the new configuration cannot be loaded")
def test_a_port_that_is_taken_is_rolled_back(play: Play, web1: Instance, src: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (src / "conf.d" / "second.conf").write_text(SITE.format(port=port, answer="second"))
        master = web1.master
        run = play()
    assert run.rc == 2, run.output
    assert f"bind() to 127.0.0.1:{port} failed" in run.flat
    assert "rolled back: web1" in run.flat
    assert web1.ask() == "old"
    assert web1.master == master
    assert not (web1.conf / "conf.d" / "second.conf").exists()


def test_two_hosts_with_one_store_are_refused(play: Play, web1: Instance, tmp_path: Path) -> None:
    assert play(nginx_deploy_route_check=False).rc == 0
    other = {**web1.variables(), "nginx_deploy_config_dir": str(tmp_path / "elsewhere")}
    (tmp_path / "elsewhere").mkdir()
    run = play(hosts={"web1": web1.variables(), "web2": other})
    assert run.rc == 2, run.output
    assert "web2" in run.flat
    assert str(web1.store) in run.flat


def test_a_second_deploy_at_the_same_time_is_refused_by_name(play: Play, web1: Instance, src: Path) -> None:
    assert play(nginx_deploy_route_check=False).rc == 0
    (src / "conf.d" / "site.conf.j2").write_text(SITE.format(port="{{ site_port }}", answer="newer"))
    with (web1.store / "lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        run = play()
    assert run.rc == 2, run.output
    assert re.search(r"lock(ed)?", run.flat)
    assert web1.ask() == "new"


@pytest.mark.root
def test_a_full_disk_while_staging_is_named_and_leaves_everything(
    play: Play, web1: Instance, src: Path, tmp_path: Path
) -> None:
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["/bin/mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", small], check=True, timeout=60)
    try:
        (src / "big.txt").write_bytes(os.urandom(200_000))
        run = play(nginx_deploy_store=str(small / "store"))
        assert run.rc == 2, run.output
        assert "no space left on the file system mounted at" in run.flat, run.output
        assert str(small) in run.flat
        assert web1.ask() == "old"
        assert not [path for path in small.rglob("*") if path.is_file() and path.stat().st_size > 1000]
    finally:
        subprocess.run(["/bin/umount", small], check=True, timeout=60)


def test_a_hand_edit_after_a_deploy_is_drift_which_metrics_tell(
    play: Play, web1: Instance, src: Path, tmp_path: Path
) -> None:
    (tmp_path / "metrics").mkdir()
    first = play(nginx_deploy_route_check=False, nginx_deploy_metrics_dir=str(tmp_path / "metrics"))
    assert first.rc == 0, first.output
    assert re.search(r"^batch 1 of 1, 0 of 1 hosts done, \d+ s since the reload$", first.output, re.MULTILINE)
    (metrics,) = (tmp_path / "metrics").iterdir()
    assert re.search(r"^failsafe_nginx_drifted_files\{.*\} 0$", metrics.read_text(), re.MULTILINE)
    live = web1.conf / "conf.d" / "site.conf"
    live.write_text(live.read_text() + "# by hand\n")
    (src / "conf.d" / "more.conf").write_text("# more\n")
    run = play()
    assert run.rc == 2, run.output
    assert "conf.d/site.conf" in run.flat
    assert "# by hand" in live.read_text()
    status = play(playbook="status")
    assert "changed by hand: conf.d/site.conf" in status.flat
    assert re.search(r"^failsafe_nginx_drifted_files\{.*\} 1$", metrics.read_text(), re.MULTILINE)
    forced = play(nginx_deploy_on_drift="overwrite")
    assert forced.rc == 0, forced.output
    assert "# by hand" not in live.read_text()
    assert not metrics.exists(), "it is not wanted any more, and it would grow untrue"
    kept = [path for path in (web1.store / "releases").rglob("site.conf") if "# by hand" in path.read_text()]
    assert kept, "the hand edit is lost"


SECRET = "hunter2-is-the-token"
INLINE = "inline-vaulted-value"


def test_no_secret_is_seen_anywhere_but_in_its_file(play: Play, web1: Instance, src: Path, tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("vault-password")
    vault = [BIN / "ansible-vault"]
    variables = tmp_path / "group_vars" / "all"
    variables.mkdir(parents=True)
    (variables / "vault.yml").write_text(f"token: {SECRET}\n")
    subprocess.run(
        [*vault, "encrypt", "--vault-password-file", password, variables / "vault.yml"], check=True, timeout=60
    )
    inline = subprocess.run(
        [*vault, "encrypt_string", "--vault-password-file", password, "--name", "inline", INLINE],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    (variables / "plain.yml").write_text(inline.stdout)
    command = ["openssl", "genpkey", "-algorithm", "ed25519", "-out", str(src / "tls.key")]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    key = (src / "tls.key").read_text().splitlines()[1]
    subprocess.run([*vault, "encrypt", "--vault-password-file", password, src / "tls.key"], check=True, timeout=60)
    (src / "conf.d" / "secret.conf.j2").write_text(
        "map $host $token { default '{{ token }}'; }\nmap $host $inline { default '{{ inline }}'; }\n"
    )
    arguments = ("--vault-password-file", str(password), "--diff", "-vvv")
    outputs = [play(*arguments, "--check"), play(*arguments)]
    assert [run.rc for run in outputs] == [0, 0], outputs[1].output
    # A message of nginx that quotes a secret, and a finding that does.
    (src / "conf.d" / "broken.conf.j2").write_text(
        "server { listen 127.0.0.1:1; return 200 a {{ token }} {{ inline }}; }\n"
    )
    outputs.append(play(*arguments))
    assert outputs[-1].rc == 2
    (src / "conf.d" / "broken.conf.j2").write_text("server { listen 127.0.0.1:1; limit_rate {{ token }}; }\n")
    outputs.append(play(*arguments))
    assert outputs[-1].rc == 2, outputs[-1].output
    for run in outputs:
        for secret in (SECRET, INLINE, key):
            assert secret not in run.output
    allowed = {"secret.conf", "tls.key"}
    for path in tmp_path.rglob("*"):
        if path.is_file() and not path.is_symlink() and ROOT not in path.resolve().parents and path.name not in allowed:
            content = path.read_bytes()
            for secret in (SECRET, INLINE, key):
                assert secret.encode() not in content, path
    assert "********" in outputs[0].output
    assert (web1.conf / "tls.key").stat().st_mode & 0o777 == 0o600


def test_the_host_can_be_helped_without_ansible(play: Play, web1: Instance, src: Path) -> None:
    assert play(nginx_deploy_route_check=False).rc == 0
    (src / "conf.d" / "site.conf.j2").write_text(SITE.format(port="{{ site_port }}", answer="newer"))
    assert play(nginx_deploy_route_check=False).rc == 0
    tool = [sys.executable, "-I", web1.store / "failsafe-nginx.pyz"]
    status = json.loads(
        subprocess.run([*tool, "status"], check=True, capture_output=True, text=True, timeout=60).stdout
    )
    releases = {path.name: path.stat().st_mtime for path in (web1.store / "releases").iterdir()}
    _unused, new, newer = sorted(releases, key=lambda name: releases[name])
    assert status["confirmed"] == newer
    subprocess.run([*tool, "rollback", new], check=True, capture_output=True, timeout=60)
    assert web1.ask() == "new"
    history = subprocess.run([*tool, "history"], check=True, capture_output=True, text=True, timeout=60).stdout
    assert re.search(rf"confirmed +{new}", history.splitlines()[0]), history


def test_a_secret_in_nginxs_own_words_does_not_reach_the_journal(
    play: Play, web1: Instance, src: Path, tmp_path: Path
) -> None:
    """A reload that fails quotes the configuration: a socket path made of a vaulted value, here."""
    password = tmp_path / "password"
    password.write_text("vault-password")
    variables = tmp_path / "group_vars" / "all.yml"
    variables.parent.mkdir()
    variables.write_text(f"token: {SECRET}\n")
    vault = [BIN / "ansible-vault", "encrypt", "--vault-password-file", password, variables]
    subprocess.run(vault, check=True, capture_output=True, timeout=60)
    with socket.socket(socket.AF_UNIX) as taken:
        taken.bind(str(tmp_path / f"{SECRET}.sock"))
        taken.listen()
        (src / "conf.d" / "second.conf.j2").write_text(
            f"server {{ listen unix:{tmp_path}/{{{{ token }}}}.sock; return 200 x; }}\n"
        )
        run = play("--vault-password-file", str(password))
    assert run.rc == 2, run.output
    journal = (web1.store / "journal.jsonl").read_text()
    assert "rolled_back" in journal
    assert "bind()" in journal
    assert SECRET not in run.output
    assert SECRET not in journal
