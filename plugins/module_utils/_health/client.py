# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""One connection, one TLS handshake, one HTTP request, each inside a deadline for the whole that no server can stretch."""

from __future__ import annotations

import contextlib
import functools
import http.client
import io
import socket
import ssl
import threading
import time
import typing as t

if t.TYPE_CHECKING:
    from .definition import Address

BODY_LIMIT = 1 << 20  # bytes
_TIMEOUTS = (socket.timeout, TimeoutError)  # two types before Python 3.10


class Failure(Exception):  # noqa: N818  # a result inside this room, never an error of it
    """The server is not as it should be.

    `kind` is `wrong` (it answered, and the answer does not change by itself), `slow`, `connection` (no usable
    answer: a timeout, a reset) or `refused` (nothing listens there).
    """

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


class Deadline:
    """A number of seconds that starts now."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._start = time.monotonic()

    @property
    def elapsed(self) -> float:
        """Return the seconds since the start."""
        return time.monotonic() - self._start

    def left(self) -> float:
        """Return the seconds that are left.

        Raises:
            TimeoutError: when none are.
        """
        left = self.seconds - self.elapsed
        if left <= 0:
            raise TimeoutError
        return left


class HealthAnswer(t.NamedTuple):
    """The final response: `headers` in order; `body` is None unless it was asked for; times in seconds."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes | None
    latency: float

    def fields(self, name: str) -> list[str]:
        """Return the values of every field line with this name."""
        return [value for key, value in self.headers if key.lower() == name.lower()]


@contextlib.contextmanager
def connected(address: Address, deadline: Deadline) -> t.Iterator[socket.socket]:
    """Open a stream connection that is closed at the end; turn errors while it is used into a `Failure`."""
    sock: socket.socket | None = None
    try:
        sock = _connect(address, deadline)
        yield sock
    except _TIMEOUTS as exc:
        raise Failure("connection", f"no {'answer' if sock else 'connection'} within {deadline.seconds:.3g} s") from exc
    except ssl.SSLCertVerificationError as exc:
        raise Failure("wrong", f"certificate not trusted: {exc.verify_message}") from exc
    except ssl.SSLError as exc:
        # Python 3.7 has no name for OpenSSL 3's "unexpected eof while reading".
        if isinstance(exc, (ssl.SSLEOFError, ssl.SSLZeroReturnError)) or "unexpected eof" in str(exc):
            raise Failure("connection", "connection closed before the answer's end") from exc
        raise Failure("wrong", f"TLS failed: {exc.reason or exc}") from exc
    except (http.client.RemoteDisconnected, http.client.IncompleteRead) as exc:
        raise Failure("connection", "connection closed before the answer's end") from exc
    except (http.client.HTTPException, ValueError) as exc:
        raise Failure("wrong", f"the answer is not HTTP/1: {type(exc).__name__}") from exc
    except OSError as exc:
        refused = isinstance(exc, (ConnectionRefusedError, FileNotFoundError))
        text = exc.strerror or str(exc)
        raise Failure("refused" if refused else "connection", text[:1].lower() + text[1:]) from exc
    finally:
        if sock:
            sock.close()


def proxy_line(sock: socket.socket) -> bytes:
    """Return the first line of the PROXY protocol, version 1, for a connection (its specification, section 2.1)."""
    if sock.family not in (socket.AF_INET, socket.AF_INET6):
        return b"PROXY UNKNOWN\r\n"
    family = "TCP6" if sock.family == socket.AF_INET6 else "TCP4"
    (source, source_port), (target, target_port) = sock.getsockname()[:2], sock.getpeername()[:2]
    return f"PROXY {family} {source} {target} {source_port} {target_port}\r\n".encode("ascii")


def tls(sock: socket.socket, deadline: Deadline, *, sni: str, verify: bool, ca: str = "") -> ssl.SSLSocket:
    """Shake hands; with `verify` the chain and the name must be good. An IP address is verified but never sent as SNI."""
    try:
        context = _context(verify, ca)
    except OSError as exc:
        raise Failure("wrong", f"cannot use the CA file {ca}: {exc.strerror or exc}") from exc
    sock.settimeout(deadline.left())
    try:
        return context.wrap_socket(sock, server_hostname=sni or None)
    except ssl.SSLError:
        raise
    except ValueError as exc:
        raise Failure("wrong", f"cannot ask for the server name {sni!r}: {exc}") from exc


def exchange(sock: socket.socket, deadline: Deadline, *, method: str, request: bytes, want_body: bool) -> HealthAnswer:
    """Send one request and read the final response; interim responses (RFC 9110 15.2) are passed over."""
    sock.settimeout(deadline.left())
    sock.sendall(request)
    stream = _Stream(sock, deadline)
    while True:
        with contextlib.closing(http.client.HTTPResponse(t.cast("socket.socket", stream), method=method)) as response:
            response.begin()
            if response.status >= 200 or response.status == 101:  # noqa: PLR2004
                latency = deadline.elapsed
                body = _read_body(response) if want_body else None
                return HealthAnswer(response.status, response.getheaders(), body, latency)


def _read_body(response: http.client.HTTPResponse) -> bytes:
    body = b""
    while len(body) < BODY_LIMIT:
        piece = response.read(min(65536, BODY_LIMIT - len(body)))
        if not piece:
            break
        body += piece
    if len(body) < BODY_LIMIT and response.length:
        raise http.client.IncompleteRead(b"")
    return body


class _Stream:
    """The part of a socket that `http.client.HTTPResponse` uses: one buffered reader for interim and final responses."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._reader = _Buffered(_Reader(sock, deadline))

    def makefile(self, _mode: str) -> t.Any:
        return self._reader


class _Buffered(io.BufferedReader):
    def close(self) -> None:
        """Stay open: every response closes its reader, and the socket has an owner."""


class _Reader(io.RawIOBase):
    """Reads that share one deadline: a socket's own timeout begins anew with every byte that trickles in."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock = sock
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: t.Any) -> int:
        self._sock.settimeout(self._deadline.left())
        return self._sock.recv_into(buffer)


@functools.lru_cache(maxsize=8)
def _context(verify: bool, ca: str) -> ssl.SSLContext:  # noqa: FBT001
    # Reading the system's certificates takes longer than a local request: once per gate, not once per request.
    if verify:
        return ssl.create_default_context(cafile=ca or None)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _connect(address: Address, deadline: Deadline) -> socket.socket:
    if address.path:
        return _open(socket.AF_UNIX, address.path, deadline)
    error: OSError = OSError(f"{address.host} has no address")
    for family, where in _resolve(address, deadline):
        try:
            return _open(family, where, deadline)
        except OSError as exc:  # noqa: PERF203
            error = exc
    raise error


def _open(family: int, where: t.Any, deadline: Deadline) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.settimeout(deadline.left())
        sock.connect(where)
    except BaseException:
        sock.close()
        raise
    return sock


def _resolve(address: Address, deadline: Deadline) -> list[tuple[int, t.Any]]:
    found: list[t.Any] = []

    def look_up(flags: int = 0) -> None:
        try:
            found.extend(socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=flags))
        except (OSError, UnicodeError) as exc:
            found.append(exc)

    look_up(socket.AI_NUMERICHOST)
    if isinstance(found[0], Exception):
        found.clear()
        # getaddrinfo takes no timeout: a thread that is left behind is the only way to stop waiting for it.
        thread = threading.Thread(target=look_up, daemon=True)
        thread.start()
        thread.join(deadline.left())
        if thread.is_alive():
            raise TimeoutError
        if isinstance(found[0], Exception):
            raise OSError(f"cannot resolve {address.host}: {getattr(found[0], 'strerror', None) or found[0]}")
    return [(item[0], item[4]) for item in found]
