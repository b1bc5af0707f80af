# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""HTTP/2 for one request at a time: frames (RFC 9113) and header compression (RFC 7541), without sockets."""

from __future__ import annotations

import struct
import typing as t

from .._wire.probes import Headers, Probe
from .protocols import StubRequest, UnreadableError, with_type

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _PING, _GOAWAY, _WINDOW_UPDATE, _CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
_END_STREAM, _ACK, _END_HEADERS, _PADDED, _PRIORITY = 1, 1, 4, 8, 32
_FRAME, _LARGEST_WINDOW = 16384, 2**31 - 1
#: No push; windows that never close, so that nothing is to be sent while an answer is read.
_HELLO = (
    struct.pack(">HIHI", 2, 0, 4, _LARGEST_WINDOW),
    struct.pack(">I", _LARGEST_WINDOW - 65535),
)
_SINGULAR = {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "host"}

# RFC 7541, appendix A.
_FIELDS = (
    ":authority|:method=GET|:method=POST|:path=/|:path=/index.html|:scheme=http|:scheme=https|:status=200|"
    ":status=204|:status=206|:status=304|:status=400|:status=404|:status=500|accept-charset|"
    "accept-encoding=gzip, deflate|accept-language|accept-ranges|accept|access-control-allow-origin|age|allow|"
    "authorization|cache-control|content-disposition|content-encoding|content-language|content-length|"
    "content-location|content-range|content-type|cookie|date|etag|expect|expires|from|host|if-match|"
    "if-modified-since|if-none-match|if-range|if-unmodified-since|last-modified|link|location|max-forwards|"
    "proxy-authenticate|proxy-authorization|range|referer|refresh|retry-after|server|set-cookie|"
    "strict-transport-security|transfer-encoding|user-agent|vary|via|www-authenticate"
)
_STATIC = [tuple(entry.partition("=")[::2]) for entry in _FIELDS.split("|")]
# RFC 7541, appendix B: the code is canonical, so the lengths are all there is to know: A is 0, Z is 25, a is 26 bits.
_LENGTHS = (
    "NXcccccccYecceccccccccecccccccccGKKMNGILKKILIGGGFFFGGGGGGGHIPGMKNGHHHHHHHHHHHHHHHHHHHHHHIHINTNOGPFGFGFGGGFHHGG"
    "GFGHGFFGHHHHHPLONcUWUUWWWXWXXXXXYXYYWXYXXXXVWXWXXYWVUWWXXVXWWYVWXXVVWVXWXXUWWWXWWXaaUTWXWZaaabbaYZTVabbabYVVaa"
    "cbbbUYUVWVVXWWZZYYaXabaabbbbbcbbbbbae"
)


def _codes() -> t.Dict[t.Tuple[int, int], int]:
    found, code, last = {}, 0, 0
    lengths = [ord(sign) - (65 if sign <= "Z" else 71) for sign in _LENGTHS]
    for length, symbol in sorted((length, symbol) for symbol, length in enumerate(lengths)):
        code <<= length - last
        found[length, code] = symbol
        code, last = code + 1, length
    return found


_CODES: t.Dict[t.Tuple[int, int], int] = {}


def unhuffman(data: bytes) -> bytes:
    """Decode a Huffman-coded string."""
    if not _CODES:
        _CODES.update(_codes())
    text, code, length = bytearray(), 0, 0
    for byte in data:
        for shift in range(7, -1, -1):
            code, length = code << 1 | byte >> shift & 1, length + 1
            symbol = _CODES.get((length, code))
            if symbol is not None:
                text.append(symbol)
                code, length = 0, 0
    return bytes(text)


class Decoder:
    """One direction's header decompression."""

    def __init__(self) -> None:
        self._table: t.List[t.Tuple[str, str]] = []
        self._limit = 4096

    def decode(self, data: bytes) -> Headers:
        """Return the fields of a header block.

        Raises:
            IndexError: the block is broken.
        """
        fields: Headers = []
        offset = 0
        while offset < len(data):
            first = data[offset]
            if first & 0x80:
                index, offset = _integer(data, offset, 7)
                fields.append(list(self._entry(index)))
            elif first & 0xE0 == 0x20:  # noqa: PLR2004
                self._limit, offset = _integer(data, offset, 5)
                self._shrink()
            else:
                index, offset = _integer(data, offset, 6 if first & 0x40 else 4)
                if index:
                    name = self._entry(index)[0]
                else:
                    name, offset = _string(data, offset)
                value, offset = _string(data, offset)
                fields.append([name, value])
                if first & 0x40:
                    self._table.insert(0, (name, value))
                    self._shrink()
        return fields

    def _entry(self, index: int) -> t.Tuple[str, ...]:
        return _STATIC[index - 1] if index <= len(_STATIC) else self._table[index - len(_STATIC) - 1]

    def _shrink(self) -> None:
        while sum(len(name) + len(value) + 32 for name, value in self._table) > self._limit:
            self._table.pop()


def _integer(data: bytes, offset: int, bits: int) -> t.Tuple[int, int]:
    most = (1 << bits) - 1
    value = data[offset] & most
    offset += 1
    shift = 0
    while value >= most and (shift == 0 or data[offset - 1] & 0x80):
        value += (data[offset] & 0x7F) << shift
        shift += 7
        offset += 1
    return value, offset


def _string(data: bytes, offset: int) -> t.Tuple[str, int]:
    coded = data[offset] & 0x80
    length, offset = _integer(data, offset, 7)
    if offset + length > len(data):
        raise IndexError("a string that is longer than its block")
    text = data[offset : offset + length]
    return (unhuffman(text) if coded else text).decode("latin-1"), offset + length


def encode(fields: t.Iterable[t.Sequence[str]]) -> bytes:
    """Write a header block of literals that are never indexed."""
    block = b""
    for field in fields:
        block += b"\0"
        for text in field:
            raw = text.encode("latin-1", "replace")
            block += _length(len(raw)) + raw
    return block


def _length(value: int) -> bytes:
    if value < 127:  # noqa: PLR2004
        return bytes([value])
    rest, value = [], value - 127
    while value >= 128:  # noqa: PLR2004
        rest.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([127, *rest, value])


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def _head(stream: int, fields: t.Iterable[t.Sequence[str]], *, last: bool) -> bytes:
    block = encode(fields)
    parts = [block[start : start + _FRAME] for start in range(0, len(block), _FRAME)] or [b""]
    flags = [_END_HEADERS if number == len(parts) - 1 else 0 for number in range(len(parts))]
    data = _frame(_HEADERS, flags[0] | (_END_STREAM if last else 0), stream, parts[0])
    return data + b"".join(_frame(_CONTINUATION, flag, stream, part) for flag, part in zip(flags[1:], parts[1:]))


def _body(stream: int, body: bytes, *, last: bool) -> bytes:
    starts = range(0, len(body), _FRAME)
    return b"".join(
        _frame(_DATA, _END_STREAM if last and start == starts[-1] else 0, stream, body[start : start + _FRAME])
        for start in starts
    )


class _Frames:
    # Splits bytes into frames as they arrive, and answers those that concern the connection.
    def __init__(self) -> None:
        self.out = b""
        self._data = b""
        self._block = b""
        self._flags = 0
        self._decoder = Decoder()

    def take(self, data: bytes) -> t.Iterator[t.Tuple[int, int, int, bytes]]:
        """Yield kind, flags, stream and payload; a header block arrives whole, as HEADERS."""
        self._data += data
        while len(self._data) >= 9:  # noqa: PLR2004
            size = struct.unpack(">I", b"\0" + self._data[:3])[0]
            kind, flags, stream = struct.unpack_from(">BBI", self._data, 3)
            if len(self._data) < 9 + size:
                return
            payload = self._data[9 : 9 + size]
            self._data = self._data[9 + size :]
            if kind in {_DATA, _HEADERS} and flags & _PADDED:
                payload = payload[1 : len(payload) - payload[0]]
            if kind == _HEADERS:
                self._block, self._flags = payload[5:] if flags & _PRIORITY else payload, flags
            elif kind == _CONTINUATION:
                self._block += payload
            elif kind == _SETTINGS and not flags & _ACK:
                self.out += _frame(_SETTINGS, _ACK, 0, b"")
            elif kind == _PING and not flags & _ACK:
                self.out += _frame(_PING, _ACK, 0, payload)
            if kind not in {_HEADERS, _CONTINUATION}:
                yield kind, flags, stream & _LARGEST_WINDOW, payload
            elif flags & _END_HEADERS:
                yield _HEADERS, self._flags, stream & _LARGEST_WINDOW, self._block

    def fields(self, block: bytes) -> Headers:
        return self._decoder.decode(block)


def request_bytes(probe: Probe) -> bytes:
    """Write the bytes of a connection with the request of a probe as its only one."""
    fields = [[":method", probe.method], [":scheme", "https" if probe.listen.ssl else "http"]]
    fields.append([":path", probe.target])
    if probe.host is not None:
        fields.append([":authority", probe.host])
    fields += [[name.lower(), value] for name, value in probe.headers if name.lower() not in _SINGULAR]
    body = probe.body.encode("latin-1", "replace")
    if body and not any(field[0] == "content-length" for field in fields):
        fields.append(["content-length", str(len(body))])
    hello = PREFACE + _frame(_SETTINGS, 0, 0, _HELLO[0]) + _frame(_WINDOW_UPDATE, 0, 0, _HELLO[1])
    return hello + _head(1, fields, last=not body) + _body(1, body, last=True)


class Http2Answer:
    """An answer as far as it has arrived; see `client.Http2Answer`, whose shape this is."""

    keep = False

    def __init__(self) -> None:
        self.status: t.Optional[int] = None
        self.headers: Headers = []
        self.body = b""
        self.closed: t.Optional[str] = None
        self._frames = _Frames()

    def feed(self, data: bytes) -> bool:
        """Take received bytes; return True once the answer is complete, or the server reset it (see `closed`).

        Raises:
            UnreadableError: this is not HTTP/2.
        """
        try:
            for kind, flags, stream, payload in self._frames.take(data):
                if kind == _HEADERS:
                    self._fields(self._frames.fields(payload))
                elif kind == _DATA:
                    self.body += payload
                elif kind == _RST_STREAM or (
                    kind == _GOAWAY and not stream and self.status is None and payload[7:8] != b"\0"
                ):
                    self.closed = "reset"
                if self.closed or (kind in {_HEADERS, _DATA} and flags & _END_STREAM):
                    return True
        except (IndexError, ValueError, struct.error) as error:
            raise UnreadableError("the answer is not HTTP/2") from error
        return False

    def ended(self) -> bool:
        """Return False: the end of the connection is never the end of an answer."""
        return False

    def _fields(self, fields: Headers) -> None:
        status = next((value for name, value in fields if name == ":status"), None)
        if status and int(status) >= 200:  # noqa: PLR2004
            self.status = int(status)
            self.headers = [field for field in fields if field[0] != ":status"]


class Http2Service:
    """The stub's side of a connection; `out` are the bytes to send."""

    def __init__(self) -> None:
        self.out = _frame(_SETTINGS, 0, 0, _HELLO[0]) + _frame(_WINDOW_UPDATE, 0, 0, _HELLO[1])
        self._frames = _Frames()
        self._open: t.Dict[int, Headers] = {}

    def feed(self, data: bytes) -> t.List[StubRequest]:
        """Take received bytes (without the preface); return the requests that are complete."""
        done = []
        for kind, flags, stream, payload in self._frames.take(data):
            if kind == _HEADERS and stream not in self._open:
                self._open[stream] = self._frames.fields(payload)
            if kind in {_HEADERS, _DATA} and flags & _END_STREAM and stream in self._open:
                done.append(_request(self._open.pop(stream), stream))
        self.out += self._frames.out
        self._frames.out = b""
        return done

    def answer(self, request: StubRequest, status: int, headers: t.Sequence[t.Sequence[str]], body: bytes) -> bytes:
        """Write an answer: for gRPC an empty message with its status after it, else a body."""
        fields = [[":status", str(status)], *([n.lower(), v] for n, v in headers if n.lower() not in _SINGULAR)]
        if request.protocol != "grpc":
            silent = request.method == "HEAD" or not body
            return _head(request.number, with_type(fields), last=silent) + (
                b"" if silent else _body(request.number, body, last=True)
            )
        fields = with_type(fields, kind="application/grpc")
        trailers = [["grpc-status", "0"]]
        if status != 200:  # noqa: PLR2004
            return _head(request.number, fields, last=True)
        message = _body(request.number, b"\0\0\0\0\0", last=False)
        return _head(request.number, fields, last=False) + message + _head(request.number, trailers, last=True)


def _request(fields: Headers, stream: int) -> StubRequest:
    pseudo = {name: value for name, value in fields if name.startswith(":")}
    headers = [field for field in fields if not field[0].startswith(":")]
    if ":authority" in pseudo:
        headers.insert(0, ["Host", pseudo[":authority"]])
    kind = next((value for name, value in headers if name == "content-type"), "")
    protocol = "grpc" if kind.startswith("application/grpc") else "http"
    return StubRequest(
        protocol, pseudo.get(":method", ""), pseudo.get(":path", ""), headers, {}, keep=True, used=0, number=stream
    )
