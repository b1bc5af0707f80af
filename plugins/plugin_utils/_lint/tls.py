# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Rules on TLS: certificates, protocols, ciphers and what belongs to them."""

from __future__ import annotations

import re
import typing as t

from .data import mozilla_tls
from .finding import Rule, related

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive

    from .analysis.blocks import ConfigBlock
    from .context import Context
    from .finding import Finding

CERTIFICATE_MISSING: t.Final = Rule(
    "certificate-missing", "error", "A TLS server without a certificate or its key: nginx does not start"
)
TLS_PROTOCOLS: t.Final = Rule("tls-protocols", "warning", "Broken versions of TLS are switched on", security=5.9)
TLS_CIPHERS: t.Final = Rule("tls-ciphers", "warning", "Broken ciphers are switched on", security=5.9)
HSTS: t.Final = Rule("hsts-weak", "advice", "Browsers forget too soon that a site is https only", security=3.0)
STAPLING: t.Final = Rule(
    "stapling-without-resolver", "advice", "OCSP stapling cannot find the responder without a resolver"
)
RULES: t.Final = (CERTIFICATE_MISSING, TLS_PROTOCOLS, TLS_CIPHERS, HSTS, STAPLING)

_GUIDELINE: t.Final = f"Mozilla's guideline {mozilla_tls.VERSION} of {mozilla_tls.DATE}"
_OLD: t.Final = frozenset({"SSLv2", "SSLv3", "TLSv1", "TLSv1.1"})
#: A name in a cipher list that brings in broken ones; names of single ciphers hold these as parts.
_WEAK: t.Final = re.compile(
    r"(?:^|[-+_])(?:RC4|RC2|DES|3DES|IDEA|SEED|MD5|NULL|eNULL|aNULL|ADH|AECDH|EXP|EXPORT|EXPORT40|EXPORT56|LOW|DES-CBC3)"
    r"(?:$|[-+_\d])|^(?:COMPLEMENTOFALL|COMPLEMENTOFDEFAULT)$"
)
_HSTS_NAME: t.Final = "strict-transport-security"
_MAX_AGE: t.Final = re.compile(r"max-age\s*=\s*\"?(\d+)", re.IGNORECASE)
_DAY: t.Final = 86400
_HALF_YEAR: t.Final = 180 * _DAY
_PAIR: t.Final = 2


def _certificate(context: Context, block: ConfigBlock) -> Iterator[Finding]:
    if context.router.partial:
        # The main file may live on the host, and a certificate for all servers in it.
        return
    if block.parent is None or block.parent.name not in ("http", "stream", "mail") or block.gap:
        return
    listens = [each for each in block.own.get("listen", ()) if {"ssl", "quic"} & set(each.args[1:])]
    if not listens or block.value("ssl_reject_handshake") == "on":
        return
    certificates = block.effective("ssl_certificate")
    if not certificates:
        message = (
            f"listen {' '.join(listens[0].args)} needs a certificate and no ssl_certificate holds here: nginx refuses the "
            'whole configuration (no "ssl_certificate" is defined); add one, or ssl_reject_handshake on for names '
            "that are not served"
        )
        yield CERTIFICATE_MISSING.at(listens[0].place, message)
    elif len(block.effective("ssl_certificate_key")) < len(certificates):
        places = [related(f"for {listens[0].raw_args[0]}", listens[0].place)]
        message = (
            f"the certificate {certificates[-1].args[0] if certificates[-1].args else ''} has no ssl_certificate_key "
            'beside it: nginx refuses the whole configuration (no "ssl_certificate_key" is defined)'
        )
        yield CERTIFICATE_MISSING.at(certificates[-1].place, message, places)


def _protocols(context: Context, block: ConfigBlock, directive: Directive) -> Iterator[Finding]:
    old = [each for each in directive.args if each in _OLD]
    if not old:
        return
    kept = [each for each in directive.args if each not in _OLD]
    message = (
        f"{', '.join(old)} {'is' if len(old) == 1 else 'are'} broken and no browser since 2020 asks for it (RFC 8996): "
        f"what remains are downgrade attacks; {_GUIDELINE} has TLSv1.2 and TLSv1.3"
    )
    fix = None
    # Servers of one socket share a handshake: without anything left there is nothing certain to put in its place.
    if kept and len(set(directive.args)) == len(directive.args) and directive.name == "ssl_protocols":
        edits = [context.editor.remove_word(directive, index + 1) for index in map(directive.args.index, old)]
        fix = sum(edits[1:], edits[0])
    if block.name in ("http", "stream", "mail", "server"):
        yield TLS_PROTOCOLS.at(directive.place, message, fix=fix)


def _ciphers(_context: Context, _block: ConfigBlock, directive: Directive) -> Iterator[Finding]:
    if not directive.args or "$" in directive.args[0]:
        return
    words = [each for each in re.split(r"[:, ]+", directive.args[0]) if each]
    refused = {each.lstrip("!-") for each in words if each.startswith(("!", "-"))}
    weak = [each for each in words if each[0] not in "!-@+" and _is_weak(each, refused)]
    if weak:
        message = (
            f"the list switches on {', '.join(weak)}, which can be broken or does not encrypt at all; "
            f"{_GUIDELINE} has {':'.join(mozilla_tls.INTERMEDIATE_CIPHERS)} for TLSv1.2"
        )
        yield TLS_CIPHERS.at(directive.place, message)


def _is_weak(word: str, refused: set[str]) -> bool:
    if word == "ALL":
        # Without anonymous ciphers, which ALL brings in, it is as good as what OpenSSL was built with.
        return not {"aNULL", "ADH"} & refused
    if not _WEAK.search(word):
        return False
    parts = {part.replace("CBC3", "3DES") for part in re.split(r"[-+_]", word)}
    return not any(each in parts or each == word for each in refused)


def _hsts(_context: Context, _block: ConfigBlock, directive: Directive) -> Iterator[Finding]:
    args = directive.args
    if len(args) < _PAIR or args[0].lower() != _HSTS_NAME or "$" in args[1]:
        return
    age = _MAX_AGE.search(args[1])
    if age is not None and int(age[1]) == 0:
        # How to take it back: browsers forget the site.
        return
    if age is None:
        message = "without max-age=SECONDS browsers ignore the header (RFC 6797, 6.1.1)"
    elif int(age[1]) < _HALF_YEAR:
        days = int(age[1]) // _DAY
        message = (
            f"browsers forget after {days} days that this site is https only, then a first request over http can be caught; "
            f"once it works, {_GUIDELINE} has max-age={mozilla_tls.HSTS_MAX_AGE}"
        )
    else:
        return
    yield HSTS.at(directive.place, message)


def _stapling(_context: Context, block: ConfigBlock, directive: Directive) -> Iterator[Finding]:
    if directive.args[:1] != ["on"] or block.gap or block.effective("ssl_stapling_file"):
        return
    servers = [each for each in block.inner() if each.name == "server"]
    if block.effective("resolver") or (servers and all(each.effective("resolver") for each in servers)):
        return
    message = (
        "nginx has to ask the OCSP responder of the certificate by its name, and no resolver holds here: it knows the "
        "addresses that the name had at start only, and staples nothing when they change; add resolver ADDRESS"
    )
    yield STAPLING.at(directive.place, message)


ON_DIRECTIVE: t.Final = (
    (("ssl_protocols", "proxy_ssl_protocols", "grpc_ssl_protocols", "uwsgi_ssl_protocols"), _protocols),
    (("ssl_ciphers",), _ciphers),
    (("add_header",), _hsts),
    (("ssl_stapling",), _stapling),
)
ON_BLOCK: t.Final = ((("server",), _certificate),)
