# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which server is which, which block is which, and which change explains what a request gets."""

from __future__ import annotations

import time
import typing as t

from diff_texts import http, load

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Place
from ansible_collections.failsafe.nginx.plugins.plugin_utils._diff import Diff, diff

Compare = t.Callable[..., Diff]


def kinds(found: Diff) -> list[str]:
    return [change.kind for change in found.changes]


def site(name: str, root: str, more: str = "") -> str:
    return f"server {{ listen 80; server_name {name}; root {root}; index {name}.html; location /x {{ return 1; }} {more} }}\n"


def test_a_server_keeps_its_identity_by_name(compare_http: Compare) -> None:
    before = site("a", "/a") + site("b", "/b")
    found = compare_http(before, site("b z", "/new") + site("a", "/a"))
    assert "removed" not in kinds(found)
    assert "added" not in kinds(found)
    assert {change.servers for change in found.changes if change.kind == "changed"} >= {("b", "z")}


def test_a_renamed_server_is_known_by_what_it_does(compare_http: Compare) -> None:
    default = site("first", "/first")
    found = compare_http(
        default + site("a", "/a").replace("a.html", "i"), default + site("c", "/a").replace("c.html", "i")
    )
    assert [change.line for change in found.changes] == ["server a renamed to c"]


def test_a_renamed_server_is_known_by_most_of_what_it_does(compare_http: Compare) -> None:
    extra = "location /y { return 2; } location /z { return 3; } error_page 404 /404;"
    default = site("first", "/first")
    found = compare_http(default + site("a", "/a", extra), default + site("c", "/b", extra))
    assert sorted(kinds(found)) == ["changed", "changed", "renamed"]


def test_http_and_https_of_one_name_stay_apart(compare_http: Compare) -> None:
    plain = "server { listen 80; server_name a; return 301 https://a; }\n"
    secure = "server { listen 443 ssl; server_name a; root /a; }\n"
    found = compare_http(plain + secure, secure.replace("name a", "name a b") + plain.replace("name a", "name a b"))
    assert kinds(found) == ["changed", "changed"]


def test_servers_are_looked_up_not_compared_with_all() -> None:
    def many(count: int, domain: str, code: int) -> float:
        same = "".join(f"server {{ listen 80; server_name s{n}.{domain}; return {code}; }}\n" for n in range(count))
        config = load(http(same))
        start = time.process_time()
        found = diff(old[count], config)
        assert len(found.changes) == count
        return time.process_time() - start

    old = {
        n: load(http("".join(f"server {{ listen 80; server_name s{i}.a; return 301; }}\n" for i in range(n))))
        for n in (300, 3000)
    }
    few, more = many(300, "b", 301), many(3000, "b", 301)
    assert more < 40 * few + 0.2, f"{few:.3f} s for 300 renamed servers, {more:.3f} s for 3000"


BEFORE = {
    "nginx.conf": "events {}\nhttp {\n  map $uri $m { /a app; }\n  gzip on;\n  include conf.d/*;\n}\n",
    "conf.d/1": "upstream app { server 10.0.0.1; }\nupstream other { server 10.0.0.2; }\n",
    "conf.d/a": "server {\n  server_name a;\n  location / {\n    proxy_pass http://$m;\n  }\n  location /b {\n    root /b;\n  }\n}\n",
    "conf.d/b": "server {\n  server_name b;\n  location / {\n    root /x;\n    include s;\n  }\n}\n",
    "s": "location /deep {\n  root /s;\n}\n",
}
AFTER = {
    **BEFORE,
    "nginx.conf": BEFORE["nginx.conf"].replace("gzip on", "gzip off"),
    "conf.d/1": BEFORE["conf.d/1"].replace("10.0.0.1", "10.0.0.3").replace("10.0.0.2", "10.0.0.4"),
    "conf.d/a": "# one line more\n"
    + BEFORE["conf.d/a"]
    .replace("http://$m;", "http://$m/x;")
    .replace("root /b", "root /c")
    .replace("name a;", "name a; etag off;"),
    "conf.d/b": BEFORE["conf.d/b"].replace("root /x", "root /y"),
}


def test_places_before_and_after_are_the_same_block() -> None:
    found = diff(load(BEFORE), load(AFTER))
    assert found.same(("conf.d/a", 3), {"file": "conf.d/a", "line": 4})
    assert found.same(Place("conf.d/a", 3, 3), Place("conf.d/a", 4, 3))
    assert not found.same(("conf.d/a", 3), ("conf.d/a", 7))
    assert not found.same(("conf.d/a", 3), ("conf.d/b", 3))
    assert not found.same(("nowhere", 1), ("nowhere", 1))
    # What did not change has an identity, too, at every depth.
    assert found.same(("s", 1), ("s", 1))
    assert found.blocks["conf.d/b", 1, 1] == {("conf.d/b", 1, 1)}


def test_blocks_of_equal_configurations_are_known() -> None:
    found = diff(load(BEFORE), load(BEFORE))
    assert found.empty
    assert found.same(("conf.d/a", 6), ("conf.d/a", 6))


def test_causes_are_ranked() -> None:
    found = diff(load(BEFORE), load(AFTER))
    causes = found.explain([("conf.d/a", 1), ("conf.d/a", 3)], [("conf.d/a", 2), ("conf.d/a", 4)], ["a"])
    assert [change.line for change in causes] == [
        "server a: location /: proxy_pass http://$m -> http://$m/x",
        "server a: + etag off",
        "upstream app: server 10.0.0.1 -> 10.0.0.3",
        "http: gzip on -> off",
        "server a: location /b: root /b -> /c",
    ]
    assert found.explain([("conf.d/a", 3)], [], ["a"], limit=1) == causes[:1]
    assert found.explain([], [], ["B"])[0].servers == ("b",)


def test_a_new_location_explains_itself() -> None:
    after = {
        **BEFORE,
        "conf.d/a": BEFORE["conf.d/a"].replace("location /b {", "location = /new { return 403; }\n  location /b {"),
    }
    found = diff(load(BEFORE), load(after))
    causes = found.explain([{"file": "conf.d/a", "line": 3}], [{"file": "conf.d/a", "line": 6}], ["a"])
    assert [change.line for change in causes] == ["server a: + location = /new (1 directive)"]


def test_a_shared_snippet_explains_the_server_asked_for() -> None:
    before = {
        "nginx.conf": "events {} http { include conf.d/*; }",
        "conf.d/a": "server { server_name a; include s; }\nserver { server_name b; include s; return 1; }",
        "s": "location / {\n  root /s;\n}\n",
    }
    after = {**before, "conf.d/a": before["conf.d/a"].replace("return 1", "return 2")}
    found = diff(load(before), load(after))
    assert found.explain([("s", 1)], [("s", 1)], ["a"]) == []
    assert len(found.explain([("s", 1)], [("s", 1)], ["b"])) == 1
