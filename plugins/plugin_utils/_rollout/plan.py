# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What a deploy would do, told once for all hosts on which it is the same. Plain data in, plain data out."""

from __future__ import annotations

import typing as t
from collections.abc import Iterable, Iterator, Mapping

from . import approval

_STAGED: t.Final = "__nginx_deploy_staged"
_BEHAVIOUR: t.Final = "__nginx_deploy_behaviour"
_MOST_FINDINGS: t.Final = 20

Result = Mapping[str, t.Any]


def deploy_plan(hosts: Iterable[str], hostvars: Mapping[str, Mapping[str, t.Any]]) -> dict[str, t.Any]:
    """The plan over these hosts, from what the role registered on each in check mode.

    Returns:
        `groups` (each `hosts`, `outcome` - one of `change`, `nothing`, `refused`, `unreachable` - and `text`), `refused`
        (host -> why a deploy would stop there), `approval` (what a deploy compares itself with, see `approval`; None where a host would be
        refused) and `text` (the lines of all groups).

    """
    told = {host: (_result(hostvars[host], _STAGED), _result(hostvars[host], _BEHAVIOUR)) for host in hosts}
    alike: dict[tuple[str, str], list[str]] = {}
    for host, (staged, behaviour) in told.items():
        alike.setdefault(_kind(staged, behaviour), []).append(host)
    groups = [
        {"hosts": names, "outcome": outcome, "text": list(_lines(names, outcome, told))}
        for (outcome, _key), names in alike.items()
    ]
    clean = all(group["outcome"] in ("change", "nothing") for group in groups)
    return {
        "groups": groups,
        "approval": approval.approval([approval.HostPlan.of(host, *told[host]) for host in told])
        if clean and told
        else None,
        "refused": {
            host: _message(*told[host])
            for group in groups
            if group["outcome"] in ("refused", "unreachable")
            for host in group["hosts"]
        },
        "text": [line for group in groups for line in group["text"]],
    }


def _kind(staged: Result, behaviour: Result) -> tuple[str, str]:
    """What a host comes to, and what makes it like others."""
    key = str((staged.get("plan") or {}).get("key") or "")
    if not staged or staged.get("unreachable") or behaviour.get("unreachable"):
        return "unreachable", _message(staged, behaviour)
    if staged.get("failed"):
        return "refused", key or _message(staged, behaviour)
    if staged.get("state") == "confirmed":
        return "nothing", "reload" if staged.get("reload_needed") else ""
    return "change", key


def _lines(hosts: list[str], outcome: str, told: Mapping[str, tuple[Result, Result]]) -> Iterator[str]:
    # Of hosts that are alike only one was asked in full; it has the most to tell.
    staged, behaviour = max((told[host] for host in hosts), key=lambda each: ("changes" in each[1], len(each[0])))
    names = ", ".join(hosts)
    if outcome == "unreachable":
        yield f"{names}: not asked: {_message(staged, behaviour)}"
        return
    if outcome == "nothing":
        yield f"{names}: nothing to do" + ("; nginx is to be reloaded" if staged.get("reload_needed") else "")
        return
    yield f"{names}: would be {'refused' if outcome == 'refused' else 'changed'}"
    yield from _indented("files", _files(staged))
    yield from _indented("lint", _findings(staged))
    yield from _indented("configuration", str((behaviour.get("difference") or {}).get("text") or "").splitlines())
    if behaviour.get("verified") is False:
        yield from _indented("behaviour", [f"not verified: {behaviour.get('reason')}"])
    yield from _indented("behaviour", str((behaviour.get("diff") or {}).get("prepared") or "").splitlines())
    if outcome == "refused":
        guilty = [str(line) for line in behaviour.get("lines") or ()]
        yield from (
            _indented("guilty", guilty) if guilty else _indented("refused", _message(staged, behaviour).splitlines())
        )


def _files(staged: Result) -> list[str]:
    signs = {"added": "+", "modified": "~", "removed": "-"}
    return [f"{sign} {path}" for name, sign in signs.items() for path in staged.get(name) or ()]


def _findings(staged: Result) -> list[str]:
    found = staged.get("findings") or []
    lines = [f"{each['severity']} {each['rule']} {each['file']}:{each['line']} {each['message']}" for each in found]
    more = len(lines) - _MOST_FINDINGS
    return [*lines[:_MOST_FINDINGS], *([f"... and {more} more"] if more > 0 else [])]


def _indented(title: str, lines: Iterable[str]) -> Iterator[str]:
    lines = list(lines)
    if lines:
        yield f"  {title}:"
        yield from (f"    {line}".rstrip() for line in lines)


def _message(staged: Result, behaviour: Result) -> str:
    for result in (staged, behaviour):
        if result.get("failed") or result.get("unreachable"):
            return str(result.get("msg") or "no message").strip()
    return "the host was not asked"


def _result(variables: Mapping[str, t.Any], name: str) -> Result:
    value = variables.get(name)
    return value if isinstance(value, Mapping) and not value.get("skipped") else {}
