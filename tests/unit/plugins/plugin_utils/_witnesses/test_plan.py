# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Witnesses in a plan: which requests are made for a change, and under which ids."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import Config, load_files
from ansible_collections.failsafe.nginx.plugins.plugin_utils._diff import diff
from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes import ProbePlan, plan_probes
from ansible_collections.failsafe.nginx.plugins.plugin_utils._witnesses import Witnesses
from ansible_collections.failsafe.nginx.plugins.plugin_utils._witnesses.directive_table import TABLE, ByRequest

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes import WitnessRequest
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._witnesses.context import (
        ChangedDirective,
        WitnessContext,
    )


def config(http: str) -> Config:
    files = {"nginx.conf": f"events {{}}\nhttp {{\n{http}\n}}\n".encode()}
    return load_files(files, config_dir="/etc/nginx")


def site(inner: str, listen: str = "listen 80;") -> Config:
    return config(f"server {{ {listen} server_name a.test; location / {{ return 200 a; }} {inner} }}")


def asked(context: WitnessContext, change: ChangedDirective) -> Iterator[WitnessRequest]:
    """Ask for a target that no configuration suggests, on every kind of socket."""
    _side, directive = change.nearest
    for base in context.bases(directive):
        yield base.witness(change.number, base.draft._replace(target="/made-up"))
        return


def plan(before: Config, after: Config, makers: dict[str, t.Any], limit: int | None = None) -> ProbePlan:
    changes = diff(before, after).changes
    return plan_probes(before, after, limit=limit, witnesses=Witnesses(changes, makers))


@pytest.fixture
def rate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the maker `rate` exercise `limit_rate`."""
    monkeypatch.setitem(TABLE, "limit_rate", ByRequest("rate"))


@pytest.mark.usefixtures("rate")
def test_a_maker_asks_each_kind_of_socket_once() -> None:
    listen = "listen 80; listen 127.0.0.1:8080; listen [::]:80; listen 443 ssl;"
    found = plan(site("limit_rate 1k;", listen), site("limit_rate 2k;", listen), {"rate": asked})
    made = [probe for probe in found.probes if probe.target == "/made-up"]
    assert [(each.id, each.listen.port, each.host) for each in made] == [
        ("w1", 80, "a.test"),
        ("w2", 8080, "a.test:8080"),
        ("w3", 443, "a.test"),
    ]
    assert found.witnesses == {0: ["w1", "w2", "w3"]}
    assert found.unwitnessed == {}


def test_a_request_that_is_sent_anyway_keeps_its_id() -> None:
    found = plan(site("location /a { return 200 a; }"), site("location /a { return 200 b; }"), {})
    probes = {probe.id: probe for probe in found.probes}
    assert [probes[each].target for each in found.witnesses[0]] == ["/a"]
    assert not [each for each in probes if each.startswith("w")]


def test_a_limit_leaves_no_witness_out() -> None:
    found = plan(site("location /a { return 200 a; }"), site("location /a { return 200 b; }"), {}, limit=0)
    assert [probe.target for probe in found.probes] == ["/a"]
    assert found.witnesses == {0: [found.probes[0].id]}


@pytest.mark.usefixtures("rate")
@pytest.mark.parametrize("makers", [{}, {"rate": lambda *_args: iter(())}])
def test_a_change_without_a_request_says_so(makers: dict[str, t.Any]) -> None:
    found = plan(site("limit_rate 1k;"), site("limit_rate 2k;"), makers)
    assert found.witnesses == {}
    assert found.unwitnessed == {0: "no request was found for it"}


def test_a_request_that_no_socket_takes_is_none() -> None:
    listen = "listen 443 quic;"
    found = plan(site("return 403;", listen), site("return 404;", listen), {})
    assert found.unwitnessed == {0: "no socket and host were found that its request can be sent to"}
