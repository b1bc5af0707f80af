# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The messages of a TLS 1.2 server, read from bytes."""

from __future__ import annotations

import pytest

from ansible_collections.failsafe.nginx.plugins.module_utils._sandbox.handshakes import server_flight


def message(kind: int, body: bytes) -> bytes:
    return bytes([kind]) + len(body).to_bytes(3, "big") + body


def record(data: bytes, kind: int = 22) -> bytes:
    return bytes([kind, 3, 3]) + len(data).to_bytes(2, "big") + data


def certificates(*sizes: int) -> bytes:
    entries = b"".join(size.to_bytes(3, "big") + bytes(size) for size in sizes)
    return message(11, len(entries).to_bytes(3, "big") + entries)


HELLO, DONE, ASK = message(2, bytes(40)), message(14, b""), message(13, bytes(8))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", (None, False)),
        (record(HELLO), (None, False)),
        (record(HELLO + certificates(900) + DONE), (1, False)),
        (record(HELLO) + record(certificates(900, 1200)) + record(ASK + DONE), (2, True)),
        (record(certificates(70000)[:16000]) + record(certificates(70000)[16000:]), (1, False)),
        (record(certificates(10)) + record(ASK, kind=20), (1, False)),
        (record(certificates(10)) + record(b"\0" * 90, kind=23), (1, False)),
        (record(certificates()), (0, False)),
        (record(HELLO)[:20], (None, False)),
        (b"HTTP/1.1 400 Bad Request\r\n", (None, False)),
    ],
)
def test_a_chain_is_counted_and_a_request_for_a_certificate_seen(
    data: bytes, expected: tuple[int | None, bool]
) -> None:
    assert server_flight(data) == expected
