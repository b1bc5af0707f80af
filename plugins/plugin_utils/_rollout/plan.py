# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""The plan of a deploy: what it would do, told once for all hosts on which it is the same."""

from __future__ import annotations

import typing as t
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from .approval import Approval, HostPlan
from .plain_json import JsonObject
from .plan_console import HostBlock, ToldComparison, host_blocks, last_line, paste_line
from .results import HostResults, Hostvars, StagedChange
from .verdict import why_unverified

_MOST_FINDINGS: t.Final = 20
#: Findings that a deploy prints.
_MOST_TOLD: t.Final = 10
_LINE: t.Final = "\n"

#: What a deploy would do to a group of hosts, in the order of the plan: what needs a look stands last.
_OUTCOMES: t.Final = {
    "nothing": "nothing to do",
    "change": "would be changed",
    "refused": "would be refused",
    "unknown": "no plan",
    "unreachable": "unreachable",
}
#: The groups that a deploy prints before it changes anything, in its words.
_TOLD: t.Final = {"change": "is to be changed", "refused": "is refused", "unknown": "could not be judged"}
_IN_THE_PLAN: t.Final = " (all of it is in the plan above)"
#: The word by which each of them is counted.
_COUNTED: t.Final = {
    "nothing": "unchanged",
    "change": "to change",
    "refused": "refused",
    "unknown": "without a plan",
    "unreachable": "unreachable",
}


@dataclass(frozen=True)
class PlanGroup:
    """Hosts on which a deploy would do the same."""

    hosts: tuple[str, ...]
    outcome: str
    text: tuple[str, ...]
    #: What a deploy prints of it, and of what is compared.
    brief: tuple[str, ...] = ()
    told: ToldComparison | None = None
    #: Another host that has the change in common, and what a plan and a deploy print instead; "" without one.
    same_as: str = ""
    short: tuple[str, ...] = ()
    short_brief: tuple[str, ...] = ()

    def to_json(self) -> JsonObject:
        """Write it for Ansible."""
        return {"hosts": list(self.hosts), "outcome": self.outcome, "text": list(self.text)}


@dataclass(frozen=True)
class DeployPlan:
    """The plan over all hosts.

    Attributes:
        groups: hosts that are alike.
        refused: host -> why a deploy would stop there.
        approval: what a deploy compares itself with; None where a host would be refused for something that no key accepts.
    """

    groups: tuple[PlanGroup, ...]
    refused: Mapping[str, str]
    approval: Approval | None

    @property
    def text(self) -> list[str]:
        """Return a summary, the lines of all groups, and the last line."""
        lines = [_summary(self.groups)]
        short: dict[tuple[str, tuple[str, ...]], list[str]] = {}
        for group in self.groups:
            if group.same_as:
                short.setdefault((group.outcome, group.short), []).extend(group.hosts)
            else:
                lines += ["", *group.text]
        for (outcome, told), hosts in short.items():
            lines += ["", f"{', '.join(hosts)}: {_OUTCOMES[outcome]}", *told]
        return [*lines, "", *self._ends]

    @property
    def console(self) -> list[str]:
        """Return what a deploy prints before it changes anything: lint, what changes for clients, and the last line."""
        blocks = (
            HostBlock(group.hosts, _TOLD[group.outcome], group.brief, group.same_as, group.short_brief)
            for group in self.groups
            if group.outcome in _TOLD
        )
        return [*host_blocks(blocks), *self._ends] if self.groups else []

    @property
    def _ends(self) -> list[str]:
        told = [group.told for group in self.groups if group.told]
        elsewhere = {host for group in self.groups if group.told and group.outcome == "refused" for host in group.hosts}
        refused = {
            host: reason.removesuffix(_IN_THE_PLAN) for host, reason in self.refused.items() if host not in elsewhere
        }
        nothing = all(group.outcome == "nothing" for group in self.groups)
        paste = paste_line(told)
        return [*([paste] if paste else []), last_line(told, refused, nothing=nothing)]

    def to_json(self) -> JsonObject:
        """Write it for Ansible."""
        return {
            "groups": [group.to_json() for group in self.groups],
            "approval": self.approval.to_json() if self.approval else None,
            "refused": dict(self.refused),
            "text": self.text,
            "console": self.console,
        }


def deploy_plan(hosts: Iterable[str], hostvars: Hostvars) -> DeployPlan:
    """Make the plan over these hosts, from what the role registered on each in check mode."""
    results = {host: HostResults(hostvars[host]) for host in hosts}
    alike: dict[tuple[str, str], list[str]] = {}
    for host, each in results.items():
        alike.setdefault(_likeness(each), []).append(host)
    order, first = list(_OUTCOMES), _first_alike(results)
    groups = tuple(
        _group(names, outcome, results, first)
        for (outcome, _key), names in sorted(alike.items(), key=lambda item: order.index(item[0][0]))
    )
    return DeployPlan(groups, dict(_refused(groups, results)), _approval(groups, results))


def _group(names: list[str], outcome: str, results: Mapping[str, HostResults], first: Mapping[str, str]) -> PlanGroup:
    """Make a group; in short, too, where another host with the change in common is told as a whole.

    Args:
        names: of its hosts.
        outcome: of `_OUTCOMES`.
        results: of all hosts.
        first: host -> the first host of the play with which it has the change in common.
    """
    best = _best(names, results)
    told = best.route_check.console
    group = PlanGroup(tuple(names), outcome, tuple(_lines(names, outcome, results)), tuple(_brief(best)), told)
    other = next((first[host] for host in names if host in first), "")
    if told is None or not other or other in names:
        return group
    known = [*_before_comparison(results[other])]
    own = [line for line in _before_comparison(best) if line not in known]
    files = _files(best.change)
    return replace(
        group,
        same_as=other,
        short=(
            *_indented("files", files if files != _files(results[other].change) else []),
            *_indented("lint", own),
            f"  {told.as_on(other)}",
        ),
        short_brief=(*own, told.as_on(other)),
    )


def _first_alike(results: Mapping[str, HostResults]) -> dict[str, str]:
    """Map each host with a comparison to the first one with the same outcome that has the change in common."""
    leaders: dict[tuple[str, str], str] = {}
    found: dict[str, str] = {}
    for host, each in results.items():
        told = each.route_check.console
        if told is not None and told.same:
            found[host] = leaders.setdefault((_likeness(each)[0], told.same_as or host), host)
    return found


def _approval(groups: Iterable[PlanGroup], results: Mapping[str, HostResults]) -> Approval | None:
    outcomes = {host: group.outcome for group in groups for host in group.hosts}
    if not results or not all(_can_be_done(outcomes[host], each) for host, each in results.items()):
        return None
    # Hosts that are alike may have got other keys, so every comparison is asked and not one of each group.
    told = [each.route_check.console for each in results.values() if each.route_check.console]
    accept = {key for each in told for key in (*each.keys, *each.accepted)}
    return Approval.of([HostPlan.of(host, each) for host, each in results.items()], accept)


def _can_be_done(outcome: str, results: HostResults) -> bool:
    """Return whether a deploy goes on at this host, at least once its keys are accepted."""
    return outcome in ("change", "nothing") or (outcome == "refused" and results.route_check.acceptable)


def _refused(groups: Iterable[PlanGroup], results: Mapping[str, HostResults]) -> Iterator[tuple[str, str]]:
    for group in groups:
        if group.outcome in ("refused", "unknown", "unreachable"):
            for host in group.hosts:
                reason = _message(results[host]).partition(_LINE)[0]
                yield host, f"{_OUTCOMES[group.outcome]}: {reason}{_IN_THE_PLAN}"


def _summary(groups: Iterable[PlanGroup]) -> str:
    counts = dict.fromkeys(_OUTCOMES, 0)
    for group in groups:
        counts[group.outcome] += len(group.hosts)
    number = sum(counts.values())
    parts = ", ".join(f"{count} {_COUNTED[outcome]}" for outcome, count in counts.items() if count)
    return f"{number} host{'' if number == 1 else 's'}: {parts}"


def _likeness(results: HostResults) -> tuple[str, str]:
    """Return the outcome of a host, and a key that it shares with hosts that are alike."""
    staged, check, key = results.staged, results.route_check, results.change.key or ""
    if not staged.ran or staged.unreachable or check.step.unreachable:
        return "unreachable", _message(results)
    if staged.failed:
        # A refusal has findings or a comparison to show; without them the source, the host or this collection failed.
        judged = check.refused is not None if check.step.ran else results.change.findings is not None
        return "refused" if judged else "unknown", key or _message(results)
    if staged.state == "confirmed":
        return "nothing", "reload" if staged.reload_needed else ""
    return "change", key


def _best(hosts: Iterable[str], results: Mapping[str, HostResults]) -> HostResults:
    """Return the results with the most fields: of hosts that are alike only one made the comparison."""
    return max((results[host] for host in hosts), key=lambda each: (each.route_check.compared, each.change.size))


def _brief(results: HostResults) -> Iterator[str]:
    """Yield what a deploy prints: the reason of a refusal that no comparison shows, lint, what changes for clients."""
    yield from _before_comparison(results)
    yield from results.route_check.console.lines if results.route_check.console else []


def _before_comparison(results: HostResults) -> Iterator[str]:
    check = results.route_check
    if check.console is None:
        message = _message(results)
        yield from message.splitlines()[:1] if results.staged.bad or check.step.bad else []
    yield from _findings(results.change, results.config_dir.rstrip("/") + "/", _MOST_TOLD)
    unverified = why_unverified(results) if not results.staged.failed or check.refused is not None else ""
    yield from [f"behaviour not verified: {unverified}"] if unverified else []


def _lines(hosts: list[str], outcome: str, results: Mapping[str, HostResults]) -> Iterator[str]:
    best = _best(hosts, results)
    check = best.route_check
    yield f"{', '.join(hosts)}: {_OUTCOMES[outcome]}"
    if outcome == "nothing":
        yield from ["  nginx is to be reloaded"] if best.staged.reload_needed else []
        return
    if outcome == "unreachable":
        yield from (f"  {line}".rstrip() for line in _message(best).splitlines())
        return
    report = check.report.splitlines()
    if outcome != "change":
        yield from _indented("why", _reason(best, has_report=bool(report)))
    yield from _indented("files", _files(best.change))
    yield from _indented("lint", _findings(best.change, best.config_dir.rstrip("/") + "/", _MOST_FINDINGS))
    yield from _indented("configuration", check.difference.splitlines())
    unverified = why_unverified(best) if outcome == "change" or check.refused is not None else ""
    yield from _indented("behaviour", [f"not verified: {unverified}"] if unverified else [])
    # The changes of the configuration stand above.
    lines = [line for line in report if not line.startswith("config: ")]
    yield from _indented("behaviour", check.console.lines if check.console else lines)


def _reason(results: HostResults, *, has_report: bool) -> list[str]:
    """Return why a deploy would stop here: all of it, or what the comparison below does not show."""
    message = _message(results).splitlines()
    shown = message[:1] if has_report else message
    # What is told of a comparison has them.
    lines = () if results.route_check.console else results.route_check.guilty_lines
    return [*shown, *(f"guilty: {line}" for line in lines if line not in _LINE.join(shown))]


def _files(change: StagedChange) -> list[str]:
    signs = {"+": change.added, "~": change.modified, "-": change.removed}
    return [f"{sign} {path}" for sign, paths in signs.items() for path in paths]


def _findings(change: StagedChange, folder: str, most: int) -> list[str]:
    """Return errors and warnings, and the number of advices: a change need not follow them at once.

    Args:
        change: with the findings.
        folder: of the configuration on the host, which is left out of the files' names.
        most: how many are written out; those in files that change come first.
    """
    files = {*change.added, *change.modified}
    found = sorted(change.findings or (), key=lambda each: each.file.removeprefix(folder) not in files)
    lines = [
        f"{each.severity} {each.rule} {each.file.removeprefix(folder)}:{each.line} {each.message}"
        for severity in ("error", "warning")
        for each in found
        if each.severity == severity
    ]
    more = len(lines) - most
    advice = sum(each.severity == "advice" for each in found)
    told = f"{advice} piece{'' if advice == 1 else 's'} of advice: -v shows {'it' if advice == 1 else 'them'}"
    return [*lines[:most], *([f"... and {more} more"] if more > 0 else []), *([told] if advice else [])]


def _indented(title: str, lines: Iterable[str]) -> Iterator[str]:
    lines = list(lines)
    if lines:
        yield f"  {title}:"
        yield from (f"    {line}".rstrip() for line in lines)


def _message(results: HostResults) -> str:
    for step in (results.staged, results.route_check.step):
        if step.bad:
            return step.message
    return "the host was not asked"
