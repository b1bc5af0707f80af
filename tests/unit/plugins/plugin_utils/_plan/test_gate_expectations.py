# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan that the gate holds the host to: each default probe is sent in the route check, and its outcome is handed on."""

from __future__ import annotations

import base64
import typing as t

import pytest

from ansible_collections.failsafe.nginx.plugins.module_utils._common.json_fields import encode
from ansible_collections.failsafe.nginx.plugins.module_utils._common.packing import pack, unpack
from ansible_collections.failsafe.nginx.plugins.module_utils._plan import host
from ansible_collections.failsafe.nginx.plugins.module_utils._plan.folders import FolderEntry, FolderSpec
from ansible_collections.failsafe.nginx.plugins.module_utils._plan.jobs import RouteCheckJob
from ansible_collections.failsafe.nginx.plugins.module_utils._plan.route_check import run
from ansible_collections.failsafe.nginx.plugins.module_utils._wire.outcomes import (
    CertificateFacts,
    ProbeOutcome,
    RedirectHop,
    TlsFacts,
    UpstreamRequest,
)
from ansible_collections.failsafe.nginx.plugins.module_utils._wire.probes import ListenSocket, Probe
from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import load_files
from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.gate_expectations import expected_of, gate_requests
from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.route_check import (
    AFTER,
    BEFORE,
    RouteCheck,
    read_answer,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.sources import ConfigSource
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.default_probes import default_probes

PLAIN, TLS = ListenSocket("0.0.0.0"), ListenSocket("0.0.0.0", 443, ssl=True)
PROXIED = ListenSocket("0.0.0.0", proxy_protocol=True)
FRONT = {"name": "front", "url": "http://a.test/", "address": "127.0.0.1:80", "host": "a.test"}
SECURE = {**FRONT, "url": "https://a.test/", "address": "127.0.0.1:443", "sni": "a.test"}


def facts(*, fits: bool = True, current: bool = True) -> TlsFacts:
    certificate = CertificateFacts(["a.test"], 0, 1, "f", self_signed=True, fits=fits, current=current)
    return TlsFacts(["TLSv1.3"], certificate=certificate)


def asked(**more: t.Any) -> Probe:
    return Probe("p1", **{"listen": PLAIN, "host": "a.test", "follow": True, **more})


OK, GONE = ProbeOutcome("p1", 200), ProbeOutcome("p1", closed="refused")
MOVED = ProbeOutcome("p1", 301, hops=[RedirectHop("http://a.test/", 301), RedirectHop("http://a.test/b", 404)])
LOOP = ProbeOutcome("p1", 301, hops=[RedirectHop("http://a.test/", 301)], chain="loop")
PASSED = ProbeOutcome("p1", 200, upstreams=[UpstreamRequest("http://app")])
#: The default probe, the request of the route check, its outcomes, and what the gate is told: before, after, upstream.
ROWS: list[tuple[dict[str, t.Any], Probe, ProbeOutcome, ProbeOutcome, tuple[int | None, int | None, bool] | None]] = [
    (FRONT, asked(), OK, GONE, (200, None, False)),
    (FRONT, asked(), MOVED, LOOP, (404, None, False)),
    (FRONT, asked(), OK, PASSED, (200, 200, True)),
    (FRONT, asked(client="198.51.100.77"), OK, GONE, (200, None, False)),
    (FRONT, asked(client="127.0.0.1"), OK, GONE, (200, None, False)),
    (FRONT, asked(client="10.1.2.3"), OK, GONE, None),
    (FRONT, asked(host="A.test:80"), OK, GONE, (200, None, False)),
    (FRONT, asked(host="b.test"), OK, GONE, None),
    (FRONT, asked(listen=PROXIED), OK, GONE, None),
    ({**FRONT, "proxy_protocol": True}, asked(listen=PROXIED), OK, GONE, (200, None, False)),
    (FRONT, asked(method="HEAD"), OK, GONE, None),
    (FRONT, asked(headers=[["Cookie", "a=b"]]), OK, GONE, None),
    (FRONT, asked(follow=False), OK, GONE, None),
    (FRONT, asked(target="/b"), OK, GONE, None),
    (SECURE, asked(listen=TLS, sni="a.test", protocol="tls"), OK, GONE, None),
    ({**FRONT, "address": "[::1]:80"}, asked(listen=ListenSocket("::")), OK, GONE, (200, None, False)),
]


@pytest.mark.parametrize(("definition", "probe", "before", "after", "told"), ROWS)
def test_what_the_gate_is_told(
    definition: dict[str, t.Any],
    probe: Probe,
    before: ProbeOutcome,
    after: ProbeOutcome,
    told: tuple[int | None, int | None, bool] | None,
) -> None:
    found = expected_of([definition], [probe], [before], [after])
    assert [(one["before"], one["after"], one["upstream"]) for one in found] == ([] if told is None else [told])


@pytest.mark.parametrize(
    ("before", "after", "worse"),
    [
        (facts(), facts(fits=False), True),
        (facts(), facts(current=False), True),
        (facts(), facts(), False),
        (facts(fits=False), facts(current=False), False),
        (facts(), None, False),
    ],
)
def test_a_certificate_that_gets_worse_is_told(before: TlsFacts, after: TlsFacts | None, *, worse: bool) -> None:
    probes = [asked(listen=TLS, sni="a.test", protocol="tls"), asked(listen=TLS, sni="a.test")]
    old, new = ([ProbeOutcome("p1", tls=tls), OK] for tls in (before, after))
    assert [one["certificate"] for one in expected_of([SECURE], probes, old, new)] == [worse]


def test_what_has_a_request_gets_no_second_one() -> None:
    assert gate_requests([FRONT], [asked()], [PLAIN]) == []
    (made,) = gate_requests([FRONT, FRONT], [asked(target="/b")], [PLAIN])
    assert (made.id, made.host, made.target, made.follow) == ("g1", "a.test", "/", True)
    assert gate_requests([FRONT], [], [TLS]) == [], "nothing listens there"


def source(http: str) -> ConfigSource:
    files = {"nginx.conf": f"events {{ }}\nhttp {{\n{http}\n}}\n".encode()}
    entries = [FolderEntry(path, "file", None, base64.b64encode(data).decode()) for path, data in files.items()]
    return ConfigSource("x", FolderSpec("files", entries=entries), load_files(files, config_dir="/etc/nginx"), files)


def vhost(words: str, listen: str = "80", name: str = "a.test") -> str:
    return f"server {{ listen {listen}; server_name {name}; {words} }}\n"


SHOP = vhost("location / { return 200 a; } location /x/ { return 404; }")
CASES: dict[str, tuple[str, str, dict[str, tuple[int | None, int | None]]]] = {
    "a vhost is removed": (
        SHOP + vhost("location / { return 200 b; }", name="b.test"),
        SHOP + vhost("return 404;", name="c.test"),
        {"GET http://b.test/ at 127.0.0.1:80": (200, 200), "GET http://127.0.0.1/ at 127.0.0.1:80": (200, 200)},
    ),
    "a port is renamed": (
        vhost("location / { return 200 a; }", "8080"),
        vhost("location / { return 200 a; }", "8081"),
        {
            "GET http://a.test:8080/ at 127.0.0.1:8080": (200, None),
            "GET http://127.0.0.1:8080/ at 127.0.0.1:8080": (200, None),
            "GET http://a.test:8081/ at 127.0.0.1:8081": (None, 200),
        },
    ),
    "a 404 becomes a redirect": (
        SHOP,
        vhost("location / { return 200 a; } location /x/ { return 301 /; }"),
        {"GET http://a.test/x/ at 127.0.0.1:80": (404, 200)},
    ),
    "an auth check is added": (
        vhost("location / { return 200 a; } location /x/ { root /srv; }"),
        vhost('location / { return 200 a; } location /x/ { auth_basic a; auth_basic_user_file "none"; root /srv; }'),
        {"GET http://a.test/x/ at 127.0.0.1:80": (404, 401)},
    ),
    "clients want a PROXY line": (
        vhost("location / { return 200 a; }", "8080"),
        vhost("location / { return 200 a; }", "8080 proxy_protocol"),
        {
            "GET http://a.test:8080/ at 127.0.0.1:8080": (200, None),
            "GET http://a.test:8080/ at 127.0.0.1:8080 with a PROXY line": (400, 200),
        },
    ),
}


@pytest.mark.nginx
@pytest.mark.root
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_each_default_probe_has_its_outcome_of_the_private_world(
    case: tuple[str, str, dict[str, tuple[int | None, int | None]]],
) -> None:
    before, after = map(source, case[:2])
    gate = default_probes(after.loaded, before=before.loaded).probes
    check = RouteCheck(before, after, gate=gate)
    job = host.unpack_job(RouteCheckJob, pack(encode(check.job())))
    options = host.HostOptions("/etc/nginx", store="/nowhere", timeout=120.0)
    check.judge(read_answer(unpack(host.pack_answer(run(options, job)))))
    found = expected_of(gate, check.plan.probes, check.outcomes[BEFORE], check.outcomes[AFTER])
    assert [one["name"] for one in found] == [one["name"] for one in gate]
    told = {str(one["name"]): (one["before"], one["after"]) for one in found}
    assert {name: told.get(name) for name in case[2]} == case[2]
