# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find where a server's variables come from: `set`, and the groups of its regular expressions."""

from __future__ import annotations

import re
import typing as t
from functools import cached_property
from itertools import islice

from .conditions import if_comparison
from .regex_charsets import HARMLESS, RAW, Charset, narrow, whole_charset

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive

    from .blocks import ConfigBlock

_GROUP_NAMES: t.Final = re.compile(r"\(\?(?:P?<|')([A-Za-z_]\w*)")
_LINE_FEED: t.Final = re.compile(r"[\r\n]|\\[nrRsv]|%0|\\x0|cntrl", re.IGNORECASE)
_LEAVES: t.Final = frozenset({"last", "redirect", "permanent"})
_URI: t.Final = "$uri"
_URIS: t.Final = ("uri", "document_uri", "request_uri")
#: Blocks that are looked at for a variable that no block around sets.
_ELSEWHERE: t.Final = 32


class CaptureSource(t.NamedTuple):
    """A pattern whose groups become variables, the string that it is matched against, and the block of the match."""

    pattern: str
    subject: str
    block: ConfigBlock


def group_names(pattern: str) -> list[str]:
    """Return the names of a pattern's groups, in lower case like nginx's variables."""
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
        """Return the `set` directives that decide a variable in a block: the nearest ones, else some of the server."""
        known = self._sets.get(name)
        if known is None:
            return []
        near: list[tuple[Directive, ConfigBlock]] = []
        for each in block.chain():
            # A value that a condition of the block sets holds behind it as well.
            near += [known[id(inner)] for inner in each.blocks if inner.name == "if" and id(inner) in known]
            if id(each) in known:
                near.append(known[id(each)])
                break
        return near or list(islice(known.values(), _ELSEWHERE))

    def captures(self, name: str, block: ConfigBlock) -> list[CaptureSource]:
        """Return the patterns with a group of this name: those of the blocks around, else some of the server."""
        known = self._named.get(name)
        if known is None:
            return []
        near = [source for each in block.chain() for source in known.get(id(each), ())]
        return near or [source for sources in islice(known.values(), _ELSEWHERE) for source in sources]

    def guard(self, name: str, block: ConfigBlock) -> Charset | None:
        """Return the limit that conditions around a block put on a variable; None where no condition is about it."""
        limit: Charset | None = None
        for each in block.chain():
            for found in (_inside(name, each), self._refusals(each).get(name)):
                if found is not None:
                    limit = found if limit is None else narrow(limit, found)
        return limit

    def _refusals(self, block: ConfigBlock) -> dict[str, Charset]:
        """Return the limit for each variable behind the conditions of a block that answer by `return`."""
        known = self._refused.get(id(block))
        if known is None:
            known = self._refused[id(block)] = {}
            for directive in block.own.get("if", ()):
                for name, reach in _refused(directive):
                    known[name] = narrow(known[name], reach) if name in known else reach
        return known

    def positional(self, block: ConfigBlock, sink: str) -> Iterator[CaptureSource]:
        """Yield the patterns whose groups `$1` can stand for, the nearest first.

        A pattern that every request has matched ends the list: it set the captures last.
        """
        rewriting = sink in ("return", "set", "rewrite")
        for each in block.chain():
            for directive in each.own.get("rewrite", ()):
                flag = "".join(directive.args[2:3])
                ends = flag in _LEAVES or (flag == "break" and rewriting) or is_redirect(directive)
                if directive.args and not ends:
                    yield CaptureSource(directive.args[0], _URI, each)
            own = list(_of_block(each))
            yield from own
            if own:
                return


def is_redirect(directive: Directive) -> bool:
    """Return whether a `rewrite` answers with a redirect."""
    args = directive.args
    if args[2:3] in (["redirect"], ["permanent"]):
        return True
    return len(args) > 1 and args[1].startswith(("http://", "https://", "$scheme"))


def _of_block(block: ConfigBlock) -> Iterator[CaptureSource]:
    """Yield the patterns that a request has matched when it gets into a block."""
    directive = block.directive
    if directive is None:
        return
    args = directive.args
    if block.name == "location" and len(args) > 1 and args[0] in ("~", "~*"):
        yield CaptureSource(args[1], _URI, block)
    elif block.name == "if" and block.parent is not None:
        test = if_comparison(directive)
        if test is not None and test.is_regex:
            yield CaptureSource(test.operand, test.subject, block.parent)
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
    test = if_comparison(block.directive)
    if test is None or test.variable != name:
        return None
    if test.operator == "=":
        return HARMLESS
    return whole_charset(test.operand) if test.is_regex else None


def _refused(directive: Directive) -> Iterator[tuple[str, Charset]]:
    """Yield the limit that `if ($x !~ ...) { return 400; }` puts on a variable behind it."""
    test = if_comparison(directive)
    if test is None or not any(each.name == "return" for each in directive.children):
        return
    subject = test.variable
    if test.is_regex and _LINE_FEED.search(test.operand):
        # A check for line feeds counts for the raw and for the decoded URI.
        for name in _URIS if subject in _URIS else (subject,):
            yield name, Charset(RAW, free=True, rooted=False)
    elif test.operator == "!=":
        yield subject, HARMLESS
    elif test.operator in ("!~", "!~*"):
        yield subject, whole_charset(test.operand)
