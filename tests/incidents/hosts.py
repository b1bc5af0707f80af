# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts for an incident: nginx instances at loopback addresses of their own, an application, clients that ask all the time."""

from __future__ import annotations

import datetime as dt
import http.client
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import typing as t
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from jinja2 import Environment, StrictUndefined

from ansible_collections.failsafe.nginx.tests.incidents.incident import Backend, Client, Incident

SKELETON: t.Final = Path(__file__).resolve().parent / "skeleton"
#: Instances have addresses of their own, so every instance can have the same ports.
PORTS: t.Final = {"p": 8080, "p2": 8081, "ps": 8443, "pa": 8090}
#: Seconds between two requests of one client.
_PAUSE: t.Final = 0.02
_TIMEOUT: t.Final = 5
_BAD: t.Final = 400


def nginx_binary() -> str:
    """Return the nginx of this machine."""
    found = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/local/sbin:/usr/sbin")
    assert found, "these tests need nginx: install the distribution's package"
    return found


class Network:
    """Loopback addresses for one incident: 127.x.y.1 and on for the instances, 127.x.y.200 for the application."""

    def __init__(self, number: int) -> None:
        # A second run on this machine has another process id. Every address has the same length, since the console cuts long lines.
        self._prefix = f"127.{100 + os.getpid() % 100}.{100 + number % 150}"

    def address(self, host: int) -> str:
        """Return the address of an instance, counted from 1."""
        return f"{self._prefix}.{host}"

    @property
    def backend(self) -> str:
        """Return the address of the application."""
        return f"{self._prefix}.200"


def _free_port(address: str) -> int:
    """Return a port of an IPv6 address on which nothing listens."""
    with socket.socket(socket.AF_INET6) as sock:
        sock.bind((address, 0))
        return int(sock.getsockname()[1])


class Instance:
    """One host: an nginx with everything of it below one folder."""

    def __init__(self, incident: Incident, root: Path, address: str, backend: str) -> None:
        self.incident = incident
        self.root = root
        self.address = address
        # There is one loopback address of IPv6: the hosts share it, each with a port of its own.
        self.ports = {**PORTS, "p6": _free_port("::1")}
        self.words = {"addr": address, "backend": backend, "root": str(root), **self.ports}
        self.conf = root / "conf"

    def start(self) -> None:
        """Lay the folders out and start nginx with what ran before the change."""
        for name in ("run", "log", "cache", "www"):
            (self.root / name).mkdir(parents=True)
        pages = self.incident.folder / "www"
        if pages.is_dir():
            shutil.copytree(pages, self.root / "www", dirs_exist_ok=True)
        for name, mode in self.incident.modes.items():
            (self.root / name).chmod(int(mode, 8))
        environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)  # noqa: S701
        source = self.root / "before"
        lay_out(self.incident, "before", source)
        for path in sorted(source.rglob("*")):
            target = self.conf / path.relative_to(source)
            if path.is_dir():
                target.mkdir(parents=True, exist_ok=True)
            elif path.suffix == ".j2":
                target.parent.mkdir(parents=True, exist_ok=True)
                target.with_suffix("").write_text(environment.from_string(path.read_text()).render(self.words))
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, target)
        started = subprocess.run(
            [nginx_binary(), "-p", self.root, "-c", self.conf / "nginx.conf"],
            check=False, timeout=60, capture_output=True, text=True,
        )  # fmt: skip
        assert started.returncode == 0, f"{self.incident.name}: nginx does not start: {started.stderr}"

    def stop(self) -> None:
        """End nginx."""
        try:
            pid = int((self.root / "run" / "nginx.pid").read_text())
            os.kill(pid, signal.SIGTERM)
        except (OSError, ValueError):
            return
        deadline = time.monotonic() + 10
        while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
            time.sleep(0.01)

    def files(self) -> dict[str, bytes]:
        """Return the live folder's files."""
        return {str(path.relative_to(self.conf)): path.read_bytes() for path in self.conf.rglob("*") if path.is_file()}

    def variables(self) -> dict[str, object]:
        """Return the host's variables for a deploy."""
        return {
            **self.words,
            "ansible_connection": "local",
            # A key of what one configuration alone listens on has no word of this host then.
            "ansible_host": self.address,
            "ansible_python_interpreter": sys.executable,
            "nginx_deploy_config_dir": str(self.conf),
            "nginx_deploy_prefix": str(self.root),
            "nginx_deploy_store": str(self.root / "store"),
            "nginx_deploy_binary": nginx_binary(),
            "nginx_deploy_become": False,
            "nginx_deploy_service_manager": "none",
        }


def lay_out(incident: Incident, side: str, folder: Path) -> None:
    """Write one side of an incident as a source folder: `before` or `candidate`.

    A configuration without a main file gets that of the skeleton. Files that end in `.conf` become templates.
    """
    for origin in (SKELETON, incident.folder / side):
        for path in sorted(origin.rglob("*")):
            if not path.is_file() or (origin is SKELETON and (incident.folder / side / path.name).exists()):
                continue
            target = folder / path.relative_to(origin)
            if path.suffix == ".conf":
                target = target.with_name(f"{target.name}.j2")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target)
    for name, names in incident.certificates.items():
        expired = side == "candidate" and name in incident.expired
        write_certificate(folder / "tls", name, names, expired=expired, renewed=side == "candidate")
    for name in incident.combined:
        pem = folder / "tls" / f"{name}.pem"
        pem.write_bytes(b"".join(pem.with_suffix(suffix).read_bytes() for suffix in (".crt", ".key")))
        pem.chmod(0o600)


def write_certificate(
    folder: Path, name: str, names: list[str], *, expired: bool = False, renewed: bool = False
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0])])
    now = dt.datetime.now(tz=dt.UTC)
    begin = now - dt.timedelta(days=400 if expired else 1)
    end = now + dt.timedelta(days=-1 if expired else 90 + renewed)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(each) for each in names]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / f"{name}.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / f"{name}.key").write_bytes(private)
    (folder / f"{name}.key").chmod(0o600)


class Application:
    """The application behind the instances of an incident."""

    def __init__(self, backend: Backend, address: str) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                known = any(self.path.startswith(path) for path in backend.paths)
                welcome = backend.hosts is None or self.headers.get("Host", "").partition(":")[0] in backend.hosts
                body = b"hello\n" if known and welcome else b"no\n"
                self.send_response(200 if known and welcome else 404 if welcome else 400)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_HEAD = do_POST = do_GET  # noqa: N815 -- names that http.server looks for

            def log_message(self, *_arguments: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer((address, PORTS["pa"]), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()


class Clients:
    """Clients that ask one instance all the time, each in its turn.

    Attributes:
        answers: how many requests were answered below 400.
        errors: what the others got -> how many.
    """

    def __init__(self, clients: list[Client], instance: Instance) -> None:
        self.answers = 0
        self.errors: Counter[str] = Counter()
        self._clients, self._instance = clients, instance
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._ask_all, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Let the last request end."""
        self._end.set()
        self._thread.join()

    def _ask_all(self) -> None:
        while not self._end.is_set():
            for client in self._clients:
                got = ask(client, self._instance)
                if isinstance(got, int) and got < _BAD:
                    self.answers += 1
                else:
                    self.errors[str(got)] += 1
                self._end.wait(_PAUSE)


def ask(client: Client, instance: Instance) -> int | str:
    """Send one request; return its status, or how the connection failed."""
    address, port = "::1" if client.ipv6 else instance.address, instance.ports[client.port]
    try:
        sock: socket.socket = socket.create_connection((address, port), timeout=_TIMEOUT)
        if client.tls:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            sock = context.wrap_socket(sock, server_hostname=client.host)
        with sock:
            connection = http.client.HTTPConnection(address, port)
            connection.sock = sock
            connection.request("GET", client.path, headers={"Host": client.host, "Connection": "close"})
            return connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return type(error).__name__
