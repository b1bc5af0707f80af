# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.failsafe.nginx.plugins.module_utils._wire.probes import (
    EdgeEntry,
    ListenSocket,
    Probe,
    ProbedBlock,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import Config, load_files
from ansible_collections.failsafe.nginx.plugins.plugin_utils._expectations import Expectations
from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes import listens_of, plan_probes, probes_for
from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.edge import Arrivals
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing import RouteError


def config(block: str, **files: str) -> Config:
    given = {"nginx.conf": f"events {{}}\nhttp {{\n{block}\n}}\n".encode()}
    given.update({name: text.encode() for name, text in files.items()})
    return load_files(given, config_dir="/etc/nginx")


def site(inner: str, http: str = "") -> Config:
    return config(f"{http}\nserver {{ listen 80; server_name a.test;\n{inner}\n}}")


def targets(after: Config, before: Config | None = None) -> list[str]:
    """The targets that the first name of the first server gets, by plain GET."""
    plain = [
        probe
        for probe in probes_for(before, after)
        if probe.method == "GET" and probe.host == "a.test" and not probe.headers and not probe.answers
    ]
    return list(dict.fromkeys(probe.target for probe in plain))


def find(probes: list[Probe], **wanted: t.Any) -> list[Probe]:
    return [probe for probe in probes if all(getattr(probe, name) == value for name, value in wanted.items())]


def headers(probes: list[Probe], name: str) -> set[str]:
    return {value for probe in probes for key, value in probe.headers if key == name}


# -- URIs


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        ("location /p/ { }", ["/p/", "/p/x?x=1", "/p"]),
        ("location /p { }", ["/p", "/p/x?x=1", "/px"]),
        ("location = /p { }", ["/p"]),
        ("location ^~ /p/ { }", ["/p/", "/p/x?x=1", "/p"]),
        (r"location ~ \.(css|js)$ { }", ["/x.css", "/x.js?x=1", "/x.cssx", "/x/x.css", "/X.CSS"]),
        (r"location ~* ^/IMG/(\d+)$ { }", ["/IMG/0", "/img/0?x=1", "/IMG/0x", "/x/IMG/0"]),
        (r"location /a/ { location ~ \.php$ { } }", ["/a/x.php", "/a/xx.php?x=1"]),
        (r"location /a { location ~ ^/a/b(\d)$ { } }", ["/a/b0"]),
        (r"location ~ ^/u/ { location ~ \.gif$ { } }", ["/u/x.gif"]),
        ('location "/a b" { }', ["/a%20b", "/a%20b/x?x=1"]),
        ("location /caf\u00e9/ { }", ["/caf%C3%A9/"]),
        (r"rewrite ^/old/(\d+)$ /new/$1 permanent;", ["/old/0"]),
        ("location /api/ { rewrite ^/api/profile /api/list last; }", ["/api/profile"]),
        ("location /api/ { if ($http_a) { rewrite ^/api/v1/(.*)$ /$1 last; } }", ["/api/v1/x"]),
        ('if ($request_uri ~ "^/q\\?id=(\\d+)$") { return 410; }', ["/q?id=0"]),
        ("if ($uri = /gone) { return 410; }", ["/gone"]),
    ],
)
def test_every_location_and_rewrite_gets_uris_that_reach_it_and_some_that_just_do_not(
    inner: str, expected: list[str]
) -> None:
    found = targets(site(inner))
    assert [each for each in found if each in expected] == expected, found


def test_probes_come_from_both_configurations() -> None:
    before, after = site("location /old/ { }"), site("location /new/ { }")
    assert {"/old/", "/new/"} <= set(targets(after, before))
    assert "/old/" not in targets(after)


def test_a_probe_names_the_blocks_of_both_sides_that_it_was_made_for() -> None:
    before = config("\n\nserver { listen 80; server_name a.test; location /a/ { } }")
    after = config("server { listen 80; server_name a.test; location /a/ { } }")
    [probe] = find(probes_for(before, after), target="/a/", host="a.test")
    assert probe.blocks == [
        ProbedBlock("after", "nginx.conf", 3),
        ProbedBlock("before", "nginx.conf", 5),
    ]
    assert (probe.file, probe.line) == ("nginx.conf", 3)


def test_arguments_go_with_the_second_request_of_a_location() -> None:
    assert "/p/x?x=1" in targets(site("location /p/ { proxy_pass http://b; }"))


# -- what a block reads


def test_if_on_a_header_is_met_and_missed() -> None:
    probes = find(probes_for(None, site('if ($http_x_beta = "on") { return 302 /beta; }')), target="/", host="a.test")
    assert headers(probes, "X-Beta") == {"on"}
    assert find(probes, headers=[])


def test_the_scheme_of_a_client_behind_a_proxy_is_both() -> None:
    probes = probes_for(None, site("if ($http_x_forwarded_proto != https) { return 301 https://$host$request_uri; }"))
    assert headers(probes, "X-Forwarded-Proto") == {"http", "https"}


@pytest.mark.parametrize(
    ("http", "inner", "expected"),
    [
        ("map $http_x_pool $p { default a; next b; ~^v[0-9] c; }", "proxy_pass http://$p;", {"X-Pool": {"next", "v0"}}),
        ("map $cookie_lang $l { default en; de de; }", "add_header L $l;", {"Cookie": {"lang=de"}}),
        ("map $http_a $x { 1 2; } map $x $y { 2 3; }", "return 200 $y;", {"A": {"1"}}),
        ('map "$scheme:$http_a" $x { "https:1" 2; }', "return 200 $x;", {"A": {"1"}}),
        ("", 'set $v "$http_b/x"; if ($v = "q/x") { return 403; }', {"B": {"q"}}),
        ("", "if ($cookie_session) { return 200; }", {"Cookie": {"session=x"}}),
        ("", 'if ($http_user_agent ~* "(bad) bot") { return 403; }', {"User-Agent": {"bad bot"}}),
        ("", 'if ($content_type = "text/xml") { return 415; }', {"Content-Type": {"text/xml"}}),
        ("", "if ($remote_user = joe) { return 403; }", {"Authorization": {"Basic am9lOnByb2Jl"}}),
    ],
)
def test_inputs_are_traced_to_what_a_client_sends(http: str, inner: str, expected: dict[str, set[str]]) -> None:
    probes = find(probes_for(None, site(f"location /p {{ {inner} }}", http)), target="/p", method="GET")
    for name, values in expected.items():
        assert values <= headers(probes, name)


@pytest.mark.parametrize(
    ("inner", "target"),
    [
        ("if ($arg_page = 2) { return 403; }", "/p?page=2"),
        ("if ($args ~ debug=1) { return 403; }", "/p?debug=1"),
        ("if ($is_args) { return 403; }", "/p?x=1"),
    ],
)
def test_arguments_that_a_block_reads(inner: str, target: str) -> None:
    assert find(probes_for(None, site(f"location /p {{ {inner} }}")), target=target)


def test_a_map_of_uris_is_asked_for_where_it_is_used() -> None:
    http = "map $uri $to { default /; /faq.php /help; ~^/u/(?<n>[a-z]+)$ /@$n; /in/b /x; }"
    found = targets(site("location / { return 301 $to; } location /in/ { }", http))
    assert {"/faq.php", "/u/x"} <= set(found)
    assert "/in/b" not in found, "another location gets it"


def test_entries_of_a_map_that_changed_come_before_the_others() -> None:
    def redirects(changed: str) -> Config:
        entries = "".join(f"/m{n} /t{n};" for n in range(300))
        return site("location / { return 301 $to; }", f"map $uri $to {{ {entries} /m299x {changed}; }}")

    assert "/m299x" not in targets(redirects("/a"))
    assert "/m299x" in targets(redirects("/a"), redirects("/b"))


def test_a_large_map_that_changed_does_not_multiply_with_its_users() -> None:
    def tenants(value: str) -> Config:
        entries = "".join(f"/m{n} {value}{n};" for n in range(1500))
        servers = "".join(
            f"server {{ listen 80; server_name s{n}.test; location / {{ return 301 $to; }} }}" for n in range(60)
        )
        return config(f"map $uri $to {{ {entries} }} {servers}")

    probes = probes_for(tenants("/a"), tenants("/b"))
    assert 20_000 <= len(probes) < 45_000
    for number in range(60):
        assert find(probes, host=f"s{number}.test", target="/m0")


def test_inputs_that_matter_together_are_tried_together() -> None:
    inner = 'if ($http_a) { set $t "A"; } if ($cookie_b) { set $t "${t}B"; } if ($t = AB) { return 403; } return 200;'
    probes = probes_for(None, site(f"location /p {{ {inner} }}"))
    assert find(probes, target="/p", headers=[["A", "x"], ["Cookie", "b=x"]])


def test_methods_that_a_block_reads() -> None:
    probes = probes_for(None, site("location /p { if ($request_method = PUT) { return 405; } }"))
    assert {probe.method for probe in find(probes, target="/p")} == {"GET", "PUT", "POST", "DELETE"}
    limited = probes_for(None, site("location /p { limit_except GET { deny all; } }"))
    assert {"POST", "DELETE"} <= {probe.method for probe in find(limited, target="/p")}


@pytest.mark.parametrize("method", ["CONNECT", "put", "A B"])
def test_a_method_that_the_request_line_of_a_probe_cannot_carry_is_not_sent(method: str) -> None:
    # CONNECT takes an authority as its target (RFC 9110, 9.3.6), a probe has a path.
    probes = probes_for(None, site(f'location /p {{ if ($request_method = "{method}") {{ return 405; }} }}'))
    assert {probe.method for probe in find(probes, target="/p")} == {"GET", "POST", "DELETE"}


# -- clients


def test_clients_meet_and_miss_the_entries_of_access_rules() -> None:
    probes = probes_for(None, site("location /adm { allow 10.1.0.0/16; allow 192.0.2.7; deny all; }"))
    assert {probe.client for probe in find(probes, target="/adm")} == {"10.1.0.1", "192.0.2.7", "198.51.100.1"}


def test_clients_meet_and_miss_the_entries_of_geo() -> None:
    http = "geo $inside { default 0; 10.0.0.0/8 1; 198.51.100.0/24 2; }"
    probes = probes_for(None, site("location /g { if ($inside) { return 403; } }", http))
    assert {probe.client for probe in find(probes, target="/g")} == {"10.0.0.1", "198.51.100.1", "203.0.113.7"}


def test_clients_of_the_other_family_come_to_the_socket_of_theirs() -> None:
    block = "server { listen 80; listen [::]:80; server_name a.test; location /a { allow 2001:db8:5::/48; deny all; } }"
    found = find(probes_for(None, config(block)), target="/a", client="2001:db8:5::1")
    assert [probe.listen.address for probe in found] == ["::"]
    only4 = probes_for(None, site("location /a { allow 2001:db8:5::/48; deny all; }"))
    assert not find(only4, client="2001:db8:5::1")


def test_only_clients_on_loopback_come_to_sockets_there() -> None:
    rules = "location /a { allow 127.0.0.1; allow 10.0.0.0/8; deny all; }"
    own = probes_for(None, config(f"server {{ listen 127.0.0.5:80; server_name a.test; {rules} }}"))
    assert {probe.client for probe in own} == {"127.0.0.1", "127.9.9.9"}
    public = probes_for(None, config(f"server {{ listen 192.0.2.1:80; server_name a.test; {rules} }}"))
    assert {probe.client for probe in public} == {"198.51.100.1", "10.0.0.1"}
    everywhere = probes_for(None, config(f"server {{ listen 80; server_name a.test; {rules} }}"))
    assert {probe.client for probe in everywhere} == {"198.51.100.1", "10.0.0.1", "127.0.0.1"}


def test_clients_behind_a_trusted_proxy() -> None:
    http = "set_real_ip_from 10.0.0.0/8; real_ip_header X-Forwarded-For;"
    probes = probes_for(None, site("location /a { allow 192.0.2.1; deny all; }", http))
    assert find(probes, target="/a", client="10.0.0.1", headers=[["X-Forwarded-For", "192.0.2.1"]])


LIMIT = "limit_req_zone $binary_remote_addr zone=z:1m rate=1r/s;"


@pytest.mark.parametrize(
    ("http", "inner", "networks"),
    [
        ("", "", {"198.51.100"}),
        (LIMIT, "limit_req zone=z;", {"198.51.100", "203.0.113", "192.0.2"}),
        (LIMIT, "limit_req zone=z; allow 198.51.100.0/24; deny all;", {"198.51.100"}),
        (LIMIT + "geo $a { 0.0.0.0/0 1; 203.0.113.0/24 2; }", "limit_req zone=z;", {"198.51.100", "192.0.2"}),
    ],
)
def test_where_requests_are_limited_many_clients_ask(http: str, inner: str, networks: set[str]) -> None:
    locations = "".join(f"location /{n} {{ }}" for n in range(300))
    probes = probes_for(None, site(inner + locations, http))
    clients = {probe.client for probe in probes if probe.why.startswith("location")}
    assert {client.rpartition(".")[0] for client in clients} == networks
    assert len(clients) == 254 * len(networks) if http else len(clients) == 1


def test_where_rules_tell_neighbours_apart_the_default_client_asks() -> None:
    probes = probes_for(None, site("limit_req zone=z; allow 198.51.100.128/25; deny all;", LIMIT))
    assert (
        {"198.51.100.1", "198.51.100.129"}
        <= {probe.client for probe in probes}
        < {
            *("198.51.100.1", "198.51.100.129", "203.0.113.7"),
            *(f"2001:db8::{n}" for n in range(2)),
        }
    )


def test_an_expectation_keeps_its_own_client() -> None:
    text = """expect:
- name: a
  request: {url: "http://a.test/", client: [10.0.0.1, 198.51.100.77]}
  then: {status: 200}
"""
    expectations = Expectations.load(text, "routes.yml")
    probes = probes_for(None, site("limit_req zone=z;", LIMIT), expectations=expectations, limit=0)
    assert [probe.client for probe in probes] == ["10.0.0.1", "198.51.100.77"]


# -- upstreams


def answers(after: Config, target: str) -> list[t.Any]:
    found = [probe.answers for probe in probes_for(None, after) if probe.target == target and probe.answers]
    return [[(each.upstream, each.status, each.down, each.headers) for each in one] for one in found]


def test_the_backend_of_auth_request_denies() -> None:
    http = "upstream auth { server 10.0.0.9; server 10.0.0.8:9000; }"
    inner = "location /p { auth_request /auth; proxy_pass http://app; } location = /auth { internal; proxy_pass http://auth; }"
    assert [("10.0.0.9:80", 401, False, []), ("10.0.0.8:9000", 401, False, [])] in answers(site(inner, http), "/p")


@pytest.mark.parametrize(
    ("handler", "peer"),
    [
        ("proxy_pass http://auth.internal/v;", "auth.internal:80"),
        ("proxy_pass https://auth.internal;", "auth.internal:443"),
        ("proxy_pass http://unix:/run/a.sock:/x;", "unix:/run/a.sock"),
        ("fastcgi_pass 127.0.0.1:9000;", "127.0.0.1:9000"),
        ("fastcgi_pass unix:/run/php.sock;", "unix:/run/php.sock"),
        ("grpc_pass grpcs://auth;", "auth:443"),
        ("proxy_pass http://$backend;", "*"),
        ("proxy_pass http://[2001:db8::5]:81;", "[2001:db8::5]:81"),
    ],
)
def test_stub_answers_name_the_peers(handler: str, peer: str) -> None:
    inner = f"location /p {{ auth_request /auth; return 200; }} location = /auth {{ {handler} }}"
    assert [(peer, 401, False, [])] in answers(site(inner), "/p")


def test_upstreams_that_fail_where_an_error_page_waits_for_it() -> None:
    inner = "error_page 404 502 @sorry; location /p { proxy_pass http://app; %s } location @sorry { return 503; }"
    plain = answers(site(inner % ""), "/p")
    assert [("*", 502, True, [])] in plain
    assert [("*", 404, False, [])] not in plain
    intercepted = answers(site(inner % "proxy_intercept_errors on;"), "/p")
    assert [("*", 404, False, [])] in intercepted
    assert [("*", 502, False, [])] in intercepted


def test_internal_locations_are_asked_directly_and_through_an_upstream() -> None:
    inner = "location /files/ { internal; alias /srv/; } location /app { proxy_pass http://app; }"
    assert "/files/" in targets(site(inner))
    assert [("*", 200, False, [["X-Accel-Redirect", "/files/"]])] in answers(site(inner), "/app")


def test_named_locations_are_reached_by_what_leads_to_them() -> None:
    plan = plan_probes(None, site("location / { try_files $uri @app; }\nlocation @app { return 200; }"))
    [probe] = [probe for probe in plan.probes if ProbedBlock("after", "nginx.conf", 6) in probe.blocks]
    assert probe.target == "/x?x=1"
    assert not plan.unprobed


# -- sockets and names


def asked(after: Config) -> list[tuple[str, int, str | None, str]]:
    return [(p.listen.address, p.listen.port, p.host, p.target) for p in probes_for(None, after)]


def test_aliases_and_further_sockets_get_two_requests() -> None:
    block = """server { listen 80; listen [::]:80; server_name a.test b.test *.c.test ~^d[0-9]\\.test$;
        location /one/ { } location /two/ { } location /three/ { } }"""
    found = asked(config(block))
    assert len([each for each in found if each[:3] == ("0.0.0.0", 80, "a.test")]) > 10
    for host in ("b.test", "www.c.test", "d0.test"):
        assert [each[3] for each in found if each[:3] == ("0.0.0.0", 80, host)] == ["/", "/one/"]
    assert [each[3] for each in found if each[:3] == ("::", 80, "a.test")] == ["/", "/one/"]


def test_sockets_that_differ_by_more_than_the_address_get_everything() -> None:
    found = asked(config("server { listen 80; listen 443 ssl; server_name a.test; location /one/ { } }"))
    http = [each[3] for each in found if each[1] == 80 and each[2] == "a.test"]
    assert http == [each[3] for each in found if each[1] == 443 and each[2] == "a.test"]


def test_every_socket_is_asked_for_an_unknown_host_and_for_none() -> None:
    probes = probes_for(None, config("server { listen 443 ssl; listen 80; server_name a.test; }"))
    for number in (80, 443):
        unknown = [p for p in probes if p.host == "unknown.invalid" and p.listen.port == number]
        assert next((p.target, p.sni) for p in unknown) == ("/", "unknown.invalid" if number == 443 else None)
        [nameless] = [p for p in probes if p.host is None and p.listen.port == number]
        assert (nameless.version, nameless.sni) == ("1.0", None)


def test_a_server_without_a_name_is_asked_as_what_it_is() -> None:
    default = config("server { listen 80 default_server; server_name _; location = /healthz { } }")
    assert ("0.0.0.0", 80, "_", "/healthz") in asked(default)
    nameless = config('server { listen 80; server_name a.test; } server { listen 80; server_name ""; location /n { } }')
    assert ("0.0.0.0", 80, None, "/n") in asked(nameless)


def test_names_that_another_server_has_are_not_asked_for_in_vain() -> None:
    plan = plan_probes(
        None,
        config("server { listen 80; server_name a.test; }\nserver { listen 80; server_name a.test; location /n { } }"),
    )
    assert [(each.line, each.block, each.reason) for each in plan.unprobed] == [
        (4, "server", 'its name "a.test" belongs to the server at nginx.conf:3'),
        (4, "location /n", "its server is never asked"),
    ]


def test_wildcards_avoid_names_that_belong_to_others() -> None:
    block = "server { listen 80; server_name www.a.test; } server { listen 80; server_name *.a.test; location /w { } }"
    assert ("0.0.0.0", 80, "x.a.test", "/w") in asked(config(block))


def test_ports_that_are_not_the_scheme_s_own_are_in_the_host() -> None:
    probes = probes_for(None, config("server { listen 8443 ssl; server_name a.test; }"))
    assert probes[0].host == "a.test:8443"
    assert probes[0].sni == "a.test"


def test_http2() -> None:
    probes = probes_for(None, config("server { listen 443 ssl http2; server_name a.test; location /a { } }"))
    assert [(p.target, p.host) for p in find(probes, version="2")] == [("/", "a.test")]
    plain = probes_for(None, config("server { listen 80 http2; server_name a.test; location /a { } }"))
    assert {probe.version for probe in plain} == {"2"}
    directive = probes_for(None, config("server { listen 443 ssl; http2 on; server_name a.test; }"))
    assert find(directive, version="2")


def test_listens() -> None:
    before = config("server { listen 80; server_name a.test; }")
    after = config(
        "server { listen 192.0.2.1:443 ssl http2; listen [::]:80; listen unix:/run/a.sock proxy_protocol; listen 443 quic;"
        " listen name.test:80; server_name b.test; } server { listen 80 ssl; server_name c.test; }"
    )
    assert listens_of(before, after) == [
        ListenSocket("192.0.2.1", 443, ssl=True, http2=True, names=["b.test"]),
        ListenSocket("::", 80, names=["b.test"]),
        ListenSocket("unix:/run/a.sock", 0, proxy_protocol=True, names=["b.test"]),
        ListenSocket("0.0.0.0", 80, ssl=True, names=["c.test"]),
        ListenSocket("0.0.0.0", 80, names=["a.test"]),
    ]


def test_servers_without_a_socket_for_probes_are_listed() -> None:
    plan = plan_probes(None, config("server { listen 443 quic; server_name a.test; location / { } }"))
    assert [probe.protocol for probe in plan.probes] == ["quic"]
    assert [each.reason.split(":")[0] for each in plan.unprobed] == [
        "it has no socket that requests can be sent to",
        "its server is never asked",
    ]


def test_regexes_that_no_request_was_found_for_are_listed() -> None:
    plan = plan_probes(None, site(r"location ~ ^/(?=a)b { } location ~ (?R) { } location @lost { }"))
    assert [(each.block, each.reason) for each in plan.unprobed] == [
        (r"location ~ ^/(?=a)b", "no request was found that its regular expression gets"),
        (r"location ~ (?R)", "its regular expression is beyond what requests are made from"),
        ("location @lost", "a named location that no request was found for"),
    ]


# -- limits


def test_servers_that_changed_are_asked_first_under_a_limit() -> None:
    def fleet(changed: str) -> Config:
        servers = (
            f"server {{ listen 80; server_name s{n}.test; location /a {{ }} {changed if n == 7 else ''} }}"
            for n in range(20)
        )
        return config("\n".join(servers))

    probes = probes_for(fleet(""), fleet("location /new { }"), limit=12)
    assert len(probes) == 12
    assert {"/new", "/new/x?x=1", "/newx"} <= {probe.target for probe in find(probes, host="s7.test")}


def test_servers_take_turns_under_a_limit() -> None:
    servers = "\n".join(f"server {{ listen 80; server_name s{n}.test; location /a {{ }} }}" for n in range(20))
    probes = probes_for(None, config(servers), limit=20)
    assert [probe.host for probe in probes] == [f"s{n}.test" for n in range(20)]
    with pytest.raises(RouteError):
        probes_for(None, config(servers), limit=-1)


def test_nothing_at_all() -> None:
    assert probes_for(None, None) == []
    assert listens_of(None, None) == []


# -- where URLs arrive


@pytest.mark.parametrize(
    ("block", "edge", "url", "expected"),
    [
        ("server { listen 443 ssl; server_name a.test; }", [], ("https", "a.test", 443), ("0.0.0.0", 443, True, ())),
        ("server { listen 80; server_name a.test; }", [], ("https", "a.test", 443), ("0.0.0.0", 80, False, (("X-Forwarded-Proto", "https"),))),
        (
            "server { listen 80; server_name a.test; } server { listen 443 ssl; server_name b.test; }",
            [],
            ("https", "a.test", 443),
            ("0.0.0.0", 80, False, (("X-Forwarded-Proto", "https"),)),
        ),
        ("server { listen 443 ssl; server_name b.test; }", [], ("https", "a.test", 443), ("0.0.0.0", 443, True, ())),
        (
            "server { listen 8080; server_name a.test; }",
            [EdgeEntry(["*.test"], 8080, [["X-Scheme", "https"]])],
            ("https", "a.test", 443),
            ("0.0.0.0", 8080, False, (("X-Scheme", "https"),)),
        ),
        (
            "server { listen 8080; server_name a.test; }",
            [],
            ("https", "a.test", 443),
            ("0.0.0.0", 8080, False, (("X-Forwarded-Proto", "https"),)),
        ),
        (
            "server { listen 8443 ssl; server_name a.test; }",
            [EdgeEntry(["a.test"], 8443, tls=True)],
            ("https", "a.test", 443),
            ("0.0.0.0", 8443, True, ()),
        ),
        ("server { listen 80; server_name a.test; }", [EdgeEntry(["b.test"], 80)], ("https", "a.test", 443), ("0.0.0.0", 443, True, ())),
        (
            "server { listen 192.0.2.1:80; server_name a.test; } server { listen 192.0.2.2:80; server_name b.test; }",
            [],
            ("http", "b.test", 80),
            ("192.0.2.2", 80, False, ()),
        ),
        ("server { listen 80; }", [], ("http", "a.test", 81), ("0.0.0.0", 81, False, ())),
    ],
)  # fmt: skip
def test_where_urls_arrive(
    block: str, edge: list[EdgeEntry], url: tuple[str, str, int], expected: tuple[t.Any, ...]
) -> None:
    arrival = Arrivals(None, config(block), edge).of_url(*url)
    listen = arrival.listen
    assert (listen.address, listen.port, listen.ssl, arrival.headers) == expected


def test_a_socket_that_only_runs_now_is_asked_as_well() -> None:
    before, after = (
        config("server { listen 443 ssl; server_name a.test; }"),
        config("server { listen 80; server_name b.test; }"),
    )
    assert Arrivals(before, after).of_url("https", "a.test", 443).listen.port == 443
