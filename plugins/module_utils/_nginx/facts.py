# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What a proof needs from an `nginx -T` dump: logs, pid file, processes, addresses. Nothing is judged here."""

from __future__ import annotations

import os
import re
import typing as t

if t.TYPE_CHECKING:
    from .instance import Build

_FILE = re.compile(rb"^# configuration file (.*):$", re.MULTILINE)
#: Between tokens: space and comments.
_GAP = re.compile(rb"(?:[ \t\r\n]+|#[^\n]*)*")
#: A `{` right after `$` belongs to the word, `${name}`; a backslash protects the byte behind it.
_WORD = re.compile(rb"((?:\\.|\$\{?|[^\\$ \t\r\n;{])+)", re.DOTALL)
_QUOTED = {
    b'"': re.compile(rb'"((?:\\.|[^\\"])*)"', re.DOTALL),
    b"'": re.compile(rb"'((?:\\.|[^\\'])*)'", re.DOTALL),
}
_ESCAPE = re.compile(rb"\\([trn\"'\\])")
_ESCAPES = {b"t": b"\t", b"r": b"\r", b"n": b"\n"}
#: What matters in Lua source: comments, strings and long brackets may hold braces that do not count.
_LUA = re.compile(
    rb"--\[(=*)\[.*?\]\1\]|--[^\n]*|\[(=*)\[.*?\]\2\]|\"(?:\\.|[^\\\"\n])*\"|'(?:\\.|[^\\'\n])*'|[{}]", re.DOTALL
)


class RuntimeFacts(t.NamedTuple):
    """What nginx will do with this configuration, as far as the proof of a reload needs it."""

    error_logs: t.Tuple[str, ...]  # absolute paths, in the order of the dump
    untailable: t.Tuple[str, ...]  # "stderr", "syslog:...", "memory:..."
    pid_path: str
    worker_processes: t.Optional[int]  # None: `auto`
    daemon: bool
    master_process: bool
    listen: t.Tuple[str, ...]


class Directive(t.NamedTuple):
    """One directive: its arguments, the first is its name, and how many blocks of its file it stands in."""

    args: t.Tuple[bytes, ...]
    depth: int


def scan(
    dump: bytes, build: Build, *, prefix: t.Optional[str] = None, globals_: t.Optional[str] = None
) -> RuntimeFacts:
    """What the dump says about logs and processes.

    Args:
        dump: standard output of `nginx -T`, or the text of configuration files one after the other.
        build: the defaults.
        prefix: what `-p` is given, else the build's prefix: relative paths of `error_log` and `pid` start there
            (ngx_conf_full_name in src/core/ngx_conf_file.c).
        globals_: what `-g` is given: nginx reads it like a main file.

    A dump that is broken (which `nginx -T` never prints) gives what could be read up to there; this never raises.
    """
    base = prefix or build.prefix
    extra = os.fsencode(globals_ or "") + b"\n"
    single: t.Dict[bytes, bytes] = {}
    logs: t.List[bytes] = []
    listen: t.List[str] = []
    for args, _depth in directives(extra + dump):
        if len(args) == 1:
            continue
        if args[0] == b"error_log":
            logs.append(args[1])
        elif args[0] == b"listen":
            listen.append(os.fsdecode(args[1]))
        elif args[0] in (b"pid", b"worker_processes", b"daemon", b"master_process"):
            single.setdefault(args[0], args[1])
    if not _names_main_log(extra + dump):
        logs.append(os.fsencode(build.error_log_path))
    tailable, untailable = _log_targets(logs, base)
    return RuntimeFacts(
        error_logs=tailable,
        untailable=untailable,
        pid_path=os.path.normpath(os.path.join(base, os.fsdecode(single.get(b"pid", os.fsencode(build.pid_path))))),
        worker_processes=_worker_processes(single.get(b"worker_processes", b"1")),
        daemon=single.get(b"daemon", b"on").lower() != b"off",
        master_process=single.get(b"master_process", b"on").lower() != b"off",
        listen=tuple(dict.fromkeys(listen)),
    )


def _names_main_log(dump: bytes) -> bool:
    # Without an error_log at the top nginx opens the compiled-in one (ngx_log_open_default). Where an included file is
    # included is not known here, so only the main file counts: one log too many is harmless, one too few hides errors.
    headings = [match.start() for match in _FILE.finditer(dump)]
    main = dump[: headings[1]] if len(headings) > 1 else dump
    return any(depth == 0 and args[0] == b"error_log" for args, depth in directives(main))


def _log_targets(logs: t.Iterable[bytes], base: str) -> t.Tuple[t.Tuple[str, ...], t.Tuple[str, ...]]:
    # Which words are no file: ngx_log_set_log in src/core/ngx_log.c.
    tailable: t.List[str] = []
    untailable: t.List[str] = []
    for log in logs:
        name = os.fsdecode(log)
        if log == b"stderr" or log.startswith((b"syslog:", b"memory:")):
            untailable.append(name)
        else:
            tailable.append(os.path.normpath(os.path.join(base, name)))
    return tuple(dict.fromkeys(tailable)), tuple(dict.fromkeys(untailable))


def _worker_processes(value: bytes) -> t.Optional[int]:
    return int(value) if re.match(rb"\d{1,9}$", value) else None


def dumped_files(dump: bytes) -> t.List[str]:
    """The files that nginx read, in its order, from a dump's headings."""
    return [os.fsdecode(name) for name in _FILE.findall(dump)]


def directives(text: bytes) -> t.Iterator[Directive]:
    """Splits configuration text by nginx's lexical rules (ngx_conf_read_token in src/core/ngx_conf_file.c).

    Lua blocks are skipped as a whole. Text that ends within a directive ends the iteration.
    """
    depth = 0
    args: t.List[bytes] = []
    position = 0
    while True:
        position, token, quoted = _token(text, position)
        if token is None:
            return
        if not quoted and token in (b";", b"{", b"}"):
            if args and token != b"}":
                yield Directive(tuple(args), depth)
            if token == b"{" and args and args[0].endswith(b"_by_lua_block"):
                position = _lua_end(text, position)
            elif token != b";":
                depth = depth + 1 if token == b"{" else max(depth - 1, 0)
            args = []
        else:
            args.append(token)


def _token(text: bytes, start: int) -> t.Tuple[int, t.Optional[bytes], bool]:
    # The next token at or after `start`: (where to go on, token or None at the end, whether it was quoted).
    gap = _GAP.match(text, start)
    start = gap.end() if gap else start
    first = text[start : start + 1]
    if first in (b";", b"{", b"}"):
        return start + 1, first, False
    match = _QUOTED.get(first, _WORD).match(text, start)
    if not match:
        return len(text), None, False
    return (
        match.end(),
        _ESCAPE.sub(lambda found: _ESCAPES.get(found.group(1), found.group(1)), match.group(1)),
        first in _QUOTED,
    )


def _lua_end(text: bytes, position: int) -> int:
    depth = 1
    for match in _LUA.finditer(text, position):
        depth += {b"{": 1, b"}": -1}.get(match.group(), 0)
        if not depth:
            return match.end()
    return len(text)
