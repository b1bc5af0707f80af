# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Requests worth simulating: what the configuration names, and a name beside it that does not exist."""

from __future__ import annotations

import ipaddress
import typing as t
from functools import lru_cache

from .conditions import condition_args
from .sampler import SAFE, sample_pattern
from .template import variables_of

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive

    from .blocks import Location, Scope
    from .select import Server
    from .variables import Definitions, MapTable

_FILLER: t.Final = "x"
_URI_VARIABLES: t.Final = frozenset({"uri", "request_uri", "document_uri"})
_HOST_VARIABLES: t.Final = frozenset({"host", "http_host"})
#: Entries of one redirect map that are tried beside those that lead to another entry.
_MAP_ENTRIES: t.Final = 40
_HOSTS: t.Final = 4


class UriSample(t.NamedTuple):
    """A path, its arguments and the segments that stand for nothing that exists."""

    uri: str
    args: str
    missing: frozenset[str]


def sample_uris(server: Server, definitions: Definitions) -> list[UriSample]:
    """Return URIs for one server, `/` first: every location and rewrite pattern, `if` conditions on the URI, map keys."""
    found: dict[tuple[str, str], UriSample] = {}
    for sample in _uris(server, definitions):
        found.setdefault((sample.uri, sample.args), sample)
    return list(found.values())


def _uris(server: Server, definitions: Definitions) -> Iterator[UriSample]:
    yield UriSample("/", "", frozenset())
    yield _missing("/" + _FILLER)
    yield from _of_scope(server.scope)
    maps: dict[str, MapTable] = {}
    for template in _all_templates(server):
        for name in variables_of(template):
            table = definitions.maps.get(name)
            if table is not None and variables_of(table.source) & _URI_VARIABLES:
                maps[name] = table
    for table in maps.values():
        if table.samples is None:
            table.samples = tuple(_of_map(table))
        yield from table.samples


def _of_scope(scope: Scope) -> Iterator[UriSample]:
    yield from _of_program(scope.program)
    for location in scope.locations.all:
        yield from _of_location(location)
        yield from _of_scope(location.scope)


def _of_location(location: Location) -> Iterator[UriSample]:
    name = location.name
    if location.is_regex:
        yield from _of_pattern(name, caseless=location.modifier == "~*")
    elif location.modifier != "@" and name.startswith("/") and SAFE.issuperset(name):
        yield _literal(name)
        if location.modifier != "=":
            if name != "/" and name.endswith("/"):
                yield _literal(name.rstrip("/") or "/")
            yield _missing(name + _FILLER)


def _of_program(program: Iterable[Directive]) -> Iterator[UriSample]:
    for directive in program:
        if directive.name == "rewrite" and directive.args:
            yield from _of_pattern(directive.args[0])
        elif directive.name == "if":
            yield from _of_condition(directive)
            yield from _of_program(child for child in directive.children if child.name == "rewrite")


def _of_condition(directive: Directive) -> Iterator[UriSample]:
    args = condition_args(directive)
    if len(args) != 3:  # noqa: PLR2004 -- variable, operator, operand
        return
    variable, operator, operand = args[0].lstrip("$").lower(), args[1], args[2]
    if variable in _URI_VARIABLES and operator == "=" and operand.startswith("/"):
        uri, _sep, arguments = operand.partition("?")
        if SAFE.issuperset(uri):
            yield UriSample(uri, arguments, frozenset())
    elif variable in _URI_VARIABLES and operator in ("~", "~*"):
        yield from _of_pattern(operand, caseless=operator == "~*")
    elif variable in ("args", "query_string") and operator in ("~", "~*"):
        for sample in sample_pattern(operand, caseless=operator == "~*", path=False):
            yield UriSample("/", sample.text, frozenset())


def _of_map(table: MapTable) -> Iterator[UriSample]:
    """Yield map keys worth probing: those whose value is a key or matches a regex of the map, and a few more."""
    others = 0
    for key, value in table.exact.items():
        target = _path(value)
        circular = target.lower() in table.exact or any(p is None or p.search(target) for p, _unused in table.regexes)
        others += not circular
        if key.startswith("/") and value and (circular or others <= _MAP_ENTRIES):
            uri, _sep, arguments = key.partition("?")
            if SAFE.issuperset(uri):
                yield UriSample(uri, arguments, frozenset())
    for pattern, value in table.regexes[:_MAP_ENTRIES]:
        if pattern is not None and value:
            yield from _of_pattern(pattern.pattern, caseless=True)


def _path(value: str) -> str:
    if "://" in value:
        return "/" + value.split("://", 1)[1].partition("/")[2]
    return value


def _of_pattern(pattern: str, *, caseless: bool = False) -> Iterator[UriSample]:
    for sample in sample_pattern(pattern, caseless=caseless):
        yield UriSample(sample.text, "", sample.open_segments)


def _literal(uri: str) -> UriSample:
    return UriSample(uri, "", frozenset())


def _missing(uri: str) -> UriSample:
    return UriSample(uri, "", frozenset({uri.rsplit("/", 1)[-1]}))


@lru_cache(maxsize=8)
def _all_templates(server: Server) -> tuple[str, ...]:
    """Return the templates of one server, which is asked about several times in a row."""
    return tuple(_templates(server.scope))


def _templates(scope: Scope) -> Iterator[str]:
    """Yield every string with variables that decides where a request goes."""
    yield from _program_templates(scope.program)
    if scope.try_files is not None:
        yield from scope.try_files.args
    for location in scope.locations.all:
        yield from _templates(location.scope)


def _program_templates(program: Iterable[Directive]) -> Iterator[str]:
    for directive in program:
        yield from directive.args
        if directive.name == "if":
            yield from _program_templates(child for child in directive.children)


def sample_hosts(server: Server, definitions: Definitions, *, default: bool) -> list[str]:
    """Return host names for one server: some of its own, those that its conditions and maps single out, one that only
    a default server gets.
    """
    names = [host for name in server.names if (host := host_of(name))]
    hosts = dict.fromkeys(names[:_HOSTS])
    if len(names) > _HOSTS or any(name[:1] in "*.~" or name.endswith("*") for name in server.names):
        own = set(names)
        for host in _singled_out(server, definitions):
            if host in own or not SAFE.issuperset(host):
                hosts.setdefault(host)
    if default and not names:
        hosts.setdefault("any.invalid")
    return list(hosts)


def is_address(host: str) -> bool:
    """Tell whether a host is an IP address, an IPv6 one with brackets or without: no TLS server name then (RFC 6066, 3)."""
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def host_of(name: str) -> str | None:
    """Return a host that a server_name stands for; None for the names that no client asks for."""
    if name.startswith("~"):
        samples = sample_pattern(name[1:], caseless=True, path=False, variants=1)
        text = samples[0].text.lower() if samples else ""
        # nginx takes a dot at the end away.
        return (text + _FILLER if text.endswith(".") else text) or None
    host = name.lower()
    if host.startswith("*."):
        host = "www" + host[1:]
    elif host.startswith("."):
        host = host[1:]
    elif host.endswith(".*"):
        host = host[:-1] + "com"
    return host if host.strip("_-") and _is_host(host) else None


def _is_host(host: str) -> bool:
    return all(character.isalnum() or character in "-._" for character in host)


def _singled_out(server: Server, definitions: Definitions) -> Iterator[str]:
    for directive in server.scope.program:
        args = condition_args(directive) if directive.name == "if" else []
        if len(args) == 3 and args[0].lstrip("$").lower() in _HOST_VARIABLES:  # noqa: PLR2004 -- as above
            yield args[2].lower()
    for template in _all_templates(server):
        for name in variables_of(template):
            table = definitions.maps.get(name)
            if table is not None and variables_of(table.source) & _HOST_VARIABLES:
                yield from list(table.exact)[:_MAP_ENTRIES]


def uses_host(server: Server, definitions: Definitions) -> bool:
    """Tell whether anything that decides where a request goes looks at the host."""
    names = set().union(*(variables_of(template) for template in _all_templates(server)))
    pending = set(names)
    while pending:
        table = definitions.maps.get(pending.pop())
        fresh = variables_of(table.source) - names if table is not None else frozenset()
        names |= fresh
        pending |= fresh
    return bool(names & (_HOST_VARIABLES | definitions.assigned))
