# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Facts of an `nginx -T` dump that the proof of a reload needs: logs, pid file, processes, addresses."""

from __future__ import annotations

import os
import re
import typing as t

from .._common.nginx_tokens import directives

if t.TYPE_CHECKING:
    from .instance import Build

_FILE = re.compile(rb"^# configuration file (.*):$", re.MULTILINE)


class RuntimeFacts(t.NamedTuple):
    """Logs, processes and addresses of a configuration, as far as the proof of a reload needs them."""

    error_logs: t.Tuple[str, ...]  # absolute paths, in the order of the dump
    untailable: t.Tuple[str, ...]  # "stderr", "syslog:...", "memory:..."
    pid_path: str
    worker_processes: t.Optional[int]  # None: `auto`
    daemon: bool
    master_process: bool
    listen: t.Tuple[str, ...]


def scan(
    dump: bytes, build: Build, *, prefix: t.Optional[str] = None, globals_: t.Optional[str] = None
) -> RuntimeFacts:
    """Return what a dump says about logs and processes.

    Args:
        dump: standard output of `nginx -T`, or the text of configuration files one after the other.
        build: the defaults.
        prefix: the argument of `-p`, else the build's prefix: relative paths of `error_log` and `pid` start there
            (ngx_conf_full_name in src/core/ngx_conf_file.c).
        globals_: the argument of `-g`: nginx reads it like a main file.

    A broken dump gives the facts up to the broken place.
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
    # Words that are no file: ngx_log_set_log in src/core/ngx_log.c.
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
