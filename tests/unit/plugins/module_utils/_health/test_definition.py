# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.failsafe.nginx.plugins.module_utils._health.check import HealthError, parse_check, run_check
from ansible_collections.failsafe.nginx.plugins.module_utils._health.definition import (
    CHECK_OPTIONS,
    mask,
    parse_status,
)

URL = "https://www.example.com/login"

WRONG: list[tuple[t.Any, str]] = [
    ("http://a/", "a check is a dictionary, not a str"),
    ({}, "check 'without a name': give one of url, tcp and certificate, not none"),
    ({"name": "n", "url": URL, "tcp": "a:1"}, "check 'n': give one of url, tcp and certificate, not url and tcp"),
    ({"name": "n", "url": URL, "stauts": 200}, "check 'n': unknown key 'stauts': did you mean status?"),
    ({"name": "n", "tcp": "a:1", "colour": 1}, "known keys are address, max_latency, name, tcp, timeout"),
    ({"name": "n", "tcp": "a:1", "status": 200}, "check 'n': status: does not belong to a tcp check"),
    ({"name": "n", "certificate": "a:1", "body": "x"}, "body: does not belong to a certificate check"),
    ({"name": "n", "url": URL, "min_days": 3}, "min_days: does not belong to a url check"),
    ({"url": URL, "status": []}, f"check '{URL}': status: [] is neither"),
    ({"url": URL, "status": "399-200"}, "the range '399-200' is upside down"),
    ({"url": URL, "status": "6xx"}, "'6xx' is neither"),
    ({"url": URL, "status": True}, "True is neither"),
    ({"url": URL, "status": 99}, "99 is neither"),
    ({"url": URL, "status": 1000}, "1000 is neither"),
    ({"url": URL, "status": [200, [300, "x"]]}, "'x' is neither"),
    ({"url": "ftp://a/"}, "url: 'ftp://a/' is not an absolute http:// or https:// URL"),
    ({"url": "/login"}, "is not an absolute"),
    ({"url": "http://"}, "is not an absolute"),
    ({"url": "http://a:0/"}, "is not an absolute"),
    ({"url": "http://a:99999/"}, "is not an absolute"),
    ({"url": "http://[::1/"}, "is not an absolute"),
    ({"url": "http://a/b c"}, "visible ASCII only"),
    ({"url": "http://bücher.example/"}, "visible ASCII only"),
    ({"url": "http://a/\r\nX: y"}, "control characters"),
    ({"url": ["http://a/"]}, "a list where a text is wanted"),
    ({"url": URL, "address": "127.0.0.1"}, "address: '127.0.0.1' is none of host:port"),
    ({"url": URL, "address": "::1:80"}, "is none of host:port"),
    ({"url": URL, "address": "a:70000"}, "is none of host:port"),
    ({"url": URL, "address": "unix:relative"}, "is none of host:port"),
    ({"tcp": "a"}, "tcp: 'a' is none of host:port"),
    ({"url": URL, "method": "GET /"}, "method: 'GET /' is not a method"),
    ({"url": URL, "host": "a b"}, "host: 'a b' is not a Host header field's value"),
    ({"url": URL, "sni": "a..b"}, "sni: 'a..b' is not a server name"),
    ({"url": URL, "sni": ""}, "sni: without a name there is nothing to verify"),
    ({"url": URL, "headers": ["X"]}, "headers: not a dictionary"),
    ({"url": URL, "headers": {"X Y": "1"}}, "'X Y' is not a header field's name"),
    ({"url": URL, "headers": {"X": True}}, "headers: a bool where a text is wanted: quote it"),
    ({"url": URL, "headers": {"X": "~("}}, "headers: "),
    ({"url": URL, "request_headers": {"Host": "a"}}, "request_headers: Host is set by the check itself"),
    ({"url": URL, "request_headers": {"A": "b\nC: d"}}, "request_headers: holds control characters"),
    ({"url": URL, "location": "~["}, "location: "),
    ({"url": URL, "body": "*"}, "body: nothing to repeat"),
    ({"url": URL, "body": "x", "method": "HEAD"}, "body: an answer to HEAD has none"),
    ({"url": URL, "max_latency": 0}, "max_latency: 0 is not between"),
    ({"url": URL, "timeout": "nan"}, "timeout: 'nan' is not between"),
    ({"url": URL, "timeout": -1}, "timeout: -1 is not between"),
    ({"url": URL, "timeout": "soon"}, "timeout: could not convert"),
    ({"url": URL, "follow_redirects": True}, "follow_redirects: 'True' is not false or a number up to 20"),
    ({"url": URL, "follow_redirects": 21}, "follow_redirects: '21' is not"),
    ({"url": URL, "verify": "maybe"}, "verify: 'maybe' is neither true nor false"),
]


@pytest.mark.parametrize(("definition", "message"), WRONG, ids=[message[-40:] for _definition, message in WRONG])
def test_a_wrong_definition_is_named(definition: t.Any, message: str) -> None:
    with pytest.raises(HealthError) as caught:
        parse_check(definition)
    assert message in str(caught.value)
    if isinstance(definition, dict):
        assert str(caught.value).startswith("check ")


def test_defaults_come_from_the_url() -> None:
    check = parse_check({"url": "https://www.example.com:8443/a/../b?c=%20"})
    assert (str(check.address), check.host, check.sni) == (
        "www.example.com:8443",
        "www.example.com:8443",
        "www.example.com",
    )
    assert (check.method, check.status, check.verify, check.timeout) == ("GET", ((200, 399),), True, 3)
    assert check.label == "GET https://www.example.com:8443/a/../b?c=%20"


@pytest.mark.parametrize(
    ("url", "address", "host"),
    [
        ("http://a.example/", "a.example:80", "a.example"),
        ("https://a.example/", "a.example:443", "a.example"),
        ("https://a.example:80/", "a.example:80", "a.example:80"),
        ("http://[::1]:8080/", "[::1]:8080", "[::1]:8080"),
        ("http://[::1]/", "[::1]:80", "[::1]"),
        ("http://u:p@a.example/", "a.example:80", "a.example"),
    ],
)
def test_address_and_host_of_a_url(url: str, address: str, host: str) -> None:
    check = parse_check({"url": url})
    assert (str(check.address), check.host) == (address, host)


def test_what_ansible_hands_over_is_read() -> None:
    """Options that were not given come as None, numbers out of templates as text."""
    given_keys = dict.fromkeys(CHECK_OPTIONS)
    given_keys.update(url=URL, status="200", timeout="1.5", follow_redirects="False", headers={"X-Old": None})
    check = parse_check(given_keys)
    assert (check.status, check.timeout, check.follow_redirects) == (((200, 200),), 1.5, 0)
    assert check.headers == {"X-Old": None}


def test_a_default_probe_is_a_check() -> None:
    probe = {"name": "p", "url": "https://_/", "address": "127.0.0.1:8443", "host": "x", "sni": "", "verify": False}
    probe.update(status="100-499", origin="config", file="conf.d/a.conf", line=3)
    check = parse_check(probe)
    assert check.origin == {"origin": "config", "file": "conf.d/a.conf", "line": 3}
    assert check.status == ((100, 499),)


def test_credentials_never_show() -> None:
    definition = {"url": "http://user:pa@ss@127.0.0.1:1/?next=https://u:v@x/", "timeout": 0.2}
    check = parse_check(definition)
    shown = repr([check.name, check.label, run_check(check)])
    assert "user" not in shown
    assert "pa@ss" not in shown
    assert "u:v" not in shown
    with pytest.raises(HealthError) as caught:
        parse_check({"url": "http://user:secret@a:b:c/"})
    assert "secret" not in str(caught.value)
    with pytest.raises(HealthError) as caught:
        parse_check({"url": URL, "request_headers": {"Authorization": "secret\x00"}})
    assert "secret" not in str(caught.value)


CODES = st.integers(100, 999)


@given(CODES, CODES)
def test_a_range_holds_its_ends_and_what_is_between(one: int, other: int) -> None:
    low, high = sorted((one, other))
    assert parse_status(f"{low}-{high}") == ((low, high),)
    assert parse_status(low) == parse_status(str(low)) == ((low, low),)


@given(
    st.lists(
        st.one_of(CODES, CODES.map(str), st.tuples(CODES, CODES).map(lambda two: f"{min(two)}-{max(two)}")), min_size=1
    )
)
def test_a_list_is_the_union_of_its_items(items: list[t.Any]) -> None:
    assert parse_status(items) == tuple(span for item in items for span in parse_status(item))


JUNK = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=5,
)
KEYS = st.sampled_from([*CHECK_OPTIONS, "origin", "file", "line", "statsu"])


@given(st.one_of(JUNK, st.dictionaries(KEYS, JUNK), st.dictionaries(KEYS, JUNK).map(lambda keys: {**keys, "url": URL})))
def test_a_definition_is_either_read_or_refused(definition: t.Any) -> None:
    try:
        check = parse_check(definition)
    except HealthError:
        return
    assert check.kind in ("url", "tcp", "certificate")
    assert str(check.address) in check.label or check.kind == "url"
    assert all(100 <= low <= high <= 999 for low, high in check.status)
    assert 0 < check.timeout <= 300


@given(st.text(alphabet="abc:@%", max_size=12), st.text(alphabet="abc/?", max_size=12))
def test_masking_leaves_no_userinfo(userinfo: str, rest: str) -> None:
    assert mask(f"x https://{userinfo}@host/{rest} y").startswith("x https://***@host/")


@pytest.mark.parametrize(
    ("value", "fits"),
    [({"is": "a"}, "a"), ({"contains": "b.c"}, "ab.cd"), ({"matches": "^a.c$"}, "abc"), ("~^a.c$", "abc")],
)
def test_expected_texts_are_written_as_in_routes_yml(value: object, fits: str) -> None:
    check = parse_check(
        {"url": "http://a/", "location": value, "headers": {"X-A": value, "X-B": "", "X-C": None}, "status": "2xx"}
    )
    assert check.status == ((200, 299),)
    assert check.headers["X-B"] is check.headers["X-C"] is None
    for expected in (check.location, check.headers["X-A"]):
        assert expected == fits if isinstance(expected, str) else expected is not None and expected.search(fits)
