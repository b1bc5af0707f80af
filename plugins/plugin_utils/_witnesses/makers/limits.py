# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Requests for limits of size and form: bodies, header buffers, names of headers, slashes, headers of upstreams."""

from __future__ import annotations

import re
import typing as t
from itertools import pairwise

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.draft import Draft
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._witnesses.spots import Spot

#: Defaults of nginx (ngx_http_core_module.c, ngx_http_core_merge_srv_conf() and _merge_loc_conf()).
_BODY: t.Final = 1 << 20
_FIRST_BUFFER: t.Final = 1 << 10
_BUFFER: t.Final = 8 << 10
_BUFFERS: t.Final = 4
#: ngx_pagesize of the usual machines (ngx_http_upstream: `buffer_size`).
_PAGE: t.Final = 4 << 10
#: Between two sizes, one request each.
_MOST_GAPS: t.Final = 4
#: Bytes that the rest of a line, or the other lines of an answer's head, may take.
_ROOM: t.Final = 512
_UNLIMITED: t.Final = 1 << 62
_MOST_FIELDS: t.Final = 32
_READ: t.Final = re.compile(r"\$\{?http_([a-z0-9_]+)")
_NAMES: t.Final = 4


def body_size(spot: Spot) -> Iterator[Draft]:
    """Yield requests with bodies between two sizes of `client_max_body_size`, 0 being without a limit.

    nginx decides by Content-Length before it reads anything (ngx_http_core_find_config_phase()). So the body is announced and
    never sent: nginx answers 413, or 100 when it wants the body.
    """
    sizes = [size or _UNLIMITED for size in spot.sizes("client_max_body_size", _BODY)]
    for smaller, larger in _gaps(sorted(sizes)):
        yield spot.draft._replace(
            method="POST",
            headers=(*spot.draft.headers, ("Content-Length", str(smaller + 1)), ("Expect", "100-continue")),
            why=f"a body of {smaller + 1} bytes, more than {smaller} and less than {larger}, {spot.draft.why}",
        )


def header_buffers(spot: Spot) -> Iterator[Draft]:
    """Yield requests with a line, a header and a cookie between two sizes, and with headers for more buffers than the fewest.

    A line has to fit into one buffer (ngx_http_alloc_large_header_buffer()).
    """
    large = spot.sizes("large_client_header_buffers", _BUFFER, position=1)
    first = spot.sizes("client_header_buffer_size", _FIRST_BUFFER)
    if spot.change.name != "client_header_buffer_size":
        # A line that does not fit into the first buffer goes to a large one: the first counts where it is the larger.
        first = [size for size in first if size > large[0]]
    sizes = sorted({*large, *first})
    draft = spot.draft
    for smaller, larger in _gaps(sizes):
        filler = "x" * min(smaller, (smaller + larger) // 2 - _ROOM // 2)
        why = f"between {smaller} and {larger} bytes, {draft.why}"
        yield draft._replace(headers=(*draft.headers, ("X-Filler", filler)), why=f"a header {why}")
        yield draft._replace(headers=(*draft.headers, ("Cookie", f"filler={filler}")), why=f"a cookie {why}")
        mark = "&" if "?" in draft.target else "?"
        yield draft._replace(target=f"{draft.target}{mark}filler={filler}", why=f"a request line {why}")
    counts = sorted(
        {_BUFFERS, *(int(args[0]) for args in spot.values("large_client_header_buffers") if args[0].isdigit())}
    )
    for fewer, _more in _gaps(counts) if len(counts) > 1 else ():
        if fewer < _MOST_FIELDS:
            # Two of these do not fit into one buffer.
            filler = "x" * (large[0] * 6 // 10)
            fields = tuple((f"X-Filler-{number}", filler) for number in range(fewer + 1))
            yield draft._replace(headers=(*draft.headers, *fields), why=f"headers for {fewer + 1} buffers, {draft.why}")


def underscores(spot: Spot) -> Iterator[Draft]:
    """Yield requests with header names that have an underscore, those that the configuration reads among them."""
    names = dict.fromkeys(["X_Probe", *_read_names(spot)])
    fields = tuple((name, "1") for name in list(names)[: _NAMES + 1])
    yield spot.draft._replace(
        headers=(*spot.draft.headers, *fields), why=f"header names with an underscore, {spot.draft.why}"
    )


def _read_names(spot: Spot) -> Iterator[str]:
    """Yield names, with their underscores, of headers that the configuration reads as `$http_...`."""
    for side in spot.context.sides.values():
        for directive in side.config.walk():
            for arg in directive.args if "$http_" in " ".join(directive.args) else ():
                yield from (name for name in _READ.findall(arg) if "_" in name)


def invalid_headers(spot: Spot) -> Iterator[Draft]:
    """Yield a request with a header name of other characters than letters, digits and hyphens."""
    yield spot.draft._replace(
        headers=(*spot.draft.headers, ("X.Probe", "1")), why=f"a header name with a dot, {spot.draft.why}"
    )


def slashes(spot: Spot) -> Iterator[Draft]:
    """Yield requests with a doubled slash in front of the path, also an encoded one, and within it."""
    path, mark, rest = spot.draft.target.partition("?")
    inner = path.replace("/", "//")
    for target in dict.fromkeys([f"/{path}", f"/%2F{path[1:]}", inner]):
        yield spot.draft._replace(target=f"{target}{mark}{rest}", why=f"slashes, {spot.draft.why}")


def upstream_head(spot: Spot) -> Iterator[Draft]:
    """Yield requests whose upstream sends a head between two sizes of `proxy_buffer_size` or its like: larger ones are 502."""
    for name in {directive.name for directive in spot.changed()}:
        for smaller, larger in _gaps(spot.sizes(name, _PAGE)):
            filler = "x" * (smaller if larger - smaller > _ROOM else (smaller + larger) // 2 - _ROOM // 2)
            why = f"the upstream's head is between {smaller} and {larger} bytes"
            draft = spot.answering(200, (("X-Filler", filler),), why=why)
            if draft is not None:
                yield draft


def _gaps(values: list[int]) -> Iterator[tuple[int, int]]:
    """Yield the first pairs of neighbours among different values; of a single one, it and a larger one.

    A value that is written out and equals nginx's default is tried too: both configurations refuse what is larger.
    """
    different = sorted(set(values))
    yield from list(pairwise(different))[:_MOST_GAPS] or [(different[0], different[0] + 2 * _ROOM)]
