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
from .verdict import why_unverified

_STAGED: t.Final = "__nginx_deploy_staged"
_BEHAVIOUR: t.Final = "__nginx_deploy_behaviour"
_MOST_FINDINGS: t.Final = 20
_LINE: t.Final = "\n"

#: What a group of hosts comes to, in the order in which it is told: what needs a look stands last.
_OUTCOMES: t.Final = {
    "nothing": "nothing to do",
    "change": "would be changed",
    "refused": "would be refused",
    "unknown": "no plan",
    "unreachable": "unreachable",
}
#: How each of them is counted.
_COUNTED: t.Final = {
    "nothing": "unchanged",
    "change": "to change",
    "refused": "refused",
    "unknown": "without a plan",
    "unreachable": "unreachable",
}
_LIVE: t.Final = "/etc/nginx"

Result = Mapping[str, t.Any]


class _Told(t.NamedTuple):
    """What one host registered, and its configuration folder."""

    staged: Result
    behaviour: Result
    folder: str


def deploy_plan(hosts: Iterable[str], hostvars: Mapping[str, Mapping[str, t.Any]]) -> dict[str, t.Any]:
    """The plan over these hosts, from what the role registered on each in check mode.

    Returns:
        `groups` (each `hosts`, `outcome` - one of `nothing`, `change`, `refused`, `unknown` (no plan came about) and
        `unreachable` - and `text`), `refused` (host -> why a deploy would stop there), `approval` (what a deploy compares itself with,
        see `approval`; None where a host would be refused) and `text` (the lines of all groups).

    """
    told = {host: _told(hostvars[host]) for host in hosts}
    alike: dict[tuple[str, str], list[str]] = {}
    for host, each in told.items():
        alike.setdefault(_kind(each.staged, each.behaviour), []).append(host)
    order = list(_OUTCOMES)
    groups = [
        {"hosts": names, "outcome": outcome, "text": list(_lines(names, outcome, told))}
        for (outcome, _key), names in sorted(alike.items(), key=lambda item: order.index(item[0][0]))
    ]
    clean = all(group["outcome"] in ("change", "nothing") for group in groups)
    return {
        "groups": groups,
        "approval": approval.approval(
            [approval.HostPlan.of(host, each.staged, each.behaviour) for host, each in told.items()]
        )
        if clean and told
        else None,
        "refused": {
            host: f"{_OUTCOMES[outcome]}: {_message(*told[host][:2]).partition(_LINE)[0]} (all of it is in the plan above)"
            for outcome in ("refused", "unknown", "unreachable")
            for group in groups
            if group["outcome"] == outcome
            for host in group["hosts"]
        },
        "text": [_summary(groups), *(line for group in groups for line in ("", *group["text"]))],
    }


def _summary(groups: list[dict[str, t.Any]]) -> str:
    counts = dict.fromkeys(_OUTCOMES, 0)
    for group in groups:
        counts[group["outcome"]] += len(group["hosts"])
    number = sum(counts.values())
    told = ", ".join(f"{count} {_COUNTED[outcome]}" for outcome, count in counts.items() if count)
    return f"{number} host{'' if number == 1 else 's'}: {told}"


def _told(variables: Mapping[str, t.Any]) -> _Told:
    folder = str(variables.get("nginx_deploy_config_dir") or _LIVE).rstrip("/") + "/"
    return _Told(_result(variables, _STAGED), _result(variables, _BEHAVIOUR), folder)


def _kind(staged: Result, behaviour: Result) -> tuple[str, str]:
    """What a host comes to, and what makes it like others."""
    key = str((staged.get("plan") or {}).get("key") or "")
    if not staged or staged.get("unreachable") or behaviour.get("unreachable"):
        return "unreachable", _message(staged, behaviour)
    if staged.get("failed"):
        # Who judges has findings or a comparison to show; without them the source, the host or we are at fault.
        judged = "refused" in behaviour if behaviour else "findings" in staged
        return "refused" if judged else "unknown", key or _message(staged, behaviour)
    if staged.get("state") == "confirmed":
        return "nothing", "reload" if staged.get("reload_needed") else ""
    return "change", key


def _lines(hosts: list[str], outcome: str, told: Mapping[str, _Told]) -> Iterator[str]:
    # Of hosts that are alike only one was asked in full; it has the most to tell.
    staged, behaviour, folder = max(
        (told[host] for host in hosts), key=lambda each: ("changes" in each[1], len(each[0]))
    )
    yield f"{', '.join(hosts)}: {_OUTCOMES[outcome]}"
    if outcome == "nothing":
        yield from ["  nginx is to be reloaded"] if staged.get("reload_needed") else []
        return
    if outcome == "unreachable":
        yield from (f"  {line}".rstrip() for line in _message(staged, behaviour).splitlines())
        return
    report = str((behaviour.get("diff") or {}).get("prepared") or "").splitlines()
    if outcome != "change":
        yield from _indented("why", _reason(staged, behaviour, told=bool(report)))
    yield from _indented("files", _files(staged))
    yield from _indented("lint", _findings(staged, folder))
    yield from _indented("configuration", str((behaviour.get("difference") or {}).get("text") or "").splitlines())
    unverified = why_unverified(staged, behaviour) if outcome == "change" or "refused" in behaviour else ""
    yield from _indented("behaviour", [f"not verified: {unverified}"] if unverified else [])
    # What changed in the configuration has been told.
    yield from _indented("behaviour", [line for line in report if not line.startswith("config: ")])


def _reason(staged: Result, behaviour: Result, *, told: bool) -> list[str]:
    """Why a deploy would stop here: all of it, or as much as the comparison below does not show."""
    message = _message(staged, behaviour).splitlines()
    shown = message[:1] if told else message
    return [*shown, *(f"guilty: {line}" for line in behaviour.get("lines") or () if line not in "\n".join(shown))]


def _files(staged: Result) -> list[str]:
    signs = {"added": "+", "modified": "~", "removed": "-"}
    return [f"{sign} {path}" for name, sign in signs.items() for path in staged.get(name) or ()]


def _findings(staged: Result, folder: str) -> list[str]:
    """Errors and warnings; how much advice there is, which a change of something else need not follow tonight."""
    found = staged.get("findings") or []
    lines = [
        f"{each['severity']} {each['rule']} {str(each['file']).removeprefix(folder)}:{each['line']} {each['message']}"
        for severity in ("error", "warning")
        for each in found
        if each["severity"] == severity
    ]
    more = len(lines) - _MOST_FINDINGS
    advice = sum(each["severity"] == "advice" for each in found)
    return [
        *lines[:_MOST_FINDINGS],
        *([f"... and {more} more"] if more > 0 else []),
        *(
            [f"{advice} piece{'' if advice == 1 else 's'} of advice: -v shows {'it' if advice == 1 else 'them'}"]
            if advice
            else []
        ),
    ]


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
