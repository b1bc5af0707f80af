# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The client of a world: it writes the request of a probe byte by byte, and reads the answer."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import socket
import ssl
import struct
import time
import typing as t
import zlib
from dataclasses import replace

from .._wire.probes import Probe
from . import http2, networks
from .event_loop import EventLoop
from .networks import family
from .protocols import UnreadableError, chunks_end

CLIENT, CLIENT6 = "198.51.100.1", "2001:db8::1"
#: Seconds for one answer, beyond what the stubs were told to wait.
PATIENCE = 10.0
_IDLE = 4  # connections kept for the next probe
_RESET = struct.pack("ii", 1, 0)
#: The status of an answer that invites the client to send the body that it announced.
CONTINUE = 100
_BIND_NO_PORT = 24  # IP_BIND_ADDRESS_NO_PORT: the port is chosen by connect, so that they do not run out


#: Address, port, server name, client, TLS, PROXY line and ALPN: what two probes on one connection have in common.
_Key = t.Tuple[str, int, t.Optional[str], t.Optional[str], bool, bool, str]


class ConnectError(Exception):
    """No answer came; the message is the word for an outcome's `closed`."""


class Http1Answer:
    """An HTTP/1 answer as far as it has arrived.

    Attributes:
        status: None until its line is there.
        headers: as received.
        body: without its framing.
        keep: the connection can carry another request.
        closed: the word for what ended it early.

    Args:
        method: of the request.
        interim: `100 Continue` ends it: the body that the request announced is not sent.
    """

    def __init__(self, method: str, *, interim: bool = False) -> None:
        self.status: t.Optional[int] = None
        self.headers: t.List[t.List[str]] = []
        self.body = b""
        self.keep = False
        self.closed: t.Optional[str] = None
        self._method = method
        self._interim = interim
        self._data = b""
        self._length: t.Optional[int] = None
        self._chunked = False

    def feed(self, data: bytes) -> bool:
        """Take received bytes; return True once the answer is complete.

        Raises:
            UnreadableError: this is not HTTP/1.
        """
        self._data += data
        while self.status is None or self.status < 200:  # noqa: PLR2004
            end = self._data.find(b"\r\n\r\n")
            if end < 0:
                if self._data and not b"HTTP/1.".startswith(self._data[:7]):
                    raise UnreadableError("the answer is not HTTP/1")
                return False
            self._head(self._data[:end].decode("latin-1").split("\r\n"))
            self._data = self._data[end + 4 :]
            if self.status == 101 or (self.status == CONTINUE and self._interim):  # noqa: PLR2004
                break
        if self._length is not None:
            self.body = self._data[: self._length]
            return len(self._data) >= self._length
        if self._chunked:
            end_of_chunks = chunks_end(self._data, 0)
            if end_of_chunks is not None:
                self.body = _unchunked(self._data)
            return end_of_chunks is not None
        self.body = self._data
        return False

    def ended(self) -> bool:
        """Tell whether the end of the connection is the end of the answer."""
        self.keep = False
        return self.status is not None and self._length is None and not self._chunked

    def _head(self, lines: t.List[str]) -> None:
        words = lines[0].split(" ", 2)
        if len(words) < 2 or not words[1].isdigit():  # noqa: PLR2004
            raise UnreadableError(f"a status line that is none: {lines[0][:80]}")
        self.status = int(words[1])
        self.headers = [[name, value.strip(" \t")] for name, _c, value in (line.partition(":") for line in lines[1:])]
        lower = {name.lower(): value for name, value in self.headers}
        connection = lower.get("connection", "").lower()
        self.keep = "keep-alive" in connection or (words[0] == "HTTP/1.1" and "close" not in connection)
        self.keep = self.keep and not self._interim  # nginx waits for the rest of the request
        self._chunked = "chunked" in lower.get("transfer-encoding", "").lower()
        self._length = None
        if self._method == "HEAD" or self.status in {204, 304} or self.status < 200:  # noqa: PLR2004
            self._length, self._chunked = 0, False
        elif not self._chunked and lower.get("content-length", "").isdigit():
            self._length = int(lower["content-length"])


def _unchunked(data: bytes) -> bytes:
    body, start = b"", 0
    while True:
        line = data.index(b"\r\n", start)
        size = int(data[start:line].partition(b";")[0], 16)
        if not size:
            return body
        body += data[line + 2 : line + 2 + size]
        start = line + size + 4


def request_bytes(probe: Probe) -> bytes:
    """Write the HTTP/1 request of a probe."""
    version = "1.0" if probe.version == "1.0" else "1.1"
    lines = [f"{probe.method} {probe.target} HTTP/{version}"]
    if probe.host is not None:
        lines.append(f"Host: {probe.host}")
    lines += [f"{name}: {value}" for name, value in probe.headers]
    body = probe.body.encode("latin-1", "replace")
    names = {name.lower() for name, _value in probe.headers}
    if body and not names & {"content-length", "transfer-encoding"}:
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace") + body


def announces(probe: Probe) -> bool:
    """Tell whether a probe announces a body without sending it, to see whether nginx asks for it (RFC 9110, 10.1.1)."""
    expected = any(name.lower() == "expect" and value.lower() == "100-continue" for name, value in probe.headers)
    return expected and not probe.body


def with_small_body(probe: Probe) -> Probe:
    """Return the request with a body of one byte in place of the one that it announces."""
    headers = [[name, value] for name, value in probe.headers if name.lower() not in {"expect", "content-length"}]
    return replace(probe, headers=headers, body="x")


def content(headers: t.Sequence[t.Sequence[str]], body: bytes) -> bytes:
    """Return a body without gzip: what was compressed in another way is the same content."""
    if not any(name.lower() == "content-encoding" and value.lower() == "gzip" for name, value in headers):
        return body
    try:
        return gzip.decompress(body)
    except (OSError, EOFError, zlib.error):
        return body


def digest(body: bytes) -> str:
    """Return the first twelve hex digits of a body's SHA-256."""
    return hashlib.sha256(body).hexdigest()[:12]


class Client:
    """Connections to nginx from any address, some of which are kept.

    Args:
        foreign: tells whether an address and port in nginx's own network are a stub's.
    """

    def __init__(self, networks: networks.Networks, foreign: t.Callable[[str, int], bool]) -> None:
        self._networks = networks
        self._foreign = foreign
        self._kept: t.Dict[_Key, socket.socket] = {}
        self._contexts = {name: _tls(name) for name in ("http/1.1", "h2")}

    def connect(self, probe: Probe, *, alpn: str = "http/1.1") -> t.Tuple[_Key, socket.socket, bool]:
        """Return a connection for a probe: a key for `keep`, the socket, and whether it was used before.

        Raises:
            ConnectError: nginx does not take it.
        """
        listen = probe.listen
        key = (listen.address, listen.port, probe.sni, probe.client, listen.ssl, listen.proxy_protocol, alpn)
        kept = self._kept.pop(key, None)
        if kept is not None:
            return key, kept, True
        sock = self.dial(probe)
        try:
            if listen.ssl:
                sock = self._contexts[alpn].wrap_socket(sock, server_hostname=probe.sni or None)
        except ssl.SSLError as error:
            sock.close()
            raise ConnectError(f"tls: {error.reason or error.args[-1]}".replace("_", " ").lower()) from error
        except (OSError, ValueError) as error:
            sock.close()
            raise ConnectError(_word(error, secure=listen.ssl)) from error
        return key, sock, False

    def dial(self, probe: Probe) -> socket.socket:
        """Return a new connection for a probe, without TLS, behind the PROXY line that its listener wants.

        Raises:
            ConnectError: nginx does not take it.
        """
        sock = self._open(probe.listen.address, probe.listen.port, probe.client)
        try:
            if probe.listen.proxy_protocol:
                sock.sendall(_proxy_line(sock, probe))
        except OSError as error:
            sock.close()
            raise ConnectError(_word(error, secure=probe.listen.ssl)) from error
        return sock

    def keep(self, key: _Key, sock: socket.socket) -> None:
        """Keep a connection on which an answer was read to its end."""
        while len(self._kept) >= _IDLE:
            self.drop(self._kept.pop(next(iter(self._kept))))
        self._kept[key] = sock

    def forget(self) -> None:
        """Close the kept connections."""
        while self._kept:
            self.drop(self._kept.popitem()[1])

    @staticmethod
    def drop(sock: socket.socket) -> None:
        """Close a connection and leave nothing of it behind, not even TIME_WAIT."""
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        sock.close()

    def _open(self, address: str, port: int, client: t.Optional[str]) -> socket.socket:
        if address.startswith("unix:"):
            sock = socket.socket(socket.AF_UNIX)
            goal: t.Any = address[5:]
        else:
            goal, source, inside = self.ends(address, client)
            if self._is_elsewhere(goal, port, inside=inside):
                raise ConnectError("refused")
            kind = family(goal)
            sock = self._networks.socket_inside(kind) if inside else socket.socket(kind)
            goal = (goal, port)
            try:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.setsockopt(socket.IPPROTO_IP, _BIND_NO_PORT, 1)
                sock.bind((source, 0))
            except OSError as error:
                sock.close()
                raise ConnectError(f"no client can have the address {source}: {error.strerror}") from error
        sock.settimeout(PATIENCE)
        try:
            sock.connect(goal)
        except OSError as error:
            sock.close()
            raise ConnectError(_word(error, secure=False)) from error
        return sock

    def _is_elsewhere(self, goal: str, port: int, *, inside: bool) -> bool:
        # Stubs answer at every address that is not nginx's, and at its ports that only upstreams have: no client meets them.
        if inside:
            return self._foreign(goal, port)
        return goal not in self._networks.local and (":" not in goal or self._networks.ipv6)

    def ends(self, address: str, client: t.Optional[str]) -> t.Tuple[str, str, bool]:
        """Return the address to connect to, the client's own, and whether both are inside nginx's network."""
        v6 = ":" in address
        goal = networks.INNER[v6] if address in {"0.0.0.0", "::", "*"} else address  # noqa: S104
        source = client if client and (":" in client) == v6 else (CLIENT6 if v6 else CLIENT)
        if networks.is_loopback(goal):
            return goal, source if networks.is_loopback(source) else ("::1" if v6 else "127.0.0.1"), True
        return goal, source, networks.is_loopback(source) or source in self._networks.local


def _tls(alpn: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with contextlib.suppress(ssl.SSLError, ValueError):
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.set_ciphers("ALL:@SECLEVEL=0")
    context.set_alpn_protocols([alpn])
    return context


def _proxy_line(sock: socket.socket, probe: Probe) -> bytes:
    # https://www.haproxy.org/download/1.8/doc/proxy-protocol.txt, version 1
    client = probe.client or CLIENT
    port = 40000
    goal = "::1" if ":" in client else "127.0.0.1"
    if sock.family != socket.AF_UNIX:
        goal = sock.getpeername()[0]
        port = sock.getsockname()[1]
    if (":" in client) != (":" in goal):
        goal = networks.INNER[":" in client]
    kind = "TCP6" if ":" in client else "TCP4"
    return f"PROXY {kind} {client} {goal} {port} {probe.listen.port or 80}\r\n".encode()


def _word(error: Exception, *, secure: bool) -> str:
    if isinstance(error, socket.timeout):
        return "timeout"
    if isinstance(error, (ConnectionRefusedError, FileNotFoundError)):
        return "refused"
    if isinstance(error, (ConnectionResetError, BrokenPipeError)):
        return "tls: the connection was reset" if secure else "reset"
    return f"tls: {error}" if secure else f"refused: {error}"


def read(
    sock: socket.socket, answer: t.Union[Http1Answer, http2.Http2Answer], loop: EventLoop, deadline: float
) -> t.Optional[str]:
    """Read an answer while the stubs do their part; return None, or the word for what ended it early.

    Args:
        sock: non-blocking.
        answer: takes what is read.
        loop: handles the stubs' events meanwhile.
        deadline: as of `time.monotonic`.
    """
    ready: t.List[bool] = []
    handle = sock.fileno()
    loop.add(handle, lambda: ready.append(True))
    try:
        while True:
            while not ready:
                left = deadline - time.monotonic()
                if left <= 0:
                    return "timeout"
                loop.turn(left)
            ready.clear()
            ended = _receive(sock, answer)
            if ended is not None:
                return ended or None
    finally:
        loop.remove(handle)


def _receive(sock: socket.socket, answer: t.Union[Http1Answer, http2.Http2Answer]) -> t.Optional[str]:
    # "" when the answer is complete, None when more is to come, else the word for what ended it.
    try:
        while True:
            data = sock.recv(262144)
            if not data:
                return "" if answer.ended() else "closed"
            if answer.feed(data):
                return ""
            if not isinstance(sock, ssl.SSLSocket) or not sock.pending():
                return None
    except (BlockingIOError, ssl.SSLWantReadError):
        return None
    except ssl.SSLError as error:
        return "closed" if answer.status else f"tls: {error.reason}".replace("_", " ").lower()
    except ConnectionResetError:
        return "reset"
    except OSError:
        return "closed"
