# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The table from each directive to how its value is seen: in any answer, in that of a request made for it, or in none.

It has every directive of nginx's own modules, module by module as https://nginx.org/en/docs/ lists them. Names of third-party
modules are not in it: what they do is unknown here.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config._crossplane import DATA_BLOCKS

from .sights import Answer, ByRequest, Invisible, Need, Sight, Unexercised

if t.TYPE_CHECKING:
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive

__all__ = [
    "ENTRIES",
    "TABLE",
    "Answer",
    "ByRequest",
    "Invisible",
    "Need",
    "Sight",
    "Unexercised",
    "sight_of",
    "sight_of_change",
]

_ANSWER: t.Final = Answer()
_PASSED: t.Final = Answer("passed")
_SUCCESS: t.Final = Answer("success")
_UPSTREAM: t.Final = Answer("upstream")
_PEER: t.Final = Answer("peer")
_FILE: t.Final = Answer("file")

_BALANCING: t.Final = Invisible("balancing", "it decides which peer of an upstream is asked, and when")
_BUFFERS: t.Final = Invisible("buffers", "it decides how data is held on its way, not which data arrives")
_CACHING: t.Final = Invisible(
    "caching", "it decides about answers that were kept, and a probe is sent to an empty cache"
)
_COMPRESSION: t.Final = Invisible("compression", "it decides how well or how fast data is compressed")
_CONNECTIONS: t.Final = Invisible(
    "connections", "it decides how connections are kept or used, not what is answered on them"
)
_HASHES: t.Final = Invisible("hash tables", "it decides how much memory nginx's tables take")
_LIMITS: t.Final = Invisible("limits", "it decides about many requests or much data at a time")
_LOGGING: t.Final = Invisible("logging", "it decides what is logged")
_PROCESSES: t.Final = Invisible("processes", "it decides how nginx's processes run, not what one of them answers")
_TIMEOUTS: t.Final = Invisible("timeouts", "it decides how long nginx waits, and stubs answer at once")

_COMMERCIAL: t.Final = Unexercised("a directive of nginx Plus")
_FOREIGN: t.Final = Unexercised("a directive of another module")
_HTTP3: t.Final = Unexercised("only HTTP/1 and HTTP/2 are probed")
_MAIL: t.Final = Unexercised("mail is not probed")
_STREAM: t.Final = ByRequest("stream")
_FILMS: t.Final = Unexercised("no film is at hand for it")
_PICTURES: t.Final = Unexercised("no picture is at hand for it")
_PASSWORDS: t.Final = Unexercised("no probe knows a password", "credentials")
_STUB_TLS: t.Final = Unexercised("a stub's certificate stands for the upstream's")
_STUB_BODIES: t.Final = Unexercised("bodies of upstreams are the stub's")
_CODE: t.Final = Unexercised("its code runs against stub services, so its answers may differ")
_WRITES: t.Final = Unexercised("no probe writes or deletes files")
_DATABASE: t.Final = Unexercised("probes come from addresses that no database knows")
_HOST: t.Final = Unexercised("it depends on what the host has, and a private world has its own")


def _names(sight: Sight, *names: str) -> dict[str, Sight]:
    """Return one sight for many names, given as words."""
    return dict.fromkeys((name for words in names for name in words.split()), sight)


def _made(*names: str, by: str) -> dict[str, Sight]:
    return _names(ByRequest(by), *names)


def _of(prefixes: str, sight: Sight, endings: str) -> dict[str, Sight]:
    """Return one sight for the directives of modules that have them in common: `proxy_x`, `fastcgi_x`."""
    return {f"{prefix}_{ending}": sight for prefix in prefixes.split() for ending in endings.split()}


#: src/core/nginx.c, src/core/ngx_log.c, src/core/ngx_thread_pool.c, src/event/ngx_event.c, ngx_google_perftools_module.c
_CORE: t.Final[dict[str, Sight]] = {
    **_names(
        _PROCESSES,
        "accept_mutex accept_mutex_delay daemon debug_points events google_perftools_profiles lock_file master_process",
        "multi_accept pcre_jit pid thread_pool timer_resolution use worker_aio_requests worker_cpu_affinity",
        "worker_priority worker_processes worker_rlimit_core worker_shutdown_timeout working_directory",
    ),
    **_names(_LIMITS, "worker_connections worker_rlimit_nofile"),
    **_names(_LOGGING, "debug_connection error_log"),
    **_names(_HOST, "env ssl_engine user"),
    "ssl_object_cache_inheritable": _PROCESSES,
    "load_module": Unexercised("what a module does is seen where its directives are used"),
    "include": Unexercised("the file that it names was not read"),
}

#: src/http/ngx_http_core_module.c and src/http/ngx_http.c
_HTTP: t.Final[dict[str, Sight]] = {
    "http": _ANSWER,
    "server": Answer(maker="server"),
    **_made("location", by="location"),
    **_made("server_name", by="server_name"),
    **_made("listen", by="listen"),
    **_names(_FILE, "root alias"),
    **_names(_PASSED, "internal"),
    **_names(_ANSWER, "server_tokens"),
    **_names(Answer("redirect", "own_redirects"), "absolute_redirect port_in_redirect server_name_in_redirect"),
    **_made("try_files", by="try_files"),
    **_made("error_page", by="error_page"),
    **_made("recursive_error_pages", by="stub_errors"),
    **_made("types default_type", by="types"),
    **_made("limit_except", by="methods"),
    **_made("satisfy", by="credentials"),
    **_made("client_max_body_size", by="body_size"),
    **_made("client_header_buffer_size large_client_header_buffers max_headers", by="header_buffers"),
    **_made("underscores_in_headers", by="underscores"),
    **_made("ignore_invalid_headers", by="invalid_headers"),
    **_made("merge_slashes", by="merge_slashes"),
    "max_ranges": Unexercised("files that are made up have no content", "ranges"),
    "etag": ByRequest("conditional", "success"),
    "if_modified_since": ByRequest("conditional", "fresh"),
    **_made("msie_padding msie_refresh", by="user_agent"),
    **_made("early_hints", by="early_hints"),
    **_names(_HOST, "disable_symlinks resolver"),
    **_names(_LIMITS, "limit_rate limit_rate_after"),
    **_names(_LOGGING, "log_not_found log_subrequest"),
    **_names(_CACHING, "open_file_cache open_file_cache_errors open_file_cache_min_uses open_file_cache_valid"),
    **_names(
        _HASHES, "server_names_hash_bucket_size server_names_hash_max_size types_hash_bucket_size types_hash_max_size"
    ),
    **_names(_HASHES, "variables_hash_bucket_size variables_hash_max_size"),
    **_names(_TIMEOUTS, "client_body_timeout client_header_timeout send_timeout resolver_timeout"),
    **_names(
        _CONNECTIONS,
        "chunked_transfer_encoding keepalive_disable keepalive_min_timeout keepalive_requests keepalive_time",
        "keepalive_timeout lingering_close lingering_time lingering_timeout reset_timedout_connection tcp_nodelay tcp_nopush",
    ),
    **_names(
        _BUFFERS,
        "aio aio_write client_body_buffer_size client_body_in_file_only client_body_in_single_buffer",
        "client_body_temp_path connection_pool_size directio directio_alignment output_buffers postpone_output read_ahead",
        "request_pool_size send_lowat sendfile sendfile_max_chunk subrequest_output_buffer_size",
    ),
}

#: src/http/modules/ngx_http_rewrite_module.c
_REWRITE: t.Final[dict[str, Sight]] = {
    **_names(_ANSWER, "return"),
    **_made("rewrite", by="rewrite"),
    **_made("break", by="rewrite"),
    **_made("if", by="if"),
    **_made("set", by="set"),
    **_names(_LOGGING, "rewrite_log uninitialized_variable_warn"),
}

#: ngx_http_access_module.c, ngx_http_auth_basic_module.c, ngx_http_auth_request_module.c, ngx_http_realip_module.c,
#: ngx_http_referer_module.c, ngx_http_secure_link_module.c
_ACCESS: t.Final[dict[str, Sight]] = {
    **_made("allow deny", by="access"),
    **_names(_PASSED, "auth_request"),
    "auth_basic": Answer("passed", "credentials"),
    "auth_basic_user_file": _PASSWORDS,
    **_made("auth_request_set", by="auth_request"),
    **_made("set_real_ip_from real_ip_header real_ip_recursive", by="real_ip"),
    **_made("valid_referers", by="referers"),
    **_names(_HASHES, "referer_hash_bucket_size referer_hash_max_size"),
    **_made("secure_link secure_link_md5", by="secure_link"),
    "secure_link_secret": Unexercised("no probe carries such a signature", "secure_link"),
}

#: ngx_http_map_module.c, ngx_http_geo_module.c, ngx_http_geoip_module.c, ngx_http_split_clients_module.c,
#: ngx_http_browser_module.c
_VARIABLES: t.Final[dict[str, Sight]] = {
    **_made("map", by="map"),
    **_made("geo", by="geo"),
    **_made("split_clients", by="split_clients"),
    **_made("ancient_browser ancient_browser_value modern_browser modern_browser_value", by="user_agent"),
    **_names(_HASHES, "map_hash_bucket_size map_hash_max_size"),
    **_names(_DATABASE, "geoip_city geoip_country geoip_org geoip_proxy geoip_proxy_recursive"),
}

#: Content and filters: ngx_http_index_module.c, ngx_http_autoindex_module.c, ngx_http_headers_filter_module.c,
#: ngx_http_charset_filter_module.c, ngx_http_gzip_filter_module.c, ngx_http_userid_filter_module.c and the like
_CONTENT: t.Final[dict[str, Sight]] = {
    **_names(Answer("success", "response_headers"), "add_header expires"),
    **_names(_SUCCESS, "add_header_inherit"),
    **_names(Unexercised("trailers of a response are not read"), "add_trailer add_trailer_inherit"),
    **_made("index random_index", by="index"),
    **_names(ByRequest("autoindex", "listing"), "autoindex autoindex_exact_size autoindex_format autoindex_localtime"),
    **_made("charset charset_map charset_types override_charset source_charset", by="charset"),
    # A file has one type and one length: what the stub sends has each that is named.
    **_names(
        ByRequest("gzip", "upstream"),
        "gzip gzip_disable gzip_http_version gzip_min_length gzip_proxied gzip_types gzip_vary",
    ),
    **_made("gunzip", by="gunzip"),
    "gzip_static": Unexercised("only the host knows which files have a .gz beside them", "gzip_static"),
    **_names(_COMPRESSION, "gunzip_buffers gzip_buffers gzip_comp_level"),
    **_made("slice", by="ranges"),
    **_made("sub_filter sub_filter_last_modified sub_filter_once sub_filter_types", by="sub_filter"),
    **_made("mirror mirror_request_body", by="mirror"),
    **_names(_ANSWER, "empty_gif stub_status"),
    **_made("add_after_body add_before_body addition_types", by="charset"),
    **_names(_STUB_BODIES, "ssi ssi_last_modified ssi_min_file_chunk ssi_silent_errors ssi_types ssi_value_length"),
    **_names(_STUB_BODIES, "xml_entities xslt_last_modified xslt_param xslt_string_param xslt_stylesheet xslt_types"),
    **_names(_PICTURES, "image_filter image_filter_buffer image_filter_interlace image_filter_jpeg_quality"),
    **_names(_PICTURES, "image_filter_sharpen image_filter_transparency image_filter_webp_quality"),
    **_names(_FILMS, "flv mp4 mp4_buffer_size mp4_max_buffer_size mp4_start_key_frame"),
    **_made("dav_methods", by="methods"),
    **_names(_WRITES, "create_full_put_path dav_access min_delete_depth"),
    **_names(
        Unexercised("its cookie holds a random value, which is not compared"), "userid userid_domain userid_expires"
    ),
    **_names(
        Unexercised("its cookie holds a random value, which is not compared"), "userid_mark userid_name userid_p3p"
    ),
    **_names(Unexercised("its cookie holds a random value, which is not compared"), "userid_path userid_service"),
    **_names(_CODE, "perl perl_modules perl_require perl_set"),
}

#: ngx_http_log_module.c, ngx_http_limit_conn_module.c, ngx_http_limit_req_module.c
_COUNTED: t.Final[dict[str, Sight]] = {
    **_names(_LOGGING, "access_log log_format open_log_file_cache limit_conn_log_level limit_req_log_level"),
    **_names(_LIMITS, "limit_conn limit_conn_dry_run limit_conn_status limit_conn_zone limit_zone"),
    **_names(_LIMITS, "limit_req limit_req_dry_run limit_req_status limit_req_zone"),
}

#: ngx_http_ssl_module.c, ngx_http_v2_module.c, ngx_http_v3_module.c, src/event/quic
_TRANSPORT: t.Final[dict[str, Sight]] = {
    **_made("ssl ssl_certificate ssl_certificate_key ssl_protocols ssl_verify_client", by="tls"),
    **_made("ssl_reject_handshake ssl_alpn http2", by="tls"),
    **_names(
        Unexercised("handshakes are compared without ciphers and curves", "tls"),
        "ssl_ciphers ssl_prefer_server_ciphers ssl_conf_command ssl_dhparam ssl_ecdh_curve",
    ),
    **_names(
        Unexercised("no client of the private world has a certificate", "tls"),
        "ssl_client_certificate ssl_verify_depth ssl_trusted_certificate ssl_crl",
    ),
    **_names(
        Unexercised("handshakes are compared without it"), "ssl_ocsp ssl_ocsp_responder ssl_stapling ssl_stapling_file"
    ),
    **_names(Unexercised("handshakes are compared without it"), "ssl_stapling_responder ssl_stapling_verify"),
    **_names(
        Unexercised("handshakes are compared without it"), "ssl_certificate_compression ssl_early_data ssl_ech_file"
    ),
    "ssl_password_file": Invisible("secrets", "it opens the key, or nginx does not start"),
    **_names(_CACHING, "ssl_certificate_cache ssl_ocsp_cache"),
    **_names(_CONNECTIONS, "ssl_session_cache ssl_session_ticket_key ssl_session_tickets ssl_session_timeout"),
    **_names(
        _BUFFERS, "ssl_buffer_size http2_body_preread_size http2_chunk_size http2_recv_buffer_size spdy_chunk_size"
    ),
    **_names(_LIMITS, "http2_max_concurrent_pushes http2_max_concurrent_streams http2_max_requests"),
    **_made("http2_max_field_size http2_max_header_size", by="header_buffers"),
    **_names(Unexercised("pushed responses are not read"), "http2_push http2_push_preload"),
    **_names(_TIMEOUTS, "http2_idle_timeout http2_recv_timeout"),
    **_names(_COMPRESSION, "spdy_headers_comp"),
    **_names(_HTTP3, "http3 http3_hq http3_max_concurrent_streams http3_stream_buffer_size"),
    **_names(_HTTP3, "quic_active_connection_id_limit quic_bpf quic_gso quic_host_key quic_retry"),
}

_CACHES: t.Final = "proxy fastcgi uwsgi scgi"
_PASSES: t.Final = f"{_CACHES} grpc memcached"

#: src/http/ngx_http_upstream.c and what passes requests on: ngx_http_proxy_module.c, ngx_http_fastcgi_module.c,
#: ngx_http_uwsgi_module.c, ngx_http_scgi_module.c, ngx_http_grpc_module.c, ngx_http_memcached_module.c
_PASSING: t.Final[dict[str, Sight]] = {
    **_of(_PASSES, _UPSTREAM, "pass"),
    "proxy_pass": Answer("upstream", "encoded"),
    **_of("fastcgi uwsgi scgi", Answer("upstream", "inputs"), "param"),
    **_of("proxy grpc", Answer("upstream", "inputs"), "set_header"),
    "proxy_method": Answer("upstream", "inputs"),
    **_made("proxy_set_body", by="request_body"),
    **_of(_CACHES, Answer("upstream", "inputs"), "pass_request_headers"),
    **_of(_CACHES, ByRequest("request_body"), "pass_request_body"),
    **_of(f"{_CACHES} grpc", ByRequest("stub_head"), "buffer_size"),
    "memcached_buffer_size": _BUFFERS,
    **_of(f"{_CACHES} grpc", ByRequest("stub_headers"), "hide_header pass_header"),
    **_of(f"{_CACHES} grpc", ByRequest("ignored_headers"), "ignore_headers"),
    **_of(f"{_CACHES} grpc", ByRequest("stub_errors"), "intercept_errors"),
    **_of(_CACHES, ByRequest("ranges"), "force_ranges"),
    **_of(_CACHES, ByRequest("cache_key"), "cache_key"),
    **_of(_CACHES, ByRequest("cache_bypass"), "cache_bypass no_cache"),
    **_of(_CACHES, ByRequest("cache"), "cache cache_methods cache_min_uses"),
    **_of(_CACHES, ByRequest("cache_valid"), "cache_valid"),
    **_made("proxy_cookie_domain proxy_cookie_flags proxy_cookie_path", by="stub_cookies"),
    **_made("proxy_redirect", by="stub_redirects"),
    **_names(ByRequest("fastcgi_script", "upstream"), "fastcgi_index fastcgi_split_path_info"),
    "proxy_pass_trailers": Unexercised("trailers of a response are not read"),
    "memcached_gzip_flag": _STUB_BODIES,
    "memcached_force_ranges": ByRequest("ranges"),
    "proxy_http_version": Answer("upstream", "upgrades"),
    **_names(Unexercised("stubs do not tell it"), "uwsgi_modifier1 uwsgi_modifier2"),
    **_of(_PASSES, Unexercised("stubs do not tell where a connection comes from"), "bind"),
    **_names(Unexercised("no stub writes to its error stream"), "fastcgi_catch_stderr"),
    **_of(
        _CACHES,
        _CACHING,
        "cache_background_update cache_lock cache_lock_age cache_lock_timeout cache_max_range_offset"
        " cache_path cache_revalidate cache_use_stale",
    ),
    "proxy_cache_convert_head": ByRequest("cache"),
    **_of(_CACHES, _WRITES, "store store_access"),
    **_of(_CACHES, _BUFFERS, "buffering buffers busy_buffers_size max_temp_file_size request_buffering"),
    **_of(_CACHES, _BUFFERS, "temp_file_write_size temp_path"),
    **_of(_CACHES, _CONNECTIONS, "ignore_client_abort"),
    **_of(_PASSES, _CONNECTIONS, "socket_keepalive"),
    **_names(_CONNECTIONS, "fastcgi_keep_conn fastcgi_send_lowat proxy_send_lowat"),
    **_of(_PASSES, _TIMEOUTS, "connect_timeout read_timeout send_timeout"),
    **_of(_PASSES, _BALANCING, "next_upstream next_upstream_timeout next_upstream_tries"),
    **_of(_CACHES, _LIMITS, "limit_rate"),
    **_names(_HASHES, "proxy_headers_hash_bucket_size proxy_headers_hash_max_size"),
    **_of(
        "proxy grpc uwsgi",
        _STUB_TLS,
        "ssl_certificate ssl_certificate_key ssl_ciphers ssl_conf_command ssl_crl ssl_name ssl_password_file"
        " ssl_protocols ssl_server_name ssl_trusted_certificate ssl_verify ssl_verify_depth",
    ),
    **_of("proxy grpc uwsgi", _CACHING, "ssl_certificate_cache"),
    **_of("proxy grpc uwsgi", _CONNECTIONS, "ssl_session_reuse"),
}

#: ngx_http_upstream_module and its balancers (src/http/modules/ngx_http_upstream_*_module.c)
_UPSTREAMS: t.Final[dict[str, Sight]] = {
    "upstream": _PEER,
    **_names(_BALANCING, "hash ip_hash least_conn random zone"),
    "keepalive": _CONNECTIONS,
}

#: src/stream
_STREAM_ONLY: t.Final[dict[str, Sight]] = {
    **_names(_STREAM, "stream pass proxy_protocol proxy_responses proxy_ssl ssl_preread"),
    **_names(_BUFFERS, "preread_buffer_size proxy_buffer"),
    **_names(_LIMITS, "proxy_download_rate proxy_requests proxy_upload_rate"),
    **_names(_TIMEOUTS, "preread_timeout proxy_protocol_timeout proxy_timeout ssl_handshake_timeout"),
}

#: src/mail
_MAIL_ONLY: t.Final[dict[str, Sight]] = _names(
    _MAIL,
    "auth_http auth_http_header auth_http_pass_client_cert auth_http_timeout imap_auth imap_capabilities",
    "imap_client_buffer mail max_errors pop3_auth pop3_capabilities protocol proxy_pass_error_message smtp_auth",
    "smtp_capabilities smtp_client_buffer smtp_greeting_delay starttls timeout xclient",
)

#: https://nginx.org/en/docs/njs/reference.html, and what only nginx Plus has
_ADDITIONS: t.Final[dict[str, Sight]] = {
    **_names(_CODE, "js_access js_content js_filter js_include js_path js_preread js_set"),
    **_names(
        _COMMERCIAL,
        "api auth_jwt auth_jwt_claim_set auth_jwt_header_set auth_jwt_key_file auth_jwt_key_request auth_jwt_leeway f4f",
        "f4f_buffer_size fastcgi_cache_purge health_check health_check_timeout hls hls_buffers hls_forward_args",
        "hls_fragment hls_mp4_buffer_size hls_mp4_max_buffer_size keyval keyval_zone least_time match mp4_limit_rate",
        "mp4_limit_rate_after ntlm proxy_cache_purge queue scgi_cache_purge session_log session_log_format",
        "session_log_zone state status status_format status_zone sticky sticky_cookie_insert upstream_conf",
        "uwsgi_cache_purge zone_sync zone_sync_buffers zone_sync_connect_retry_interval zone_sync_connect_timeout",
        "zone_sync_interval zone_sync_recv_buffer_size zone_sync_server zone_sync_ssl zone_sync_ssl_certificate",
        "zone_sync_ssl_certificate_key zone_sync_ssl_ciphers zone_sync_ssl_crl zone_sync_ssl_name",
        "zone_sync_ssl_password_file zone_sync_ssl_protocols zone_sync_ssl_server_name",
        "zone_sync_ssl_trusted_certificate zone_sync_ssl_verify zone_sync_ssl_verify_depth zone_sync_timeout",
    ),
}

#: Directive -> how its value is seen in `http` and at the main level.
TABLE: t.Final[dict[str, Sight]] = {
    **_CORE,
    **_HTTP,
    **_REWRITE,
    **_ACCESS,
    **_VARIABLES,
    **_CONTENT,
    **_COUNTED,
    **_TRANSPORT,
    **_PASSING,
    **_UPSTREAMS,
    **_STREAM_ONLY,
    **_MAIL_ONLY,
    **_ADDITIONS,
}
#: Block whose entries are data -> how a changed entry is seen.
ENTRIES: t.Final[dict[str, Sight]] = {
    "map": ByRequest("map"),
    "geo": ByRequest("geo"),
    "split_clients": ByRequest("split_clients"),
    "types": ByRequest("types"),
    "charset_map": ByRequest("charset"),
}


def sight_of(directive: Directive) -> Sight:
    """Return how a changed directive is seen where it stands."""
    parent = directive.parent
    if parent is not None and _outermost(directive) == "stream":
        sight = TABLE.get(directive.name, _FOREIGN)
        return sight if isinstance(sight, Invisible) else _STREAM
    if parent is not None and parent.name in DATA_BLOCKS:
        return ENTRIES.get(parent.name, _FOREIGN)
    sight = TABLE.get(directive.name, _FOREIGN)
    if parent is None:
        return sight
    outside = _outermost(directive)
    if outside != "http" and not isinstance(sight, Invisible):
        return _MAIL if outside == "mail" else sight
    if parent.name == "upstream" and directive.name == "server":
        return _PEER
    if directive.name == "add_header" and directive.args[-1:] == ["always"] and len(directive.args) > len("nv"):
        return Answer(maker="response_headers")
    return sight


def sight_of_change(before: Directive | None, after: Directive | None) -> Sight:
    """Return how a change is seen: of a peer that only gets another share of the requests, not at all."""
    if before is not None and after is not None and _same_peer(before, after):
        return _BALANCING
    if before is not None and after is not None and _other_time(before, after):
        return _CACHING
    return sight_of(t.cast("Directive", after or before))


def _same_peer(before: Directive, after: Directive) -> bool:
    """Return True for a peer with the same address that is, or is not, taken out of service as before."""
    if not (before.name == after.name == "server" and before.block is None and after.block is None):
        return False
    return before.args[:1] == after.args[:1] and ("down" in before.args) == ("down" in after.args)


def _other_time(before: Directive, after: Directive) -> bool:
    """Return True for a `*_cache_valid` that keeps the same statuses for another time."""
    return before.name.endswith("_cache_valid") and before.name == after.name and before.args[:-1] == after.args[:-1]


def _outermost(directive: Directive) -> str:
    while directive.parent is not None:
        directive = directive.parent
    return directive.name
