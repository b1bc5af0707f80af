# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""nginx's error logs from a recorded place on, and the lines in them that tell of a failed load."""

from __future__ import annotations

import contextlib
import os
import re
import stat
import typing as t

#: `time [level] pid#tid: *connection text`; the connection is absent from lines of the load: ngx_log_error_core.
_LINE = re.compile(r"^\S+ \S+ \[(emerg|alert|crit)\] (\d+)#\d+: (\*\d+ )?(.*)$")
_SAID = re.compile(r"^\S+ \S+ \[(error|crit|alert|emerg)\] \d+#\d+: (?:\*\d+ )?(.*)$", re.MULTILINE)
#: Tried again five times, half a second apart, before "still could not bind()": ngx_open_listening_sockets.
_RETRIED = re.compile(r"(?:bind|listen)\(\) to .* failed \(98:")
_ABOUT_WORKER = re.compile(r"\bprocess (\d+) exited\b")
#: Logged without a connection although it is traffic that causes it: ngx_get_connection.
_TRAFFIC = re.compile(r"worker_connections are not enough(?:$|,)")
_MAX_READ = 4 << 20  # bytes of one log per look; a log that grows faster than this holds traffic


class Line(t.NamedTuple):
    """One emerg, alert or crit line."""

    level: str
    pid: int
    connection: bool
    words: str

    def __str__(self) -> str:
        return f"[{self.level}] {self.words}"


class _File:
    """One open file and how far it was read."""

    def __init__(self, path: str, *, at_end: bool) -> None:
        self.file = open(path, "rb")  # noqa: SIM115
        status = os.fstat(self.file.fileno())
        self.identity = (status.st_dev, status.st_ino)
        self._offset = status.st_size if at_end else 0
        self._rest = b""

    def read(self) -> bytes:
        """Return the whole lines since the last call."""
        size = os.fstat(self.file.fileno()).st_size
        if size < self._offset:
            self._offset = 0  # truncated
        self._offset = max(self._offset, size - _MAX_READ)
        self.file.seek(self._offset)
        data = self.file.read(size - self._offset)
        self._offset += len(data)
        whole, newline, self._rest = (self._rest + data).rpartition(b"\n")
        return whole + newline


class Log:
    """One error log from now on, through truncation and rotation.

    A rotated file is followed to the end too: nginx goes on writing there until it reopens its logs.
    `limit` says why it cannot be followed, if so.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.limit: t.Optional[str] = None
        self._files: t.List[_File] = []
        self._open(at_end=True)

    def read(self) -> t.List[Line]:
        """Return the lines of interest since the last call."""
        self._open(at_end=False)
        return [line for file in self._files for line in parse_lines(file.read())]

    def close(self) -> None:
        """Close the log."""
        for file in self._files:
            file.file.close()
        self._files = []

    def _open(self, *, at_end: bool) -> None:
        # Opens what is at the path now, unless that is open already.
        try:
            status = os.stat(self.path)
            if not stat.S_ISREG(status.st_mode):
                self.limit = f"{self.path} is no regular file and cannot be followed"
            elif (status.st_dev, status.st_ino) not in [file.identity for file in self._files]:
                self._files.append(_File(self.path, at_end=at_end))
        except FileNotFoundError:
            return  # nginx makes it when it needs it
        except OSError as error:
            self.limit = f"{self.path} cannot be read: {error.strerror}"


class Words:
    """The lines on requests that nginx writes from now on, for the reason of a check that fails."""

    def __init__(self, paths: t.Iterable[str]) -> None:
        self._files: t.List[_File] = []
        for path in paths:
            with contextlib.suppress(OSError):
                if stat.S_ISREG(os.stat(path).st_mode):
                    self._files.append(_File(path, at_end=True))

    def close(self) -> t.List[str]:
        """Return the error, crit, alert and emerg lines since, without time and numbers, each once, latest last."""
        found: t.Dict[str, None] = {}
        for file in self._files:
            for level, words in _SAID.findall(file.read().decode("utf-8", "backslashreplace")):
                found.pop(f"[{level}] {words}", None)
                found[f"[{level}] {words}"] = None
            file.file.close()
        self._files = []
        return list(found)


def parse_lines(data: bytes) -> t.List[Line]:
    """Return the emerg, alert and crit lines of log text."""
    lines = []
    for text in data.decode("utf-8", "backslashreplace").splitlines():
        found = _LINE.match(text)
        if found:
            lines.append(Line(found.group(1), int(found.group(2)), bool(found.group(3)), found.group(4)))
    return lines


def fatal(lines: t.Sequence[Line], *, master: int, workers: t.Container[int], old: t.Container[int]) -> t.List[Line]:
    """Return the lines that say that the load failed.

    Not so: what another nginx wrote into the same file, what an old worker says while it ends, what a connection
    caused, and a port that is tried again. `workers` are those that the master started since, `old` those before.
    """
    final = []
    for line in lines:
        about = _ABOUT_WORKER.search(line.words)
        related = line.pid == master or line.pid in workers
        if not related or line.pid in old or (about and int(about.group(1)) in old):
            continue
        if not line.connection and not _RETRIED.search(line.words) and not _TRAFFIC.search(line.words):
            final.append(line)
    return final


def named_workers(lines: t.Iterable[Line], master: int) -> t.Set[int]:
    """Return the workers that ended by the master's own lines: some live too short to be seen."""
    found = (_ABOUT_WORKER.search(line.words) for line in lines if line.pid == master)
    return {int(about.group(1)) for about in found if about}


def reason(final: t.Sequence[Line], lines: t.Sequence[Line]) -> str:
    """Return nginx's words for a failed load: the first final line, and for a port the line that names it."""
    words = str(final[0])
    if "still could not bind()" in words:
        ports = dict.fromkeys(str(line) for line in lines if _RETRIED.search(line.words))
        words = "; ".join([*ports, final[0].words])
    return words
