# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The files that nginx looks for on the way of a probe: of `try_files`, `index`, `error_page`, `root` and `alias`.

A configuration is checked where its pages may not be, and nginx does not always log what it misses. So the files follow
from the configuration. All of them are looked for, as if each were there and as if none were.
"""

from __future__ import annotations

import copy
import posixpath
import re
import typing as t
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.blocks import UPSTREAM_PASS
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.chain import normalise
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.conditions import condition_args
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.files import is_switch
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.listen import router_address
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.outcome import Outcome, Request
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.program import RewriteProgram
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.run import Run
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.select import Router
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.variables import Definitions

from .effective_directives import EffectiveDirectives
from .file_paths import FilePaths

if t.TYPE_CHECKING:
    from ansible_collections.failsafe.nginx.plugins.module_utils._wire.probes import Probe
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Config, Directive
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.blocks import Scope
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.select import Listener, Server

#: A location: the first name of its server, its modifier and its name; the server itself has neither.
Home = tuple[str, str, str]

#: Internal redirects that are followed; nginx gives up after ten.
_DEEPEST: t.Final = 6
_INDEX: t.Final = ("index.html",)
#: End of the name of a file's compressed copy (ngx_http_gzip_static_handler()).
COMPRESSED: t.Final = ".gz"
_PORTS: t.Final = {"http": 80, "https": 443}
_MISSING: t.Final = frozenset({"403", "404"})
_LUA: t.Final = ("rewrite_by_lua", "access_by_lua", "server_rewrite_by_lua")


@dataclass
class FoundFiles:
    """The files on the way of one request.

    Attributes:
        paths: path, relative to nginx's prefix where the configuration says so -> True if it is the same for every request.
        homes: path -> the location that looks for it.
        targets: paths that are looked for at the ends of redirects to servers of the configuration, as in `paths`.
        complete: False where the configuration alone does not tell all files.
    """

    paths: dict[str, bool] = field(default_factory=dict)
    homes: dict[str, Home] = field(default_factory=dict)
    targets: dict[str, bool] = field(default_factory=dict)
    complete: bool = True


class RoutedRequest(t.NamedTuple):
    """A request with the server that it arrives at.

    Attributes:
        server: that gets it.
        request: with its listener, host, path and arguments.
        match: of the regex that is the server's name.
        told: stub upstreams answer as they were told.
    """

    server: Server
    request: Request
    match: re.Match[str] | None
    told: bool


class FileFinder:
    """Finds the files that one configuration looks for.

    Args:
        config: the configuration.
    """

    def __init__(self, config: Config) -> None:
        self.router = Router(config)
        self.settings = EffectiveDirectives()
        self._definitions = Definitions(config)
        self._known: dict[tuple[int, str, str, bool], FoundFiles] = {}
        #: Whether Lua may send requests elsewhere.
        self.lua = any("_by_lua" in directive.name for directive in config.walk())

    def arrival(self, probe: Probe) -> RoutedRequest | None:
        """Return where a probe arrives; None where nothing listens, or its target is no path."""
        listener = self.router.listener(router_address(probe.listen.address), probe.listen.port)
        host = (probe.host or probe.sni or "").lower()
        host = host if host.startswith("[") else host.partition(":")[0]
        return self._routed(listener, host, probe.target, told=bool(probe.answers))

    def _routed(self, listener: Listener | None, host: str, target: str, *, told: bool) -> RoutedRequest | None:
        path, _mark, args = target.partition("?")
        if listener is None or not path.startswith("/"):
            return None
        selected = self.router.select(listener, host) if host else None
        server = selected.server if selected else listener.default
        uri = normalise(path, merge_slashes=not server.keeps_slashes)
        if uri is None:
            return None
        return RoutedRequest(server, Request(listener, host, uri, args), selected.match if selected else None, told)

    def redirected(self, request: Request, location: str) -> RoutedRequest | None:
        """Return where a client arrives that follows a redirect; None where that is none of these servers."""
        try:
            url = urlsplit(location)
            port = url.port or _PORTS.get(url.scheme, 0)
        except ValueError:
            return None
        host = (url.hostname or "").lower()
        listener = self.router.listener(request.listener.socket.address, port)
        if listener is None or not host:
            return None
        selected = self.router.select(listener, host)
        if host != request.host and not (selected and selected.named):
            return None
        return self._routed(listener, host, f"{url.path or '/'}?{url.query}".removesuffix("?"), told=False)

    def files(self, arrival: RoutedRequest) -> FoundFiles:
        """Return the files that nginx looks for on the way of a request."""
        server, request = arrival.server, arrival.request
        if not arrival.told and _only_passes(server, request.uri):
            return _NOTHING
        key = (id(server), request.uri, request.args, arrival.told)
        if key not in self._known:
            # A redirect may lead back here.
            self._known[key] = _NOTHING
            search = _Search(self, server, upstreams_fail=arrival.told)
            found = search.of(request, arrival.match)
            for location, own in search.redirects.items():
                following = self.redirected(request, location)
                for path, named in () if following is None else self._ends(following):
                    found.targets[path] = found.targets.get(path, False) or named or not own
            self._known[key] = found
        return self._known[key]

    def _ends(self, arrival: RoutedRequest) -> list[tuple[str, bool]]:
        found = self.files(arrival)
        return [*found.paths.items(), *found.targets.items()]

    @property
    def definitions(self) -> Definitions:
        """Return the variables that the configuration defines."""
        return self._definitions

    def homes(self) -> set[Home]:
        """Return every location, and every server as one."""
        found: set[Home] = set()
        for server in self.router.servers:
            found.add((server.first_name, "", ""))
            found.update(_homes_in(server.scope, server.first_name))
        return found


#: Of a request on whose way there is no file.
_NOTHING: t.Final = FoundFiles()


def _only_passes(server: Server, uri: str) -> bool:
    """Tell at once whether a request goes to an upstream and nowhere else, as most do."""
    if server.scope.program:
        return False
    found = server.scope.locations.find(uri)
    if found.location is None or not found.certain or found.location.scope.internal:
        return False
    scope = found.location.scope
    return scope.handler is not None and scope.try_files is None and not scope.program and scope.limit_except is None


def _homes_in(scope: Scope, server: str) -> set[Home]:
    found: set[Home] = set()
    for location in scope.locations.all:
        found.add((server, location.modifier, location.name))
        found |= _homes_in(location.scope, server)
    return found


class _Way(t.NamedTuple):
    """The way on which a request came to its URI.

    Attributes:
        own: the URI follows from the request's; else the configuration names it.
        home: the location that names it.
    """

    own: bool
    home: Home | None = None


class _Search:
    """Follows one request through a server, into every branch that depends on a file."""

    def __init__(self, finder: FileFinder, server: Server, *, upstreams_fail: bool) -> None:
        self._settings = finder.settings
        self._paths = FilePaths(finder.settings)
        self._definitions = finder.definitions
        self._server = server
        self._name = server.first_name
        self._lua = finder.lua
        self._upstreams_fail = upstreams_fail
        self._found = FoundFiles()
        #: Where clients are sent -> False if that is the same for every request.
        self.redirects: dict[str, bool] = {}
        self._seen: set[tuple[int, str, bool]] = set()

    def of(self, request: Request, match: re.Match[str] | None) -> FoundFiles:
        """Return the files."""
        self._enter(Run(self._server, self._definitions, request, match), way=_Way(own=True), depth=0)
        return self._found

    def _unknown(self) -> None:
        self._found.complete = False

    # -- phases, as in simulate.py

    def _enter(self, run: Run, *, way: _Way, depth: int) -> None:
        run.scope, run.undecided = self._server.scope, False
        following = self._rewrite(run, way=way)
        if following is not None:
            self._locate(run, way=following, depth=depth)

    def _rewrite(self, run: Run, *, way: _Way) -> _Way | None:
        """Execute the rewrite directives of the scope; return the way from there on, None where they end the request."""
        if self._lua and any(run.scope.effective(name) for name in _LUA):
            self._unknown()
        if not run.scope.program:
            return way
        if any(directive.name in ("if", "set") for directive in run.scope.program):
            self._name_files(run, way=way)
        before = len(run.trace)
        result = RewriteProgram(run, lambda status, _directive: run.end("return", status)).execute(run.scope)
        if isinstance(result, Outcome):
            if result.kind == "unknown":
                self._unknown()
            elif result.location is not None:
                step = run.trace[-1].directive
                target = step.args[1] if step.name == "rewrite" else step.args[-1]
                self.redirects[result.location] = way.own and "$" in target.partition("?")[0]
            return None
        if run.undecided:
            self._unknown()
        rewritten = [step.directive for step in run.trace[before:] if step.directive.name == "rewrite"]
        return self._led(run, way, rewritten[-1].args[1]) if rewritten else way

    def _name_files(self, run: Run, *, way: _Way) -> None:
        """Set the variables that name files, and add those that an `if (-f ...)` looks for."""
        root, name = self._paths.root(run), self._paths.path(run, run.state.uri)
        run.state.values.update(document_root=root, realpath_root=root, request_filename=name)
        self._paths.name_script(run)
        for directive in run.scope.program:
            words = condition_args(directive) if directive.name == "if" else []
            if words and words[0].lstrip("!") in ("-f", "-e") and not is_switch(words[-1]):
                self._add(run, run.state.text(words[-1]), way=way)

    def _locate(self, run: Run, *, way: _Way, depth: int) -> None:
        if depth > _DEEPEST:
            return
        found = self._server.scope.locations.find(run.state.uri)
        run.scope, run.uri_changed = self._server.scope, False
        if not found.certain:
            self._unknown()
            return
        if found.add_slash:
            return
        if found.location is None:
            self._content(run, way=way, depth=depth)
            return
        if found.location.scope.internal and not run.internal:
            self._pages(run, found.location.scope, _MISSING, way=way, depth=depth)
            return
        run.scope = found.location.for_get
        if found.match is not None:
            run.state.matched(found.match)
        self._run_location(run, way=way, depth=depth)

    def _run_location(self, run: Run, *, way: _Way, depth: int) -> None:
        key = (id(run.scope), run.state.uri, way.own)
        if key in self._seen:
            return
        self._seen.add(key)
        run.uri_changed = False
        following = self._rewrite(run, way=way)
        if following is None:
            return
        if run.uri_changed:
            self._locate(run, way=following, depth=depth + 1)
        else:
            self._content(run, way=following, depth=depth)

    def _content(self, run: Run, *, way: _Way, depth: int) -> None:
        scope = run.scope
        if scope.try_files is not None:
            self._try_files(run, scope.try_files, way=way, depth=depth)
        elif scope.handler is not None:
            if self._upstreams_fail and scope.handler.name in UPSTREAM_PASS:
                self._pages(run, scope, None, way=way, depth=depth)
        elif run.state.uri.endswith("/"):
            self._index(run, run.state.uri, way=way, depth=depth)
        else:
            self._add(run, self._paths.path(run, run.state.uri), way=way)
            self._pages(run, scope, _MISSING, way=way, depth=depth)

    def _try_files(self, run: Run, directive: Directive, *, way: _Way, depth: int) -> None:
        self._paths.name_script(run)
        for template in directive.args[:-1]:
            path = run.state.text(template.removesuffix("/"))
            led = self._led(run, way, template)
            if path is None:
                self._unknown()
            elif template.endswith("/"):
                # "$uri/" finds the index of the folder that a URI with a slash names; without one it is a redirect.
                if path.endswith("/") or not path:
                    self._index(run, path or "/", way=led, depth=depth)
            elif not path.endswith("/"):
                self._add(run, self._paths.path(run, path, template), way=led)
        fallback = directive.args[-1]
        if fallback.startswith("="):
            self._pages(run, run.scope, frozenset({fallback[1:]}), way=way, depth=depth)
        else:
            self._redirect(run, fallback, way=way, depth=depth)

    def _index(self, run: Run, uri: str, *, way: _Way, depth: int) -> None:
        """Add the index file of a folder: the one that an upstream answers, else the first that is named."""
        written = [name for each in self._settings.effective(run.scope, "index") for name in each.args] or list(_INDEX)
        for name in written:
            if name.startswith("/"):
                self._redirect(run, name, way=way, depth=depth)
        names = [run.state.text(name) for name in written if not name.startswith("/")]
        if None in names:
            self._unknown()
        known = [uri + name for name in names if name]
        target = next((each for each in known if self._is_passed(each)), known[0] if known else None)
        if target is not None:
            led = self._led(run, way, "/" if uri == "/" else "$uri")
            self._add(run, self._paths.path(run, target), way=led)
            self._follow(run, target, way=led, depth=depth)
        self._pages(run, run.scope, _MISSING, way=way, depth=depth)

    def _is_passed(self, uri: str) -> bool:
        found = self._server.scope.locations.find(uri).location
        handler = None if found is None else found.scope.handler
        return handler is not None and handler.name in UPSTREAM_PASS

    def _pages(self, run: Run, scope: Scope, codes: frozenset[str] | None, *, way: _Way, depth: int) -> None:
        """Follow the error pages of a scope for some statuses, None for all."""
        for page in scope.effective("error_page"):
            if codes is None or codes & set(page.args[:-1]):
                self._redirect(run, page.args[-1], way=way, depth=depth)

    def _redirect(self, run: Run, template: str, *, way: _Way, depth: int) -> None:
        target = run.state.text(template)
        if target is None:
            self._unknown()
        elif target.startswith("@"):
            location = self._server.scope.locations.named.get(target)
            if location is not None and depth < _DEEPEST:
                run = _fork(run)
                run.scope = location.for_get
                self._run_location(run, way=way, depth=depth + 1)
        elif target.startswith("/"):
            led = self._led(run, way, template.partition("?")[0])
            self._follow(run, target.partition("?")[0], way=led, depth=depth)

    def _follow(self, run: Run, uri: str, *, way: _Way, depth: int) -> None:
        if depth < _DEEPEST:
            run = _fork(run)
            run.state.uri = uri
            self._enter(run, way=way, depth=depth + 1)

    # -- paths

    def _add(self, run: Run, path: str | None, *, way: _Way) -> None:
        if path is None:
            self._unknown()
            return
        path = posixpath.normpath(path)
        gzip_static = self._settings.effective(run.scope, "gzip_static")
        copies = bool(gzip_static) and gzip_static[-1].args[:1] in (["on"], ["always"])
        for each in (path, path + COMPRESSED) if copies else (path,):
            self._found.paths[each] = self._found.paths.get(each, False) or not way.own
            self._found.homes.setdefault(each, way.home or self._home(run.scope))

    def _home(self, scope: Scope) -> Home:
        """Return the location of a scope, which may be an `if` in it."""
        while scope.location is None and scope.parent is not None and scope is not self._server.scope:
            scope = scope.parent
        location = scope.location
        return (self._name, location.modifier, location.name) if location else (self._name, "", "")

    def _led(self, run: Run, way: _Way, template: str) -> _Way:
        """Return the way on which a path of the configuration leads: it may depend on the request's own."""
        own = way.own and "$" in template
        return _Way(own, way.home if way.home or own else self._home(run.scope))


def _fork(run: Run) -> Run:
    """Copy a run that goes on inside of nginx, so that the other branch is not changed by it."""
    made = copy.copy(run)
    state = run.state
    made.state = replace(state, values=dict(state.values), _maps=dict(state._maps))  # noqa: SLF001 -- a copy of all fields
    made.internal = True
    return made
