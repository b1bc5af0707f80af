# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Data as one opaque string: base64 of zlib of JSON.

Answers of hosts are large and repetitive, and no single value of such a string can be logged by accident.
"""

from __future__ import annotations

import base64
import binascii
import json
import typing as t
import zlib


class PackingError(ValueError):
    """A text was not packed by `pack` or `pack_bytes`."""


def pack(value: object, *, level: int = -1) -> str:
    """Pack JSON data.

    Args:
        value: what `json.dumps` takes; lone surrogates included.
        level: of zlib, 1 (fast) to 9 (small).
    """
    return pack_bytes(json.dumps(value).encode("utf-8", "surrogatepass"), level=level)


def unpack(text: str) -> t.Any:
    """Return the data that `pack` packed.

    Raises:
        PackingError: it did not pack this text.
    """
    try:
        return json.loads(unpack_bytes(text).decode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError) as error:
        raise PackingError(str(error)) from error


def pack_bytes(data: bytes, *, level: int = -1) -> str:
    """Pack bytes, without JSON."""
    return encode_bytes(zlib.compress(data, level))


def unpack_bytes(text: str) -> bytes:
    """Return the bytes that `pack_bytes` packed.

    Raises:
        PackingError: it did not pack this text.
    """
    try:
        return zlib.decompress(decode_bytes(text))
    except zlib.error as error:
        raise PackingError(str(error)) from error


def encode_bytes(data: bytes) -> str:
    """Write bytes as base64, uncompressed."""
    return base64.b64encode(data).decode("ascii")


def decode_bytes(text: str) -> bytes:
    """Read base64.

    Raises:
        PackingError: this is none.
    """
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise PackingError(str(error)) from error
