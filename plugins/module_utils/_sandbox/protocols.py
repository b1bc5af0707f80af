# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The protocols of upstreams: requests read from bytes, answers written as bytes, without sockets."""

from __future__ import annotations

import hashlib
import http.client
import struct
import typing as t

from .._wire.probes import Headers

#: More bytes are needed.
INCOMPLETE = None
_HTTP_METHOD = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_H2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_FCGI_BEGIN, _FCGI_END, _FCGI_PARAMS, _FCGI_STDIN, _FCGI_STDOUT = 1, 3, 4, 5, 6
_BODILESS = (204, 304)
_BODY = "REQUEST_BODY"
#: Bytes of a body that come with its head: of more, a busy host may have got a part only.
_MOST_BODY = 8192


class StubRequest(t.NamedTuple):
    """One request as an upstream got it; it took `used` bytes of the buffer."""

    protocol: str
    method: str
    uri: str
    headers: Headers
    params: t.Dict[str, str]
    keep: bool
    used: int
    number: int = 0  # FastCGI's request id


class UnreadableError(Exception):
    """These bytes are not that protocol."""


def sniff(head: bytes) -> t.Optional[str]:
    """Name the protocol by its first bytes; None when more are needed to tell."""
    first = head[:1]
    if first == b"\x16":
        return "tls"
    if first == b"\x01":
        return "fastcgi"
    if first and first < b" ":
        # modifier1 names a kind of application: 0 WSGI, 5 PSGI, 14 PHP, 30 WSGI with the path cut (uwsgi protocol).
        return "uwsgi"
    if first.isdigit():
        return "scgi"
    if first and first in _HTTP_METHOD:
        if head.startswith(b"PRI "):
            return "grpc" if len(head) >= len(_H2_PREFACE) else None
        return "http" if len(head) >= 4 else None  # noqa: PLR2004 - until PRI can be told from PUT
    if first in b"gsadicvqf" and first:
        return "memcached"
    return "unknown"


def read_http(data: bytes, *, whole: bool = True) -> t.Optional[StubRequest]:
    """Read an HTTP/1 request with its body (RFC 9112); without `whole` its head is enough."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return INCOMPLETE
    lines = data[:end].decode("latin-1").split("\r\n")
    method, _sep, rest = lines[0].partition(" ")
    uri, _sep, version = rest.rpartition(" ")
    headers = [[name, value.strip(" \t")] for name, _colon, value in (line.partition(":") for line in lines[1:])]
    lower = {name.lower(): value for name, value in headers}
    params = {"SERVER_PROTOCOL": version}  # as CGI calls it (RFC 3875, 4.1.16)
    used: t.Optional[int] = end + 4
    if "chunked" in lower.get("transfer-encoding", "").lower():
        used = chunks_end(data, end + 4)
    elif lower.get("content-length", "").isdigit():
        used = end + 4 + int(lower["content-length"])
    if used is None or used > len(data):
        # nginx sends a subrequest with the main request's Content-Length and without its body (ngx_http_subrequest).
        if whole and method not in {"GET", "HEAD"}:
            return INCOMPLETE
        return StubRequest("http", method, uri, headers, params, keep=False, used=len(data))
    connection = lower.get("connection", "").lower()
    keep = "close" not in connection and (version == "HTTP/1.1" or "keep-alive" in connection)
    return StubRequest("http", method, uri, headers, with_body(params, data[end + 4 : used]), keep, used)


def with_body(params: t.Dict[str, str], body: bytes) -> t.Dict[str, str]:
    """Return parameters with a digest of the body that came, as `REQUEST_BODY`; an empty or a large one adds nothing."""
    if not 0 < len(body) <= _MOST_BODY or _BODY in params:
        return params
    count = f"{len(body)} byte" + ("s" if len(body) != 1 else "")
    return {**params, _BODY: f"{count}, sha256 {hashlib.sha256(body).hexdigest()[:12]}"}


def chunks_end(data: bytes, start: int) -> t.Optional[int]:
    """Return the end of a chunked body that begins at `start`, trailers included; None while it is incomplete."""
    while True:
        line = data.find(b"\r\n", start)
        if line < 0:
            return None
        try:
            size = int(data[start:line].partition(b";")[0], 16)
        except ValueError as error:
            raise UnreadableError("a chunk without a size") from error
        if size == 0:
            if data.startswith(b"\r\n", line + 2):
                return line + 4
            end = data.find(b"\r\n\r\n", line + 2)
            return end + 4 if end >= 0 else None
        start = line + 2 + size + 2
        if start > len(data):
            return None


def read_fastcgi(data: bytes, *, whole: bool = True) -> t.Optional[StubRequest]:  # noqa: ARG001 - STDIN always ends
    """Read a FastCGI request: BEGIN_REQUEST, PARAMS and STDIN until both ended (FastCGI 1.0, section 3.3)."""
    offset, params, body, keep, number = 0, b"", b"", False, 1
    while len(data) >= offset + 8:
        _version, kind, request, length, padding = struct.unpack_from(">BBHHB", data, offset)
        content = data[offset + 8 : offset + 8 + length]
        offset += 8 + length + padding
        if offset > len(data):
            return INCOMPLETE
        if kind == _FCGI_BEGIN:
            number, keep = request, bool(content[2:3] and content[2] & 1)
        elif kind == _FCGI_PARAMS:
            params += content
        elif kind == _FCGI_STDIN and not length:
            return _from_params("fastcgi", with_body(_fastcgi_pairs(params), body), keep, offset, number)
        elif kind == _FCGI_STDIN:
            body += content
    return INCOMPLETE


def _fastcgi_pairs(data: bytes) -> t.Dict[str, str]:
    pairs, offset = {}, 0
    while offset < len(data):
        sizes = []
        for _unused in range(2):
            size = data[offset]
            offset += 1
            if size & 0x80:
                size = struct.unpack_from(">I", data, offset - 1)[0] & 0x7FFFFFFF
                offset += 3
            sizes.append(size)
        name = data[offset : offset + sizes[0]]
        offset += sizes[0]
        pairs[name.decode("latin-1")] = data[offset : offset + sizes[1]].decode("latin-1")
        offset += sizes[1]
    return pairs


def read_uwsgi(data: bytes, *, whole: bool = True) -> t.Optional[StubRequest]:
    """Read a uwsgi packet and, with `whole`, the body after it (uwsgi protocol: modifier1, size, modifier2, then pairs)."""
    if len(data) < 4:  # noqa: PLR2004
        return INCOMPLETE
    size = struct.unpack_from("<H", data, 1)[0]
    if len(data) < 4 + size:
        return INCOMPLETE
    params, offset = {}, 4
    while offset < 4 + size:
        pair = []
        for _unused in range(2):
            length = struct.unpack_from("<H", data, offset)[0]
            pair.append(data[offset + 2 : offset + 2 + length].decode("latin-1"))
            offset += 2 + length
        params[pair[0]] = pair[1]
    return _with_body("uwsgi", params, 4 + size, data, whole=whole)


def read_scgi(data: bytes, *, whole: bool = True) -> t.Optional[StubRequest]:
    """Read an SCGI request: a netstring of headers and, with `whole`, the body after it."""
    size, colon, _rest = data.partition(b":")
    if not colon:
        return INCOMPLETE
    if not size.isdigit():
        raise UnreadableError("an SCGI request without a length")
    start, length = len(size) + 1, int(size)
    if len(data) < start + length + 1:
        return INCOMPLETE
    words = data[start : start + length].decode("latin-1").split("\0")
    return _with_body("scgi", dict(zip(words[::2], words[1::2])), start + length + 1, data, whole=whole)


def _with_body(
    protocol: str, params: t.Dict[str, str], start: int, data: bytes, *, whole: bool
) -> t.Optional[StubRequest]:
    length = params.get("CONTENT_LENGTH", "")
    used = start + (int(length) if length.isdigit() else 0)
    if used > len(data):
        return INCOMPLETE if whole else _from_params(protocol, params, False, len(data), 0)
    return _from_params(protocol, with_body(params, data[start:used]), False, used, 0)


def _from_params(protocol: str, params: t.Dict[str, str], keep: bool, used: int, number: int) -> StubRequest:  # noqa: FBT001
    headers = [[name[5:].replace("_", "-").title(), value] for name, value in params.items() if name[:5] == "HTTP_"]
    uri = params.get("REQUEST_URI", params.get("DOCUMENT_URI", params.get("SCRIPT_NAME", "")))
    return StubRequest(protocol, params.get("REQUEST_METHOD", ""), uri, headers, params, keep, used, number)


def read_memcached(data: bytes, *, whole: bool = True) -> t.Optional[StubRequest]:  # noqa: ARG001 - it has no body
    """Read a `get` of the memcached text protocol, the only command that nginx has."""
    end = data.find(b"\r\n")
    if end < 0:
        return INCOMPLETE
    command, _sep, key = data[:end].decode("latin-1").partition(" ")
    return StubRequest("memcached", command, key, [], {}, keep=True, used=end + 2)


READERS: t.Dict[str, t.Callable[..., t.Optional[StubRequest]]] = {
    "http": read_http,
    "fastcgi": read_fastcgi,
    "uwsgi": read_uwsgi,
    "scgi": read_scgi,
    "memcached": read_memcached,
}


def answer(request: StubRequest, status: int, headers: t.Sequence[t.Sequence[str]], body: bytes) -> bytes:
    """Write an answer to a request in its protocol; a body only where the request takes one."""
    if request.protocol == "memcached":
        key = request.uri.encode("latin-1")
        return b"END\r\n" if status >= 400 else b"VALUE %b 0 %d\r\n%b\r\nEND\r\n" % (key, len(body), body)  # noqa: PLR2004
    silent = status in _BODILESS or status < 200  # noqa: PLR2004
    names = {name.lower() for name, _value in headers}
    lines = [f"{name}: {value}" for name, value in headers]
    if "content-type" not in names and not silent:
        lines.append("Content-Type: text/plain")
    if "content-length" not in names and "transfer-encoding" not in names and not silent:
        lines.append(f"Content-Length: {len(body)}")
    reason = http.client.responses.get(status, "Status")
    if request.protocol in {"fastcgi", "scgi"}:
        lines.insert(0, f"Status: {status} {reason}")
    else:
        lines.insert(0, f"HTTP/1.1 {status} {reason}")
    if request.protocol == "http" and not request.keep:
        lines.append("Connection: close")
    data = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
    if not silent and request.method != "HEAD":
        data += body
    return data if request.protocol != "fastcgi" else _fastcgi_records(data, request.number)


def with_type(fields: Headers, kind: str = "text/plain") -> Headers:
    """Return the fields with a Content-Type added, if there is none."""
    return fields if any(field[0].lower() == "content-type" for field in fields) else [*fields, ["content-type", kind]]


def _fastcgi_records(data: bytes, number: int) -> bytes:
    records = [
        struct.pack(">BBHHBB", 1, _FCGI_STDOUT, number, len(data[start : start + 65000]), 0, 0)
        + data[start : start + 65000]
        for start in range(0, len(data), 65000)
    ]
    records.append(struct.pack(">BBHHBB", 1, _FCGI_STDOUT, number, 0, 0, 0))
    records.append(struct.pack(">BBHHBBIB3x", 1, _FCGI_END, number, 8, 0, 0, 0, 0))
    return b"".join(records)
