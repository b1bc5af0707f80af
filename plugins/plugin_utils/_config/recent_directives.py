# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Directives of nginx's own modules that are younger than crossplane's table, by the version that brought them.

From "This directive appeared in version" of https://nginx.org/en/docs/dirindex.html and from nginx's CHANGES.
"""

from __future__ import annotations

import typing as t

NEWER: t.Final[dict[str, str]] = {
    **dict.fromkeys(("ssl_ocsp", "ssl_ocsp_cache", "ssl_ocsp_responder"), "1.19.0"),
    "proxy_cookie_flags": "1.19.3",
    **dict.fromkeys(("ssl_reject_handshake", "ssl_conf_command", "proxy_ssl_conf_command"), "1.19.4"),
    **dict.fromkeys(("grpc_ssl_conf_command", "uwsgi_ssl_conf_command"), "1.19.4"),
    "keepalive_time": "1.19.10",
    "max_errors": "1.21.0",
    **dict.fromkeys(("mp4_start_key_frame", "ssl_alpn"), "1.21.4"),
    **dict.fromkeys(("http3", "http3_hq", "http3_max_concurrent_streams", "http3_stream_buffer_size"), "1.25.0"),
    **dict.fromkeys(
        ("quic_active_connection_id_limit", "quic_bpf", "quic_gso", "quic_host_key", "quic_retry"), "1.25.0"
    ),
    "http2": "1.25.1",
    "pass": "1.25.5",
    "proxy_pass_trailers": "1.27.2",
    **dict.fromkeys(("ssl_certificate_cache", "proxy_ssl_certificate_cache", "grpc_ssl_certificate_cache"), "1.27.4"),
    **dict.fromkeys(("uwsgi_ssl_certificate_cache", "ssl_object_cache_inheritable", "keepalive_min_timeout"), "1.27.4"),
    "early_hints": "1.29.0",
    "ssl_certificate_compression": "1.29.1",
    **dict.fromkeys(("add_header_inherit", "add_trailer_inherit"), "1.29.3"),
    "ssl_ech_file": "1.29.4",
}
