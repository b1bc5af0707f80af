# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One nginx instance of the fleet: its folder, its processes and its answers."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import re
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_TITLE = re.compile("<title>(?:[0-9]{3} )?(.*?)</title>")


class DemoError(Exception):
    """Something did not go as told. The message is for people."""


@dataclass(frozen=True)
class Answer:
    """The response to one request."""

    status: int
    headers: dict[str, str]
    body: str

    @property
    def summary(self) -> str:
        """The status and what matters most beside it, in one line, without the application server that answered."""
        if "location" in self.headers:
            return f"{self.status} -> {self.headers['location']}"
        if self.headers.get("content-type") == "application/json":
            answer = json.loads(self.body)
            return f"{self.status} {answer.get('error') or 'application: GET ' + answer['path']}"
        title = _TITLE.search(self.body)
        return f"{self.status} {title.group(1) if title else self.body.strip()}"


@dataclass(frozen=True)
class Snapshot:
    """The parts of an instance that stay equal where a deployment does not touch it."""

    config: str
    master: int
    workers: frozenset[int]


@dataclass(frozen=True)
class Host:
    """One instance: its folders, its address, what runs."""

    name: str
    root: Path
    http_port: int
    https_port: int
    #: PEM file that https answers are checked against.
    certificate: Path

    @property
    def address(self) -> str:
        """The loopback address that it listens on."""
        return address_of(self.name)

    @property
    def config_dir(self) -> Path:
        """The folder of nginx.conf and of everything that it includes."""
        return self.root / "conf"

    @property
    def journal(self) -> str:
        """The store's journal as it stands, empty before the first deployment."""
        path = self.root / "store" / "journal.jsonl"
        return path.read_text() if path.exists() else ""

    @property
    def access_log(self) -> list[dict[str, str]]:
        """Return the requests in the site's access log, oldest first."""
        path = self.root / "log" / "access.log"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

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
        master = self.master
        return frozenset(
            pid
            for pid, parent, title in processes()
            if parent == master and "worker process" in title and "shutting down" not in title
        )

    def snapshot(self) -> Snapshot:
        """Return the digest of the configuration folder, and the processes, as they are now."""
        digest = hashlib.sha256()
        for path in sorted(self.config_dir.rglob("*")):
            digest.update(f"{path.relative_to(self.config_dir)} {path.lstat().st_mode:o}\n".encode())
            if path.is_file():
                digest.update(path.read_bytes())
        return Snapshot(digest.hexdigest(), self.master, self.workers)

    def ask(self, url: str, *, source: str = "", **headers: str) -> Answer:
        """Send GET for `http(s)://name/path` to this instance, whatever the name resolves to.

        Args:
            url: scheme, name and path; the port is this fleet's.
            source: client address, empty for the system's choice.
            headers: more request headers, `_` for `-`.

        """
        scheme, _sep, rest = url.partition("://")
        name, _sep, path = rest.partition("/")
        port = self.https_port if scheme == "https" else self.http_port
        connection = http.client.HTTPConnection(name, port, timeout=10)
        connection.sock = socket.create_connection((self.address, port), timeout=10, source_address=(source, 0))
        try:
            if scheme == "https":
                context = ssl.create_default_context(cafile=str(self.certificate))
                connection.sock = context.wrap_socket(connection.sock, server_hostname=name)
            connection.request("GET", f"/{path}", headers={k.replace("_", "-"): v for k, v in headers.items()})
            response = connection.getresponse()
            body = response.read().decode()
            return Answer(response.status, {key.lower(): value for key, value in response.getheaders()}, body)
        finally:
            connection.close()


def address_of(name: str) -> str:
    """Return the loopback address of an instance: web1 has 127.0.0.11."""
    return f"127.0.0.1{name.removeprefix('web')}"


def has_ended(pid: int) -> bool:
    """Say whether a process has ended; a zombie has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def processes() -> Iterator[tuple[int, int, str]]:
    """List pid, parent's pid and title of every process (proc(5))."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                title = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            yield int(entry.name), parent, title
