# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""A key pair for servers whose own is not on this machine, and for stubs that speak TLS.

It is public: it is in every copy of this collection and protects nothing.
"""

from __future__ import annotations

import textwrap

_KEY = (
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgSkG70bj124OxP1gDEoMV/OIZASGt4XEfL0lD2EvWoFih"
    "RANCAAQ3z0cDgmrTi6gAl5Wtu8ZcC5vyUwgJFQKBOunA2Eyl5wcEHE7vl67VGgCJORg/Eu3f+QSR2qtl+V86FwqlvUcp"
)
#: CN=failsafe.invalid, P-256, signed by itself, until 2126.
_CERTIFICATE = (
    "MIIBqzCCAVCgAwIBAgIUNb6mviuk+PduBEJWwGNdhDl/nnIwCgYIKoZIzj0EAwIwGzEZMBcGA1UEAwwQZmFpbHNhZmUu"
    "aW52YWxpZDAgFw0yNjExMjIxOTE5MjBaGA8yMTI2MTAyOTE5MTkyMFowGzEZMBcGA1UEAwwQZmFpbHNhZmUuaW52YWxp"
    "ZDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABDfPRwOCatOLqACXla27xlwLm/JTCAkVAoE66cDYTKXnBwQcTu+XrtUa"
    "AIk5GD8S7d/5BJHaq2X5XzoXCqW9RymjcDBuMB0GA1UdDgQWBBSOWMF6ejJarT77QGULlmCZkv6GzTAfBgNVHSMEGDAW"
    "gBSOWMF6ejJarT77QGULlmCZkv6GzTAPBgNVHRMBAf8EBTADAQH/MBsGA1UdEQQUMBKCEGZhaWxzYWZlLmludmFsaWQw"
    "CgYIKoZIzj0EAwIDSQAwRgIhAM/FTZ5f/YwsVtUT6bY9yaqwnVGw78cqbmmfAtSJXSHXAiEArcixeb4niZ9tkYn5rvPd"
    "ahSavOf4uImvZ7mLrP36Ipk="
)
#: The group ffdhe2048 of RFC 7919.
_DH = (
    "MIIBCAKCAQEA//////////+t+FRYortKmq/cViAnPTzx2LnFg84tNpWp4TZBFGQz+8yTnc4kmz75fS/jY2MMddj2gbIC"
    "rsRhetPfHtXV/WVhJDP1H18GbtCFY2VVPe0a87VXE15/V8k1mE8McODmi3fipona8+/och3xWKE2rec1MKzKT0g6eXq8"
    "CrGCsyT7YdEIqUuyyOP7uWrat2DX9GgdT0Kj3jlN9K5W7edjcrsZCwenyO4KbXCeAvzhzffi7MA0BM0oNC9hkXL+nOmF"
    "g/+OTxIy7vKBg8P+OxtMb61zO7X8vC7CIAXFjvGDfRaDssbzSibBsu/6iGtCOGEoXJf//////////wIBAg=="
)


def _pem(label: str, data: str) -> bytes:
    lines = "\n".join(textwrap.wrap(data, 64))
    return f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n".encode()


CERTIFICATE = _pem("CERTIFICATE", _CERTIFICATE)
KEY = _pem("PRIVATE" + " KEY", _KEY)
DH = _pem("DH PARAMETERS", _DH)
