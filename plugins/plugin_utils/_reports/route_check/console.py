# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Write the console text of a plan or a deploy about a route check: about 40 lines, worst first.

What stops is told with its request, its causes and its key; what does not, with one line a group. The report has the rest.
"""

from __future__ import annotations

import re
import typing as t
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison import BehaviourChange, ExpectationResult
from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison.long_lines import changed_parts
from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison.report import FILES_MOVED
from ansible_collections.failsafe.nginx.plugins.plugin_utils._markup.wording import counted

from .accepting import keys_of
from .text import cause_text, expectation_text, headline, unverified_text

if t.TYPE_CHECKING:
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison import GateFailure, RouteCheckReport
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison.report import Example

#: Lines in all, and those that may tell of what stops.
MOST_LINES: t.Final = 40
_MOST_STOPPING: t.Final = 34
#: Characters of a line, and of each outcome in a line of both.
_WIDTH: t.Final = 160
_HALF: t.Final = 60
#: Groups of one class and server above this number are told as one, with three examples.
_MANY: t.Final = 3
_EXAMPLES: t.Final = 3
_MOST_EXPECTATIONS: t.Final = 5
_MOST_CAUSES: t.Final = 2
_MOST_GAPS: t.Final = 3
_IN_BLOCKS: t.Final = re.compile(r"in \d+ blocks")


@dataclass(frozen=True)
class ConsoleText:
    """The part of a route check that is printed.

    Attributes:
        lines: the headline, what changes for clients, and what is known of the comparison itself.
        summary: the numbers in one sentence without its end: `2 of 41 requests of www.example.com now fail`.
        keys: of the groups that stop.
        given: keys that the task was given.
        others: how many reasons stop that no key accepts.
        accepted: keys that the task was given and that accepted a group.
    """

    lines: list[str]
    summary: str
    keys: list[str]
    given: list[str]
    others: int
    accepted: list[str]

    def as_dict(self) -> dict[str, object]:
        """Return it as the module returns it."""
        return {
            "lines": self.lines,
            "summary": self.summary,
            "keys": self.keys,
            "given": self.given,
            "others": self.others,
            "accepted": self.accepted,
        }


def console_text(
    report: RouteCheckReport, guilty: Sequence[GateFailure], given: Sequence[str] = (), found: Sequence[str] = ()
) -> ConsoleText:
    """Make the text for the console.

    Args:
        report: of the route check.
        guilty: why the change is refused, nothing where it is not.
        given: keys that the task was given.
        found: lines about the guilty lines, and about accepting.
    """
    stopping = [each.reason for each in guilty if isinstance(each.reason, BehaviourChange)]
    stops = {id(change) for change in stopping}
    passing = [change for change in report.changes if id(change) not in stops]
    # That another block answers alike is told after what clients notice.
    passing.sort(key=lambda change: change.name == "served-by")
    room = _MOST_STOPPING - len(found)
    lines = [
        headline(report),
        *_bounded(_entries(stopping, _stopping), room, ("stops", "stop")),
        *_expectations(report),
        *found,
    ]
    ends = list(_ends(report))
    entries = _entries(passing, _passing) if stopping or not _is_first(passing) else [_first(passing)]
    lines += _bounded(entries, max(1, MOST_LINES - len(lines) - len(ends)), ("does not stop", "do not stop"))
    others = sum(not isinstance(each.reason, BehaviourChange) for each in guilty)
    accepted = list(dict.fromkeys(change.key for change in report.accepted if change.key in given))
    return ConsoleText([*lines, *ends], _summary(report, stopping), keys_of(guilty), list(given), others, accepted)


Entry = tuple[int, list[str]]


def _is_first(changes: Sequence[BehaviourChange]) -> bool:
    """Return True if all is new, and more of it than is told by itself, as where a host gets its first sites."""
    return len(changes) > _MANY and all(change.name == "new" for change in changes)


def _first(changes: Sequence[BehaviourChange]) -> Entry:
    """Return all new groups as one line."""
    servers = list(dict.fromkeys(server for change in changes for server in change.servers))
    more = f" and {len(servers) - 1} more" if len(servers) > 1 else ""
    number = _number(changes)
    line = (
        f"{changes[0].risk:5} {changes[0].name}   {servers[0] if servers else '(no server)'}{more}   "
        f"{len(changes)} groups   {counted(number, 'request')}{_place(changes)}   {_one_line(changes[0], changes[0].example)}"
    )
    return (len(changes), [line])


def _entries(
    changes: Sequence[BehaviourChange], write: t.Callable[[Sequence[BehaviourChange]], Iterator[str]]
) -> list[Entry]:
    """Return the groups as lines, with the number of groups in each entry."""
    alike: dict[tuple[str, tuple[str, ...]], list[BehaviourChange]] = defaultdict(list)
    for change in changes:
        alike[change.name, change.servers].append(change)
    entries: list[Entry] = []
    told: set[tuple[str, tuple[str, ...]]] = set()
    for change in changes:
        many = alike[change.name, change.servers]
        if len(many) <= _MANY:
            entries.append((1, list(write([change]))))
        elif (change.name, change.servers) not in told:
            told.add((change.name, change.servers))
            entries.append((len(many), list(write(many))))
    return entries


def _bounded(entries: Sequence[Entry], most: int, words: tuple[str, str]) -> Iterator[str]:
    """Yield entries as long as there is room, then how many groups are left out."""
    used = 0
    for position, (_number, lines) in enumerate(entries):
        last = position == len(entries) - 1
        if used + len(lines) + (not last) > most and used:
            left = sum(number for number, _lines in entries[position:])
            yield f"... and {counted(left, 'more group')} that {words[left > 1]}: the report has them"
            return
        used += len(lines)
        yield from lines


def _stopping(changes: Sequence[BehaviourChange]) -> Iterator[str]:
    first = changes[0]
    yield f"STOPS {_title(changes)}{_also(first)}"
    for example in _examples(changes) if _is_pattern(changes) else [first.example]:
        before, after = _differing(example, _WIDTH - 6)
        yield f"    {example.request}"
        yield f"  -   {before}"
        yield f"  +   {after}"
    if len(changes) == 1:
        yield from (f"    {note}" for note in first.notes)
        causes = [cause_text(cause) for cause in first.causes[:_MOST_CAUSES]]
        more = len(first.causes) - len(causes)
        yield from (f"    {'cause:' if not position else '      '} {cause}" for position, cause in enumerate(causes))
        if more > 0:
            yield f"           and {counted(more, 'more change')} of the configuration"
    keys = [change.key for change in changes if change.key]
    if keys:
        yield f"    key: {', '.join(keys)}"


def _passing(changes: Sequence[BehaviourChange]) -> Iterator[str]:
    first = changes[0]
    title = f"{first.risk:5} {_title(changes)}{_place(changes)}"
    if not _is_pattern(changes):
        moved = _moved(first)
        yield f"{title}   {moved or _one_line(first, first.example)}"
        if _differs(first.example):
            yield from (f"      {note}" for note in _telling(first) if note != moved)
        return
    yield title
    of = changes if len(changes) > 1 else [first] * _EXAMPLES
    yield from (f"      {_one_line(change, example)}" for change, example in zip(of, _examples(changes), strict=False))


def _moved(change: BehaviourChange) -> str:
    """Return the note about files that come from another folder; "" without one."""
    return next((note for note in change.notes if note.startswith(FILES_MOVED)), "")


def _is_pattern(changes: Sequence[BehaviourChange]) -> bool:
    """Return True for what is told by several examples: many groups, or redirects by a pattern."""
    return len(changes) > 1 or (changes[0].name == "redirect-changed" and changes[0].requests > _EXAMPLES)


def _examples(changes: Sequence[BehaviourChange]) -> list[Example]:
    if len(changes) == 1:
        return [changes[0].example, *changes[0].more_examples][:_EXAMPLES]
    return [change.example for change in changes[:_EXAMPLES]]


def _title(changes: Sequence[BehaviourChange]) -> str:
    first = changes[0]
    where = first.where if len(changes) == 1 else f"{len(changes)} groups"
    return f"{first.name}   {first.server}   {where}   {counted(_number(changes), 'request')}"


def _number(changes: Sequence[BehaviourChange]) -> int:
    """Return how many requests the groups have together."""
    return len({probe for change in changes for probe in change.probes}) or sum(each.requests for each in changes)


def _place(changes: Sequence[BehaviourChange]) -> str:
    """Return where the causes stand: `   conf.d/a.conf:3 and 2 more`; "" where none is known."""
    found = [place for change in changes for cause in change.causes if (place := cause.after or cause.before)]
    places = list(dict.fromkeys(f"{place.file}:{place.line}" for place in found))
    more = f" and {len(places) - 1} more" if len(places) > 1 else ""
    return f"   {places[0]}{more}" if places else ""


def _also(change: BehaviourChange) -> str:
    also = ", ".join(f"{number} {name}" for name, number in sorted(change.also.items()))
    return f"  (with {also})" if also else ""


def _one_line(change: BehaviourChange, example: Example) -> str:
    notes = _telling(change)
    if notes and not _differs(example):
        # Of several peers each may answer a request: its outcomes tell nothing, the note does.
        return f"{example.request}: {'; '.join(notes)}"
    before, after = _differing(example, _HALF)
    return f"{example.request}: {before}  =>  {after}"


def _differs(example: Example) -> bool:
    return example.before != example.after


def _telling(change: BehaviourChange) -> list[str]:
    """Return the notes that say more than in how many blocks something changed."""
    return [note for note in change.notes if not _IN_BLOCKS.fullmatch(note)]


def _differing(example: Example, longest: int) -> tuple[str, str]:
    """Return what differs of an example's outcomes, each in one line; the first lines where nothing does."""
    old = [line for line in example.before if line not in example.after]
    new = [line for line in example.after if line not in example.before]
    if not old and not new:
        old, new = list(example.before[:1]), list(example.after[:1])
    return changed_parts("; ".join(old) or "(nothing)", "; ".join(new) or "(nothing)", longest)


def _expectations(report: RouteCheckReport) -> Iterator[str]:
    failed: list[ExpectationResult] = report.failed_expectations
    yield from (f"EXPECTED {expectation_text(each)}" for each in failed[:_MOST_EXPECTATIONS])
    if len(failed) > _MOST_EXPECTATIONS:
        yield f"... and {counted(len(failed) - _MOST_EXPECTATIONS, 'more expectation')} that failed"


def _ends(report: RouteCheckReport) -> Iterator[str]:
    """Yield what is told about the comparison itself."""
    if report.accepted:
        yield f"accepted: {', '.join(dict.fromkeys(_accepted(change) for change in report.accepted))}"
    for title, entries in (("unused", report.accept_unused), ("expired", report.accept_expired)):
        names = [entry.key or f"{entry.name} {entry.server or ''}".strip() for entry in entries]
        if names:
            yield f"{title} in accept: {', '.join(dict.fromkeys(names))}"
    gaps = report.unverified_changes
    if len(gaps) > _MOST_GAPS and all(change.name == "new" for change in report.changes):
        yield f"not exercised: {len(gaps)} changes, which the report has; the first: {unverified_text(gaps[0])}"
        return
    yield from (f"not exercised: {unverified_text(each)}" for each in gaps[:_MOST_GAPS])
    if len(gaps) > _MOST_GAPS:
        yield f"... and {len(gaps) - _MOST_GAPS} more that were not exercised: the report has them"


def _accepted(change: BehaviourChange) -> str:
    return change.key or f"{change.name} {change.server}"


def _summary(report: RouteCheckReport, stopping: Sequence[BehaviourChange]) -> str:
    failing = {server: count.failing for server, count in report.servers.items() if count.failing}
    if failing:
        return f"{_of(report, failing)} now {'fails' if sum(failing.values()) == 1 else 'fail'}"
    if stopping:
        classes = ", ".join(dict.fromkeys(change.name for change in stopping))
        number = len({probe for change in stopping for probe in change.probes})
        return f"{number} of {counted(report.requests, 'request')} {'is' if number == 1 else 'are'} {classes}"
    gaps = len(report.unverified_changes)
    unseen = f" ({gaps} not exercised)" if gaps else ""
    changed = {server: count.changed for server, count in report.servers.items() if count.changed}
    if changed:
        verb = "gets" if sum(changed.values()) == 1 else "get"
        return f"{_of(report, changed)} {verb} something else, none of them fails{unseen}"
    if report.changes:
        # Variants of one request, such as with another answer of the upstream, count for no server.
        number = len({probe for change in report.changes for probe in change.probes})
        verb = "gets" if number == 1 else "get"
        return f"{number} of {counted(report.requests, 'request')} {verb} something else{unseen}"
    return f"all {counted(report.requests, 'request')} get what they got{unseen}"


def _of(report: RouteCheckReport, numbers: dict[str, int]) -> str:
    """Write `2 of 41 requests of www.example.com`, with the worst server first."""
    servers = [server for server, _number in Counter(numbers).most_common()]
    total = sum(report.servers[server].requests for server in servers)
    names = " and ".join(
        filter(None, [servers[0] or "(no name)", f"{counted(len(servers) - 1, 'more server')}" if servers[1:] else ""])
    )
    return f"{sum(numbers.values())} of {counted(total, 'request')} of {names}"
