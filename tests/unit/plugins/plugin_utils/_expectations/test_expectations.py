# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import re
import typing as t
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.failsafe.nginx.plugins.module_utils._common.json_fields import decode, encode
from ansible_collections.failsafe.nginx.plugins.module_utils._wire.outcomes import BlockTrace, ProbeOutcome
from ansible_collections.failsafe.nginx.plugins.module_utils._wire.probes import Probe
from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison import ExpectationResult
from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import Config, Place, load_files
from ansible_collections.failsafe.nginx.plugins.plugin_utils._expectations import Expectations, schema, then_section
from ansible_collections.failsafe.nginx.plugins.plugin_utils._expectations.cases import BUILT_IN
from ansible_collections.failsafe.nginx.plugins.plugin_utils._expectations.matchers import Text
from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes import plan_probes, probes_for
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing import RouteError
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.marker import Block


def config(block: str) -> Config:
    return load_files({"nginx.conf": f"events {{}}\nhttp {{\n{block}\n}}\n".encode()}, config_dir="/etc/nginx")


SITE = config(
    """upstream api_v1 { server 10.0.0.1:8080; server users.internal; }
    server { listen 443 ssl; listen 80; server_name www.example.com; }
    server { listen 80; listen [::]:80; server_name plain.example.com; }"""
)


def case(request: str, then: str, more: str = "") -> Expectations:
    return Expectations.load(f"expect:\n- name: a case\n  request: {request}\n  then: {then}\n{more}", "routes.yml")


def refused(text: str | bytes) -> list[str]:
    with pytest.raises(RouteError) as caught:
        Expectations.load(text, "routes.yml")
    return str(caught.value).splitlines()


# -- requests


def test_lists_are_products() -> None:
    expectations = case(
        '{url: ["http://plain.example.com/a", "http://plain.example.com/b"], method: [GET, HEAD], client: [10.0.0.1, "2001:db8::9"]}',
        "{status: 200}",
    )
    probes = expectations.probes(None, SITE)
    assert [probe.id for probe in probes] == [f"e1.{n}" for n in range(1, 9)]
    assert {(p.method, p.target, p.client) for p in probes} == {
        (method, target, client)
        for method in ("GET", "HEAD")
        for target in ("/a", "/b")
        for client in ("10.0.0.1", "2001:db8::9")
    }
    assert {p.listen.address for p in probes if ":" in p.client} == {"::"}


def test_host_and_path_are_a_product_too() -> None:
    expectations = case("{host: [www.example.com, plain.example.com], path: [/, /x], scheme: http}", "{status: 200}")
    assert [(p.host, p.target, p.listen.port) for p in expectations.probes(None, SITE)] == [
        ("www.example.com", "/", 80),
        ("www.example.com", "/x", 80),
        ("plain.example.com", "/", 80),
        ("plain.example.com", "/x", 80),
    ]


def test_each_fills_placeholders_in_requests_and_results() -> None:
    text = """
expect:
- name: old links
  each: {page: [a, b/c]}
  request: {url: "https://www.example.com/old/{page}", headers: {X-Page: "{page}"}}
  then: {location: "https://www.example.com/new/{page}"}
"""
    expectations = Expectations.load(text, "routes.yml")
    assert [(p.target, p.headers) for p in expectations.probes(None, SITE)] == [
        ("/old/a", [["X-Page", "a"]]),
        ("/old/b/c", [["X-Page", "b/c"]]),
    ]
    outcomes = [ProbeOutcome(f"e1.{n}", 301, location="https://www.example.com/new/a") for n in (1, 2)]
    assert [result.ok for result in expectations.check(outcomes)] == [True, False]


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (
            '{url: "https://www.example.com/a?b=c"}',
            {"target": "/a?b=c", "sni": "www.example.com", "host": "www.example.com"},
        ),
        ("{url: https://www.example.com}", {"target": "/", "client": "198.51.100.1", "version": "1.1", "follow": True}),
        ("{url: https://www.example.com/, host: other.example}", {"sni": "www.example.com", "host": "other.example"}),
        ('{url: https://www.example.com/, host: ""}', {"host": None, "version": "1.0", "sni": "www.example.com"}),
        ('{url: https://www.example.com/, sni: ""}', {"sni": None}),
        ("{url: https://www.example.com/, sni: b.example}", {"sni": "b.example", "host": "www.example.com"}),
        (
            "{url: https://www.example.com/, method: POST, body: a=1}",
            {"method": "POST", "body": "a=1", "follow": False},
        ),
        ("{url: https://www.example.com/, method: POST, follow: yes}", {"follow": True}),
        ("{url: http://www.example.com/, follow: false}", {"follow": False}),
        ("{url: http://www.example.com/, version: '2'}", {"version": "2"}),
        ('{url: "http://www.example.com:8080/"}', {"host": "www.example.com:8080"}),
        ('{url: "http://www.example.com//a/../b%2F?x"}', {"target": "//a/../b%2F?x"}),
        ("{url: https://plain.example.com/}", {"headers": [["X-Forwarded-Proto", "https"]], "sni": None}),
        (
            "{url: https://plain.example.com/, headers: {x-forwarded-proto: http}}",
            {"headers": [["x-forwarded-proto", "http"]]},
        ),
    ],
)
def test_what_a_request_becomes(request_: str, expected: dict[str, t.Any]) -> None:
    [probe] = case(request_, "{status: 200}").probes(None, SITE)
    sent = encode(probe)
    assert {name: sent[name] for name in expected} == expected


def test_stub_answers_go_to_every_peer_of_the_upstream() -> None:
    text = """
  answers:
  - {upstream: api_v1, status: 404, headers: {X-A: b}, body: gone}
  - {upstream: "auth.internal", down: true}
  - {delay: 2}
"""
    [probe] = case("{url: https://www.example.com/}", "{status: 404}", text).probes(None, SITE)
    assert [encode(answer) for answer in probe.answers] == [
        {
            "upstream": "10.0.0.1:8080",
            "status": 404,
            "headers": [["X-A", "b"]],
            "body": "gone",
            "delay": 0,
            "down": False,
        },
        {
            "upstream": "users.internal:80",
            "status": 404,
            "headers": [["X-A", "b"]],
            "body": "gone",
            "delay": 0,
            "down": False,
        },
        {"upstream": "auth.internal:80", "status": 200, "headers": [], "body": "", "delay": 0, "down": True},
        {"upstream": "*", "status": 200, "headers": [], "body": "", "delay": 2, "down": False},
    ]


def test_the_plan_asks_expectations_first_and_nothing_twice() -> None:
    expectations = case("{url: https://www.example.com/}", "{status: 200}")
    plan = plan_probes(SITE, SITE, expectations=expectations)
    assert plan.probes[0].id == "e1.1"
    assert plan.probes[0].blocks, "the generated request that it stands for was made for a block"
    alone = probes_for(SITE, SITE)
    assert len(plan.probes) == len(alone)
    assert len(probes_for(SITE, SITE, expectations=expectations, limit=0)) == 1
    sent = json.loads(json.dumps([encode(probe) for probe in plan.probes]))
    assert [decode(Probe, probe) for probe in sent] == plan.probes


# -- what is refused


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "routes.yml: the file is empty, so it expects nothing"),
        ("~", "routes.yml: the file is empty, so it expects nothing"),
        ("# only a comment", "routes.yml: the file is empty, so it expects nothing"),
        ("expect:\n- name: \udcff\n", "routes.yml:2: this is no UTF-8 text"),
        (b"expect:\n- name: \xff\n", "routes.yml:2: this is no UTF-8 text"),
        ("a: [", "routes.yml:1: this is no YAML: expected the node content, but found '<stream end>'"),
        ("a\x00b", "routes.yml:1: this is no YAML: unacceptable character #x0000"),
        ("{url: http://a/?b}", "routes.yml:1: this is no YAML: expected ',' or '}', but got '?': in braces a URL needs quotes"),
        ("expect: !vault a", "routes.yml:1: !vault is not read here: write plain values"),
        ("- a", "routes.yml:1: the file has to have keys and values: edge, expect, accept"),
        ("expects: []", 'routes.yml:1: the file has no "expects", did you mean "expect"?'),
        ("tests: []", 'routes.yml:1: the file has no "tests": here it is expect'),
        ("expect: 3", "routes.yml:1: expect has to be a list"),
        ("expect: []\nexpect: []", 'routes.yml:2: "expect" stands here twice'),
        ("expect: [{name: a}]", "routes.yml:1: request is missing: a case says name, request and then"),
        ("expect: [3]", "routes.yml:1: name is missing: a case says name, request and then"),
        ("accept:\n- {class: lost}", "routes.yml:2: until is missing: an accepted change has a class, and a day until which it is"),
        ("accept:\n- {class: lost, until: 2026-02-30}", 'routes.yml:2: until has to be a day such as 2027-01-31, not "2026-02-30"'),
        (
            "accept:\n- {key: lost-3f9a1c2b4d, until: 2026-12-31}",
            "routes.yml:2: reason is missing: with a key stand a reason and a day until which it counts",
        ),
        (
            "accept:\n- {key: lost-3f9a1c2b4d, reason: meant}",
            "routes.yml:2: until is missing: with a key stand a reason and a day until which it counts",
        ),
        (
            "accept:\n- {key: lost-3f9a, reason: meant, until: 2026-12-31}",
            'routes.yml:2: "lost-3f9a" is no key; a key stands below each group of a report',
        ),
        (
            "accept:\n- {key: lost-3f9a1c2b4d, class: lost, reason: meant, until: 2026-12-31}",
            "routes.yml:2: class does not stand with a key, which names one group",
        ),
        ("accept:\n- {class: lost, until: soon}", 'routes.yml:2: until has to be a day such as 2027-01-31, not "soon"'),
        ("accept:\n- {class: lsot, until: 2026-02-20}", 'routes.yml:2: there is no class "lsot"'),
        ("edge:\n- {to: 80}", "routes.yml:2: names is missing"),
        ("edge:\n- {names: a, tls: passed}", "routes.yml:2: tls can only be: terminated, passthrough"),
        ("edge:\n- {names: a, to: 99999}", 'routes.yml:2: to has to be a number from 1 to 65535, not "99999"'),
    ],
)  # fmt: skip
def test_files_that_are_refused(text: str | bytes, message: str) -> None:
    assert any(line.startswith(message) for line in refused(text)), refused(text)


@pytest.mark.parametrize(
    ("request_", "then", "message"),
    [
        ("{url: x}", "{status: 200}", '"x" is no URL that begins with http:// or https:// and a host'),
        ("{url: ftp://a/}", "{status: 200}", '"ftp://a/" is no URL'),
        ("{url: 'http://a:x/'}", "{status: 200}", '"http://a:x/" is no URL'),
        ("{url: 'http://u:p@a/'}", "{status: 200}", '"http://u:p@a/" has a user or a fragment'),
        ("{url: 'http://a/#b'}", "{status: 200}", '"http://a/#b" has a user or a fragment'),
        ("{url: 'http://a/b c'}", "{status: 200}", '"/b c" is no path that a request can carry'),
        ("{url: 'http://a/\u00e9'}", "{status: 200}", '"/\u00e9" is no path'),
        ("{url: 'http://a/{b}'}", "{status: 200}", "{b} stands for nothing"),
        ("{url: []}", "{status: 200}", "url is an empty list, so nothing would be asked"),
        ("{}", "{status: 200}", "a request has a url, or a host and a path"),
        ("{url: 'http://a/', path: /b}", "{status: 200}", "path is a part of the url: write one of them"),
        ("{authority: a, uri: /}", "{status: 200}", 'a request has no "authority": here it is host'),
        ("{url: 'http://a/', methd: GET}", "{status: 200}", 'a request has no "methd", did you mean "method"?'),
        ("{url: 'http://a/', method: get}", "{status: 200}", '"get" is no method that nginx reads: capitals'),
        ("{url: 'http://a/', client: me}", "{status: 200}", 'client has to be an address such as 203.0.113.7, not "me"'),
        ("{url: 'http://a/', version: 3}", "{status: 200}", "version has to be one of 1.0, 1.1, 2"),
        ("{host: a, port: 0}", "{status: 200}", '"0" is no port'),
        ("{host: a, scheme: ws}", "{status: 200}", 'scheme has to be http or https, not "ws"'),
        ("{url: 'http://a/', headers: {A: \"b\\nc\"}}", "{status: 200}", '"A: b'),
        ("{url: 'http://a/', headers: {Host: b}}", "{status: 200}", "Host is not for headers: write host"),
        ("{url: 'http://a/', body: \u20ac}", "{status: 200}", "the body has characters that are no bytes"),
        ("{url: 'http://a/', follow: maybe}", "{status: 200}", 'follow has to be true or false, not "maybe"'),
        ("{url: ['http://a/', 'http://a/']}", "{status: 200}", "GET http://a/ is asked twice here"),
        ("{url: 'http://a/'}", "{}", "then expects nothing"),
        ("{url: 'http://a/'}", "{status: 600}", "status has to be like 301, 2xx, 200-399"),
        ("{url: 'http://a/'}", "{status: 300-200}", "status has to be like 301, 2xx, 200-399"),
        ("{url: 'http://a/'}", "{status: []}", "status is an empty list"),
        ("{url: 'http://a/'}", "{location: }", 'location has no value, write "" for an empty one'),
        ("{url: 'http://a/'}", "{location: '{pth}'}", "{pth} stands for nothing"),
        ("{url: 'http://a/'}", "{location: {matches: '('}}", '"(" is no regular expression'),
        ("{url: 'http://a/'}", "{location: {like: a}}", 'location has no "like"'),
        ("{url: 'http://a/'}", "{path_redirect: /a}", 'then has no "path_redirect": here it is location'),
        ("{url: 'http://a/'}", "{closed: maybe}", 'closed has to be one of refused, reset, closed, timeout, tls, ""'),
        ("{url: 'http://a/'}", "{final: {max_hops: 99}}", "max_hops has to be a number from 0 to 20"),
        ("{url: 'http://a/'}", "{upstream: {targt: a}}", 'upstream has no "targt", did you mean "target"?'),
        ("{url: 'http://a/'}", "{status: 200, status: 201}", '"status" stands here twice'),
    ],
)  # fmt: skip
def test_cases_that_are_refused(request_: str, then: str, message: str) -> None:
    lines = refused(f"expect:\n- name: a case\n  request: {request_}\n  then: {then}\n")
    assert any(line.startswith("routes.yml:") and message in line for line in lines), lines


def test_every_fault_is_told_with_its_line() -> None:
    text = "expect:\n- name: a\n  requst: {}\n- name: a\n  request: {url: 'http://a/'}\n  then: {staus: 1}\nacept: []\n"
    assert [line.partition(": ")[0] for line in refused(text)] == [
        *("routes.yml:2", "routes.yml:3", "routes.yml:6", "routes.yml:6", "routes.yml:7"),
    ]


def test_a_name_stands_for_one_case() -> None:
    text = "".join("- {name: a, request: {url: 'http://a/'}, then: {status: 200}}\n" for _unused in range(2))
    assert refused("expect:\n" + text) == ['routes.yml:3: "a" is the name of the case in line 2 as well']


def test_products_have_an_end() -> None:
    numbers = ", ".join(map(str, range(200)))
    lines = refused(
        f"expect:\n- name: a\n  each: {{a: [{numbers}], b: [{numbers}]}}\n"
        "  request: {url: 'http://a/{a}/{b}'}\n  then: {status: 200}\n"
    )
    assert lines == ["routes.yml:4: that makes more than 10000 requests in all"]


# -- YAML


def test_anchors_and_merges_are_fine() -> None:
    text = """
expect:
- &one
  name: one
  request: &r {url: "https://www.example.com/", client: 10.0.0.1}
  then: &t {status: 200}
- {<<: *one, name: two}
- name: three
  request: {<<: *r, client: 10.0.0.3}
  then: *t
"""
    probes = Expectations.load(text, "routes.yml").probes(None, SITE)
    assert [(probe.why, probe.client) for probe in probes] == [
        *(("one", "10.0.0.1"), ("two", "10.0.0.1"), ("three", "10.0.0.3")),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "expect: &a [*a, *a]",
        "expect:\n- &a {<<: *a, name: x}",
        "accept:\n- &a {class: &c [*c, *c], until: 2026-01-01}",
        "[" * 5000,
        "{a: " * 3000,
        "&a " * 3,
        "expect: !!python/object:os.system []",
        "expect:\n- !!python/name:os.system x",
        "%YAML 9.9\n---\na: b",
        "a: b\n---\nc: d",
        "? [a]\n: b",
        "\ufeff",
    ],
)
def test_hostile_yaml_is_refused(text: str) -> None:
    assert refused(text)


def test_bombs_of_aliases_do_not_explode() -> None:
    lines = ["x0: &x0 [status, status, status, status, status, status, status, status, status, status]"]
    lines += [f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 10)}]" for n in range(1, 9)]
    bomb = "\n".join(lines) + "\nexpect:\n- {name: a, request: {url: 'http://a/'}, then: {status: *x8}}"
    assert refused(bomb)


def test_huge_files_are_refused() -> None:
    assert refused("#" * 5_000_000) == ["routes.yml: the file is larger than 4000000 bytes"]


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.one_of(st.text(max_size=200), st.binary(max_size=200)))
def test_anything_is_read_or_refused(data: str | bytes) -> None:
    assert all(line.startswith("routes.yml") for line in told(data).splitlines())


def told(text: str | bytes) -> str:
    """Why a text is refused; nothing where it is read."""
    try:
        Expectations.load(text, "routes.yml")
    except RouteError as error:
        return str(error) or "no reason"
    return ""


WORDS = st.sampled_from(
    ["name", "request", "then", "url", "status", "http://a/", "200", "lost", "class", "until", "", "~", "[", "{x}"]
)
TREES = st.recursive(
    WORDS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=4)),
    max_leaves=20,
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.dictionaries(st.sampled_from(["edge", "expect", "accept", "other"]), TREES, max_size=3))
def test_any_tree_is_read_or_refused(tree: t.Any) -> None:
    text = json.dumps(tree)
    reason = told(text)
    assert all(line.startswith(("routes.yml", "and ")) for line in reason.splitlines())
    if not reason:
        expectations = Expectations.load(text, "routes.yml")
        assert len(expectations.check([])) == len(expectations.probes(None, SITE))


# -- judgement


def judge(then: str, outcome: dict[str, t.Any], **more: t.Any) -> ExpectationResult:
    [result] = case('{url: "https://www.example.com/a/b?c=d"}', then).check(
        [decode(ProbeOutcome, {"id": "e1.1", **outcome})], config=SITE, **more
    )
    return result


CALL = {
    "target": "http://users.internal:80",
    "protocol": "http",
    "method": "GET",
    "uri": "/v1/a",
    "headers": [["Host", "api"], ["X-A", "1"]],
    "params": {},
}
FASTCGI = {"target": "fastcgi://php:9000", "protocol": "fastcgi", "params": {"SCRIPT_NAME": "/a.php"}, "headers": []}
LOOP = {
    "status": 301,
    "chain": "loop",
    "hops": [{"url": "https://a/", "status": 301}, {"url": "https://b/", "status": 301}],
}
CHAIN = {
    "status": 301,
    "location": "https://b/",
    "chain": "final",
    "hops": [
        {"url": "https://a/", "status": 301, "location": "https://b/", "upstreams": [], "errors": []},
        {"url": "https://b/", "status": 200, "location": None, "upstreams": [CALL], "errors": []},
    ],
}
OUTSIDE = {"status": 302, "location": "https://elsewhere.example/x", "chain": "external"}


@pytest.mark.parametrize(
    ("then", "outcome", "failed"),
    [
        ("{status: 200}", {"status": 200}, []),
        ("{status: 200}", {"status": 204}, ["status"]),
        ("{status: [200, 300-399]}", {"status": 302}, []),
        ("{status: 2xx}", {"status": 204}, []),
        ("{status: 200-299}", {"status": None, "closed": "timeout"}, ["status"]),
        ("{status: 444}", {"status": None, "closed": "closed"}, []),
        ("{status: 444}", {"status": None, "closed": "refused"}, ["status"]),
        ("{closed: refused}", {"status": None, "closed": "refused"}, []),
        ("{closed: [reset, tls]}", {"status": None, "closed": "tls: unrecognized name"}, []),
        ("{closed: refused}", {"status": 200, "closed": None}, ["closed"]),
        ('{closed: ""}', {"status": 200, "closed": None}, []),
        ("{headers: {A: b}}", {"status": None, "closed": "refused", "headers": []}, ["status", "headers: A"]),
        ('{location: "https://x/"}', {"status": 301, "location": "https://x/"}, []),
        ("{location: /new}", {"status": 301, "location": "https://www.example.com/new"}, []),
        ("{location: /new}", {"status": 301, "location": "http://www.example.com/new"}, ["location"]),
        ('{location: "https://{host}/{path}?{args}"}', {"status": 301, "location": "https://www.example.com/a/b?c=d"}, []),
        ('{location: "{scheme}://x{request_uri}"}', {"status": 301, "location": "https://x/a/b?c=d"}, []),
        ("{location: {matches: '^https://x/{path}$'}}", {"status": 301, "location": "https://x/a/b"}, []),
        ("{location: {contains: new}}", {"status": 301, "location": "https://x/new/"}, []),
        ("{location: {contains: new}}", {"status": 200, "location": None}, ["location"]),
        ('{location: ""}', {"status": 200, "location": None}, []),
        ('{location: ""}', {"status": 301, "location": "/"}, ["location"]),
        ("{headers: {x-a: b}}", {"status": 200, "headers": [["X-A", "b"]]}, []),
        ("{headers: {x-a: b}}", {"status": 200, "headers": [["X-A", "a"], ["X-A", "b"]]}, []),
        ('{headers: {x-a: ""}}', {"status": 200, "headers": []}, []),
        ('{headers: {x-a: ""}}', {"status": 200, "headers": [["X-A", ""]]}, []),
        ('{headers: {x-a: ""}}', {"status": 200, "headers": [["X-A", "b"]]}, ["headers: x-a"]),
        ("{headers: {hsts: {contains: max-age}}}", {"status": 200, "headers": [["Hsts", "max-age=1"]]}, []),
        ("{headers: {x-a: b, x-b: c}}", {"status": 200, "headers": [["X-A", "b"]]}, ["headers: x-b"]),
        ("{upstream: api_v1}", {"status": 200, "upstreams": [CALL]}, []),
        ("{upstream: users.internal}", {"status": 200, "upstreams": [CALL]}, []),
        ("{upstream: 'http://users.internal:80'}", {"status": 200, "upstreams": [CALL]}, []),
        ("{upstream: 'users.internal:80'}", {"status": 200, "upstreams": [CALL]}, []),
        ("{upstream: other}", {"status": 200, "upstreams": [CALL]}, ["upstream"]),
        ("{upstream: api_v1}", {"status": 200, "upstreams": []}, ["upstream"]),
        ('{upstream: ""}', {"status": 200, "upstreams": []}, []),
        ('{upstream: ""}', {"status": 200, "upstreams": [CALL]}, ["upstream"]),
        ("{upstream: {target: api_v1, uri: /v1/a, method: GET, headers: {host: api}}}", {"status": 200, "upstreams": [CALL]}, []),
        ("{upstream: {target: api_v1, headers: {x-a: '2'}}}", {"status": 200, "upstreams": [CALL]}, ["upstream"]),
        ('{upstream: {target: api_v1, headers: {x-b: ""}}}', {"status": 200, "upstreams": [CALL]}, []),
        ("{upstream: {protocol: fastcgi, params: {SCRIPT_NAME: /a.php}}}", {"status": 200, "upstreams": [FASTCGI]}, []),
        ("{upstream: [api_v1, {protocol: fastcgi}]}", {"status": 200, "upstreams": [CALL, FASTCGI]}, []),
        ("{upstream: [api_v1, {protocol: fastcgi}]}", {"status": 200, "upstreams": [CALL]}, ["upstream"]),
        ('{errors: ""}', {"status": 200, "errors": []}, []),
        ('{errors: ""}', {"status": 500, "errors": ["rewrite cycle"]}, ["errors"]),
        ("{errors: {contains: cycle}}", {"status": 500, "errors": ["rewrite cycle"]}, []),
        ("{final: {status: 200, max_hops: 1}}", CHAIN, []),
        ("{final: {status: 200, max_hops: 0}}", CHAIN, ["final: max_hops"]),
        ("{final: {status: 404, url: 'https://b/', upstream: api_v1}}", CHAIN, ["final: status"]),
        ("{final: {status: 200}}", {"status": 200, "chain": None}, []),
        ("{final: {status: 301}}", LOOP, ["final"]),
        ("{chain: loop}", LOOP, []),
        ("{chain: final}", {"status": 200, "chain": None}, []),
        ("{chain: final}", OUTSIDE, ["chain"]),
        ("{final: {url: 'https://elsewhere.example/x', max_hops: 1}}", OUTSIDE, []),
        ("{final: {status: 200}}", OUTSIDE, ["final: status"]),
        ("{hops: [{status: 301, location: 'https://b/'}, {status: 200, upstream: api_v1}]}", CHAIN, []),
        ("{hops: [{status: 301}]}", CHAIN, ["hops"]),
        ("{hops: [{status: 301}, {status: 404}]}", CHAIN, ["hop 2: status"]),
    ],
)  # fmt: skip
def test_outcomes_are_judged(then: str, outcome: dict[str, t.Any], failed: list[str]) -> None:
    result = judge(then, outcome)
    assert list(result.failed) == failed, result
    assert result.ok is not bool(failed)
    assert set(result.expected) == set(result.got) >= set(failed)
    assert result.expected


MARKERS = {
    "s1": Block("s1", "server", "server www.example.com", Place("a.conf", 1), ("s1",)),
    "l2": Block("l2", "location", "location ~ ^/v1/users/", Place("a.conf", 2), ("s1",)),
    "i3": Block("i3", "if", "if ($a)", Place("a.conf", 3), ("s1",)),
}


@pytest.mark.parametrize(
    ("then", "trace", "failed"),
    [
        ("{location_block: '~ ^/v1/users/'}", ["s1", "l2", "i3"], []),
        ("{location_block: 'location ~ ^/v1/users/', server: www.example.com}", ["s1", "l2"], []),
        ("{location_block: /}", ["s1", "l2"], ["location_block"]),
        ('{location_block: ""}', ["s1"], []),
        ("{location_block: {contains: users}}", ["s1", "l2"], []),
        ("{server: other}", ["s1"], ["server"]),
        ("{server: www.example.com}", [], ["server"]),
    ],
)
def test_blocks_are_judged_by_the_trace(then: str, trace: list[str], failed: list[str]) -> None:
    assert judge(then, {"status": 200, "trace": trace}, markers=MARKERS).failed == tuple(failed)
    separate = [BlockTrace("e1.1", trace)]
    assert judge(then, {"status": 200, "trace": []}, markers=MARKERS, traced=separate).failed == tuple(failed)


def test_an_expected_block_fails_where_blocks_are_unknown() -> None:
    result = judge("{location_block: /}", {"status": 200})
    assert result.got == {"location_block": "not known: the run that tells blocks is missing"}
    assert not result.ok


def test_requests_without_an_outcome_fail() -> None:
    expectations = case("{url: [https://www.example.com/, https://www.example.com/b]}", "{status: 200}")
    results = expectations.check([ProbeOutcome("e1.2", 200), ProbeOutcome("p1", 500)])
    assert [(each.probe, each.ok, list(each.failed)) for each in results] == [
        ("e1.1", False, ["outcome"]),
        ("e1.2", True, []),
    ]


def test_a_result_says_what_where_and_why() -> None:
    result = judge("{status: 200, headers: {A: b}}", {"status": 404, "headers": []})
    assert result.as_dict() == {
        "name": "a case",
        "ok": False,
        "expected": {"status": "200", "headers: A": "b"},
        "got": {"status": "404", "headers: A": "(none)"},
        "failed": ["status", "headers: A"],
        "request": "GET https://www.example.com/a/b?c=d",
        "file": "routes.yml",
        "line": 2,
        "probe": "e1.1",
    }


# -- accept and edge


def test_keys_are_accepted_with_a_reason_and_a_day() -> None:
    text = """
accept:
- {key: [lost-3f9a1c2b4d, outage-0123456789], until: 2026-12-31, reason: switched off}
"""
    place = {"until": "2026-12-31", "reason": "switched off", "file": "routes.yml", "line": 3}
    assert [entry.as_dict() for entry in Expectations.load(text, "routes.yml").accept] == [
        {"key": key, **place} for key in ("lost-3f9a1c2b4d", "outage-0123456789")
    ]


def test_accepted_changes_are_what_the_comparison_reads() -> None:
    text = """
accept:
- {class: [redirect-changed, lost], server: "*.example.com", location: "~ ^/x", until: 2026-12-31, reason: moved}
"""
    accept = Expectations.load(text, "routes.yml").accept
    place = {"file": "routes.yml", "line": 3}
    assert [entry.as_dict() for entry in accept] == [
        {
            "class": name,
            "server": "*.example.com",
            "location": "~ ^/x",
            "until": "2026-12-31",
            "reason": "moved",
            **place,
        }
        for name in ("redirect-changed", "lost")
    ]


def test_the_edge_is_that_of_the_contract() -> None:
    text = """
edge:
  - {names: "*.example.com", tls: terminated, to: 8080, headers: {X-Forwarded-Proto: https, X-Port: "443"}}
  - {names: a.test, tls: passthrough}
  - {names: b.test, tls: passthrough, to: 8443}
"""
    headers = [["X-Forwarded-Proto", "https"], ["X-Port", "443"]]
    assert [encode(each) for each in Expectations.load(text, "routes.yml").edge] == [
        {"names": ["*.example.com"], "to": 8080, "headers": headers, "tls": False},
        {"names": ["a.test"], "to": 443, "headers": [], "tls": True},
        {"names": ["b.test"], "to": 8443, "headers": [], "tls": True},
    ]


# -- the guide


GUIDE = (Path(__file__).resolve().parents[5] / "docs" / "expectations.md").read_text(encoding="utf-8")


def test_the_guide_s_example_is_read() -> None:
    example = GUIDE.partition("```yaml\n")[2].partition("```")[0]
    expectations = Expectations.load(example, "guide.yml")
    assert len(expectations.probes(None, SITE)) == 7
    assert expectations.accept
    assert expectations.edge


def test_the_guide_has_every_field() -> None:
    fields = {*schema.TOP, *schema.CASE, *schema.REQUEST, *schema.ANSWER, *schema.EDGE, *schema.ACCEPT}
    fields |= {
        *then_section.THEN,
        *then_section.UPSTREAM,
        *then_section.FINAL,
        *then_section.TEXT,
        *then_section.CLOSED,
        *then_section.CHAINS,
        *BUILT_IN,
    }
    documented = set(re.findall(r"`\{?([a-z_0-9-]+)\}?`", GUIDE)) | set(
        re.findall(r"^ *-? *([a-z_]+):", GUIDE, re.MULTILINE)
    )
    documented |= set(re.findall(r"\{([a-z_]+):", GUIDE))
    assert {field for field in fields if field} - documented == {"is"}


def test_texts_are_written_as_in_health_checks() -> None:
    text = (
        "expect:\n- name: c\n  request: {url: 'http://a/'}\n"
        "  then: {location: '~^/n', headers: {X-A: null, X-B: '~b$'}, location_block: '~ \\.php$'}\n"
    )
    then = Expectations.load(text, "routes.yml").cases[0].then
    assert then.location == Text("^/n", "matches")
    assert then.headers == {"X-A": Text(""), "X-B": Text("b$", "matches")}
    assert then.location_block == Text("~ \\.php$")
