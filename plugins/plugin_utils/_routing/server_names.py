# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""`server_name` tables and the host look-up of ngx_http_find_virtual_server() (src/http/ngx_http_request.c).

Order of a look-up: exact name, longest leading wildcard, longest trailing wildcard, first matching regex. What conflicts
with what follows ngx_hash_add_key() (src/core/ngx_hash.c): `.a.com` claims `a.com` and `*.a.com` at once, and a name
that conflicts is ignored as a whole. `map` with `hostnames` uses the same table without regexes.
"""

from __future__ import annotations

import typing as t
from typing import Generic, TypeVar

from .pattern import compile_pattern

if t.TYPE_CHECKING:
    import re

V = TypeVar("V")


class NameTable(Generic[V]):
    """Names of one socket and what they lead to. The first claim of a name wins."""

    def __init__(self) -> None:
        self.exact: dict[str, V] = {}
        self.leading: dict[str, V] = {}
        self.trailing: dict[str, V] = {}
        self.regexes: list[tuple[str, re.Pattern[str] | None, V]] = []

    def add(self, name: str, value: V) -> V | None:
        """Claim a name; return the earlier claim of it, which stays, else None."""
        if name.startswith("~"):
            # nginx compiles server_name regexes without regard to case, and never compares them.
            self.regexes.append((name, compile_pattern(name[1:], caseless=True), value))
            return None
        name = name.lower()
        if name.startswith("*."):
            return self._claim(self.leading, name[2:], value)
        if name.startswith("."):
            bare = name[1:]
            taken = self.exact.get(bare, self.leading.get(bare))
            if taken is None:
                self.exact[bare] = self.leading[bare] = value
            return taken
        if name.endswith(".*"):
            return self._claim(self.trailing, name[:-2], value)
        return self._claim(self.exact, name, value)

    @staticmethod
    def _claim(table: dict[str, V], name: str, value: V) -> V | None:
        taken = table.get(name)
        if taken is None:
            table[name] = value
        return taken

    def find_literal(self, host: str) -> V | None:
        """Return the exact or wildcard claim of a host, None without one. Hosts are compared in lower case."""
        host = host.lower()
        found = self.exact.get(host)
        if found is not None:
            return found
        labels = host.split(".")
        for start in range(1, len(labels)):
            found = self.leading.get(".".join(labels[start:]))
            if found is not None:
                return found
        for end in range(len(labels) - 1, 0, -1):
            found = self.trailing.get(".".join(labels[:end]))
            if found is not None:
                return found
        return None

    def find(self, host: str) -> tuple[V | None, re.Match[str] | None, bool]:
        """Return the claim of a host, the regex match that decided it, and whether the answer is certain.

        It is uncertain once a regex that Python cannot compile stands before the one that matches.
        """
        found = self.find_literal(host)
        if found is not None:
            return found, None, True
        for _name, pattern, value in self.regexes:
            if pattern is None:
                return None, None, False
            match = pattern.search(host.lower())
            if match is not None:
                return value, match, True
        return None, None, True
