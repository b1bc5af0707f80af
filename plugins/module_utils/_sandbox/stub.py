# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stub upstreams: they answer every connection that nginx opens, and record its requests."""

from __future__ import annotations

import contextlib
import errno
import functools
import gzip
import socket
import ssl
import struct
import typing as t

from .._wire.outcomes import UpstreamRequest
from .._wire.probes import StubAnswer
from . import dns, http2
from .event_loop import EventLoop
from .networks import Networks, family, is_loopback
from .protocols import READERS, StubRequest, UnreadableError, answer, sniff

_ANY = ("0.0.0.0", "::")  # noqa: S104
_EVERYWHERE = ((socket.AF_INET, socket.SOCK_STREAM), (socket.AF_INET6, socket.SOCK_STREAM))
_RESET = struct.pack("ii", 1, 0)  # struct linger: close with RST
_BACKLOG = 512
_BODY = b"ok\n"
_USUAL = StubAnswer(status=200)
_BODY_WAIT = 0.1  # seconds for a body that the head announces
#: Makes nginx keep the answer out of its caches, and is not passed on: ngx_http_upstream.c, hidden headers.
_UNCACHED = ["X-Accel-Expires", "0"]
_SENT_ON = "x-accel-redirect"


#: Sent by probes that are no requests, so that a datagram of theirs is told from a query for a name.
PAYLOAD = b"failsafe probe\n"
_PROXY_HEADS = (b"PROXY ", b"\r\n\r\n\0\r\nQUIT\n")


class Stub:
    """All stub upstreams of one world.

    Args:
        names: the DNS stub's memory.
        context: for connections that begin with a TLS handshake.

    Attributes:
        seen: the requests of the probe that is under way, as in an outcome's `upstreams`.
        answers: of that probe.
        busy: connections that are in the middle of a request.
        passing: connections are recorded as `tcp` with the kind of their first bytes, and get no answer.
    """

    def __init__(self, loop: EventLoop, names: dns.DnsNames, context: ssl.SSLContext) -> None:
        self.loop = loop
        self.names = names
        self.context = context
        self.seen: t.List[UpstreamRequest] = []
        self.answers: t.Sequence[StubAnswer] = ()
        self.busy: t.Set[_Connection] = set()
        self.passing = False
        self.connections = 0
        self._listeners: t.Dict[t.Any, socket.socket] = {}
        #: Address and port of its TCP listeners in nginx's own network.
        self._inside: t.Set[t.Tuple[str, int]] = set()
        self._sent_on = False

    def begin(self, answers: t.Sequence[StubAnswer]) -> None:
        """Begin a probe with its answers: forget the requests of the one before."""
        self.seen = []
        self.answers = answers
        self._sent_on = False

    def listen(self, sock: socket.socket, address: t.Any, *, device: bytes = b"") -> bool:
        """Serve an address; return False where something else does."""
        try:
            if sock.family != socket.AF_UNIX:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if sock.family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(address[0] != "::"))
            if device:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device)
            sock.bind(address)
            sock.listen(_BACKLOG)
        except OSError:
            sock.close()
            return False
        sock.setblocking(False)
        self._listeners[sock.fileno()] = sock
        if device:
            self._inside.add(address)
        self.loop.add(sock.fileno(), lambda: self._accept(sock))
        return True

    def serves(self, address: str, port: int) -> bool:
        """Tell whether a client in nginx's own network would reach this stub.

        The kernel lets no two sockets listen at one address, so nginx does not listen there then.
        """
        return any((each, port) in self._inside for each in (address, "::", _ANY[":" in address]))

    def serve_at(self, networks: Networks, address: str, port: int) -> bool:
        """Serve a port that nginx connected to: everywhere in the world, or at one address of nginx's own network."""
        if address not in networks.local and not is_loopback(address):
            return self.listen(socket.socket(*_EVERYWHERE[networks.ipv6]), (_ANY[networks.ipv6], port))
        return self.listen(networks.socket_inside(family(address)), (address, port), device=b"lo")

    def serve_inside(self, networks: Networks, port: int) -> None:
        """Serve a port of nginx's own network for nginx alone, where it does not listen itself."""
        kind, everywhere = _EVERYWHERE[networks.ipv6][0], _ANY[networks.ipv6]
        if not self.listen(networks.socket_inside(kind), (everywhere, port), device=b"lo"):
            for address in ("127.0.0.1", "::1")[: 1 + networks.ipv6]:
                self.serve_at(networks, address, port)

    def serve_names(self, sock: socket.socket, port: int, *, device: bytes = b"") -> bool:
        """Serve DNS at a port."""
        try:
            dns.listen(sock, port, device=device)
        except OSError:
            sock.close()
            return False
        sock.setblocking(False)
        self._listeners[sock.fileno()] = sock
        self.loop.add(sock.fileno(), lambda: dns.answer(sock, functools.partial(self._reply, port)))
        return True

    def handles(self) -> t.Iterable[int]:
        """Return the descriptors of all listening sockets."""
        return self._listeners.keys()

    def _reply(self, port: int, data: bytes, address: str) -> t.Optional[bytes]:
        # A datagram of a probe is recorded and sent back; everything else is a query for a name.
        if PAYLOAD not in data:
            return self.names.reply(data)
        host = self.names.by_address.get(address, address)
        brackets = "[{}]" if ":" in host else "{}"
        self.seen.append(
            UpstreamRequest(f"udp://{brackets.format(host)}:{port}", "udp", f"{address}:{port}", kind_of(data))
        )
        return PAYLOAD

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):  # the peer is gone again
            sock, _peer = listener.accept()
            sock.setblocking(False)
            self.connections += 1
            if sock.family == socket.AF_UNIX:
                address, port = "unix:" + listener.getsockname(), 0
            else:
                address, port = sock.getsockname()[:2]
                address = address[7:] if address.startswith("::ffff:") else address
            _Connection(self, sock, address, port)

    def choose(self, host: str, address: str, port: int, authority: str) -> StubAnswer:
        """Return the probe's answer for this upstream, else its answer for `*`, else the usual one."""
        if not self.answers:
            return _USUAL
        names = {address, f"{address}:{port}", host, f"{host}:{port}", authority}
        general = None
        for entry in self.answers:
            wanted = entry.upstream.rpartition("://")[2]
            if wanted in names:
                return entry
            if wanted == "*":
                general = general or entry
        return general or _USUAL

    def final(self, wanted: StubAnswer) -> StubAnswer:
        """Return an answer once; without its X-Accel-Redirect from then on, for this probe.

        The internal location may pass the request on to an upstream again. An application sends a request on once; a stub
        that did so each time would make nginx give up after ten changes of the URI (ngx_http_upstream_process_headers()).
        """
        if not any(name.lower() == _SENT_ON for name, _value in wanted.headers):
            return wanted
        if self._sent_on:
            return _USUAL
        self._sent_on = True
        return wanted


def kind_of(data: bytes) -> str:
    """Name what an upstream gets by its first bytes: `PROXY` (a line or head of that protocol), `TLS` or `DATA`."""
    if data.startswith(_PROXY_HEADS):
        return "PROXY"
    return "TLS" if data[:1] == b"\x16" else "DATA"


class _Connection:
    # One connection that nginx opened.

    def __init__(self, stub: Stub, sock: socket.socket, address: str, port: int) -> None:
        self._stub = stub
        self._sock = sock
        self._address = address
        self._port = port
        self._host = stub.names.by_address.get(address, address)
        self._protocol: t.Optional[str] = None
        self._secure = False
        self._tls: t.Optional[ssl.SSLObject] = None
        self._data = b""
        self._out = b""
        self._h2: t.Optional[http2.Http2Service] = None
        self._waiting = False
        self._closing = False
        self._number = sock.fileno()
        self._registered = False
        stub.busy.add(self)  # it connected: a request will come
        if stub.choose(self._host, address, port, "").down:
            self._refuse()
            return
        if stub.passing:
            self._protocol = "tcp"
            self._record("tcp", None, None)
            self._passed = stub.seen[-1]
            stub.busy.discard(self)
        self._ready()  # the request may be there already
        if self._sock.fileno() >= 0:
            self._registered = True
            stub.loop.add(self._number, self._ready)
            if self._waiting:
                stub.loop.writable(self._number, wanted=True)

    def _refuse(self) -> None:
        self._record("unknown", None, None)
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.close()

    def close(self) -> None:
        """End the connection."""
        self._stub.busy.discard(self)
        self._stub.loop.closing(self._number)
        self._sock.close()

    def _ready(self) -> None:
        if self._out:
            self._flush()
            return
        try:
            data = self._sock.recv(262144)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if not data:
            if self._data and self._protocol in {None, "unknown"}:
                self._record("unknown", None, None)
            self.close()
            return
        if self._protocol == "tcp":
            self._passed.method = self._passed.method or kind_of(data)
            return
        self._stub.busy.add(self)
        try:
            if self._tls is None and not self._secure and not self._data and data[:1] == b"\x16":
                self._start_tls()
            self._data += self._decrypt(data) if self._tls else data
            self._serve()
        except (UnreadableError, ssl.SSLError, IndexError, ValueError, struct.error):
            self._record("unknown", None, None)
            self.close()

    def _start_tls(self) -> None:
        self._secure = True
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = self._stub.context.wrap_bio(self._incoming, self._outgoing, server_side=True)

    def _decrypt(self, data: bytes) -> bytes:
        tls = t.cast("ssl.SSLObject", self._tls)
        self._incoming.write(data)
        plain = b""
        try:
            if tls.version() is None or not tls.cipher():
                tls.do_handshake()
            while True:
                part = tls.read(262144)
                if not part:
                    break
                plain += part
        except ssl.SSLWantReadError:
            pass
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            self._closing = True
        self._send_raw(self._outgoing.read())
        return plain

    def _go_on(self, waiting: bytes) -> None:
        # The body that a subrequest announces never comes: its request is in its head.
        if self._data is waiting and self._sock.fileno() >= 0:
            self._serve(impatient=True)

    def _serve(self, *, impatient: bool = False) -> None:
        while self._data:
            if self._protocol is None:
                self._protocol = sniff(self._data)
            if self._protocol is None:
                return
            if self._protocol == "grpc":
                self._serve_h2()
                return
            reader = READERS.get(self._protocol)
            if reader is None:
                # No stub speaks this: what counts is that nginx connected.
                self._record("unknown", None, None)
                self.close()
                return
            request = reader(self._data, whole=not impatient)
            if request is None:
                if not impatient and reader(self._data, whole=False):
                    self._stub.loop.later(_BODY_WAIT, functools.partial(self._go_on, self._data))
                return
            self._data = self._data[request.used :]
            self._respond(request)

    def _serve_h2(self) -> None:
        if self._h2 is None:
            self._h2 = http2.Http2Service()
            self._data = self._data[len(http2.PREFACE) :]
        data, self._data = self._data, b""
        requests = self._h2.feed(data)
        out, self._h2.out = self._h2.out, b""
        if out:
            self._write(out)
        for request in requests:
            self._respond(request)

    def _respond(self, request: StubRequest) -> None:
        authority = next((value for name, value in request.headers if name.lower() == "host"), "")
        wanted = self._stub.final(self._stub.choose(self._host, self._address, self._port, authority))
        status = wanted.status
        protocol = "https" if self._secure and request.protocol == "http" else request.protocol
        if wanted.down:
            self._refuse()
            return
        self._record(protocol, request, status)
        headers = list(wanted.headers)
        if not any(name.lower() == _UNCACHED[0].lower() for name, _value in headers):
            headers.append(_UNCACHED)
        body = wanted.body.encode("utf-8") or _BODY
        if ["content-encoding", "gzip"] in [[name.lower(), value] for name, value in headers]:
            body = gzip.compress(body)
        data = (self._h2.answer if self._h2 else answer)(request, status, headers, body)

        def send() -> None:
            self._closing = not request.keep
            self._send(data)

        if wanted.delay:
            self._stub.loop.later(wanted.delay, send)
        else:
            send()

    def _record(self, protocol: str, request: t.Optional[StubRequest], status: t.Optional[int]) -> None:
        unix = self._address.startswith("unix:")
        place = self._address if unix else f"{self._address}:{self._port}"
        host = f"[{self._host}]" if ":" in self._host and not unix else self._host
        self._stub.seen.append(
            UpstreamRequest(
                target=f"{protocol}://{host}" + ("" if unix else f":{self._port}"),
                protocol=protocol,
                address=place if unix or ":" not in self._address else f"[{self._address}]:{self._port}",
                method=request.method if request else "",
                uri=request.uri if request else "",
                headers=request.headers if request else [],
                params=request.params if request else {},
                status=status,
            )
        )

    def _send(self, data: bytes) -> None:
        if self._sock.fileno() < 0:
            return  # nginx gave up during the delay
        self._stub.busy.discard(self)
        self._write(data)

    def _write(self, data: bytes) -> None:
        if self._tls:
            self._tls.write(data)
            if self._closing:
                with contextlib.suppress(ssl.SSLError):
                    self._tls.unwrap()
            data = self._outgoing.read()
        self._send_raw(data)

    def _send_raw(self, data: bytes) -> None:
        self._out += data
        self._flush()

    def _flush(self) -> None:
        try:
            if self._out:
                self._out = self._out[self._sock.send(self._out) :]
        except OSError as error:
            if error.errno not in {errno.EAGAIN, errno.EINTR}:
                self.close()
                return
        if bool(self._out) != self._waiting:
            self._waiting = bool(self._out)
            if self._registered:
                self._stub.loop.writable(self._number, wanted=self._waiting)
        if not self._out and self._closing:
            self.close()
