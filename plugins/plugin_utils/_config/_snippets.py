# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Files without a main file: the context they were written for, and made-up blocks to judge them in."""

from __future__ import annotations

import posixpath
import typing as t
from collections import deque

from ._build import Builder, decode, includes
from ._crossplane import Context
from ._files import ReadError, below, expand
from ._lexer import Syntax, read, shorten
from .model import ConfigError, Directive

_HTTP_FOLDERS = frozenset({"conf.d", "http.d", "sites-enabled"})
_STREAM_FOLDERS = frozenset({"stream.conf.d", "stream.d", "streams-enabled", "streams.d"})
_PARKED = ("sites-available", "streams-available", "modules-available")

_HTTP: tuple[Context, ...] = (("http",), ("http", "server"), ("http", "location"), (), ("http", "upstream"))
_STREAM: tuple[Context, ...] = (("stream",), ("stream", "server"), (), ("stream", "upstream"))

#: The blocks to make up around a context, outermost first.
_WRAPPERS: dict[Context, tuple[tuple[str, list[str]], ...]] = {
    (): (),
    ("http",): (("http", []),),
    ("http", "server"): (("http", []), ("server", [])),
    ("http", "location"): (("http", []), ("server", []), ("location", ["/"])),
    ("http", "upstream"): (("http", []), ("upstream", ["snippet"])),
    ("stream",): (("stream", []),),
    ("stream", "server"): (("stream", []), ("server", [])),
    ("stream", "upstream"): (("stream", []), ("upstream", ["snippet"])),
}


def load_snippets(builder: Builder, config_dir: str) -> list[Directive]:
    """Return the main level of a folder without its main file; raise ReadError where the folder cannot be listed.

    Loaded are what `candidates` names and nothing in the folder includes. Files of one context share
    one made-up `http` or `stream` block.
    """
    root: list[Directive] = []
    chosen = candidates(builder.source.files(), config_dir)
    named = _named(builder, chosen)
    outermost: dict[str, Directive] = {}
    for path in chosen:
        if path not in named:
            _load(builder, path, root, outermost)
    # What is left includes each other in a circle: entering it anywhere reports the cycle.
    for path in chosen:
        if path in named and builder.source.shown(path) not in builder.loaded:
            _load(builder, path, root, outermost)
    return root


def load_snippet(builder: Builder, path: str, context: Context | None = None) -> list[Directive]:
    """Return the main level of a single file, with the blocks made up around it: those of `context`, or those it needs."""
    root: list[Directive] = []
    _load(builder, path, root, {}, context)
    return root


def parse_context(text: str) -> Context:
    """Return the context that `http,server` or `http,server,location` names; `main` is the main level.

    Raises:
        ConfigError: There is no such context.
    """
    names = tuple(name.strip() for name in text.split(","))
    context: Context = () if names == ("main",) else names
    if names[:1] == ("http",) and names[-1] == "location" and set(names[1:-1]) <= {"server", "location"}:
        context = ("http", "location")
    if context not in _WRAPPERS:
        known = ", ".join("main" if not each else ",".join(each) for each in _WRAPPERS)
        raise ConfigError(f'"{shorten(text)}" is no context, write one of: {known}')
    return context


def candidates(files: list[str], config_dir: str) -> list[str]:
    """Return the files that a usual main file would include.

    That is `*.conf` in the folder itself, `*.conf` below `conf.d/` and `stream.d/` (and their like), and everything
    below `sites-enabled/` and `streams-enabled/`. Where there is none of these, every other `*.conf` and everything
    below `snippets/`, but nothing that is parked in a `*-available` folder: certificates and pages are no configuration.
    """
    chosen = []
    for path in files:
        parts = (below(path, config_dir) or "").split("/")
        if any(part.startswith(".") for part in parts):
            continue
        enabled = parts[0].endswith("-enabled") and len(parts) > 1
        folder = parts[0] in _HTTP_FOLDERS | _STREAM_FOLDERS
        config = (len(parts) == 1 or folder) and parts[-1].endswith(".conf")
        # A folder that cannot be listed stands here itself, so that reading it says so.
        if config or (enabled and not parts[-1].endswith("~")) or (folder and len(parts) == 1):
            chosen.append(path)
    return chosen or [path for path in files if _is_snippet((below(path, config_dir) or "").split("/"))]


def _is_snippet(parts: list[str]) -> bool:
    return parts[0] not in _PARKED and (parts[-1].endswith(".conf") or "snippets" in parts[:-1])


def unread(builder: Builder, config_dir: str) -> list[str]:
    """Return the shown paths of snippets in the folder that the loaded configuration does not include.

    Looked for beside the files that it does include, and in the usual folders. Left out is what is parked on purpose or
    came with nginx, and what is no snippet: other programs' files, certificates, main files of their own. A file that is
    read by another name, through a link, is read.
    """
    loaded = {posixpath.join(config_dir, path) for path in builder.loaded}
    folders = {posixpath.dirname(path) for path in loaded} | {
        posixpath.join(config_dir, name).rstrip("/") for name in _USUAL
    }
    found = []
    for path in sorted(_files_in(builder, folder) for folder in folders if below(folder, config_dir) is not None):
        found += [each for each in path if each not in loaded and _is_snippet_of(builder, each, config_dir)]
    return [builder.source.shown(path) for path in found]


def _files_in(builder: Builder, folder: str) -> list[str]:
    try:
        return sorted(posixpath.join(folder, name) for name in builder.source.names(folder))
    except ReadError:
        return []


def _is_snippet_of(builder: Builder, path: str, config_dir: str) -> bool:
    relative = below(path, config_dir) or ""
    if relative in _SHIPPED or not _may_be_included(relative.split("/")):
        return False
    try:
        text, _notes = decode(builder.source.read(path))
    except ReadError:
        return False
    return text not in builder.texts.values() and _is_nginx(builder, read(text))


_USUAL = ("", "snippets", *sorted(_HTTP_FOLDERS | _STREAM_FOLDERS))
#: Files that nginx's and Debian's packages put there for optional use.
_SHIPPED = frozenset({"fastcgi.conf", "snippets/fastcgi-php.conf", "snippets/snakeoil.conf"})


def _may_be_included(parts: list[str]) -> bool:
    if any(part.startswith(".") or part.endswith(("-available", ".disabled", "~")) for part in parts):
        return False
    enabled = parts[0].endswith("-enabled") and len(parts) > 1
    return enabled or parts[-1].endswith(".conf") or "snippets" in parts[:-1]


def _is_nginx(builder: Builder, syntax: Syntax) -> bool:
    names = [name for name, _args, _term in _top(syntax)]
    known = bool(names) and all(builder.grammar.knows(name) for name in names)
    return known and not syntax.faults and not {"events", "http"}.intersection(names)


def guess(builder: Builder, syntax: Syntax, *, stream: bool = False) -> Context:
    """Return the first context that allows every directive at the top of a file, else the likeliest one."""
    top = list(_top(syntax))

    def strangeness(context: Context) -> int:
        return sum(builder.grammar.strangeness(name, args, term, context) for name, args, term in top)

    return min(_STREAM if stream else _HTTP, key=strangeness)


def _top(syntax: Syntax) -> t.Iterator[tuple[str, list[str], t.Any]]:
    depth = 0
    for statement in syntax.statements:
        if statement.term == "}":
            depth -= 1
            continue
        if not depth:
            yield statement.name, statement.args, statement.term
        depth += statement.term == "{"


def _load(
    builder: Builder,
    path: str,
    root: list[Directive],
    outermost: dict[str, Directive],
    given: Context | None = None,
) -> None:
    syntax = builder.syntax(path)
    folder = posixpath.basename(posixpath.dirname(path))
    context: Context = given or ()
    if given is None and not isinstance(syntax, ReadError):
        context = guess(builder, syntax, stream=folder in _STREAM_FOLDERS)
    parent: Directive | None = None
    siblings = root
    for name, args in _WRAPPERS[context]:
        block = outermost.get(name) if parent is None else None
        if block is None:
            block = Directive(name, list(args), builder.source.shown(path), 1, 1, parent)
            block.block = []
            siblings.append(block)
            if parent is None:
                outermost[name] = block
        parent = block
        siblings = t.cast("list[Directive]", block.block)
    siblings += builder.load(path, parent, context)


def _named(builder: Builder, chosen: list[str]) -> set[str]:
    """Return the files that the chosen ones include, directly or not; a file that only names itself is not among them."""
    named: set[str] = set()
    seen: set[str] = set()
    todo = deque(chosen)
    while todo:
        path = todo.popleft()
        if path in seen:
            continue
        seen.add(path)
        syntax = builder.syntax(path)
        if isinstance(syntax, ReadError):
            continue
        for argument in includes(syntax):
            target, pattern = builder.resolve(argument)
            targets = expand(builder.source, target) if pattern else [target]
            targets = [each for each in targets if each != path]
            named.update(targets)
            todo += targets
    return named
