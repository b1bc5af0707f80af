# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""From the differences between two outcomes to classes of change."""

from __future__ import annotations

import re
import typing as t

from .outcome_diff import FILE_PARAMS, calls, final_status, header_values, missing_files

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ansible_collections.failsafe.nginx.plugins.module_utils._wire.outcomes import ProbeOutcome

    from .outcome_diff import Peers, UpstreamCall

_ERROR: t.Final = 500
_BAD: t.Final = 400
_REDIRECTS: t.Final = range(300, 400)
_SERVED: t.Final = range(200, 300)
_REFUSED: t.Final = (401, 403)
#: Differences that tell the class by themselves, the worst first.
_BY_DIFFERENCE: t.Final = (
    (frozenset({"location"}), "redirect-changed"),
    (frozenset({"upstream"}), "upstream-changed"),
)
_LOOPS: t.Final = ("loop", "too-long")
#: Headers that make browsers protect their users (OWASP Secure Headers Project).
SECURITY_HEADERS: t.Final = frozenset(
    {
        *("strict-transport-security", "content-security-policy", "x-frame-options", "x-content-type-options"),
        *("referrer-policy", "permissions-policy"),
        *("cross-origin-opener-policy", "cross-origin-embedder-policy", "cross-origin-resource-policy"),
    }
)
_NO_HSTS: t.Final = re.compile(r"max-age\s*=\s*\"?0+\"?\s*(;|$)", re.IGNORECASE)


class OutcomePair(t.NamedTuple):
    """The outcomes of one probe on both sides.

    Attributes:
        found: the differences (`outcome_diff.differences`) without nondeterminism.
        is_auth: tells the requests to upstreams that `auth_request` makes.
        moved: another block answers; None where that is unknown.
        added: the old configuration did not have the answering block; None where that is unknown.
    """

    old: ProbeOutcome
    new: ProbeOutcome
    found: frozenset[str]
    old_peers: Peers
    new_peers: Peers
    is_auth: Callable[[UpstreamCall], bool]
    moved: bool | None = None
    added: bool | None = None


def classes_of(pair: OutcomePair) -> set[str]:
    """Return the class of a change of outcomes, and the classes that are told beside it."""
    found: set[str] = set()
    main = _main(pair)
    if main:
        found.add(main)
    if _lost_authorisation(pair):
        found.add("auth-subrequest-removed")
        found.discard("upstream-changed")
    if any(_removed_headers(pair)):
        found.add("security-header-removed")
        found.discard("headers-changed")
    if _other_type(pair):
        found.add("content-type-changed")
        found.discard("headers-changed")
    return found


def _other_type(pair: OutcomePair) -> bool:
    """Return True if nginx's own answer is of another media type: browsers ignore a style sheet that is `text/plain`.

    The parameters, such as a charset, are a header that changed. An upstream's type is its own.
    """
    old, new = pair.old, pair.new
    if "header content-type" not in pair.found or old.upstreams or new.upstreams:
        return False
    types = [
        [value.partition(";")[0].strip() for value in header_values(each.headers, "content-type")] for each in pair[:2]
    ]
    return old.status in _SERVED and new.status in _SERVED and types[0] != types[1]


def _main(pair: OutcomePair) -> str | None:
    old, new, found = pair.old, pair.new, pair.found
    if _failed(old, new) and found & {"status", "closed", "final"}:
        return "error-introduced"
    if "chain" in found and new.chain in _LOOPS and old.chain not in _LOOPS:
        return "redirect-loop"
    if found & {"status", "closed"}:
        return _status(pair)
    for names, outcome in _BY_DIFFERENCE:
        if found & names:
            return outcome
    if any(name.startswith("upstream ") for name in found):
        only_files = all(name.split()[-1] in FILE_PARAMS for name in found if name.startswith("upstream "))
        return "file-changed" if only_files else "upstream-headers-changed"
    if "files" in found and old.status in _REFUSED and _passes(pair):
        return "access-widened"
    if "files" in found or ("body" in found and not _is_redirect(new)):
        return "file-changed"
    return _lesser(pair)


def _lesser(pair: OutcomePair) -> str | None:
    """Return the class of a change that a client does not see in the first answer."""
    if "final" in pair.found and not _failing(pair.old):
        if final_status(pair.old) in _REFUSED and final_status(pair.new) in _SERVED:
            return "access-widened"
        return "lost" if (final_status(pair.new) or _BAD) >= _BAD else "status-changed"
    if any(name.startswith("header ") for name in pair.found) or "body" in pair.found:
        return "headers-changed"
    return "served-by" if pair.moved else None


def _status(pair: OutcomePair) -> str | None:
    """Return the class of a change of the status, or of its presence."""
    old, new = pair.old, pair.new
    before, after = old.status, new.status
    if old.closed == "timeout":
        # Without an answer there is nothing to compare with: the probe is reported as not verified.
        return None
    if after is None:
        if before is not None:
            return "lost"
        return "status-changed" if _spoke(old) or _spoke(new) else None
    if before is None:
        return "status-changed" if _spoke(old) and not pair.added else "new"
    if before in _REFUSED and _passes(pair):
        return "access-widened"
    if before in _SERVED or before in _REDIRECTS:
        return "lost" if after == 404 else "status-changed"  # noqa: PLR2004
    if before == 404 and after < _BAD and (pair.added or not _decided(old)):  # noqa: PLR2004
        return "new"
    return "status-changed"


def _spoke(outcome: ProbeOutcome) -> bool:
    """Return True if nginx took a request and closed the connection itself (`return 444`)."""
    return outcome.closed == "closed"


def _decided(outcome: ProbeOutcome) -> bool:
    """Return True if the configuration itself answers: no file was missing and no upstream asked."""
    return not outcome.errors and not outcome.upstreams


def _is_redirect(outcome: ProbeOutcome) -> bool:
    return outcome.status in _REDIRECTS


def _failing(outcome: ProbeOutcome) -> bool:
    return (outcome.status or 0) >= _ERROR or (final_status(outcome) or 0) >= _ERROR


def _failed(old: ProbeOutcome, new: ProbeOutcome) -> bool:
    """Return True if the change introduces an error.

    A 503 that the configuration of a new listener returns is none. Neither is the failure of a stub that was told to
    fail, where no upstream was asked before: the plain probe shows where the request goes now.
    """
    if _failing(old) or not _failing(new) or (_upstream_failed(new) and not _upstream_failed(old)):
        return False
    return old.status is not None or bool(new.errors) or not _decided(new)


def _upstream_failed(outcome: ProbeOutcome) -> bool:
    """Return True if the last upstream failed, as stubs do only where the probe tells them to."""
    last = outcome.upstreams[-1] if outcome.upstreams else None
    return last is not None and ((last.status or 0) >= _ERROR or last.protocol == "unknown")


def _passes(pair: OutcomePair) -> bool:
    """Return True if a request that was refused is served now.

    nginx checks access before it looks for content. So a missing file, or an upstream that was not asked before, proves it.
    """
    old, new = pair.old, pair.new
    if new.status in _SERVED:
        return True
    if new.status in _REFUSED:
        # No rule refuses it any more: the folder has no index that could be shown.
        return any(map(_lists, new.errors)) and not any(map(_lists, old.errors))
    asked = [call for call, _each in calls(old.upstreams, pair.old_peers)]
    content = (call for call, _each in calls(new.upstreams, pair.new_peers) if not pair.is_auth(call))
    if any(not any(known.same_upstream(call, pair.old_peers, pair.new_peers) for known in asked) for call in content):
        return True
    return bool(set(missing_files(new)) - set(missing_files(old)))


def _lists(line: str) -> bool:
    return line.startswith("directory index of ")


def _lost_authorisation(pair: OutcomePair) -> bool:
    """Return True if content comes without the authorisation request that was made before."""
    if (pair.new.status or _ERROR) >= _BAD or "upstream" not in pair.found:
        return False
    asked = [call for call, _each in calls(pair.old.upstreams, pair.old_peers)]
    asks = [call for call, _each in calls(pair.new.upstreams, pair.new_peers)]
    # As many as before: another service is asked for authorisation now.
    return len(asks) < len(asked) and any(map(pair.is_auth, asked)) and not any(map(pair.is_auth, asks))


def _removed_headers(pair: OutcomePair) -> Iterator[str]:
    old, new = pair.old, pair.new
    for name in sorted(SECURITY_HEADERS):
        if f"header {name}" in pair.found and _comparable(old, new, name):
            before, after = header_values(old.headers, name), header_values(new.headers, name)
            if _protects(name, before) and not _protects(name, after) and not _replaced(name, new):
                yield name


def removed_headers(pair: OutcomePair) -> list[str]:
    """Return the security headers that are gone."""
    return list(_removed_headers(pair))


def _comparable(old: ProbeOutcome, new: ProbeOutcome, name: str) -> bool:
    """Return True if both answers should carry the header: without `always` nginx adds none to errors."""
    before, after = old.status or 0, new.status or 0
    if before == after or (before in _SERVED and after in _SERVED):
        return True
    return name == "strict-transport-security" and 0 < before < _BAD and 0 < after < _BAD


def _protects(name: str, values: list[str]) -> bool:
    if name == "strict-transport-security":
        # RFC 6797, 6.1.1: max-age=0 tells the browser to forget; a browser heeds the first header (8.1).
        return bool(values) and not _NO_HSTS.search(values[0])
    return any(value.strip() for value in values)


def _replaced(name: str, new: ProbeOutcome) -> bool:
    """Return True if CSP's frame-ancestors replaces X-Frame-Options (CSP Level 3, 6.4.2)."""
    if name != "x-frame-options":
        return False
    return any("frame-ancestors" in value.lower() for value in header_values(new.headers, "content-security-policy"))
