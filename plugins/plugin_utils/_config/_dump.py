# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The output of `nginx -T`, taken apart into its files."""

from __future__ import annotations

import posixpath
import re

from ansible_collections.failsafe.nginx.plugins.module_utils._common.nginx_tokens import unescape

from ._files import has_magic, pattern_matcher
from .model import ConfigError

#: What ngx_show_configuration in nginx's src/core/nginx.c prints before each file; one LF follows each file.
_MARKER = re.compile(rb"^# configuration file (/[^\n]*):\n", re.MULTILINE)
_INCLUDE = re.compile(rb"""(?:^|[\s;{}"'])include["']?[ \t\r\n]+("[^"]*"|'[^']*'|[^ \t\r\n;]+)""")


def split(data: bytes) -> dict[str, bytes]:
    """Return the files of a dump by absolute path, main file first.

    nginx prints the files in the order it opened them, each once. A line that looks like a marker is one only if
    a file before it includes that path and it was not printed yet; else it is a comment of the file around it.

    Raises:
        ConfigError: There is no marker: this is not a dump.
    """
    marks = list(_MARKER.finditer(data))
    if not marks:
        raise ConfigError('this is not the output of "nginx -T": no line says "# configuration file ...:"')
    wanted = _Wanted(posixpath.dirname(_path(marks[0])))
    starts: list[re.Match[bytes]] = []
    seen: set[bytes] = set()
    for index, mark in enumerate(marks):
        if not starts or (mark[1] not in seen and wanted.accepts(_path(mark))):
            starts.append(mark)
            seen.add(mark[1])
        end = marks[index + 1].start() if index + 1 < len(marks) else len(data)
        wanted.learn(data[mark.end() : end])
    files: dict[str, bytes] = {}
    for mark, following in zip(starts, [*starts[1:], None], strict=True):
        content = data[mark.end() : following.start() if following else len(data)]
        # `a.conf` and `./a.conf` are two names to nginx and one file.
        files.setdefault(_path(mark), content.removesuffix(b"\n"))
    return files


def _path(mark: re.Match[bytes]) -> str:
    return _normal(mark[1].decode("utf-8", "replace"))


def _normal(path: str) -> str:
    return "/" + posixpath.normpath(path).lstrip("/")


class _Wanted:
    """The paths that the text so far includes, generously read: what matters is what it does not include."""

    def __init__(self, base: str) -> None:
        self._base = base
        self._literal: set[str] = set()
        self._patterns: dict[str, re.Pattern[str]] = {}

    def learn(self, content: bytes) -> None:
        for match in _INCLUDE.finditer(content):
            argument = unescape(match[1].decode("utf-8", "replace").strip("\"'"))
            path = _normal(posixpath.join(self._base, argument))
            if has_magic(argument):
                self._patterns.setdefault(path, pattern_matcher(path))
            else:
                self._literal.add(path)

    def accepts(self, path: str) -> bool:
        return path in self._literal or any(pattern.fullmatch(path) for pattern in self._patterns.values())
