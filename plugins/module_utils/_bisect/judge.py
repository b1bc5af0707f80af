# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Whether an outcome is the one from before a change or the one from after it, looked at in one respect."""

from __future__ import annotations

import typing as t

from .ddmin import FAIL, PASS, UNRESOLVED

Outcome = t.Dict[str, t.Any]

#: In which respects outcomes are compared, the weightiest first; "header:NAME" stands where "headers" does.
ASPECTS = ("status", "chain", "location", "upstream", "headers", "upstream-headers", "body", "errors")
#: Fields that differ from one answer to the next, or only because a file was written again.
_VOLATILE = frozenset(["date", "expires", "etag", "last-modified", "connection", "content-length"])
_SECURITY = ("strict-transport-security", "content-security-policy", "x-frame-options", "x-content-type-options")


def differing(aspects: t.Iterable[str], before: Outcome, again: Outcome, after: Outcome) -> t.Optional[str]:
    """The first aspect in which `after` differs from `before`, None where there is none.

    Args:
        aspects: of `ASPECTS` or "header:NAME", in the order of their weight.
        before: the outcome without the change.
        again: the same, from a second request: what differs here already says nothing.
        after: the outcome with the change.
    """
    for aspect in aspects:
        names = _headers(before, after) if aspect == "headers" else [aspect]
        for name in names:
            if seen(name, before) == seen(name, again) != seen(name, after):
                return name
    return None


def judge(aspect: str, before: Outcome, after: Outcome, outcome: Outcome) -> str:
    """`pass` for what `before` shows in this aspect, `fail` for what `after` does, else `unresolved`."""
    what = seen(aspect, outcome)
    return PASS if what == seen(aspect, before) else FAIL if what == seen(aspect, after) else UNRESOLVED


def seen(aspect: str, outcome: Outcome) -> t.Any:
    """What an outcome shows in one aspect, as something that can be compared."""
    if aspect.startswith("header:"):
        return _values(outcome, aspect[len("header:") :])
    if aspect == "status":
        return [outcome["status"], outcome["closed"]]
    if aspect == "chain":
        return [outcome.get("chain"), [hop.get("status") for hop in outcome.get("hops") or ()]]
    if aspect == "upstream":
        return [[one.get("target"), one.get("method"), one.get("uri")] for one in outcome["upstreams"]]
    if aspect == "upstream-headers":
        return [[one.get("headers"), one.get("params")] for one in outcome["upstreams"]]
    if aspect == "body":
        return [outcome["body_length"], outcome["body_digest"]]
    return outcome[aspect]


def _headers(before: Outcome, after: Outcome) -> t.List[str]:
    names = {name.lower() for outcome in (before, after) for name, _value in outcome["headers"]} - _VOLATILE
    # Those that protect first, then those that are gone.
    order = sorted(names, key=lambda name: (name not in _SECURITY, bool(_values(after, name)), name))
    return ["header:" + name for name in order]


def _values(outcome: Outcome, name: str) -> t.List[str]:
    return [value for field, value in outcome["headers"] if field.lower() == name]
