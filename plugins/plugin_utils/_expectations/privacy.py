# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Paths of requests without personal data and secrets.

A segment that looks like a secret or a person is replaced by a constant of the same kind and length. Regular expressions
still match it, and it tells only the kind of the segment.
"""

from __future__ import annotations

import re
import typing as t
from functools import lru_cache
from urllib.parse import quote, unquote

_PATH: t.Final = "-._~/@:,;=!$&'()*+"
_HEX_DIGITS: t.Final = "0123456789abcdef"
_WORDS: t.Final = "AbCdEfGhIjKlMnOpQrStUvWxYz0123456789"
_DIGITS: t.Final = "1234567890"
_MOST: t.Final = 1000

#: Texts that are replaced, the most specific first; the name of the matching group is the kind.
_SECRET: t.Final = re.compile(
    r"(?P<email>[^@/\s]{1,64}@[^@/\s]{1,200}\.[A-Za-z]{2,24})"
    r"|(?P<jwt>(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*)"
    r"|(?P<uuid>[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})"
    r"|(?P<address>(?<!\d)\d{1,3}(?:\.\d{1,3}){3}(?!\d))"
    r"|(?P<number>(?<![0-9A-Za-z])\d{9,}(?![0-9A-Za-z]))"
    r"|(?P<hex>(?<![0-9A-Za-z])(?=[0-9a-fA-F]*\d)[0-9a-fA-F]{12,}(?![0-9A-Za-z]))"
    r"|(?P<opaque>[A-Za-z0-9_+=-]{16,})"
)
_FIXED: t.Final = {"email": "user@example.com", "uuid": "00000000-0000-4000-8000-000000000000", "address": "192.0.2.1"}
_LONG_NUMBER: t.Final = re.compile(r"\d{9,}")
_NAMED: t.Final = re.compile(r"(?<=[A-Za-z0-9_-])=[^;&,]*")
#: Segments in front of one that belongs to a person.
_PERSONAL: t.Final = frozenset(
    {
        *("token", "tokens", "reset", "reset-password", "password-reset", "verify", "confirm", "activate"),
        *("invite", "invitation", "unsubscribe", "session", "sessions", "secret", "key", "apikey", "api-key", "magic"),
        *("magic-link", "auth", "otp", "signature", "sig", "share", "s", "jwt", "bearer", "sid", "phpsessid"),
    }
)
_SHORTEST: t.Final = 6
_SEPARATORS: t.Final = re.compile(r"[-_+=]")
_WORDY: t.Final = re.compile(r"[A-Za-z]{0,40}[0-9]{0,4}")
#: More consonants in a row than words have.
_MUMBLE: t.Final = re.compile(r"[bcdfghjklmnpqrstvwxz]{7}", re.IGNORECASE)


def clean_path(path: str) -> str | None:
    """Return a request path without personal data, percent-encoded; None for an invalid one.

    Args:
        path: the path as the client wrote it, without arguments.
    """
    if not path.startswith("/") or len(path) > _MOST:
        return None
    segments = path.split("/")
    cleaned = [
        _clean_segment(segment, personal=index > 0 and segments[index - 1].lower() in _PERSONAL)
        for index, segment in enumerate(segments)
    ]
    return "/".join(cleaned)


@lru_cache(maxsize=65536)
def _clean_segment(segment: str, *, personal: bool) -> str:
    if not segment:
        return segment
    try:
        text = unquote(segment, errors="strict")
    except UnicodeDecodeError:
        # Bytes that are no text route nothing: only the length is kept.
        return "x" * min(len(segment), 16)
    if personal and len(text) >= _SHORTEST and (any(map(str.isdigit, text)) or not _is_wordy(text)):
        return _opaque(text)
    return quote(_without_secrets(text), safe=_PATH.replace("/", ""))


def _without_secrets(text: str) -> str:
    return _SECRET.sub(_stand_in, _NAMED.sub("=x", text))


def _stand_in(match: re.Match[str]) -> str:
    kind, text = str(match.lastgroup), match[0]
    if kind in _FIXED:
        return _FIXED[kind]
    if kind == "jwt":
        # Dots stand in file names too: long.descriptive.name
        return ".".join(map(_opaque, text.split("."))) if any(map(_is_opaque, text.split("."))) else text
    if kind == "opaque":
        return _opaque(text) if _is_opaque(text) else _LONG_NUMBER.sub(lambda each: _like(_DIGITS, len(each[0])), text)
    return _like(_DIGITS if kind == "number" else _HEX_DIGITS, len(text))


def _opaque(text: str) -> str:
    return _like(_WORDS, len(text))


def _like(characters: str, length: int) -> str:
    return (characters * (length // len(characters) + 1))[:length]


def _is_opaque(text: str) -> bool:
    """Return True if most of a long word is random: slugs and identifiers are not."""
    parts = [part for part in _SEPARATORS.split(text) if part]
    strange = sum(len(part) for part in parts if not _is_wordy(part))
    return strange >= _SHORTEST and strange * 2 >= len(text)


def _is_wordy(part: str) -> bool:
    """Return True for a pronounceable word with few capitals: `configure`, `getUserById`, `V2`, `2024`."""
    if _WORDY.fullmatch(part) is None:
        return False
    letters = sum(map(str.isalpha, part))
    capitals = sum(map(str.isupper, part))
    return (capitals * 3 <= letters + 2 or capitals == letters) and _MUMBLE.search(part) is None
