# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real nginx on loopback that runs an http block with its ports moved, and a client that moves them back."""

from __future__ import annotations

import fnmatch
import http.client
import re
import shutil
import socket
import ssl
import subprocess
import time
import typing as t
from urllib.parse import urlsplit

from ansible_collections.failsafe.nginx.tests.unit.ports import free_port

if t.TYPE_CHECKING:
    from pathlib import Path

FILES = ("index.html", "index.php", "maintenance.html", "404.html")
_LISTEN = re.compile(r"(?P<head>\blisten\s+(?:[\d.*]+:|\[::\]:)?)(?P<port>\d+)\b")


class Answer(t.NamedTuple):
    status: int
    location: str
    body: str


class RealNginx:
    """Runs the inside of an `http` block. Use as a context manager."""

    def __init__(self, folder: Path, http_block: str, certificate: Path | None = None) -> None:
        self.folder = folder
        self.ports: dict[int, int] = {}
        self.names = [name for line in re.findall(r"server_name\s+([^;]+);", http_block) for name in line.split()]
        self.cookies: dict[str, str] = {}
        body = _LISTEN.sub(self._moved, http_block)
        (folder / "html").mkdir()
        for name in FILES:
            (folder / "html" / name).write_text(name)
        (folder / "nginx.conf").write_text(self._wrap(body, certificate))
        self.process: subprocess.Popen[bytes] | None = None

    def _moved(self, match: re.Match[str]) -> str:
        port = int(match["port"])
        if port not in self.ports:
            self.ports[port] = free_port()
        return f"{match['head']}{self.ports[port]}"

    def _wrap(self, body: str, certificate: Path | None) -> str:
        tls = f"ssl_certificate {certificate}; ssl_certificate_key {certificate};" if certificate else ""
        temp = "".join(
            f"{name}_temp_path {self.folder}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        return (
            f"user root; daemon off; master_process off; pid {self.folder}/pid; error_log {self.folder}/error.log;\n"
            f"events {{}}\nhttp {{\naccess_log off; root {self.folder}/html; {tls}\n{temp}{body}\n}}\n"
        )

    def __enter__(self) -> t.Self:
        binary = shutil.which("nginx") or "/usr/sbin/nginx"
        self.process = subprocess.Popen(
            [binary, "-p", str(self.folder), "-e", f"{self.folder}/error.log", "-c", f"{self.folder}/nginx.conf"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={},
        )
        deadline = time.monotonic() + 60
        for port in self.ports.values():
            while not _accepts(port):
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError(f"nginx does not run: {self.log()}")
                time.sleep(0.01)
        return self

    def __exit__(self, *_exc: object) -> None:
        assert self.process is not None
        self.process.terminate()
        self.process.communicate(timeout=10)

    def log(self) -> str:
        path = self.folder / "error.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def get(self, url: str, more: dict[str, str] | None = None) -> Answer:
        """A GET to this nginx, whatever the URL's host is, with more headers; Location comes back with the ports of the configuration."""
        parts = urlsplit(url)
        original = parts.port or (443 if parts.scheme == "https" else 80)
        port = self.ports[original]
        connection: http.client.HTTPConnection
        if parts.scheme == "https":
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=30, context=context)
        else:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        headers = {"Host": parts.netloc, "X-Forwarded-Proto": "https", "X-Rewritten": "1", "Connection": "close"}
        headers["Authorization"] = "Basic dTpw"
        headers |= more or {}
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        connection.request("GET", target, headers=headers)
        response = connection.getresponse()
        for cookie in response.headers.get_all("Set-Cookie") or []:
            name, _sep, value = cookie.partition("=")
            self.cookies[name] = value
        location = response.getheader("Location") or ""
        for before, after in self.ports.items():
            location = location.replace(f":{after}", "" if before in (80, 443) else f":{before}")
        return Answer(response.status, location, response.read().decode(errors="replace"))

    def is_folder(self, answer: Answer) -> bool:
        """Whether nginx only puts a slash behind the name of a folder."""
        path = re.sub(r"^\w+://[^/]*", "", answer.location).partition("?")[0]
        return answer.status == 301 and path.endswith("/") and (self.folder / f"html{path}").is_dir()

    def knows(self, url: str) -> bool:
        """Whether a URL leads to a port and a name of this configuration."""
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
        names = [name.lower().removeprefix(".") for name in self.names]
        return port in self.ports and any(fnmatch.fnmatch(parts.hostname or "", name) for name in names)

    def follow(self, url: str, limit: int = 20) -> list[str]:
        """The URLs of a redirect chain; as long as `limit` + 1 when it does not end."""
        urls = [url]
        while len(urls) <= limit:
            answer = self.get(urls[-1])
            if not answer.location or not self.knows(answer.location):
                break
            urls.append(answer.location)
        return urls


def make_certificate(folder: Path) -> Path:
    """A self-signed certificate and its key in one file."""
    path = folder / "cert.pem"
    subprocess.run(
        [
            *(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=test",
            ),
            *("-keyout", str(folder / "key.pem"), "-out", str(path)),
        ],
        check=True,
        capture_output=True,
        timeout=120,
    )
    path.write_text(path.read_text() + (folder / "key.pem").read_text())
    return path


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
