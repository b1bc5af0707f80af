# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The limits that a request meets: `limit_req` and `limit_conn` with their zones.

ngx_http_limit_req_module.c and ngx_http_limit_conn_module.c: a block with a `limit_req` of its own inherits none, the zones are of
`http`, and the log line has the level of `limit_req_log_level` (`error` by default).
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import flatten

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Config, Directive

    from .blocks import Scope
    from .select import Router

_RATE: t.Final = re.compile(r"rate=(\d+)r/([sm])")
_UNIT: t.Final = {"s": 1.0, "m": 60.0}
#: Levels of error logs, the most severe first (ngx_log.c).
_LEVELS: t.Final = ("stderr", "emerg", "alert", "crit", "error", "warn", "notice", "info", "debug")
_REFUSED: t.Final = 503
_VARIABLE: t.Final = re.compile(r"\$\{?(\w+)")
#: Blocks and directives that make a variable.
_MAKERS: t.Final = ("map", "geo", "split_clients")
#: Directives that decide whose address `$remote_addr` is.
_ADDRESS: t.Final = ("set_real_ip_from", "real_ip_header", "real_ip_recursive")


@dataclass(frozen=True)
class RequestLimit:
    """A limit that a request meets.

    Attributes:
        zone: its name.
        period: seconds between two requests that `limit_req` lets pass; 0 for `limit_conn`.
        status: the status of a refusal.
        logged: a refusal stands in the error log.
        definition: the words of the zone and of the limit, for comparison; those that decide on its key too: maps, and from
            where the address of a client is taken.
    """

    zone: str
    period: float
    status: int
    logged: bool
    definition: tuple[str, ...]


class RequestLimits:
    """The zones of a configuration, and the limits that hold in a block."""

    def __init__(self, router: Router, config: Config) -> None:
        self._main_logs = [directive for directive in flatten(config.root) if directive.name == "error_log"]
        self._zones: dict[str, Directive] = {}
        self._keys: dict[str, str] = {}
        self._made: dict[str, list[Directive]] = {}
        for http in router.http:
            for directive in http.find(*_MAKERS):
                self._made.setdefault(directive.args[-1].removeprefix("$"), []).append(directive)
            for directive in http.find("limit_req_zone", "limit_conn_zone"):
                for word in directive.args[1:]:
                    if word.startswith("zone="):
                        self._zones[word.removeprefix("zone=").partition(":")[0]] = directive

    def of(self, scope: Scope) -> Iterator[RequestLimit]:
        """Yield the limits of a block."""
        for name in ("limit_req", "limit_conn") if self._zones else ():
            if scope.flag(f"{name}_dry_run", default=False):
                continue
            for directive in scope.effective(name):
                limit = self._limit(scope, directive)
                if limit is not None:
                    yield limit

    def _limit(self, scope: Scope, directive: Directive) -> RequestLimit | None:
        words = [word.removeprefix("zone=") for word in directive.args]
        zone = next((word for word in words if word in self._zones), None)
        if zone is None:
            return None
        definition = self._zones[zone]
        rate = next((found for word in definition.args if (found := _RATE.fullmatch(word))), None)
        period = _UNIT[rate[2]] / max(int(rate[1]), 1) if rate else 0.0
        return RequestLimit(
            zone,
            period,
            _status(scope, f"{directive.name}_status"),
            _is_logged(scope, directive.name, self._main_logs),
            (*definition.args, "", *directive.args, "", self._key_of(definition.args[0]), *_address_words(scope)),
        )

    def _key_of(self, key: str) -> str:
        """Return a digest of the maps behind a zone's key."""
        if key not in self._keys:
            self._keys[key] = str(hash(tuple(self._made_of([key], set()))))
        return self._keys[key]

    def _made_of(self, words: Iterable[str], seen: set[str]) -> Iterator[str]:
        names = {name for word in words for name in _VARIABLE.findall(word)} - seen
        seen |= names
        for directive in (made for name in sorted(names) for made in self._made.get(name, ())):
            yield from directive.args
            for child in directive.children:
                yield from (child.name, *child.args)
            values = (word for child in directive.children for word in child.args)
            yield from self._made_of((*directive.args, *values), seen)


def _address_words(scope: Scope) -> Iterator[str]:
    for directive in (found for name in _ADDRESS for found in scope.effective(name)):
        yield from (directive.name, *directive.args)


def _status(scope: Scope, name: str) -> int:
    found = scope.effective(name)
    return int(found[-1].args[0]) if found and found[-1].args[:1] and found[-1].args[0].isdecimal() else _REFUSED


def _is_logged(scope: Scope, name: str, main_logs: Sequence[Directive]) -> bool:
    """Tell whether a refusal gets a line in an error log that is a file."""
    level = scope.effective(f"{name}_log_level")
    of_line = _LEVELS.index(level[-1].args[0]) if level and level[-1].args[0] in _LEVELS else _LEVELS.index("error")
    logs = scope.effective("error_log") or main_logs
    for log in logs:
        target, words = log.args[0], log.args[1:]
        least = words[0] if words and words[0] in _LEVELS else "error"
        if (
            target.startswith(("syslog:", "memory:", "stderr"))
            or target == "/dev/null"
            or _LEVELS.index(least) < of_line
        ):
            return False
    return bool(logs) or _LEVELS.index("error") >= of_line
