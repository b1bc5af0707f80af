# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The gate and the limits of a site, on a real nginx: what an unchanged limit refuses is no failure, what a new one refuses is."""

from __future__ import annotations

import contextlib
import http.client
import threading
import typing as t

import pytest
from real_site import OTHER, PORT, Site
from test_gate_on_nginx import NAME, activate, start, vhost

if t.TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.nginx

BY_ADDRESS = "limit_req_zone $binary_remote_addr zone=it:1m rate={};\n"
FOR_ALL = "limit_req_zone $server_name zone=it:1m rate={};\n"
PAGES = "location / { return 200 a; } location /login { return 200 b; } location /search { return 200 c; }"
# `return` answers before limits are looked at: files are limited.
FILES = "location / { root PAGES; } location /login/ { root PAGES; } location /search/ { root PAGES; }"


class Case(t.NamedTuple):
    """Words of `http`, of the server, and paths that user checks ask for; `after` replaces words in the candidate."""

    http: str
    server: str
    paths: tuple[str, ...] = ("/login/",)
    after: tuple[str, str] = ("", "")


HARMLESS = {
    "http, 1r/s": Case(BY_ADDRESS.format("1r/s") + "limit_req zone=it;\n", FILES),
    "server, burst without delay": Case(BY_ADDRESS.format("1r/s"), "limit_req zone=it burst=2 nodelay; " + FILES),
    "location, burst with delay": Case(
        BY_ADDRESS.format("2r/s"),
        "location /login/ { limit_req zone=it burst=2; root PAGES; } location / { root PAGES; }",
    ),
    "one connection": Case(
        "limit_conn_zone $binary_remote_addr zone=few:1m;\n", "limit_conn few 1; " + FILES, ("/", "/login/", "/search/")
    ),
    "locations share a zone": Case(
        BY_ADDRESS.format("1r/s"),
        "location / { root PAGES; } location /login/ { limit_req zone=it; root PAGES; } location /search/ { limit_req zone=it; root PAGES; }",
        ("/login/", "/search/"),
    ),
    "429": Case(BY_ADDRESS.format("1r/s"), "limit_req_status 429; limit_req zone=it; " + FILES),
    "a key by a map": Case(
        "map $http_user_agent $caller { default $binary_remote_addr; good 1; }\nlimit_req_zone $caller zone=it:1m rate=1r/s;\n",
        "limit_req zone=it; " + FILES,
    ),
    "dry run": Case(BY_ADDRESS.format("1r/m"), "limit_req_dry_run on; limit_req zone=it; " + FILES),
    "two listeners": Case(BY_ADDRESS.format("1r/s"), f"listen 127.0.0.1:{OTHER}; limit_req zone=it; " + FILES),
    "an error page hides the status": Case(
        BY_ADDRESS.format("1r/s"),
        "error_page 503 =404 /busy; location = /busy { return 404 busy; } limit_req zone=it; " + FILES,
    ),
    "an error page with 200": Case(
        BY_ADDRESS.format("1r/s"),
        "error_page 503 =200 /busy; location = /busy { return 200 busy; } limit_req zone=it; " + FILES,
    ),
    "not logged": Case(BY_ADDRESS.format("1r/s"), "limit_req_log_level info; limit_req zone=it; " + FILES),
    "one in a minute": Case(BY_ADDRESS.format("1r/m"), "limit_req zone=it; " + FILES),
    "a redirect to a limited page": Case(
        BY_ADDRESS.format("1r/s"),
        "location = / { return 302 /login/; } location /login/ { limit_req zone=it; root PAGES; } location /search/ { root PAGES; }",
    ),
    "another rate": Case(BY_ADDRESS.format("2r/s"), "limit_req zone=it; " + FILES, after=("rate=2r/s", "rate=3r/s")),
}


def files_of(site: Site) -> str:
    pages = site.top / "pages"
    for name in ("", "login/", "search/"):
        (pages / name).mkdir(parents=True, exist_ok=True)
        (pages / name / "index.html").write_text("a page")
    return str(pages)


def checks(*paths: str) -> list[dict[str, t.Any]]:
    return [
        {
            "name": f"check {path}",
            "url": f"http://{NAME}:{PORT}{path}",
            "address": f"127.0.0.1:{PORT}",
            "body": "a page",
        }
        for path in paths
    ]


@pytest.mark.parametrize("case", HARMLESS.values(), ids=HARMLESS)
def test_a_harmless_change_passes(site: Site, case: Case) -> None:
    pages = files_of(site)
    old = (case.http + vhost(case.server)).replace("PAGES", pages)
    start(site, user="root", a=old)
    new = (case.http + vhost("add_header X-New 1; " + case.server)).replace("PAGES", pages).replace(*case.after)
    found = activate(site, {"vhosts/a.conf": new}, checks=checks(*case.paths))
    assert found["ok"], found
    assert found["failed"] == []


INTRODUCED = {
    "one in a minute for all clients": Case(
        FOR_ALL.format("1r/m"), FILES, after=("; server_name", "; limit_req zone=it; server_name")
    ),
    "by a map's default": Case(
        'map $http_x_bot $bot { default ""; 1 bot; }\nlimit_req_zone $bot zone=it:1m rate=1r/m;\n',
        "limit_req zone=it; " + FILES,
        after=('default ""', "default everyone"),
    ),
    "in a location of a pattern": Case(
        BY_ADDRESS.format("1r/m"),
        FILES + " location ~ ^/login/ { root PAGES; }",
        after=("~ ^/login/ {", "~ ^/login/ { limit_req zone=it;"),
    ),
    "not logged": Case(
        FOR_ALL.format("1r/m") + "limit_req_log_level info;\n",
        FILES,
        after=("; server_name", "; limit_req zone=it; server_name"),
    ),
    "behind an error page": Case(
        FOR_ALL.format("1r/m"),
        "error_page 503 =404 /busy; location = /busy { return 404 busy; } " + FILES,
        after=("; server_name", "; limit_req zone=it; server_name"),
    ),
    "a slower rate": Case(
        BY_ADDRESS.format("100r/s"), "limit_req zone=it burst=50; " + FILES, after=("100r/s", "1r/m")
    ),
}
INTRODUCED["a slower rate"] = INTRODUCED["a slower rate"]._replace(
    after=("rate=100r/s;", "rate=1r/m;"), server="limit_req zone=it; " + FILES
)


@pytest.mark.parametrize("case", INTRODUCED.values(), ids=INTRODUCED)
def test_what_a_new_limit_refuses_is_not_excused(site: Site, case: Case) -> None:
    old = (case.http + vhost(case.server)).replace("PAGES", files_of(site))
    start(site, user="root", a=old)
    assert case.after[0] in old
    found = activate(site, {"vhosts/a.conf": old.replace(*case.after)}, checks=checks(*case.paths))
    assert not found["ok"], found
    assert {each["name"] for each in found["failed"]} == {"check /login/"}


@contextlib.contextmanager
def clients() -> Iterator[None]:
    """Ask for the front page all the time, as the visitors of a site do."""
    stopped = threading.Event()

    def visit() -> None:
        while not stopped.wait(0.02):
            with contextlib.suppress(OSError):
                connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=5)
                connection.request("GET", "/", headers={"Host": f"{NAME}:{PORT}"})
                connection.getresponse().read()
                connection.close()

    visitor = threading.Thread(target=visit)
    visitor.start()
    try:
        yield
    finally:
        stopped.set()
        visitor.join()


def test_a_new_limit_that_all_clients_share_fails_the_default_probes(site: Site) -> None:
    """Without a check: each probe is one request, and gets the refusal that each visitor gets."""
    old = (FOR_ALL.format("1r/s") + vhost(FILES)).replace("PAGES", files_of(site))
    start(site, user="root", a=old)
    with clients():
        found = activate(site, {"vhosts/a.conf": old.replace("; server_name", "; limit_req zone=it; server_name")})
    assert not found["ok"], found
    assert "got 503" in found["reason"]


def test_a_gate_that_cannot_ask_says_so(site: Site) -> None:
    """All clients share the limit before and after: what it refuses is told, and is no failure."""
    old = (FOR_ALL.format("1r/s") + vhost("limit_req zone=it; " + FILES)).replace("PAGES", files_of(site))
    start(site, user="root", a=old)
    with clients():
        found = activate(
            site,
            {"vhosts/a.conf": old.replace("; server_name", "; add_header X-New 1; server_name")},
            checks=checks("/login/"),
        )
    assert found["ok"], found
    assert "could not be asked because of limits of the configuration" in found["reason"]
    assert any("by a limit of the configuration" in each for each in found["unasked"])
