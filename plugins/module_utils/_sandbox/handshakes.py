# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""TLS handshakes with a listener, one for each version, and the facts that they tell."""

from __future__ import annotations

import contextlib
import hashlib
import socket
import ssl
import time
import typing as t

from .._common.certificate import read_certificate
from .._wire.outcomes import CertificateFacts, TlsFacts
from .._wire.probes import Probe
from .client import Client, ConnectError
from .nginx_process import CERTIFICATE

#: Version as nginx names it -> its name in `ssl.TLSVersion`, oldest first.
_VERSIONS = (("TLSv1", "TLSv1"), ("TLSv1.1", "TLSv1_1"), ("TLSv1.2", "TLSv1_2"), ("TLSv1.3", "TLSv1_3"))
#: RFC 5246 6.2.1 and 7.4, types of records and of handshake messages.
_HANDSHAKE, _CERTIFICATE, _CERTIFICATE_REQUEST = 22, 11, 13


class Handshake(t.NamedTuple):
    """One handshake that succeeded.

    Attributes:
        chain: certificates that the server sent, `asked`: it asked for one of the client; None where they were encrypted.
    """

    certificate: bytes
    alpn: t.Optional[str]
    chain: t.Optional[int] = None
    asked: t.Optional[bool] = None


class Handshakes:
    """Handshakes with the listeners of one world."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._contexts = {name: _context(attribute) for name, attribute in _VERSIONS}
        self._stand_in = ssl.PEM_cert_to_DER_cert(CERTIFICATE.decode("ascii"))

    def facts(self, probe: Probe) -> TlsFacts:
        """Try every version and return what they tell.

        Raises:
            ConnectError: nginx accepts none; the message is the word for an outcome's `closed`.
        """
        done: t.Dict[str, Handshake] = {}
        reason = ConnectError("tls: no version could be offered")
        for name, context in self._contexts.items():
            if context is not None:
                try:
                    done[name] = self._shake(probe, context, plain=name != "TLSv1.3")
                except ConnectError as error:
                    reason = error
        if not done:
            raise reason
        newest = done[list(done)[-1]]
        plain = [each for each in done.values() if each.chain is not None]
        return TlsFacts(
            versions=list(done),
            untried=[name for name, context in self._contexts.items() if context is None],
            alpn=newest.alpn,
            client_certificate="asked" if any(each.asked for each in plain) else "none",
            chain=plain[-1].chain if plain else None,
            certificate=None if newest.certificate == self._stand_in else _described(newest.certificate, probe.sni),
        )

    def _shake(self, probe: Probe, context: ssl.SSLContext, *, plain: bool) -> Handshake:
        sock = self._client.dial(probe)
        try:
            tls, received = _exchange(sock, context, probe.sni)
        except ssl.SSLError as error:
            raise ConnectError(f"tls: {error.reason or error.args[-1]}".replace("_", " ").lower()) from error
        except (OSError, ValueError) as error:
            raise ConnectError(f"tls: {error}") from error
        finally:
            self._client.drop(sock)
        chain, asked = server_flight(received) if plain else (None, None)
        return Handshake(tls.getpeercert(binary_form=True) or b"", tls.selected_alpn_protocol(), chain, asked)


def _context(attribute: str) -> t.Optional[ssl.SSLContext]:
    # None where the OpenSSL of this host does not offer the version.
    if not getattr(ssl, "HAS_" + attribute, False):
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with contextlib.suppress(ssl.SSLError):
        context.set_ciphers("ALL:@SECLEVEL=0")
    context.set_alpn_protocols(["h2", "http/1.1"])
    try:
        version = ssl.TLSVersion[attribute]
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.maximum_version = version
        context.minimum_version = version
    except (ValueError, KeyError):
        return None
    return context


def _exchange(sock: socket.socket, context: ssl.SSLContext, name: t.Optional[str]) -> t.Tuple[ssl.SSLObject, bytes]:
    # By hand, because the messages before TLS 1.3 are not encrypted, and tell what the module ssl does not.
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname=name or None)
    received = b""
    while not _advance(tls):
        sock.sendall(outgoing.read())
        data = sock.recv(65536)
        if not data:
            raise ConnectionError("the connection was closed")
        incoming.write(data)
        received += data
    sock.sendall(outgoing.read())
    return tls, received


def _advance(tls: ssl.SSLObject) -> bool:
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True


def server_flight(data: bytes) -> t.Tuple[t.Optional[int], bool]:
    """Read the server's first messages before TLS 1.3: the number of its certificates, and whether it asks for one.

    Args:
        data: the records that a server sent.
    """
    messages, at = b"", 0
    while at + 5 <= len(data) and data[at] == _HANDSHAKE:
        length = int.from_bytes(data[at + 3 : at + 5], "big")
        messages += data[at + 5 : at + 5 + length]
        at += 5 + length
    chain, asked, at = None, False, 0
    while at + 4 <= len(messages):
        kind, length = messages[at], int.from_bytes(messages[at + 1 : at + 4], "big")
        body = messages[at + 4 : at + 4 + length]
        if kind == _CERTIFICATE:
            chain = _entries(body[3:])
        asked = asked or kind == _CERTIFICATE_REQUEST
        at += 4 + length
    return chain, asked


def _entries(certificates: bytes) -> int:
    count, at = 0, 0
    while at + 3 <= len(certificates):
        at += 3 + int.from_bytes(certificates[at : at + 3], "big")
        count += 1
    return count


def _described(der: bytes, name: t.Optional[str]) -> t.Optional[CertificateFacts]:
    try:
        found = read_certificate(der)
    except ValueError:
        return None
    return CertificateFacts(
        names=sorted(found.names),
        not_before=found.not_before,
        not_after=found.not_after,
        fingerprint=hashlib.sha256(der).hexdigest(),
        self_signed=found.self_signed,
        fits=found.matches(name) if name else None,
        current=found.not_before <= time.time() <= found.not_after,
    )
