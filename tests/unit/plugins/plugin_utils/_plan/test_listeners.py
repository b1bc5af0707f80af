# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Listeners in real private worlds: each address and family is asked by itself."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.failsafe.nginx.tests.unit.plugins.plugin_utils._plan.compared import (
    compare_folders,
    folder,
    told,
)

if t.TYPE_CHECKING:
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison import RouteCheckReport


def site(name: str, *listens: str, more: str = "") -> str:
    sockets = " ".join(f"listen {each};" for each in listens)
    return f'server {{ {sockets} server_name {name}; {more} location / {{ return 200 "{name}"; }} }}\n'


#: Port -> servers before, servers after, and what has to be told: class and listener.
VARIATIONS: dict[int, tuple[str, str, set[tuple[str, str]]]] = {
    8101: (
        site("first.test", "8101") + site("second.test", "8101"),
        site("first.test", "8101", "[::]:8101") + site("second.test", "8101"),
        {("new", "[::]:8101")},
    ),
    8102: (
        site("first.test", "8102", "[::]:8102") + site("second.test", "8102", "[::]:8102"),
        site("first.test", "8102", "[::]:8102") + site("second.test", "8102"),
        {("lost", "[::]:8102")},
    ),
    8103: (site("only.test", "8103", "[::]:8103"), site("only.test", "8103"), {("outage", "[::]:8103")}),
    8104: (site("only.test", "8104"), site("only.test", "127.0.7.4:8104"), {("listener-narrowed", "*:8104")}),
    8105: (site("only.test", "127.0.7.5:8105"), site("only.test", "8105"), {("new", "*:8105")}),
    8106: (site("only.test", "8106"), site("only.test", "8106 proxy_protocol"), {("outage", "*:8106")}),
    8107: (
        site("only.test", "8107 proxy_protocol"),
        site("only.test", "8107"),
        {("outage", "*:8107"), ("status-changed", "*:8107")},
    ),
    8108: (
        site("only.test", "127.0.7.8:8108"),
        site("only.test", "127.0.7.9:8108"),
        {("outage", "127.0.7.8:8108"), ("new", "127.0.7.9:8108")},
    ),
    8109: (
        site("only.test", "203.0.113.5:8109", "127.0.0.1:8109"),
        site("only.test", "127.0.0.1:8109"),
        {("outage", "203.0.113.5:8109")},
    ),
    8110: (
        site("only.test", "unix:/run/only.sock"),
        site("only.test", "127.0.7.10:8110"),
        {("new", "127.0.7.10:8110")},
    ),
}


def compared(*sides: str) -> RouteCheckReport:
    return compare_folders(*(folder(f"http {{ {side} }}") for side in sides))[1]


@pytest.mark.nginx
@pytest.mark.root
def test_each_address_and_family_is_asked_by_itself() -> None:
    report = compared(*("".join(variation[side] for variation in VARIATIONS.values()) for side in (0, 1)))
    wrong = {
        port: told(report.changes, port)
        for port, (_old, _new, due) in VARIATIONS.items()
        if not due <= told(report.changes, port)
    }
    assert wrong == {}
    stopped = {listener for failure in report.gate() for listener in failure.reason.as_dict().get("listeners", ())}
    assert stopped >= {
        "[::]:8102",
        "[::]:8103",
        "*:8106",
        "*:8107",
        "127.0.7.8:8108",
        "203.0.113.5:8109",
        "unix:/run/only.sock",
    }
    assert stopped.isdisjoint({"[::]:8101", "*:8104", "*:8105", "127.0.7.10:8110"})


@pytest.mark.nginx
@pytest.mark.root
def test_a_site_that_another_one_answers_for_over_ipv6_is_named() -> None:
    old, new, _due = VARIATIONS[8101]
    notes = [note for change in compared(old, new).changes for note in change.notes]
    assert notes == ["second.test: the server first.test answers at [::]:8101, but second.test does at *:8101"]


@pytest.mark.nginx
@pytest.mark.root
def test_a_stub_answers_for_no_listener_that_is_not_there() -> None:
    """The port is known to the world as an upstream's, and nginx listens there after the change only."""
    front = "server { listen 8120; server_name front.test; location / { proxy_pass http://127.0.0.1:8121; } }\n"
    changes = compared(front, front + site("back.test", "127.0.0.1:8121", "[::1]:8121")).changes
    assert {(change.name, *change.listeners) for change in changes} >= {("new", "127.0.0.1:8121", "[::1]:8121")}
    assert not {change.name for change in changes} & {"lost", "status-changed", "file-changed"}
