# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Apply the fixes of findings to a folder: planned in memory, linted again, written only as a whole file each."""

from __future__ import annotations

import difflib
import os
import typing as t
from bisect import bisect, insort
from collections import Counter
from dataclasses import dataclass

from . import registry
from .atomic_write import write_file
from .errors import LintError

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from .edits import Edit
    from .finding import Finding

    #: Lint with these texts instead of the files on disk (by path as findings show it); return findings and texts.
    Relint = Callable[[Mapping[str, bytes]], tuple[list[Finding], Mapping[str, str]]]

#: A fix may make another one possible. Fixes that go on longer than this undo each other.
_ROUNDS: t.Final = 10


@dataclass(frozen=True)
class Repair:
    """One file as it is and as it would be."""

    file: str
    before: str
    after: str

    def diff(self, path: str) -> str:
        """Return a unified diff with this path in its head."""
        lines = difflib.unified_diff(_lines(self.before), _lines(self.after), f"a/{path}", f"b/{path}")
        return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


@dataclass(frozen=True)
class RepairPlan:
    """The files that change, and the lint of the changed files."""

    repairs: list[Repair]
    #: The findings after the repairs.
    findings: list[Finding]
    #: The texts after the repairs, by path as findings show it.
    texts: Mapping[str, str]


def plan(relint: Relint) -> RepairPlan:
    """Apply fixes until no finding has a new one.

    A fix that adds an error or a warning, or makes something unreadable, is left out. Where something cannot be
    read, nothing is fixed: the content of other files is not known.
    """
    findings, texts = relint({})
    original = dict(texts)
    changed: dict[str, bytes] = {}
    for _round in range(_ROUNDS):
        edits = _settled(findings, texts, changed, relint)
        if not edits:
            break
        changed.update({file: text.encode() for file, text in edited(texts, edits).items()})
        findings, texts = relint(changed)
    repairs = [Repair(file, original[file], data.decode()) for file, data in sorted(changed.items())]
    return RepairPlan([repair for repair in repairs if repair.before != repair.after], findings, texts)


def edited(texts: Mapping[str, str], edits: Iterable[Edit]) -> dict[str, str]:
    """Return the changed texts by file. The edits must not overlap."""
    by_file: dict[str, list[Edit]] = {}
    for edit in sorted(edits):
        by_file.setdefault(edit.file, []).append(edit)
    changed: dict[str, str] = {}
    for file, ordered in by_file.items():
        parts: list[str] = []
        position = 0
        for edit in ordered:
            parts += [texts[file][position : edit.start], edit.replacement]
            position = edit.end
        changed[file] = "".join([*parts, texts[file][position:]])
    return changed


def write(folder: str, repairs: Sequence[Repair]) -> None:
    """Write repaired files, each by a rename, with its old mode and owner.

    Raises:
        LintError: a file lies outside the folder or changed since it was read (then nothing is written), or cannot
            be written (then the message says which files are).
    """
    root = os.path.realpath(folder)
    paths = [_checked(root, repair) for repair in repairs]
    done: list[str] = []
    for repair, path in zip(repairs, paths, strict=True):
        try:
            write_file(path, repair.after.encode())
        except OSError as error:
            written = f"; already written: {', '.join(done)}" if done else "; nothing was written"
            msg = f"{repair.file} cannot be written: {error.strerror or error}{written}"
            raise LintError(msg) from error
        done.append(repair.file)


def _settled(
    findings: list[Finding], texts: Mapping[str, str], changed: Mapping[str, bytes], relint: Relint
) -> list[Edit]:
    """Return the edits of as many fixes as go together without a new error or warning."""
    if any(registry.rule(finding.rule).unreadable for finding in findings):
        return []
    limit = _weight(findings)

    def is_good(groups: Sequence[frozenset[Edit]]) -> bool:
        edits = {edit for group in groups for edit in group}
        new = {file: text.encode() for file, text in edited(texts, edits).items()}
        after, _texts = relint({**changed, **new})
        return not any(registry.rule(each.rule).unreadable for each in after) and not _weight(after) - limit

    accepted: list[frozenset[Edit]] = []
    todo = [_apart(findings)]
    while todo:
        groups = todo.pop()
        if not groups or is_good([*accepted, *groups]):
            accepted += groups
        elif len(groups) > 1:
            half = len(groups) // 2
            todo += [groups[half:], groups[:half]]
    return [edit for group in accepted for edit in group]


def _apart(findings: Iterable[Finding]) -> list[frozenset[Edit]]:
    """Return the fixes that do not overlap, each as its edits; of two that overlap the first."""
    taken: dict[str, list[Edit]] = {}
    chosen: dict[frozenset[Edit], None] = {}
    for finding in findings:
        edits = frozenset(finding.fix.edits) if finding.fix is not None else frozenset()
        if not edits or edits in chosen:
            continue
        if any(_overlaps(edit, taken.get(edit.file, ())) for edit in edits):
            continue
        chosen[edits] = None
        for edit in edits:
            insort(taken.setdefault(edit.file, []), edit)
    return list(chosen)


def _overlaps(edit: Edit, others: Sequence[Edit]) -> bool:
    """Return whether an edit touches the characters of one of these sorted edits, or begins where one begins."""
    index = bisect(others, edit)
    before, after = others[max(0, index - 1) : index], others[index : index + 1]
    return any(
        (edit.start < other.end and other.start < edit.end) or edit.start == other.start for other in (*before, *after)
    )


def _weight(findings: Iterable[Finding]) -> Counter[tuple[str, str]]:
    return Counter((each.rule, each.file) for each in findings if each.severity != "advice")


def _lines(text: str) -> list[str]:
    return [f"{line}\n" for line in text.split("\n")[:-1]] + [text.rpartition("\n")[2]] * (not text.endswith("\n"))


def _checked(root: str, repair: Repair) -> str:
    path = os.path.realpath(os.path.join(root, repair.file))
    if not path.startswith(f"{root.rstrip('/')}/"):
        msg = f"{repair.file} is not below {root}: nothing was written"
        raise LintError(msg)
    try:
        with open(path, "rb") as file:
            same = file.read() == repair.before.encode()
    except OSError as error:
        msg = f"{repair.file} cannot be read: {error.strerror or error}; nothing was written"
        raise LintError(msg) from error
    if not same:
        msg = f"{repair.file} changed while it was linted, or is not plain UTF-8: nothing was written"
        raise LintError(msg)
    return path
