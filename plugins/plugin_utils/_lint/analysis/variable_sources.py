# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Where the variables of a server come from: `set`, and the groups of its regular expressions, by name and by place."""

from __future__ import annotations

import re
import typing as t
from functools import cached_property
from itertools import islice

from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.conditions import condition_args

from .regex_charsets import HARMLESS, RAW, Charset, narrow, whole_charset

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive

    from .blocks import ConfigBlock

_COMPARISON: t.Final = 3
_GROUP_NAMES: t.Final = re.compile(r"\(\?(?:P?<|')([A-Za-z_]\w*)")
_LINE_FEED: t.Final = re.compile(r"[\r\n]|\\[nrRsv]|%0|\\x0|cntrl", re.IGNORECASE)
_LEAVES: t.Final = frozenset({"last", "redirect", "permanent"})
_URI: t.Final = "$uri"
_URIS: t.Final = ("uri", "document_uri", "request_uri")
#: Blocks that are looked at for a variable that no block around sets.
_ELSEWHERE: t.Final = 32


class CaptureSource(t.NamedTuple):
    """A pattern, the string that it is matched against, and the block in which that happens."""

    pattern: str
    subject: str
    block: ConfigBlock


def group_names(pattern: str) -> list[str]:
    """The named groups of a pattern, in lower case as nginx's variables are."""
    return [name.lower() for name in _GROUP_NAMES.findall(pattern)] if "(?" in pattern else []


class ServerVariables:
    """The variables that one server defines."""

    def __init__(self, server: ConfigBlock) -> None:
        self.server = server
        self._refused: dict[int, dict[str, Charset]] = {}

    @cached_property
    def _sets(self) -> dict[str, dict[int, tuple[Directive, ConfigBlock]]]:
        """The last `set` of each variable in each block."""
        found: dict[str, dict[int, tuple[Directive, ConfigBlock]]] = {}
        for block in self.server.inner():
            for directive in block.own.get("set", ()):
                if len(directive.args) > 1:
                    name = directive.args[0].lstrip("$").lower()
                    found.setdefault(name, {})[id(block)] = (directive, block)
        return found

    @cached_property
    def _named(self) -> dict[str, dict[int, list[CaptureSource]]]:
        found: dict[str, dict[int, list[CaptureSource]]] = {}
        for block in self.server.inner():
            for source in (*_of_block(block), *_rewrites(block)):
                for name in group_names(source.pattern):
                    found.setdefault(name, {}).setdefault(id(source.block), []).append(source)
        return found

    def assignments(self, name: str, block: ConfigBlock) -> list[tuple[Directive, ConfigBlock]]:
        """The `set` directives that decide a variable in a block: the nearest ones, else some of the server."""
        known = self._sets.get(name)
        if known is None:
            return []
        near: list[tuple[Directive, ConfigBlock]] = []
        for each in block.chain():
            # What a condition of the block sets holds behind it as well.
            near += [known[id(inner)] for inner in each.blocks if inner.name == "if" and id(inner) in known]
            if id(each) in known:
                near.append(known[id(each)])
                break
        return near or list(islice(known.values(), _ELSEWHERE))

    def captures(self, name: str, block: ConfigBlock) -> list[CaptureSource]:
        """Where a named group gets its value: in a block around, else somewhere in the server."""
        known = self._named.get(name)
        if known is None:
            return []
        near = [source for each in block.chain() for source in known.get(id(each), ())]
        return near or [source for sources in islice(known.values(), _ELSEWHERE) for source in sources]

    def guard(self, name: str, block: ConfigBlock) -> Charset | None:
        """What the conditions around a block leave of a variable; None where none of them is about it."""
        limit: Charset | None = None
        for each in block.chain():
            for found in (_inside(name, each), self._refusals(each).get(name)):
                if found is not None:
                    limit = found if limit is None else narrow(limit, found)
        return limit

    def _refusals(self, block: ConfigBlock) -> dict[str, Charset]:
        """What is left of each variable behind the conditions of a block that answer by `return`."""
        known = self._refused.get(id(block))
        if known is None:
            known = self._refused[id(block)] = {}
            for directive in block.own.get("if", ()):
                for name, reach in _refused(directive):
                    known[name] = narrow(known[name], reach) if name in known else reach
        return known

    def positional(self, block: ConfigBlock, sink: str) -> Iterator[CaptureSource]:
        """The patterns whose groups `$1` can stand for, the nearest first; the one that surely matched last ends it."""
        rewriting = sink in ("return", "set", "rewrite")
        for each in block.chain():
            for directive in each.own.get("rewrite", ()):
                flag = directive.args[2] if len(directive.args) >= _COMPARISON else ""
                ends = flag in _LEAVES or (flag == "break" and rewriting) or is_redirect(directive)
                if directive.args and not ends:
                    yield CaptureSource(directive.args[0], _URI, each)
            own = list(_of_block(each))
            yield from own
            if own:
                return


def is_redirect(directive: Directive) -> bool:
    """Whether a `rewrite` answers with a redirect."""
    args = directive.args
    if len(args) >= _COMPARISON and args[2] in ("redirect", "permanent"):
        return True
    return len(args) > 1 and args[1].startswith(("http://", "https://", "$scheme"))


def _of_block(block: ConfigBlock) -> Iterator[CaptureSource]:
    """What a request has matched when it gets into a block."""
    directive = block.directive
    if directive is None:
        return
    args = directive.args
    if block.name == "location" and len(args) > 1 and args[0] in ("~", "~*"):
        yield CaptureSource(args[1], _URI, block)
    elif block.name == "if" and block.parent is not None:
        test = condition_args(directive)
        if len(test) == _COMPARISON and test[1] in ("~", "~*"):
            yield CaptureSource(test[2], test[0], block.parent)
    elif block.name == "server":
        for names in block.own.get("server_name", ()):
            yield from (CaptureSource(name[1:], "$host", block) for name in names.args if name.startswith("~"))


def _rewrites(block: ConfigBlock) -> Iterator[CaptureSource]:
    return (
        CaptureSource(directive.args[0], _URI, block) for directive in block.own.get("rewrite", ()) if directive.args
    )


def _inside(name: str, block: ConfigBlock) -> Charset | None:
    if block.name != "if" or block.directive is None:
        return None
    test = condition_args(block.directive)
    if len(test) != _COMPARISON or test[0].strip("${}").lower() != name:
        return None
    if test[1] == "=":
        return HARMLESS
    return whole_charset(test[2]) if test[1] in ("~", "~*") else None


def _refused(directive: Directive) -> Iterator[tuple[str, Charset]]:
    """`if ($x !~ ...) { return 400; }`: who gets past it has a value that matches."""
    test = condition_args(directive)
    if len(test) != _COMPARISON or not any(each.name == "return" for each in directive.children):
        return
    subject = test[0].strip("${}").lower()
    if test[1] in ("~", "~*") and _LINE_FEED.search(test[2]):
        # Somebody looks for line feeds; whether in the raw or in the decoded URI.
        for name in _URIS if subject in _URIS else (subject,):
            yield name, Charset(RAW, free=True, rooted=False)
    elif test[1] == "!=":
        yield subject, HARMLESS
    elif test[1] in ("!~", "!~*"):
        yield subject, whole_charset(test[2])
