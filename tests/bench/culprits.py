# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What finding the guilty line costs: two hundred changes, one of them guilty, in real private worlds.

Prints every figure with its limit and exits with 1 when one is missed. Run it with `make bench`, as root or where the kernel
lets an ordinary user make namespaces.
"""

from __future__ import annotations

import importlib
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "plugins" / "module_utils" / "_plan"))

importlib.import_module("conftest")  # makes the collection importable

CHANGES = 200
#: Seconds, and worlds.
TIME, WORLDS = 10.0, 20


def main() -> int:
    """Measure, print, judge."""
    from test_real_nginx import guilty, search, site  # noqa: PLC0415 - needs the path above

    began = time.monotonic()
    found = search(site(CHANGES), site(CHANGES, guilty), "http://s137.example.com:8080/api/a")
    seconds = time.monotonic() - began
    if found["lines"] != ["conf.d/137.conf:5 + rewrite ^/api/a /api/ab last"]:
        print(f"the wrong line: {found['lines']}")
        return 1
    figures = [
        (f"one of {found['changes']} changes, seconds", seconds, TIME),
        (f"one of {found['changes']} changes, worlds", float(found["worlds"]), float(WORLDS)),
    ]
    for what, value, limit in figures:
        print(f"{'ok  ' if value <= limit else 'MISS'} {what}: {value:.2f} (at most {limit:g})")
    return int(any(value > limit for _what, value, limit in figures))


if __name__ == "__main__":
    sys.exit(main())
