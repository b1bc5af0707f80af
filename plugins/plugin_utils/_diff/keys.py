# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Keys of directives and their arguments in one spelling: two that mean the same have the same key and arguments.

Each rule follows nginx: a header's name is compared without regard to case, `listen 80` and `listen *:80` bind one socket
(ngx_parse_url() in src/core/ngx_inet.c), `~x` and `~ x` are one location (ngx_http_core_location()).
"""

from __future__ import annotations

import re
import typing as t
from functools import lru_cache

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config._crossplane import grammar
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.blocks import parse_location
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.errors import RouteError
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.listen import parse_sockets

if t.TYPE_CHECKING:
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive

Key = tuple[str, ...]
Args = tuple[str, ...]


class Spelled(t.NamedTuple):
    """A directive in one spelling. Directives of one `group` in one block have an order that matters."""

    key: Key
    args: Args
    group: str = ""


#: Blocks whose entries are data.
DATA: t.Final = frozenset({"map", "geo", "geoip2", "split_clients", "types", "charset_map"})
_PROGRAM: t.Final = "rewrite"
#: Whose repetition means another thing by the first argument.
_BY_FIRST: t.Final = frozenset(
    {
        *("fastcgi_param", "uwsgi_param", "scgi_param", "upstream", "env", "log_format", "access_log"),
        *(
            "error_log",
            "auth_request_set",
            "js_set",
            "js_import",
            "js_var",
            "perl_set",
            "set_real_ip_from",
            "sub_filter",
        ),
        *("proxy_cache_path", "fastcgi_cache_path", "uwsgi_cache_path", "scgi_cache_path", "xslt_stylesheet", "keyval"),
        *("geoip2", "ssl_conf_command", "proxy_ssl_conf_command", "grpc_ssl_conf_command", "uwsgi_ssl_conf_command"),
        *("auth_jwt_claim_set", "auth_jwt_header_set", "match", "thread_pool", "xslt_param", "xslt_string_param"),
        *("limit_conn", "proxy_set_body", "lua_shared_dict", "charset_map"),
        *("auth_http_header", "status_zone"),
    }
)
_BY_HEADER: t.Final = frozenset(
    {
        *("add_header", "add_trailer", "proxy_set_header", "grpc_set_header", "proxy_hide_header", "proxy_pass_header"),
        *("fastcgi_hide_header", "fastcgi_pass_header", "uwsgi_hide_header", "uwsgi_pass_header", "scgi_hide_header"),
        *("scgi_pass_header", "grpc_hide_header", "grpc_pass_header"),
    }
)
_BY_ZONE: t.Final = frozenset({"limit_req_zone", "limit_conn_zone", "limit_req", "keyval_zone", "limit_zone"})
#: The first that matches is taken, so their order counts.
_FIRST_MATCH: t.Final = frozenset(
    {"proxy_redirect", "proxy_cookie_path", "proxy_cookie_domain", "proxy_cookie_flags", "sub_filter"}
)
_SEQUENCES: t.Final = ("more_", "echo_", "echo")
_BRACED: t.Final = re.compile(r"\$\{(\w+)\}(?!\w)")
#: ngx_http_upstream_server() (src/http/ngx_http_upstream.c): what holds without being written.
_PEER_DEFAULTS: t.Final = frozenset({"weight=1", "max_fails=1", "fail_timeout=10s", "fail_timeout=10", "max_conns=0"})
_MAP_WORDS: t.Final = frozenset({"default", "hostnames", "volatile", "include"})
_CODE: t.Final = re.compile(r"\d{3}")


def spell(directive: Directive, around: str) -> Spelled:
    """Return the key, the arguments and the ordered group of a directive in a block named `around` (`main` outside of all)."""
    if around in DATA:
        return _entry(directive, around)
    special = _SPECIAL.get(directive.name)
    if special is not None:
        return special(directive, around)
    name, args = directive.name, tuple(directive.args)
    if not args:
        return Spelled((name,), args)
    if directive.block is None:
        args = _unbraced(name, args)
    if name in _BY_HEADER:
        return Spelled((name, args[0].lower()), args)
    if name in _FIRST_MATCH:
        return Spelled((name, args[0]), args, name)
    if name in _BY_FIRST:
        return Spelled((name, args[0]), args)
    return _other(name, args)


def _other(name: str, args: Args) -> Spelled:
    if name.startswith("set_") and args[0].startswith("$"):
        return Spelled((name, args[0]), args, _PROGRAM)
    if name.startswith(_SEQUENCES):
        # Modules whose directives are carried out one after the other, whatever their names.
        return Spelled((name, args[0]), args, name.partition("_")[0])
    return Spelled((name,), args)


def _unbraced(name: str, args: Args) -> Args:
    if not any("${" in arg for arg in args):
        return args
    # It is unknown whether a module's directive has variables; code has its own.
    if name.startswith("perl") or not _is_nginxs_own(name):
        return args
    return tuple(_BRACED.sub(r"$\1", arg) for arg in args)


@lru_cache(maxsize=4096)
def _is_nginxs_own(name: str) -> bool:
    return grammar().knows(name)


def _entry(directive: Directive, around: str) -> Spelled:
    name, args = directive.name, tuple(directive.args)
    if around == "types":
        return Spelled(("", name), (name, *sorted(set(args))))
    if around == "split_clients":
        return Spelled(("", name), (name, *args), "split_clients")
    if around == "map":
        if name.startswith("~"):
            return Spelled(("", name), (name, *args), "map")
        # `Default` is a text, `default` what holds for all others.
        text = name if name.lower() in _MAP_WORDS else name.lower()
        return Spelled(("", text), (text, *args))
    if around == "geo" and name in ("delete", "proxy"):
        return Spelled((name, *args), args)
    return Spelled(("", name), (name, *args))


def _location(directive: Directive, _around: str) -> Spelled:
    modifier, name = parse_location(directive.args)
    args = (name,) if modifier == "@" else (modifier, name)
    return Spelled(("location", *args), args, "location" if modifier in ("~", "~*") else "")


def _program(directive: Directive, _around: str) -> Spelled:
    name, args = directive.name, tuple(directive.args)
    if name == "if":
        return Spelled(("if", *args), args, _PROGRAM)
    pattern, rest = (args[:1], args[1:]) if name == "rewrite" else ((), args)
    args = (*pattern, *_unbraced(name, rest))
    return Spelled((name, *args[:1]) if name in ("set", "rewrite") else (name,), args, _PROGRAM)


def _access(directive: Directive, _around: str) -> Spelled:
    args = tuple(directive.args)
    return Spelled(("allow", *args), (directive.name, *args), "access")


def _module(directive: Directive, _around: str) -> Spelled:
    # Filters run in the order in which their modules are loaded.
    return Spelled(("load_module", *directive.args), tuple(directive.args), "load_module")


def _zone(directive: Directive, _around: str) -> Spelled:
    args = tuple(directive.args)
    zone = next((arg[5:].partition(":")[0] for arg in args if arg.startswith("zone=")), "")
    # What is counted stands first where a zone is made, nothing where it is used.
    first = 0 if directive.name == "limit_req" else 1
    return Spelled((directive.name, zone), (*args[:first], *sorted(args[first:])))


def _map(directive: Directive, _around: str) -> Spelled:
    # The last argument names the variable; variables are lower case to nginx.
    args = tuple(directive.args)
    return Spelled((directive.name, *(arg.lower() for arg in args[-1:])), (*args[:-1], *(a.lower() for a in args[-1:])))


def _error_page(directive: Directive, _around: str) -> Spelled:
    codes = sorted({arg for arg in directive.args if _CODE.fullmatch(arg)})
    rest = [arg for arg in directive.args if not _CODE.fullmatch(arg)]
    return Spelled(("error_page", *codes), (*codes, *_unbraced("error_page", tuple(rest))))


def _cache_valid(directive: Directive, _around: str) -> Spelled:
    *codes, period = directive.args or ("",)
    return Spelled((directive.name, *sorted(codes)), (*sorted(codes), period))


#: Of which several in one block may be for one thing.
CONTESTED: t.Final = frozenset(
    {"error_page", "proxy_cache_valid", "fastcgi_cache_valid", "uwsgi_cache_valid", "scgi_cache_valid"}
)


def claims(name: str, args: Args) -> Args:
    """Return what one of `CONTESTED` claims; nginx takes the first of several.

    ngx_http_send_error_page() (src/http/ngx_http_core_module.c), ngx_http_file_cache_valid().
    """
    if name == "error_page":
        return tuple(arg for arg in args if _CODE.fullmatch(arg))
    return args[:-1] or ("200", "301", "302")


def _listen(directive: Directive, _around: str) -> Spelled:
    options = {"default_server" if arg == "default" else arg for arg in directive.args[1:]}
    address = spell_address(directive.args[0]) if directive.args else ""
    if "quic" in options:
        return Spelled(("listen", address, "quic"), (address, *sorted(options)))
    return Spelled(("listen", address), (address, *sorted(options)))


def _server(directive: Directive, _around: str) -> Spelled:
    if directive.block is not None:
        return Spelled(("server",), ())
    address = spell_address(directive.args[0]) if directive.args else ""
    options = {arg for arg in directive.args[1:] if arg not in _PEER_DEFAULTS}
    return Spelled(("server", address), (address, *sorted(options)))


@lru_cache(maxsize=65536)
def spell_address(text: str) -> str:
    """Return `80`, `*:80` and `0.0.0.0:80` as one text; port ranges stay ranges, names and what is no address as written."""
    if text.startswith("localhost"):
        # The host's resolver decides whether that is IPv4, IPv6 or both.
        return text
    try:
        first = next(parse_sockets(text))
    except (RouteError, StopIteration):
        return text
    ports = re.search(r"(?:^|:)\d+-(\d+)$", text)
    return f"{first}-{ports[1]}" if ports else str(first)


_SPECIAL: t.Final[dict[str, t.Callable[[Directive, str], Spelled]]] = {
    "location": _location,
    "load_module": _module,
    "allow": _access,
    "deny": _access,
    "map": _map,
    "geo": _map,
    "split_clients": _map,
    "error_page": _error_page,
    "listen": _listen,
    "server": _server,
    **dict.fromkeys(("set", "if", "rewrite", "return", "break"), _program),
    **dict.fromkeys(_BY_ZONE, _zone),
    **dict.fromkeys((f"{kind}_cache_valid" for kind in ("proxy", "fastcgi", "uwsgi", "scgi")), _cache_valid),
}
