# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find timeouts that let slow or silent clients keep connections for long.

A few such clients hold all of worker_connections.
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule("client-timeout-long", "advice", "Slow or silent clients may keep connections for long")
#: nginx's own defaults in seconds; CIS asks for less than they are.
_DEFAULTS: t.Final = {
    "keepalive_timeout": 75,
    "send_timeout": 60,
    "client_header_timeout": 60,
    "client_body_timeout": 60,
}
_UNITS: t.Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}


def check(context: Context) -> Iterator[Finding]:
    """Check every timeout for clients against nginx's default."""
    for _block, directive in context.directives(*_DEFAULTS):
        seconds = _seconds(directive.args[0] if directive.args else "")
        default = _DEFAULTS[directive.name]
        if seconds is not None and seconds > default:
            idle = directive.name == "keepalive_timeout"
            what = "an idle connection stays" if idle else "a client that does nothing stays"
            message = (
                f"{what} for {directive.args[0]}, where nginx's own limit is {default}s and CIS asks for 10: a few clients "
                "with many connections use up worker_connections"
            )
            yield RULE.at(directive.place, message)


def _seconds(text: str) -> float | None:
    number = text.rstrip("msdh")
    unit = text[len(number) :] or "s"
    return int(number) * _UNITS[unit] if number.isdecimal() and unit in _UNITS else None
