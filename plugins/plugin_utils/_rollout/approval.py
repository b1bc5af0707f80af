# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What a plan came to, small enough to be handed from one job to the next, and whether a deploy would do the same.

The plan of a host is what it runs (release, drift, what nginx read), what it would run (release, files, what nginx would read), and what
else decides: nginx and its modules, the options, what the route check found. A digest covers the plans of all hosts. Prints,
a few letters a host, let a deploy to some of them (the canary) be compared too, and tell what differs. They keep mistakes out, such
as a merge or an edit between plan and deploy. They are no signature: whoever may launch a deploy may hand over any plan.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import typing as t
from collections.abc import Mapping

from .options import RolloutError

Result = Mapping[str, t.Any]

#: Letters (of 6 bits) of a print for: which host, what it runs, its candidate, all of it. Up to how many hosts the first are used.
_WIDE: t.Final = (6, 4, 4, 22)
_NARROW: t.Final = (2, 1, 1, 5)
_FEW: t.Final = 250
_DIGEST: t.Final = "plan-"


class HostPlan(t.NamedTuple):
    """What would be done on one host; `nothing` says that it is nothing at all."""

    host: str
    live: tuple[t.Any, ...]
    candidate: str
    rest: tuple[t.Any, ...]
    nothing: bool

    @classmethod
    def of(cls, host: str, staged: Result, behaviour: Result) -> HostPlan:
        """Out of the results of staging it, in check mode or not, and of the route check."""
        plan = staged.get("plan") or {}
        nothing = staged.get("state") == "confirmed" and not staged.get("reload_needed")
        live = (str(staged.get("previous")), _texts(staged.get("drift")), str(plan.get("before")))
        files = tuple(_texts(staged.get(name)) for name in ("added", "modified", "removed"))
        checked = (bool(behaviour), bool(behaviour.get("verified")), bool(behaviour.get("refused")))
        rest = (nothing, files, str(plan.get("after")), str(plan.get("key")), str(staged.get("asked")), checked)
        return cls(host, live, str(staged.get("release")), rest, nothing)

    def print(self, widths: tuple[int, ...]) -> tuple[str, ...]:
        """Letters for the host, what it runs, its candidate, and all of it."""
        parts = (self.host, (self.host, self.live), (self.host, self.candidate), self)
        return tuple(_letters(part)[:width] for part, width in zip(parts, widths, strict=True))


def approval(plans: list[HostPlan]) -> dict[str, t.Any]:
    """The plan of these hosts for the job that deploys: `digest`, `hosts` (number), `changes` (number), `prints`."""
    ordered = sorted(plans)
    kind = "wide" if len(ordered) <= _FEW else "narrow"
    widths = _widths(kind)
    prints = sorted("".join(plan.print(widths)) for plan in ordered)
    return {
        "digest": _DIGEST + hashlib.sha256(_plain(ordered)).hexdigest(),
        "hosts": len(ordered),
        "changes": sum(not plan.nothing for plan in ordered),
        "prints": f"{kind}:{''.join(prints)}",
    }


def read(name: str, value: t.Any) -> dict[str, t.Any]:
    """An approval that arrived, as a dictionary or as JSON.

    Raises:
        RolloutError: it is none.

    """
    found = value
    if isinstance(value, str):
        try:
            found = json.loads(value)
        except ValueError:
            found = None
    prints = found.get("prints") if isinstance(found, Mapping) else None
    if not isinstance(prints, str) or not str(found.get("digest")).startswith(_DIGEST):
        raise RolloutError(
            f"{name} is no plan. It is what the playbook failsafe.nginx.plan hands to the next job as an artifact, a dictionary with digest and"
            " prints; in a form, paste all of it as JSON."
        )
    _entries(prints)
    return {key: found[key] for key in ("digest", "hosts", "changes", "prints") if key in found}


def differs(plan: HostPlan, approved: Result) -> str:
    """Why what would be done on this host is not what was approved; empty where it is."""
    kind = str(approved["prints"]).partition(":")[0]
    host, live, candidate, all_ = plan.print(_widths(kind))
    known = _entries(str(approved["prints"])).get(host, ())
    if any(each == (live, candidate, all_) for each in known):
        return ""
    # A host of the canary has what was approved by the time of the fleet.
    if plan.nothing and any(each[1] == candidate for each in known):
        return ""
    if not known:
        why = "this host was not in it"
    elif all(each[1] != candidate for each in known):
        why = f"the candidate is another one now, {plan.candidate}"
    elif all(each[0] != live for each in known):
        why = f"the host was changed since; it runs {plan.live[0]} now" + (", edited by hand" if plan.live[1] else "")
    else:
        why = "the options, nginx, or what the route check found are not those of the plan"
    return f"not what was approved ({str(approved['digest'])[:17]}): {why}; nothing was changed; make a plan and have it approved again"


@functools.lru_cache(maxsize=4)
def _entries(prints: str) -> Mapping[str, tuple[tuple[str, str, str], ...]]:
    kind, _colon, letters = prints.partition(":")
    widths = _widths(kind)
    size = sum(widths)
    if len(letters) % size:
        raise RolloutError("The prints of the approved plan are cut short.")
    found: dict[str, tuple[tuple[str, str, str], ...]] = {}
    first, second, third = widths[0], sum(widths[:2]), sum(widths[:3])
    for start in range(0, len(letters), size):
        one = letters[start : start + size]
        found[one[:first]] = (*found.get(one[:first], ()), (one[first:second], one[second:third], one[third:]))
    return found


def _widths(kind: str) -> tuple[int, ...]:
    if kind not in ("wide", "narrow"):
        raise RolloutError(f"The prints of the approved plan are of a kind that there is not, {kind[:20]!r}.")
    return _WIDE if kind == "wide" else _NARROW


def _letters(part: t.Any) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(_plain(part)).digest()).decode("ascii")


def _plain(part: t.Any) -> bytes:
    return json.dumps(part, sort_keys=True, ensure_ascii=True).encode("ascii")


def _texts(values: t.Any) -> tuple[str, ...]:
    return tuple(sorted(map(str, values or ())))
