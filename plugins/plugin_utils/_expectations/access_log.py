# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Requests of clients: an access log becomes probes, the most frequent requests first."""

from __future__ import annotations

import gzip
import io
import os
import re
import stat
import typing as t
import zlib
from collections import Counter
from dataclasses import replace
from functools import lru_cache
from itertools import chain, islice

from ansible_collections.failsafe.nginx.plugins.module_utils._wire.probes import Probe
from ansible_collections.failsafe.nginx.plugins.plugin_utils._markup.wording import counted
from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.draft import is_target
from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.edge import Arrivals
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.errors import RouteError

from .cases import RouteRequest
from .log_format import FORMATS, LogFormat, formats_of, unescape
from .privacy import clean_path

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Config


#: The most groups that are kept while a log is read, and the most probes that are made of them.
GROUPS: t.Final = 20_000
PROBES: t.Final = 2_000
#: The most lines that are read; the rest of a huge log has few new requests.
LINES: t.Final = 1_000_000
_LINE: t.Final = 65_536
_TRIED: t.Final = 200
_SERVERS: t.Final = 10
_GZIP: t.Final = b"\x1f\x8b"
_METHODS: t.Final = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"})
_NUMBER: t.Final = re.compile(r"(?<!%)(?<!%[0-9A-Fa-f])\d+")
_HOST: t.Final = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?", re.ASCII)
_ABSOLUTE: t.Final = re.compile(r"(https?)://([^/?#]*)(.*)", re.IGNORECASE)


class LoggedRequest(t.NamedTuple):
    """The request of one line; `scheme` and `host` are empty where the format has neither."""

    method: str
    scheme: str
    host: str
    path: str


class AccessLog:
    """The requests of one or several logs, grouped by what routing depends on.

    Paths that differ only in numbers are one group, and the first of them is its example.

    Attributes:
        weights: group -> number of requests.
        examples: group -> its first request and line.
        format: the name of the format of its lines.
        lines: how many were read, `broken` how many of them could not be.
        forgotten: how many requests were dropped to save memory.
        notes: sentences about parts that were not read.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.weights: Counter[LoggedRequest] = Counter()
        self.examples: dict[LoggedRequest, tuple[LoggedRequest, int]] = {}
        self.format = ""
        self.lines = 0
        self.broken = 0
        self.forgotten = 0
        self.notes: list[str] = []

    def add(self, lines: Iterable[bytes], formats: Sequence[LogFormat]) -> None:
        """Count the requests of a log.

        Args:
            lines: the log's lines.
            formats: the formats that its lines may have; that of most of the first lines is taken.

        Raises:
            RouteError: `formats` is empty.
        """
        source = iter(lines)
        first = list(islice(source, _TRIED))
        best = max(formats, key=lambda each: sum(_asked(line, each) is not None for line in first), default=None)
        if best is None:
            raise RouteError(f"{self.name}: no format is known that its lines could have")
        self.format = best.name
        every = chain(first, source)
        for line in islice(every, LINES):
            self.lines += 1
            asked = _asked(line, best)
            if asked is None:
                self.broken += 1
                continue
            self._count(asked)
        if next(every, None) is not None:
            self.notes.append(f"only the first {LINES} lines were read")

    def _count(self, asked: LoggedRequest) -> None:
        group = asked._replace(path=_NUMBER.sub("0", asked.path))
        if group not in self.examples:
            if len(self.examples) >= GROUPS:
                self._forget()
            self.examples[group] = (asked, self.lines)
        self.weights[group] += 1

    def _forget(self) -> None:
        """Drop the rarer half of the groups."""
        kept = dict(self.weights.most_common(GROUPS // 2))
        self.forgotten += sum(self.weights.values()) - sum(kept.values())
        self.weights = Counter(kept)
        self.examples = {group: self.examples[group] for group in kept}

    def probes(self, before: Config | None = None, after: Config | None = None) -> list[Probe]:
        """Make a probe for each group, the most frequent first, with ids `l<number>` and their `weight`."""
        arrivals = Arrivals(before, after)
        hosts = arrivals.hosts_of_log(self.name, _SERVERS)
        found: dict[RouteRequest, tuple[int, int]] = {}
        for group, weight in self.weights.most_common():
            asked, line = self.examples[group]
            for host in [asked.host] if asked.host else hosts:
                request = _request(asked, host, arrivals)
                known = found.get(request)
                found[request] = (weight + (known[0] if known else 0), known[1] if known else line)
        chosen = sorted(found.items(), key=lambda item: -item[1][0])[:PROBES]
        return [
            replace(
                request.probe(f"l{number}", arrivals, "log"),
                why=f"asked for {counted(weight, 'time')}",
                file=self.name,
                line=line,
                weight=weight,
            )
            for number, (request, (weight, line)) in enumerate(chosen, 1)
        ]


def _request(asked: LoggedRequest, host: str, arrivals: Arrivals) -> RouteRequest:
    scheme = asked.scheme or ("https" if arrivals.has_tls(host) else "http")
    return RouteRequest(scheme, host, asked.path, method=asked.method)


def _asked(line: bytes, layout: LogFormat) -> LoggedRequest | None:
    """Read a line; return None if it is broken, of another format, or not the request of a real client."""
    if len(line) > _LINE:
        return None
    try:
        values = layout.read(line.rstrip(b"\r\n").decode("utf-8", "surrogateescape"))
    except UnicodeError:
        return None
    return None if values is None else _meant(tuple(values.items()))


@lru_cache(maxsize=65_536)
def _meant(items: tuple[tuple[str, str], ...]) -> LoggedRequest | None:
    values = dict(items)
    method, target = values.get("request_method", "GET"), values.get("request_uri", "")
    if "request" in values:
        words = unescape(values["request"]).split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/"):  # noqa: PLR2004 -- method, target, version
            return None
        method, target = words[0], words[1]
    target = unescape(target) or unescape(values.get("uri", "") or values.get("document_uri", ""))
    scheme = _scheme(values)
    host = _host(values)
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is not None:
        scheme, target = absolute[1].lower(), absolute[3] or "/"
        host = host or _valid(absolute[2].rpartition("@")[2])
    path = clean_path(re.split("[?#]", target, maxsplit=1)[0]) if method in _METHODS else None
    return LoggedRequest(method, scheme, host, path) if path is not None and is_target(path) else None


def _scheme(values: dict[str, str]) -> str:
    scheme = values.get("scheme", "")
    if scheme in ("http", "https"):
        return scheme
    if "https" in values:
        return "https" if values["https"] == "on" else "http"
    return {"80": "http", "443": "https"}.get(values.get("server_port", ""), "")


def _host(values: dict[str, str]) -> str:
    return next((host for name in ("host", "http_host", "server_name") if (host := _valid(values.get(name, "")))), "")


def _valid(text: str) -> str:
    """Return a host name in lower case, without its port; "" for an invalid one, such as scanners send."""
    host = text.lower().partition(":")[0].removesuffix(".")
    known = host.strip("_-") and len(host) <= 253 and _HOST.fullmatch(host)  # noqa: PLR2004 -- RFC 1035
    return host if known else ""


def read_access_log(path: str, *, configs: Iterable[Config | None] = (), log_format: str | None = None) -> AccessLog:
    """Read an access log.

    Args:
        path: a log, plain or compressed with gzip.
        configs: configurations with the `log_format` directives that its lines may follow.
        log_format: the name of the format, or a format itself. Default: the format of most of the first lines.

    Raises:
        RouteError: the log cannot be read, or the format is unknown or has no path in it.
    """
    log = AccessLog(path)
    formats = _formats(configs, log_format)
    try:
        with _open(path) as file:
            log.add(_lines(file, log), formats)
    except OSError as error:
        raise RouteError(f"the access log {path} cannot be read: {error.strerror or error}") from error
    if log.lines and not log.weights:
        read = counted(log.lines, "line")
        raise RouteError(f"{path}: {read} read, none has the format {log.format}: name its log_format")
    return log


def _formats(configs: Iterable[Config | None], log_format: str | None) -> list[LogFormat]:
    known = {each.name: each for config in configs for each in formats_of(config)}
    for name, text in FORMATS.items():
        known.setdefault(name, LogFormat(name, text))
    if log_format is None:
        return list(known.values())
    if log_format in known:
        return [known[log_format]]
    if "$" not in log_format:
        raise RouteError(f'there is no log_format "{log_format}" with a path in it; there are: {", ".join(known)}')
    given = LogFormat("the given one", log_format)
    if not given.is_useful:
        raise RouteError("log_format needs $request or $request_uri, and a text between any two variables")
    return [given]


def _open(path: str) -> t.BinaryIO:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise RouteError(f"{path} is no regular file, so no access log can be read from it")
    return open(descriptor, "rb")


def _lines(file: t.BinaryIO, log: AccessLog) -> Iterator[bytes]:
    """Yield the lines of a log, the beginnings of endless ones; stop with a note where compression is damaged."""
    source: t.BinaryIO = file
    if file.read(2) == _GZIP:
        file.seek(0)
        source = t.cast("t.BinaryIO", io.BufferedReader(t.cast("t.Any", gzip.GzipFile(fileobj=file))))
    else:
        file.seek(0)
    try:
        while line := source.readline(_LINE + 1):
            yield line
            while len(line) > _LINE and not line.endswith(b"\n"):
                line = source.readline(_LINE + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        log.notes.append(f"the compressed log ends early: {error}")
