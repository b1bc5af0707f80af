# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Server and location selection, asked of the simulation and of a real nginx."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import load_files
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.blocks import Locations
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.outcome import Request
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.select import Router
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.simulate import simulate
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.variables import Definitions

pytestmark = pytest.mark.nginx

NAMES = r"""
server { listen 80; server_name first.test; return 200 first; }
server { listen 80 default_server; server_name _; return 200 default; }
server { listen 80; server_name exact.a.test; return 200 exact; }
server { listen 80; server_name *.a.test; return 200 wild; }
server { listen 80; server_name *.deep.a.test; return 200 deep; }
server { listen 80; server_name .dot.test; return 200 dot; }
server { listen 80; server_name mail.*; return 200 tail; }
server { listen 80; server_name mail.b.*; return 200 longtail; }
server { listen 80; server_name ~^(?<who>\w+)\.re\.test$; return 200 re-$who; }
server { listen 80; server_name ~^www\d+\.; return 200 www; }
server { listen 80; server_name ~\.re\.test$ late.test; return 200 late; }
server { listen 80; server_name *.dot.test other.test; return 200 shadowed; }
server { listen 80; server_name UPPER.test; return 200 upper; }
"""
HOSTS = (
    *("first.test", "nobody.test", "exact.a.test", "x.a.test", "y.x.a.test", "a.test", "z.deep.a.test", "deep.a.test"),
    *("dot.test", "x.dot.test", "y.x.dot.test", "mail.org", "mail.b.org", "mail.b.c.org", "mail.a.test", "joe.re.test"),
    *(
        "a.b.re.test",
        "www12.org",
        "www1.re.test",
        "late.test",
        "other.test",
        "upper.test",
        "Upper.TEST",
        "EXACT.a.test",
    ),
)

LOCATIONS = r"""
server {
    listen 80;
    server_name a.test;
    location / { return 200 root; }
    location = / { return 200 exact-root; }
    location /images/ { return 200 images; }
    location ^~ /static/ { return 200 static;  location /static/deep/ { return 200 static-deep; location ~ \.css$ { return 200 deep-css; } } }
    location ~ \.css$ { return 200 css; }
    location ~* \.(GIF|jpg)$ { return 200 picture; }
    location = /images/logo.gif { return 200 logo; }
    location /nested/ {
        location = /nested/exact { return 200 nested-exact; }
        location /nested/inner/ { return 200 nested-inner; }
        location ^~ /nested/strong/ { return 200 nested-strong; }
        location ~ \.php$ { return 200 nested-php; }
        return 200 nested;
    }
    location ~ ^/re/ {
        location ~ \.txt$ { return 200 re-txt; }
        return 200 re;
    }
    location ~ \.php$ { return 200 php; }
    location /api/ { proxy_pass http://127.0.0.1:9; }
    location /a { return 200 a; }
    location /ab { return 200 ab; }
    location ~ ^/cap/(?<one>[a-z]+)/([0-9]+)$ { return 200 $one-$1-$2; }
    location /priv/ { internal; return 200 private; }
    location /go/ { rewrite ^/go/(.*)$ /priv/$1 last; }
    location = /slash/ { proxy_pass http://127.0.0.1:9; }
    location = /both/ { return 200 both; }
    location /both/ { proxy_pass http://127.0.0.1:9; }
    location "" { return 200 empty; }
}
"""
URIS = (
    *("/", "/x", "/images/", "/images/x.gif", "/images/logo.gif", "/images/x.css", "/images", "/static/x.css"),
    *("/static/deep/x", "/static/deep/x.css", "/static", "/x.GIF", "/x.JPG", "/x.jpg.css", "/nested/", "/nested/exact"),
    *("/nested/inner/x", "/nested/inner/x.php", "/nested/inner/x.css", "/nested/x.css", "/nested/strong/x.php"),
    *("/nested/x.php", "/nested/strong/x.css", "/re/", "/re/x.txt", "/re/prefix", "/re/prefix.css", "/x.php", "/api"),
    *("/apix", "/a", "/ab", "/abc", "/b", "/cap/x/7", "/cap/X/7", "/priv/x", "/go/x", "/slash", "/api?x=1", "/both"),
)

PHASES = r"""
map $uri $mapped { default none; /m/one first; ~^/m/(?<rest>x.*)$ rest-$rest; "~*^/m/UP" up; }
map $host $by_host { hostnames; default other; .a.test any-a; www.a.test www; mail.* mail; }
server {
    listen 80;
    server_name a.test www.a.test x.a.test mail.org;
    set $where server;
    if ($arg_stop = now) { return 403; }
    rewrite ^/srv/(.*)$ /loc/$1;
    rewrite ^/loc/two$ /loc/three last;
    rewrite ^/loc/three$ /never;
    if ($host = www.a.test) { set $where www; }
    location /loc/ { set $where "$where-loc"; return 200 "$where $uri $request_uri"; }
    location /m/ { return 200 $mapped; }
    location /h { return 200 "$by_host $host $http_host $server_name $scheme $https $is_args $args"; }
    location /brk { rewrite ^/brk/(.*)$ /other/$1 break; return 200 lost; }
    location /cont { rewrite ^/cont/(.*)$ /cont2/$1; rewrite ^/cont2/(.*)$ /m/$1; return 200 "seen $uri"; }
    location /last { rewrite ^/last/(.*)$ /loc/$1?a=1 last; }
    location /drop { rewrite ^/drop/(.*)$ /h? last; }
    location /keep { rewrite ^/keep/(.*)$ /h?new=1 last; }
    location /to { rewrite ^/to/(.*)$ /away/$1 redirect; }
    location /perm { rewrite ^/perm/(.*)$ /away?x=$1 permanent; }
    location /abs { rewrite ^/abs/(.*)$ https://b.test/$1; }
    location /rel { return 302 /else?$args; }
    location /sch { return 301 $scheme://b.test$request_uri; }
    location /num { return 404; }
    location /url { return https://b.test/; }
    location /cmp { if ($arg_a ~ ^(x+)$) { return 200 "re $1"; } if ($arg_a !~* ^y) { return 200 not-y; } if ($arg_a) { return 200 set; } return 200 no; }
    location /zero { if ($arg_a) { return 200 yes; } return 200 zero; }
    location /dif { if ($arg_a != b) { return 200 differs; } return 200 same; }
    location /err { error_page 404 /loc/error; return 404; }
    location /eq { error_page 404 = /loc/error; return 404; }
    location /named { error_page 404 =200 @there; return 404; }
    location /ext { error_page 404 https://b.test/gone; return 404; }
    location /ext1 { error_page 404 =301 https://b.test/gone; return 404; }
    location @there { return 200 "there $uri"; }
    location /try { try_files $uri/ @there; }
    location /code { try_files $uri/ =410; }
    location /deny { deny all; try_files $uri/ =410; }
    location /capt { if ($uri ~ ^/capt/(.+)$) { set $v $1; } rewrite ^/capt/(a.*)$ /m/$1 break; return 200 "v=$v c=$1"; }
}
"""
REQUESTS = (
    *("/srv/x", "/srv/two", "/loc/two", "/loc/three", "/loc/x?stop=now", "/m/one", "/m/ONE", "/m/xyz", "/m/up", "/m/q"),
    *("/h", "/h?a=1", "/brk/x", "/cont/one", "/last/x", "/last/x?b=2", "/drop/x?b=2", "/keep/x?b=2", "/keep/x"),
    *("/to/x", "/to/x?q=1", "/perm/x", "/perm/x?q=1", "/abs/x", "/abs/x?q=1", "/rel", "/rel?q=1", "/sch/x?q=1"),
    *("/num", "/url", "/cmp?a=xx", "/cmp?a=yes", "/cmp", "/cmp?a=no", "/zero?a=0", "/zero?a=1", "/zero", "/dif?a=b"),
    *("/dif", "/err", "/eq", "/named/x", "/ext", "/ext1", "/try/x", "/code", "/deny", "/capt/abc", "/capt/zzz"),
)


def world(block: str) -> tuple[Router, Definitions]:
    config = load_files({"nginx.conf": f"events {{}}\nhttp {{\n{block}}}\n".encode()}, config_dir="/etc/nginx")
    assert config.problems == []
    return Router(config), Definitions(config)


def ask(router: Router, definitions: Definitions, host: str, url: str) -> tuple[t.Any, t.Any]:
    listener = router.listener("*", 80)
    assert listener is not None
    uri, _sep, args = url.partition("?")
    outcome = simulate(router, definitions, Request(listener, host, uri, args))
    return outcome, outcome.trace[-1].directive.args[-1] if outcome.trace else ""


def test_servers_by_name(real_nginx: t.Callable[[str], t.Any]) -> None:
    router, definitions = world(NAMES)
    with real_nginx(NAMES) as nginx:
        for host in HOSTS:
            _outcome, text = ask(router, definitions, host, "/")
            expected = nginx.get(f"http://{host}/").body
            assert expected in (text, text.replace("$who", host.lower().split(".")[0])), host


def test_locations(real_nginx: t.Callable[[str], t.Any]) -> None:
    router, definitions = world(LOCATIONS)
    with real_nginx(LOCATIONS) as nginx:
        for uri in URIS:
            outcome, text = ask(router, definitions, "a.test", uri)
            answer = nginx.get(f"http://a.test{uri}")
            if outcome.kind == "redirect":
                assert (answer.status, answer.location) == (outcome.status, outcome.location), uri
            elif "$" in text:
                assert answer.status == outcome.status, uri
            elif outcome.status == 200:
                assert answer.body == text, uri
            else:
                assert answer.status == outcome.status, uri


@pytest.mark.parametrize("host", ["a.test", "www.a.test", "x.a.test", "mail.org"])
def test_phases(host: str, real_nginx: t.Callable[[str], t.Any]) -> None:
    # Every text that is returned is turned into a redirect to it, which shows what the simulation made of it.
    block = PHASES.replace("return 200 ", "return 302 /=").replace('/="', '"/=')
    router, definitions = world(block)
    with real_nginx(block) as nginx:
        for url in REQUESTS:
            outcome, _text = ask(router, definitions, host, url)
            answer = nginx.get(f"http://{host}{url}")
            if outcome.kind == "content":
                assert answer.status == 404, url
                continue
            location = (outcome.location or "").replace(":80/", "/")
            assert (answer.status, answer.location) == (outcome.status, location), url


def test_each_level_of_locations_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    # Twice for each of 40 levels would never end.
    depth = 40
    asked: list[str] = []
    find = Locations.find
    monkeypatch.setattr(Locations, "find", lambda self, uri: asked.append(uri) or find(self, uri))
    nested = "".join(f"location {'/a' * level} {{ " for level in range(1, depth + 1))
    text = f"events {{}} http {{ server {{ listen 80; {nested} return 204; {'}' * depth} }} }}"
    router = Router(load_files({"nginx.conf": text.encode()}, config_dir="/etc/nginx"))
    server = router.listener("*", 80).servers[0]  # type: ignore[union-attr]
    for uri in ("/a" * depth, "/a" * (depth - 1) + "/b", "/b"):
        asked.clear()
        found = server.scope.locations.find(uri)
        assert (found.location is None) == (uri == "/b")
        assert len(asked) <= depth + 1
