# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The difference as text: the summary first, then the changes, the worst risk first."""

from __future__ import annotations

import typing as t

from .change import RISKS

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from .change import Change

#: Lines of an added or removed block that are shown.
_LINES: t.Final = 16
#: Changes of one class that are shown; more are a number, and all of them in the result.
_CHANGES: t.Final = 250


def summary_text(counts: Mapping[str, t.Any]) -> str:
    """Return `3 to add, 1 to change, 0 to remove (2 routing); 1 moved; 3 files cosmetic only`."""
    risks = ", ".join(f"{number} {risk}" for risk, number in counts["risks"].items())
    files = counts["cosmetic_files"]
    return (
        f"{counts['add']} to add, {counts['change']} to change, {counts['remove']} to remove"
        f"{f' ({risks})' if risks else ''}; {counts['move']} moved; "
        f"{files} file{'' if files == 1 else 's'} cosmetic only"
    )


def text(summary: str, changes: Sequence[Change] | None, cosmetic_files: Sequence[str]) -> str:
    """Return the whole report, ending with a line break; the summary alone where `changes` is None."""
    lines = [summary]
    if changes is not None:
        for risk in RISKS:
            of_risk = [change for change in changes if change.risk == risk]
            if of_risk:
                lines += ["", risk]
                lines += (line for change in of_risk[:_CHANGES] for line in _change(change))
                if len(of_risk) > _CHANGES:
                    lines.append(f"  … {len(of_risk) - _CHANGES} more changes of this class")
        if cosmetic_files:
            lines += ["", "cosmetic only", *(f"  {name}" for name in cosmetic_files)]
    return "".join(f"{_printable(line)}\n" for line in lines)


def _printable(line: str) -> str:
    """Return a line without the characters that a terminal would obey."""
    if line.isprintable():
        return line
    return "".join(char if char.isprintable() or char == "\t" else "\N{REPLACEMENT CHARACTER}" for char in line)


def _change(change: Change) -> Iterator[str]:
    yield f"  {change.place}  {change.line}"
    if change.before is not None and change.after is not None and change.before.file != change.after.file:
        yield f"      was {change.before}"
    for lost in change.lost:
        yield f"      holds no longer: {lost.text} ({lost.place})"
    if change.kind in ("added", "removed"):
        block = t.cast("str", change.after_text or change.before_text)
        if "\n" in block:
            yield from _block(block, "+" if change.kind == "added" else "-")
    elif change.kind in ("changed", "renamed") and ("…" in change.line or "_by_lua_block" in change.line):
        yield from _block(change.before_text or "", "-")
        yield from _block(change.after_text or "", "+")


def _block(block: str, sign: str) -> Iterator[str]:
    lines = block.splitlines()
    for line in lines[:_LINES]:
        yield f"      {sign} {line}"
    if len(lines) > _LINES:
        yield f"      {sign} … {len(lines) - _LINES} more lines"
