# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Advice on what nginx has a plainer way for (https://www.nginx.com/resources/wiki/start/topics/tutorials/config_pitfalls/)."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.conditions import condition_args

from .analysis.regex_literals import literals
from .analysis.rewrite_programs import ALWAYS
from .finding import Rule, related

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive

    from .analysis.blocks import ConfigBlock
    from .context import Context
    from .finding import Finding

UNANCHORED: t.Final = Rule("regex-unanchored", "advice", "A pattern for an extension matches it anywhere in a path")
ONE_PATH: t.Final = Rule("regex-for-one-path", "advice", "A regular expression for a single path")
ROOT: t.Final = Rule("root-repeated", "advice", "Every location has the same root, and the server has none")
REWRITE: t.Final = Rule("rewrite-for-return", "advice", "A rewrite that redirects everything")
HOST: t.Final = Rule("if-for-server-name", "advice", "An if does what server_name is for")
FILE: t.Final = Rule("if-for-try-files", "advice", "An if does what try_files is for")
RULES: t.Final = (UNANCHORED, ONE_PATH, ROOT, REWRITE, HOST, FILE)

_EXTENSION: t.Final = re.compile(r"\\\.(?:\w+|\((?:\?:)?[\w|?]+\))")
_PAIR: t.Final = 2
_COMPARISON: t.Final = 3
_FEWEST: t.Final = 2


def _regex(_context: Context, _block: ConfigBlock, directive: Directive) -> Iterator[Finding]:
    args = directive.args
    if len(args) != _PAIR or args[0] not in ("~", "~*"):
        return
    pattern = args[1]
    if _EXTENSION.fullmatch(pattern):
        message = (
            f"{pattern} matches anywhere in the path, so /upload{_sample(pattern)}.txt and /docs{_sample(pattern)}/x get this "
            f"location as well; write {pattern}$"
        )
        yield UNANCHORED.at(directive.place, message)
        return
    if not (pattern.startswith("^") and pattern.endswith("$")) or args[0] == "~*":
        return
    found = literals(pattern)
    if found is not None and found.whole and found.starts and found.stops and len(found.heads) == 1:
        (path,) = found.heads
        message = (
            f"nginx tries this pattern for every path that no earlier one took, to find the one path {path}; "
            f"location = {path} is found at once (and before every pattern: see what stands above)"
        )
        yield ONE_PATH.at(directive.place, message)


def _sample(pattern: str) -> str:
    return "." + re.split(r"\W", pattern.lstrip("\\.").lstrip("(?:"))[0]


def _root(_context: Context, block: ConfigBlock) -> Iterator[Finding]:
    if block.effective("root") or block.gap:
        return
    locations = [each for each in block.blocks if each.name == "location"]
    roots = [each.own["root"][0] for each in locations if each.own.get("root") and each.own["root"][0].args]
    if len(roots) < _FEWEST or len({each.args[0] for each in roots}) > 1:
        return
    message = (
        f"{len(roots)} locations say root {roots[0].args[0]} and the server does not: a location that is added without it "
        "serves nginx's own folder; say it once, in the server"
    )
    yield ROOT.at(roots[0].place, message, [related("again", each.place) for each in roots[1:]])


def _rewrite(_context: Context, _block: ConfigBlock, directive: Directive) -> Iterator[Finding]:
    args = directive.args
    if len(args) != _COMPARISON or args[2] not in ("permanent", "redirect") or args[0] not in ALWAYS:
        return
    status = 301 if args[2] == "permanent" else 302
    message = (
        "nginx runs a regular expression and puts the path together again, only to send everybody elsewhere; "
        f"return {status} with $request_uri sends the path on as the client wrote it"
    )
    yield REWRITE.at(directive.place, message)


def _if(_context: Context, block: ConfigBlock, directive: Directive) -> Iterator[Finding]:
    test = condition_args(directive)
    program = {each.name for each in directive.children}
    if len(test) == _COMPARISON and test[0].lower() in ("$host", "$http_host") and block.name == "server":
        if test[1] in ("=", "!=") and "$" not in test[2] and program & {"return", "rewrite"}:
            message = (
                "every request is compared, and the names of a server are in two places; a server of its own with this "
                "server_name and the return is what nginx looks up by name"
            )
            yield HOST.at(directive.place, message)
    elif test[:1] in (["!-e"], ["!-f"]) and test[1:] == ["$request_filename"] and program == {"rewrite"}:
        message = (
            "the file is looked for twice, and by an if, whose settings replace those of its location; "
            "try_files $uri $uri/ TARGET looks once, and says what it does"
        )
        yield FILE.at(directive.place, message)


ON_DIRECTIVE: t.Final = (
    (("location",), _regex),
    (("rewrite",), _rewrite),
    (("if",), _if),
)
ON_BLOCK: t.Final = ((("server",), _root),)
