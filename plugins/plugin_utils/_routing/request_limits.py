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

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive

    from .blocks import Scope
    from .select import Router

_RATE: t.Final = re.compile(r"rate=(\d+)r/([sm])")
_UNIT: t.Final = {"s": 1.0, "m": 60.0}
#: Levels of error logs, the most severe first (ngx_log.c).
_LEVELS: t.Final = ("stderr", "emerg", "alert", "crit", "error", "warn", "notice", "info", "debug")
_REFUSED: t.Final = 503


@dataclass(frozen=True)
class RequestLimit:
    """A limit that a request meets.

    Attributes:
        zone: its name.
        period: seconds between two requests that `limit_req` lets pass; 0 for `limit_conn`.
        status: the status of a refusal.
        logged: a refusal stands in the error log.
        definition: the words of the zone and of the limit, for comparison.
    """

    zone: str
    period: float
    status: int
    logged: bool
    definition: tuple[str, ...]


class RequestLimits:
    """The zones of a configuration, and the limits that hold in a block."""

    def __init__(self, router: Router) -> None:
        self._zones: dict[str, Directive] = {}
        for http in router.http:
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
            _is_logged(scope, directive.name),
            (*definition.args, "", *directive.args),
        )


def _status(scope: Scope, name: str) -> int:
    found = scope.effective(name)
    return int(found[-1].args[0]) if found and found[-1].args[:1] and found[-1].args[0].isdecimal() else _REFUSED


def _is_logged(scope: Scope, name: str) -> bool:
    """Tell whether a refusal gets a line in an error log that is a file."""
    level = scope.effective(f"{name}_log_level")
    of_line = _LEVELS.index(level[-1].args[0]) if level and level[-1].args[0] in _LEVELS else _LEVELS.index("error")
    for log in scope.effective("error_log"):
        target, words = log.args[0], log.args[1:]
        least = words[0] if words and words[0] in _LEVELS else "error"
        if (
            target.startswith(("syslog:", "memory:", "stderr"))
            or target == "/dev/null"
            or _LEVELS.index(least) < of_line
        ):
            return False
    # Without one in `http` the log of the main context holds, which tells errors unless it says otherwise.
    return True
