# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files on the way of a request, and those that both worlds have."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.failsafe.nginx.plugins.module_utils._wire.probes import ListenSocket, Probe, StubAnswer
from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import load_files
from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.files import FileFinder, FoundFiles
from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes.made_files import made_up_files

if t.TYPE_CHECKING:
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Config

PHP = r"location ~ \.php$ { try_files $uri =404; fastcgi_pass unix:/run/app.sock; }"

# What is in the server, the target, and the files: those that the configuration names have a "!" in front.
CASES: dict[str, tuple[str, str, set[str]]] = {
    "a page": ("root /srv/a;", "/x/y.css", {"/srv/a/x/y.css"}),
    "a slash too many": ("root /srv/a/;", "/x", {"/srv/a/x"}),
    "no root": ("", "/x", {"html/x"}),
    "a relative root": ("root pages;", "/x", {"pages/x"}),
    "the front page": ("root /srv/a;", "/", {"!/srv/a/index.html"}),
    "a folder": ("root /srv/a; index start.htm;", "/d/", {"/srv/a/d/start.htm"}),
    "a root of a location": ("root /srv/a; location /x/ { root /srv/b; }", "/x/1", {"/srv/b/x/1"}),
    "an alias": ("location /x/ { alias /srv/b/; }", "/x/1", {"/srv/b/1"}),
    "an alias without its slash": ("location /x/ { alias /srv/b; }", "/x/1", {"/srv/b1"}),
    "an alias of a regex": (r"location ~ ^/u/(\w+)/(.*)$ { alias /home/$1/www/$2; }", "/u/ann/1", {"/home/ann/www/1"}),
    "a root of variables": ("root /srv/$host/www;", "/x", {"/srv/www.example.com/www/x"}),
    "compressed copies": (
        "root /srv/a; gzip_static on; location / { try_files $uri /index.html; } location /raw/ { gzip_static off; }",
        "/x",
        {"/srv/a/x", "/srv/a/x.gz", "!/srv/a/index.html", "!/srv/a/index.html.gz"},
    ),
    "no compressed copy": ("root /srv/a; gzip_static on; location /raw/ { gzip_static off; }", "/raw/x", {"/srv/a/raw/x"}),
    "a fallback": (
        "root /srv/a; location / { try_files $uri $uri/ /index.html; }",
        "/x",
        {"/srv/a/x", "!/srv/a/index.html"},
    ),
    "a fallback in an alias": (
        "location /x/ { alias /srv/b/; try_files $uri /x/all.html; }",
        "/x/1",
        {"/srv/b/1", "!/srv/b/all.html"},
    ),
    "a file that is named in an alias": (
        "location /x/ { alias /srv/b/; try_files $uri one.html =404; }",
        "/x/1",
        {"/srv/b/1", "!/srv/b/one.html"},
    ),
    "other endings": (
        "root /srv/a; location / { try_files $uri $uri.html $uri/ =404; }",
        "/x",
        {"/srv/a/x", "/srv/a/x.html"},
    ),
    "a named location": (
        "root /srv/a; location / { try_files $uri @old; } location @old { root /srv/o; }",
        "/x",
        {"/srv/a/x", "/srv/o/x"},
    ),
    "an application": ("root /srv/a; " + PHP, "/x.php", {"/srv/a/x.php"}),
    "an application behind a fallback": (
        "root /srv/a; index index.html index.php; location / { try_files $uri $uri/ /index.php?$args; }" + PHP,
        "/x",
        {"/srv/a/x", "!/srv/a/index.php"},
    ),
    "the front page of an application": (
        "root /srv/a; index index.html index.php; location / { try_files $uri $uri/ =404; }" + PHP,
        "/",
        {"!/srv/a/index.php"},
    ),
    "a rewrite": (
        "location /d/ { rewrite ^/d/(.*)$ /p/$1 last; } location /p/ { root /srv/w; }",
        "/d/1",
        {"/srv/w/p/1"},
    ),
    "a rewrite to one page": (
        "location /d/ { rewrite ^ /one.html last; } root /srv/w;",
        "/d/1",
        {"!/srv/w/one.html"},
    ),
    "a test for a file": (
        "root /srv/a; if (!-f $request_filename) { rewrite ^ /index.html last; }",
        "/x",
        {"/srv/a/x", "!/srv/a/index.html"},
    ),
    "a switch of operators": ("root /srv/a; if (-f $document_root/off.html) { return 503; }", "/x", {"/srv/a/x"}),
    "an error page": ("root /srv/a; error_page 404 /404.html;", "/x", {"/srv/a/x", "!/srv/a/404.html"}),
    "an upstream": ("root /srv/a; location / { proxy_pass http://app; }", "/x", set()),
    "a redirect": ("root /srv/a; location / { return 301 /y; }", "/x", set()),
    "internal": ("root /srv/a; location /i/ { internal; root /srv/i; }", "/i/1", set()),
}  # fmt: skip


def config_of(*servers: str) -> Config:
    text = "events {}\nhttp {\n" + "".join(
        f"server {{ listen 80; server_name {'www' if not number else f's{number}'}.example.com; {server} }}\n"
        for number, server in enumerate(servers)
    )
    return load_files({"nginx.conf": (text + "}\n").encode()}, config_dir="/etc/nginx")


def probe(target: str, host: str = "www.example.com", **other: t.Any) -> Probe:
    return Probe(target, ListenSocket("0.0.0.0"), target=target, host=host, **other)


def files_of(config: Config, asked: Probe) -> FoundFiles:
    finder = FileFinder(config)
    arrival = finder.arrival(asked)
    assert arrival is not None
    return finder.files(arrival)


@pytest.mark.parametrize("case", CASES)
def test_the_files_on_the_way_of_a_request(case: str) -> None:
    server, target, expected = CASES[case]
    found = files_of(config_of(server), probe(target))
    assert {("!" if named else "") + path for path, named in found.paths.items()} == expected
    assert found.complete


def test_pages_for_the_failure_of_an_upstream_are_on_the_way_of_a_request_that_makes_it_fail() -> None:
    config = config_of(
        "error_page 502 /sorry.html; location / { proxy_pass http://app; } location = /sorry.html { root /srv/e; }"
    )
    failing = probe("/x", answers=[StubAnswer(down=True)])
    assert files_of(config, failing).paths == {"/srv/e/sorry.html": True}
    assert files_of(config, probe("/x")).paths == {}


@pytest.mark.parametrize(
    "server",
    ["root /srv/$cookie_site;", "location / { try_files /$http_x =404; }", "if ($http_x) { rewrite ^ /y; }", "index $http_x;"],
)  # fmt: skip
def test_what_the_configuration_does_not_tell_is_said(server: str) -> None:
    assert not files_of(config_of(server), probe("/")).complete


# The server before and after, and the files that are there.
PAIRS: dict[str, tuple[str, str, set[str]]] = {
    "a fallback that was mistyped": (
        "root /srv/a; location / { try_files $uri /index.html; }",
        "root /srv/a; location / { try_files $uri /index.htm; }",
        {"/srv/a/x", "/srv/a/index.html"},
    ),
    "a root that was mistyped is another folder": (
        "root /srv/a/www; location / { }",
        "root /srv/a/wwww; location / { }",
        {"/srv/a/www/x", "/srv/a/www/index.html", "/srv/a/wwww/x", "/srv/a/wwww/index.html"},
    ),
    "a root above": (
        "root /srv/a/www; location / { }",
        "root /srv/a; location / { }",
        {"/srv/a/www/x", "/srv/a/www/index.html"},
    ),
    "an alias that lost its slash": (
        "location / { alias /srv/a/; }",
        "location / { alias /srv/a; }",
        {"/srv/a/x", "/srv/a/index.html"},
    ),
    "copies beside the files": (
        "root /srv/a; location / { }",
        "root /srv/a; gzip_static always; location / { }",
        {"/srv/a/x", "/srv/a/x.gz", "/srv/a/index.html", "/srv/a/index.html.gz"},
    ),
    "no copy beside a file that is not there": (
        "root /srv/a; location / { try_files /index.html =404; }",
        "root /srv/a; location / { gzip_static on; try_files /index.htm =404; }",
        {"/srv/a/index.html"},
    ),
    "a location that is new": (
        "root /srv/a; location / { try_files $uri /index.html; }",
        "root /srv/a; location / { try_files $uri /index.html; } location /x { try_files $uri /other.html; }",
        {"/srv/a/x", "/srv/a/index.html", "/srv/a/other.html"},
    ),
    "an upstream that became files": (
        "location / { proxy_pass http://app; }",
        "location / { root /srv/a; }",
        {"/srv/a/x", "/srv/a/index.html"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", PAIRS)
def test_both_configurations_have_the_same_files(case: str) -> None:
    before, after, expected = PAIRS[case]
    found, unknown = made_up_files(config_of(before), config_of(after), [probe("/x"), probe("/")])
    assert ({file.path for file in found}, unknown) == (expected, [])


def test_requests_of_servers_that_did_not_change_have_no_files_but_those_that_users_wrote_down() -> None:
    before, after = config_of("root /srv/a;", "root /srv/b;"), config_of("root /srv/a;", "root /srv/b; expires 1h;")
    asked = [probe("/x"), probe("/y", origin="expect"), probe("/x", "s1.example.com")]
    found, _unknown = made_up_files(before, after, asked)
    assert {file.path: file.probes for file in found} == {"/srv/a/y": [1], "/srv/b/x": [2]}


def test_what_stands_outside_of_servers_is_about_all_of_them() -> None:
    found, _unknown = made_up_files(
        config_of("root /srv/a;"), config_of("root /srv/a; } map $uri $x { default 1;"), [probe("/x")]
    )
    assert [file.path for file in found] == ["/srv/a/x"]


def test_a_path_that_is_the_folder_of_another_file_is_a_folder() -> None:
    found, _unknown = made_up_files(None, config_of("root /srv/a;"), [probe("/x"), probe("/x/y"), probe("/")])
    assert {file.path: file.named for file in found} == {"/srv/a/x/y": False, "/srv/a/index.html": True}
