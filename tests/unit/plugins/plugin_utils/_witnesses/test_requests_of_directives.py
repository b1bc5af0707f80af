# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The requests that are made for a changed directive: a table from two values to what is sent."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import load_files
from ansible_collections.failsafe.nginx.plugins.plugin_utils._diff import diff
from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes import plan_probes
from ansible_collections.failsafe.nginx.plugins.plugin_utils._witnesses import Witnesses
from ansible_collections.failsafe.nginx.plugins.plugin_utils._witnesses.directive_table import (
    TABLE,
    Answer,
    ByRequest,
    Unexercised,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._witnesses.makers.of_directives import OF_DIRECTIVES
from ansible_collections.failsafe.nginx.plugins.plugin_utils._witnesses.registry import MAKERS
from ansible_collections.failsafe.nginx.plugins.plugin_utils._witnesses.spots import size_of

if t.TYPE_CHECKING:
    from ansible_collections.failsafe.nginx.plugins.module_utils._wire.probes import Probe

PASSED = "server {{ server_name shop.test; location / {{ {} proxy_pass http://app.internal; }} }}"
FILES = "server {{ server_name shop.test; root /srv/shop; location / {{ {} }} }}"
SERVER = "server {{ {} server_name shop.test; location /api/ {{ proxy_pass http://app.internal; }} }}"
CACHED = "proxy_cache_path /c keys_zone=c:1m; server {{ server_name shop.test; location / {{ proxy_cache c; {} proxy_pass http://app.internal; }} }}"


def witnesses(site: str, before: str, after: str) -> list[Probe]:
    """Return the witnesses of a change in the order in which they are sent."""
    old, new = (
        load_files({"nginx.conf": f"events {{}} http {{ {site.format(each)} }}".encode()}, config_dir="/etc/nginx")
        for each in (before, after)
    )
    changes = diff(old, new).changes
    plan = plan_probes(old, new, witnesses=Witnesses(changes))
    wanted = {probe for found in plan.witnesses.values() for probe in found}
    return [probe for probe in plan.probes if probe.id in wanted]


def shown(probe: Probe) -> str:
    """Write a probe as its table line: method, target, headers, then what the upstream answers."""
    words = [probe.method, probe.target, *(f"{name}={value}" for name, value in probe.headers)]
    for answer in probe.answers:
        fields = [f"{name}={value}" for name, value in answer.headers]
        words += ["<", "down" if answer.down else str(answer.status), *fields]
        words += [repr(answer.body)] if answer.body else []
    return " ".join(word if len(word) < 60 else f"{word[:10]}*{len(word)}" for word in words)


#: Site, value before, value after, some of the requests that are made.
CASES = [
    (
        SERVER,
        "client_max_body_size 20m;",
        "",
        ["POST / Content-Length=1048577 Expect=100-continue", "POST /api/ Content-Length=1048577 Expect=100-continue"],
    ),
    (SERVER, "client_max_body_size 0;", "client_max_body_size 5m;", ["POST / Content-Length=5242881 Expect=100-continue"]),
    (
        SERVER,
        "large_client_header_buffers 4 32k;",
        "",
        ["GET / X-Filler=x*8201", "GET / Cookie=fil*8206", "GET /?filler=x*8201"],
    ),
    (
        SERVER,
        "large_client_header_buffers 2 8k;",
        "large_client_header_buffers 4 8k;",
        ["GET / X-Filler-0*4926 X-Filler-1*4926 X-Filler-2*4926"],
    ),
    (SERVER, "underscores_in_headers on; add_header A $http_api_key;", "add_header A $http_api_key;", ["GET / X_Probe=1 api_key=1"]),
    (SERVER, "ignore_invalid_headers off;", "", ["GET / X.Probe=1"]),
    (SERVER, "", "merge_slashes off;", ["GET //api/", "GET /%2Fapi/", "GET //api//"]),
    (PASSED, "proxy_buffer_size 16k;", "", ["GET / < 200 X-Filler=x*4105"]),
    (
        PASSED,
        "proxy_cookie_domain internal.test shop.test;",
        "proxy_cookie_domain internal.test shop.example;",
        [
            "GET / < 200 Set-Cookie=probe=1; Domain=upstream.invalid; Path=/probe Set-Cookie=probe0=1; Domain=internal.test; Path=/"
        ],
    ),
    (
        PASSED,
        "proxy_cookie_path /app/ /;",
        "proxy_cookie_flags sid httponly;",
        [
            "GET / < 200 Set-Cookie=probe=1; Domain=upstream.invalid; Path=/probe Set-Cookie=probe0=1; Path=/app/",
            "GET / < 200 Set-Cookie=probe=1; Domain=upstream.invalid; Path=/probe Set-Cookie=sid=1; Path=/",
        ],
    ),
    (
        PASSED,
        "",
        "proxy_redirect http://legacy.internal/ /old/;",
        ["GET / < 302 Location=http://legacy.internal/x", "GET / < 302 Location=http://app.internal/x"],
    ),
    (PASSED, "", "proxy_hide_header X-Powered-By;", ["GET / < 200 X-Powered-By=probe"]),
    (PASSED, "", "proxy_pass_header Server;", ["GET / < 200 Server=probe"]),
    (
        PASSED,
        "error_page 404 /404.html;",
        "error_page 404 /404.html; proxy_intercept_errors on;",
        ["GET / < 404", "GET / < 200"],
    ),
    (PASSED, "", "error_page 502 /502.html;", ["GET / < down"]),
    (FILES, "", "error_page 404 405 413 /sorry.html;", ["GET /missing-probe", "POST /"]),
    (
        PASSED,
        "sub_filter a.test b.test;",
        "sub_filter a.test c.test;",
        [
            ("GET / < 200 Content-Type=text/html Last-Modified=Thu, 01 Jan 1970 00:00:01 GMT"
             " '<p>a.test</p><p>a.test</p>\\n'"),
        ],
    ),
    (PASSED, "", "charset utf-8;", ["GET / < 200 Content-Type=text/html '<html><body>probe</body></html>\\n'"]),
    (PASSED, "gzip on;", "gzip on; gzip_types text/css;", ["GET / Accept-Encoding=gzip < 200 Content-Type=text/css 'xxxxxxxxx*2050"]),
    (FILES, "", "gzip_static on;", ["GET / Accept-Encoding=gzip", "GET /"]),
    (PASSED, "", "gunzip on;", ["GET / < 200 Content-Type=text/html Content-Encoding=gzip 'probe\\n'"]),
    (
        PASSED,
        "",
        "proxy_http_version 1.1;",
        [
            ("GET / Upgrade=websocket Connection=Upgrade Sec-WebSocket-Version=13"
             " Sec-WebSocket-Key=dGhlIHNhbXBsZSBub25jZQ=="),
        ],
    ),
    (PASSED, "", "proxy_set_header X-Token $http_token;", ["GET /", "GET / Token=x"]),
    (
        PASSED,
        "",
        "add_header Access-Control-Allow-Origin *;",
        [
            ("OPTIONS / Origin=https://origin.invalid Access-Control-Request-Method=PUT"
             " Access-Control-Request-Headers=content-type"),
            "GET / < 404",
        ],
    ),
    (PASSED, "limit_except GET { deny all; }", "limit_except GET PUT { deny all; }", ["PUT /", "DELETE /", "HEAD /"]),
    (
        FILES,
        "",
        "valid_referers none *.shop.test; if ($invalid_referer) { return 403; }",
        [
            "GET /",
            "GET / Referer=https://foreign.invalid/",
            "GET / Referer=https://sub.shop.test",
        ],
    ),
    (FILES, "", "auth_basic staff; auth_basic_user_file users;", ["GET /", "GET / Authorization=Basic cHJvYmU6cHJvYmU="]),
    (FILES, "", "max_ranges 2;", ["GET / Range=bytes=0-0,2-2", "GET / Range=bytes=0-0,2-2,4-4"]),
    (FILES, "", "if_modified_since off;", ["GET / If-Modified-Since=Tue, 19 Jan 2038 03:14:07 GMT"]),
    (SERVER, "", "absolute_redirect off;", ["GET /api"]),
    (
        FILES,
        'secure_link $arg_md5,$arg_expires; secure_link_md5 "a$uri";',
        'secure_link $arg_md5,$arg_expires; secure_link_md5 "b$uri";',
        [
            "GET /?md5=HGs0KLptojZCqP1DwNJ8uQ&expires=2147483647",
            "GET /?md5=qKbtLZSG71b2uzLguPt0Dg&expires=2147483647",
            "GET /?md5=wrong",
        ],
    ),
    (
        CACHED,
        "proxy_cache_key $uri$cookie_lang;",
        "proxy_cache_key $uri;",
        [
            "GET /cache-0 < 200 X-Accel-Expires=60 Cache-Control=max-age=60 'answer 0\\n'",
            "GET /cache-0 < 200 X-Accel-Expires=60 Cache-Control=max-age=60 'answer 1\\n'",
            "GET /cache-0 Cookie=lang=1 < 200 X-Accel-Expires=60 Cache-Control=max-age=60 'answer 2\\n'",
        ],
    ),
    (
        CACHED,
        "",
        "proxy_cache_bypass $cookie_fresh;",
        [
            "GET /cache-0-0-0 < 200 X-Accel-Expires=60 Cache-Control=max-age=60 'answer 0\\n'",
            "GET /cache-0-0-0 Cookie=fresh=1 < 200 X-Accel-Expires=60 Cache-Control=max-age=60 'answer 1\\n'",
        ],
    ),
    (
        CACHED,
        "proxy_cache_valid 200 1m;",
        "proxy_cache_valid 200 404 1m;",
        [
            "GET /cache-0-get-404 < 404 X-Accel-Expires=none 'answer 0\\n'",
            "GET /cache-0-get-404 < 404 X-Accel-Expires=none 'answer 1\\n'",
        ],
    ),
    (
        CACHED,
        "",
        "proxy_ignore_headers Set-Cookie;",
        ["GET /cache-0-0 < 200 Set-Cookie=probe=1 Cache-Control=max-age=60 X-Accel-Expires=none 'answer 1\\n'"],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("site", "before", "after", "wanted"), CASES, ids=[case[2] or case[1] for case in CASES])
def test_a_changed_directive_has_these_requests(site: str, before: str, after: str, wanted: list[str]) -> None:
    made = [shown(probe) for probe in witnesses(site, before, after)]
    assert [each for each in wanted if each not in made] == [], made


def test_requests_of_a_cache_are_sent_in_their_order() -> None:
    made: dict[str, list[str]] = {}
    for probe in witnesses(CACHED, "proxy_cache_key $uri$cookie_a;", "proxy_cache_key $uri;"):
        made.setdefault(probe.target.partition("?")[0], []).append(probe.answers[0].body)
    assert list(made) == ["/cache-0"]
    assert made["/cache-0"] == [f"answer {number}\n" for number in range(6)]


def test_every_maker_of_requests_is_for_a_directive() -> None:
    named = {sight.maker for sight in TABLE.values() if isinstance(sight, (Answer, ByRequest, Unexercised))}
    assert OF_DIRECTIVES.keys() <= named
    assert OF_DIRECTIVES.keys() <= MAKERS.keys()


def test_a_block_with_its_own_value_is_not_asked_for_the_one_of_its_server() -> None:
    site = "server {{ {} location /own/ {{ client_max_body_size 1k; return 200; }} location /rest/ {{ return 200; }} }}"
    made = {probe.target for probe in witnesses(site, "client_max_body_size 2m;", "client_max_body_size 9m;")}
    assert made == {"/", "/rest/"}


@pytest.mark.parametrize(
    ("text", "bytes_"), [("1", 1), ("8k", 8192), ("2M", 2097152), ("1g", 1073741824), ("", None), ("4x", None)]
)
def test_a_size_is_read_as_nginx_reads_it(text: str, bytes_: int | None) -> None:
    assert size_of(text) == bytes_
