# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The tree model that every core on the controller reads: directives with their place, and what could not be read."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field


class ConfigError(Exception):
    """The configuration as a whole cannot be loaded (no such folder, not a dump).

    What is wrong *inside* a configuration is a `Problem` of the loaded `Config`, never this.
    """


@dataclass(frozen=True, order=True)
class Place:
    """A place in a file: the path as it is shown, the line from 1, the column in characters from 1."""

    file: str
    line: int
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


#: What kept a part of the configuration from being read or understood.
ProblemKind = t.Literal[
    "syntax",
    "include-missing",
    "include-cycle",
    "unreadable",
    "encoding",
    "context",
    "arguments",
    "unknown-directive",
    "unresolved",
]


@dataclass(frozen=True)
class Problem:
    """One thing that could not be read, or that nginx's grammar forbids."""

    kind: ProblemKind
    message: str
    place: Place
    related: tuple[tuple[str, Place], ...] = ()
    #: It is about a file that is no part of what was given: only the host knows it.
    elsewhere: bool = False


class Directive:
    """One directive as nginx reads it, unquoted, in the context it was included into.

    `block` is None for a simple directive and a list for a block. `include` is None but for an
    `include` directive, whose list holds what the included files contribute, in nginx's order.
    `parent` is the enclosing *block* (never an include), None at main level. The same snippet
    included twice gives two sets of Directive objects, each with its own parent. The args of an `if`
    are its condition without the outer parentheses (`["$a", "=", "b"]`), as crossplane gives them; the
    last arg of a `*_by_lua_block` is its code, and its block is None.
    """

    __slots__ = ("args", "block", "column", "file", "include", "line", "name", "parent", "raw_args")

    def __init__(  # noqa: PLR0917 - a hundred thousand are made
        self,
        name: str,
        args: list[str],
        file: str,
        line: int,
        column: int,
        parent: Directive | None,
    ) -> None:
        self.name = name
        self.args = args
        #: The arguments as written, quotes and escapes kept (same length as args).
        self.raw_args: list[str] = args
        self.file = file
        self.line = line
        self.column = column
        self.parent = parent
        self.block: list[Directive] | None = None
        self.include: list[Directive] | None = None

    @property
    def place(self) -> Place:
        return Place(self.file, self.line, self.column)

    @property
    def children(self) -> Iterator[Directive]:
        """Return the directives of this block in nginx's order, includes resolved away."""
        return flatten(self.block or ())

    def find(self, *names: str) -> Iterator[Directive]:
        """Return the direct children (through includes) with one of these names."""
        return (child for child in self.children if child.name in names)

    def __repr__(self) -> str:
        return f"<{' '.join([self.name, *self.args])} {self.place}>"


def flatten(directives: t.Iterable[Directive]) -> Iterator[Directive]:
    """Yield directives in nginx's order with every `include` replaced by what it contributes."""
    for directive in directives:
        if directive.include is not None:
            yield from flatten(directive.include)
        else:
            yield directive


def walk(directives: t.Iterable[Directive]) -> Iterator[Directive]:
    """Yield every directive at every depth, parents before children, includes resolved away."""
    levels = [iter(directives)]
    while levels:
        for directive in levels[-1]:
            inner = directive.include
            if inner is None:
                yield directive
                inner = directive.block
            if inner is not None:
                levels.append(iter(inner))
                break
        else:
            levels.pop()


@dataclass(frozen=True)
class Comment:
    """A comment without its leading `#`; `own_line` is False when it follows code on its line."""

    text: str
    place: Place
    own_line: bool


@dataclass
class Config:
    """A loaded configuration. `root` holds the main-level directives of the main file.

    Blocks made up around snippets stand in `root` like written ones, at line 1 of the first snippet in them.
    """

    root: list[Directive] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    #: Shown path -> text of every file that was read (for source lines in messages).
    texts: Mapping[str, str] = field(default_factory=dict)
    comments: list[Comment] = field(default_factory=list)
    #: True when files that the configuration names may live elsewhere (a source folder without its host).
    partial: bool = False
    #: Shown paths of the folder's snippets that no include names; empty where that cannot be told (`partial`, a dump).
    unread: list[str] = field(default_factory=list)

    def http(self) -> Iterator[Directive]:
        """Return the `http` blocks; where snippets were loaded without a main file the loader made one up around them."""
        return (d for d in flatten(self.root) if d.name == "http")

    def walk(self) -> Iterator[Directive]:
        return walk(self.root)
