# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Access: what a client without credentials reaches now, and where it has to log in."""

from __future__ import annotations

import re
import typing as t

from .outcome_diff import call_of, calls, missing_files
from .outcome_pair import SERVED, decided, is_answered, is_redirect, is_told, spoke

if t.TYPE_CHECKING:
    from ansible_collections.failsafe.nginx.plugins.module_utils._wire.outcomes import ProbeOutcome

    from .outcome_pair import OutcomePair

_BAD: t.Final = 400
_ERROR: t.Final = 500
_REFUSED: t.Final = (401, 403)
#: Statuses by which a default server turns away names that are none of its own; 421 is Misdirected Request (RFC 9110).
_TURNED_AWAY: t.Final = (400, 403, 404, 410, 421)
_UNAUTHORIZED: t.Final = 401
_MISSING: t.Final = 404
#: nginx's line for `deny` (ngx_http_access_found()).
_DENIED: t.Final = "access forbidden by rule"
#: Differences that tell the class by themselves, the worst first.
_BY_DIFFERENCE: t.Final = (
    (frozenset({"location"}), "redirect-changed"),
    (frozenset({"upstream"}), "upstream-changed"),
)
#: URLs of login pages, by a word of their host or path.
_LOGIN: t.Final = re.compile(
    r"(?:^|[/._-])(?:log-?in|sign-?in|sso|oauth2?|auth(?:n|enticate|orize)?|saml2?|cas|openid(?:-connect)?)(?=[/?._:-]|$)",
    re.IGNORECASE,
)


def opens(pair: OutcomePair) -> bool:
    """Return True if a client without credentials reaches what was refused to it.

    Refused is 401 or 403 of nginx itself, 404 of an `internal` location, whatever a default server gave a name that is none
    of its own, and 404 or a closed connection for a hidden file that another location hands out now.
    """
    old, new, facts = pair.old, pair.new, pair.facts
    if facts.credentials or facts.error_page or not pair.found:
        return False
    if (
        facts.dotted
        and facts.moved
        and facts.added is False
        and decided(old)
        and (old.status == _MISSING or spoke(old))
    ):
        # Such files are hidden with `return 404` as often as with `deny all`.
        return new.status in SERVED and not is_redirect(new)
    if old.status is None:
        return facts.foreign and _turned_away(old) and _passes(pair)
    if old.status in _REFUSED and not is_told(old.status, old):
        return _passes(pair)
    if facts.was_internal and old.status == _MISSING:
        return _passes(pair)
    if facts.foreign and old.status in _TURNED_AWAY and decided(old):
        return _passes(pair)
    end = old.hops[-1] if old.hops else None
    if end is None or not new.hops or end.status not in _REFUSED or is_told(end.status, end):
        return False
    last = new.hops[-1]
    if any(_is_allowed(call.status) for call in last.upstreams if pair.is_auth(call_of(call))):
        return False
    return last.status in SERVED and not any(map(_denies, last.errors))


def _turned_away(outcome: ProbeOutcome) -> bool:
    """Return True if nginx closed the connection itself, or refused the TLS name (`ssl_reject_handshake`)."""
    return spoke(outcome) or (outcome.closed or "").startswith("tls:")


def _denies(line: str) -> bool:
    return line.startswith(_DENIED)


def adds_login(pair: OutcomePair) -> bool:
    """Return True if a client has to log in where it did not: 401, an authorisation request, a redirect to a login page."""
    old, new = pair.old, pair.new
    if new.status is None or old.status is None or _auth_calls(pair, old):
        return False
    asks = _auth_calls(pair, new)
    if asks and (old.status not in _REFUSED or is_told(old.status, old)):
        # Where the request is authorised, its own outcome tells more.
        return new.status < _BAD or not any(map(_is_allowed, asks))
    if not is_answered(old):
        return False
    end = new.hops[-1] if new.hops else new
    if end.status == _UNAUTHORIZED and not is_told(end.status, end):
        return True
    return is_redirect(new) and "location" in pair.found and _leads_to_login(new) and not _leads_to_login(old)


def _auth_calls(pair: OutcomePair, outcome: ProbeOutcome) -> list[int | None]:
    """Return the statuses of the authorisation requests of a request."""
    peers = pair.old_peers if outcome is pair.old else pair.new_peers
    return [each.status for call, each in calls(outcome.upstreams, peers) if pair.is_auth(call)]


def _is_allowed(status: int | None) -> bool:
    return status in SERVED


def _leads_to_login(outcome: ProbeOutcome) -> bool:
    return bool(
        _LOGIN.search((outcome.location or "").partition("?")[0].partition("://")[2] or (outcome.location or ""))
    )


def content_moved(pair: OutcomePair) -> bool:
    """Return True if the content itself comes from another upstream, besides the authorisation."""
    before, after = (
        [call for call, _each in calls(outcome.upstreams, peers) if not pair.is_auth(call)]
        for outcome, peers in ((pair.old, pair.old_peers), (pair.new, pair.new_peers))
    )
    return any(
        not one.same_upstream(other, pair.old_peers, pair.new_peers) for one, other in zip(before, after, strict=False)
    )


def _passes(pair: OutcomePair) -> bool:
    """Return True if a request that was refused is served now.

    nginx checks access before it looks for content. So a missing file, or an upstream that was not asked before, proves it.
    """
    old, new = pair.old, pair.new
    if any(map(_is_allowed, _auth_calls(pair, new))):
        # The stub let it pass, as a client with credentials.
        return False
    if any(map(_lists, old.errors)):
        # No rule refused it: the folder had no index page, and its names were not to be listed.
        return new.status in SERVED and not _is_page(new)
    if new.status in SERVED:
        return True
    if any(map(_denies, new.errors)):
        return False
    if new.status in _REFUSED:
        # No rule refuses it any more: the folder has no index that could be shown.
        return any(map(_lists, new.errors))
    asked = [call for call, _each in calls(old.upstreams, pair.old_peers)]
    content = (call for call, _each in calls(new.upstreams, pair.new_peers) if not pair.is_auth(call))
    if any(not any(known.same_upstream(call, pair.old_peers, pair.new_peers) for known in asked) for call in content):
        return True
    return bool(set(missing_files(new)) - set(missing_files(old)))


def _lists(line: str) -> bool:
    return line.startswith("directory index of ")


def _is_page(outcome: ProbeOutcome) -> bool:
    """Return True for a file or an upstream's answer; a list of a folder (`autoindex`) has no time of its own."""
    return bool(outcome.upstreams) or any(name.lower() == "last-modified" for name, _value in outcome.headers)


def lost_authorisation(pair: OutcomePair) -> bool:
    """Return True if content comes without the authorisation request that was made before."""
    if (pair.new.status or _ERROR) >= _BAD or "upstream" not in pair.found:
        return False
    if is_redirect(pair.new) and not pair.new.upstreams:
        # nginx redirects before it authorises: nothing is served.
        return False
    asked = [call for call, _each in calls(pair.old.upstreams, pair.old_peers)]
    asks = [call for call, _each in calls(pair.new.upstreams, pair.new_peers)]
    # As many as before: another service is asked for authorisation now.
    return len(asks) < len(asked) and any(map(pair.is_auth, asked)) and not any(map(pair.is_auth, asks))
