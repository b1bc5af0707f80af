# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""`server_name` tables and the look-up of ngx_http_find_virtual_server() (src/http/ngx_http_request.c)."""

from __future__ import annotations

import typing as t

V = t.TypeVar("V")


class NameTable(t.Generic[V]):
    """Names of one socket and what they lead to. The first claim of a name wins.

    `.a.test` claims `a.test` and `*.a.test`; a name that conflicts is ignored as a whole (ngx_hash_add_key() in
    src/core/ngx_hash.c).

    Args:
        compiler: compiles a regex without regard to case; None for one that Python cannot read.
    """

    def __init__(self, compiler: t.Callable[[str], t.Optional[t.Pattern[str]]]) -> None:
        self._compiler = compiler
        #: Names without the regexes, in lower case.
        self.literal: t.Dict[str, V] = {}
        self._regexes: t.List[t.Tuple[t.Optional[t.Pattern[str]], V]] = []

    def add(self, name: str, value: V) -> t.Optional[V]:
        """Claim a name; return the earlier claim of it, which stays, else None."""
        if name.startswith("~"):
            # nginx never compares regexes.
            self._regexes.append((self._compiler(name[1:]), value))
            return None
        names = _apart(name.lower())
        for each in names:
            if each in self.literal:
                return self.literal[each]
        self.literal.update(dict.fromkeys(names, value))
        return None

    def add_all(self, names: t.Iterable[str], value: V) -> None:
        """Claim names of several sockets: there `.a.test` does not conflict with `a.test`."""
        for name in names:
            for each in _apart(name):
                self.add(each, value)

    def find_literal(self, host: str) -> t.Optional[V]:
        """Return the exact, longest leading or longest trailing claim of a host, None without one."""
        host = host.lower()
        if host in self.literal:
            return self.literal[host]
        dots = [place for place, sign in enumerate(host) if sign == "."]
        for name in ["*" + host[dot:] for dot in dots] + [host[:dot] + ".*" for dot in reversed(dots)]:
            if name in self.literal:
                return self.literal[name]
        return None

    def find(self, host: str) -> t.Tuple[t.Optional[V], t.Optional[t.Match[str]], bool]:
        """Return the claim of a host, the match of the regex that decided it, and whether the answer is certain.

        It is uncertain once a regex that cannot be read stands before the one that matches.
        """
        found = self.find_literal(host)
        for pattern, value in self._regexes if found is None else ():
            if pattern is None:
                return None, None, False
            match = pattern.search(host.lower())
            if match:
                return value, match, True
        return found, None, True


def _apart(name: str) -> t.Tuple[str, ...]:
    return (name[1:], "*" + name) if name.startswith(".") else (name,)
