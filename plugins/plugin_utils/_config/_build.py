# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""From files to one tree: includes resolved in nginx's order, every directive judged in the context it lands in."""

from __future__ import annotations

import difflib
import posixpath
import typing as t

from ._crossplane import DATA_BLOCKS, Context, condition, grammar
from ._files import ReadError, Source, expand, has_magic
from ._lexer import Statement, Syntax, read, shorten
from .model import Comment, Config, Directive, Place, Problem, ProblemKind

#: nginx's own limit is the number of files it may have open; real includes are nested a handful deep.
MAX_INCLUDES = 64

#: Directives and inclusions together. Stops includes that double at every level long before memory ends.
MAX_SIZE = 2_000_000

#: The files being read, outermost first, each with the place that included it.
Chain = tuple[tuple[str, Place], ...]


class Builder:
    """Build one `Config` out of one source; `base` is the folder that relative includes start from."""

    def __init__(self, source: Source, base: str, *, partial: bool) -> None:
        self.source = source
        self.base = base
        self.grammar = grammar()
        self.texts: dict[str, str] = {}
        self.comments: list[Comment] = []
        self.partial = partial
        self._syntax: dict[str, Syntax | ReadError] = {}
        self._problems: dict[Problem, None] = {}
        self._size = 0
        #: Shown paths of the files that are part of the tree.
        self.loaded: set[str] = set()

    def config(self, root: list[Directive]) -> Config:
        """Return what was built, with `root` as its main level."""
        return Config(
            root=root,
            problems=list(self._problems),
            texts=self.texts,
            comments=self.comments,
            partial=self.partial,
        )

    def syntax(self, path: str) -> Syntax | ReadError:
        """Return the statements of a file, which is read once however often it is included."""
        if path not in self._syntax:
            try:
                self._syntax[path] = self._read(path)
            except ReadError as error:
                self._syntax[path] = error
        return self._syntax[path]

    def load(self, path: str, parent: Directive | None = None, context: Context = ()) -> list[Directive]:
        """Return the directives of a file that no include names."""
        place = Place(self.source.shown(path), 1)
        return self._file(path, place, parent, context, ())

    def resolve(self, argument: str) -> tuple[str, bool]:
        """Return the absolute path or pattern of an include's argument, and whether it is a pattern."""
        path = posixpath.normpath(posixpath.join(self.base, argument))
        return "/" + path.lstrip("/"), has_magic(argument)

    def _read(self, path: str) -> Syntax:
        shown = self.source.shown(path)
        text, notes = decode(self.source.read(path))
        self.texts[shown] = text
        for message, line in notes:
            self._problem("encoding", message, Place(shown, line))
        syntax = read(text)
        for remark in syntax.comments:
            place = Place(shown, remark.line, remark.column)
            self.comments.append(Comment(remark.text, place, remark.own_line))
        for fault in syntax.faults:
            related: tuple[tuple[str, Place], ...] = ()
            if fault.related:
                message, line, column = fault.related
                related = ((message, Place(shown, line, column)),)
            self._problem("syntax", fault.message, Place(shown, fault.line, fault.column), related)
        return syntax

    def _problem(
        self,
        kind: ProblemKind,
        message: str,
        place: Place,
        related: tuple[tuple[str, Place], ...] = (),
        *,
        elsewhere: bool = False,
    ) -> None:
        self._problems[Problem(kind, message, place, related, elsewhere)] = None

    def _file(
        self,
        path: str,
        named_at: Place,
        parent: Directive | None,
        context: Context,
        chain: Chain,
    ) -> list[Directive]:
        syntax = self.syntax(path)
        if isinstance(syntax, ReadError):
            self._unreadable(path, syntax, named_at)
            return []
        shown = self.source.shown(path)
        self.loaded.add(shown)
        chain = (*chain, (path, named_at))
        result: list[Directive] = []
        blocks: list[tuple[list[Directive], Directive | None, Context]] = [(result, parent, context)]
        self._size += len(syntax.statements) + 1
        for statement in syntax.statements:
            if statement.term == "}":
                blocks.pop()
                continue
            siblings, parent, context = blocks[-1]
            directive = _directive(statement, shown, parent)
            siblings.append(directive)
            self._judge(directive, statement, parent, context)
            if statement.term == "{":
                directive.block = []
                blocks.append((directive.block, directive, self.grammar.enter(statement.name, context)))
            elif statement.name == "include" and len(directive.args) == 1:
                directive.include = self._include(directive, parent, context, chain)
        return result

    def _judge(self, directive: Directive, statement: Statement, parent: Directive | None, context: Context) -> None:
        if parent is not None and parent.name in DATA_BLOCKS and statement.term == "{":
            self._problem("syntax", f'unexpected "{{": "{parent.name}" takes no blocks', directive.place)
            return
        complaint = self.grammar.check(statement.name, statement.args, statement.term, context)
        if complaint is None:
            return
        message = complaint.message
        if complaint.kind == "arguments" and statement.end_line > statement.line:
            swallowed = next((arg for arg in statement.args if self.grammar.knows(arg)), None)
            message += f', is a ";" missing before "{swallowed}"?' if swallowed else ""
        self._problem(complaint.kind, message, directive.place)

    def _include(
        self,
        directive: Directive,
        parent: Directive | None,
        context: Context,
        chain: Chain,
    ) -> list[Directive]:
        result: list[Directive] = []
        for path in self._targets(directive, parent):
            if any(path == reading for reading, _place in chain):
                self._cycle(path, directive, chain)
            elif len(chain) >= MAX_INCLUDES:
                self._problem("unresolved", f"includes are nested deeper than {MAX_INCLUDES} files", directive.place)
            elif self._size > MAX_SIZE:
                message = f"the configuration has more than {MAX_SIZE} directives, what follows is not read"
                self._problem("unresolved", message, directive.place)
                break
            else:
                result += self._file(path, directive.place, parent, context, chain)
        return result

    def _targets(self, directive: Directive, parent: Directive | None) -> list[str]:
        path, pattern = self.resolve(directive.args[0])
        # ngx_http_geo_include() is the only include that does not expand patterns.
        if not pattern or (parent is not None and parent.name == "geo"):
            return [path]
        try:
            found = expand(self.source, path)
        except ReadError as error:
            shown = shorten(directive.args[0], 200)
            self._problem("unreadable", f'include "{shown}" cannot be expanded: {error}', directive.place)
            return []
        if not found and not self.partial and not self.source.covers(path):
            message = (
                f'include "{shorten(directive.args[0], 200)}" lies outside what was given, so its files are unknown'
            )
            self._problem("unresolved", message, directive.place, elsewhere=True)
        return found

    def _unreadable(self, path: str, error: ReadError, named_at: Place) -> None:
        shown = shorten(self.source.shown(path), 200)
        if not error.missing:
            self._problem("unreadable", f'"{shown}" cannot be read: {error}', named_at, elsewhere=error.elsewhere)
        elif not self.partial:
            reason = f"there is no such file{self._nearest(path)}"
            if error.elsewhere:
                reason = "it lies outside what was given"
            message = f'"{shown}" is included, but {reason}'
            self._problem("include-missing", message, named_at, elsewhere=error.elsewhere)

    def _nearest(self, path: str) -> str:
        folder, name = posixpath.split(path)
        try:
            names = self.source.names(folder)
        except ReadError:
            return ""
        close = difflib.get_close_matches(name, names, n=1)
        return f', did you mean "{shorten(self.source.shown(posixpath.join(folder, close[0])), 200)}"?' if close else ""

    def _cycle(self, path: str, directive: Directive, chain: Chain) -> None:
        start = next(index for index, (reading, _place) in enumerate(chain) if reading == path)
        names = [self.source.shown(reading) for reading, _place in chain[start:]]
        names.append(names[0])
        message = f"include cycle: {' -> '.join(shorten(name, 200) for name in names)}"
        related = tuple(
            (f'"{shorten(self.source.shown(reading), 200)}" is included here', place)
            for reading, place in chain[start + 1 :]
        )
        self._problem("include-cycle", message, directive.place, related)


def _directive(statement: Statement, shown: str, parent: Directive | None) -> Directive:
    args = list(statement.args)
    raw_args = args if statement.raw_args is statement.args else list(statement.raw_args)
    if statement.name == "if":
        shared = raw_args is args
        args = condition(args)
        raw_args = args if shared else condition(raw_args)
    directive = Directive(statement.name, args, shown, statement.line, statement.column, parent)
    directive.raw_args = raw_args
    return directive


def decode(data: bytes) -> tuple[str, list[tuple[str, int]]]:
    """Return a file's text, and (message, line) of what in it is no text; bytes that are no UTF-8 become U+FFFD."""
    notes: list[tuple[str, int]] = []
    if data.startswith(b"\xef\xbb\xbf"):
        notes.append(("the file starts with a byte order mark, which nginx reads as part of the first word", 1))
        data = data[3:]
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        text = data.decode(errors="replace")
        notes.append((f"byte 0x{data[error.start]:02x} is not UTF-8", data.count(b"\n", 0, error.start) + 1))
    nul = data.find(b"\0")
    if nul >= 0:
        notes.append(("NUL byte: this is not a text file", data.count(b"\n", 0, nul) + 1))
    return text, notes


def includes(syntax: Syntax) -> t.Iterator[str]:
    """Return the arguments of a file's include directives, at every depth."""
    for statement in syntax.statements:
        if statement.name == "include" and statement.term == ";" and len(statement.args) == 1:
            yield statement.args[0]
