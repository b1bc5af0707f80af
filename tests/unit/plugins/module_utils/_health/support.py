# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
import typing as t

if t.TYPE_CHECKING:
    from pathlib import Path

Handler = t.Callable[[socket.socket, bytes], None]


def listen(where: t.Any, family: int = socket.AF_INET) -> socket.socket:
    listener = socket.socket(family)
    try:
        listener.bind(where)
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    return listener


def reply(*pieces: bytes) -> Handler:
    """Send these bytes, then close."""

    def handle(sock: socket.socket, _request: bytes) -> None:
        for piece in pieces:
            sock.sendall(piece)

    return handle


def head(code: int, *lines: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {code} Whatever", *lines, "", ""]).encode("latin-1")


def status(code: int, *lines: str, body: str = "") -> bytes:
    return head(code, *lines, f"Content-Length: {len(body)}") + body.encode()


class Server:
    """A server of bytes: one thread per connection, every request's header kept, the handler changeable at any time."""

    def __init__(self, listener: socket.socket, handler: Handler, *, listens: bool = True) -> None:
        self.handler = handler
        self.listens = listens  # else it answers before it was asked
        self.requests: list[bytes] = []
        self.stopped = threading.Event()
        self._listener = listener
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def url(self, path: str = "/") -> str:
        return f"http://{self.address}{path}"

    def close(self) -> None:
        self.stopped.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while not self.stopped.is_set():
            try:
                sock, _peer = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with sock, contextlib.suppress(OSError):
            request = b""
            while self.listens and b"\r\n\r\n" not in request:
                piece = sock.recv(65536)
                if not piece:
                    return
                request += piece
            self.requests.append(request)
            self.handler(sock, request)


CA_CONFIG = """
[ca]
default_ca = it
[it]
database = {dir}/index
serial = {dir}/serial
new_certs_dir = {dir}
default_md = sha256
policy = any
x509_extensions = ext
unique_subject = no
[any]
commonName = optional
[ext]
{ext}
"""


def make_certificate(folder: Path, *, names: str, start: str = "20200101000000Z", end: str = "20700101000000Z") -> None:
    """A self-signed pair cert.pem, key.pem; `names` as in OpenSSL's subjectAltName, the times as ASN.1 writes them."""
    folder.mkdir(parents=True)
    (folder / "index").write_text("")
    (folder / "serial").write_text("0f\n")
    extensions = f"subjectAltName = {names}" if names else "keyUsage = digitalSignature"
    (folder / "ca.cnf").write_text(CA_CONFIG.format(dir=folder, ext=extensions))
    request = ["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    request += ["-subj", "/CN=common.example", "-keyout", str(folder / "key.pem"), "-out", str(folder / "req.pem")]
    subprocess.run(request, check=True, capture_output=True, timeout=120)
    sign = ["openssl", "ca", "-selfsign", "-batch", "-notext", "-config", str(folder / "ca.cnf")]
    sign += ["-keyfile", str(folder / "key.pem"), "-in", str(folder / "req.pem"), "-out", str(folder / "cert.pem")]
    sign += ["-startdate", start, "-enddate", end]
    subprocess.run(sign, check=True, capture_output=True, timeout=120)
