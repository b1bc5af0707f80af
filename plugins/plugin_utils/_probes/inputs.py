# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Inputs: what a client controls of a request, by the variable that shows it, and drafts with other values of it."""

from __future__ import annotations

import base64
import ipaddress
import typing as t
from urllib.parse import quote

from .draft import OWN_HOST, Draft, is_header, is_host, is_method, is_target, target_of

#: Inputs and their values: `(kind, name, value)` each. The kinds are the keys of `_APPLY`.
Choice = tuple[tuple[str, str, str], ...]

_KINDS: t.Final = {
    "request_method": "method",
    "host": "host",
    "http_host": "host",
    "uri": "uri",
    "document_uri": "uri",
    "request_uri": "target",
    "args": "args",
    "query_string": "args",
    "remote_addr": "client",
    "binary_remote_addr": "client",
    "realip_remote_addr": "client",
    "proxy_protocol_addr": "client",
    "server_protocol": "version",
    "remote_user": "user",
}
#: Request headers with a variable of their own (src/http/ngx_http_variables.c).
_HEADERS: t.Final = {"content_type": "Content-Type"}
#: Variables of the listener, the server or the connection: probes differ in these anyway.
_GIVEN: t.Final = frozenset(
    {"scheme", "https", "server_port", "server_name", "server_addr", "ssl_server_name", "remote_port", "nginx_version"}
)
#: Headers in which the proxy in front tells the client's scheme.
_SCHEMES: t.Final = frozenset(
    {"x_forwarded_proto", "x_forwarded_scheme", "x_scheme", "cloudfront_forwarded_proto", "x_forwarded_protocol"}
)
_VALUE: t.Final = "x"


def direct(name: str, value: str) -> Choice | None:
    """Return the choice that gives a variable a value.

    Returns:
        Empty where every probe decides the variable anyway; None where no client decides it.
    """
    if name in _GIVEN:
        return ()
    if name == "is_args":
        return (("args", "", "x=1"),) if value else None
    kind = _KINDS.get(name)
    if kind is not None:
        return ((kind, "", value),)
    if name in _HEADERS:
        return (("header", _HEADERS[name], value),)
    for prefix, prefixed in (("http_", "header"), ("cookie_", "cookie"), ("arg_", "arg")):
        if name.startswith(prefix) and len(name) > len(prefix):
            bare = name[len(prefix) :]
            return ((prefixed, bare.replace("_", "-").title() if prefixed == "header" else bare, value),)
    return None


def default_values(name: str) -> tuple[str, ...]:
    """Return values worth sending for a variable for which the configuration names none."""
    if name.startswith("http_") and name[5:] in _SCHEMES:
        return ("http", "https")
    if name in ("args", "query_string", "is_args"):
        return ("x=1",)
    if name.startswith(("http_", "cookie_", "arg_")) and name != "http_host":
        return (_VALUE,)
    return ("probe",) if name == "remote_user" else ()


def join(one: Choice, other: Choice) -> Choice | None:
    """Return both choices at once; None where they contradict each other."""
    known = {(kind, name): value for kind, name, value in one}
    for kind, name, value in other:
        if known.setdefault((kind, name), value) != value:
            return None
    return tuple((kind, name, value) for (kind, name), value in known.items())


def apply(draft: Draft, choice: Choice) -> Draft | None:
    """Return a draft with other inputs; None where no request can carry them."""
    for kind, name, value in choice:
        changed = _APPLY[kind](draft, name, value)
        if changed is None:
            return None
        draft = changed
    return draft


def _header(draft: Draft, name: str, value: str) -> Draft | None:
    if not value or not is_header(name, value) or name in ("Content-Length", "Transfer-Encoding", "Host", "Expect"):
        return None
    return draft._replace(headers=(*draft.headers, (name, value)))


def _cookie(draft: Draft, name: str, value: str) -> Draft | None:
    own = next((text for key, text in draft.headers if key == "Cookie"), "")
    rest = tuple(header for header in draft.headers if header[0] != "Cookie")
    text = f"{own}; {name}={value}" if own else f"{name}={value}"
    return draft._replace(headers=(*rest, ("Cookie", text))) if is_header("Cookie", text) else None


def _arg(draft: Draft, name: str, value: str) -> Draft | None:
    return _with_args(draft, f"{name}={quote(value, safe='-._~/:,@!$')}")


def _with_args(draft: Draft, text: str) -> Draft | None:
    target = f"{draft.target}{'&' if '?' in draft.target else '?'}{text}"
    return draft._replace(target=target) if is_target(target) else None


def _args(draft: Draft, _name: str, value: str) -> Draft | None:
    target = draft.target.partition("?")[0] + (f"?{value}" if value else "")
    return draft._replace(target=target) if is_target(target) else None


def _method(draft: Draft, _name: str, value: str) -> Draft | None:
    return draft._replace(method=value) if is_method(value) and value != "CONNECT" else None


def _host(draft: Draft, _name: str, value: str) -> Draft | None:
    return draft._replace(host=value.lower()) if is_host(value) and draft.host == OWN_HOST else None


def _uri(draft: Draft, _name: str, value: str) -> Draft | None:
    target = target_of(value)
    return draft._replace(target=target) if target is not None else None


def _target(draft: Draft, _name: str, value: str) -> Draft | None:
    return draft._replace(target=value) if is_target(value) else None


def _client(draft: Draft, _name: str, value: str) -> Draft | None:
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return None
    return draft._replace(client=str(address))


def _version(draft: Draft, _name: str, value: str) -> Draft | None:
    version = {"HTTP/1.0": "1.0", "HTTP/1.1": "1.1", "HTTP/2.0": "2"}.get(value)
    return draft._replace(version=version) if version is not None else None


def _user(draft: Draft, _name: str, value: str) -> Draft | None:
    credentials = base64.b64encode(f"{value}:probe".encode()).decode()
    return _header(draft, "Authorization", f"Basic {credentials}")


_APPLY: t.Final[dict[str, t.Callable[[Draft, str, str], Draft | None]]] = {
    "header": _header,
    "cookie": _cookie,
    "arg": _arg,
    "args": _args,
    "method": _method,
    "host": _host,
    "uri": _uri,
    "target": _target,
    "client": _client,
    "version": _version,
    "user": _user,
}
