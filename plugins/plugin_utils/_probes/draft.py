# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Requests before they have a socket and an id."""

from __future__ import annotations

import re
import typing as t
from urllib.parse import quote

from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.chain import normalise
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.sampler import SAFE

if t.TYPE_CHECKING:
    from ansible_collections.failsafe.nginx.plugins.module_utils._wire.probes import StubAnswer
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive

Header = tuple[str, str]

#: Stands for the name of the server that the draft is for.
OWN_HOST: t.Final = "\0own"
NO_HOST: t.Final = "\0none"

_PATH: t.Final = "-._~/@:,;=!$&'()*+"
_TARGET: t.Final = re.compile(r"[\x21-\x7e]+")
_METHOD: t.Final = re.compile(r"[A-Z_-]{1,32}")
_HEADER_NAME: t.Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE: t.Final = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?|")
_HOST: t.Final = re.compile(r"[A-Za-z0-9._:\[\]~*=!$&'()+,;%-]+")


class Draft(t.NamedTuple):
    """One request that a block suggests. `protocol` is that of a probe."""

    target: str
    why: str
    block: Directive
    method: str = "GET"
    host: str = OWN_HOST
    headers: tuple[Header, ...] = ()
    client: str | None = None
    body: str = ""
    version: str = "1.1"
    answers: tuple[StubAnswer, ...] = ()
    protocol: str = "http"


def target_of(uri: str) -> str | None:
    """Return the request target whose path nginx reads as `uri`; None when no target has that path.

    ngx_http_parse_complex_uri() (src/http/ngx_http_parse.c) decodes, resolves dots and merges slashes.
    """
    if uri.startswith("/") and "/." not in uri and "//" not in uri and SAFE.issuperset(uri):
        return uri
    try:
        target = quote(uri.encode("utf-8"), safe=_PATH)
    except UnicodeEncodeError:
        return None
    # A decoded null byte, or a dot segment, never arrives as it is.
    return target if "\0" not in uri and normalise(target) == uri else None


def is_target(target: str) -> bool:
    """Tell whether a request line can carry a target in origin form."""
    return target.startswith("/") and _TARGET.fullmatch(target) is not None and "#" not in target


def is_method(method: str) -> bool:
    """Tell whether a request line can carry a method (ngx_http_parse_request_line() takes capitals, `_` and `-`)."""
    return _METHOD.fullmatch(method) is not None


def is_header(name: str, value: str) -> bool:
    """Tell whether a request can carry a header field, one line of printable ASCII."""
    return _HEADER_NAME.fullmatch(name) is not None and _HEADER_VALUE.fullmatch(value) is not None


def is_host(host: str) -> bool:
    """Tell whether a Host header can carry a host."""
    return _HOST.fullmatch(host) is not None
