# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.failsafe.nginx.plugins.module_utils._health.probe import DefaultProbe, parse_probe
from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import Config, load_files
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing import RouteError
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.default_probes import (
    DefaultProbes,
    default_probes,
)

BLOCK = r"""
server { listen 80 default_server; listen [::]:80; server_name _; return 301 https://$host$request_uri; }
server {
    listen 443 ssl; listen 10.0.0.1:8443 ssl; listen unix:/run/a.sock;
    server_name *.a.test ~^x a.test;
    location / { }
    location /api/ { proxy_pass http://127.0.0.1:1; location /api/v1/ { } }
    location = /health { }
    location /private/ { internal; }
    location ~ \.php$ { }
    location @named { }
    location /wéird { }
    location /gone { return 444; }
}
server { listen 81 proxy_protocol; server_name b.test www.b.test; }
server { listen 82; server_name c.test; return 444; }
server { listen 443 ssl default_server; server_name ""; ssl_reject_handshake on; }
"""


def config(block: str) -> Config:
    return load_files({"nginx.conf": f"events {{}}\nhttp {{\n{block}}}\n".encode()}, config_dir="/etc/nginx")


def made(block: str, limit: int = 40, *, before: str | None = None, exclude: t.Sequence[str] = ()) -> DefaultProbes:
    old = None if before is None else config(before)
    return default_probes(config(block), limit=limit, before=old, exclude=exclude)


def probes(block: str = BLOCK, limit: int = 40) -> list[dict[str, t.Any]]:
    return made(block, limit).probes


def urls(found: DefaultProbes) -> list[str]:
    return [probe["url"] for probe in found.probes]


def test_the_probes_of_a_configuration() -> None:
    assert [(probe["url"], probe["address"], probe["host"], probe["sni"]) for probe in probes()] == [
        ("http://127.0.0.1/", "127.0.0.1:80", "127.0.0.1", None),
        ("https://a.test/", "127.0.0.1:443", "a.test", "a.test"),
        ("http://b.test:81/", "127.0.0.1:81", "b.test:81", None),
        ("http://[::1]/", "[::1]:80", "[::1]", None),
        ("https://a.test:8443/", "10.0.0.1:8443", "a.test:8443", "a.test"),
        ("http://127.0.0.1:81/", "127.0.0.1:81", "127.0.0.1:81", None),
        ("https://10.0.0.1:8443/", "10.0.0.1:8443", "10.0.0.1:8443", ""),
        ("https://a.test/api/", "127.0.0.1:443", "a.test", "a.test"),
        ("https://a.test:8443/api/", "10.0.0.1:8443", "a.test:8443", "a.test"),
        ("https://a.test/api/v1/", "127.0.0.1:443", "a.test", "a.test"),
        ("https://a.test:8443/api/v1/", "10.0.0.1:8443", "a.test:8443", "a.test"),
        ("https://a.test/health", "127.0.0.1:443", "a.test", "a.test"),
        ("https://a.test:8443/health", "10.0.0.1:8443", "a.test:8443", "a.test"),
        ("https://10.0.0.1:8443/health", "10.0.0.1:8443", "10.0.0.1:8443", ""),
    ]


def test_every_server_gets_its_first_probe_first() -> None:
    block = "".join(f"server {{ listen 80; server_name s{n}.test; location /a {{ }} }}\n" for n in range(5))
    found = [probe["url"] for probe in probes(block, limit=8)]
    assert found[:5] == [f"http://s{n}.test/" for n in range(5)]
    assert found[5:] == ["http://127.0.0.1/", "http://s1.test/a", "http://s2.test/a"]


def test_probes_are_what_the_gate_takes() -> None:
    for probe in probes():
        check = parse_probe(probe).check
        assert check.status == ((100, 499),)
        assert not check.verify
        assert check.origin["file"] == "nginx.conf"
        assert check.origin["line"] > 1


def test_the_limit() -> None:
    assert probes(limit=0) == []
    assert len(probes(limit=3)) == 3
    with pytest.raises(RouteError):
        probes(limit=-1)


def test_no_server_no_probe() -> None:
    assert probes("") == []


def test_the_old_configuration_is_asked_too() -> None:
    old = "server { listen 80; server_name a.test; location /old { } }\nserver { listen 81; server_name b.test; }\n"
    new = "server { listen 80; server_name a.test; location /new { } }\n"
    found = urls(made(new, before=old))
    assert {"http://a.test/old", "http://a.test/new", "http://b.test:81/"} <= set(found)


def test_what_only_the_new_configuration_closes_is_asked() -> None:
    """A balancer asks by address, and the candidate closes such connections."""
    old = "server { listen 80; server_name a.test; location = /ping { return 200 up; } }\n"
    new = "server { listen 80 default_server; server_name _; return 444; }\n" + old
    assert {"http://127.0.0.1/", "http://127.0.0.1/ping"} <= set(urls(made(new, before=old)))
    assert "http://127.0.0.1/" not in urls(made(new, before=new))


MANY = [f"server {{ listen 80; server_name s{n}.test; location /a {{ }} location /b {{ }} }}\n" for n in range(60)]


@pytest.mark.parametrize(
    ("changed", "shared"),
    [
        (MANY[50].replace("location /b { }", "location /b { return 404; }"), ("", "")),
        (MANY[50].replace("{ }", "{ proxy_pass http://app; }"), ("upstream app { server 10.0.0.1; }\n", "upstream app { server 10.0.0.2; }\n")),
    ],
    ids=["its own block", "an upstream that it names"],
)  # fmt: skip
def test_servers_with_a_change_come_first(changed: str, shared: tuple[str, str]) -> None:
    old = [*MANY[:50], MANY[50] if not shared[0] else changed, *MANY[51:]]
    new = [*MANY[:50], changed, *MANY[51:]]
    found = urls(made(shared[1] + "".join(new), before=shared[0] + "".join(old), limit=12))
    assert found[:3] == ["http://s50.test/", "http://s50.test/a", "http://s50.test/b"]
    assert len(found) == 6, "the others get a quarter of the limit"
    assert found[3] == "http://s0.test/"


def test_a_change_of_many_servers_leaves_a_quarter_to_the_others() -> None:
    new = [block.replace("/b", "/c") for block in MANY[:58]] + MANY[58:]
    found = urls(made("".join(new), before="".join(MANY), limit=40))
    assert {"http://s58.test/", "http://s59.test/"} <= set(found)


@pytest.mark.parametrize("path", ["/logout", "/user/sign-out", "/wp-cron.php", "/api/deleteAccount", "/cache/purge/"])
def test_paths_that_do_something_are_left_out_and_told(path: str) -> None:
    found = made(f"server {{ listen 80; server_name a.test; location {path} {{ }} location /deleted-scenes {{ }} }}")
    assert "http://a.test/deleted-scenes" in urls(found)
    assert f"http://a.test{path}" not in urls(found)
    assert [line.partition(": ")[0] for line in found.excluded] == [f"http://a.test{path}"]


@pytest.mark.parametrize(
    ("entry", "left"),
    [
        ("/jobs", ["/jobs2", "/x/reindex-all"]),
        ("~^/jobs", ["/x/reindex-all"]),
        ("reindex", ["/jobs/run", "/jobs2"]),
    ],
)
def test_more_paths_may_be_excluded(entry: str, left: list[str]) -> None:
    block = "server { listen 80; server_name a.test; location /jobs/run { } location /jobs2 { } location /x/reindex-all { } }"
    found = urls(made(block, exclude=[entry]))
    assert [url.removeprefix("http://a.test") for url in found if url.count("/") > 3 or "jobs2" in url] == left
    with pytest.raises(RouteError, match="no regular expression"):
        made(block, exclude=["~("])


def limits(block: str, before: str | None = None) -> dict[str, t.Any]:
    zones = "limit_req_zone $binary_remote_addr zone=one:1m rate=5r/s;\nlimit_conn_zone $server_name zone=few:1m;\n"
    found = made(zones + block, before=None if before is None else zones + before)
    return {probe["url"]: parse_probe(probe) for probe in found.probes}


def test_the_limits_that_a_probe_meets() -> None:
    block = (
        "limit_req_status 429;\n"
        "server { listen 80; server_name a.test; location /in { limit_req zone=one burst=3; location /in/deep { } }\n"
        "location /conn { limit_conn few 2; error_log /l crit; } location /try { try_files /x /in; } location /free { } }"
    )
    found: dict[str, DefaultProbe] = limits(block)

    def told(path: str) -> list[tuple[str, float, int, bool]]:
        return [each[:4] for each in found[f"http://a.test{path}"].limits]

    assert told("/in") == told("/in/deep") == [("one", 0.2, 429, True)]
    assert told("/conn") == [("few", 0, 503, False)]
    assert told("/try") == [("one", 0.2, 429, True)]
    assert told("/free") == []


def test_a_limit_that_the_change_is_about() -> None:
    same = "server { listen 80; server_name a.test; location /in { limit_req zone=one; } }"
    other = same.replace("zone=one", "zone=one nodelay")
    assert [each.changed for each in limits(same, same)["http://a.test/in"].limits] == [False]
    assert [each.changed for each in limits(same, other)["http://a.test/in"].limits] == [True]


def test_limits_that_leave_no_time_are_told() -> None:
    block = (
        "limit_req_zone $binary_remote_addr zone=slow:1m rate=1r/m; limit_req_zone $binary_remote_addr zone=one:1m rate=1r/s;\n"
        "server { listen 80; server_name a.test; location /login { limit_req zone=slow; }\n"
        + "".join(f"location /p{n} {{ limit_req zone=one; }}" for n in range(6))
        + "}"
    )
    found = made(block)
    assert [url for url in urls(found) if "/p" in url] == [f"http://a.test/p{n}" for n in range(3)]
    assert found.excluded == [
        "http://a.test/login: the limit slow lets one request pass in 60 s",
        *(f"http://a.test/p{n}: enough other probes meet the limit one" for n in range(3, 6)),
    ]


ZONE = "limit_req_zone {} zone=it:1m rate=1r/s; "
PLAIN = "server { listen 80; server_name a.test; location /in { } location ~ \\.php$ { } }"
HELD = PLAIN.replace("/in {", "/in { limit_req zone=it;")


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        (ZONE.format("$remote_addr") + HELD, ZONE.format("$remote_addr") + HELD.replace("}", "add_header X-A b; }", 1), False),
        (ZONE.format("$remote_addr") + PLAIN, ZONE.format("$remote_addr") + HELD, True),
        (ZONE.format("$remote_addr") + HELD, ZONE.format("$server_name") + HELD, True),
        (ZONE.format("$remote_addr") + HELD, ZONE.format("$remote_addr") + HELD.replace("php$ {", "php$ { limit_req zone=it;"), True),
        (ZONE.format("$remote_addr") + HELD, ZONE.format("$remote_addr") + HELD.replace("a.test", "a.test b.test"), False),
        (
            ZONE.format("$remote_addr") + HELD.replace("listen", "limit_req zone=it; listen"),
            ZONE.format("$remote_addr") + HELD.replace("listen", "limit_req zone=it; location /new { } listen"),
            False,
        ),
        (
            "map $http_x $key { default ''; } " + ZONE.format("$key") + HELD,
            "map $http_x $key { default x; } " + ZONE.format("$key") + HELD,
            True,
        ),
        (
            "map $http_x $one { default ''; } map $one $key { default $one; } " + ZONE.format("$key") + HELD,
            "map $http_x $one { default a; } map $one $key { default $one; } " + ZONE.format("$key") + HELD,
            True,
        ),
        (
            "set_real_ip_from 10.0.0.1; " + ZONE.format("$remote_addr") + HELD,
            ZONE.format("$remote_addr") + HELD,
            True,
        ),
    ],
    ids=[
        "another header", "a limit", "another key", "in a pattern's location", "one more name", "a location inherits it",
        "the key's map", "a map behind the key's map", "the client's address",
    ],
)  # fmt: skip
def test_a_zone_that_the_change_is_about(before: str, after: str, *, changed: bool) -> None:
    found = made(after, before=before)
    assert [(each["zone"], each["changed"]) for each in found.limits] == [("it", changed)]


@pytest.mark.parametrize(
    ("words", "logged"),
    [
        ("", True),
        ("limit_req_log_level info;", False),
        ("limit_req_log_level info; error_log /l info;", True),
        ("error_log /dev/null;", False),
    ],
)
def test_a_refusal_that_no_log_tells(words: str, *, logged: bool) -> None:
    found = made(ZONE.format("$remote_addr") + words + HELD)
    assert [each["logged"] for each in found.limits] == [logged]
