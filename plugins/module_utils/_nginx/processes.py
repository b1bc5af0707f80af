# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The running nginx, read from /proc alone: its master, its workers, what it was started with."""

from __future__ import annotations

import os
import re
import time
import typing as t

from .._common.nginx_tokens import directives
from .instance import Build, Instance, NginxError, read_build

# The titles that nginx gives its processes: src/os/unix/ngx_process_cycle.c. A worker carries its own only once its
# init is over; until then it looks like the master that it was forked from.
_MASTER = "nginx: master process"
_WORKER = "nginx: worker process"
_SHUTTING_DOWN = "nginx: worker process is"  # cut short where the command line left no more room
_OPTIONS = "cpg"  # the options of nginx that matter here
_TITLED = 0.1  # seconds until a started master has its title, at most
_FLAG = re.compile(r"-[a-zA-Z?]")


class Options(t.NamedTuple):
    """The options of a master's command line; None for one that was not given."""

    conf: t.Optional[str] = None
    prefix: t.Optional[str] = None
    globals_: t.Optional[str] = None


class _Process(t.NamedTuple):
    pid: int
    parent: int
    state: str
    start_time: int
    title: str


class Master:
    """One nginx master process, told apart from a later one with its pid by its start time.

    Attributes:
        pid: as seen from here.
        start_time: clock ticks since boot (field 22 of /proc/<pid>/stat).
        argv: its command line, split at spaces as far as the title tells.
        binary: its executable, None where that cannot be read (another user's process).
        exe_deleted: that file was replaced or removed since, as a package upgrade does.
        workers: accepting workers, pid -> start time.
        shutting_down: old workers that only finish their requests, pid -> start time.
        untitled: children without a title of their own, not yet or no longer, pid -> start time.
    """

    def __init__(self, process: _Process) -> None:
        self.pid = process.pid
        self.start_time = process.start_time
        self.argv = tuple(process.title[len(_MASTER) :].split())
        self.options = parse_options(process.title[len(_MASTER) :])
        self.binary, self.exe_deleted = _executable(process.pid)
        self.workers: t.Dict[int, int] = {}
        self.shutting_down: t.Dict[int, int] = {}
        self.untitled: t.Dict[int, int] = {}
        self.refresh()

    def refresh(self) -> bool:
        """Read the workers again; return False where this master is gone (then it has no workers)."""
        self.workers, self.shutting_down, self.untitled = {}, {}, {}
        now = _read(self.pid)
        if not now or now.start_time != self.start_time or now.state in "ZX":
            return False
        for child in _children(self.pid):
            if child.state in "ZX":
                # It ended, but its master has not said so in the log yet.
                self.untitled[child.pid] = child.start_time
            elif child.title.startswith(_SHUTTING_DOWN):
                self.shutting_down[child.pid] = child.start_time
            elif child.title.startswith(_WORKER):
                self.workers[child.pid] = child.start_time
            elif child.title.startswith(_MASTER):
                self.untitled[child.pid] = child.start_time
        return True

    def instance(self, instance: Instance) -> Instance:
        """Return `instance` as this master runs it: with its binary, prefix and globals."""
        binary = self.binary or instance.binary
        if self.exe_deleted:
            # A reload uses the running code, which the kernel keeps reachable here.
            binary = f"/proc/{self.pid}/exe"
        prefix = _absolute(self.pid, self.options.prefix)
        return instance.at(binary=binary, prefix=prefix, globals_=self.options.globals_)


def find_master(instance: Instance, pid_file: t.Optional[str] = None) -> t.Optional[Master]:
    """Return the master that runs `instance`, or None.

    It has the same configuration file (`-c`, else the compiled-in one, below `-p` or the compiled-in prefix) and the
    same root folder as this process: a container's nginx is seen from its host too. Mount namespaces are not compared,
    since systemd gives services of this very host their own (PrivateTmp=). Where a title was cut short for want of
    room, the process in the pid file is taken.

    Args:
        instance: the nginx to look for.
        pid_file: its pid file; else the one that the main file names, else the compiled-in one.

    Raises:
        NginxError: several masters run it, or it runs without a master process.
    """
    masters = [process for process in _titled() if process.title.startswith(_MASTER) and _same_root(process.pid)]
    running = [process for process in masters if process.state not in "ZX" and _runs(process, instance)]
    pids = {process.pid for process in running}
    roots = [process for process in running if process.parent not in pids]
    # A child that looks like its master is a worker being born, unless it has workers itself.
    roots += [process for process in running if process.parent in pids and _children(process.pid)]
    if len(roots) > 1:
        found = ", ".join(str(process.pid) for process in roots)
        raise NginxError(
            f"several nginx masters (pids {found}) run {instance.conf}: stop all but one; if a binary upgrade is under"
            " way, finish it first"
        )
    return Master(roots[0]) if roots else _by_pid_file(pid_file or _pid_path(instance), instance)


def _by_pid_file(path: str, instance: Instance) -> t.Optional[Master]:
    try:
        with open(path, "rb") as file:
            process = _read(int(file.read(20)))
    except (OSError, ValueError):
        return None
    if process and not process.title.startswith("nginx:"):
        # A master that starts right now writes its pid file before its title.
        time.sleep(_TITLED)
        process = _read(process.pid)
    if not process or process.state in "ZX" or not _same_root(process.pid):
        return None
    if process.title.startswith(_MASTER):
        master = Master(process)
        if not instance.conf.startswith(master.options.conf or ""):
            return None
        master.options = Options(instance.conf, instance.prefix, instance.globals_)
        return master
    binary, _deleted = _executable(process.pid)
    if instance.conf in process.title and os.path.realpath(instance.binary) == binary:
        raise NginxError(
            f"nginx (pid {process.pid}) runs {instance.conf} without a master process (master_process off):"
            " such an nginx cannot be reloaded safely; switch master_process on"
        )
    return None


def _pid_path(instance: Instance) -> str:
    try:
        with open(instance.conf, "rb") as file:
            text = file.read()
    except OSError:
        text = b""
    return pid_path(text, instance)


def pid_path(text: bytes, instance: Instance) -> str:
    """Return the path of the pid file with this configuration."""
    build = instance.build()
    text = os.fsencode(instance.globals_ or "") + b"\n" + text
    named = (args[1] for args, _depth in directives(text) if args[0] == b"pid" and len(args) > 1)
    path = os.fsdecode(next(named, os.fsencode(build.pid_path)))
    return os.path.normpath(os.path.join(instance.prefix or build.prefix, path))


def parse_options(title: str) -> Options:
    """Read the options in a master's title, in which nginx joined its arguments by spaces.

    A value goes on to the next word that looks like an option; both `-c file` and `-cfile` are nginx's syntax
    (ngx_get_options in src/core/nginx.c).
    """
    found: t.Dict[str, t.List[str]] = {}
    current: t.Optional[str] = None
    for word in title.split(" ")[2:]:
        if _FLAG.match(word):
            current = word[1] if word[1] in _OPTIONS else None
            if current:
                found[current] = [word[2:]] if word[2:] else []
        elif current:
            found[current].append(word)
    values = {name: " ".join(words).strip() or None for name, words in found.items()}
    return Options(values.get("c"), values.get("p"), values.get("g"))


def open_logs(master: Master) -> t.List[str]:
    """List the regular files that the master has open for appending, its logs; [] where they may not be read."""
    folder = f"/proc/{master.pid}"
    logs = []
    try:
        for number in os.listdir(folder + "/fd"):
            with open(f"{folder}/fdinfo/{number}", encoding="ascii") as info:
                flags = re.search(r"^flags:\s*(\d+)$", info.read(), re.MULTILINE)
            path = os.readlink(f"{folder}/fd/{number}")
            if flags and int(flags.group(1), 8) & os.O_APPEND and os.path.isfile(path):
                logs.append(path)
    except OSError:
        return logs
    return logs


def _runs(process: _Process, instance: Instance) -> bool:
    if f" -c {instance.conf} " in process.title + " ":
        return True
    options = parse_options(process.title[len(_MASTER) :])
    conf = options.conf or ""
    if not os.path.isabs(conf):
        build = _build_of(process.pid, instance)
        # Relative names start at the prefix, the compiled-in one's too (ngx_process_options).
        conf = os.path.join(_absolute(process.pid, options.prefix) or build.prefix, conf or build.conf_name)
    return os.path.realpath(conf) == os.path.realpath(instance.conf)


def _build_of(pid: int, instance: Instance) -> Build:
    binary, deleted = _executable(pid)
    if binary is None or deleted or os.path.realpath(instance.binary) == binary:
        return instance.build()
    return read_build(binary)


def _absolute(pid: int, path: t.Optional[str]) -> t.Optional[str]:
    if path is None or os.path.isabs(path):
        return path
    try:
        return os.path.join(os.readlink(f"/proc/{pid}/cwd"), path)
    except OSError:
        return path


def _executable(pid: int) -> t.Tuple[t.Optional[str], bool]:
    try:
        path = os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return None, False
    suffix = " (deleted)"
    return (path[: -len(suffix)], True) if path.endswith(suffix) else (path, False)


def _same_root(pid: int) -> bool:
    try:
        theirs = os.stat(f"/proc/{pid}/root/")
    except OSError:
        # Another user's process: it cannot be signalled either, but a container's is not even of this machine.
        return not _in_container(pid)
    own = os.stat("/")
    return (theirs.st_dev, theirs.st_ino) == (own.st_dev, own.st_ino)


def _in_container(pid: int) -> bool:
    # A process has a pid in each pid namespace that it can be seen from: proc_pid_status(5), since Linux 4.1.
    try:
        with open(f"/proc/{pid}/status", "rb") as file:
            pids = next((line.split()[1:] for line in file if line.startswith(b"NSpid:")), [])
            return len(pids) > 1
    except OSError:
        return False


def _titled() -> t.Iterator[_Process]:
    # Every process with a title of nginx's.
    for name in os.listdir("/proc"):
        if name.isdigit() and _title(int(name)).startswith("nginx:"):
            process = _read(int(name))
            if process:
                yield process


def _children(pid: int) -> t.List[_Process]:
    try:
        # Much cheaper than looking at every process; absent without CONFIG_PROC_CHILDREN.
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            children = [_read(int(child)) for child in file.read().split()]
    except OSError:
        return [process for process in _titled() if process.parent == pid]
    return [child for child in children if child]


def _title(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return os.fsdecode(file.read()).replace("\0", " ").strip()
    except OSError:
        return ""


def _read(pid: int) -> t.Optional[_Process]:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            stat = file.read()
    except OSError:
        return None
    # The command's name in parentheses may hold anything; what follows the last one does not (proc(5)).
    fields = stat[stat.rfind(b")") + 2 :].split()
    return _Process(pid, int(fields[1]), fields[0].decode(), int(fields[19]), _title(pid))
