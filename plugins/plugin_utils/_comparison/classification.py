# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""From the differences between two outcomes to classes of change."""

from __future__ import annotations

import re
import typing as t

from .access_changes import adds_login, content_moved, lost_authorisation, opens
from .outcome_diff import FILE_PARAMS, final_status, header_values, missing_files
from .outcome_pair import LOOPS, SERVED, decided, is_answered, is_failure, is_redirect, is_told, spoke

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.module_utils._wire.outcomes import ProbeOutcome

    from .outcome_pair import OutcomePair

_ERROR: t.Final = 500
_BAD: t.Final = 400
_MISSING: t.Final = 404
#: Statuses of pages that are not there.
_GONE: t.Final = (404, 410)
#: Differences that tell the class by themselves, the worst first.
_BY_DIFFERENCE: t.Final = (
    (frozenset({"location"}), "redirect-changed"),
    (frozenset({"upstream"}), "upstream-changed"),
)
#: Headers that make browsers protect their users (OWASP Secure Headers Project).
SECURITY_HEADERS: t.Final = frozenset(
    {
        *("strict-transport-security", "content-security-policy", "x-frame-options", "x-content-type-options"),
        *("referrer-policy", "permissions-policy"),
        *("cross-origin-opener-policy", "cross-origin-embedder-policy", "cross-origin-resource-policy"),
    }
)
_NO_HSTS: t.Final = re.compile(r"max-age\s*=\s*\"?0+\"?\s*(;|$)", re.IGNORECASE)


def classes_of(pair: OutcomePair) -> set[str]:
    """Return the class of a change of outcomes, and the classes that are told beside it."""
    found: set[str] = set()
    main = _main(pair)
    if main:
        found.add(main)
    if main == "auth-added" and content_moved(pair):
        found.add("upstream-changed")
    if lost_authorisation(pair):
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
    return old.status in SERVED and new.status in SERVED and all(types) and types[0] != types[1]


def _main(pair: OutcomePair) -> str | None:
    """Return the one class of a request: the worst fact about it."""
    old, new, found = pair.old, pair.new, pair.found
    if _failed(old, new) and found & {"status", "closed", "final"}:
        return "error-introduced"
    if "chain" in found and new.chain in LOOPS and old.chain not in LOOPS:
        return "redirect-loop"
    if opens(pair):
        return "access-widened"
    if adds_login(pair):
        return "auth-added"
    if found & {"status", "closed"}:
        return _status(pair)
    if "final" in found and is_answered(old) and not is_answered(new):
        return _failed_end(pair)
    return _content(pair)


def _content(pair: OutcomePair) -> str | None:
    """Return the class of an answer with the same status."""
    new, found = pair.new, pair.found
    for names, outcome in _BY_DIFFERENCE:
        if found & names:
            return outcome
    if any(name.startswith("upstream ") for name in found):
        only_files = all(name.split()[-1] in FILE_PARAMS for name in found if name.startswith("upstream "))
        return "file-changed" if only_files else "upstream-headers-changed"
    if "files" in found or ("body" in found and not is_redirect(new)):
        return "file-changed"
    return _lesser(pair)


def _lesser(pair: OutcomePair) -> str | None:
    """Return the class of a change that a client does not see in the first answer."""
    if "final" in pair.found and not _failing(pair.old):
        return "new" if _appears(pair) else "status-changed"
    if any(name.startswith("header ") for name in pair.found) or "body" in pair.found:
        return "headers-changed"
    return "served-by" if pair.facts.moved else None


def _status(pair: OutcomePair) -> str | None:
    """Return the class of a change of the status, or of its presence."""
    old, new = pair.old, pair.new
    before, after = old.status, new.status
    if old.closed == "timeout":
        # Without an answer there is nothing to compare with: the probe is reported as not verified.
        return None
    if before is None or after is None:
        return _presence(pair)
    if before < _BAD and not is_answered(new):
        return _loss(pair) if after >= _BAD else _failed_end(pair)
    if before == _MISSING and after < _BAD and (pair.facts.added or not decided(old)):
        return "new"
    return "new" if _appears(pair) else "status-changed"


def _appears(pair: OutcomePair) -> bool:
    """Return True if redirects lead to an answer where a page was not there, or redirects led to none.

    A page that the configuration itself hid by 404, and that is served now at the same URL, is another status.
    """
    old, new = pair.old, pair.new
    redirects = is_redirect(old) or is_redirect(new)
    return redirects and final_status(old) in _GONE and old.chain not in LOOPS and is_answered(new)


def _presence(pair: OutcomePair) -> str | None:
    """Return the class where one side, or both, gave no answer."""
    old, new = pair.old, pair.new
    if new.status is None:
        if is_answered(old):
            return "lost"
        if old.status is not None or spoke(old):
            return "status-changed"
        return "new" if spoke(new) else None
    return "status-changed" if spoke(old) and not pair.facts.added else "new"


def _loss(pair: OutcomePair) -> str:
    """Return the class of an answer below 400 that became an error below 500."""
    old, new = pair.old, pair.new
    if (new.status or _ERROR) >= _ERROR or pair.facts.hidden:
        return "status-changed"
    if is_told(new.status, new) and not any(map(is_failure, (call.status for call in old.upstreams))):
        # A stub that was told to fail did, where no upstream failed before: the plain probe shows where the request goes.
        return "status-changed"
    # A redirect that ended in a refusal or an error was no answer before. Whether a file is there, the world does not know.
    return "lost" if is_answered(old) or final_status(old) == _MISSING else "status-changed"


def _failed_end(pair: OutcomePair) -> str:
    """Return the class where redirects that ended well end in an error below 500, or in none at all."""
    old, new = pair.old, pair.new
    end = final_status(new)
    milder = "redirect-changed" if "location" in pair.found and "status" not in pair.found else "status-changed"
    if not is_answered(old) or (end or _BAD) >= _ERROR:
        return milder
    if "location" in pair.found and end == _MISSING and new.hops and missing_files(new.hops[-1]):
        # Another target, whose file only the real host may have.
        return milder
    return "lost"


def _failing(outcome: ProbeOutcome) -> bool:
    return (outcome.status or 0) >= _ERROR or (final_status(outcome) or 0) >= _ERROR


def _failed(old: ProbeOutcome, new: ProbeOutcome) -> bool:
    """Return True if the change introduces an error.

    A 503 that the configuration of a new listener returns is none. Neither is the failure of a stub that was told to
    fail, where no upstream was asked before: the plain probe shows where the request goes now.
    """
    if _failing(old) or not _failing(new) or (_upstream_failed(new) and not _upstream_failed(old)):
        return False
    return old.status is not None or bool(new.errors) or not decided(new)


def _upstream_failed(outcome: ProbeOutcome) -> bool:
    """Return True if the last upstream failed, as stubs do only where the probe tells them to."""
    last = outcome.upstreams[-1] if outcome.upstreams else None
    return last is not None and ((last.status or 0) >= _ERROR or last.protocol == "unknown")


def _removed_headers(pair: OutcomePair) -> Iterator[str]:
    old, new = pair.old, pair.new
    for name in sorted(SECURITY_HEADERS):
        if f"header {name}" in pair.found and _comparable(old, new, name):
            before, after = header_values(old.headers, name), header_values(new.headers, name)
            if _protects(name, before) and not _protects(name, after) and not _replaced(name, new):
                yield name


def headers_of(name: str, pair: OutcomePair) -> list[str]:
    """Return the headers that a class is about, nothing where it is about all differences."""
    if name == "content-type-changed":
        return ["content-type"]
    return list(_removed_headers(pair)) if name == "security-header-removed" else []


def _comparable(old: ProbeOutcome, new: ProbeOutcome, name: str) -> bool:
    """Return True if both answers should carry the header: without `always` nginx adds none to errors."""
    before, after = old.status or 0, new.status or 0
    if max(before, after) >= _BAD:
        # An error page counts no more than the page.
        return False
    if before == after or (before in SERVED and after in SERVED):
        return True
    return name == "strict-transport-security" and before > 0 and after > 0


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
