# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The drafts that one server's blocks suggest, for any of its sockets and names."""

from __future__ import annotations

import typing as t
from itertools import islice
from urllib.parse import unquote

from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.blocks import UPSTREAM_PASS
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.template import variables_of

from .draft import Draft, target_of
from .input_flow import InputFlow
from .inputs import apply, join
from .scenarios import Scenarios
from .uris import QUERY, reaches, rewritten_uris, uris_of

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.blocks import Location, Scope
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.select import Server

    from .effective_directives import EffectiveDirectives
    from .input_flow import Sets
    from .inputs import Choice

#: Directives whose variables decide where a request goes or what answers it.
_ROUTING: t.Final = frozenset(
    {"return", "rewrite", "root", "alias", "try_files", "error_page", "add_header", "set", *UPSTREAM_PASS}
)
#: Directives without an effect that clients see, and blocks that are visited by themselves.
_UNSEEN: t.Final = frozenset(
    {
        *("location", "server", "access_log", "error_log", "limit_req", "limit_conn", "limit_rate", "proxy_cache_key"),
        *("proxy_cache_bypass", "proxy_no_cache", "fastcgi_cache_key", "fastcgi_cache_bypass", "fastcgi_no_cache"),
    }
)
_REFUSED: t.Final = frozenset({"401", "403", "404", "405", "410"})
#: More than any block written by hand has; a replaced map of redirects may have as many.
_MOST_CHOICES: t.Final = 4000


class ServerProbes:
    """Makes the drafts of one server.

    Attributes:
        drafts: in a fixed order, `/` first.
        reasons: id() of the directive of an unreached block -> the reason.
        sender: the first request that is passed to an upstream.
        origin: the location that passes it.
        bases: id() of a location -> the first request that reaches it.
        missing: id() of a location -> the last request that reaches it; for prefixes, a file that does not exist.
    """

    def __init__(self, server: Server, flow: InputFlow, settings: EffectiveDirectives, scenarios: Scenarios) -> None:
        self.server = server
        self.flow = flow
        self.settings = settings
        self.scenarios = scenarios
        self.sets: Sets = {}
        self.reasons: dict[int, str] = {}
        self.sender: Draft | None = None
        self.origin: Location | None = None
        self.bases: dict[int, Draft] = {}
        self.missing: dict[int, Draft] = {}
        self._collect_sets(server.scope.directive)
        self.drafts: list[Draft] = list(self._all())

    def _collect_sets(self, block: Directive) -> None:
        for child in block.children:
            if child.name == "set" and len(child.args) > 1 and "$" in child.args[1]:
                self.sets.setdefault(child.args[0].lstrip("$").lower(), []).append(child.args[1])
            elif child.block is not None and child.name in ("location", "if", "limit_except"):
                self._collect_sets(child)

    def _all(self) -> Iterator[Draft]:
        base = Draft("/", "the front page", self.server.scope.directive)
        yield base
        yield base._replace(target="/x" + QUERY, why="a page that nothing names")
        yield from self._of_rewrites(self.server.scope)
        yield from self._of_choices(self.server.scope, base, None)
        yield from self.scenarios.of_clients(self.server.scope, base)
        if self.server.scope.parent is not None:
            yield from self.scenarios.of_clients(self.server.scope.parent, base)
        yield from self._of_locations(self.server.scope)
        for location in all_locations(self.server.scope):
            yield from self.scenarios.of_internal(self.server, location, self.sender, self.origin)
            if location.modifier == "@":
                yield from self._of_named(location)
        yield base._replace(method="HEAD", why="HEAD of the front page")
        yield base._replace(method="POST", why="POST to the front page", body="x=1")

    def _of_rewrites(self, scope: Scope) -> Iterator[Draft]:
        for uri, directive in rewritten_uris(self.server, scope):
            target = target_of(uri)
            if target is not None:
                yield Draft(target, f"rewrite {directive.args[0]}", directive.parent or scope.directive)

    def _of_locations(self, scope: Scope) -> Iterator[Draft]:
        for location in scope.locations.all:
            yield from self._of_location(location)
            yield from self._of_locations(location.scope)

    def _of_location(self, location: Location) -> Iterator[Draft]:
        name = f"location {' '.join(location.scope.directive.args)}"
        for number, uri in enumerate(uris_of(self.server, location)):
            target = target_of(uri)
            if target is None:
                continue
            if number == 1:
                target += QUERY
            draft = Draft(target, name, location.scope.directive)
            if reaches(self.server, uri, location.scope):
                self.bases.setdefault(id(location), draft)
                self.missing[id(location)] = draft
            yield draft
        base = self.bases.get(id(location))
        if base is None:
            self._unreached(location)
            return
        if self.sender is None and not location.scope.internal and location.scope.handler is not None:
            passes = location.scope.handler.name in UPSTREAM_PASS
            self.sender, self.origin = (base, location) if passes else (None, None)
        yield from self._of_rewrites(location.scope)
        yield from self._of_choices(location.scope, base, location)
        yield from self.scenarios.of_location(self.server, location, base)

    def _unreached(self, location: Location) -> None:
        if location.modifier == "@":
            self.reasons[id(location.scope.directive)] = "a named location that no request was found for"
        elif location.is_regex and location.pattern is None:
            self.reasons[id(location.scope.directive)] = "its regular expression is beyond what requests are made from"
        elif location.is_regex:
            self.reasons[id(location.scope.directive)] = "no request was found that its regular expression gets"
        else:
            self.reasons[id(location.scope.directive)] = (
                "no request was found that gets there: other locations come first"
            )

    def _of_named(self, location: Location) -> Iterator[Draft]:
        """Return requests that `try_files` or an error page for a missing file sends to a named location."""
        for origin in all_locations(self.server.scope):
            fallback = origin.scope.try_files.args[-1] if origin.scope.try_files is not None else ""
            base = self.missing.get(id(origin))
            if fallback == location.name and base is not None:
                yield base._replace(why=f"try_files of {base.why}", block=location.scope.directive)
            elif base is not None and self._is_page(origin.scope, location.name):
                yield base._replace(why=f"error_page of {base.why}", block=location.scope.directive)
        top = self.server.scope.try_files
        if top is not None and top.args[-1] == location.name:
            yield Draft("/x" + QUERY, "try_files of the server", location.scope.directive)
        elif self._is_page(self.server.scope, location.name):
            yield Draft("/x" + QUERY, "error_page of the server", location.scope.directive)

    def _is_page(self, scope: Scope, name: str) -> bool:
        """Tell whether a block sends what it cannot find, or refuses, to a named location."""
        pages = self.settings.own(scope, "error_page")
        if any(page.args[-1:] == [name] and _REFUSED.intersection(page.args) for page in pages):
            return True
        given = {each.args[0] for each in scope.program if each.name == "return" and each.args}
        pages = self.settings.effective(scope, "error_page") if given else pages
        return any(page.args[-1:] == [name] and given.intersection(page.args) for page in pages)

    # -- inputs

    def _of_choices(self, scope: Scope, base: Draft, location: Location | None) -> Iterator[Draft]:
        """Return the base request once for each value of the block's variables, and once with several values at a time."""
        found: dict[Choice, tuple[str, Directive]] = {}
        for choice, why, block in islice(self._choices(scope.directive), _MOST_CHOICES):
            found.setdefault(choice, (why, block))
        kept: list[Choice] = []
        for choice, (why, block) in found.items():
            draft = apply(base, choice)
            if draft is not None and self._still_there(draft, location):
                yield draft._replace(why=why, block=block)
                kept.append(choice)
        if len(kept) > 1:
            yield from self._combined(base, kept, location)

    def _combined(self, base: Draft, choices: list[Choice], location: Location | None) -> Iterator[Draft]:
        """Return a draft with the first of each input, for inputs that only matter together (`set $a "${a}1"`)."""
        together: Choice = ()
        names: set[tuple[str, str]] = set()
        for choice in choices:
            fresh = {(kind, name) for kind, name, _value in choice}
            if not names & fresh:
                together = join(together, choice) or together
                names |= fresh
        draft = apply(base, together) if len(names) > 1 else None
        if draft is not None and self._still_there(draft, location):
            yield draft._replace(why="several inputs at once, " + base.why)

    def _still_there(self, draft: Draft, location: Location | None) -> bool:
        if location is None:
            return True
        found = self.server.scope.locations.find(_decoded(draft.target))
        return found.certain and found.location is location and not found.add_slash

    def _choices(self, block: Directive) -> Iterator[tuple[Choice, str, Directive]]:
        for child in block.children:
            if child.name == "if":
                why = f"if ({' '.join(child.args)})"
                for choice in self.flow.condition(child, self.sets):
                    yield choice, why, child
                yield from self._choices(child)
            elif child.name not in _UNSEEN:
                yield from self._of_directive(child, block)

    def _of_directive(self, child: Directive, block: Directive) -> Iterator[tuple[Choice, str, Directive]]:
        for arg in child.args:
            if "$" not in arg:
                continue
            for name in sorted(variables_of(arg)):
                if name in self.flow.tables or name in self.sets or (_is_input(name) and child.name in _ROUTING):
                    for choice in self.flow.choices(name, self.sets):
                        yield choice, f"{child.name} reads ${name}", block


def _is_input(name: str) -> bool:
    return name.startswith(("http_", "cookie_", "arg_"))


def _decoded(target: str) -> str:
    return unquote(target.partition("?")[0])


def all_locations(scope: Scope) -> Iterator[Location]:
    """Return every location of a scope, nested ones after the one that holds them."""
    for location in scope.locations.all:
        yield location
        yield from all_locations(location.scope)
