# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the search for loops leaves out never leads anywhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import load_text
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint import lint
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis import loop_requests

FIXTURES = [
    path.read_bytes()
    for path in sorted((Path(__file__).parent / "fixtures").glob("*/*/*.conf"))
    if path.parts[-3] != "file-encoding"
]
LINES = (
    b"recursive_error_pages on;",
    b"error_page 404 /x;",
    b"error_page 403 404 =200 /y/;",
    b"error_page 405 =301 /z;",
    b"location / {",
    b"location /a/ { proxy_pass http://127.0.0.1:81; }",
    b"location @app { proxy_pass http://127.0.0.1:81; }",
    b"location @app { deny all; error_page 403 /; proxy_pass http://127.0.0.1:81; }",
    b"}",
    b"return 404;",
    b"return 403;",
    b"deny all;",
    b"limit_except GET { deny all; }",
    b"internal;",
    b"try_files $uri $uri/ @app;",
    b"try_files $uri /index.html;",
    b"index a.html;",
    b"satisfy any;",
    b"server_name_in_redirect on;",
)


def with_lines(data: bytes, places: list[tuple[int, bytes]]) -> bytes:
    lines = data.split(b"\n")
    for place, line in places:
        lines.insert(place % (len(lines) + 1), line)
    return b"\n".join(lines)


#: Each part of the shortcut has a configuration that only it decides rightly.
DECIDED = (
    b"location / { return 404; } error_page 404 /x;",
    b"location / { deny all; error_page 403 /x; proxy_pass http://127.0.0.1; }",
    b"location / { error_page 404 /x; }",
    b"location / { internal; error_page 404 /x; recursive_error_pages on; }",
    b"location / { try_files $uri @a; deny all; } location @a { proxy_pass http://127.0.0.1; } error_page 403 @a;",
    b"location / { limit_except POST { deny all; } error_page 403 /x; return 204; } recursive_error_pages on;",
    b"location / { try_files $uri @a; } location @a { deny all; error_page 403 /y; proxy_pass http://127.0.0.1; }",
    # A sample with a slash at its end is simulated anyway; these have none.
    b"location = /x { try_files $uri @a; } location @a { deny all; error_page 403 /x; proxy_pass http://127.0.0.1; }",
    b"location = /x { deny all; try_files $uri @a; error_page 403 /x; } location @a { proxy_pass http://127.0.0.1; }",
)


def both_ways(data: bytes) -> None:
    config = load_text(data)
    short = lint(config)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop_requests, "_ends_here", lambda *_args: False)
        assert short == lint(config)


@pytest.mark.parametrize("body", DECIDED)
def test_the_shortcut_finds_the_same_here(body: bytes) -> None:
    both_ways(b"server { listen 80; recursive_error_pages on; " + body + b" }")


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(FIXTURES),
    st.lists(st.tuples(st.integers(0, 60), st.sampled_from(LINES)), min_size=1, max_size=5),
)
def test_the_shortcut_finds_the_same_anywhere(data: bytes, places: list[tuple[int, bytes]]) -> None:
    both_ways(with_lines(data, places))
