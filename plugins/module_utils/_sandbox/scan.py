# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Addresses, ports and paths that a world needs before nginx starts: found by their shape, not by parsing.

A guess too many costs a socket or an empty folder; nothing here decides an outcome.
"""

from __future__ import annotations

import os
import re
import typing as t

_LARGEST = 4 << 20  # bytes of one configuration file
_COMMENT = re.compile(r"(?m)(?:^|(?<=[\s;{}]))#.*$")
# Each begins with literal text: that makes a search through megabytes quick.
_PORT = re.compile(r":(\d{1,5})\b")
_LISTEN = re.compile(r"listen\s+[\"']?(\[[0-9a-fA-F:.]+\]|[\d.]+|unix:[^\s;\"']+)(?::\d+)?[\"']?[\s;]")
_RESOLVER = re.compile(r"resolver\s+([^;]+);")
_ADDRESS = re.compile(r"^(\[[0-9a-fA-F:.]+\]|\d+\.\d+\.\d+\.\d+)(?::(\d+))?$")
_UNIX = re.compile(r"unix:(/[^\s;:\"'{}]+)")
_DIRECTIVES = (
    "error_log",
    "access_log",
    "pid",
    "lock_file",
    "_temp_path",
    "_cache_path",
    "ssl_certificate",
    "ssl_certificate_key",
)
_FILES = {name: re.compile(name + r"\s+(?:\"([^\"]+)\"|'([^']+)'|([^\s;\"']+))") for name in _DIRECTIVES}
_NAMES = re.compile(r"server_name\s+([^;]+);")
_WORDS = re.compile(r"reuseport\b|daemon\s+off\b|\budp\b|\bopen_file_cache\b")
_SEVERAL = re.compile(r"upstream\s+[^\s;{}]+\s*\{[^{}]*server\s[^{}]*;\s*server\s")
_USER = re.compile(r"user\s+([\w.-]+)(?:\s+([\w.-]+))?\s*;")
_LAST_PORT = 65535
_DEFAULT_PORTS = (80, 443, 11211)


class Scan:
    """The addresses, ports and paths that the files of a tree name.

    Args:
        tree: the folder.

    Attributes:
        ports: numbers that an upstream may have.
        listens: literal listen addresses, `unix:` ones with the prefix.
        resolvers: addresses and ports of DNS servers.
        unix: paths of unix sockets, upstreams' and nginx's own; with variables in them, as written.
        files: directive (or its end) -> its paths as written, in the order of the files and lines.
        names: of `server_name`.
        words: "reuseport", "daemon off", "udp" and "open_file_cache", where they occur.
        several: an upstream has several servers.
        user: the accounts named by `user`.
    """

    def __init__(self, tree: str) -> None:
        text = "\n".join(_texts(tree))
        self.ports = set(_DEFAULT_PORTS)
        for number in set(map(int, _PORT.findall(text))):
            if 0 < number <= _LAST_PORT:
                self.ports.add(number)
        self.listens = sorted({found.strip("[]") for found in _LISTEN.findall(text)})
        self.resolvers: t.Set[t.Tuple[str, int]] = set()
        for arguments in _RESOLVER.findall(text):
            for found in map(_ADDRESS.match, arguments.split()):
                if found:
                    self.resolvers.add((found.group(1).strip("[]"), int(found.group(2) or 53)))
        self.unix = sorted(set(_UNIX.findall(text)))
        self.files: t.Dict[str, t.List[str]] = {}
        for directive, pattern in _FILES.items():
            self.files[directive] = ["".join(quoted) for quoted in pattern.findall(text)]
        self.names = {
            name for names in _NAMES.findall(text) for name in names.split() if "$" not in name and name != "_"
        }
        self.words = {" ".join(words.split()) for words in _WORDS.findall(text)}
        self.several = bool(_SEVERAL.search(text))
        self.user = [name for names in _USER.findall(text) for name in names if name]

    def paths(self, *endings: str) -> t.List[str]:
        """Return the literal paths of the directives with these endings."""
        return [
            path
            for directive, paths in self.files.items()
            if directive.endswith(endings)
            for path in paths
            if "$" not in path
        ]


def _texts(tree: str) -> t.Iterator[str]:
    for folder, _folders, names in os.walk(tree):
        for name in names:
            path = os.path.join(folder, name)
            try:
                if os.path.isfile(path) and os.path.getsize(path) <= _LARGEST:
                    with open(path, "rb") as file:
                        content = file.read()
                    if b"\0" not in content:
                        yield _COMMENT.sub("", content.decode("utf-8", "surrogateescape"))
            except OSError:
                continue
