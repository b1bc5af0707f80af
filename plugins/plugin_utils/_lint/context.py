# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The configuration as rules read it: indexed once, and with what several rules compute, computed once."""

from __future__ import annotations

import typing as t
from functools import cached_property, wraps

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import flatten
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.select import Router
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.variables import Definitions

from .analysis.blocks import BlockIndex, ConfigBlock
from .analysis.taint import Taint
from .edits import Editor
from .target import Target

if t.TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import (
        Config,
        Directive,
        Problem,
        ProblemKind,
    )
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.blocks import Location, Locations, Scope
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.select import Server

    from .suppression.project import Project

#: Blocks whose lines are data: their first words are no names of directives.
_DATA: t.Final = frozenset({"map", "geo", "types", "split_clients", "charset_map"})


_Result = t.TypeVar("_Result")


def shared(compute: Callable[[Context], _Result]) -> Callable[[Context], _Result]:
    """Compute something at most once for each context, when the first rule asks for it."""

    @wraps(compute)
    def once(context: Context) -> _Result:
        if compute not in context.computed:
            context.computed[compute] = compute(context)
        return t.cast("_Result", context.computed[compute])

    return once


class Context:
    """One lint run over one configuration."""

    def __init__(
        self,
        config: Config,
        target: Target | None = None,
        *,
        project: Project | None = None,
        silent: Collection[str] = (),
    ) -> None:
        self.config = config
        #: The nginx that the configuration is for.
        self.target = target or Target()
        #: The project file with suppressions.
        self.project = project
        #: Ids of the rules that do not run.
        self.silent = silent
        #: Results of `shared` functions.
        self.computed: dict[Callable[[Context], t.Any], t.Any] = {}

    def problems(self, kind: ProblemKind) -> Iterator[Problem]:
        """Yield what the loader could not read or understand."""
        return (problem for problem in self.config.problems if problem.kind == kind)

    def reads_both(self, first: Directive, second: Directive) -> bool:
        """Return whether nginx surely reads both: of a part of a configuration not every file is included."""
        return not self.router.partial or first.file == second.file

    @cached_property
    def editor(self) -> Editor:
        """The maker of fixes."""
        return Editor(self.config.texts)

    @cached_property
    def router(self) -> Router:
        return Router(self.config)

    @cached_property
    def definitions(self) -> Definitions:
        return Definitions(self.config)

    @cached_property
    def blocks(self) -> BlockIndex:
        """Every block, at whatever depth, and every directive with its block."""
        return BlockIndex(self.config.root, partial=self.router.partial)

    def directives(self, *names: str) -> Sequence[tuple[ConfigBlock, Directive]]:
        """Return every directive with one of these names, and the block in which it stands."""
        found = self.blocks.directives
        return found.get(names[0], ()) if len(names) == 1 else [each for name in names for each in found.get(name, ())]

    def blocks_named(self, *names: str) -> Sequence[ConfigBlock]:
        """Return every block with one of these names; the outermost one is called `main`."""
        return [block for name in names for block in self.blocks.blocks.get(name, ())]

    @cached_property
    def taint(self) -> Taint:
        """The variables that a client controls."""
        return Taint(self.router, self.definitions)

    @cached_property
    def by_name(self) -> dict[str, list[Directive]]:
        """Every directive inside `http` by its name, in nginx's order."""
        found: dict[str, list[Directive]] = {}
        for block in self.router.http:
            _index(block.block or (), found)
        return found

    def named(self, *names: str) -> list[Directive]:
        """Return the directives inside `http` with one of these names."""
        return [directive for name in names for directive in self.by_name.get(name, ())]

    @cached_property
    def scopes(self) -> dict[int, tuple[Server, Scope]]:
        """The server and the scope of every `server` and `location` block, by the `id()` of its directive."""
        found: dict[int, tuple[Server, Scope]] = {}
        for server in self.router.servers:
            todo = [server.scope]
            while todo:
                scope = todo.pop()
                found[id(scope.directive)] = (server, scope)
                todo += [location.scope for location in scope.locations.all]
        return found

    @cached_property
    def locations(self) -> list[Location]:
        """Every location, at whatever depth."""
        return [scope.location for _server, scope in self.scopes.values() if scope.location is not None]

    @cached_property
    def location_levels(self) -> list[Locations]:
        """The locations of every block that has some."""
        return [scope.locations for _server, scope in self.scopes.values() if scope.locations.all]


def _index(directives: Iterable[Directive], found: dict[str, list[Directive]]) -> None:
    for directive in flatten(directives):
        same = found.get(directive.name)
        if same is None:
            found[directive.name] = [directive]
        else:
            same.append(directive)
        if directive.block and directive.name not in _DATA:
            _index(directive.block, found)
