# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Inheritance of lists: nginx takes a block's own list or the outer one, never both."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import flatten

from .change import Lost
from .wording import shorten, title

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive

#: Directives that make a list together, which is inherited as a whole or not at all (ngx_conf_merge_ptr_value and the like).
_LISTS: t.Final = re.compile(
    r"add_header|add_trailer|(?:proxy|grpc)_set_header|(?:fastcgi|uwsgi|scgi)_param|access_log|error_log|error_page|index"
    r"|(?:proxy|fastcgi|uwsgi|scgi|grpc)_(?:hide|pass)_header|proxy_cookie_(?:path|domain|flags)"
    r"|proxy_redirect|sub_filter|limit_req|limit_conn|set_real_ip_from|auth_request_set|auth_jwt_claim_set"
    r"|(?:proxy|fastcgi|uwsgi|scgi)_(?:cache_valid|cache_bypass|no_cache)|(?:proxy|grpc|uwsgi)?_?ssl_conf_command"
    r"|allow|deny|mirror|xslt_stylesheet|xslt_param|js_header_filter"
)
#: One list under two names.
_SAME: t.Final = {"deny": "allow"}
#: The members of these are told apart by their first argument, in any case for headers; of the others every one is lost.
_NAMED: t.Final = re.compile(
    r"add_header|add_trailer|\w+_set_header|\w+_param|\w+_(?:hide|pass)_header|auth_request_set|\w*ssl_conf_command"
)
#: From 1.29.3 on a block may ask for both lists.
_MERGING: t.Final = frozenset({"add_header", "add_trailer"})


class Inheritance:
    """Answer for one configuration; every block is read once."""

    def __init__(self, root: list[Directive]) -> None:
        self._root = root
        self._own: dict[int, dict[str, list[Directive]]] = {}

    def own(self, block: Directive | None) -> dict[str, list[Directive]]:
        """Return the lists that a block (None: the main level) has itself."""
        found = self._own.get(id(block))
        if found is None:
            found = self._own[id(block)] = {}
            for child in flatten(self._root if block is None else block.block or ()):
                if _LISTS.fullmatch(child.name) or child.name.endswith("_inherit"):
                    found.setdefault(_SAME.get(child.name, child.name), []).append(child)
        return found

    def inherited(self, block: Directive, family: str) -> list[Directive]:
        """Return what would hold in a block that had no list of its own."""
        outer = block.parent
        while True:
            found = self.own(outer).get(family)
            if found or outer is None:
                return found or []
            outer = outer.parent

    def lost(self, directive: Directive) -> tuple[Lost, ...]:
        """Return the inherited members that the list of this directive hides, because its block does not repeat them."""
        block = directive.parent
        family = _SAME.get(directive.name, directive.name)
        if block is None or not _LISTS.fullmatch(directive.name):
            return ()
        if family in _MERGING and self._value(block, f"{family}_inherit") == "merge":
            return ()
        mine = {_member(each) for each in self.own(block).get(family, ())}
        hidden = [each for each in self.inherited(block, family) if _member(each) not in mine]
        return tuple(map(_told, hidden))

    def inherited_beyond(self, block: Directive, gone: Directive) -> tuple[Lost, ...]:
        """Return what a block without such a list inherits, except what the removed directive said itself."""
        mine = _member(gone)
        inherited = self.inherited(block, _SAME.get(gone.name, gone.name))
        return tuple(_told(each) for each in inherited if _member(each) != mine)

    def lost_inside(self, block: Directive) -> Iterator[Lost]:
        """Return what the lists of a block and of the blocks in it hide of the lists around it."""
        todo = [block]
        while todo:
            current = todo.pop()
            for family, members in self.own(current).items():
                if family.endswith("_inherit"):
                    continue
                outer = self.inherited(current, family)
                if outer and _contains(outer[0].parent, block):
                    yield from self.lost(members[0])
            todo += [child for child in flatten(current.block or ()) if child.block]

    def _value(self, block: Directive, name: str) -> str:
        here: Directive | None = block
        while True:
            found = self.own(here).get(name)
            if found:
                return found[-1].args[0] if found[-1].args else ""
            if here is None:
                return ""
            here = here.parent


def family_of(directive: Directive) -> str | None:
    """Return the list that a directive belongs to, None where it belongs to none."""
    return _SAME.get(directive.name, directive.name) if _LISTS.fullmatch(directive.name) else None


def _told(directive: Directive) -> Lost:
    named = directive.args and _NAMED.fullmatch(directive.name)
    return Lost(directive.place, title(directive), shorten(directive.args[0]) if named else title(directive))


def _member(directive: Directive) -> tuple[str, ...]:
    if _NAMED.fullmatch(directive.name):
        return (directive.name, *(arg.lower() for arg in directive.args[:1]))
    return (directive.name, *directive.args)


def _contains(outer: Directive | None, block: Directive) -> bool:
    """Tell whether `outer` is really around `block`."""
    around = block.parent
    while around is not None:
        if around is outer:
            return True
        around = around.parent
    return outer is None
