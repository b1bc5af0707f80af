# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lines to paste below a refusal."""

from __future__ import annotations

import datetime as dt
import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison import (
    AcceptEntry,
    BehaviourChange,
    GateFailure,
    Unverified,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison.report import Example
from ansible_collections.failsafe.nginx.plugins.plugin_utils._expectations import Expectations
from ansible_collections.failsafe.nginx.plugins.plugin_utils._reports.route_check.accepting import accept_lines
from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout.variables import read

TODAY = dt.date(2026, 11, 22)
KEYS = ["outage-3f9a1c2b4d", "lost-0123456789"]


def guilty(key: str) -> GateFailure:
    example = Example("p1", "GET http://a.test/", "", None, None, ("200",), ("404",))
    name = key.rpartition("-")[0]
    group = BehaviourChange(name, "block", ("a.test",), "", "", (), 1, ("p1",), example, key=key)
    return GateFailure(name, group.risk, group)


def lines(*keys: str, given: t.Sequence[str] = (), deploys: bool = True) -> list[str]:
    return accept_lines([guilty(key) for key in keys], given, deploys=deploys, today=TODAY)


def test_a_refusal_ends_with_the_option_of_the_run() -> None:
    assert lines(*KEYS) == [
        "If these 2 groups are meant, accept exactly that:",
        "    routes.yml:  accept: [{key: [outage-3f9a1c2b4d, lost-0123456789], until: 2026-12-22, reason: ...}]",
        "    this run:    -e nginx_deploy_accept=outage-3f9a1c2b4d,lost-0123456789",
    ]


def test_a_task_gets_its_option() -> None:
    assert lines(KEYS[0], deploys=False)[-1] == "    this task:   accept: [outage-3f9a1c2b4d]"


def test_keys_that_were_given_are_kept() -> None:
    """An extra variable replaces another one of its name."""
    assert lines(KEYS[1], given=KEYS)[-1].endswith(f"={','.join(KEYS)}")


def test_what_is_printed_is_read() -> None:
    routes, run = lines(*KEYS)[1:]
    entries = Expectations.load(routes.partition("routes.yml:  ")[2], "routes.yml").accept
    assert [entry.key for entry in entries] == KEYS
    value = read("nginx_deploy_accept", run.partition("=")[2])
    assert [entry.key for entry in AcceptEntry.read_all(value)] == KEYS


def test_what_cannot_be_accepted_is_said() -> None:
    gap = GateFailure("not-verified", "high", Unverified("changed", "location /", "no request"))
    assert accept_lines([gap], [], deploys=True) == []
    assert accept_lines([guilty(KEYS[0]), gap], [], deploys=True)[0].startswith("1 reason above cannot be accepted.")
