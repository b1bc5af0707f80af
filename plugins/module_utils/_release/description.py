# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Describe the nginx of a host for people."""

from __future__ import annotations

import dataclasses
import typing as t

from .._common.json_fields import encode
from .._nginx.instance import NginxError
from .errors import ReleaseError
from .results import ResultJson
from .running_nginx import RunningNginx


@dataclasses.dataclass
class NginxDescription:
    """The nginx on the host; `problem` says why it cannot be asked."""

    version: t.Optional[str] = None
    modules: t.List[str] = dataclasses.field(default_factory=list)
    running: bool = False
    master_pid: t.Optional[int] = None
    problem: str = ""

    def to_json(self) -> ResultJson:
        """Return it as JSON."""
        return encode(self)


def describe(nginx: RunningNginx) -> NginxDescription:
    """Describe an nginx, with a problem instead of an exception."""
    known = NginxDescription()
    try:
        build = nginx.instance.build()
        known.version, known.modules = build.version, [*build.static_modules, *build.dynamic_modules]
        master = nginx.master()
        known.running, known.master_pid = master is not None, master.pid if master else None
    except (NginxError, ReleaseError) as error:
        known.problem = str(error)
    return known
