# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What upstreams are spoken to in, byte by byte; what they answer is nginx's to judge in test_world.py."""

from __future__ import annotations

import gzip
import struct
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.failsafe.nginx.plugins.module_utils._sandbox import client, http2, protocols
from ansible_collections.failsafe.nginx.plugins.module_utils._sandbox.client import Http1Answer
from ansible_collections.failsafe.nginx.plugins.module_utils._sandbox.protocols import UnreadableError
from ansible_collections.failsafe.nginx.plugins.module_utils._wire.probes import ListenSocket, Probe


def fastcgi(kind: int, content: bytes, padding: int = 0) -> bytes:
    return struct.pack(">BBHHBB", 1, kind, 1, len(content), padding, 0) + content + b"\0" * padding


def pair(name: bytes, value: bytes) -> bytes:
    length = struct.pack(">I", len(value) | 1 << 31) if len(value) > 127 else bytes([len(value)])
    return bytes([len(name)]) + length + name + value


def uwsgi(params: dict[bytes, bytes]) -> bytes:
    packed = b"".join(struct.pack("<H", len(word)) + word for item in params.items() for word in item)
    return struct.pack("<BHB", 0, len(packed), 0) + packed


def scgi(params: dict[bytes, bytes]) -> bytes:
    packed = b"".join(word + b"\0" for item in params.items() for word in item)
    return b"%d:%b," % (len(packed), packed)


LONG = b"v" * 200
PARAMS = {b"REQUEST_METHOD": b"POST", b"REQUEST_URI": b"/a?b", b"HTTP_X_LONG": LONG, b"CONTENT_LENGTH": b"3"}
FASTCGI = (
    fastcgi(1, struct.pack(">HB5x", 1, 0))
    + fastcgi(4, b"".join(pair(*item) for item in PARAMS.items()), padding=5)
    + fastcgi(4, b"")
    + fastcgi(5, b"abc", padding=1)
    + fastcgi(5, b"")
)
REQUESTS = {
    "http": b"POST /a?b HTTP/1.0\r\nHost: x\r\nX-Long: " + LONG + b"\r\nContent-Length: 3\r\n\r\nabc",
    "http chunked": b"POST /a?b HTTP/1.1\r\nX-Long: " + LONG + b"\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"2;x=y\r\nab\r\n1\r\nc\r\n0\r\nT: r\r\n\r\n",
    "fastcgi": FASTCGI,
    "uwsgi": uwsgi(PARAMS) + b"abc",
    "scgi": scgi(PARAMS) + b"abc",
}


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_is_complete_at_its_last_byte(name: str) -> None:
    data = REQUESTS[name]
    protocol = name.split(maxsplit=1)[0]
    assert protocols.sniff(data) == protocol
    for size in range(len(data)):
        assert protocols.READERS[protocol](data[:size]) is None
    request = protocols.READERS[protocol](data + b"next")
    assert request is not None
    assert (request.protocol, request.method, request.uri, request.used) == (protocol, "POST", "/a?b", len(data))
    assert ["X-Long", LONG.decode()] in request.headers


def test_a_subrequest_announces_a_body_that_never_comes() -> None:
    head = b"GET /auth HTTP/1.0\r\nContent-Length: 3\r\n\r\n"
    request = protocols.read_http(head)
    assert request is not None
    assert (request.uri, request.keep, request.used) == ("/auth", False, len(head))
    for name in ("http", "uwsgi", "scgi"):
        data = REQUESTS[name][:-3]
        assert protocols.READERS[name](data) is None
        request = protocols.READERS[name](data, whole=False)
        assert request is not None
        assert (request.method, request.used) == ("POST", len(data))


@pytest.mark.parametrize(
    ("head", "protocol"),
    [
        (b"\x16\x03\x01", "tls"),
        (b"GE", None),
        (b"PUT /", "http"),
        (b"PRI * HTTP", None),
        (http2.PREFACE, "grpc"),
        (b"get k\r\n", "memcached"),
        (b"\xff\xfe", "unknown"),
        (b"*1\r\n", "unknown"),
    ],
)
def test_protocols_are_told_apart_by_their_first_bytes(head: bytes, protocol: str | None) -> None:
    assert protocols.sniff(head) == protocol


@given(st.binary(max_size=300))
def test_garbage_is_never_more_than_unreadable(data: bytes) -> None:
    for feed in (
        *protocols.READERS.values(),
        Http1Answer("GET").feed,
        http2.Http2Answer().feed,
        http2.Http2Service().feed,
    ):
        try:
            t.cast("t.Any", feed)(data)
        except (UnreadableError, IndexError, ValueError, struct.error):
            continue  # what the stub catches


@pytest.mark.parametrize(
    ("method", "data", "expected"),
    [
        ("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", (200, b"ok", True, True)),
        ("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no", (200, b"o", True, False)),
        ("GET", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", (204, b"", True, True)),
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", (200, b"", True, True)),
        ("GET", b"HTTP/1.0 200 OK\r\n\r\nall", (200, b"all", False, False)),
        ("GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", (200, b"ok", True, True)),
        ("GET", b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", (200, b"", False, True)),
        ("GET", b"HTTP/1.", (None, b"", False, False)),
    ],
)
def test_answers_of_http1(method: str, data: bytes, expected: tuple[t.Any, ...]) -> None:
    whole, pieces = Http1Answer(method), Http1Answer(method)
    done = whole.feed(data)
    assert (whole.status, whole.body, whole.keep, done) == expected
    assert [pieces.feed(data[at : at + 1]) for at in range(len(data))][-1] == done
    assert (pieces.status, pieces.body) == (whole.status, whole.body)


@pytest.mark.parametrize("data", [b"SSH-2.0-x\r\n", b"HTTP/1.1 OK\r\n\r\n", b"\x15\x03\x01\x00\x02\x02\x50"])
def test_what_is_no_http1(data: bytes) -> None:
    with pytest.raises(UnreadableError):
        Http1Answer("GET").feed(data)


# RFC 7541, C.4 and C.6: three requests and three answers over one connection each, Huffman-coded, with a dynamic table.
C4 = [
    ("828684418cf1e3c2e5f23a6ba0ab90f4ff", ":authority", "www.example.com"),
    ("828684be5886a8eb10649cbf", "cache-control", "no-cache"),
    ("828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf", "custom-key", "custom-value"),
]


def test_header_compression() -> None:
    decoder = http2.Decoder()
    for block, name, value in C4:
        assert [name, value] in decoder.decode(bytes.fromhex(block))
    assert http2.unhuffman(bytes.fromhex("9d29ad171863c78f0b97c8e9ae82ae43d3")) == b"https://www.example.com"


@given(st.lists(st.tuples(st.text("abc-", min_size=1), st.text(st.characters(max_codepoint=255), max_size=400))))
def test_what_is_encoded_can_be_decoded(fields: list[tuple[str, str]]) -> None:
    assert http2.Decoder().decode(http2.encode(fields)) == [list(field) for field in fields]


def test_large_requests_and_bodies_are_split_into_frames() -> None:
    probe = Probe("p", ListenSocket("::"), method="POST", host="x", headers=[["X-A", "v" * 40000]], body="b" * 40000)
    data = http2.request_bytes(probe)
    service = http2.Http2Service()
    (request,) = service.feed(data[len(http2.PREFACE) :])
    assert ["x-a", "v" * 40000] in request.headers
    answer = http2.Http2Answer()
    assert answer.feed(service.out + service.answer(request, 201, [["Via", "stub"]], b"c" * 50000))
    assert (answer.status, len(answer.body), ["via", "stub"] in answer.headers) == (201, 50000, True)


def test_a_request_whose_body_is_not_sent_ends_with_the_invitation_to_send_it() -> None:
    answer = Http1Answer("POST", interim=True)
    assert answer.feed(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert (answer.status, answer.body, answer.keep) == (100, b"", False)
    usual = Http1Answer("POST")
    assert not usual.feed(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert usual.feed(b"HTTP/1.1 204 No Content\r\n\r\n")
    assert usual.status == 204


def test_a_connection_is_not_used_again_after_a_body_that_was_only_announced() -> None:
    answer = Http1Answer("POST", interim=True)
    assert answer.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    assert not answer.keep


@pytest.mark.parametrize(
    ("headers", "body", "content"),
    [
        ([["Content-Encoding", "gzip"]], gzip.compress(b"page"), b"page"),
        ([["content-encoding", "GZIP"]], gzip.compress(b"page", 1), b"page"),
        ([["Content-Encoding", "gzip"]], b"no gzip", b"no gzip"),
        ([["Content-Encoding", "gzip"]], gzip.compress(b"page", mtime=0)[:-3], gzip.compress(b"page", mtime=0)[:-3]),
        ([], gzip.compress(b"page", mtime=0), gzip.compress(b"page", mtime=0)),
    ],
)
def test_bodies_are_compared_without_gzip(headers: list[list[str]], body: bytes, content: bytes) -> None:
    assert client.content(headers, body) == content


@pytest.mark.parametrize(
    ("headers", "body", "announced"),
    [
        ([["Expect", "100-continue"], ["Content-Length", "9"]], "", True),
        ([["Expect", "100-continue"]], "x", False),
        ([["Content-Length", "9"]], "", False),
    ],
)
def test_an_announced_body_is_one_that_is_not_there(headers: list[list[str]], body: str, *, announced: bool) -> None:
    assert client.announces(Probe("p1", ListenSocket("0.0.0.0"), headers=headers, body=body)) is announced
