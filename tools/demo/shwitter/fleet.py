# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Five nginx instances and Shwitter's application on loopback addresses, all below one work folder."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
import typing as t
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from .host import DemoError, Host, address_of, has_ended, processes

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
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
        location / {{ return 503 "nothing is deployed yet\\n"; }}
    }}
}}
"""


@dataclass(frozen=True)
class Ports:
    """Ten ports in a row that no other fleet uses; the claim is a listening socket on the last one."""

    base: int
    claim: socket.socket

    FIRST: t.ClassVar[int] = 22000
    LAST: t.ClassVar[int] = 22990

    @classmethod
    def choose(cls) -> Ports:
        """Claim the first free row.

        Raises:
            DemoError: every row is taken.
        """
        for base in range(cls.FIRST, cls.LAST, 10):
            claim = _listen("127.0.0.1", base + 9)
            if claim is None:
                continue
            ports = cls(base, claim)
            if all(is_free(address, port) for address, port in ports._wanted()):
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
        """The port for plain HTTP; each instance has its own address."""
        return self.base

    @property
    def https(self) -> int:
        """The port for TLS; each instance has its own address."""
        return self.base + 1

    @property
    def apps(self) -> dict[str, int]:
        """Name of an application server -> its port on 127.0.0.1."""
        return {"app-a": self.base + 2, "app-b": self.base + 3, "app-next": self.base + 4}

    @property
    def profiles(self) -> int:
        """The port of the profile service, which does not run yet."""
        return self.base + 5


class Fleet:
    """The processes of the demo: `running()` starts them and stops them when its block ends, also after an error."""

    def __init__(self, work: Path, nginx: str = "nginx") -> None:
        self.work = work
        self.nginx = nginx
        self.ports = Ports.choose()
        self.certificate = work / "tls" / "shwitter.example.crt"
        self.hosts = tuple(self._host(name) for name in NAMES)
        self._backend: subprocess.Popen[bytes] | None = None

    def _host(self, name: str) -> Host:
        return Host(name, self.work / name, self.ports.http, self.ports.https, self.certificate)

    @property
    def worker_user(self) -> str:
        """The user of root's workers. An ordinary user's workers run as that user, and nginx warns about `user`."""
        if os.geteuid() != 0:
            return ""
        try:
            return pwd.getpwnam(DEBIAN_WORKER_USER).pw_name
        except KeyError:
            return "nobody"

    def variables(self) -> dict[str, t.Any]:
        """Return the variables that the example's inventory leaves to this machine."""
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
        """Copy the site, with the certificate, and lay a change over it."""
        copy = self.work / "candidates" / (change or "site")
        shutil.copytree(EXAMPLE / "site", copy)
        shutil.copytree(self.certificate.parent, copy / "tls")
        if change is not None:
            shutil.copytree(EXAMPLE / "changes" / change, copy, dirs_exist_ok=True)
        return copy

    def outsider(self, change: str) -> Host:
        """Make a sixth instance: the first one's live configuration with the plain files of a change over it."""
        first, other = self.hosts[0], self._host(OUTSIDER)
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
        """Return the command that runs this instance's nginx."""
        return [self.nginx, "-p", str(host.root), "-c", f"{host.config_dir}/nginx.conf", *arguments]

    def _start_backend(self) -> None:
        places = [f"{name}=127.0.0.1:{port}" for name, port in self.ports.apps.items()]
        self._backend = subprocess.Popen([sys.executable, str(HERE / "backend.py"), *places], stdin=subprocess.PIPE)
        for port in self.ports.apps.values():
            wait_for(partial(_accepts, port), f"the application on port {port}")

    def stop(self) -> None:
        """Stop what was started, each process by its pid, and give the ports back."""
        hosts = (*self.hosts, self._host(OUTSIDER))
        masters = [host.master for host in hosts if host.master]
        workers = [pid for pid, parent, _unused in processes() if parent in masters]
        for pid in masters:
            os.kill(pid, signal.SIGTERM)
        if self._backend is not None and self._backend.stdin is not None:
            self._backend.stdin.close()
            self._backend.wait(timeout=10)
        for pid in (*masters, *workers):
            wait_for(partial(has_ended, pid), f"the end of process {pid}")
        self.ports.claim.close()


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 30) -> None:
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


def is_free(address: str, port: int) -> bool:
    """Say whether a port is free."""
    server = _listen(address, port)
    if server is None:
        return False
    server.close()
    return True


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionRefusedError:
        return False
    return True
