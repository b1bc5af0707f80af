# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The pure cores of the gate: the meaning of an answer, and the pace."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.failsafe.nginx.plugins.module_utils._common.side_effects import acts
from ansible_collections.failsafe.nginx.plugins.module_utils._health.check import CheckResult
from ansible_collections.failsafe.nginx.plugins.module_utils._health.log_watch import Asked
from ansible_collections.failsafe.nginx.plugins.module_utils._health.pacing import Pacer, duration, longest
from ansible_collections.failsafe.nginx.plugins.module_utils._health.probe import Limit, parse_probe
from ansible_collections.failsafe.nginx.plugins.module_utils._health.probe_verdict import Expected, fault


def answer(status: int | None, **more: t.Any) -> CheckResult:
    good = status is not None and status < 500
    failure = None if good else "wrong" if status else "connection"
    return CheckResult("p", **{"ok": good, "status": status, "failure": failure, "reason": "broken", **more})


REFUSED = answer(None, failure="refused")
RESET = answer(None)
# Before the switch, after it, the plan (before, after, by an upstream), and whether it blocks.
ROWS: list[tuple[CheckResult, CheckResult, tuple[int | None, int | None, bool] | None, bool]] = [
    (answer(200), answer(200), None, False),
    (answer(200), answer(301), None, False),
    (answer(200), answer(401), None, True),
    (answer(200), answer(404), None, True),
    (answer(200), answer(502), None, True),
    (answer(302), RESET, None, True),
    (answer(404), answer(404), None, False),
    (answer(401), answer(403), None, False),
    (answer(404), answer(500), None, True),
    (answer(502), answer(504), None, False),
    (RESET, answer(500), None, False),
    (REFUSED, answer(500), None, False),
    (answer(200), answer(401), (200, 401, False), False),
    (answer(200), answer(404), (200, 401, False), False),
    (answer(200), answer(502), (200, 401, False), True),
    (answer(200), answer(404), (200, 301, False), True),
    (answer(200), answer(404), (200, 200, True), True),
    (answer(200), REFUSED, (200, None, False), False),
    (answer(404), answer(404), (404, 301, False), True),
    (answer(404), answer(404), (404, 200, True), False),
    (REFUSED, answer(502), (None, 200, True), False),
    (REFUSED, answer(502), (None, 200, False), True),
    (REFUSED, answer(404), (None, 200, True), False),
    (REFUSED, answer(404), (None, 200, False), True),
    (answer(200, certificate=""), answer(200, certificate="expired on 1 May"), None, True),
    (answer(200, certificate="is not for a"), answer(200, certificate="is not for a"), None, False),
    (CheckResult("p", ok=True), answer(404), None, False),
]


@pytest.mark.parametrize(("before", "now", "plan", "blocks"), ROWS)
def test_what_blocks(
    before: CheckResult, now: CheckResult, plan: tuple[int | None, int | None, bool] | None, *, blocks: bool
) -> None:
    expected = None if plan is None else Expected("p", *plan)
    text = fault(before, now, expected)
    assert bool(text) is blocks
    if blocks and expected is not None:
        assert "the plan showed" in text


def test_a_certificate_that_the_plan_showed_does_not_block() -> None:
    before, now = answer(200, certificate=""), answer(200, certificate="is not for a.test but for b.test")
    assert fault(before, now, Expected("p", 200, 200))
    assert not fault(before, now, Expected("p", 200, 200, certificate=True))


REFUSED_LINE = (
    '2026/01/02 03:04:05 [error] 7#7: *9 limiting requests, excess: 0.9 by zone "login", client: {client}, server: a.test, '
    'request: "GET /login HTTP/1.1", host: "{host}"'
)


@pytest.mark.parametrize(
    ("client", "host", "zones", "ours"),
    [
        ("127.0.0.1", "a.test", {"login"}, True),
        ("203.0.113.9", "a.test", {"login"}, False),
        ("127.0.0.1", "b.test", {"login"}, False),
        ("127.0.0.1", "a.test", {"search"}, False),
    ],
    ids=["ours", "another client", "another name", "another zone"],
)
def test_only_a_refusal_of_the_very_request_excuses_it(client: str, host: str, zones: set[str], *, ours: bool) -> None:
    asked = Asked("GET", "/login", "a.test", ("127.0.0.1",))
    assert asked.is_of(REFUSED_LINE.format(client=client, host=host), zones.__contains__) is ours


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_five_requests_in_any_second() -> None:
    clock = Clock()
    pacer = Pacer(clock)
    sent: list[float] = []
    for step in range(400):
        clock.now = 100 + step / 100
        sent += [clock.now for _try in range(10) if pacer.take()]
    assert len(sent) == 20
    assert all(late - early >= 1 for early, late in zip(sent, sent[5:], strict=False))


def test_no_more_than_a_zone_lets_pass() -> None:
    clock, zone, few = Clock(), Limit("one", 1.0), Limit("few")
    pacer = Pacer(clock)
    assert pacer.take([zone])
    assert not pacer.take([zone])
    assert pacer.take()
    clock.now += 1.16
    assert pacer.take([zone])
    assert pacer.take([few])
    assert not pacer.take([few])
    pacer.release([few])
    assert pacer.take([few])
    assert duration([[zone], [zone], []]) == pytest.approx(2.3)
    slow = parse_probe({"url": "http://a.test/", "timeout": 3})
    assert longest([slow] * 11) == pytest.approx(11 / 5 + 3 * 3), "three rounds of answers that take three seconds each"


@pytest.mark.parametrize(
    ("target", "word"),
    [
        ("/account/logout", "logout"),
        ("/log-out", "log out"),
        ("/api/deleteUser", "delete"),
        ("/cron.php?key=1", "cron"),
        ("/catalog/", ""),
        ("/blog/outlook", ""),
        ("/deleted-scenes", ""),
        ("/?action=purge", "purge"),
    ],
)
def test_paths_that_do_something(target: str, word: str) -> None:
    assert acts(target) == word
