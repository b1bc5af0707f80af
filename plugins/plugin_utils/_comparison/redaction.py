# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Redaction by name and pattern: values in requests and answers that authenticate are replaced.

The values are not known beforehand, unlike those that `module_utils/_common/redaction` masks.
"""

from __future__ import annotations

import re
import typing as t

HIDDEN: t.Final = "(not shown)"
#: The most characters of a text that are shown.
LONGEST: t.Final = 300

#: A run of one character, and how much of it is shown.
_RUN: t.Final = re.compile(r"(\w)\1{47,}", re.ASCII)
_KEPT: t.Final = 4
_TELLING: t.Final = r"auth|cookie|token|secret|passw|passwd|api-?_?key|credential|signature|session|jwt|bearer"
_SECRET_NAME: t.Final = re.compile(rf"{_TELLING}|^x-amz-security|^http_x_api_key$", re.IGNORECASE)
#: Names that match and have no secret value.
_PUBLIC: t.Final = frozenset({"www-authenticate", "proxy-authenticate", ":authority"})
_QUERY: t.Final = re.compile(
    rf"(?P<head>[?&;](?:[^=&;\s\"']*(?:{_TELLING})[^=&;\s\"']*|key|sig|hmac|code|state|sid)=)[^&;\s\"'#]+",
    re.IGNORECASE,
)
_USERINFO: t.Final = re.compile(r"(?P<head>\b[a-z][a-z0-9+.-]*://)[^/@\s\"']+@", re.IGNORECASE)
_SCHEME: t.Final = re.compile(
    r"\b(?P<head>(?:Basic|Bearer|Digest|Negotiate|Token)\s+)[A-Za-z0-9+/=._~-]{6,}", re.IGNORECASE
)
_COOKIE: t.Final = re.compile(r"^(?P<name>[^=;]*)=[^;]*")


def is_secret(name: str) -> bool:
    """Return True if the value of a header or parameter of this name is a secret."""
    name = name.lower()
    return name not in _PUBLIC and _SECRET_NAME.search(name) is not None


def header(name: str, value: str) -> str:
    """Return a header's value, short and without secrets; of a cookie that is set, name and attributes stay."""
    return _short(whole_header(name, value))


def whole_header(name: str, value: str) -> str:
    """Return a header's value without secrets, however long it is."""
    if name.lower() == "set-cookie":
        return whole(_COOKIE.sub(lambda match: f"{match['name']}={HIDDEN}", value))
    return HIDDEN if is_secret(name) and value else whole(value)


def text(value: str) -> str:
    """Return a text of a request, an answer or a log line, short, printable and without secrets."""
    return _short(whole(value))


def whole(value: str) -> str:
    """Return such a text however long it is."""
    clean = _QUERY.sub(lambda match: match["head"] + HIDDEN, value)
    clean = _USERINFO.sub(lambda match: f"{match['head']}{HIDDEN}@", clean)
    clean = _SCHEME.sub(lambda match: match["head"] + HIDDEN, clean)
    return "".join(char if char.isprintable() else "?" for char in clean)


def without_filler(text: str) -> str:
    """Write a long run of one character in short: `xxxx... (8192 bytes)`."""
    return _RUN.sub(lambda run: f"{run[0][:_KEPT]}... ({len(run[0])} bytes)", text)


def _short(clean: str) -> str:
    clean = without_filler(clean)
    return clean if len(clean) <= LONGEST else f"{clean[:LONGEST]}..."
