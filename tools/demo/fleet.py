# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Five nginx instances and Shwitter's application on loopback addresses, all below one work folder."""

from __future__ import annotations

import hashlib
import http.client
import os
import pwd
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
import typing as t
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
EXAMPLE = ROOT / "examples" / "shwitter"
NAMES = ("web1", "web2", "web3", "web4", "web5")
#: An instance that no inventory knows, to show what a careless change does.
OUTSIDER = "web6"
DEBIAN_WORKER_USER = "www-data"

_FIRST_CONFIG = """\
pid {root}/run/nginx.pid;
error_log {root}/log/error.log warn;
{user}
events {{}}
http {{
    access_log off;
    client_body_temp_path {root}/cache/body;
    proxy_temp_path {root}/cache/proxy;
    fastcgi_temp_path {root}/cache/fastcgi;
    uwsgi_temp_path {root}/cache/uwsgi;
    scgi_temp_path {root}/cache/scgi;
    server {{
        listen {address}:{port};
        return 200 "welcome, nothing deployed yet\\n";
    }}
}}
"""


class DemoError(Exception):
    """Something did not go as told. The message is for people."""


@dataclass(frozen=True)
class Ports:
    """Ten ports in a row that no other fleet uses; the claim is a listening socket on the last one."""

    base: int
    claim: socket.socket

    FIRST: t.ClassVar[int] = 22000
    LAST: t.ClassVar[int] = 22990

    @classmethod
    def choose(cls) -> Ports:
        """Raises DemoError when all rows are taken."""
        for base in range(cls.FIRST, cls.LAST, 10):
            claim = _listen("127.0.0.1", base + 9)
            if claim is None:
                continue
            ports = cls(base, claim)
            if all(_is_free(address, port) for address, port in ports._wanted()):
                return ports
            claim.close()
        raise DemoError(f"no ten free ports in a row between {cls.FIRST} and {cls.LAST} on the loopback addresses")

    def _wanted(self) -> Iterator[tuple[str, int]]:
        for name in (*NAMES, OUTSIDER):
            yield address_of(name), self.http
            yield address_of(name), self.https
        for port in (*self.apps.values(), self.profiles):
            yield "127.0.0.1", port

    @property
    def http(self) -> int:
        return self.base

    @property
    def https(self) -> int:
        return self.base + 1

    @property
    def apps(self) -> dict[str, int]:
        """Name of an application server -> its port on 127.0.0.1."""
        return {"app-a": self.base + 2, "app-b": self.base + 3, "app-next": self.base + 4}

    @property
    def profiles(self) -> int:
        """Where the profile service is going to listen one day. Nobody listens there."""
        return self.base + 5


@dataclass(frozen=True)
class Answer:
    """What one request got."""

    status: int
    headers: dict[str, str]
    body: str

    @property
    def summary(self) -> str:
        """The status and what matters most beside it, in one line."""
        if "location" in self.headers:
            return f"{self.status} -> {self.headers['location']}"
        first = next((line for line in self.body.splitlines() if line.strip()), "")
        return f"{self.status} {first.strip()}"[:110]


@dataclass(frozen=True)
class Snapshot:
    """What must not change on an instance that a deployment did not touch."""

    config: str
    master: int
    workers: frozenset[int]


@dataclass(frozen=True)
class Host:
    """One instance: its folders, its address, what runs."""

    name: str
    root: Path
    ports: Ports

    @property
    def address(self) -> str:
        return address_of(self.name)

    @property
    def config_dir(self) -> Path:
        return self.root / "conf"

    @property
    def store(self) -> Path:
        return self.root / "store"

    @property
    def journal(self) -> str:
        """The store's journal as it stands, empty before the first deployment."""
        path = self.store / "journal.jsonl"
        return path.read_text() if path.exists() else ""

    @property
    def master(self) -> int:
        """The master's pid, 0 when none runs."""
        try:
            pid = int((self.root / "run" / "nginx.pid").read_text())
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError):
            return 0
        return pid if os.fsencode(self.root) in command else 0

    @property
    def workers(self) -> frozenset[int]:
        """The pids of the master's workers that are not on their way out."""
        return frozenset(
            pid for pid, parent, title in _processes() if parent == self.master and "shutting down" not in title
        )

    def snapshot(self) -> Snapshot:
        """Digest of the configuration folder and the processes, as they are now."""
        digest = hashlib.sha256()
        for path in sorted(self.config_dir.rglob("*")):
            digest.update(f"{path.relative_to(self.config_dir)} {path.lstat().st_mode:o}\n".encode())
            if path.is_file():
                digest.update(path.read_bytes())
        return Snapshot(digest.hexdigest(), self.master, self.workers)

    def ask(self, url: str, *, certificate: Path | None = None, source: str = "", **headers: str) -> Answer:
        """Send GET for `http(s)://name/path` to this instance, whatever the name resolves to.

        Args:
            url: scheme, name and path; the port is this fleet's.
            certificate: PEM file to trust; required for https, whose certificate is checked against the name.
            source: client address, empty for the system's choice.
            headers: more request headers, `_` for `-`.

        """
        scheme, _, rest = url.partition("://")
        name, _, path = rest.partition("/")
        port = self.ports.https if scheme == "https" else self.ports.http
        connection = http.client.HTTPConnection(name, port, timeout=10)
        connection.sock = socket.create_connection((self.address, port), timeout=10, source_address=(source, 0))
        try:
            if scheme == "https":
                context = ssl.create_default_context(cafile=str(certificate))
                connection.sock = context.wrap_socket(connection.sock, server_hostname=name)
            connection.request("GET", f"/{path}", headers={k.replace("_", "-"): v for k, v in headers.items()})
            response = connection.getresponse()
            body = response.read().decode()
            return Answer(response.status, {key.lower(): value for key, value in response.getheaders()}, body)
        finally:
            connection.close()


class Fleet:
    """Everything that runs: started by `running()`, stopped when its block ends, whatever happens there."""

    def __init__(self, work: Path, nginx: str = "nginx") -> None:
        self.work = work
        self.nginx = nginx
        self.ports = Ports.choose()
        self.hosts = tuple(Host(name, work / name, self.ports) for name in NAMES)
        self.certificate = work / "tls" / "shwitter.example.crt"
        self._backend: subprocess.Popen[bytes] | None = None

    @property
    def worker_user(self) -> str:
        """Whom root's workers run as. An ordinary user's run as that user, and nginx warns about `user`."""
        if os.geteuid() != 0:
            return ""
        try:
            return pwd.getpwnam(DEBIAN_WORKER_USER).pw_name
        except KeyError:
            return "nobody"

    def variables(self) -> dict[str, t.Any]:
        """What the example's inventory leaves to this machine."""
        apps = {name: f"127.0.0.1:{port}" for name, port in self.ports.apps.items()}
        return {
            "shwitter_work": str(self.work),
            "shwitter_worker_user": self.worker_user,
            "shwitter_http_port": self.ports.http,
            "shwitter_https_port": self.ports.https,
            "shwitter_app_servers": [apps["app-a"], apps["app-b"]],
            "shwitter_canary_server": apps["app-next"],
            "shwitter_profiles_server": f"127.0.0.1:{self.ports.profiles}",
            "nginx_deploy_binary": shutil.which(self.nginx) or self.nginx,
        }

    def prepare(self) -> None:
        """Make the folders, the first configuration of every instance, the static files and a test certificate."""
        # The workers of a root fleet run as another user and must be able to come through.
        self.work.chmod(0o755)
        shutil.copytree(EXAMPLE / "static", self.work / "static")
        (self.work / "acme").mkdir()
        for host in self.hosts:
            for name in ("conf", "run", "log", "cache"):
                (host.root / name).mkdir(parents=True)
            (host.config_dir / "nginx.conf").write_text(
                _FIRST_CONFIG.format(
                    root=host.root,
                    address=host.address,
                    port=self.ports.http,
                    user=f"user {self.worker_user};" if self.worker_user else "",
                )
            )
        self._make_certificate()

    def candidate(self, change: str | None = None) -> Path:
        """A working copy of the site, with the certificate, and with a change laid over it."""
        copy = self.work / "candidates" / (change or "site")
        shutil.copytree(EXAMPLE / "site", copy)
        shutil.copytree(self.certificate.parent, copy / "tls")
        if change is not None:
            shutil.copytree(EXAMPLE / "changes" / change, copy, dirs_exist_ok=True)
        return copy

    def outsider(self, change: str) -> Host:
        """A sixth instance with the first one's live configuration and the plain files of a change copied over it."""
        first, other = self.hosts[0], Host(OUTSIDER, self.work / OUTSIDER, self.ports)
        shutil.copytree(first.config_dir, other.config_dir)
        for name in ("run", "log", "cache"):
            (other.root / name).mkdir()
        shutil.copytree(EXAMPLE / "changes" / change, other.config_dir, dirs_exist_ok=True)
        for path in other.config_dir.rglob("*.conf"):
            text = path.read_text().replace(str(first.root), str(other.root)).replace(first.address, other.address)
            path.write_text(text)
        return other

    def _make_certificate(self) -> None:
        self.certificate.parent.mkdir()
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        command += ["-days", "30", "-subj", "/CN=shwitter.example"]
        command += ["-addext", "subjectAltName=DNS:shwitter.example,DNS:*.shwitter.example"]
        command += ["-keyout", str(self.certificate.with_suffix(".key")), "-out", str(self.certificate)]
        run_quietly(command)
        self.certificate.with_suffix(".key").chmod(0o600)

    @contextmanager
    def running(self, *hosts: Host) -> Iterator[None]:
        """Start the application and the instances (all unless named); stop all of them at the end."""
        try:
            self._start_backend()
            for host in hosts or self.hosts:
                self.start(host)
            yield
        finally:
            self.stop()

    def start(self, host: Host) -> None:
        """Start one instance; `running` stops it."""
        run_quietly(self.command(host))
        wait_for(lambda: len(host.workers) > 0, f"{host.name}'s workers")

    def command(self, host: Host, *arguments: str) -> list[str]:
        """What runs this instance's nginx."""
        return [self.nginx, "-p", str(host.root), "-c", f"{host.config_dir}/nginx.conf", *arguments]

    def _start_backend(self) -> None:
        places = [f"{name}=127.0.0.1:{port}" for name, port in self.ports.apps.items()]
        self._backend = subprocess.Popen([sys.executable, str(HERE / "backend.py"), *places], stdin=subprocess.PIPE)
        for port in self.ports.apps.values():
            wait_for(lambda port=port: not _is_free("127.0.0.1", port), f"the application on port {port}")

    def stop(self) -> None:
        """Stop what was started, each process by its pid, and give the ports back."""
        hosts = (*self.hosts, Host(OUTSIDER, self.work / OUTSIDER, self.ports))
        masters = [host.master for host in hosts if host.master]
        workers = [pid for pid, parent, _ in _processes() if parent in masters]
        for pid in masters:
            os.kill(pid, signal.SIGTERM)
        if self._backend is not None and self._backend.stdin is not None:
            self._backend.stdin.close()
            self._backend.wait(timeout=10)
        for pid in (*masters, *workers):
            wait_for(lambda pid=pid: not Path(f"/proc/{pid}").exists() or _is_zombie(pid), f"the end of process {pid}")
        self.ports.claim.close()


def address_of(name: str) -> str:
    """The loopback address of an instance: web1 has 127.0.0.11."""
    return f"127.0.0.1{name.removeprefix('web')}"


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 10) -> None:
    """Wait until `condition` holds.

    Raises:
        DemoError: it did not within `seconds`.

    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise DemoError(f"waited {seconds:g} seconds for {what} in vain")
        time.sleep(0.01)


def run_quietly(command: list[str]) -> str:
    """Run a command and return what it printed.

    Raises:
        DemoError: it failed or is not there; the message has its output.

    """
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    except OSError as error:
        raise DemoError(f"{command[0]}: {error.strerror}") from error
    output = done.stdout + done.stderr
    if done.returncode != 0:
        raise DemoError(f"{' '.join(command)}: exit status {done.returncode}\n{output}")
    return output


def _listen(address: str, port: int) -> socket.socket | None:
    try:
        return socket.create_server((address, port))
    except OSError:
        return None


def _is_free(address: str, port: int) -> bool:
    server = _listen(address, port)
    if server is None:
        return False
    server.close()
    return True


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def _processes() -> Iterator[tuple[int, int, str]]:
    """Pid, parent's pid and title of every process (proc(5))."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                title = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            yield int(entry.name), parent, title
