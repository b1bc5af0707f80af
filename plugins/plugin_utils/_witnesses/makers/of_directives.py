# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The makers for the directives that only some requests, or answers of upstreams, show, by name."""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._witnesses.spots import at_spots

from . import caching, client_requests, compression, limits, upstream_answers

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes import WitnessRequest
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._witnesses.context import (
        ChangedDirective,
        WitnessContext,
    )

OF_DIRECTIVES: t.Final[dict[str, Callable[[WitnessContext, ChangedDirective], Iterator[WitnessRequest]]]] = {
    "body_size": at_spots(limits.body_size),
    "header_buffers": at_spots(limits.header_buffers),
    "underscores": at_spots(limits.underscores),
    "invalid_headers": at_spots(limits.invalid_headers),
    "merge_slashes": at_spots(limits.slashes),
    "stub_head": at_spots(limits.upstream_head),
    "stub_cookies": at_spots(upstream_answers.cookies),
    "stub_redirects": at_spots(upstream_answers.redirects),
    "stub_headers": at_spots(upstream_answers.headers),
    "ignored_headers": caching.ignored_headers,
    "stub_errors": at_spots(upstream_answers.errors),
    "sub_filter": at_spots(upstream_answers.bodies),
    "charset": at_spots(upstream_answers.types),
    "gzip": at_spots(compression.compressed),
    "gzip_static": at_spots(compression.precompressed),
    "gunzip": at_spots(compression.decompressed),
    "cache_key": caching.keys,
    "cache_bypass": caching.bypasses,
    "cache": caching.uses,
    "cache_valid": caching.uses,
    "upgrades": at_spots(client_requests.upgrades),
    "inputs": at_spots(client_requests.inputs),
    "encoded": at_spots(client_requests.encoded),
    "fastcgi_script": at_spots(client_requests.scripts),
    "request_body": at_spots(client_requests.sent_bodies),
    "response_headers": at_spots(client_requests.response_headers),
    "methods": at_spots(client_requests.methods),
    "referers": at_spots(client_requests.referers),
    "credentials": at_spots(client_requests.credentials),
    "ranges": at_spots(client_requests.ranges),
    "conditional": at_spots(client_requests.conditions),
    "error_page": at_spots(client_requests.error_pages),
    "own_redirects": at_spots(client_requests.own_redirects),
    "autoindex": at_spots(client_requests.folders),
    "secure_link": at_spots(client_requests.secure_links),
}
