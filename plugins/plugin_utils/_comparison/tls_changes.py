# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Changes of TLS between two handshakes: their class, and their words."""

from __future__ import annotations

import datetime as dt
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.module_utils._wire.outcomes import (
        CertificateFacts,
        ProbeOutcome,
        TlsFacts,
    )

_CLIENT: t.Final = {
    "asked": "a client certificate is asked for",
    "demanded": "a client certificate is demanded",
}
_MOST_NAMES: t.Final = 4


def tls_class(old: ProbeOutcome, new: ProbeOutcome) -> str | None:
    """Return the class of a change of TLS at one listener for one name; None where nothing changed.

    A certificate that stands in for one that is not on the host says nothing about either.
    """
    before, after = old.tls, new.tls
    if before is None or after is None:
        return "new" if after is not None else "lost" if before is not None else None
    if before.certificate and after.certificate and _is_broken(before.certificate, after.certificate):
        return "certificate-broken"
    if _visible(before) != _visible(after) or _is_cut(before, after):
        return "tls-changed"
    one, two = before.certificate, after.certificate
    if one is not None and two is not None and one != two:
        return "certificate-renewed" if one.names == two.names else "tls-changed"
    return None


def _is_broken(before: CertificateFacts, after: CertificateFacts) -> bool:
    """Tell whether a certificate that was fine does not fit, is out of date, or has no issuer any more."""
    fine = before.current and before.fits is not False
    return fine and (not after.current or after.fits is False or (after.self_signed and not before.self_signed))


def _visible(facts: TlsFacts) -> tuple[object, ...]:
    return (facts.versions, facts.alpn, facts.client_certificate)


def _is_cut(before: TlsFacts, after: TlsFacts) -> bool:
    """Tell whether the issuers' certificates are not sent any more, without which many clients find no way to a root."""
    return after.chain == 1 and before.chain is not None and before.chain > 1


def tls_line(facts: TlsFacts) -> str:
    """Write the facts in one line: versions, certificate, ALPN, client certificate."""
    return ", ".join(_parts(facts))


def _parts(facts: TlsFacts) -> Iterator[str]:
    yield " ".join(facts.versions)
    certificate = facts.certificate
    if certificate is None:
        yield "its certificate is not here (a self-signed one stands in)"
    else:
        yield from _certificate(certificate)
    if facts.chain is not None and facts.chain != 1:
        yield f"{facts.chain} certificates sent"
    yield f"ALPN {facts.alpn}" if facts.alpn else "no ALPN"
    if facts.client_certificate in _CLIENT:
        yield _CLIENT[facts.client_certificate]
    if facts.untried:
        yield f"not tried: {' '.join(facts.untried)}"


def _certificate(facts: CertificateFacts) -> Iterator[str]:
    more = f" and {len(facts.names) - _MOST_NAMES} more" if len(facts.names) > _MOST_NAMES else ""
    names = " ".join(facts.names[:_MOST_NAMES]) or "no name"
    yield f"certificate {facts.fingerprint[:12]} for {names}{more} until {_day(facts.not_after)}"
    if facts.self_signed:
        yield "self-signed"
    if facts.fits is False:
        yield "it does not fit the name"
    if not facts.current:
        yield "it is not valid today"


def _day(seconds: float) -> str:
    return f"{dt.datetime.fromtimestamp(seconds, tz=dt.UTC):%Y-%m-%d}"
