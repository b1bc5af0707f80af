# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Values that read other variables than before: requests that make these differ, or the reason why there are none."""

from __future__ import annotations

import pytest

from ansible_collections.failsafe.nginx.plugins.module_utils._wire.probes import Probe
from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import Config, load_files
from ansible_collections.failsafe.nginx.plugins.plugin_utils._diff import diff
from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes import ProbePlan, plan_probes
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.chain import normalise
from ansible_collections.failsafe.nginx.plugins.plugin_utils._witnesses import Witnesses


def config(value: str) -> Config:
    text = f"""
    map $cookie_site $backend {{ blue 10.0.0.1; default 10.0.0.2; }}
    server {{
        listen 80;
        server_name a.test b.test;
        location /api/ {{ proxy_set_header X-Value {value}; proxy_pass http://10.0.0.1; }}
    }}"""
    files = {"nginx.conf": f"events {{}}\nhttp {{\n{text}\n}}\n".encode()}
    return load_files(files, config_dir="/etc/nginx")


def planned(old: str, new: str) -> tuple[ProbePlan, list[Probe]]:
    sides = config(old), config(new)
    found = plan_probes(*sides, witnesses=Witnesses(diff(*sides).changes))
    by_id = {probe.id: probe for probe in found.probes}
    return found, [by_id[each] for each in found.witnesses.get(0, [])]


def headers(probes: list[Probe], name: str) -> set[str]:
    return {value for probe in probes for key, value in probe.headers if key == name}


def test_a_host_is_written_otherwise() -> None:
    found, made = planned("$host", "$http_host")
    assert {"a.test", "B.TEST"} <= {probe.host for probe in made}
    assert found.unwitnessed == {}


def test_a_path_is_written_otherwise() -> None:
    _found, made = planned("$uri", "$request_uri")
    coded = next(probe.target for probe in made if "%" in probe.target.partition("?")[0])
    assert normalise(coded.partition("?")[0]) == "/api/"


@pytest.mark.parametrize(
    ("new", "header", "value"),
    [
        ("$http_x_tenant", "X-Tenant", "x"),
        ("$cookie_tenant", "Cookie", "tenant=x"),
        ("$proxy_add_x_forwarded_for", "X-Forwarded-For", "203.0.113.7"),
        ("$backend", "Cookie", "site=blue"),
    ],
)
def test_an_input_has_a_value(new: str, header: str, value: str) -> None:
    found, made = planned("$remote_addr", new)
    assert value in headers(made, header)
    assert found.unwitnessed == {}


def test_a_variable_that_no_request_decides_is_named() -> None:
    found, made = planned("$host", "$upstream_addr")
    assert made
    assert found.unwitnessed == {0: "its value depends on $upstream_addr, which no request is made for"}


def test_the_same_variables_need_no_such_request() -> None:
    found, made = planned("$host", "x-$host")
    assert found.unwitnessed == {}
    assert "B.TEST" not in {probe.host for probe in made}
