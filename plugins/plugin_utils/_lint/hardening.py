# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Advice of guidelines: what holds more load, tells less, and trusts less."""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.samples import is_address

from .analysis.proxy_targets import parse_proxy_target
from .data import resolvers
from .finding import Rule, related

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive

    from .analysis.blocks import ConfigBlock
    from .context import Context
    from .finding import Finding

CURVES: t.Final = Rule("tls-curves", "advice", "A key exchange that nginx starts with only on a new OpenSSL")
SESSION_CACHE: t.Final = Rule("session-cache-builtin", "advice", "Each worker remembers TLS sessions of its own")
RESPONDER: t.Final = Rule("stapling-without-responder", "advice", "OCSP stapling for a certificate without a responder")
RESOLVER: t.Final = Rule("resolver-external", "advice", "Names are looked up by a public resolver", security=3.0)
QUIC_BPF: t.Final = Rule("quic-bpf-reload", "advice", "New HTTP/3 connections get lost after a reload", since="1.25.0")
HEADERS: t.Final = Rule(
    "security-headers-missing",
    "advice",
    "Pages are sent without the headers that restrict what they may do",
    security=2.0,
)
TIMEOUT: t.Final = Rule("client-timeout-long", "advice", "Slow or silent clients may keep connections for long")
BODY_SIZE: t.Final = Rule("body-size-unlimited", "advice", "Request bodies may be of any size", security=3.0)
LOG_OFF: t.Final = Rule("access-log-off", "advice", "Requests of whole servers leave no trace")
UPSTREAM_TLS: t.Final = Rule(
    "upstream-tls-unverified",
    "advice",
    "An attacker on the way can answer in the place of a TLS upstream",
    security=4.0,
)
WORKER: t.Final = Rule("single-worker", "advice", "One worker process has to do with one processor core")
REQUESTS: t.Final = Rule("keepalive-requests-low", "advice", "Connections are closed after a few requests")
RULES: t.Final = (
    *(CURVES, SESSION_CACHE, RESPONDER, RESOLVER, QUIC_BPF, HEADERS),
    *(TIMEOUT, BODY_SIZE, LOG_OFF, UPSTREAM_TLS, WORKER, REQUESTS),
)

_PASSES: t.Final = ("proxy_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "grpc_pass")
_WANTED: t.Final = ("strict-transport-security", "content-security-policy", "referrer-policy", "x-content-type-options")
#: nginx's own defaults in seconds; CIS asks for less than they are.
_TIMEOUTS: t.Final = {
    "keepalive_timeout": 75,
    "send_timeout": 60,
    "client_header_timeout": 60,
    "client_body_timeout": 60,
}
_UNITS: t.Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_FEW_REQUESTS: t.Final = 100
_SHOWN: t.Final = 8


# -- TLS


def _curves(_context: Context, _block: ConfigBlock, directive: Directive) -> Iterator[Finding]:
    new = [each for each in (directive.args[0].split(":") if directive.args else ()) if "MLKEM" in each.upper()]
    if new:
        message = (
            f"OpenSSL before 3.5 does not know {', '.join(new)}, and then nginx does not start (SSL_CTX_set1_curves_list() "
            "failed): see `openssl version` on every server; `auto` lets each use what it has, 3.5 the new ones first"
        )
        yield CURVES.at(directive.place, message)


def _session_cache(context: Context, _block: ConfigBlock, directive: Directive) -> Iterator[Finding]:
    for index, word in enumerate(directive.args, 1):
        if word.split(":")[0] == "builtin":
            beside = any(each.startswith("shared:") for each in directive.args)
            message = (
                "the shared cache has every session for all workers already, and nginx's manual calls it more efficient alone: "
                "take builtin away"
                if beside
                else "the builtin cache is each worker's own: a client without a session ticket that comes back to another worker "
                "makes a whole handshake; shared:NAME:SIZE is one cache for all of them"
            )
            fix = context.editor.remove_word(directive, index) if beside else None
            yield SESSION_CACHE.at(directive.place, message, fix=fix)


def _responder(context: Context, block: ConfigBlock) -> Iterator[Finding]:
    stapling = block.effective("ssl_stapling")
    if not stapling or stapling[-1].args[:1] != ["on"] or block.effective("ssl_stapling_file"):
        return
    certificates = [each for each in block.own.get("ssl_certificate", ()) if each.args]
    theirs = [each for each in certificates if "/letsencrypt/live/" in each.args[0]]
    if theirs:
        message = (
            "Let's Encrypt has had no OCSP responder since August 2025, and its certificates name none: nginx warns "
            '("ssl_stapling" ignored, no OCSP responder URL in the certificate) and staples nothing; delete ssl_stapling'
        )
        # In http it may still be meant for another server.
        own = stapling[-1] if block.name == "server" and "ssl_stapling" in block.own else None
        fix = context.editor.remove(own) if own is not None else None
        yield RESPONDER.at(stapling[-1].place, message, [related("its certificate", theirs[0].place)], fix=fix)


def _upstream_tls(_context: Context, block: ConfigBlock, directive: Directive) -> Iterator[Finding]:
    target = parse_proxy_target(directive.args[0]) if directive.args else None
    if target is None or target.scheme not in ("https", "grpcs") or not target.host or "." not in target.host:
        return
    # What an address or an upstream's name stands for may well be the machine itself.
    prefix = "grpc" if directive.name == "grpc_pass" else "proxy"
    if is_address(target.host) or block.gap or block.value(f"{prefix}_ssl_verify", "off") == "on":
        return
    message = (
        f"nginx takes any certificate from {target.host}, whoever sent it: whoever is on the way can read and change "
        f"everything; add {prefix}_ssl_verify on, {prefix}_ssl_trusted_certificate with its authority, and "
        f"{prefix}_ssl_server_name on"
    )
    yield UPSTREAM_TLS.at(directive.place, message)


def _quic_bpf(_context: Context, block: ConfigBlock) -> Iterator[Finding]:
    for inner in (block, *(each for each in block.blocks if each.name == "events")):
        for directive in inner.own.get("quic_bpf", ()):
            listens = [each for http in block.blocks if http.name == "http" for each in _quic_listens(http)]
            if directive.args[:1] == ["on"] and listens and block.value("worker_processes", "1") != "1":
                message = (
                    "while a worker of before a reload still serves somebody (a download, a WebSocket), the kernel hands new "
                    "HTTP/3 connections also to the sockets of workers that have left, and nobody answers them (nginx issue 425): "
                    "take quic_bpf away, and end old workers by worker_shutdown_timeout"
                )
                yield QUIC_BPF.at(directive.place, message, [related("the sockets", each.place) for each in listens])


def _quic_listens(http: ConfigBlock) -> Iterator[Directive]:
    for server in http.blocks:
        for each in server.own.get("listen", ()):
            if {"quic", "reuseport"} <= set(each.args):
                yield each


# -- what is sent


def _headers(context: Context, block: ConfigBlock) -> Iterator[Finding]:
    """One finding for all servers: nobody reads the same words a hundred times."""
    if context.router.partial:
        return
    inherited = _names(block)
    poor: dict[ConfigBlock, list[str]] = {}
    for server in block.blocks:
        if server.name == "server" and _sends_pages(server):
            has = inherited.union(*(_names(each) for each in server.inner()))
            missing = [name for name in _WANTED if name not in has]
            if missing:
                poor[server] = missing
    for server, missing in list(poor.items())[:1]:
        count = f" (and from {len(poor) - 1} more servers)" if len(poor) > 1 else ""
        names = ", ".join(name.title() for name in missing)
        message = (
            f"pages come from here{count} without {names}: browsers then let them load, embed and tell others "
            "what they like; add_header with always, in every block that has headers of its own"
        )
        others = [each.directive for each in list(poor)[1 : _SHOWN + 1]]
        places = [related("here as well", each.place) for each in others if each is not None]
        if server.directive is not None:
            yield HEADERS.at(server.directive.place, message, places)


def _names(block: ConfigBlock) -> set[str]:
    return {each.args[0].lower() for each in block.own.get("add_header", ()) if each.args}


def _sends_pages(server: ConfigBlock) -> bool:
    """Whether a TLS server sends files and nothing else: an application behind it may well send its own headers."""
    speaks_tls = any("ssl" in each.args for each in server.own.get("listen", ()))
    if not speaks_tls or server.gap or "return" in server.own or not server.effective("root"):
        return False
    return not any(name in each.own for each in server.inner() for name in _PASSES)


def _log_off(_context: Context, block: ConfigBlock, directive: Directive) -> Iterator[Finding]:
    if directive.args[:1] == ["off"] and block.name in ("http", "server") and "return" not in block.own:
        message = (
            f"nothing that is asked of this {block.name} is written down: neither an attack nor an outage can be looked "
            "into afterwards; switch it off for the locations that are noise"
        )
        yield LOG_OFF.at(directive.place, message)


# -- limits


def _timeout(_context: Context, _block: ConfigBlock, directive: Directive) -> Iterator[Finding]:
    seconds = _seconds(directive.args[0] if directive.args else "")
    usual = _TIMEOUTS[directive.name]
    if seconds is not None and seconds > usual:
        what = (
            "an idle connection stays" if directive.name == "keepalive_timeout" else "a client that does nothing stays"
        )
        message = (
            f"{what} for {directive.args[0]}, where nginx's own limit is {usual}s and CIS asks for 10: a few clients with "
            "many connections use up worker_connections"
        )
        yield TIMEOUT.at(directive.place, message)


def _seconds(text: str) -> float | None:
    number = text.rstrip("msdh")
    unit = text[len(number) :] or "s"
    return int(number) * _UNITS[unit] if number.isdecimal() and unit in _UNITS else None


def _body_size(_context: Context, block: ConfigBlock, directive: Directive) -> Iterator[Finding]:
    if directive.args[:1] == ["0"] and block.name in ("http", "server"):
        message = (
            f"client_max_body_size 0 checks no size in this whole {block.name}: one client can fill the disk that request "
            "bodies are kept on; set a limit, and none only in the location that needs it"
        )
        yield BODY_SIZE.at(directive.place, message)


def _resolver(_context: Context, _block: ConfigBlock, directive: Directive) -> Iterator[Finding]:
    public = [each for each in directive.args if resolvers.is_public(each)]
    if public:
        message = (
            f"{', '.join(public)} answers over the open network, unsigned: whoever can forge such an answer chooses where nginx "
            "connects to, and names that only your own network knows are not found; use a resolver nearby"
        )
        yield RESOLVER.at(directive.place, message)


def _worker(context: Context, block: ConfigBlock) -> Iterator[Finding]:
    http = next((each for each in block.blocks if each.name == "http"), None)
    if http is None or http.directive is None or context.router.partial or "worker_processes" in block.own:
        return
    message = (
        "without worker_processes nginx starts one worker, which uses one processor core, however many there are; "
        "worker_processes auto starts one for each"
    )
    yield WORKER.at(http.directive.place, message)


def _requests(_context: Context, block: ConfigBlock, directive: Directive) -> Iterator[Finding]:
    number = directive.args[0] if directive.args else ""
    if block.name != "upstream" and number.isdecimal() and 0 < int(number) < _FEW_REQUESTS:
        message = (
            f"after {number} requests a client has to connect again, TLS handshake included, and a page with many parts "
            "over HTTP/2 needs several connections; the default is 1000 since 1.19.10"
        )
        yield REQUESTS.at(directive.place, message)


ON_DIRECTIVE: t.Final = (
    (("ssl_ecdh_curve",), _curves),
    (("ssl_session_cache",), _session_cache),
    (("proxy_pass", "grpc_pass"), _upstream_tls),
    (("access_log",), _log_off),
    (tuple(_TIMEOUTS), _timeout),
    (("client_max_body_size",), _body_size),
    (("resolver",), _resolver),
    (("keepalive_requests",), _requests),
)
ON_BLOCK: t.Final = (
    (("main",), _quic_bpf),
    (("main",), _worker),
    (("http",), _headers),
    (("http", "server"), _responder),
)
