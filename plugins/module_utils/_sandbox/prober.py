# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Probes of a world, one after the other, and their outcomes."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import time
import typing as t
from dataclasses import replace

from .._common.json_fields import encode
from .._namespaces.namespaces import SandboxError
from .._wire.outcomes import ProbeOutcome, RedirectHop, TlsFacts
from .._wire.probes import EdgeEntry, ListenSocket, Probe
from . import client, http2, redirects
from .client import Client, ConnectError, Http1Answer
from .connections import Connections
from .handshakes import Handshakes
from .networks import Networks
from .nginx_process import NginxProcess, errors_of
from .protocols import UnreadableError
from .root_fs import TRACE
from .stub import Stub

#: nginx took a peer out of its rotation: its state would show in the next probe.
_DISABLED = re.compile(
    r"temporarily disabled|no live upstreams|\(111: Connection refused\) while connecting to upstream"
)
#: With several peers the one that failed is passed over for some time; a single one never is (max_fails).
_FAILED = re.compile(
    r"while (?:connecting to|sending request to|reading response header from|SSL handshaking to) upstream"
)
_MISSING = re.compile(r'^open\(\) "(/[^"]+)" failed \(2: |^"(/[^"]+)" is not found \(2: ')
_LIMITED = re.compile(r"limiting (?:requests|connections)|delaying request")
_UNSERVED = re.compile(r'connect\(\) failed \(111.*upstream: "[a-z]+://(\[[0-9a-f:.]+\]|[\d.]+):(\d+)')
_RESTARTING = 0.3  # of the deadline may be spent on it
_SETTLE = 0.02  # seconds in which a trace line, or the rest of a background request, must have come
_BACKGROUND = 0.5  # seconds in which an upstream that nginx connected to beside the answer gets its request
_REPEATS = 3
#: nginx's answer to a client without the certificate that it demands (ngx_http_special_response.c).
_BAD_REQUEST, _NO_CERTIFICATE = 400, b"No required SSL certificate was sent"


def missing_files(outcomes: t.Iterable[ProbeOutcome]) -> t.List[str]:
    """List the files that nginx reported missing in some outcomes, in order: what `World.create_files` takes."""
    found: t.Dict[str, None] = {}
    for outcome in outcomes:
        for line in outcome.errors:
            match = _MISSING.match(line)
            if match:
                found[match.group(1) or match.group(2)] = None
    return list(found)


class Prober:
    """A client that sends probes one after the other.

    Args:
        listens, edge, names: see `redirects.next_probe`.
        trace: read the ids that an instrumented tree logs.
        deadline: as of `time.monotonic`.
        seconds: of the whole deadline.
    """

    def __init__(
        self,
        server: NginxProcess,
        networks: Networks,
        stub: Stub,
        *,
        listens: t.Sequence[ListenSocket],
        edge: t.Sequence[EdgeEntry],
        names: t.Iterable[str],
        several: bool,
        trace: bool,
        deadline: float,
        seconds: float,
    ) -> None:
        self.notes: t.List[str] = []
        self._server = server
        self._networks = networks
        self._stub = stub
        self._client = Client(networks, stub.serves)
        self._listens = listens
        self._edge = edge
        self._names = redirects.name_table(names)
        self._trace: t.Optional[int] = os.open(TRACE, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o666) if trace else None
        self._deadline = deadline
        self._budget = seconds * _RESTARTING
        #: The port that the last request came from, as nginx writes it.
        self._port = ""
        self._dirty = False
        self._several = several
        self._served: t.Set[t.Tuple[str, int]] = set()
        self._memo: t.Dict[str, ProbeOutcome] = {}
        self._handshakes = Handshakes(self._client)
        self._connections = Connections(self._client, networks, stub)

    def run(self, probes: t.Sequence[Probe], *, follow: bool = True) -> t.List[ProbeOutcome]:
        """Return the outcomes of probes, in their order.

        Args:
            probes: to be sent.
            follow: follow redirects where the probe says so.

        Raises:
            SandboxError: the world broke or its time is over.
        """
        self._names.add_all((redirects.host_of(probe.host) for probe in probes if probe.host), True)
        self._memo.clear()
        outcomes = []
        for probe in probes:
            outcome = self._one(probe)
            if follow and probe.follow and outcome.location:
                self._follow(probe, outcome)
            outcomes.append(outcome)
        return outcomes

    def forget(self) -> None:
        """Start nginx anew, so that it knows nothing of the probes so far.

        Raises:
            SandboxError: it does not come up again.
        """
        self._client.forget()
        self._server.restart(self._deadline)

    def _follow(self, probe: Probe, outcome: ProbeOutcome) -> None:
        hop, result = probe, outcome
        hops = [_hop(probe, outcome)]
        met = {_identity(probe)}
        chain = "final"
        # Number of hops that certainly stay with these servers.
        certain: t.Optional[int] = None
        while True:
            following = redirects.next_probe(hop, result, self._listens, self._edge, self._names)
            if following == "external":
                certain = len(hops) if certain is None else certain
                following = redirects.next_probe(hop, result, self._listens, self._edge, self._names, guess=True)
            if following is None:
                break
            if isinstance(following, str):
                chain = following
                break
            identity = _identity(following)
            if identity in met:
                chain = "loop"
                break
            if len(hops) > redirects.MOST_HOPS:
                chain = "too-long"
                break
            met.add(identity)
            known = self._memo.get(identity)
            result = self._memo[identity] = known or self._one(following)
            hop = following
            hops.append(_hop(hop, result))
        if certain is not None and chain == "final":
            # The host may be served elsewhere: only a circle tells that it is not.
            chain, hops = "external", hops[:certain]
        outcome.chain = chain
        outcome.hops = hops if len(hops) > 1 else []

    def _one(self, probe: Probe) -> ProbeOutcome:
        for attempt in range(_REPEATS):
            if time.monotonic() > self._deadline:
                raise SandboxError("the world's time is over before all probes were sent", "failed")
            if self._dirty:
                self._restart()
            outcome, log = self._ask(probe)
            last = attempt + 1 == _REPEATS
            if log and (_DISABLED.search(log) or (self._several and _FAILED.search(log))):
                self._dirty = True
            if not last and self._serve_more(log):
                continue
            if not last and _LIMITED.search(log) and self._restart():
                continue
            unseen = outcome.status in {502, 504} and not outcome.upstreams
            if not last and unseen and (not outcome.errors or "no live upstreams" in log):
                continue  # nginx blames an upstream that got no request: the world's fault, not the configuration's
            if outcome.closed in {"refused", "reset", "closed", "timeout"} and not self._server.alive():
                raise SandboxError("nginx ended while it was probed: " + "; ".join(outcome.errors), "failed")
            return outcome
        raise SandboxError("unreachable", "failed")

    def _restart(self) -> bool:
        self._dirty = False
        if self._budget <= 0:
            note = "state of earlier probes (rate limits, failed peers) may show: nginx was restarted too often to go on so"
            if note not in self.notes:
                self.notes.append(note)
            return False
        began = time.monotonic()
        self.forget()
        self._budget -= time.monotonic() - began
        return True

    def _serve_more(self, log: str) -> bool:
        # An upstream's port without a stub so far, because the configuration does not spell it out.
        more = False
        for address, port in _UNSERVED.findall(log):
            place = (address.strip("[]"), int(port))
            if place not in self._served:
                self._served.add(place)
                more = self._stub.serve_at(self._networks, *place) or more
        return more

    def _ask(self, probe: Probe) -> t.Tuple[ProbeOutcome, str]:
        if probe.protocol != "http":
            return self._look(probe)
        self._stub.begin(probe.answers)
        outcome = ProbeOutcome(probe.id)
        body = b""
        try:
            answer = self._exchange(probe)
            if answer.status == client.CONTINUE and client.announces(probe):
                answer = self._exchange_small(probe)
        except ConnectError as failure:
            outcome.closed = str(failure)
        else:
            outcome.status, outcome.headers, outcome.closed = answer.status, answer.headers, answer.closed
            outcome.location = next((v for n, v in answer.headers if n.lower() == "location"), None)
            body = client.content(answer.headers, answer.body)
        self._finish()
        log = self._server.drain()
        outcome.body_length = len(body)
        outcome.body_digest = client.digest(body)
        outcome.upstreams = self._stub.seen
        outcome.errors = errors_of(log) if log else []
        outcome.trace = self._read_trace() if self._trace is not None else []
        return outcome, log

    def _look(self, probe: Probe) -> t.Tuple[ProbeOutcome, str]:
        # A probe that is no HTTP request; an instrumented tree has nothing to add to it.
        outcome, log = ProbeOutcome(probe.id), ""
        self._stub.begin(probe.answers)
        if self._trace is None:
            try:
                if probe.protocol == "tls":
                    outcome.tls = self._tls_facts(probe)
                else:
                    self._connections.look(probe, outcome)
            except ConnectError as failure:
                outcome.closed = str(failure)
            self._finish()
            log = self._server.drain()
            if probe.protocol != "tls":
                outcome.upstreams, outcome.errors = self._stub.seen, errors_of(log)
        return outcome, log

    def _tls_facts(self, probe: Probe) -> TlsFacts:
        facts = self._handshakes.facts(probe)
        # TLS 1.3 asks after the handshake, where only the answer to a request tells.
        with contextlib.suppress(ConnectError):
            answer = self._exchange(replace(probe, protocol="http", method="GET", target="/"))
            if answer.status == _BAD_REQUEST and _NO_CERTIFICATE in answer.body:
                facts.client_certificate = "demanded"
        return facts

    def _finish(self) -> None:
        # Requests that nginx sends beside the answer, such as a mirror, belong to this probe too.
        while self._stub.loop.turn(0):
            pass
        if self._stub.busy:
            limit = time.monotonic() + _BACKGROUND
            while self._stub.busy and time.monotonic() < limit:
                self._stub.loop.turn(_SETTLE)

    def _exchange(self, probe: Probe) -> t.Union[Http1Answer, http2.Http2Answer]:
        wait = client.PATIENCE + max((entry.delay for entry in probe.answers), default=0.0)
        listen = probe.listen
        # A listener with http2 and without TLS speaks nothing else before nginx 1.25.1.
        h2 = probe.version == "2" or (listen.http2 and not listen.ssl)
        data = http2.request_bytes(probe) if h2 else client.request_bytes(probe)
        while True:
            key, sock, used = self._client.connect(probe, alpn="h2" if h2 else "http/1.1")
            self._port = "" if sock.family == socket.AF_UNIX else str(sock.getsockname()[1])
            answer: t.Union[Http1Answer, http2.Http2Answer] = (
                http2.Http2Answer() if h2 else Http1Answer(probe.method, interim=client.announces(probe))
            )
            try:
                sock.sendall(data)
                sock.setblocking(False)
                ended = client.read(sock, answer, self._stub.loop, time.monotonic() + wait)
                answer.closed = ended or answer.closed
            except UnreadableError as error:
                answer.closed = f"closed: {error}"
            except OSError:
                answer.closed = "reset"
            if used and answer.status is None and answer.closed in {"reset", "closed"}:
                self._client.drop(sock)
                continue  # it was closed since the last answer: not this request's outcome
            if answer.keep and answer.closed is None:
                self._client.keep(key, sock)
            else:
                self._client.drop(sock)
            return answer

    def _exchange_small(self, probe: Probe) -> t.Union[Http1Answer, http2.Http2Answer]:
        # nginx would take the body that was announced. What the request gets is decided after that, and no longer by its size.
        self._finish()
        self._stub.begin(probe.answers)
        return self._exchange(client.with_small_body(probe))

    def _read_trace(self) -> t.List[str]:
        handle = t.cast("int", self._trace)
        limit = time.monotonic() + _SETTLE
        data = b""
        lines: t.List[t.List[str]] = []
        while not any(map(self._is_own, lines)) and time.monotonic() < limit:
            more = os.read(handle, 1 << 20)
            data += more
            if more.endswith(b"\n"):
                rows = [line.split(" ") for line in data.decode("utf-8", "replace").splitlines()]
                lines = [row for row in rows if len(row) > 6 and row[0] == "failsafe"]  # noqa: PLR2004
            elif not more:
                time.sleep(0.0005)
        found: t.List[str] = []
        # A request that nginx sent to itself is told by a line too, mostly before the client's. The client's is the answer.
        for row in sorted(lines, key=self._is_own):
            markers = [marker for marker in row[5].split(",") if marker not in {"", "-"}]
            found += markers if row[6] in {"-", *markers[-1:]} else [*markers, row[6]]
        return found

    def _is_own(self, row: t.Sequence[str]) -> bool:
        # Behind `set_real_ip_from` the port is empty, as it is at a unix socket.
        return row[2] in {self._port, ""}


def _identity(probe: Probe) -> str:
    # Two requests with the same one get the same answer.
    fields = (probe.method, probe.host, probe.target, probe.sni, probe.client, probe.version)
    answers = [encode(answer) for answer in probe.answers]
    headers = sorted((name.lower(), value) for name, value in probe.headers)
    return json.dumps([probe.listen.port, probe.listen.ssl, *fields, answers, headers])


def _hop(probe: Probe, outcome: ProbeOutcome) -> RedirectHop:
    return RedirectHop(
        url=redirects.url_of(probe),
        status=outcome.status,
        location=outcome.location,
        upstreams=outcome.upstreams,
        errors=outcome.errors,
        closed=outcome.closed,
    )
