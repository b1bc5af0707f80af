# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lines that nginx adds to its error logs while a gate runs."""

from __future__ import annotations

import os
import re
import stat
import typing as t

_LINE_LIMIT = 65536  # bytes
# ngx_log_error_core(): time, level, pid#tid, then "*connection" where a request is to blame.
_ALARM = re.compile(rb"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[(?:emerg|alert|crit)\] \d+#\d+: (?!\*\d)")
# ngx_http_limit_req_handler() and ngx_http_limit_conn_handler(), at `limit_req_log_level` and `limit_conn_log_level`.
_REFUSAL = re.compile(rb"\] \d+#\d+: \*\d+ limiting (?:requests|connections)\b(?!, dry run)")
_REFUSAL_PARTS = re.compile(r' by zone "(?P<zone>[^"]*)", client: (?P<client>[^,]+), ')


class LogLines(t.NamedTuple):
    """Lines of interest, in their order.

    Attributes:
        alarms: lines of level `emerg`, `alert` or `crit` that are not about one request.
        refusals: lines about a request that `limit_req` or `limit_conn` refused.
    """

    alarms: list[str]
    refusals: list[str]


class Asked(t.NamedTuple):
    """A request, in the words of nginx's error log; `clients` are the addresses it may come from, None for any."""

    method: str
    target: str
    host: str
    clients: tuple[str, ...] | None = None

    def is_of(self, line: str, fits: t.Callable[[str], bool]) -> bool:
        """Tell whether a refusal is of this request and of a zone that fits: other clients are refused meanwhile."""
        parts = _REFUSAL_PARTS.search(line)
        if parts is None or not fits(parts["zone"]):
            return False
        if self.clients is not None and parts["client"] not in self.clients:
            return False
        return f'"{self.method} {self.target} HTTP/' in line and f'host: "{self.host}"' in line


class LogWatch:
    """The lines that nginx adds to one error log from now on, through truncation and rotation."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.problem = ""
        self._file: t.IO[bytes] | None = None
        self._open(os.SEEK_END)

    def close(self) -> None:
        """Close the log."""
        if self._file:
            self._file.close()

    def new(self) -> LogLines:
        """Return the new lines; read the old file to its end before the one that replaced it."""
        found = LogLines([], [])
        self._read(found)
        if self.problem:
            return found
        try:
            there = os.stat(self.path)
            if self._file is None or not os.path.samestat(there, os.fstat(self._file.fileno())):
                self._open(os.SEEK_SET)
                self._read(found)
        except FileNotFoundError:
            pass  # between rename and reopen, or not written to yet
        except (OSError, ValueError) as exc:
            self.problem = getattr(exc, "strerror", None) or str(exc)
        return found

    def _open(self, whence: int) -> None:
        try:
            # Opening a FIFO without O_NONBLOCK would wait for a writer.
            handle = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        except (OSError, ValueError) as exc:
            self.problem = getattr(exc, "strerror", None) or str(exc)
            return
        if stat.S_ISREG(os.fstat(handle).st_mode):
            self.close()
            self._file = os.fdopen(handle, "rb")
            self._file.seek(0, whence)
        else:
            os.close(handle)
            self.problem = "not a regular file"

    def _read(self, found: LogLines) -> None:
        if self._file is None:
            return
        if os.fstat(self._file.fileno()).st_size < self._file.tell():
            self._open(os.SEEK_SET)  # anew: a seek may stay inside what is buffered of the old content
        while True:
            line = self._file.readline(_LINE_LIMIT)
            if not line.endswith(b"\n") and len(line) < _LINE_LIMIT:
                self._file.seek(-len(line), os.SEEK_CUR)  # still being written
                return
            if _ALARM.match(line):
                found.alarms.append(line[:500].decode("utf-8", "replace").strip())
            elif _REFUSAL.search(line):
                found.refusals.append(line.decode("utf-8", "replace").strip())


class LogWatches:
    """Several error logs from now on. The refusals of all of them are kept, since answers are judged by them later."""

    def __init__(self, paths: t.Iterable[str]) -> None:
        self._logs = [LogWatch(path) for path in paths]
        self._refusals: list[str] = []

    def alarm(self) -> str:
        """Return the first new alarming line with its log, "" without one."""
        found = [(log.path, log.new()) for log in self._logs]
        for _path, lines in found:
            self._refusals += lines.refusals
        return next((f"new line in {path}: {line}" for path, lines in found for line in lines.alarms), "")

    def refused(self, request: Asked, fits: t.Callable[[str], bool]) -> bool:
        """Tell whether a limit refused this request since `forget` (call `alarm` before).

        Args:
            request: as it was sent.
            fits: tells of the name of a zone whether its refusals count.
        """
        return any(request.is_of(line, fits) for line in self._refusals)

    def forget(self) -> None:
        """Forget the refusals so far."""
        self._refusals.clear()

    @property
    def problems(self) -> list[str]:
        """Return the logs that cannot be read, each with its reason."""
        return [f"{log.path}: {log.problem}" for log in self._logs if log.problem]

    @property
    def blind(self) -> bool:
        """Tell whether a refusal may stand in a log that is not read, or in none."""
        return not self._logs or any(log.problem for log in self._logs)

    def close(self) -> None:
        """Close them."""
        for log in self._logs:
            log.close()
