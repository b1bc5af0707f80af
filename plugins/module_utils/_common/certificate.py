# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names and validity of a certificate, read out of DER.

`ssl.SSLSocket.getpeercert()` is empty where the chain is not verified, `get_ca_certs()` leaves out whatever is no CA, and
`ssl._ssl._test_decode_cert` is private and wants a file. But an expired or self-signed certificate has to be
described too, so the few fields needed are walked here (RFC 5280 4.1; X.690 8.1). OpenSSL has parsed the bytes before.
"""

from __future__ import annotations

import calendar
import re
import socket
import time
import typing as t

_SAN = bytes.fromhex("0603551d11")  # OBJECT IDENTIFIER 2.5.29.17
_SEQUENCE, _UTC_TIME, _EXTENSIONS, _DNS_NAME, _IP_ADDRESS = 0x30, 0x17, 0xA3, 0x82, 0x87


class Certificate(t.NamedTuple):
    """Validity in seconds since the epoch; the DNS names and IP addresses of subjectAltName.

    `self_signed`: issuer and subject are the same, so that no client trusts it by its issuer.
    """

    not_before: float
    not_after: float
    names: tuple[str, ...]
    self_signed: bool = False

    def matches(self, name: str) -> bool:
        """Tell whether the certificate is for a host name or an IP address (RFC 9525 6.3; the subject is never looked at)."""
        name = name.lower().rstrip(".")
        address, parent = _packed(name), name.partition(".")[2]
        if address:
            return address in map(_packed, self.names)
        return name in self.names or (bool(parent) and f"*.{parent}" in self.names)


def read_certificate(der: bytes) -> Certificate:
    """Read a DER certificate.

    Raises:
        ValueError: when the bytes are none.
    """
    try:
        fields = _items(_items(_items(der)[0][1])[0][1])
        position = next(
            number
            for number, (tag, value) in enumerate(fields)
            if tag == _SEQUENCE and re.match(rb"[\x17\x18][\x0d\x0f]\d{12}", value)
        )
        validity = _items(fields[position][1])
        # Its neighbours are the issuer and the subject.
        self_signed = fields[position - 1] == fields[position + 1]
        names = [name for tag, value in fields if tag == _EXTENSIONS for name in _alternative_names(value)]
        return Certificate(_seconds(*validity[0]), _seconds(*validity[1]), tuple(names), self_signed)
    except (IndexError, StopIteration) as exc:
        raise ValueError("not a DER certificate") from exc


def fault_of(der: bytes, name: str) -> str:
    """Return what is wrong with a certificate for a server name now, "" for a good one.

    Args:
        der: the certificate.
        name: the name that was asked for; "" where none was, and only the dates count.
    """
    try:
        certificate = read_certificate(der)
    except ValueError:
        return "cannot be read"
    now = time.time()
    if not certificate.not_before <= now <= certificate.not_after:
        kind, moment = (
            ("expired on", certificate.not_after)
            if now > certificate.not_after
            else ("begins on", certificate.not_before)
        )
        return f"{kind} {time.strftime('%Y-%m-%d %H:%M:%S UTC', time.gmtime(moment))}"
    if name and not certificate.matches(name):
        return f"is not for {name} but for {', '.join(certificate.names[:8]) or 'no name at all'}"
    return ""


def _items(data: bytes) -> list[tuple[int, bytes]]:
    """List tag and value of each DER element in a row."""
    items, at = [], 0
    while at < len(data):
        tag, length, at = data[at], data[at + 1], at + 2
        if length > 0x7F:  # noqa: PLR2004  # the long form: that many bytes hold the length
            size = length & 0x7F
            length, at = int.from_bytes(data[at : at + size], "big"), at + size
        if at + length > len(data):
            raise IndexError("element longer than its container")
        items.append((tag, data[at : at + length]))
        at += length
    return items


def _alternative_names(extensions: bytes) -> list[str]:
    names = []
    for _tag, extension in _items(_items(extensions)[0][1]):
        if not extension.startswith(_SAN):
            continue
        for tag, value in _items(_items(_items(extension)[-1][1])[0][1]):
            if tag == _DNS_NAME:
                names.append(value.decode("ascii", "replace").lower())
            elif tag == _IP_ADDRESS and len(value) in (4, 16):
                names.append(socket.inet_ntop(socket.AF_INET if len(value) == 4 else socket.AF_INET6, value))  # noqa: PLR2004
    return names


def _seconds(tag: int, value: bytes) -> float:
    text = value.decode("ascii", "replace")
    if tag == _UTC_TIME:  # RFC 5280 4.1.2.5.1: two digits, 50 and more are the last century
        text = ("19" if text[:2] >= "50" else "20") + text
    # Not time.strptime(): it imports a module when it is called, which a private world may hide.
    found = re.fullmatch(r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z", text)
    if found is None:
        raise ValueError("not a DER certificate")
    return calendar.timegm(t.cast("t.Any", tuple(map(int, found.groups()))))


def _packed(name: str) -> bytes:
    """Return an IP address in its one binary form; b"" for a host name."""
    try:
        return socket.inet_pton(socket.AF_INET6 if ":" in name else socket.AF_INET, name)
    except (OSError, ValueError):
        return b""
