# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Requests of clients that take compressed answers, or none, and upstreams that send them."""

from __future__ import annotations

import typing as t
from itertools import pairwise

from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.draft import is_header
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.sampler import sample_pattern
from ansible_collections.failsafe.nginx.plugins.plugin_utils._witnesses.makers.upstream_answers import EPOCH, types_of

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.draft import Draft
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._witnesses.spots import Spot

_TAKES: t.Final = ("Accept-Encoding", "gzip")
#: Longer than `gzip_min_length` usually is (its default is 20).
_LENGTH: t.Final = 2048
_DEFAULT_LENGTH: t.Final = 20
_LONGEST: t.Final = 1 << 20
_PROXIED: t.Final = (
    ("Expires", EPOCH),
    ("Cache-Control", "no-cache"),
    ("Cache-Control", "no-store"),
    ("Cache-Control", "private"),
)
_MOST: t.Final = 4


def compressed(spot: Spot) -> Iterator[Draft]:
    """Yield requests that take gzip: for what is there, for each type and length that a directive names, for proxies.

    ngx_http_gzip_header_filter() and ngx_http_gzip_ok() (ngx_http_core_module.c) read status, type, length, version, `Via`
    and the browser.
    """
    yield _taking(spot.draft, "a client that takes gzip")
    yield spot.draft
    html = (("Content-Type", "text/html"),)
    lengths = sorted({_DEFAULT_LENGTH, *(int(word) for word in spot.words("gzip_min_length") if word.isdigit())})
    between = [smaller + (larger - smaller) // 2 for smaller, larger in pairwise(lengths) if larger <= _LONGEST]
    for length in dict.fromkeys([*between[:_MOST], max(_LENGTH, *lengths[:-1] or [0])]):
        yield from _sent(spot, html, length, why=f"{length} bytes of HTML")
    for kind in types_of(spot, "gzip_types")[1:]:
        yield from _sent(spot, (("Content-Type", kind),), _LENGTH, why=kind)
    yield from _by_client(spot)


def _by_client(spot: Spot) -> Iterator[Draft]:
    html = (("Content-Type", "text/html"),)
    changed = {directive.name for directive in spot.changed()}
    if "gzip_http_version" in changed:
        yield from (draft._replace(version="1.0") for draft in _sent(spot, html, _LENGTH, why="HTTP/1.0"))
    if "gzip_proxied" in changed:
        for header in ((), *((each,) for each in _PROXIED)):
            for draft in _sent(spot, (*html, *header), _LENGTH, why="behind a proxy"):
                yield draft._replace(headers=(*draft.headers, ("Via", "1.1 proxy")))
    for word in spot.words("gzip_disable") if "gzip_disable" in changed else ():
        agents = ["Mozilla/4.0 (compatible; MSIE 6.0)"] if word == "msie6" else []
        agents += [sample.text for sample in sample_pattern(word, caseless=True, path=False)[:1]]
        for agent in agents:
            for draft in _sent(spot, html, _LENGTH, why=f"the browser {agent}"):
                if is_header("User-Agent", agent):
                    yield draft._replace(headers=(*draft.headers, ("User-Agent", agent)))


def _sent(spot: Spot, headers: tuple[tuple[str, str], ...], length: int, *, why: str) -> Iterator[Draft]:
    draft = spot.answering(200, headers, body="x" * length, why=why)
    if draft is not None:
        yield _taking(draft, "a client that takes gzip")


def _taking(draft: Draft, why: str) -> Draft:
    return draft._replace(headers=(*draft.headers, _TAKES), why=f"{why}, {draft.why}")


def precompressed(spot: Spot) -> Iterator[Draft]:
    """Yield requests with and without `Accept-Encoding`, for a file and the `.gz` beside it (ngx_http_gzip_static_module)."""
    yield _taking(spot.draft, "a client that takes gzip")
    yield spot.draft


def decompressed(spot: Spot) -> Iterator[Draft]:
    """Yield a request of a client that takes no gzip, whose upstream sends it all the same (ngx_http_gunzip_module)."""
    answer = (("Content-Type", "text/html"), ("Content-Encoding", "gzip"))
    draft = spot.answering(200, answer, body="probe\n", why="the upstream sends gzip")
    if draft is not None:
        yield draft
        yield _taking(draft, "a client that takes gzip")
