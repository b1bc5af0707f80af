# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Directives that nginx accepts once in a block, and the blocks that this was seen in.

Each was given twice to nginx 1.22.1, which refused it as a duplicate; `test_real_load_errors.py` does so again.
"""

from __future__ import annotations

import typing as t

_BY_BLOCKS: t.Final = {
    ("events",): """
        accept_mutex accept_mutex_delay multi_accept worker_aio_requests worker_connections
    """,
    ("http",): """
        http2_recv_buffer_size map_hash_bucket_size map_hash_max_size server_names_hash_bucket_size
        server_names_hash_max_size variables_hash_bucket_size variables_hash_max_size
    """,
    ("http", "server"): """
        client_header_buffer_size client_header_timeout connection_pool_size http2_body_preread_size
        http2_max_concurrent_streams ignore_invalid_headers
        large_client_header_buffers merge_slashes request_pool_size ssl ssl_buffer_size ssl_ciphers
        ssl_client_certificate ssl_crl ssl_dhparam ssl_early_data ssl_ecdh_curve ssl_password_file
        ssl_prefer_server_ciphers ssl_session_tickets ssl_session_timeout ssl_stapling ssl_stapling_file
        ssl_stapling_responder ssl_stapling_verify ssl_trusted_certificate ssl_verify_client ssl_verify_depth
        underscores_in_headers
    """,
    ("http", "server", "location"): """
        absolute_redirect add_after_body add_before_body aio aio_write auth_basic auth_basic_user_file
        auth_request autoindex autoindex_exact_size autoindex_localtime charset chunked_transfer_encoding
        client_body_buffer_size client_body_in_file_only client_body_in_single_buffer client_body_temp_path
        client_body_timeout client_max_body_size create_full_put_path default_type directio directio_alignment
        disable_symlinks etag expires fastcgi_bind fastcgi_buffer_size fastcgi_buffering fastcgi_cache
        fastcgi_cache_background_update fastcgi_cache_key fastcgi_cache_lock fastcgi_cache_lock_age
        fastcgi_cache_lock_timeout fastcgi_cache_max_range_offset fastcgi_cache_min_uses
        fastcgi_cache_revalidate fastcgi_connect_timeout fastcgi_force_ranges fastcgi_ignore_client_abort
        fastcgi_index fastcgi_intercept_errors fastcgi_keep_conn fastcgi_limit_rate
        fastcgi_next_upstream_timeout fastcgi_next_upstream_tries fastcgi_pass_request_body
        fastcgi_pass_request_headers fastcgi_read_timeout fastcgi_request_buffering fastcgi_send_lowat
        fastcgi_send_timeout fastcgi_socket_keepalive fastcgi_store fastcgi_temp_path grpc_bind grpc_buffer_size
        grpc_connect_timeout grpc_intercept_errors grpc_next_upstream_timeout grpc_next_upstream_tries
        grpc_read_timeout grpc_send_timeout grpc_socket_keepalive grpc_ssl_certificate grpc_ssl_certificate_key
        grpc_ssl_ciphers grpc_ssl_crl grpc_ssl_name grpc_ssl_password_file grpc_ssl_server_name
        grpc_ssl_session_reuse grpc_ssl_trusted_certificate grpc_ssl_verify grpc_ssl_verify_depth gunzip
        gunzip_buffers gzip gzip_buffers gzip_comp_level gzip_min_length gzip_static gzip_vary http2_chunk_size
        if_modified_since limit_conn_dry_run limit_rate limit_rate_after limit_req_dry_run
        lingering_close lingering_time lingering_timeout log_not_found log_subrequest max_ranges memcached_bind
        memcached_buffer_size memcached_connect_timeout memcached_gzip_flag memcached_next_upstream_timeout
        memcached_next_upstream_tries memcached_read_timeout memcached_send_timeout memcached_socket_keepalive
        min_delete_depth mirror_request_body mp4_buffer_size mp4_max_buffer_size msie_padding msie_refresh
        open_file_cache open_file_cache_errors open_file_cache_min_uses open_file_cache_valid
        open_log_file_cache output_buffers override_charset port_in_redirect postpone_output proxy_bind
        proxy_buffer_size proxy_buffering proxy_cache proxy_cache_background_update proxy_cache_convert_head
        proxy_cache_key proxy_cache_lock proxy_cache_lock_age proxy_cache_lock_timeout
        proxy_cache_max_range_offset proxy_cache_min_uses proxy_cache_revalidate proxy_connect_timeout
        proxy_force_ranges proxy_headers_hash_bucket_size proxy_headers_hash_max_size proxy_ignore_client_abort
        proxy_intercept_errors proxy_limit_rate proxy_method proxy_next_upstream_timeout
        proxy_next_upstream_tries proxy_pass_request_body proxy_pass_request_headers proxy_read_timeout
        proxy_request_buffering proxy_send_lowat proxy_send_timeout proxy_set_body proxy_socket_keepalive
        proxy_ssl_certificate proxy_ssl_certificate_key proxy_ssl_ciphers proxy_ssl_crl proxy_ssl_name
        proxy_ssl_password_file proxy_ssl_server_name proxy_ssl_session_reuse proxy_ssl_trusted_certificate
        proxy_ssl_verify proxy_ssl_verify_depth proxy_store proxy_temp_path read_ahead real_ip_header
        real_ip_recursive recursive_error_pages reset_timedout_connection resolver resolver_timeout rewrite_log
        root scgi_bind scgi_buffer_size scgi_buffering scgi_cache scgi_cache_background_update scgi_cache_key
        scgi_cache_lock scgi_cache_lock_age scgi_cache_lock_timeout scgi_cache_max_range_offset
        scgi_cache_min_uses scgi_cache_revalidate scgi_connect_timeout scgi_force_ranges
        scgi_ignore_client_abort scgi_intercept_errors scgi_limit_rate scgi_next_upstream_timeout
        scgi_next_upstream_tries scgi_pass_request_body scgi_pass_request_headers scgi_read_timeout
        scgi_request_buffering scgi_send_timeout scgi_socket_keepalive scgi_store scgi_temp_path secure_link
        secure_link_md5 secure_link_secret send_lowat send_timeout sendfile sendfile_max_chunk
        server_name_in_redirect server_tokens slice source_charset ssi ssi_last_modified ssi_min_file_chunk
        ssi_silent_errors ssi_value_length sub_filter_last_modified sub_filter_once
        subrequest_output_buffer_size tcp_nodelay tcp_nopush types_hash_bucket_size types_hash_max_size
        uninitialized_variable_warn userid userid_domain userid_expires userid_mark userid_name userid_p3p
        userid_path userid_service uwsgi_bind uwsgi_buffer_size uwsgi_buffering uwsgi_cache
        uwsgi_cache_background_update uwsgi_cache_key uwsgi_cache_lock uwsgi_cache_lock_age
        uwsgi_cache_lock_timeout uwsgi_cache_max_range_offset uwsgi_cache_min_uses uwsgi_cache_revalidate
        uwsgi_connect_timeout uwsgi_force_ranges uwsgi_ignore_client_abort uwsgi_intercept_errors
        uwsgi_limit_rate uwsgi_modifier1 uwsgi_modifier2 uwsgi_next_upstream_timeout uwsgi_next_upstream_tries
        uwsgi_pass_request_body uwsgi_pass_request_headers uwsgi_read_timeout uwsgi_request_buffering
        uwsgi_send_timeout uwsgi_socket_keepalive uwsgi_ssl_certificate uwsgi_ssl_certificate_key
        uwsgi_ssl_ciphers uwsgi_ssl_crl uwsgi_ssl_name uwsgi_ssl_password_file uwsgi_ssl_server_name
        uwsgi_ssl_session_reuse uwsgi_ssl_trusted_certificate uwsgi_ssl_verify uwsgi_ssl_verify_depth
        uwsgi_store uwsgi_temp_path
    """,
    ("http", "server", "location", "upstream"): """
        keepalive_requests keepalive_timeout
    """,
    ("location",): """
        alias fastcgi_pass grpc_pass internal proxy_pass random_index scgi_pass uwsgi_pass
    """,
    ("main",): """
        daemon lock_file master_process pcre_jit pid timer_resolution worker_cpu_affinity worker_priority
        worker_processes worker_rlimit_core worker_rlimit_nofile worker_shutdown_timeout working_directory
    """,
    ("server", "location"): """
        referer_hash_bucket_size referer_hash_max_size try_files
    """,
    ("upstream",): """
        keepalive
    """,
}
ONCE: t.Final[dict[str, frozenset[str]]] = {
    name: frozenset(blocks) for blocks, names in _BY_BLOCKS.items() for name in names.split()
}
