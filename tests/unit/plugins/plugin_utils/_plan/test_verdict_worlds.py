# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Real edits in private worlds with a real nginx: which of them stop a change by default, and as what."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from test_route_check import check

pytestmark = [pytest.mark.nginx, pytest.mark.root]

SITE = r"""
resolver 127.0.0.11;
server { listen 80 default_server; listen [::]:80 default_server; server_name _; return 444; }
server {
    listen 80; listen [::]:80;
    server_name shop.test www.shop.test;
    error_page 404 /404.html;
    location / { proxy_pass http://10.0.0.7:8080; }
    location = /404.html { internal; return 200 "none"; }
    location /basket/ { proxy_pass http://10.0.0.8:8080; }
    location /old/ { return 301 /basket/; }
    location /office/ { allow 192.0.2.0/24; deny all; proxy_pass http://10.0.0.9:8080; }
    location /team/ { auth_request /_check; proxy_pass http://10.0.0.9:8080; }
    location = /_check { internal; proxy_pass http://10.0.0.3:9000/verify; }
    location /files/ { internal; proxy_pass http://10.0.0.9:8080; }
}
server {
    listen 80; listen 8080;
    server_name api.test;
    location / { proxy_pass http://10.0.0.5:8080; }
}
"""
SHOP = "server_name shop.test www.shop.test;"
BOTH = f"listen 80; listen [::]:80;\n    {SHOP}"
FIRST = "server {\n    listen 80; listen 8080;"
API = "listen 80; listen 8080;\n    server_name api.test;"

USERS = "me:{PLAIN}x\n"

#: What is replaced by what, and the class and the place of the worst group.
STOPS: dict[str, tuple[str, str, str, str]] = {
    "a listener on another port": (API, API.replace("8080", "8081"), "outage", "whole listener *:8080"),
    "a family that is gone": (
        "listen 80 default_server; listen [::]:80 default_server; server_name _",
        "listen 80 default_server; server_name _",
        "access-widened",
        "server name",
    ),
    "everything denied": (SHOP, f"{SHOP} deny all;", "outage", "whole server"),
    "everything missing": (SHOP, f"{SHOP} return 404;", "outage", "whole server"),
    "everything a bad request": (SHOP, f"{SHOP} return 400;", "outage", "whole server"),
    "everything closed": (SHOP, f"{SHOP} return 444;", "outage", "whole server"),
    "everything unavailable": (SHOP, f"{SHOP} return 503;", "outage", "whole server"),
    "a login in front of all": (SHOP, f"{SHOP} auth_basic staging; auth_basic_user_file users.conf;", "outage", "whole server"),
    "all in a circle": (SHOP, f"{SHOP} return 301 http://$host$request_uri;", "outage", "whole server"),
    "all in a circle by TLS": (API, f"{API} return 301 https://$host$request_uri;", "outage", "whole server"),
    "a typo in a name": ("www.shop.test;", "wwww.shop.test;", "outage", "server name"),
    "only a health check is left": (
        SHOP,
        f"{SHOP} deny all; location = /healthz {{ allow all; return 200 ok; }}",
        "outage",
        "whole server",
    ),
    "every browser is a bot": (SHOP, f"{SHOP} if ($http_user_agent ~* mozilla) {{ return 403; }}", "outage", "whole server"),
    "a folder refused": ("location /basket/ {", "location /basket/ { deny all;", "lost", "location /basket/"),
    "a folder missing": ("location /basket/ {", "location /basket/ { return 410;", "lost", "location /basket/"),
    "a redirect gone": ("return 301 /basket/;", "return 404;", "lost", "location /old/  =>  location = /404.html"),
    "a redirect to nothing": ("return 301 /basket/;", "return 301 /404.html;", "lost", "location /old/"),
    "those who were allowed refused": ("allow 192.0.2.0/24; deny all;", "deny all;", "lost", "location /office/"),
    "a folder hidden": (
        "location /old/",
        "location /pages/ { internal; root /srv; } location /old/",
        "lost",
        "location /  =>  location = /404.html",
    ),
    "internal removed": (
        "internal; proxy_pass http://10.0.0.9:8080;",
        "proxy_pass http://10.0.0.9:8080;",
        "access-widened",
        "location = /404.html  =>  location /files/",
    ),
    "a regex takes over": (
        "location = /404.html",
        "location ~ \\.php$ { fastcgi_pass 10.0.0.4:9000; } location = /404.html",
        "access-widened",
        "location = /404.html  =>  location ~ \\.php$",
    ),
    "the door is open": ("allow 192.0.2.0/24; deny all;", "", "access-widened", "location /office/"),
    "the check always agrees": ("proxy_pass http://10.0.0.3:9000/verify;", "return 200;", "auth-subrequest-removed", "location /team/"),
    "a foreign name gets a site": (
        "server { listen 80 default_server; listen [::]:80 default_server; server_name _; return 444; }",
        "",
        "access-widened",
        "server name",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "name", "where"), STOPS.values(), ids=STOPS)
def test_what_stops(old: str, new: str, name: str, where: str) -> None:
    assert SITE.count(old) == 1
    report = check(SITE, SITE.replace(old, new), users=USERS)
    stops = report.gate()
    found = [(each.name, each.reason.where) for each in stops]
    assert (name, where) in found, (found, [(c.name, c.where, c.requests) for c in report.changes])


#: Harmless edits, and what the host is told about them at most.
PASSES: dict[str, tuple[str, str]] = {
    "an added server": (FIRST, f"server {{ listen 80; server_name new.test; return 403; }} {FIRST}"),
    "an added server with a login": (
        FIRST,
        f"server {{ listen 80; server_name new.test; auth_basic x; auth_basic_user_file users.conf; root /srv; }} {FIRST}",
    ),
    "an added name": (SHOP, "server_name shop.test www.shop.test shop.example;"),
    "an added location": ("location /old/", "location /news/ { return 200 news; } location /old/"),
    "an added page for errors": (
        "location /old/",
        "error_page 500 502 /50x.html; location = /50x.html { internal; root /srv; } location /old/",
    ),
    "an added header": (SHOP, f"{SHOP} add_header X-Served-By web1;"),
    "an added redirect": ("location = /404.html", "location = /nothing { return 301 /basket/; } location = /404.html"),
    "a redirect out of the house": ("return 301 /basket/;", "return 301 https://elsewhere.invalid/;"),
    "an added listener": (API, API.replace("8080", "8080; listen 8081")),
    "servers in another order": (
        SITE[SITE.index("server {\n    listen 80; listen 8080;") :],
        "",
    ),
    "another error page": ("/404.html;", "/missing.html;"),
    "an error page for a refusal": ("error_page 404", "error_page 403 /denied.html; error_page 404"),
    "an error page for a refusal that is none by status": ("error_page 404", "error_page 403 =200 /404.html; error_page 404"),
    "a page of its own for a refusal": (
        "location /old/",
        "error_page 403 @no; location @no { return 403 no; } location /old/",
    ),
    "an error page by an upstream": (
        "error_page 404",
        "error_page 403 /denied; location = /denied { internal; proxy_pass http://10.0.0.6:8080; } error_page 404",
    ),
    "a login in front of a folder": (
        "location /basket/ {",
        "location /basket/ { auth_basic basket; auth_basic_user_file users.conf;",
    ),
    "a check in front of a folder": ("location /basket/ {", "location /basket/ { auth_request /_check;"),
    "a check with a redirect to a login": (
        "location /basket/ {",
        "location @login { return 302 /login; } location /basket/ { auth_request /_check; error_page 401 = @login;",
    ),
    "a redirect to a login": ("location /basket/ {", "location /basket/ { return 302 https://sso.invalid/login;"),
    "a login in place of a refusal": ("allow 192.0.2.0/24; deny all;", "auth_request /_check;"),
    "timeouts and logs": (SHOP, f"{SHOP} access_log off; proxy_read_timeout 5s;"),
    "another upstream": ("http://10.0.0.8:8080;", "http://10.0.0.18:8080;"),
    "a permanent redirect": ("return 301 /basket/;", "return 308 /basket/;"),
    "TLS versions of nothing": (SHOP, f"{SHOP} client_max_body_size 2m;"),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new"), PASSES.values(), ids=PASSES)
def test_what_does_not_stop(old: str, new: str) -> None:
    assert SITE.count(old) == 1
    after = SITE.replace(old, new) if new else old + SITE.replace(old, "")
    report = check(SITE, after, users=USERS)
    assert [(each.name, each.reason.example) for each in report.gate()] == []


PAGES = "server { listen 8080; server_name _; location / { return 200 hello; } }"
CANONICAL = "server {{ listen 8080; server_name www.shop.test; return 301 {url}$request_uri; }}"


@pytest.mark.parametrize("url", ["https://shop.test", "http://shop.test:8080"], ids=["TLS in front", "plain"])
def test_a_redirect_in_front_of_the_server_without_a_name_takes_every_host(url: str) -> None:
    """The first server of a socket is its default, so the host that is redirected to is redirected again."""
    report = check(PAGES, CANONICAL.format(url=url) + PAGES)
    assert {each.name for each in report.gate()} & {"outage", "redirect-loop"}
    assert report.gate()[0].name in {"outage", "redirect-loop"}


def test_a_redirect_behind_the_server_without_a_name_takes_its_own_host() -> None:
    assert check(PAGES, PAGES + CANONICAL.format(url="https://shop.test")).gate() == []


@pytest.mark.parametrize("to", ["http://$host", "http://$http_host", "http://shop.test:8080"])
def test_a_redirect_to_itself_on_another_port_stops(to: str) -> None:
    before = "server { listen 8080; server_name shop.test; root /srv; }"
    report = check(before, before.replace("root", f"return 301 {to}$request_uri; root"))
    (stop,) = (each.reason for each in report.gate() if (each.name, each.reason.where) == ("outage", "whole server"))
    assert any("the redirects lead in a circle" in line for line in stop.example.after)


#: What is behind the redirect of /gone, before and after, and the classes of the groups about it, those that stop in capitals.
PAGES_THAT_APPEAR: dict[str, tuple[str, str, set[str]]] = {
    "a redirect of a page that was not there": ("", "location = /gone { return 301 /; }", {"new", "status-changed"}),
    "a redirect in place of 404": ("location = /gone { return 404; }", "location = /gone { return 301 /; }", {"new"}),
    "a redirect in place of 410": ("location = /gone { return 410; }", "location = /gone { return 301 /; }", {"new"}),
    "a redirect elsewhere": (
        "location = /gone { return 404; }",
        "location = /gone { return 302 https://elsewhere.invalid/; }",
        {"new"},
    ),
    "another page after a redirect to nothing": (
        "location = /gone { return 301 /none; } location = /none { return 404; }",
        "location = /gone { return 200 here; } location = /none { return 404; }",
        {"new"},
    ),
    "a page that the configuration hid": (
        "location = /gone { return 404; }",
        "location = /gone { return 200 here; }",
        {"status-changed"},
    ),
    "a redirect to nothing": (
        "location = /gone { return 404; } location = /none { return 404; }",
        "location = /gone { return 301 /none; } location = /none { return 404; }",
        {"status-changed"},
    ),
    "a redirect in a circle": (
        "location = /gone { return 404; }",
        "location = /gone { return 301 /gone; }",
        {"REDIRECT-LOOP"},
    ),
    "a redirect in place of a page": (
        "location = /gone { return 200 here; }",
        "location = /gone { return 301 /; }",
        {"status-changed"},
    ),
    "a page that was refused": (
        "location = /gone { deny all; }",
        "location = /gone { return 200 here; }",
        {"ACCESS-WIDENED"},
    ),
}
APPEARING = """
server {{ listen 80; server_name new.test; location = / {{ return 200 front; }} location / {{ root /srv; try_files $uri =404; }} {} }}
server {{ listen 80; server_name old.test; return 301 http://new.test$request_uri; }}
"""


@pytest.mark.parametrize(("old", "new", "expected"), PAGES_THAT_APPEAR.values(), ids=PAGES_THAT_APPEAR)
def test_a_page_that_was_not_there_and_answers_now_is_new(old: str, new: str, expected: set[str]) -> None:
    report = check(APPEARING.format(old), APPEARING.format(new))
    stops = {id(each.reason) for each in report.gate()}
    found = {
        each.name.upper() if id(each) in stops else each.name
        for each in report.changes
        if "/gone" in each.example.request
    }
    assert found == expected


def test_a_page_that_answers_now_is_new_through_a_redirect_of_its_host() -> None:
    chain = APPEARING.replace(
        "return 301 http://new.test$request_uri;", "location = /gone {{ return 301 http://new.test/gone; }}"
    )
    report = check(chain.format("location = /gone { return 404; }"), chain.format("location = /gone { return 301 /; }"))
    found = {(each.server, each.name) for each in report.changes}
    assert found == {("new.test", "new"), ("old.test", "new")}


#: Redirects to pages of a server that looks for files by `=404`, which leaves no line in the error log.
REDIRECTED = {
    "to a page": "location = /gone { return 301 /new.html; }",
    "to the front page": "location = /gone { return 301 /; }",
    "to a folder": "location = /gone { return 301 /new/; }",
    "of a folder": "location /gone/ { return 301 /new/; }",
    "of a pattern": "location ~ ^/gone/(.*)$ { return 301 /new/$1; }",
    "by a rewrite": "rewrite ^/gone$ /new.html permanent;",
    "by a rewrite in a location": "location /gone/ { rewrite ^/gone/(.*)$ /new/$1 redirect; }",
    "to another host": "location = /gone { return 301 http://old.test/new.html; }",
    "to another host that redirects": "location = /gone { return 301 http://next.test/new.html; }",
    "to an application": "location = /gone { return 301 /index.php; }",
    "to an application that splits its path": "location = /gone { return 301 /split.phtml/a; }",
}
FILES = r"""
server {{
    listen 80; server_name new.test; root /srv; index index.html;
    location / {{ try_files $uri $uri/ =404; }}
    location ~ \.php$ {{ try_files $uri =404; fastcgi_pass unix:/run/app.sock; }}
    location ~ \.phtml(/|$) {{
        fastcgi_split_path_info ^(.+\.phtml)(/.*)$; try_files $fastcgi_script_name =404; fastcgi_pass unix:/run/app.sock;
    }}
    {}
}}
server {{ listen 80; server_name old.test; location / {{ root /srv/old; try_files $uri =404; }} }}
server {{ listen 80; server_name next.test; return 301 http://old.test$request_uri; }}
"""


@pytest.mark.parametrize("added", REDIRECTED.values(), ids=REDIRECTED)
def test_a_redirect_to_a_page_that_only_the_host_has_does_not_stop(added: str) -> None:
    report = check(FILES.format(""), FILES.format(added))
    assert [(each.name, each.reason.example) for each in report.gate()] == []
    assert any(each.name == "new" for each in report.changes)


def test_a_redirect_to_a_page_that_the_configuration_refuses_stops() -> None:
    closed = "location = /closed { return 404; }"
    report = check(FILES.format(closed), FILES.format(f"location = /gone {{ return 301 /closed; }} {closed}"))
    assert [each.name for each in report.gate()] == ["lost"]


BODIES = """
server {{
    listen 80; server_name api.test; client_max_body_size {};
    location /nothing/ {{ return 404 none; }}
    location /api/ {{ proxy_pass http://10.0.0.5:8080; }}
}}
"""


def test_a_smaller_body_is_lost_where_it_was_answered_only() -> None:
    """nginx asks for the announced body, by 100, also where it has its answer already: 404 with a text."""
    stops = [each.reason for each in check(BODIES.format("5m"), BODIES.format("1m")).gate()]
    assert [(each.name, each.where, each.example.before[0][:3]) for each in stops] == [
        ("lost", "location /api/", "200")
    ]


TELLING = """
types {{ {} }}
server {{
    listen 80; server_name shop.test; root /srv; {}
    location / {{ try_files $uri =404; }}
    location /static/ {{ }}
}}
"""
TYPES = "text/html html; text/css css; application/javascript js; image/png png; font/woff2 woff2;"
HIDDEN_FILES = {
    "hidden files": r"location ~ /\. { deny all; }",
    "hidden files that are missing": r"location ~ /\. { return 404; }",
    "hidden folders": r"location ~ /\..*/ { deny all; }",
    "hidden files below any folder": r"location ~ (^|/)\.[^/]+ { return 403; }",
}


@pytest.mark.parametrize("rule", HIDDEN_FILES.values(), ids=HIDDEN_FILES)
def test_challenges_are_what_is_told_of_hidden_files_that_are_lost(rule: str) -> None:
    stops = [each.reason for each in check(TELLING.format(TYPES, ""), TELLING.format(TYPES, rule)).gate()]
    assert stops
    for each in stops:
        assert each.name == "lost"
        assert "/.well-known/acme-challenge/" in each.example.request, each.example.request


def test_a_style_sheet_is_what_is_told_of_types_that_changed() -> None:
    report = check(TELLING.format(TYPES, ""), TELLING.format("text/html html;", ""))
    told = [each.example.request for each in report.changes if each.name == "content-type-changed"]
    assert told
    assert all(request.split()[1].endswith((".css", ".js")) for request in told)


def test_the_filler_of_a_large_header_is_told_by_its_size() -> None:
    small = "large_client_header_buffers 4 1k; client_header_buffer_size 512;"
    report = check(TELLING.format(TYPES, ""), TELLING.format(TYPES, small))
    requests = [each.example.request for each in report.changes if "iller" in each.example.request]
    assert requests
    assert all(" bytes)" in request and len(request) < 160 for request in requests), requests
