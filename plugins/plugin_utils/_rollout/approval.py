# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""A plan in a form that is small enough to hand from one job to the next, and the comparison of a deploy with it.

The plan of a host has three parts. The first is what it runs: release, drift, what nginx read. The second is what it would run:
release, files, what nginx would read. The third is what else decides: nginx and its modules, the options, the groups of changes
that the route check found, accepted or not. A digest covers the plans of all hosts.
Fingerprints, a few letters for each host, let a deploy to some hosts (the canary) be compared too, and tell what differs.

They keep mistakes out, such as a merge or an edit between plan and deploy. They are no signature: any user with the right to
launch a deploy can pass any plan.
"""

from __future__ import annotations

import base64
import dataclasses
import functools
import hashlib
import json
import re
import typing as t
from collections.abc import Iterable, Mapping

from ansible_collections.failsafe.nginx.plugins.module_utils._common.json_text import parse_json

from .errors import RolloutError
from .plain_json import JsonObject, fields, plain
from .results import HostResults

#: The form of what `Approval.to_json` writes, and of what the fingerprints cover. 1 is the one without this number.
VERSION: t.Final = 2
#: A key of a group, as `_comparison/accept_keys.py` makes it.
_KEY: t.Final = re.compile(r"[a-z0-9-]+", re.ASCII)

#: Letters (of 6 bits) of a fingerprint for: the host, what it runs, its candidate, all of it.
_WIDE: t.Final = (6, 4, 4, 22)
_NARROW: t.Final = (2, 1, 1, 5)
#: Up to this number of hosts fingerprints are wide.
_FEW: t.Final = 250
_DIGEST: t.Final = "plan-"


class HostPlan(t.NamedTuple):
    """The plan of one host; `nothing` says that a deploy would not change it."""

    host: str
    live: tuple[t.Any, ...]
    candidate: str
    rest: tuple[t.Any, ...]
    nothing: bool

    @classmethod
    def of(cls, host: str, results: HostResults) -> HostPlan:
        """Make it of the results of staging, in check mode or not, and of the route check."""
        staged, change, check = results.staged, results.change, results.route_check
        live = (str(staged.previous), tuple(sorted(change.drift)), str(change.before))
        files = tuple(tuple(sorted(paths)) for paths in (change.added, change.modified, change.removed))
        # What was accepted is left out: the plan is made before anything is accepted, and the deploy comes after it.
        checked = (check.step.ran, bool(check.verified), check.groups)
        rest = (staged.unchanged, files, str(change.after), str(change.key), str(change.asked), checked)
        return cls(host, live, str(staged.release), rest, staged.unchanged)

    def fingerprint(self, widths: tuple[int, ...]) -> tuple[str, ...]:
        """Return short hashes of the host, what it runs, its candidate, and all of it."""
        parts = (self.host, (self.host, self.live), (self.host, self.candidate), self)
        return tuple(_letters(part)[:width] for part, width in zip(parts, widths, strict=True))


@dataclasses.dataclass(frozen=True)
class Approval:
    """The plan of all hosts, for the job that deploys.

    Attributes:
        digest: of the plans of all hosts.
        prints: the kind of the fingerprints, and all of them in one text.
        hosts: the number of hosts; None where the plan that arrived does not tell it.
        changes: the number of hosts that a deploy would change.
        accept: keys of the groups that stop without being accepted, in alphabetical order.
    """

    digest: str
    prints: str
    hosts: int | None = None
    changes: int | None = None
    accept: tuple[str, ...] = ()

    @classmethod
    def of(cls, plans: list[HostPlan], accept: Iterable[str] = ()) -> Approval:
        """Make it of the plans of all hosts, and of the keys that a deploy has to accept."""
        ordered = sorted(plans)
        kind = "wide" if len(ordered) <= _FEW else "narrow"
        widths = _widths(kind)
        prints = sorted("".join(plan.fingerprint(widths)) for plan in ordered)
        return cls(
            digest=_DIGEST + hashlib.sha256(_canonical(ordered)).hexdigest(),
            prints=f"{kind}:{''.join(prints)}",
            hosts=len(ordered),
            changes=sum(not plan.nothing for plan in ordered),
            accept=tuple(sorted(set(accept))),
        )

    @classmethod
    def from_json(cls, name: str, value: object) -> Approval:
        """Read a plan that arrived in a variable, as a dictionary or as JSON, or in a file.

        Args:
            name: of the variable or the file, for messages.
            value: what arrived. Fields that this version does not know are left out, such as the lines of a plan file.

        Raises:
            RolloutError: it is none, it is damaged, or another version of this collection made it.
        """
        found = value
        if isinstance(value, str):
            try:
                found = parse_json(value)
            except ValueError:
                found = None
        data = fields(found)
        prints = data.get("prints")
        if not isinstance(prints, str) or not str(data.get("digest")).startswith(_DIGEST):
            raise RolloutError(
                f"{name} is no plan. It is what the playbook failsafe.nginx.plan hands to the next job as an artifact, a dictionary with"
                " digest and prints; in a form, paste all of it as JSON."
            )
        known, hosts = _fingerprints(prints), _number(data.get("hosts"))
        if hosts is not None and hosts != sum(map(len, known.values())):
            raise RolloutError("The prints of the approved plan are cut short.")
        _check_version(name, data.get("version"))
        accept = _keys(name, data.get("accept"))
        return cls(str(data["digest"]), prints, hosts, _number(data.get("changes")), accept)

    def to_json(self) -> JsonObject:
        """Write it, without what is not known."""
        values: JsonObject = {
            "version": VERSION,
            "digest": self.digest,
            "hosts": self.hosts,
            "changes": self.changes,
            "accept": list(self.accept),
            "prints": self.prints,
        }
        return {name: value for name, value in values.items() if value is not None}

    def difference(self, plan: HostPlan) -> str:
        """Return why a host's plan differs from the approved one, or ""."""
        kind = self.prints.partition(":")[0]
        host, live, candidate, all_ = plan.fingerprint(_widths(kind))
        known = _fingerprints(self.prints).get(host, ())
        if any(each == (live, candidate, all_) for each in known):
            return ""
        # A host of the canary runs the approved candidate by the time of the fleet.
        if plan.nothing and any(each[1] == candidate for each in known):
            return ""
        if not known:
            why = "this host was not in it"
        elif all(each[1] != candidate for each in known):
            why = f"the candidate is another one now, {plan.candidate}"
        elif all(each[0] != live for each in known):
            why = f"the host was changed since; it runs {plan.live[0]} now"
            why += ", edited by hand" if plan.live[1] else ""
        else:
            why = "the options, nginx, or what the route check found are not those of the plan"
        return f"not what was approved ({self.digest[:17]}): {why}; nothing was changed; make a plan and have it approved again"


def _check_version(name: str, value: object) -> None:
    version = _number(value)
    if version == VERSION:
        return
    age = "a newer" if version is not None and version > VERSION else "an older"
    raise RolloutError(
        f"{name} was made by {age} version of this collection (form {1 if version is None else version} of a plan; this one reads {VERSION})."
        " Make the plan and the deploy with the same version."
    )


def _keys(name: str, value: object) -> tuple[str, ...]:
    """Return the accepted keys.

    Raises:
        RolloutError: they are no list of keys.
    """
    keys = plain(value)
    if isinstance(keys, list) and all(isinstance(key, str) and _KEY.fullmatch(key) for key in keys):
        return tuple(keys)
    raise RolloutError(f"{name} is damaged: accept has to be a list of keys such as lost-3f9a1c2b4d.")


def _number(value: object) -> int | None:
    return int(value) if isinstance(value, (int, str)) and str(value).isdecimal() else None


@functools.lru_cache(maxsize=4)
def _fingerprints(prints: str) -> Mapping[str, tuple[tuple[str, str, str], ...]]:
    """Return the fingerprints by that of the host; hosts may share one."""
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
        raise RolloutError(f"The prints of the approved plan are of an unknown kind, {kind[:20]!r}.")
    return _WIDE if kind == "wide" else _NARROW


def _letters(part: object) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(_canonical(part)).digest()).decode("ascii")


def _canonical(part: object) -> bytes:
    return json.dumps(part, sort_keys=True, ensure_ascii=True).encode("ascii")
