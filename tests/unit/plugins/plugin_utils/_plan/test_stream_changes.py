# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Connections and datagrams of `stream`, before and after, in real private worlds."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.failsafe.nginx.tests.unit.plugins.plugin_utils._plan.compared import (
    compare_folders,
    folder,
    told,
)
from ansible_collections.failsafe.nginx.tests.unit.plugins.plugin_utils._plan.stream_module import stream_module

if t.TYPE_CHECKING:
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison import RouteCheckReport

pytestmark = [pytest.mark.nginx, pytest.mark.root]

HEAD: t.Final = "load_module /etc/nginx/modules/ngx_stream_module.so;\n"
COMMON: t.Final = """
upstream db { server 10.9.0.1:5432; server 10.9.0.2:5432; }
upstream mq { server 10.9.0.3:5672; }
"""


def balanced(listen: str, to: str, more: str = "") -> str:
    return f"server {{ listen {listen}; {more} proxy_pass {to}; }}\n"


#: Port -> inside of `stream` before and after, and the classes with their listeners.
VARIATIONS: t.Final[dict[int, tuple[str, str, set[tuple[str, str]]]]] = {
    7101: (balanced("7101", "db"), balanced("7101", "mq"), {("upstream-changed", "*:7101")}),
    7102: (balanced("7102", "db"), balanced("7102", "db"), set()),
    7103: (balanced("7103", "db") + balanced("[::]:7103", "db"), balanced("7103", "db"), {("lost", "[::]:7103")}),
    7104: (balanced("7104", "db"), "", {("lost", "*:7104")}),
    7105: ("", balanced("7105", "db"), {("new", "*:7105")}),
    7106: (
        balanced("7106", "mq"),
        balanced("7106", "mq", "proxy_protocol on;"),
        {("upstream-changed", "*:7106")},
    ),
    7107: (
        balanced("7107 udp", "10.9.0.5:514"),
        balanced("7107 udp", "10.9.0.6:514"),
        {("upstream-changed", "*:7107")},
    ),
    7108: (balanced("7108 udp", "10.9.0.5:514"), "", {("lost", "*:7108")}),
    7109: (
        balanced("7109 udp", "10.9.0.5:514"),
        balanced("7109", "10.9.0.5:514"),
        {("lost", "*:7109"), ("new", "*:7109")},
    ),
    7110: (balanced("7110", "mq"), balanced("127.0.7.20:7110", "mq"), {("lost", "*:7110")}),
    7111: (balanced("7111", "mq"), balanced("7111", "mq", "proxy_timeout 9s;"), set()),
    7112: (balanced("7112", "mq"), balanced("7112", "mq", "deny all;"), {("lost", "*:7112")}),
}


@pytest.fixture(scope="module")
def module() -> dict[str, bytes]:
    found = stream_module()
    if found is None:
        pytest.skip("no stream module of nginx on this machine or in its package archive")
    return {"modules/ngx_stream_module.so": found}


def compared(module: dict[str, bytes], *sides: str) -> RouteCheckReport:
    return compare_folders(*(folder(f"stream {{ {side} }}", module, HEAD) for side in sides))[1]


@pytest.fixture(scope="module")
def report(module: dict[str, bytes]) -> RouteCheckReport:
    sides = (COMMON + "".join(variation[side] for variation in VARIATIONS.values()) for side in (0, 1))
    return compared(module, *sides)


@pytest.mark.parametrize("port", VARIATIONS)
def test_a_change_of_stream_has_its_class(report: RouteCheckReport, port: int) -> None:
    assert told(report.changes, port) == VARIATIONS[port][2]


def test_lost_listeners_stop_and_other_upstreams_are_told(report: RouteCheckReport) -> None:
    stopped = {listener for failure in report.gate() for listener in failure.reason.as_dict()["listeners"]}
    assert stopped == {"*:7104", "*:7108", "*:7109", "*:7110", "*:7112", "[::]:7103"}
    lines = {change.listeners: (change.example.before[0], change.example.after[0]) for change in report.changes}
    assert lines["*:7107",] == ("passed on to udp://10.9.0.5:514", "passed on to udp://10.9.0.6:514")
    assert lines["*:7106",][1] == "passed on to tcp://10.9.0.3:5672, with a PROXY header"


PREREAD: t.Final = """
map $ssl_preread_server_name $to {{
    hostnames;
    {entries}
    default 10.9.1.9:443;
}}
server {{ listen 7201; ssl_preread on; proxy_pass $to; }}
"""


def test_names_before_tls_is_ended_lead_to_their_upstreams(module: dict[str, bytes]) -> None:
    before = PREREAD.format(entries="www.shop.test 10.9.1.1:443; *.api.test 10.9.1.2:443; ~^old- 10.9.1.3:443;")
    after = PREREAD.format(entries="www.shop.test 10.9.1.1:443; *.api.test 10.9.1.4:443; .new.test 10.9.1.5:443;")
    changes = compared(module, before, after).changes
    told_names = {
        change.example.request.split()[2]: (change.example.before[0], change.example.after[0]) for change in changes
    }
    assert told_names["www.api.test"] == (
        "passed on to tcp://10.9.1.2:443, with TLS",
        "passed on to tcp://10.9.1.4:443, with TLS",
    )
    assert sum(change.requests for change in changes) == 4


def test_stream_ends_tls_or_answers_by_itself(module: dict[str, bytes]) -> None:
    pair = "ssl_certificate tls/none.pem; ssl_certificate_key tls/none.key;"
    before = f'server {{ listen 7301 ssl; {pair} proxy_pass 10.9.2.1:25; }} server {{ listen 7302; return "one"; }}'
    after = f'server {{ listen 7301 ssl; {pair} proxy_pass 10.9.2.2:25; }} server {{ listen 7302; return "two"; }}'
    changes = compared(module, before, after).changes
    assert {(change.name, *change.listeners) for change in changes} == {
        ("upstream-changed", "*:7301"),
        ("file-changed", "*:7302"),
    }


def test_a_balanced_stream_compared_with_itself_shows_nothing(module: dict[str, bytes]) -> None:
    side = COMMON + balanced("7401", "db") + balanced("7402 udp", "db") + PREREAD.format(entries="a.test 10.9.3.1:443;")
    report = compared(module, side, side)
    assert (report.changes, report.unverified_changes) == ([], [])


def test_a_changed_server_of_stream_is_verified_by_its_connection(module: dict[str, bytes]) -> None:
    before = COMMON + balanced("7501", "mq", "proxy_connect_timeout 5s;")
    report = compared(module, before, before.replace("5s", "6s"))
    assert (report.changes, report.unverified_changes) == ([], [])


def test_changes_of_stream_are_accounted_for(module: dict[str, bytes]) -> None:
    before = COMMON + balanced("7601", "mq", "proxy_timeout 5s;") + balanced("7602", "mq", "allow all;")
    after = (
        COMMON.replace("server 10.9.0.3:5672;", "server 10.9.0.3:5672 weight=2;").replace("upstream db", "upstream sql")
        + balanced("7601", "mq", "proxy_timeout 6s; proxy_protocol off;")
        + balanced("7602", "mq", "allow 127.0.0.0/8; allow all;")
    )
    states = {account.change.line: account.state for account in compared(module, before, after).accounts}
    found = {word: state for line, state in states.items() for word in ("timeout", "protocol", "allow") if word in line}
    assert found == {"timeout": "not-visible", "protocol": "without-effect", "allow": "not-exercised"}
