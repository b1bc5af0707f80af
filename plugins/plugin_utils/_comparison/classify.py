# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""From what differs between two outcomes to classes of change."""

from __future__ import annotations

import re
import typing as t

from .outcome_diff import FILE_PARAMS, calls, files, final_status, header_values

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .outcome_diff import Call, Outcome, Peers

_ERROR: t.Final = 500
_BAD: t.Final = 400
_REDIRECTS: t.Final = range(300, 400)
_SERVED: t.Final = range(200, 300)
_REFUSED: t.Final = (401, 403)
#: What tells the class by itself, the worst first.
_BY_DIFFERENCE: t.Final = (
    (frozenset({"location"}), "redirect-changed"),
    (frozenset({"upstream"}), "upstream-changed"),
)
_LOOPS: t.Final = ("loop", "too-long")
#: Headers that a browser's protection rests on (OWASP Secure Headers Project).
SECURITY_HEADERS: t.Final = frozenset(
    {
        *("strict-transport-security", "content-security-policy", "x-frame-options", "x-content-type-options"),
        *("referrer-policy", "permissions-policy"),
        *("cross-origin-opener-policy", "cross-origin-embedder-policy", "cross-origin-resource-policy"),
    }
)
_NO_HSTS: t.Final = re.compile(r"max-age\s*=\s*\"?0+\"?\s*(;|$)", re.IGNORECASE)


class Pair(t.NamedTuple):
    """One probe on both sides, and what the sides know of it."""

    old: Outcome
    new: Outcome
    #: What differs (normal.differences), noise left out.
    found: frozenset[str]
    old_peers: Peers
    new_peers: Peers
    #: Whether a request to an upstream is one that `auth_request` makes.
    is_auth: Callable[[Call], bool]
    #: Whether another block answers; None where nobody can tell.
    moved: bool | None = None
    #: Whether the answering block is one that the old configuration did not have.
    added: bool | None = None


def classes_of(pair: Pair) -> set[str]:
    """What a pair of outcomes stands for: one class for the outcome, and what is worth telling beside it."""
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
    return found


def _main(pair: Pair) -> str | None:
    old, new, found = pair.old, pair.new, pair.found
    if _failed(old, new) and found & {"status", "closed", "final"}:
        return "error-introduced"
    if "chain" in found and new.get("chain") in _LOOPS and old.get("chain") not in _LOOPS:
        return "redirect-loop"
    if found & {"status", "closed"}:
        return _status(pair)
    for names, outcome in _BY_DIFFERENCE:
        if found & names:
            return outcome
    if any(name.startswith("upstream ") for name in found):
        only_files = all(name.split()[-1] in FILE_PARAMS for name in found if name.startswith("upstream "))
        return "file-changed" if only_files else "upstream-headers-changed"
    if "files" in found and old.get("status") in _REFUSED and _passes(pair):
        return "access-widened"
    if "files" in found or ("body" in found and not _is_redirect(new)):
        return "file-changed"
    return _lesser(pair)


def _lesser(pair: Pair) -> str | None:
    """The class where a client sees the same answer at first."""
    if "final" in pair.found and not _failing(pair.old):
        if final_status(pair.old) in _REFUSED and final_status(pair.new) in _SERVED:
            return "access-widened"
        return "lost" if (final_status(pair.new) or _BAD) >= _BAD else "status-changed"
    if any(name.startswith("header ") for name in pair.found) or "body" in pair.found:
        return "headers-changed"
    return "served-by" if pair.moved else None


def _status(pair: Pair) -> str | None:
    """The class where the status, or whether there is one, is another."""
    old, new = pair.old, pair.new
    before, after = old.get("status"), new.get("status")
    if old.get("closed") == "timeout":
        # No answer is no outcome to compare with: told as not verified.
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


def _spoke(outcome: Outcome) -> bool:
    """Whether nginx took a request and closed the connection itself (`return 444`)."""
    return outcome.get("closed") == "closed"


def _decided(outcome: Outcome) -> bool:
    """Whether the configuration itself says 404: no file was looked for and no upstream asked."""
    return not outcome["errors"] and not outcome["upstreams"]


def _is_redirect(outcome: Outcome) -> bool:
    return outcome.get("status") in _REDIRECTS


def _failing(outcome: Outcome) -> bool:
    return (outcome.get("status") or 0) >= _ERROR or (final_status(outcome) or 0) >= _ERROR


def _failed(old: Outcome, new: Outcome) -> bool:
    """Whether an error is introduced.

    A 503 that a new listener is told to answer is none, and what an upstream that was told to fail makes of a request is
    none where no upstream was asked for it before: the plain request shows where it goes now.
    """
    if _failing(old) or not _failing(new) or (_upstream_failed(new) and not _upstream_failed(old)):
        return False
    return old.get("status") is not None or bool(new["errors"]) or not _decided(new)


def _upstream_failed(outcome: Outcome) -> bool:
    """Whether the last upstream that was asked failed, as stubs do only where the probe tells them to."""
    last = outcome["upstreams"][-1] if outcome["upstreams"] else None
    return last is not None and ((last.get("status") or 0) >= _ERROR or last.get("protocol") == "unknown")


def _passes(pair: Pair) -> bool:
    """Whether a request that was refused now comes through.

    nginx checks access before it looks for content: a file searched in vain, or an upstream asked that was not, tells it.
    """
    old, new = pair.old, pair.new
    if new.get("status") in _SERVED:
        return True
    if new.get("status") in _REFUSED:
        # Not refused by a rule any more: the folder has no index that could be shown.
        return any(map(_lists, new["errors"])) and not any(map(_lists, old["errors"]))
    asked = [call for call, _each in calls(old["upstreams"], pair.old_peers)]
    content = (call for call, _each in calls(new["upstreams"], pair.new_peers) if not pair.is_auth(call))
    if any(not any(known.same_upstream(call, pair.old_peers, pair.new_peers) for known in asked) for call in content):
        return True
    return bool(set(files(new)) - set(files(old)))


def _lists(line: str) -> bool:
    return line.startswith("directory index of ")


def _lost_authorisation(pair: Pair) -> bool:
    """Whether an upstream was asked for authorisation before, and content comes without asking now."""
    if (pair.new.get("status") or _ERROR) >= _BAD or "upstream" not in pair.found:
        return False
    asked = [call for call, _each in calls(pair.old["upstreams"], pair.old_peers)]
    asks = [call for call, _each in calls(pair.new["upstreams"], pair.new_peers)]
    # As many as before: it is asked elsewhere now.
    return len(asks) < len(asked) and any(map(pair.is_auth, asked)) and not any(map(pair.is_auth, asks))


def _removed_headers(pair: Pair) -> Iterator[str]:
    old, new = pair.old, pair.new
    for name in sorted(SECURITY_HEADERS):
        if f"header {name}" in pair.found and _comparable(old, new, name):
            before, after = header_values(old["headers"], name), header_values(new["headers"], name)
            if _protects(name, before) and not _protects(name, after) and not _replaced(name, new):
                yield name


def removed_headers(pair: Pair) -> list[str]:
    """The security headers that are gone, for the report."""
    return list(_removed_headers(pair))


def _comparable(old: Outcome, new: Outcome, name: str) -> bool:
    """Whether both answers should carry the header: without `always` nginx adds none to errors."""
    before, after = old.get("status") or 0, new.get("status") or 0
    if before == after or (before in _SERVED and after in _SERVED):
        return True
    return name == "strict-transport-security" and 0 < before < _BAD and 0 < after < _BAD


def _protects(name: str, values: list[str]) -> bool:
    if name == "strict-transport-security":
        # RFC 6797, 6.1.1: max-age=0 tells the browser to forget; a browser heeds the first header (8.1).
        return bool(values) and not _NO_HSTS.search(values[0])
    return any(value.strip() for value in values)


def _replaced(name: str, new: Outcome) -> bool:
    """CSP's frame-ancestors takes the place of X-Frame-Options (CSP Level 3, 6.4.2)."""
    if name != "x-frame-options":
        return False
    return any("frame-ancestors" in value.lower() for value in header_values(new["headers"], "content-security-policy"))
