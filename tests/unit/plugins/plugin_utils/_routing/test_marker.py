# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import Config, load_files
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing import RouteError
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.marker import Block, instrument

NGINX = shutil.which("nginx") or "/usr/sbin/nginx"


def load(name: str) -> t.Any:
    full = f"failsafe_test_{name}"
    if full not in sys.modules:
        spec = importlib.util.spec_from_file_location(
            full, next(folder / f"{name}.py" for folder in Path(__file__).parents if (folder / f"{name}.py").is_file())
        )
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules[full] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules[full]


def config_of(files: dict[str, bytes | str]) -> Config:
    encoded = {name: text.encode() if isinstance(text, str) else text for name, text in files.items()}
    return load_files(encoded, config_dir="/etc/nginx")


def ids(markers: dict[str, Block], kind: str) -> list[str]:
    return [block.text for block in markers.values() if block.kind == kind]


SITE = r"""
server { # a comment
    listen 80; server_name a.test;
    if ($http_x = "}") { set $a 1; return 403; }
    location ~ "^/x{1,2}/(.*)$" { return 200 $1; }
    location / { location /deep/ { access_log off; limit_except GET { access_log off; deny all; } } }
}
"""


def test_blocks_are_named_with_their_place_and_server() -> None:
    _files, markers = instrument(config_of({"nginx.conf": f"events {{}} http {{ {SITE} server {{}} }}"}))
    assert ids(markers, "server") == ["server a.test", "server"]
    assert ids(markers, "location") == ["location ~ ^/x{1,2}/(.*)$", "location /", "location /deep/"]
    assert ids(markers, "if") == ["if ($http_x = })"]
    deep = next(block for block in markers.values() if block.text == "location /deep/")
    outer = next(block for block in markers.values() if block.text == "location /")
    assert deep.around == (outer.place,)
    assert deep.servers == (next(iter(markers)),)
    assert (outer.place.file, outer.place.line) == ("nginx.conf", 6)


def test_lines_stay_where_they_are() -> None:
    before = f"events {{}}\nhttp {{\n{SITE}}}\n"
    files, _markers = instrument(config_of({"nginx.conf": before}))
    after = files["nginx.conf"].decode()
    assert after.count("\n") == before.count("\n")
    # Without the insertions the text is the original again.
    undone = re.sub(
        r'uninitialized_variable_warn off;|log_format failsafe_\S+ "[^"]*";|set \$failsafe_trace "[^"]*";'
        r"|access_log /run/failsafe-trace.log failsafe_\S+?;",
        "",
        after,
    )
    assert undone == before.replace("access_log off;", "")


def test_a_shared_snippet_has_one_marker_and_every_server() -> None:
    files = {
        "nginx.conf": "events {} http { server { include s; } server { include s; } }",
        "s": "location /s { return 204; }",
    }
    changed, markers = instrument(config_of(dict(files)))
    snippet = next(block for block in markers.values() if block.text == "location /s")
    assert len(snippet.servers) == 2
    assert changed["s"].count(b"set $failsafe_trace") == 1


def test_blocks_with_a_log_of_their_own_log_for_their_location() -> None:
    text = "events {} http { server { location / { if ($a) { access_log a; } limit_except GET { access_log off; } } } }"
    changed, markers = instrument(config_of({"nginx.conf": text}))
    location = next(block for block in markers.values() if block.kind == "location")
    log = f"access_log /run/failsafe-trace.log failsafe_{location.id};"
    assert changed["nginx.conf"].decode().count(log) == 3


def test_files_without_a_block_are_left_alone() -> None:
    files = {"nginx.conf": "events {} http { include a; server {} }", "a": "gzip on;"}
    assert set(instrument(config_of(dict(files)))[0]) == {"nginx.conf"}


@pytest.mark.parametrize(
    "text",
    ["", "events {}", "events {} http { }", "events {} http { upstream a { server b; } }", "stream { server { } }"],
)
def test_nothing_to_mark_changes_nothing(text: str) -> None:
    assert instrument(config_of({"nginx.conf": text})) == ({}, {})


def test_a_snippet_that_stream_reads_too_is_left_alone() -> None:
    both = {
        "nginx.conf": "events {} stream { include both; } http { include both; server { listen 81; } }",
        "both": "server { listen 80; }",
    }
    changed, markers = instrument(config_of(dict(both)))
    assert set(changed) == {"nginx.conf"}
    assert [block.place.file for block in markers.values()] == ["nginx.conf"]


LATIN = "server { # caf\xe9 \xe9\n location /\xfc { if ($arg_\x61) { return 403; } } }".encode("latin-1")


def test_a_file_that_is_no_utf8_is_marked_by_its_bytes_only() -> None:
    files: dict[str, bytes | str] = {"nginx.conf": "events {} http { include l; server {} }", "l": LATIN}
    config = config_of(files)
    changed, markers = instrument(config)
    assert "l" not in changed
    assert len(markers) == 1
    changed, markers = instrument(config, {"l": LATIN})
    assert len(markers) == 4
    assert re.sub(rb'set \$failsafe_trace "[^"]*";|access_log /run\S+ failsafe_\S+;', b"", changed["l"]) == LATIN


def test_an_http_block_that_cannot_be_marked_is_an_error() -> None:
    with pytest.raises(RouteError, match=r"nginx.conf:1: blocks cannot be marked"):
        instrument(config_of({"nginx.conf": b"events {} http { server { } # \xff\n }"}))


# What nginx allows only once, or only before something else: an instrumentation that adds one of these breaks the file.
DELICATE = {
    "hash sizes": "map_hash_bucket_size 128; map_hash_max_size 4096; variables_hash_bucket_size 128; server {}",
    "the warning is set": "uninitialized_variable_warn on; server { location / { set $b $failsafe; set $failsafe 1; } }",
    "logs are off": "access_log off; server { access_log off; location / { access_log off; return 200; } }",
    "logs in an if": "server { location / { if ($arg_a) { access_log off; return 403; } root html; } }",
    "logs in limit_except": "server { location / { limit_except GET { access_log off; deny all; } } }",
    "a log over lines": "server { access_log\n  # not now\n  off\n; }",
    "own formats": "log_format a '$host'; access_log logs/a a; server { access_log logs/b a buffer=4k flush=1s; }",
    "an if in a server": "server { if ($host = a) { return 301 http://b$request_uri; } location /x { return 204; } }",
    "no blanks": 'server{location /{return 200;}location "/a b"{return 200;}location ~\\.php$ {return 200;}}',
    "odd words": 'server { location "/{}" { return 200 "}"; } location ~ "a{2}" { set $x "{;"; } }',
    "named and exact": "server { error_page 404 = @n; location @n { return 200; } location = / { return 204; } }",
    "nested": "server { location /a { location ~ b { location ~ c { return 200; } } } }",
    "upstreams": "upstream u { server 127.0.0.1:1; } server { location / { proxy_pass http://u/; } }",
    "comments": "server {# one\n location / {# two }\n return 200; } }",
    "crlf": "server {\r\n  location / {\r\n return 200;\r\n }\r\n}",
    "types and maps": "map $uri $m { default 0; ~^/server/ 1; } types { text/html server location; } server {}",
    "auth": "server { location / { auth_request /auth; root html; } location = /auth { internal; return 204; } }",
}


def is_valid(folder: Path, files: dict[str, bytes]) -> tuple[bool, str]:
    for name, content in files.items():
        (folder / name).write_bytes(content)
    command = [NGINX, "-t", "-p", str(folder), "-e", f"{folder}/error.log", "-c", f"{folder}/nginx.conf"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    return done.returncode == 0, done.stderr


def wrapped(folder: Path, body: str) -> bytes:
    (folder / "logs").mkdir(exist_ok=True)
    temp = "".join(f"{kind}_temp_path {folder}/t;" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    return f"pid {folder}/pid; events {{}}\nhttp {{ {body}\n {temp} }}".encode()


@pytest.mark.nginx
@pytest.mark.parametrize("body", DELICATE.values(), ids=DELICATE)
def test_a_valid_configuration_stays_valid(body: str, tmp_path: Path) -> None:
    files = {"nginx.conf": wrapped(tmp_path, body)}
    valid, said = is_valid(tmp_path, files)
    assert valid, said
    changed, markers = instrument(load_files(files, config_dir="/etc/nginx"), log=f"{tmp_path}/trace.log")
    valid, said = is_valid(tmp_path, {**files, **changed})
    assert valid, said + changed["nginx.conf"].decode()
    assert markers
    assert "[warn]" not in said


@pytest.mark.nginx
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_random_configurations_stay_valid(seed: int, tmp_path: Path, certificate: Path) -> None:
    tls = f"ssl_certificate {certificate}; ssl_certificate_key {certificate};"
    files = {"nginx.conf": wrapped(tmp_path, tls + load("random_config").RandomConfig(seed).block)}
    changed, markers = instrument(load_files(files, config_dir="/etc/nginx"), log=f"{tmp_path}/trace.log")
    assume(is_valid(tmp_path, files)[0])
    valid, said = is_valid(tmp_path, {**files, **changed})
    assert valid, said + changed["nginx.conf"].decode()
    assert len({block.id for block in markers.values()}) == len(markers)


@pytest.mark.nginx
@pytest.mark.parametrize("seed", range(12))
def test_answers_are_the_same(seed: int, real_nginx: t.Callable[[str], t.Any], tmp_path_factory: t.Any) -> None:
    random_config, server = load("random_config"), load("real_nginx")
    made = random_config.RandomConfig(seed)
    with real_nginx(made.block) as nginx:
        requests = (each for each in made.requests(60) if each[1] in nginx.ports)
        urls = [f"{scheme}://{host}:{number}{path}" for scheme, number, host, path in requests]
        before = [nginx.get(url) for url in urls]
        original = (nginx.folder / "nginx.conf").read_bytes()
    folder = tmp_path_factory.mktemp("marked")
    changed, _markers = instrument(
        load_files({"nginx.conf": original}, config_dir="/etc/nginx"), log=f"{folder}/trace.log"
    )
    marked = server.RealNginx.__new__(server.RealNginx)
    marked.__dict__.update(nginx.__dict__)
    (nginx.folder / "nginx.conf").write_bytes(changed["nginx.conf"])
    with marked:
        after = [marked.get(url) for url in urls]
    assert after == before, changed["nginx.conf"].decode()
    assert len((folder / "trace.log").read_text().splitlines()) >= len(urls) / 2
