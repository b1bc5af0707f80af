# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import (
    Config,
    Directive,
    load_files,
    load_path,
)

MAIN = "events {}\nhttp {\n  include conf.d/*.conf;\n}\n"


def load_set(files: dict[str, str], *, partial: bool = False) -> Config:
    data = {name: text.encode() for name, text in files.items()}
    return load_files(data, config_dir="/etc/nginx", partial=partial)


def problems(config: Config) -> list[tuple[str, str]]:
    return [(problem.kind, str(problem.place)) for problem in config.problems]


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def parents_are_right(config: Config) -> bool:
    def check(directives: list[Directive], parent: Directive | None) -> bool:
        return all(
            d.parent is parent and check(d.include or [], parent) and check(d.block or [], d) for d in directives
        )

    return check(config.root, None)


def test_a_partial_folder_without_a_main_file_gets_made_up_blocks() -> None:
    config = load_set(
        {
            "upstreams.conf": "upstream u { server 127.0.0.1; }",
            "conf.d/b.conf": "server { include snippets/x.conf; }",
            "conf.d/a.conf": "map $a $b { c d; }",
            "conf.d/notes.txt": "not { a config",
            "conf.d/locations.conf": "location / { }",
            "sites-enabled/s": "server { }",
            "sites-available/off": "broken {",
            "snippets/x.conf": "listen 80;",
            "stream.d/t.conf": "server { listen 53 udp; proxy_pass x; }",
        },
        partial=True,
    )
    assert config.problems == []
    assert parents_are_right(config)
    http, stream = config.root
    assert (http.name, stream.name) == ("http", "stream")
    assert [(d.name, d.file) for d in http.children] == [
        ("map", "conf.d/a.conf"),
        ("server", "conf.d/b.conf"),
        ("server", "conf.d/locations.conf"),
        ("server", "sites-enabled/s"),
        ("upstream", "upstreams.conf"),
    ]
    assert [d.name for d in stream.children] == ["server"]


def test_snippets_that_include_each_other_in_a_circle_are_still_read() -> None:
    config = load_set(
        {"conf.d/a.conf": "include conf.d/b.conf;", "conf.d/b.conf": "include conf.d/a.conf;"}, partial=True
    )
    assert [p.kind for p in config.problems] == ["include-cycle"]


def test_a_partial_set_of_nothing_but_snippets_is_still_judged() -> None:
    config = load_set({"snippets/ssl.conf": "ssl_protocols TLSv1.2;", "snippets/l.conf": "proxy_pass"}, partial=True)
    assert problems(config) == [("syntax", "snippets/l.conf:1"), ("arguments", "snippets/l.conf:1")]


@pytest.mark.parametrize(
    ("text", "outer"),
    [
        ("server { listen 80; }", ["http"]),
        ("map $a $b { c d; }\nserver { listen 80; }", ["http"]),
        ("upstream u { server 127.0.0.1; }", ["http"]),
        ("location / { return 200; }", ["http", "server"]),
        ("if ($a) { return 200; }", ["http", "server"]),
        ("internal;", ["http", "server", "location"]),
        ("server 10.0.0.1:80;\nserver 10.0.0.2:80;", ["http", "upstream"]),
        ("user www-data;\nevents {}\nhttp { }", []),
        ("load_module modules/x.so;", []),
        ("", ["http"]),
    ],
)
def test_a_single_snippet_is_judged_in_the_context_it_was_written_for(
    tmp_path: Path, text: str, outer: list[str]
) -> None:
    (tmp_path / "snippet").write_text(text)
    config = load_path(tmp_path / "snippet")
    assert config.problems == []
    directives = config.root
    for name in outer:
        (block,) = directives
        assert block.name == name
        directives = block.block or []
    assert all(d.file == "snippet" for d in config.walk())
    assert parents_are_right(config)


def test_a_single_files_includes_start_from_its_configuration_folder(tmp_path: Path) -> None:
    write(
        tmp_path,
        {"nginx.conf": MAIN, "conf.d/a.conf": "server { include snippets/x.conf; }", "snippets/x.conf": "listen 1;"},
    )
    config = load_path(tmp_path / "conf.d" / "a.conf")
    assert config.problems == []
    assert list(config.texts) == ["conf.d/a.conf", "snippets/x.conf"]
    (tmp_path / "nginx.conf").unlink()
    alone = write(tmp_path / "alone", {"b.conf": "include c.conf;", "c.conf": "gzip on;"})
    assert list(load_path(alone / "b.conf").texts) == ["b.conf", "c.conf"]


def test_hidden_parked_and_backup_files_are_not_loaded() -> None:
    broken = ["sites-enabled/a~", "sites-enabled/.a.swp", "conf.d/.a.conf", ".git/x.conf", "conf.d/a.conf.bak"]
    config = load_set({**dict.fromkeys(broken, "broken {"), "sites-enabled/a": "gzip on;"}, partial=True)
    assert list(config.texts) == ["sites-enabled/a"]


def test_parked_files_are_not_loaded_where_there_is_nothing_else_enabled() -> None:
    files = {"sites-available/a.conf": "broken {", "snippets/b": "gzip on;", "app/c.conf": "etag on;"}
    assert list(load_set(files, partial=True).texts) == ["app/c.conf", "snippets/b"]


def test_what_is_no_configuration_is_not_read_as_one() -> None:
    config = load_set({"html/index.html": "<p>{</p>", "ssl/cert.pem": "-----BEGIN"}, partial=True)
    assert (config.root, config.problems) == ([], [])


def test_a_file_that_includes_itself_keeps_its_turn() -> None:
    files = {"conf.d/a.conf": "include conf.d/a.conf; gzip on;", "conf.d/b.conf": "etag on;"}
    config = load_set(files, partial=True)
    assert [d.name for d in next(config.http()).children] == ["gzip", "etag"]
    assert [p.kind for p in config.problems] == ["include-cycle"]
