# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t
from dataclasses import replace

import pytest

from ansible_collections.failsafe.nginx.plugins.module_utils._sandbox.redirects import (
    host_of,
    is_named,
    name_table,
    next_probe,
    url_of,
)
from ansible_collections.failsafe.nginx.plugins.module_utils._wire.outcomes import ProbeOutcome
from ansible_collections.failsafe.nginx.plugins.module_utils._wire.probes import EdgeEntry, ListenSocket, Probe

HTTP = ListenSocket("0.0.0.0", 80)
HTTP6 = ListenSocket("::", 80)
TLS = ListenSocket("0.0.0.0", 443, ssl=True)
OTHER = ListenSocket("192.0.2.10", 8080)
WWW = "www.example.com"


def probe(**other: t.Any) -> Probe:
    base = Probe("p", HTTP, target="/a/b?x", host="www.example.com")
    return replace(base, **other)


def step(
    location: str | None, listens: list[ListenSocket], status: int = 301, edge: t.Any = (), **other: t.Any
) -> t.Any:
    names = other.pop("names", None)
    known = None if names is None else name_table(names)
    return next_probe(probe(**other), ProbeOutcome("p", status, location=location), listens, edge, known)


@pytest.mark.parametrize(("status", "location"), [(200, "/x"), (301, None), (304, "/x"), (401, "/x"), (None, None)])
def test_what_is_no_redirect(status: int | None, location: str | None) -> None:
    assert next_probe(probe(), ProbeOutcome("p", status, location=location), [HTTP], []) is None


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("/x", "http://www.example.com/x"),
        ("c", "http://www.example.com/a/c"),
        ("?y=1", "http://www.example.com/a/b?y=1"),
        ("//other.example.com", "http://other.example.com/"),
        ("http://other.example.com/x#frag", "http://other.example.com/x"),
        ("http://other.example.com:8080/x y", "http://other.example.com:8080/x%20y"),
        ("https://www.example.com/s", "https://www.example.com/s"),
    ],
)
def test_where_a_location_leads(location: str, url: str) -> None:
    assert url_of(step(location, [HTTP, TLS, OTHER])) == url


@pytest.mark.parametrize("location", ["mailto:x@example.com", "ftp://x/", "https://[broken", "http://h:99999/"])
def test_what_cannot_be_followed(location: str) -> None:
    assert step(location, [HTTP]) == "external"


def test_names_beyond_ours_are_external() -> None:
    names = ["www.example.com", "*.example.org", ".example.net", "~^api\\d+\\.", "shop.*", "~(unreadable"]
    for host, ours in {
        "www.example.com": True,
        "a.example.org": True,
        "example.net": True,
        "x.example.net": True,
        "api7.test": True,
        "shop.example": True,
        "a.b.example.org": True,
        "shop": False,
        "xexample.net": False,
        "example.org": False,
        "elsewhere.test": False,
    }.items():
        assert is_named(host, names) == ours
        assert (step(f"http://{host}/", [HTTP], names=names, host="start.test") == "external") != ours
    assert step("http://start.test/", [HTTP], names=names, host="start.test") != "external"


def test_tls_ended_in_front() -> None:
    automatic = step("https://www.example.com/x", [HTTP])
    assert automatic.listen == HTTP
    assert automatic.headers == [["X-Forwarded-Proto", "https"]]
    assert url_of(automatic) == "https://www.example.com/x"
    edge = [EdgeEntry(["*.example.com"], 8080, [["X-Scheme", "https"]])]
    assert step("https://www.example.com/x", [HTTP, OTHER], edge=edge).headers == [["X-Scheme", "https"]]
    assert step("https://www.example.com/x", [HTTP, OTHER], edge=edge).listen == OTHER
    assert step("https://other.test/x", [HTTP, OTHER], edge=edge) == "external"
    direct = step("https://www.example.com/x", [HTTP, TLS], headers=[["X-Forwarded-Proto", "https"], ["Accept", "a"]])
    assert (direct.sni, direct.headers) == ("www.example.com", [["Accept", "a"]])


def test_back_to_http_through_the_same_edge() -> None:
    back = step("http://www.example.com/x", [HTTP], headers=[["X-Forwarded-Proto", "https"]])
    assert back.headers == [["X-Forwarded-Proto", "http"]]


@pytest.mark.parametrize(
    ("status", "method", "after", "body"),
    [
        (301, "POST", "GET", ""),
        (303, "PUT", "GET", ""),
        (307, "POST", "POST", "k"),
        (308, "PUT", "PUT", "k"),
        (302, "HEAD", "HEAD", "k"),
    ],
)
def test_methods_after_a_redirect(status: int, method: str, after: str, body: str) -> None:
    following = step("/x", [HTTP], status=status, method=method, body="k")
    assert (following.method, following.body) == (after, body)


def test_listeners_where_the_client_would_arrive() -> None:
    own = replace(OTHER, port=80)
    assert step("/x", [HTTP6, HTTP, own], listen=own).listen == own
    assert step("/x", [HTTP6, HTTP, own]).listen == HTTP
    assert step("/x", [HTTP, HTTP6], listen=HTTP6).listen == HTTP6
    assert step("http://www.example.com:81/", [HTTP]) == "external"
    named = replace(TLS, names=["other.test"])
    assert step("https://www.example.com/", [HTTP, named]).listen == HTTP


@pytest.mark.parametrize(
    ("authority", "host"),
    [
        ("www.example.com", "www.example.com"),
        ("www.example.com:8443", "www.example.com"),
        ("192.0.2.1:80", "192.0.2.1"),
        ("[2001:db8::80]", "2001:db8::80"),
        ("[2001:db8::80]:8443", "2001:db8::80"),
    ],
)
def test_the_host_of_a_host_header(authority: str, host: str) -> None:
    assert host_of(authority) == host


@pytest.mark.parametrize(
    ("host", "location", "url"),
    [
        ("[2001:db8::80]", "/x", "https://[2001:db8::80]/x"),
        ("[2001:db8::80]", "https://[2001:db8::80]:443/x", "https://[2001:db8::80]/x"),
        ("[2001:db8::80]:8443", "/x", "https://[2001:db8::80]:8443/x"),
        ("192.0.2.1", "/x", "https://192.0.2.1/x"),
        ("192.0.2.1:8443", "/x", "https://192.0.2.1:8443/x"),
    ],
)
def test_a_client_that_knows_the_address_only_stays_where_it_is(host: str, location: str, url: str) -> None:
    # The names of its servers say nothing about such a client.
    port = 8443 if host.endswith(":8443") else 443
    own = replace(TLS, port=port, names=[WWW], nameless=False)
    following = step(location, [HTTP, own], listen=own, host=host, sni=None, names=[WWW, host_of(host)])
    assert url_of(following) == url
    assert following.listen == own
    # RFC 6066, section 3: an address is no server name.
    assert following.sni is None


def listen(port: int, *names: str, ssl: bool = False, address: str = "0.0.0.0") -> ListenSocket:
    return ListenSocket(address, port, ssl=ssl, names=list(names))


#: Where a client is that is redirected, where to, what listens, and the port that it arrives at; None for nowhere.
ARRIVALS: dict[str, tuple[ListenSocket, str, list[ListenSocket], int | None]] = {
    "a port that is 80 outside": (listen(8080, WWW), f"http://{WWW}/", [listen(8080, WWW)], 8080),
    "a port that is 443 outside": (listen(8443, WWW, ssl=True), f"https://{WWW}/", [listen(8443, WWW, ssl=True)], 8443),
    "TLS that ends in front of a high port": (listen(8080, WWW), f"https://{WWW}/", [listen(8080, WWW)], 8080),
    "TLS that ends in front of another port": (
        listen(8080, WWW),
        f"https://{WWW}/",
        [listen(8080, WWW), listen(8081, WWW)],
        8081,
    ),
    "TLS before a plain port": (
        listen(8080, WWW),
        f"https://{WWW}/",
        [listen(8080, WWW), listen(8443, WWW, ssl=True)],
        8443,
    ),
    "the usual port first": (listen(8080, WWW), f"http://{WWW}/", [listen(8080, WWW), listen(80, "other.test")], 80),
    "a port that is spelled": (listen(8080, WWW), f"http://{WWW}:9090/", [listen(8080, WWW)], None),
    "a listener without names": (listen(8080), f"http://{WWW}/", [listen(8080)], 8080),
    "a listener of a catch-all": (listen(8080, "_"), f"http://{WWW}/", [listen(8080, "_")], 8080),
    "a listener of other names": (listen(8080, "a.test"), f"http://{WWW}/", [listen(8080, "a.test")], None),
    "a listener of the host alone": (listen(8080, WWW), f"http://{WWW}/", [listen(81, WWW, address="127.0.0.1")], None),
    "IPv6": (
        listen(8080, WWW, address="::"),
        f"http://{WWW}/",
        [listen(8080, WWW), listen(8080, WWW, address="::")],
        8080,
    ),
}


@pytest.mark.parametrize(("now", "location", "listens", "port"), ARRIVALS.values(), ids=ARRIVALS)
def test_ports_that_something_in_front_brings_to_another(
    now: ListenSocket, location: str, listens: list[ListenSocket], port: int | None
) -> None:
    following = step(location, listens, listen=now, names=[WWW])
    if port is None:
        assert following == "external"
        return
    assert (following.listen.port, ":" in following.listen.address) == (port, ":" in now.address)
    ends = location.startswith("https") and not following.listen.ssl
    assert following.headers == ([["X-Forwarded-Proto", "https"]] if ends else [])


def test_tls_that_arrives_at_a_declared_port() -> None:
    edge = [EdgeEntry([WWW], 8443, tls=True)]
    following = step(f"https://{WWW}/x", [HTTP, listen(8443, WWW, ssl=True)], edge=edge)
    assert (following.listen.port, following.sni, following.headers) == (8443, WWW, [])


def test_a_host_that_only_a_default_server_would_answer_is_followed_on_trial() -> None:
    def guessed(*names: str) -> t.Any:
        outcome = ProbeOutcome("p", 301, location="https://other.test/")
        tls = listen(443, *names, ssl=True)
        return next_probe(probe(), outcome, [HTTP, tls], (), name_table([WWW]), guess=True)

    assert step("https://other.test/", [HTTP, listen(443, ssl=True)], names=[WWW]) == "external"
    assert guessed().host == "other.test"
    assert guessed("_").host == "other.test"
    # Where the socket has names, the host is one of others.
    assert guessed(WWW) == "external"
