# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is not written where it happens: inherited lists, default servers, names that two servers claim."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.failsafe.nginx.plugins.plugin_utils._diff import Diff

Compare = t.Callable[[str, str], Diff]

HSTS = 'add_header Strict-Transport-Security "max-age=1";'


def lost(found: Diff) -> list[str]:
    return [each.text for change in found.changes for each in change.lost]


#: The outer list, the inner one after, and what is hidden by it.
HIDDEN = [
    ("add_header A 1; add_header B 1;", "add_header C 1;", ["add_header A 1", "add_header B 1"]),
    ("add_header A 1; add_header B 1;", "add_header a 2;", ["add_header B 1"]),
    ("proxy_set_header Host $host;", "proxy_set_header X-A 1;", ["proxy_set_header Host $host"]),
    ("fastcgi_param A 1;", "fastcgi_param B 1;", ["fastcgi_param A 1"]),
    ("access_log /a;", "access_log /b;", ["access_log /a"]),
    ("access_log /a;", "access_log off;", ["access_log /a"]),
    ("error_page 404 /a;", "error_page 500 /b;", ["error_page 404 /a"]),
    ("index a.html;", "index b.html;", ["index a.html"]),
    ("deny all;", "allow 10.0.0.1;", ["deny all"]),
    ("limit_req zone=a;", "limit_req zone=b;", ["limit_req zone=a"]),
    ("add_header A 1;", "add_header C 1; add_header_inherit merge;", []),
    ("proxy_read_timeout 1s;", "proxy_read_timeout 2s;", []),
    ("", "add_header C 1;", []),
]


@pytest.mark.parametrize(("outer", "inner", "hidden"), HIDDEN)
@pytest.mark.parametrize("depth", ["server", "http"])
def test_a_list_of_its_own_hides_the_inherited_one(
    compare_http: Compare, outer: str, inner: str, hidden: list[str], depth: str
) -> None:
    def text(inside: str) -> str:
        around, own = (outer, "") if depth == "http" else ("", outer)
        return f"{around} server {{ server_name a; {own} location / {{ root /x; {inside} }} }}"

    assert lost(compare_http(text(""), text(inner))) == hidden


def test_it_is_told_once_and_where(compare_server: Compare) -> None:
    before = f"{HSTS}\nlocation / {{ root /x; }}"
    found = compare_server(before, before.replace("root /x;", "root /x; add_header A 1; add_header B 2;"))
    told = [change for change in found.changes if change.lost]
    assert len(told) == 1
    assert told[0].as_dict()["lost"] == [{"file": "nginx.conf", "line": 6, "text": HSTS.rstrip(";")}]
    assert told[0].line == "server a.example: location /: + add_header A 1; hides Strict-Transport-Security"
    assert f"holds no longer: {HSTS.rstrip(';')} (nginx.conf:6)" in found.text()


def test_what_was_hidden_before_is_not_lost_now(compare_server: Compare) -> None:
    before = f"{HSTS} location / {{ add_header A 1; }}"
    assert lost(compare_server(before, before.replace("add_header A 1;", "add_header A 1; add_header B 1;"))) == []


def test_a_new_location_hides_too(compare_server: Compare) -> None:
    found = compare_server(HSTS, f"{HSTS} location / {{ add_header A 1; if ($b) {{ add_header C 1; }} }}")
    assert lost(found) == [HSTS.rstrip(";")]
    assert lost(compare_server(HSTS, f"{HSTS} location / {{ root /x; location /y {{ add_header C 1; }} }}")) == [
        HSTS.rstrip(";")
    ]


def test_a_whole_new_server_hides_what_http_says(compare_http: Compare) -> None:
    assert lost(compare_http(HSTS, f"{HSTS} server {{ server_name a; add_header A 1; }}")) == [HSTS.rstrip(";")]


def test_a_list_that_goes_lets_the_inherited_one_in(compare_server: Compare) -> None:
    before = "deny all; location / { allow 10.0.0.1; root /x; }"
    found = compare_server(before, "deny all; location / { root /x; }")
    assert [change.line for change in found.changes] == [
        "server a.example: location /: - allow 10.0.0.1; inherits again deny all"
    ]


def test_moving_inwards_hides(compare_server: Compare) -> None:
    found = compare_server(
        f"{HSTS} add_header A 1; location / {{ root /x; }}", f"{HSTS} location / {{ root /x; add_header A 1; }}"
    )
    assert [change.kind for change in found.changes] == ["moved"]
    assert lost(found) == [HSTS.rstrip(";")]


A = "server { listen 80; server_name a; root /a; }\n"
B = "server { listen 80; server_name b; root /b; }\n"
C = "server { listen 80 default_server; server_name c; root /c; }\n"


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (A + B, B + A, ["default server of *:80: a (nginx.conf:3) -> b (nginx.conf:3)"]),
        (A + B + C, B + A + C, []),
        (A + B, A + B + C, ["default server of *:80: a (nginx.conf:3) -> c (nginx.conf:5)"]),
        (A + B, B, ["default server of *:80: a (nginx.conf:3) -> b (nginx.conf:3)"]),
        (A, A.replace("name a", "name z"), []),
        (A, B.replace("80", "81"), []),
        (A + B, B.replace("80", "[::]:80") + A, []),
    ],
)
def test_another_default_server(compare_http: Compare, before: str, after: str, expected: list[str]) -> None:
    found = compare_http(before, after)
    assert [change.line for change in found.changes if "default server" in change.line] == expected
    assert all(change.risk == "routing" for change in found.changes)


def test_many_sockets_are_one_change(compare_http: Compare) -> None:
    a, b = (each.replace("listen 80;", "listen 80; listen 443; listen [::]:80; listen 8080;") for each in (A, B))
    assert [change.line for change in compare_http(a + b, b + a).changes] == [
        "default server of *:80, *:443, [::]:80 and 1 more: a (nginx.conf:3) -> b (nginx.conf:3)"
    ]


def test_a_name_that_two_servers_claim(compare_http: Compare) -> None:
    first, second = A.replace("name a", "name x a"), B.replace("name b", "name y a")
    found = compare_http(C + first + second, C + second + first)
    assert [change.line for change in found.changes] == ["name a on *:80: x (nginx.conf:4) -> y (nginx.conf:4)"]
    assert found.changes[0].servers == ("x", "a", "y")
    # A new server in front takes the name away.
    shadowed = compare_http(C + first, C + second + first)
    assert "name a on *:80: x (nginx.conf:4) -> y (nginx.conf:4)" in [change.line for change in shadowed.changes]
