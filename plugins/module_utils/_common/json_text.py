# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""JSON of a file or a message that may be damaged."""

from __future__ import annotations

import json
import typing as t


def parse_json(data: t.Union[str, bytes]) -> t.Any:
    """Parse text, or UTF-8.

    Raises:
        ValueError: it is no JSON, or its lists and objects are nested too deeply for Python.
    """
    try:
        return json.loads(data if isinstance(data, str) else data.decode("utf-8"))
    except RecursionError:
        raise ValueError("lists and objects are nested too deeply") from None
