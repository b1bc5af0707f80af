# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Risks of changes: one class per directive, the worst one for a block."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config._crossplane import grammar
from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import flatten

from .change import RANK, Risk

if t.TYPE_CHECKING:
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive

#: Classes by name: the first pattern that matches a whole name decides.
_PATTERNS: t.Final[tuple[tuple[Risk, str], ...]] = (
    (
        "access-control",
        (
            r"allow|deny|satisfy|internal|limit_except|valid_referers|autoindex|disable_symlinks|user|dav_\w+"
            r"|auth_(?!http)\w+|secure_link\w*|session_validate|ssl_verify_client|ssl_client_certificate|ssl_crl|ssl_verify_depth"
            r"|ssl_ocsp\w*|set_real_ip_from|real_ip_\w+|geoip_proxy\w*|geoip2_proxy\w*"
            r"|access_by_lua\w*|js_access|modsecurity\w*|naxsi\w*|\w+Rule|SecRulesEnabled|SecRulesDisabled"
        ),
    ),
    ("tls", r"ssl|ssl_\w+|(?:proxy|grpc|uwsgi|zone_sync)_ssl\w*|http2|http3|quic_\w+|starttls"),
    (
        "cache",
        (
            r"(?:proxy|fastcgi|uwsgi|scgi)_(?:cache\w*|no_cache|store\w*)|open_file_cache\w*|slice|etag|if_modified_since"
            r"|max_ranges|srcache_\w+|memc_\w+"
        ),
    ),
    ("logging", r"access_log|error_log|log_\w+|\w+_log|open_log_file_cache|session_log_\w+|\w+_log_level|debug_\w+"),
    (
        "routing",
        (
            r"http|stream|mail|listen|server|server_name|location|if|rewrite|return|set|set_\w+|break|try_files|root|alias|index"
            r"|random_index|error_page|recursive_error_pages|map|geo|geoip_\w+|geoip2|split_clients|absolute_redirect"
            r"|port_in_redirect|server_name_in_redirect|\w+_intercept_errors|merge_slashes|underscores_in_headers"
            r"|ignore_invalid_headers|post_action|mirror|mirror_request_body|proxy_redirect|keyval|stub_status|api|status"
            r"|empty_gif|flv|mp4|hls|f4f|image_filter\w*|browser|\w+_browser|modern_browser_value|userid_mark|max_headers"
            r"|preread_\w+|ssl_preread|protocol|auth_http\w*|include|internal_redirect|return_json|echo\w*"
        ),
    ),
    (
        "upstream",
        (
            r"upstream|\w+_pass|(?:fastcgi|uwsgi|scgi)_(?:param|index|split_path_info|modifier[12])|keepalive|zone|hash|ip_hash"
            r"|least_conn|least_time|random|sticky\w*|queue|ntlm|state|resolver|resolver_timeout|match|health_check\w*|check\w*"
            r"|\w+_next_upstream\w*|\w+_method|\w+_set_body|\w+_pass_request_(?:body|headers)|\w+_http_version|\w+_bind"
            r"|proxy_protocol|fastcgi_keep_conn|pass|sticky_cookie_insert|proxy_requests|proxy_responses|zone_sync_server"
        ),
    ),
    (
        "code",
        (
            r"\w+_by_lua\w*|lua_\w+|js_\w+|perl\w*|load_module|ssi|ssi_\w+|xslt_\w+|xml_entities|sub_filter\w*"
            r"|add_(?:before|after)_body|addition_types|env|passenger_\w+"
        ),
    ),
    (
        "headers",
        (
            r"add_header\w*|add_trailer\w*|more_\w+_headers|\w+_(?:hide|pass|set|ignore)_headers?|proxy_cookie_\w+|expires"
            r"|charset\w*|source_charset|override_charset|default_type|types|server_tokens|userid\w*|chunked_transfer_encoding"
            r"|gzip_vary|msie_\w+|early_hints"
        ),
    ),
)
_COMPILED: t.Final = tuple((risk, re.compile(pattern).fullmatch) for risk, pattern in _PATTERNS)
#: What an entry of a data block is about; of every other block's children the name tells.
_ENTRIES: t.Final[dict[str, Risk]] = {
    "map": "routing",
    "geo": "routing",
    "geoip2": "routing",
    "split_clients": "routing",
    "types": "headers",
    "charset_map": "headers",
    "match": "upstream",
}
_known: dict[str, Risk] = {}


def of_name(name: str) -> Risk:
    """Return the class of a directive; `code` for those of unknown modules, which may do anything."""
    risk = _known.get(name)
    if risk is None:
        risk = next((risk for risk, matches in _COMPILED if matches(name)), None)
        risk = risk or ("tuning" if grammar().knows(name) else "code")
        _known[name] = risk
    return risk


def of_directive(directive: Directive) -> Risk:
    """Return the class of one directive where it stands, what is in it left aside."""
    parent = directive.parent
    if parent is not None:
        entry = _ENTRIES.get(parent.name)
        if entry is not None:
            return entry
        if parent.name == "upstream" and directive.name == "server":
            return "upstream"
    return of_name(directive.name)


def of_subtree(directive: Directive) -> Risk:
    """Return the worst class of a directive and all that is in it."""
    worst = of_directive(directive)
    todo = [directive]
    while todo:
        for child in flatten(todo.pop().block or ()):
            risk = of_directive(child)
            if RANK[risk] < RANK[worst]:
                worst = risk
            if child.block:
                todo.append(child)
    return worst


def worst(*risks: Risk) -> Risk:
    """Return the worst of several classes."""
    return min(risks, key=RANK.__getitem__)
