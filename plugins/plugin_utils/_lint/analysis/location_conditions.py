# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find the `if` blocks in locations through which requests pass.

nginx makes a nameless location of each (ngx_http_rewrite_if()): the request gets its settings, and no try_files.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import shared

from .proxy_targets import APPLICATION_PASS_DIRECTIVES
from .regex_literals import literals
from .rewrite_programs import ends_program

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.blocks import Location

#: Directives that an `if` may hold without harm: those of ngx_http_rewrite_module.
_REWRITE: t.Final = frozenset({"set", "if", "rewrite", "return", "break", "include"})
_LEAVING: t.Final = frozenset({"last", "redirect", "permanent"})
_EVERYWHERE: t.Final = frozenset({"", "/"})


class LocationCondition(t.NamedTuple):
    """An `if` in a location that some requests pass through."""

    block: Directive
    location: Location
    #: What it holds besides directives of the rewrite module.
    settings: list[Directive]
    #: True where the location's try_files would run if the block were not there.
    skips_try_files: bool

    @property
    def condition(self) -> str:
        """The condition as written, without its parentheses."""
        return " ".join(self.block.raw_args)


@shared
def conditions_in_locations(context: Context) -> list[LocationCondition]:
    """Return the `if` blocks of all locations, but for those that send every request away."""
    return [
        found
        for location in context.locations
        for block in location.scope.program
        if block.name == "if"
        for found in _read(block, location)
    ]


def _read(block: Directive, location: Location) -> Iterator[LocationCondition]:
    inside = [child for child in block.children if child.name != "include"]
    if any(_leaves(child) for child in inside):
        return
    settings = [child for child in inside if child.name not in _REWRITE and not child.name.startswith("set_")]
    handled = any(child.name in APPLICATION_PASS_DIRECTIVES or child.name == "try_files" for child in inside)
    skips = location.scope.try_files is not None and location.scope.handler is None and not handled
    yield LocationCondition(block, location, settings, skips)


def _leaves(directive: Directive) -> bool:
    """Return whether an `if` sends all of its requests away here, or all but `/`."""
    if directive.name != "rewrite" or not _LEAVING.intersection(directive.args[2:3]):
        return ends_program(directive) and directive.name != "break"
    found = literals(directive.args[0])
    return found is not None and found.heads <= _EVERYWHERE and found.tails <= _EVERYWHERE
