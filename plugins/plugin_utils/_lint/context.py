# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What the rules share: the configuration, indexed for routing once."""

from __future__ import annotations

import typing as t
from functools import cached_property

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import flatten
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.chain import Follower
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.select import Router
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.variables import Definitions

from .analysis.blocks import ConfigBlock, read_blocks
from .analysis.taint import Taint
from .fixes import Editor
from .target import Target

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Config, Directive
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.blocks import Scope
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.select import Server

#: Blocks whose lines are data: their first words are no names of directives.
_DATA: t.Final = frozenset({"map", "geo", "types", "split_clients", "charset_map"})


class Context:
    """One lint run over one configuration."""

    def __init__(self, config: Config, target: Target | None = None) -> None:
        self.config = config
        #: The nginx that the configuration is for.
        self.target = target or Target()

    @cached_property
    def editor(self) -> Editor:
        """Makes the fixes of findings."""
        return Editor(self.config.texts)

    @cached_property
    def router(self) -> Router:
        return Router(self.config)

    @cached_property
    def definitions(self) -> Definitions:
        return Definitions(self.config)

    @cached_property
    def blocks(self) -> list[ConfigBlock]:
        """Every block, at whatever depth, with its directives by name."""
        return read_blocks(self.config.root, partial=self.router.partial)

    @cached_property
    def keepalive_upstreams(self) -> dict[str, Directive]:
        """The `keepalive` of every upstream that has one, by the upstream's name in lower case."""
        found: dict[str, Directive] = {}
        for block in self.blocks:
            if block.name == "upstream" and block.directive is not None and block.directive.args:
                for directive in block.own.get("keepalive", ())[-1:]:
                    found[block.directive.args[0].lower()] = directive
        return found

    @cached_property
    def taint(self) -> Taint:
        """The variables that a client controls."""
        return Taint(self.router, self.definitions)

    @cached_property
    def follower(self) -> Follower:
        return Follower(self.router, self.definitions)

    @cached_property
    def by_name(self) -> dict[str, list[Directive]]:
        """Every directive inside `http` by its name, in nginx's order."""
        found: dict[str, list[Directive]] = {}
        for block in self.router.http:
            _index(block.block or (), found)
        return found

    @cached_property
    def _mentioned(self) -> frozenset[str]:
        return frozenset(
            name.partition("_by_lua")[0] + ("_by_lua" if "_by_lua" in name else "") for name in self.by_name
        )

    def mentions(self, name: str) -> bool:
        """Whether a directive stands anywhere inside `http`; all those of one phase of Lua are `*_by_lua`."""
        return name in self._mentioned

    def named(self, *names: str) -> list[Directive]:
        """The directives inside `http` with one of these names."""
        return [directive for name in names for directive in self.by_name.get(name, ())]

    @cached_property
    def scopes(self) -> dict[int, tuple[Server, Scope]]:
        """The server and the scope of every `server` and `location` block, by the `id()` of its directive."""
        found: dict[int, tuple[Server, Scope]] = {}
        for server in self.router.servers:
            todo: list[Scope] = [server]
            while todo:
                scope = todo.pop()
                found[id(scope.directive)] = (server, scope)
                todo += scope.locations.all
        return found


def _index(directives: Iterable[Directive], found: dict[str, list[Directive]]) -> None:
    for directive in flatten(directives):
        same = found.get(directive.name)
        if same is None:
            found[directive.name] = [directive]
        else:
            same.append(directive)
        if directive.block and directive.name not in _DATA:
            _index(directive.block, found)
