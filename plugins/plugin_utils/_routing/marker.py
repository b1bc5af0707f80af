# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Instrument a configuration so that it logs the blocks that a request went through.

Each `server`, `location` and `if` appends its id to a variable as the first thing that it does, so the whole way is known:
internal redirects, taken branches, the location of an `auth_request`. A log format of its own per server and location
names the block that *finished* the request: nginx's own 301 to a name with a slash never runs the rewrite phase of the
location, and behind `auth_request` the variable ends in the subrequest's location.

The text is only changed by insertions on existing lines, so nginx's messages keep their line numbers. Nothing is inserted
that a configuration may hold only once, but where the configuration does not hold it. No `map`: its hash sizes can be set
only before the first map. `access_log off` is the one thing taken out, as it would silence our log too.
"""

from __future__ import annotations

import typing as t
from collections import defaultdict
from dataclasses import dataclass, field

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config._lexer import tokens
from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Place, flatten

from .errors import RouteError

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Config, Directive

Kind = t.Literal["server", "location", "if"]

#: Where nginx writes a line per request inside the world.
TRACE_LOG: t.Final = "/run/failsafe-trace.log"
_VARIABLE: t.Final = "failsafe_trace"
_FIELDS: t.Final = f"failsafe $remote_addr $remote_port $connection $connection_requests ${_VARIABLE}"
_BOM: t.Final = b"\xef\xbb\xbf"
_KINDS: t.Final[dict[str, Kind]] = {"server": "server", "location": "location", "if": "if"}


@dataclass(frozen=True)
class Block:
    """A block that a marker names. One in a snippet has one marker however often it is included.

    `servers` holds the ids of the servers it is in (its own id for a server), so that (server, block) is one identity.
    """

    id: str
    kind: Kind
    text: str
    place: Place
    servers: tuple[str, ...] = ()
    #: The locations around it: a request in a nested one does not pass their markers, but inherits from them.
    around: tuple[Place, ...] = ()

    def as_dict(self) -> dict[str, t.Any]:
        return {"kind": self.kind, "block": self.text, "file": self.place.file, "line": self.place.line}


def block_text(directive: Directive) -> str:
    """Return a block's head: `server www.example.com`, `location /api/`, `if ($request_method = POST)`."""
    if directive.name == "server":
        name = next((child.args[0] for child in directive.find("server_name") if child.args), "")
        return f"server {name}" if name else "server"
    words = " ".join(directive.args)
    return f"if ({words})" if directive.name == "if" else f"{directive.name} {words}".rstrip()


def around(directive: Directive) -> tuple[Place, ...]:
    """Return the locations around a block, the innermost first."""
    found: list[Place] = []
    parent = directive.parent
    while parent is not None and parent.name in ("location", "if", "limit_except"):
        if parent.name == "location":
            found.append(parent.place)
        parent = parent.parent
    return tuple(found)


def instrument(
    config: Config, originals: Mapping[str, bytes] | None = None, *, log: str = TRACE_LOG
) -> tuple[dict[str, bytes], dict[str, Block]]:
    """Return the files that change, by their shown path, and what each marker in them stands for.

    Args:
        config: a configuration that nginx loads.
        originals: the bytes of files by shown path, needed only for those that are not UTF-8 text: without them
            what such a file holds is left as it is, and has no marker.
        log: the file that nginx writes to.

    Raises:
        RouteError: the `http` block cannot be marked: it is in a file that is not UTF-8, or in none.
    """
    marks = _marks(config)
    if not marks.blocks:
        return {}, {}
    files = {name: _File(config.texts[name], _raw(config, name, originals or {}), log) for name in marks.files()}
    for place, directive in marks.blocks.items():
        files[place.file].mark(directive, marks.ids[place])
    written = {identity for file in files.values() for identity in file.written}
    for place, directive in marks.logs.items():
        if marks.owner[place] in written:
            files[place.file].insert_log(directive, marks.owner[place])
    for directive in marks.silenced.values():
        files[directive.file].blank(directive)
    for http in marks.http:
        if not files[http.file].open(http, _preamble(http, sorted(written, key=_number))):
            raise RouteError(f"{http.place}: blocks cannot be marked: no http block is written here as UTF-8 text")
    changed = {name: file.bytes() for name, file in files.items() if file.inserted}
    return changed, {block.id: block for block in marks.markers() if block.id in written}


def _number(identity: str) -> tuple[str, int]:
    return identity[0], int(identity[1:])


def _preamble(http: Directive, ids: Iterable[str]) -> str:
    """Return what has to stand before the first use in `http`; it also gives the variable an empty value without a warning."""
    quiet = "" if any(http.find("uninitialized_variable_warn")) else "uninitialized_variable_warn off;"
    formats = (f'log_format failsafe_{each} "{_FIELDS} {each}";' for each in ids if each[0] != "i")
    return quiet + "".join(formats)


def _raw(config: Config, name: str, originals: Mapping[str, bytes]) -> bytes | None:
    """Return the file's bytes; None where only a text is at hand that does not give them back."""
    if name in originals:
        return originals[name]
    unfaithful = any(problem.kind == "encoding" and problem.place.file == name for problem in config.problems)
    return None if unfaithful else config.texts[name].encode()


@dataclass
class _Marks:
    """The blocks to mark, each place once, in nginx's order."""

    http: list[Directive] = field(default_factory=list)
    blocks: dict[Place, Directive] = field(default_factory=dict)
    ids: dict[Place, str] = field(default_factory=dict)
    inside: dict[Place, dict[Place, None]] = field(default_factory=lambda: defaultdict(dict))
    #: Blocks that are not marked and have an access log of their own, and the id that is logged for them.
    logs: dict[Place, Directive] = field(default_factory=dict)
    owner: dict[Place, str] = field(default_factory=dict)
    silenced: dict[Place, Directive] = field(default_factory=dict)

    def files(self) -> set[str]:
        places = (*self.blocks, *self.logs, *self.silenced, *(http.place for http in self.http))
        return {place.file for place in places}

    def add(self, directive: Directive, server: Directive) -> str:
        place = directive.place
        if place not in self.ids:
            kind = _KINDS[directive.name]
            self.blocks[place] = directive
            self.ids[place] = f"{kind[0]}{len(self.ids) + 1}"
        self.inside[place][server.place] = None
        return self.ids[place]

    def markers(self) -> Iterator[Block]:
        for place, directive in self.blocks.items():
            servers = tuple(self.ids[each] for each in self.inside[place])
            kind = _KINDS[directive.name]
            yield Block(self.ids[place], kind, block_text(directive), place, servers, around(directive))

    def drop(self, places: Iterable[Place]) -> None:
        for place in places:
            for table in (self.blocks, self.logs, self.silenced):
                table.pop(place, None)


def _marks(config: Config) -> _Marks:
    marks = _Marks()
    elsewhere: set[Place] = set()
    for block in flatten(config.root):
        if block.name == "http" and block.block is not None:
            marks.http.append(block)
            for server in block.find("server"):
                if server.block is not None:
                    _read(server, server, marks.add(server, server), marks)
            _silence(block, marks)
        elif block.block is not None:
            elsewhere.update(_places(block))
    # A snippet that `stream` includes as well has to stay what both can read.
    marks.drop(elsewhere)
    return marks


def _read(block: Directive, server: Directive, owner: str, marks: _Marks) -> None:
    """Collect what is below a block; `owner` is the id of the server or location around it."""
    for child in block.children:
        if child.block is None:
            continue
        if child.name in ("location", "if"):
            identity = marks.add(child, server)
            _read(child, server, identity if child.name == "location" else owner, marks)
        if child.name in ("if", "limit_except") and any(child.find("access_log")):
            marks.logs[child.place] = child
            marks.owner[child.place] = owner
            _silence(child, marks)
    _silence(block, marks)


def _silence(block: Directive, marks: _Marks) -> None:
    for log in block.find("access_log"):
        if log.args == ["off"]:
            marks.silenced[log.place] = log


def _places(block: Directive) -> Iterator[Place]:
    for child in block.children:
        yield child.place
        if child.block is not None:
            yield from _places(child)


class _File:
    """One file's text, where its statements stand in it, and what is put in or taken out."""

    def __init__(self, text: str, raw: bytes | None, log: str) -> None:
        self._log = log
        self.written: list[str] = []
        self.inserted: list[tuple[int, int, str]] = []
        self._prefix = b""
        self._text = ""
        #: (line, column) -> name, start, and the position behind the `{` or `;` that ends the head.
        self._heads: dict[tuple[int, int], tuple[str, int, int]] = {}
        if raw is None:
            return
        self._prefix = _BOM if raw.startswith(_BOM) else b""
        self._text = raw.removeprefix(_BOM).decode("utf-8", "surrogateescape")
        self._heads = dict(_heads(self._text))
        if self._text != text:
            # Columns count the characters of a text in which one U+FFFD may stand for several bytes.
            shown = (place for place, _head in _heads(text))
            self._heads = dict(zip(shown, self._heads.values(), strict=False))

    def mark(self, directive: Directive, identity: str) -> None:
        text = f'set ${_VARIABLE} "${{{_VARIABLE}}}{identity},";'
        log = "" if directive.name == "if" else self._access_log(identity)
        if self.open(directive, text + log):
            self.written.append(identity)

    def insert_log(self, directive: Directive, identity: str) -> None:
        self.open(directive, self._access_log(identity))

    def _access_log(self, identity: str) -> str:
        return f"access_log {self._log} failsafe_{identity};"

    def open(self, directive: Directive, text: str) -> bool:
        """Insert behind the `{` of a block; False where the block does not stand in this file."""
        head = self._heads.get((directive.line, directive.column))
        if head is None or head[0] != directive.name:
            return False
        self.inserted.append((head[2], head[2], text))
        return True

    def blank(self, directive: Directive) -> None:
        head = self._heads.get((directive.line, directive.column))
        if head is not None and head[0] == directive.name:
            _name, start, end = head
            kept = "\n" * self._text.count("\n", start, end)
            self.inserted.append((start, end, kept))

    def bytes(self) -> bytes:
        parts: list[str] = []
        position = 0
        # A stable sort: the `if` of a marked block and its log share a position and may stand in either order.
        for start, end, text in sorted(self.inserted, key=lambda each: each[:2]):
            parts += [self._text[position:start], text]
            position = end
        return self._prefix + "".join([*parts, self._text[position:]]).encode("utf-8", "surrogateescape")


def _heads(text: str) -> Iterator[tuple[tuple[int, int], tuple[str, int, int]]]:
    """Yield every directive's head: its place, and its name, start and end in the text."""
    starts = [0]
    while (found := text.find("\n", starts[-1])) >= 0:
        starts.append(found + 1)
    first = None
    for token in tokens(text):
        if token.kind == "error":
            return
        if token.kind in ("word", "quoted"):
            first = first or token
        elif token.kind == "end":
            if first is not None:
                start = starts[first.line - 1] + first.column - 1
                end = starts[token.line - 1] + token.column
                yield (first.line, first.column), (first.value, start, end)
            first = None
