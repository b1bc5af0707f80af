# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The semantic difference of two configurations."""

from __future__ import annotations

import posixpath
import typing as t
from collections import Counter
from functools import cached_property

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.gc_paused import collector_paused
from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import walk

from . import defaults, explain, report
from .change import RISKS, Change, DiffError, fold
from .compare import Comparison
from .identity import Identity
from .inherit import Inheritance
from .sentences import Sentences
from .tree import Forest

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Config, Directive, Problem

    from .identity import At
    from .tree import Node

#: Problems that leave a part of a configuration unread. What nginx would refuse but was read is compared as it stands.
_UNREAD: t.Final = frozenset({"syntax", "include-missing", "include-cycle", "unreadable", "encoding", "unresolved"})
_SHOWN_PROBLEMS: t.Final = 5


class Diff:
    """The difference of two configurations; made by `diff`.

    `changes` holds the worst risk first, then by file and line; `cosmetic_files` the files whose text differs, or that
    came or went, without any change of meaning in them.
    """

    def __init__(
        self,
        before: tuple[Config, Node],
        after: tuple[Config, Node],
        changes: Iterable[Change],
        forest: Forest,
    ) -> None:
        self._before, self._old = before
        self._after, self._new = after
        self._forest = forest
        self.changes: list[Change] = sorted(changes, key=lambda change: change.order)

    @cached_property
    def cosmetic_files(self) -> list[str]:
        """Return files with another text and no other meaning, by their path below the configuration folder."""
        old, new = _texts(self._before), _texts(self._after)
        differing = {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}
        # A file under another name is told by its new one.
        come = {new[name] for name in differing if name not in old}
        differing -= {name for name in differing if name not in new and old[name] in come}
        bases = _base(self._before), _base(self._after)
        guilty = {
            _below(file, base)
            for change in self.changes
            for pair in change.directives
            for directive, base in zip(pair, bases, strict=True)
            if directive is not None
            for file in _files(directive, whole=change.kind in ("added", "removed"))
        }
        return sorted(differing - guilty)

    @cached_property
    def summary(self) -> dict[str, t.Any]:
        """Return the number of changes by kind and risk: `add`, `change`, `remove`, `move`, `cosmetic_files`, `risks`, `text`."""
        kinds = Counter(change.kind for change in self.changes)
        risks = Counter(change.risk for change in self.changes)
        counts: dict[str, t.Any] = {
            "add": kinds["added"],
            "change": kinds["changed"] + kinds["renamed"] + kinds["reordered"],
            "remove": kinds["removed"],
            "move": kinds["moved"],
            "cosmetic_files": len(self.cosmetic_files),
            "risks": {risk: risks[risk] for risk in RISKS if risks[risk]},
        }
        counts["text"] = report.summary_text(counts)
        return counts

    @property
    def empty(self) -> bool:
        """Tell whether both mean the same."""
        return not self.changes

    def text(self, *, details: bool = True) -> str:
        """Return the summary, and with `details` every change under its risk."""
        return report.text(self.summary["text"], self.changes if details else None, self.cosmetic_files)

    @cached_property
    def identity(self) -> Identity:
        """Return the mapping of old blocks to new ones."""
        return Identity(self._old, self._new, self._forest)

    @property
    def blocks(self) -> Mapping[At, frozenset[At]]:
        """Return (file, line, column) of each block before with those of the same block after; several for a shared snippet."""
        return self.identity.blocks

    def same(self, before: t.Any, after: t.Any) -> bool:
        """Tell whether a place before and one after are the same block.

        A place is a `Directive`, a `Place`, a dictionary with `file` and `line`, or a tuple of these two (and a column).
        """
        return self.identity.same(before, after)

    @cached_property
    def _sides(self) -> tuple[explain.ConfigIndex, explain.ConfigIndex]:
        return explain.ConfigIndex(self._before), explain.ConfigIndex(self._after)

    def explain(
        self,
        before: Sequence[t.Any] = (),
        after: Sequence[t.Any] = (),
        servers: Iterable[str] = (),
        *,
        limit: int | None = None,
    ) -> list[Change]:
        """Return the changes that may be a cause of what a request gets, the likeliest first.

        Args:
            before: the blocks that the request went through before, the outermost first; places as for `same`.
            after: those that it went through after.
            servers: names of the servers that answered, or the host that was asked.
            limit: at most so many.

        Changes in the same location come first, then those of the same server, then what it inherits or names: `http`,
        upstreams and maps that it refers to. What else changed is no part of it.
        """
        old, new = self._sides
        found = explain.rank(self.changes, (old, before), (new, after), servers)
        return found if limit is None else found[:limit]

    def text_diff(self) -> list[dict[str, str]]:
        """Return the files that differ as Ansible's diff has them: before, after and their headers."""
        old, new = _texts(self._before), _texts(self._after)
        return [
            {
                "before_header": name if name in old else "/dev/null",
                "after_header": name if name in new else "/dev/null",
                "before": old.get(name, ""),
                "after": new.get(name, ""),
            }
            for name in sorted(old.keys() | new.keys())
            if old.get(name) != new.get(name)
        ]


@collector_paused()
def diff(before: Config, after: Config) -> Diff:
    """Compare what two configurations mean.

    Raises:
        DiffError: a part of one of them was not read (the message names file and line), so that what it says is unknown.
    """
    _refuse_unread(before, "before")
    _refuse_unread(after, "after")
    forest = Forest()
    old = forest.build(before.root, partial=before.partial)
    new = forest.build(after.root, partial=after.partial)
    words = Sentences()
    comparison = Comparison(forest, Inheritance(before.root), Inheritance(after.root), words)
    comparison.run(old, new)
    changes = fold(comparison.changes + defaults.changes(old, new, forest, words.titles, comparison.servers))
    return Diff((before, old), (after, new), changes, forest)


def unread_parts(config: Config) -> list[Problem]:
    """Return the problems that leave a part of a configuration unread; such a one is not compared."""
    return [problem for problem in config.problems if problem.kind in _UNREAD]


def _refuse_unread(config: Config, side: str) -> None:
    unread = unread_parts(config)
    if unread:
        shown = "\n".join(f"{problem.place}: {problem.message}" for problem in unread[:_SHOWN_PROBLEMS])
        more = len(unread) - _SHOWN_PROBLEMS
        rest = f"\nand {more} more" if more > 0 else ""
        raise DiffError(f"{side} cannot be read as a whole, so nothing is compared:\n{shown}{rest}")


def _files(directive: Directive, *, whole: bool) -> set[str]:
    """Return the file that a directive is in; with `whole` also those that contribute to what is in it."""
    return {directive.file, *(each.file for each in walk(directive.block or () if whole else ()))}


def _texts(config: Config) -> dict[str, str]:
    base = _base(config)
    return {_below(name, base): text for name, text in config.texts.items()}


def _base(config: Config) -> str:
    """Return the configuration folder of a dump, whose places are absolute; empty where they are relative already."""
    first = next(iter(config.root), None)
    return posixpath.dirname(first.file) if first is not None and first.file.startswith("/") else ""


def _below(name: str, base: str) -> str:
    return name[len(base) + 1 :] if base and name.startswith(f"{base}/") else name
