# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Rules on what a rewrite program does to a request: captures that are empty, maps without a value, `if` in a location."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.conditions import condition_args
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.pattern import compile_pattern
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.samples import sample_hosts
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.simulate import REDIRECTS
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.template import parse_template, variables_of

from .analysis import rewrite_programs
from .analysis.regex_literals import literals
from .finding import Rule, related

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.blocks import Location
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.variables import MapTable

    from .context import Context
    from .finding import Finding

CAPTURE: t.Final = Rule("capture-missing", "warning", "A $1 or $2 that the regular expression has no group for")
MAP: t.Final = Rule(
    "map-without-default", "warning", "A map that is empty for other values decides where a request goes"
)
SKIPS: t.Final = Rule("if-skips-try-files", "warning", "An if in a location turns its try_files off")
EVIL: t.Final = Rule("if-is-evil", "advice", "Settings inside an if in a location")
ALIAS: t.Final = Rule(
    "try-files-with-alias", "warning", "try_files $uri below an alias with captures looks for no file"
)
RULES: t.Final = (CAPTURE, MAP, SKIPS, EVIL, ALIAS)

_REWRITE: t.Final = frozenset({"set", "if", "rewrite", "return", "break", "include"})
_PASSES: t.Final = ("proxy_pass", "grpc_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass")
_REGEX_OPERATORS: t.Final = frozenset({"~", "~*"})
_COMPARISON: t.Final = 3
_LEAVING: t.Final = frozenset({"last", "redirect", "permanent"})
_EVERYWHERE: t.Final = frozenset({"", "/"})
#: Directives that use the captures of a location or an `if`, and have no expression of their own.
_USERS: t.Final = re.compile(
    r"return|set|root|alias|try_files|proxy_set_header|add_header|auth_request|\w+_(?:pass|param)"
)
#: Every value that these variables can have.
_CLOSED: t.Final = {"scheme": ("http", "https"), "https": ("", "on"), "is_args": ("", "?")}
_UNLISTED: t.Final = "no-such-value.invalid"


def check(context: Context) -> Iterator[Finding]:
    """Rewrites and their captures, maps by use, `if` blocks by location."""
    for directive in context.named("rewrite"):
        yield from _rewrite(directive)
    for server, scope in context.scopes.values():
        if scope is not server:
            location = t.cast("Location", scope)
            yield from _captures(location, context)
            yield from _alias(location)
            for block in location.program:
                if block.name == "if":
                    yield from _if(block, location)
    yield from _maps(context)


# -- captures


def _most(*texts: str) -> int:
    """The highest number of a capture in these texts."""
    return max((part.capture for text in texts if "$" in text for part in parse_template(text)), default=-1)


def _rewrite(directive: Directive) -> Iterator[Finding]:
    if len(directive.args) > 1:
        yield from _missing(directive, directive.args[0], [directive.args[1]])


def _missing(
    directive: Directive, pattern: str, texts: list[str], origin: Directive | None = None
) -> Iterator[Finding]:
    most = _most(*texts)
    compiled = compile_pattern(pattern) if most > 0 else None
    if compiled is None or most <= compiled.groups:
        return
    groups = {0: "no group", 1: "one group"}.get(compiled.groups, f"{compiled.groups} groups")
    message = f"${most} is always empty: {pattern} has {groups}. Add the parentheses, or count again"
    places = [related("the regular expression", origin.place)] if origin is not None else []
    yield CAPTURE.at(directive.place, message, places)


def _captures(location: Location, context: Context) -> Iterator[Finding]:
    """Captures that a regex location and the regex of an `if` leave, where nothing else can have set them."""
    if location.is_regex and not any(_sets_captures(each) for each in location.program):
        for user in location.directive.children:
            if _USERS.fullmatch(user.name) and not _has_maps(user, context):
                yield from _missing(user, location.name, user.args, location.directive)
    for block in location.program:
        args = condition_args(block) if block.name == "if" else []
        if len(args) != _COMPARISON or args[1] not in _REGEX_OPERATORS:
            continue
        for user in block.children:
            if user.name == "rewrite":
                break
            if _USERS.fullmatch(user.name) and not _has_maps(user, context):
                yield from _missing(user, args[2], user.args, block)


def _sets_captures(directive: Directive) -> bool:
    return directive.name in ("rewrite", "if", "include") or "_by_lua" in directive.name


def _has_maps(directive: Directive, context: Context) -> bool:
    return any(context.definitions.maps.keys() & variables_of(text) for text in directive.args if "$" in text)


# -- if


def _if(block: Directive, location: Location) -> Iterator[Finding]:
    """ngx_http_rewrite_if() makes a nameless location of the block: the request gets its settings, and no try_files."""
    inside = [child for child in block.children if child.name != "include"]
    if any(_leaves(child) for child in inside):
        return
    settings = [child for child in inside if child.name not in _REWRITE and not child.name.startswith("set_")]
    condition = " ".join(block.raw_args)
    handled = any(child.name in _PASSES or child.name == "try_files" for child in inside)
    if location.try_files is not None and location.handler is None and not handled:
        files = location.try_files
        message = (
            f"where if ({condition}) holds, try_files (line {files.line}) does not run, even if the block only sets a variable: "
            "nginx answers from the file that the URI names, without the fallback. Use a map instead of the if"
        )
        yield SKIPS.at(block.place, message, [related("this one does not run", files.place)])
    elif settings:
        message = (
            f"{settings[0].name} inside if ({condition}): the request gets the settings of the last if that holds, and of no "
            "other one. A map, or another location, says the same without surprises"
        )
        yield EVIL.at(settings[0].place, message, [related("in this if", block.place)])


def _leaves(directive: Directive) -> bool:
    """Whether an `if` sends all of its requests away here, or all but `/`."""
    if directive.name != "rewrite" or not _LEAVING.intersection(directive.args[2:3]):
        return rewrite_programs.ends_program(directive) and directive.name != "break"
    found = literals(directive.args[0])
    return found is not None and found.heads <= _EVERYWHERE and found.tails <= _EVERYWHERE


# -- alias


def _alias(location: Location) -> Iterator[Finding]:
    files = location.try_files
    if files is None or not location.is_regex:
        return
    alias = next((each for each in location.directive.children if each.name == "alias" and each.args), None)
    if alias is None or _most(*alias.args) < 1 or not any(arg.startswith("$uri") for arg in files.args[:-1]):
        return
    message = (
        f"try_files looks for {alias.args[0]}$uri: below an alias of a regex location $uri is the client's whole path, so no file "
        'is ever found. Take root, or try_files "" with the fallback behind it'
    )
    yield ALIAS.at(files.place, message, [related("the alias", alias.place)])


# -- maps


def _maps(context: Context) -> Iterator[Finding]:
    open_maps = {name: table for name, table in context.definitions.maps.items() if not _has_default(table)}
    told: set[str] = set()
    for directive in context.named("return", "root", "alias", *_PASSES) if open_maps else ():
        text = _decides(directive)
        name = parse_template(text.partition("://")[2] or text)[0].variable if text else ""
        if name in open_maps and name not in told and not _guarded(directive, name):
            missing = _unlisted(open_maps[name], directive, context)
            if missing:
                told.add(name)
                yield _map_finding(directive, name, open_maps[name], missing)


def _has_default(table: MapTable) -> bool:
    return table.incomplete or any(child.name == "default" for child in table.directive.children)


def _decides(directive: Directive) -> str:
    """The text that says where a request goes."""
    args = directive.args
    if directive.name != "return":
        return args[0] if args else ""
    return args[1] if len(args) > 1 and args[0].isdecimal() and int(args[0]) in REDIRECTS else ""


def _guarded(directive: Directive, name: str) -> bool:
    """Whether some condition around the directive, or before it, asks for the variable."""
    block = directive.parent
    while block is not None and block.name != "http":
        if block.name == "if" and name in _asked(block):
            return True
        if any(child.name == "if" and name in _asked(child) for child in block.find("if")):
            return True
        block = block.parent
    return False


def _asked(block: Directive) -> set[str]:
    return set().union(*(variables_of(arg) for arg in block.args))


def _unlisted(table: MapTable, directive: Directive, context: Context) -> str:
    """A value of the source that the map has nothing for, in words; empty where there is none."""
    source = parse_template(table.source)
    name = source[0].variable if len(source) == 1 else ""
    if name in _CLOSED:
        return next((f"${name} = {value!r}" for value in _CLOSED[name] if not table.find(value)[0]), "")
    if name == "host":
        hosts = _hosts_of(directive, context)
        return next((f"the host {host}" for host in hosts if table.find(host)[0] == ""), "")
    if table.find(_UNLISTED)[0] == "" and table.find("/" + _UNLISTED)[0] == "":
        return f"every other value of {table.source}"
    return ""


def _hosts_of(directive: Directive, context: Context) -> Iterator[str]:
    block: Directive | None = directive
    while block is not None and id(block) not in context.scopes:
        block = block.parent
    server = context.scopes[id(block)][0] if block is not None else None
    if server is None:
        return
    for listener in context.router.listeners.values():
        if server in listener.servers:
            default = listener.default is server
            yield from sample_hosts(server, context.definitions, default=default)
            if default:
                yield _UNLISTED


def _map_finding(directive: Directive, name: str, table: MapTable, missing: str) -> Finding:
    does = {
        "return": "the redirect has no target",
        "root": "files are looked for in the file system's root",
        "alias": "files are looked for in the file system's root",
    }.get(directive.name, "the target is empty, and the answer a 500")
    message = f"for {missing}, ${name} is empty: {does}. Give the map a default"
    return MAP.at(table.directive.place, message, [related("used here", directive.place)])
