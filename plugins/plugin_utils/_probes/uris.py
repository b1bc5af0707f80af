# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""URIs for each block of a server: those that reach it, and those that just miss it."""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.blocks import Location
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.pattern import compile_pattern
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.sampler import sample_pattern

from .draft import target_of

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.blocks import Scope
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.select import Server

_FILLER: t.Final = "x"
#: A prefix that few patterns for folders and files match.
_FILLED: t.Final = "/x-0/X"
_KEPT: t.Final = 2
#: Added to a URI, so that lost arguments are seen.
QUERY: t.Final = "?x=1"


def reaches(server: Server, uri: str, scope: Scope) -> bool:
    """Tell whether nginx runs this scope for a URI from a client, as far as locations decide it."""
    if target_of(uri) is None:
        return False
    if scope is server.scope:
        return True
    found = server.scope.locations.find(uri)
    location = found.location
    return found.certain and location is not None and location.scope is scope and not found.add_slash


def uris_of(server: Server, location: Location) -> Iterator[str]:
    """Return URIs for a location, those that reach it and its close neighbours, in a fixed order."""
    if location.modifier == "@" or not location.name:
        return
    if location.is_regex:
        yield from _of_regex(server, location)
    elif location.modifier == "=":
        yield location.name
    elif location.name.startswith("/"):
        yield from _of_prefix(server, location)


def _of_prefix(server: Server, location: Location) -> Iterator[str]:
    name = location.name
    yield name
    yield name + (_FILLER if name.endswith("/") else "/" + _FILLER)
    if name.endswith("/"):
        if name != "/":
            yield name.rstrip("/")
    else:
        yield name + _FILLER
    if not any(reaches(server, uri, location.scope) for uri in (name, name + _FILLER)):
        # Regexes take these URIs: try some that they may not match.
        for tail in ("/x/x", "x.x", "x-0", "/0", "X", "/x.bin"):
            uri = name.rstrip("/") + ("" if tail.startswith("/") else "/" if name.endswith("/") else "") + tail
            if reaches(server, uri, location.scope):
                yield uri
                return


def _of_regex(server: Server, location: Location) -> Iterator[str]:
    caseless = location.modifier == "~*"
    found: list[str] = []
    for uri in _matching(location.name, location.scope, caseless=caseless):
        if uri not in found and reaches(server, uri, location.scope):
            found.append(uri)
            if len(found) == _KEPT:
                break
    yield from found
    for uri in found[:1]:
        yield uri + _FILLER
        yield "/" + _FILLER + uri
        if uri.swapcase() != uri:
            yield uri.swapcase()


def _matching(pattern: str, scope: Scope, *, caseless: bool = False) -> Iterator[str]:
    """Return URIs that match a pattern, also below the prefixes of the scope."""
    compiled = compile_pattern(pattern, caseless=caseless)
    if compiled is None:
        return
    samples = [sample.text for sample in sample_pattern(pattern, caseless=caseless)]
    yield from samples
    for sample in samples:
        # Other locations may take the plain samples, and no client can send "/.".
        for uri in (
            sample + _FILLER,
            f"/{_FILLER}{sample}",
            sample.swapcase(),
            f"{sample}/{_FILLER}",
            _FILLED + sample,
        ):
            if compiled.search(uri):
                yield uri
    for start in _starts(scope):
        for sample in samples or ["/" + _FILLER]:
            for uri in (start.rstrip("/") + sample, start + sample.lstrip("/"), start + _FILLER + sample.lstrip("/")):
                if compiled.search(uri):
                    yield uri


def _starts(scope: Scope) -> Iterator[str]:
    """Return prefixes, or samples of them, of URIs that reach a scope."""
    current: Scope | None = scope
    while current is not None:
        location = current.location
        if location is not None and location.modifier != "@":
            if not location.is_regex:
                yield location.name
            elif current is not scope:
                for sample in sample_pattern(location.name, caseless=location.modifier == "~*"):
                    yield sample.text
        current = current.parent


def rewritten_uris(server: Server, scope: Scope) -> Iterator[tuple[str, Directive]]:
    """Return URIs that a scope's `rewrite` directives match, with the directive."""
    for directive in _rewrites(scope.program):
        kept = 0
        for uri in _matching(directive.args[0], scope):
            if reaches(server, uri, scope):
                yield uri, directive
                kept += 1
                if kept == _KEPT:
                    break


def _rewrites(program: Iterable[Directive]) -> Iterator[Directive]:
    for directive in program:
        if directive.name == "rewrite" and len(directive.args) > 1:
            yield directive
        elif directive.name == "if":
            yield from _rewrites(directive.children)
