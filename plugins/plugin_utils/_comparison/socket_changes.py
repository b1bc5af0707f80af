# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Classes of changes at sockets that pass connections and datagrams on, or only have to be there."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from ansible_collections.failsafe.nginx.plugins.module_utils._wire.outcomes import ProbeOutcome


def socket_class(old: ProbeOutcome, new: ProbeOutcome, found: frozenset[str]) -> str | None:
    """Return the class of a change of a probe of `tcp`, `udp` or `quic`; None where nothing changed.

    Args:
        old: the outcome before; `closed` tells that nothing took the connection.
        new: the outcome after.
        found: the differences between the two.
    """
    if old.closed is None and new.closed is not None:
        return "lost"
    if old.closed is not None and new.closed is None:
        return "new"
    if "upstream" in found:
        return "upstream-changed"
    return "file-changed" if "body" in found else None


def socket_line(outcome: ProbeOutcome) -> str:
    """Write the outcome in one line: the upstream that was reached, what it got first, or that nothing was."""
    if not outcome.upstreams:
        return f"answered with {outcome.body_length} bytes" if outcome.body_length else "the socket is open"
    last = outcome.upstreams[-1]
    gets = {"PROXY": ", with a PROXY header", "TLS": ", with TLS"}.get(last.method, "")
    return f"passed on to {last.target}{gets}"
