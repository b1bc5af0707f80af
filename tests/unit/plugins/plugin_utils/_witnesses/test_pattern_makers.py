# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Witnesses for what decides by a pattern, a key, a name or a network: the requests that are planned for one change."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import Config, load_files
from ansible_collections.failsafe.nginx.plugins.plugin_utils._diff import diff
from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes import ProbePlan, plan_probes
from ansible_collections.failsafe.nginx.plugins.plugin_utils._witnesses import Witnesses
from ansible_collections.failsafe.nginx.plugins.plugin_utils._witnesses.makers.patterns import Condition, values
from ansible_collections.failsafe.nginx.plugins.plugin_utils._witnesses.makers.server_names import hosts_of
from ansible_collections.failsafe.nginx.plugins.plugin_utils._witnesses.makers.types import changed_extensions
from ansible_collections.failsafe.nginx.plugins.plugin_utils._witnesses.user_agents import AGENTS, BROWSERS

if t.TYPE_CHECKING:
    from ansible_collections.failsafe.nginx.plugins.module_utils._wire.probes import Probe


def config(http: str) -> Config:
    return load_files({"nginx.conf": f"events {{}}\nhttp {{\n{http}\n}}\n".encode()}, config_dir="/etc/nginx")


def site(inner: str, http: str = "") -> Config:
    return config(f"{http} server {{ listen 80; listen [::]:80; server_name shop.test; root /srv; {inner} }}")


def plan(before: Config, after: Config) -> ProbePlan:
    return plan_probes(before, after, witnesses=Witnesses(diff(before, after).changes))


def witnesses(before: Config, after: Config) -> list[Probe]:
    """The requests for all changes."""
    found = plan(before, after)
    ids = {each for probes in found.witnesses.values() for each in probes}
    assert found.unwitnessed == {}
    return [probe for probe in found.probes if probe.id in ids]


def agents(probes: list[Probe]) -> set[str]:
    return {value for probe in probes for name, value in probe.headers if name == "User-Agent"}


PROXIED = "location / { proxy_pass http://10.9.0.1; } "


@pytest.mark.parametrize(
    ("before", "after", "targets"),
    [
        (PROXIED, PROXIED + r"location ~ \.cgi$ { return 403; }", {"/x.cgi"}),
        (r"location ~ \.(a|b)$ { return 403; }", r"location ~ \.(a|c)$ { return 403; }", {"/x.b", "/x.c"}),
        ("location = /up { return 200 a; }", "location = /down { return 200 a; }", {"/up", "/down"}),
        (
            "location ~ ^/x { return 403; } location ~ y$ { return 200 y; }",
            "location ~ y$ { return 200 y; } location ~ ^/x { return 403; }",
            {"/xy"},
        ),
        ("rewrite ^/(one|two)$ /new;", "rewrite ^/(one|three)$ /new;", {"/two", "/three"}),
        (
            "location /in/ { rewrite ^/in/(p|q)/ /out; }",
            "location /in/ { rewrite ^/in/(p|r)/ /out; }",
            {"/in/q/", "/in/r/"},
        ),
        ("if ($uri ~ ^/(k|l)$) { return 404; }", "if ($uri ~ ^/(k|m)$) { return 404; }", {"/l", "/m"}),
        ("if ($arg_v = 1) { return 404; }", "if ($arg_v = 2) { return 404; }", {"/?v=1", "/?v=2"}),
    ],
)
def test_uris(before: str, after: str, targets: set[str]) -> None:
    assert targets <= {probe.target for probe in witnesses(site(before), site(after))}


@pytest.mark.parametrize(
    ("before", "after", "clients"),
    [
        ("allow 10.0.0.0/8; deny all;", "allow 10.0.0.0/9; deny all;", {"10.128.0.0", "10.255.255.255"}),
        ("allow 2001:db8:1::/48; deny all;", "deny all;", {"2001:db8:1::"}),
        ("location /a { deny 192.0.2.8; }", "location /a { deny 192.0.2.9; }", {"192.0.2.8", "192.0.2.9"}),
        ("", "set_real_ip_from 10.1.1.1;", {"10.1.1.1"}),
    ],
)
def test_clients(before: str, after: str, clients: set[str]) -> None:
    assert clients <= {probe.client for probe in witnesses(site(before), site(after))}


def test_a_client_comes_behind_the_trusted_proxy_too() -> None:
    trusted = "set_real_ip_from 10.7.7.7; real_ip_header X-Client; "
    probes = witnesses(site(f"{trusted} deny 192.0.2.8;"), site(trusted))
    assert ("10.7.7.7", [["X-Client", "192.0.2.8"]]) in [(probe.client, probe.headers) for probe in probes]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("if ($http_user_agent ~* nikto) { return 403; }", "if ($http_user_agent ~* nikto|zgrab) { return 403; }"),
        ("", "if ($http_user_agent ~ x) { return 403; }"),
    ],
)
def test_a_rule_for_bots_is_asked_with_real_browsers(before: str, after: str) -> None:
    assert set(AGENTS) <= agents(witnesses(site(before), site(after)))


def test_a_map_of_bots_is_asked_with_real_browsers() -> None:
    before, after = (
        site("if ($bot) { return 403; }", f"map $http_user_agent $bot {{ default 0; ~*({names}) 1; }}")
        for names in ("semrush|mj12", "semrush|gecko")
    )
    assert {*BROWSERS, "mj12", "gecko"} <= agents(witnesses(before, after))


@pytest.mark.parametrize(
    ("old", "new", "targets"),
    [
        ("/a /b;", "/a /c;", {"/a"}),
        ("~^/(u|v)$ /b;", "~^/(u|w)$ /b;", {"/v", "/w"}),
        ("/a /b;", "default /z; /a /b;", {"/x"}),
        ("~^/a /1; ~z$ /2;", "~z$ /2; ~^/a /1;", {"/az"}),
    ],
)
def test_values_of_a_map(old: str, new: str, targets: set[str]) -> None:
    before, after = (site("if ($to) { return 301 $to; }", f"map $uri $to {{ {each} }}") for each in (old, new))
    assert targets <= {probe.target for probe in witnesses(before, after)}


def test_networks_of_a_geo() -> None:
    before, after = (site("if ($in) { return 403; }", f"geo $in {{ 10.4.0.0/{size} 1; }}") for size in (16, 17))
    assert {"10.4.128.0", "10.4.255.255"} <= {probe.client for probe in witnesses(before, after)}


def test_a_map_that_nothing_reads_says_so() -> None:
    before, after = (site("", f"map $uri $to {{ /a {value}; }}") for value in "bc")
    reason = "no request was found that reaches a block whose answer reads the variable"
    assert plan(before, after).unwitnessed == {0: reason}


def test_a_share_is_not_exercised() -> None:
    before, after = (
        site("return 200 $half;", f"split_clients $remote_addr $half {{ {share}% a; * b; }}") for share in (10, 20)
    )
    reason = "a hash of the client decides, and no request is made for a share"
    assert set(plan(before, after).unwitnessed.values()) == {reason}


@pytest.mark.parametrize(
    ("before", "after", "hosts"),
    [
        ("a.test", "a.test b.test", {"b.test"}),
        ("a.test b.test", "a.test", {"b.test"}),
        ("a.test", "a.test *.c.test", {"www.c.test", "a.b.c.test"}),
        (r"~^(i|j)\.test$", r"~^(i|k)\.test$", {"j.test", "k.test"}),
        ("a.test", "a.test .d.test", {"d.test", "www.d.test"}),
    ],
)
def test_names(before: str, after: str, hosts: set[str]) -> None:
    other = "server { listen 80 default_server; server_name other.test; return 444; }"
    old, new = (
        config(f"{other} server {{ listen 80; server_name {names}; return 200 x; }}") for names in (before, after)
    )
    assert hosts <= {str(probe.host) for probe in witnesses(old, new)}


def test_a_regex_name_is_told_from_the_others_first() -> None:
    assert next(iter(hosts_of([r"~^(old|new)\.test$"], [r"~^old\.test$"]))) == "new.test"


def test_conditions_of_two_variables_are_asked_for_both() -> None:
    found = values(Condition("http_a", "=", "1"), Condition("http_b", "~", "^(x|y)$"))
    assert found == [("http_a", "1"), ("http_b", "x"), ("http_b", "y")]


@pytest.mark.parametrize(
    ("one", "other", "extensions"),
    [
        ({"css": "text/css", "": "text/plain"}, {"": "text/plain"}, ["css"]),
        ({"": "text/plain"}, {"": "text/html"}, ["nxt"]),
        ({"zzz": "a/b", "js": "c/d", "": "x/y"}, {"": "x/y"}, ["js", "zzz"]),
        ({"css": "text/plain", "": "text/plain"}, {"": "text/plain"}, []),
    ],
)
def test_extensions(one: dict[str, str], other: dict[str, str], extensions: list[str]) -> None:
    assert changed_extensions(one, other) == extensions


def test_types_are_asked_in_static_places_only() -> None:
    inner = "location / { proxy_pass http://10.0.0.1; } location /s/ {} location /t/ { return 200 x; }"
    before, after = (site(inner, f"types {{ text/html html; {more} }}") for more in ("image/svg+xml svg;", ""))
    assert [probe.target for probe in witnesses(before, after)] == ["/s/x.svg"]


def test_a_snippet_of_many_servers_gets_few_requests_in_most() -> None:
    def many(pattern: str) -> Config:
        return config(
            "".join(
                f"server {{ listen 80; server_name s{number}.test; location ~ {pattern} {{ return 403; }} }}"
                for number in range(30)
            )
        )

    words = "|".join(f"word{number}" for number in range(20))
    found = witnesses(many(f"^/({words})$"), many("^/none$"))
    assert len(found) <= 30 * 25


def test_a_location_that_moved_to_another_server_is_asked_of_both() -> None:
    def two(first: str, second: str) -> Config:
        return config(
            f"server {{ listen 80; server_name one.test; {PROXIED} {first} }}"
            f"server {{ listen 80; server_name two.test; {PROXIED} {second} }}"
        )

    moved = "location /reports/ { return 403; }"
    found = witnesses(two(moved, ""), two("", moved))
    assert {("one.test", "/reports/"), ("two.test", "/reports/")} <= {(str(each.host), each.target) for each in found}


def test_an_unchanged_configuration_has_no_witness() -> None:
    assert plan(site(PROXIED), site(PROXIED)).witnesses == {}
