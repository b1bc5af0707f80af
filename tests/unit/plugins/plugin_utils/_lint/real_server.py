# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real nginx for what is inside an `http` block, and servers behind it that keep what they are asked."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import threading
import time
import typing as t
from pathlib import Path

from ansible_collections.failsafe.nginx.tests.unit.ports import free_port

FIXTURES = Path(__file__).parent / "fixtures"
BINARY = shutil.which("nginx") or "/usr/sbin/nginx"


def fixture(rule: str, kind: str, name: str) -> str:
    return (FIXTURES / rule / kind / f"{name}.conf").read_text()


class Nginx:
    """Runs the inside of an `http` block, and says exactly what comes over the wire."""

    def __init__(self, folder: Path, block: str, before: str = "", *, master: str = "off") -> None:
        self.folder = folder
        self.ports: dict[str, int] = {}
        self.before = f"{before} master_process {master};"
        self.block = re.sub(r"(?<=listen )(?:[\d.]+:)?(\d+)", self._moved, block)

    def _moved(self, match: re.Match[str]) -> str:
        if match[1] not in self.ports:
            self.ports[match[1]] = free_port()
        return f"127.0.0.1:{self.ports[match[1]]}"

    def prepare(self) -> None:
        for name in ("logs", "srv"):
            (self.folder / name).mkdir()
        temp = "".join(f"{each}_temp_path t_{each};" for each in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        text = (
            f"user root; daemon off; pid pid; {self.before}\nevents {{}}\n"
            f"http {{ access_log off; {temp} root {self.folder}/srv;\n{self.block}\n}}\n"
        )
        (self.folder / "nginx.conf").write_text(text)

    def command(self) -> list[str]:
        return [BINARY, "-p", str(self.folder), "-e", f"{self.folder}/error.log", "-c", f"{self.folder}/nginx.conf"]

    def refusal(self) -> str:
        """What `nginx -t` says against it; empty when it is content."""
        self.prepare()
        done = subprocess.run([*self.command(), "-t"], capture_output=True, text=True, check=False, timeout=120)
        return done.stderr if done.returncode else ""

    def __enter__(self) -> t.Self:
        self.prepare()
        self.process = subprocess.Popen(self.command(), stderr=subprocess.PIPE, env={})
        deadline = time.monotonic() + 60
        for port in self.ports.values():
            while True:
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError(f"nginx does not run: {self.log()}")
                time.sleep(0.01)
        return self

    def __exit__(self, *_exc: object) -> None:
        self.process.terminate()
        self.process.communicate(timeout=10)

    def log(self) -> str:
        path = self.folder / "error.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def ask(self, target: str, *headers: str, port: str = "80", host: str = "a.test") -> str:
        """The whole answer to a GET."""
        lines = [f"GET {target} HTTP/1.1", f"Host: {host}", "Connection: close", *headers, "", ""]
        with socket.create_connection(("127.0.0.1", self.ports[port]), timeout=30) as connection:
            connection.sendall("\r\n".join(lines).encode())
            return read_all(connection)


def read_all(connection: socket.socket) -> str:
    data = b""
    while piece := connection.recv(65536):
        data += piece
    return data.decode("latin-1")


class Upstream:
    """Keeps what each connection sends, and answers it."""

    def __init__(self, answer: bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self.answer = answer
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _peer = self.socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            while data := connection.recv(65536):
                self.requests.append(data)
                connection.sendall(self.answer)
                if not self.answer or b"HTTP/1.0" in data or b"Connection: close" in data:
                    # What a server does with a client that wants it so.
                    return

    def __enter__(self) -> t.Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.socket.close()


def fastcgi(tmp_path: Path, rule: str, kind: str, name: str, target: str) -> bytes:
    """What a FastCGI server gets."""
    text = fixture(rule, kind, name)
    text = re.sub(r"^events \{\}\nhttp \{\n(.*)\}\n$", r"\1", text, flags=re.DOTALL)
    with Upstream(b"") as upstream:
        text = text.replace("unix:/run/php.sock", f"127.0.0.1:{upstream.port}").replace(
            "/srv/public", f"{tmp_path}/srv"
        )
        with Nginx(tmp_path, text) as nginx:
            (tmp_path / "srv" / "index.php").write_text("")
            nginx.ask(target)
    return upstream.requests[0]
