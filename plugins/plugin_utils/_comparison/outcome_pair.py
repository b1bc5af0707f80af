# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The outcomes of one probe on both sides, with what the configurations tell about it, and what one outcome is."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .outcome_diff import final_status

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from ansible_collections.failsafe.nginx.plugins.module_utils._wire.outcomes import ProbeOutcome, RedirectHop

    from .outcome_diff import Peers, UpstreamCall

_BAD: t.Final = 400
_ERROR: t.Final = 500
LOOPS: t.Final = ("loop", "too-long")
SERVED: t.Final = range(200, 300)
REDIRECTS: t.Final = range(300, 400)


@dataclass(frozen=True)
class RequestFacts:
    """Facts about one request that its outcomes do not tell.

    Attributes:
        moved: another block answers; None where that is unknown.
        added: the old configuration did not have the answering block; None where that is unknown.
        foreign: no server is named after the host, and another server than before answers as the default.
        was_internal: the block that answered before is there still, and was `internal`.
        hidden: an added location fails a request that no client makes, such as for an internal error page.
        error_page: an error page for the old refusal answers.
        credentials: the request carries credentials.
        dotted: a part of the path begins with a dot, such as `/.env`; `/.well-known/` is public.
    """

    moved: bool | None = None
    added: bool | None = None
    foreign: bool = False
    was_internal: bool = False
    hidden: bool = False
    error_page: bool = False
    credentials: bool = False
    dotted: bool = False


class OutcomePair(t.NamedTuple):
    """The outcomes of one probe on both sides.

    Attributes:
        found: the differences (`outcome_diff.differences`) without nondeterminism.
        is_auth: tells the requests to upstreams that `auth_request` makes.
    """

    old: ProbeOutcome
    new: ProbeOutcome
    found: frozenset[str]
    old_peers: Peers
    new_peers: Peers
    is_auth: Callable[[UpstreamCall], bool]
    facts: RequestFacts = RequestFacts()


def is_answered(outcome: ProbeOutcome) -> bool:
    """Return True for an answer below 400, at the end of its redirects too, which do end."""
    if outcome.status is None or outcome.status >= _BAD or outcome.chain in LOOPS:
        return False
    return (final_status(outcome) or _ERROR) < _BAD


def spoke(outcome: ProbeOutcome) -> bool:
    """Return True if nginx took a request and closed the connection itself (`return 444`)."""
    return outcome.closed == "closed"


def decided(outcome: ProbeOutcome) -> bool:
    """Return True if the configuration itself answers: no file was missing and no upstream asked."""
    return not outcome.errors and not outcome.upstreams


def is_redirect(outcome: ProbeOutcome) -> bool:
    return outcome.status in REDIRECTS


def is_told(status: int | None, outcome: ProbeOutcome | RedirectHop) -> bool:
    """Return True if an error is the answer of the last upstream, not nginx's own."""
    last = outcome.upstreams[-1] if outcome.upstreams else None
    return last is not None and last.status == status and is_failure(last.status)


def is_failure(status: int | None) -> bool:
    return status is not None and status >= _BAD
