# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The meaning of an answer to a default probe: by the answer from before the switch, and by the plan."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._common.json_fields import unknown_fields

if t.TYPE_CHECKING:
    from .check import CheckResult

#: How well a client is served: with what it asked for, with a refusal of its own making, or not at all.
SERVED, REJECTED, BROKEN = 0, 1, 2
_CLIENT_ERROR, _SERVER_ERROR = 400, 500


@dataclass(frozen=True)
class Expected:
    """The plan for a probe: the answers of the private world with either configuration.

    Attributes:
        name: of the probe.
        before, after: the status at the end of redirects; None for a closed or refused connection, or a loop.
        upstream: an upstream answers with the new configuration, and the world only has stubs for those.
        certificate: a good certificate is replaced by one that does not fit its name or is out of date.
    """

    name: str
    before: t.Optional[int] = None
    after: t.Optional[int] = None
    upstream: bool = False
    certificate: bool = False
    extra: t.Dict[str, object] = unknown_fields()

    @property
    def shown(self) -> bool:
        """Tell whether the plan showed a change for this request."""
        return self.before != self.after

    @property
    def worse(self) -> bool:
        """Tell whether the plan showed that clients are served worse."""
        return level_of(self.after) > level_of(self.before)

    def text(self) -> str:
        """Return the planned outcome in words."""
        return "no answer" if self.after is None else f"status {self.after}"


def level_of(status: int | None) -> int:
    """Return how well a status serves a client."""
    if status is None or status >= _SERVER_ERROR:
        return BROKEN
    return REJECTED if status >= _CLIENT_ERROR else SERVED


def level(result: CheckResult) -> int:
    """Return how well a result serves a client.

    A record without a status is one of version 0.1.0, which only told that the answer was none of a server error.
    """
    if result.failure:
        return BROKEN
    if result.status is None:
        return REJECTED if result.ok else BROKEN
    return level_of(result.status)


def fault(before: CheckResult, now: CheckResult, expected: Expected | None) -> str:
    """Return why an answer is worse than the one before the switch in a way that the plan did not show; "" if it is not.

    Args:
        before: the record of the old configuration.
        now: the answer of the new one.
        expected: what the plan showed, None where nothing was compared.
    """
    if before.certificate == "" and now.certificate and not (expected is not None and expected.certificate):
        return f"the certificate {now.certificate}, and the one before the switch was good"
    was, got = level(before), level(now)
    if before.failure == "refused":
        # The private world only has stubs: whether the upstream of a new listener is there is not what the plan showed.
        if expected is None or expected.upstream or got <= level_of(expected.after):
            return ""
        return _both(now, expected, "nothing listened before the switch")
    if was == BROKEN:
        return ""
    told = f"status {before.status}" if before.status else "an answer"
    if got <= was:
        own = expected is not None and expected.shown and not expected.upstream
        if expected is not None and own and got > level_of(expected.after):
            return _both(now, expected, f"before the switch it was {told}")
        return ""
    if expected is not None and expected.worse and got <= level_of(expected.after):
        return ""
    return _both(now, expected, f"before the switch it was {told}")


def _both(now: CheckResult, expected: Expected | None, before: str) -> str:
    got = now.reason if now.failure else f"status {now.status}"
    plan = f", and the plan showed {expected.text()}" if expected is not None else ""
    return f"{got}; {before}{plan}"
