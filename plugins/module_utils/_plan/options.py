# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options that the modules of a comparison share; documented in the fragments release.instance and behaviour.sides."""

from __future__ import annotations

import typing as t

SIDES: t.Dict[str, t.Dict[str, t.Any]] = {
    "config_dir": {"type": "path", "default": "/etc/nginx"},
    "main": {"default": "nginx.conf"},
    "store": {"type": "path", "default": "/var/lib/failsafe-nginx"},
    "binary": {},
    "prefix": {"type": "path"},
    "before": {"default": "live"},
    "after": {},
    "src": {"type": "path"},
    "exclude": {"type": "list", "elements": "str"},
    "plan": {"type": "dict"},
    "expect": {"type": "path"},
    "timeout": {"type": "float", "default": 300},
    "fs": {"choices": ["host", "empty"]},
    "_step": {"choices": ["read", "run"]},
    "_payload": {"no_log": True},
}
