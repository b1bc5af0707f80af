# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

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
