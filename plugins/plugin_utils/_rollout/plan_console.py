# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Write the console text of a plan and a deploy, once for hosts on which it is the same, and its last line."""

from __future__ import annotations

import typing as t
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from .plain_json import fields, texts

#: Groups of hosts that differ, and kinds of summaries, that are told.
_MOST_GROUPS: t.Final = 5
_MOST_SUMMARIES: t.Final = 2


@dataclass(frozen=True)
class ToldComparison:
    """The part of a route check that is printed, as `_reports/route_check/console.py` makes it.

    Attributes:
        lines: what changes for clients, worst first.
        summary: the numbers in one sentence without its end.
        keys: of the groups that stop.
        given: keys that the task was given.
        others: how many reasons stop that no key accepts.
        accepted: keys that the task was given and that accepted a group.
        same_as: the host of this run with which it has the change and all that was found in common, "" without one.
        same: what hosts with it have: `the same 5 groups`.
    """

    lines: tuple[str, ...] = ()
    summary: str = ""
    keys: tuple[str, ...] = ()
    given: tuple[str, ...] = ()
    others: int = 0
    accepted: tuple[str, ...] = ()
    same_as: str = ""
    same: str = ""

    @classmethod
    def from_json(cls, data: object) -> ToldComparison | None:
        """Read what the module returned, None where it returned nothing."""
        known = fields(data)
        if not known:
            return None
        others = known.get("others")
        return cls(
            texts(known.get("lines")),
            str(known.get("summary") or ""),
            texts(known.get("keys")),
            texts(known.get("given")),
            others if isinstance(others, int) else 0,
            texts(known.get("accepted")),
            str(known.get("same_as") or ""),
            str(known.get("same") or ""),
        )

    def as_on(self, host: str) -> str:
        """Return the line of a host that has this in common with another one."""
        return f"{self.same} as on {host}" + (f": {', '.join(self.keys)}" if self.keys else "")


@dataclass(frozen=True)
class HostBlock:
    """Hosts that are told together.

    Attributes:
        hosts: their names.
        outcome: in words.
        lines: all that is told.
        same_as: a host of another block that has the change in common; "" without one.
        short: what is told instead, below that other block.
    """

    hosts: tuple[str, ...]
    outcome: str
    lines: tuple[str, ...]
    same_as: str = ""
    short: tuple[str, ...] = ()


def host_blocks(blocks: Iterable[HostBlock]) -> Iterator[str]:
    """Yield a heading and the lines of each block.

    Blocks that are told the same are told once. Those with the change of another one are told in short, below it.
    """
    whole = _joined((block.outcome, block.lines, block) for block in blocks)
    told = {host for block in whole if not block.same_as for host in block.hosts}
    first = [block for block in whole if block.same_as not in told]
    rest = _joined((block.outcome, (block.same_as, *block.short), block) for block in whole if block.same_as in told)
    for block in first[:_MOST_GROUPS]:
        yield from _block(block, block.lines)
        for other in rest:
            if other.same_as in block.hosts:
                yield from _block(other, other.short)
    left = sum(len(block.hosts) for block in first[_MOST_GROUPS:])
    left += sum(len(other.hosts) for block in first[_MOST_GROUPS:] for other in rest if other.same_as in block.hosts)
    if left:
        yield f"... and {left} more host{'' if left == 1 else 's'} that differ: the record has them"


def _joined(blocks: Iterable[tuple[str, tuple[str, ...], HostBlock]]) -> list[HostBlock]:
    """Return blocks with one outcome and one text as one, in the order of the first ones."""
    found: dict[tuple[str, tuple[str, ...]], HostBlock] = {}
    for outcome, lines, block in blocks:
        known = found.get((outcome, lines))
        found[outcome, lines] = replace(known, hosts=known.hosts + block.hosts) if known else block
    return list(found.values())


def _block(block: HostBlock, lines: Iterable[str]) -> Iterator[str]:
    yield f"{', '.join(block.hosts)}: {block.outcome}"
    yield from (f"  {line}".rstrip() for line in lines)


def paste_line(told: Sequence[ToldComparison]) -> str | None:
    """Return the option of ansible-playbook that accepts what stops in this run, None where no key does."""
    keys = dict.fromkeys(key for each in told for key in each.keys)
    if not keys:
        return None
    given = dict.fromkeys(key for each in told for key in each.given)
    return f"If all of this is meant: -e nginx_deploy_accept={','.join({**given, **keys})}"


def last_line(told: Sequence[ToldComparison], refused: Mapping[str, str], *, nothing: bool) -> str:
    """Return the one last line: what changes for clients, and what has to be accepted.

    Args:
        told: the comparisons.
        refused: host -> the first line of another reason why it is refused.
        nothing: no host has anything to do.
    """
    stopping = [each for each in told if each.keys or each.others]
    summaries = list(dict.fromkeys(each.summary for each in stopping or told))
    more = len(summaries) - _MOST_SUMMARIES
    said = summaries[:_MOST_SUMMARIES] + ([f"and {more} more kinds of hosts"] if more > 0 else [])
    keys = {key for each in stopping for key in each.keys}
    if keys:
        said.append(f"{len(keys)} key{' has' if len(keys) == 1 else 's have'} to be accepted")
    others = max((each.others for each in stopping), default=0)
    if others:
        said.append(f"{others} reason{' stops' if others == 1 else 's stop'} that no key accepts")
    if refused:
        host, reason = next(iter(refused.items()))
        names = host if len(refused) == 1 else f"{host} and {len(refused) - 1} more"
        said.append(f"{names}: {reason}")
    if stopping or refused:
        return "; ".join(said)
    if told:
        return f"nothing stops: {'; '.join(said)}"
    return "nothing stops: nothing to do" if nothing else "nothing stops: what clients get was not compared"
