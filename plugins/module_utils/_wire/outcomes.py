# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Messages about outcomes: what came of a probe."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from .._common.json_fields import omit_none
from .probes import Headers


@dataclass
class UpstreamRequest:
    """A request that nginx sent to a stub upstream.

    Attributes:
        target: the upstream as the configuration names it: `http://app:8080`, `fastcgi://unix:/run/php.sock`.
        protocol: `http`, `https`, `grpc`, `fastcgi`, `uwsgi`, `scgi`, `memcached` or `unknown` (a connection only).
        address: where nginx connected to.
        params: of FastCGI, uwsgi and SCGI; of HTTP the version in which nginx asks, as `SERVER_PROTOCOL`. A digest of the
            body that came with the request is `REQUEST_BODY`.
        status: what the stub answered; None for a connection that it reset or could not read.
    """

    target: str
    protocol: str = "http"
    address: str = ""
    method: str = ""
    uri: str = ""
    headers: Headers = field(default_factory=list)
    params: t.Dict[str, str] = field(default_factory=dict)
    status: t.Optional[int] = None


@dataclass
class RedirectHop:
    """One request of a redirect chain, the first included, and what came of it."""

    url: str
    status: t.Optional[int] = None
    location: t.Optional[str] = None
    upstreams: t.List[UpstreamRequest] = field(default_factory=list)
    errors: t.List[str] = field(default_factory=list)
    closed: t.Optional[str] = None


@dataclass
class CertificateFacts:
    """The certificate that a client gets.

    Attributes:
        names: DNS names and addresses, sorted.
        not_before, not_after: seconds since the epoch.
        fingerprint: SHA-256 in hex.
        self_signed: issuer and subject are the same.
        fits: it is for the name that was asked for; None where none was.
        current: it was valid when it was seen.
    """

    names: t.List[str]
    not_before: float
    not_after: float
    fingerprint: str
    self_signed: bool
    fits: t.Optional[bool]
    current: bool


@dataclass
class TlsFacts:
    """The TLS of a listener for one name.

    Attributes:
        versions: that a handshake succeeded with, oldest first; a handshake proves that the key fits the certificate.
        untried: versions that the OpenSSL of this host does not offer.
        alpn: chosen of `h2` and `http/1.1`; None for no choice.
        client_certificate: `none`, `asked` (told by TLS 1.2 only) or `demanded`: a request without one is refused.
        chain: certificates that are sent; None where no handshake before TLS 1.3 succeeded, which hides them.
        certificate: None where the world's stand-in was served, because the configuration's own is not on this host.
    """

    versions: t.List[str]
    untried: t.List[str] = field(default_factory=list)
    alpn: t.Optional[str] = None
    client_certificate: str = "none"
    chain: t.Optional[int] = None
    certificate: t.Optional[CertificateFacts] = None


@dataclass
class ProbeOutcome:
    """The outcome of a probe.

    Attributes:
        id: the probe's.
        status: of the answer; None without one.
        closed: how the connection ended too early: `refused`, `reset`, `closed`, `timeout`, `tls: …`; else None.
        location: the answer's Location field, as sent.
        headers: the answer's fields.
        body_length: bytes of the answer's body, without gzip.
        body_digest: the first twelve hex digits of its SHA-256.
        upstreams: the requests that nginx sent on, in their order.
        errors: the lines of nginx's error log at `error` and worse, without time, process and connection.
        hops: the redirect chain from the first request on; empty without a redirect that was followed.
        chain: how the chain ended: `final`, `external`, `loop`, `too-long`; None where none was followed.
        trace: ids of the blocks that the request passed, where the configuration is instrumented.
        tls: of a probe of TLS; absent where no handshake succeeded.
    """

    id: t.Optional[str]
    status: t.Optional[int] = None
    closed: t.Optional[str] = None
    location: t.Optional[str] = None
    headers: Headers = field(default_factory=list)
    body_length: int = 0
    body_digest: str = ""
    upstreams: t.List[UpstreamRequest] = field(default_factory=list)
    errors: t.List[str] = field(default_factory=list)
    hops: t.List[RedirectHop] = field(default_factory=list)
    chain: t.Optional[str] = None
    trace: t.List[str] = field(default_factory=list)
    tls: t.Optional[TlsFacts] = omit_none()


@dataclass
class BlockTrace:
    """The part of an outcome that an instrumented configuration is run for."""

    id: t.Optional[str]
    trace: t.List[str]
