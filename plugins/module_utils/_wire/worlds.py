# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Messages about private worlds: what each of them answers for all of its probes."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from .._common.json_fields import omit_none


@dataclass
class WorldFacts:
    """Facts of a world that started.

    Attributes:
        nginx_ms: milliseconds that nginx took to start.
        boot_ms: milliseconds that the rest of the world took.
        certificates: paths that were missing and were replaced by a self-signed pair.
        notes: sentences about what the world had to do without.
    """

    nginx_ms: float
    boot_ms: float = 0
    certificates: t.List[str] = field(default_factory=list)
    notes: t.List[str] = field(default_factory=list)


@dataclass
class WorldFailure:
    """The reason why a world did not come about or broke; the kinds are those of `SandboxError`."""

    kind: str
    message: str


@dataclass
class WorldResult:
    """The answer of one world: `error`, or outcomes and facts.

    Outcomes are many and alike. Each list of them is packed in parts, each the `pack` of a list of JSON objects:
    `ProbeOutcome`, or `BlockTrace` of an instrumented configuration.

    Attributes:
        outcomes: of the probes, in their order.
        stages: for each stage of the answer's files the outcomes of its probes.
        asked_again: positions of the probes that missed a file which no configuration tells, and were sent again with all
            such files there.
        second: the outcomes of these.
    """

    outcomes: t.Optional[t.List[str]] = omit_none()
    facts: t.Optional[WorldFacts] = omit_none()
    stages: t.Optional[t.List[t.List[str]]] = omit_none()
    asked_again: t.Optional[t.List[int]] = omit_none()
    second: t.Optional[t.List[str]] = omit_none()
    error: t.Optional[WorldFailure] = omit_none()
