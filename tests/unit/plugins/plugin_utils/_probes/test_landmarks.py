# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requests of programs that no configuration names: which servers get them, on which sockets, by which host."""

from __future__ import annotations

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import load_files
from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes import plan_probes

ACME = "/.well-known/acme-challenge/probe"
SITES = """
server {{ listen 80; listen 8080; listen 443 ssl; server_name a.test; location = /up {{ return 200; }} {a} }}
server {{ listen 80; listen 192.0.2.7:81; server_name b.test; {b} }}
"""


def asked(before: str, after: str) -> list[tuple[str | None, int, str]]:
    """Return host, port and target of the requests that no configuration suggests."""
    old, new = (
        load_files({"nginx.conf": f"events {{}} http {{ {each} }}".encode()}, config_dir="/etc/nginx")
        for each in (before, after)
    )
    probes = plan_probes(old, new).probes
    known = {(each.host, each.listen.port, each.target) for each in plan_probes(new, new).probes}
    return [each for each in ((probe.host, probe.listen.port, probe.target) for probe in probes) if each not in known]


def test_servers_that_differ_are_asked_what_programs_ask() -> None:
    assert asked(SITES.format(a="", b=""), SITES.format(a="etag off;", b="")) == [
        ("a.test", 80, ACME),
        ("a.test:8080", 8080, ACME),
        ("a.test", 80, "/robots.txt"),
        ("a.test:8080", 8080, "/robots.txt"),
        ("a.test", 443, "/robots.txt"),
        ("192.0.2.1", 80, "/"),
        ("192.0.2.1", 80, "/up"),
        ("192.0.2.1:8080", 8080, "/"),
        ("192.0.2.1:8080", 8080, "/up"),
        ("192.0.2.1", 443, "/"),
        ("192.0.2.1", 443, "/up"),
    ]


def test_a_socket_with_an_address_is_asked_by_it() -> None:
    made = asked(SITES.format(a="", b=""), SITES.format(a="", b="etag off;"))
    assert ("192.0.2.7:81", 81, "/") in made
    assert ("192.0.2.1", 80, "/up") in made


def test_what_servers_inherit_concerns_them_all() -> None:
    made = asked(SITES.format(a="", b=""), "etag off;" + SITES.format(a="", b=""))
    assert {host for host, _port, target in made if target == ACME} == {"a.test", "a.test:8080", "b.test", "b.test:81"}


def test_equal_configurations_are_not_asked() -> None:
    assert asked(SITES.format(a="", b=""), SITES.format(a="", b="")) == []
