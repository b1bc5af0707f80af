# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import (
    Config,
    ConfigError,
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


def tree(directives: list[Directive]) -> list[object]:
    return [
        (d.name, d.args, d.raw_args, d.line, d.column, d.block and tree(d.block), d.include and tree(d.include))
        for d in directives
    ]


def test_a_folder_and_the_same_set_in_memory_are_the_same(tmp_path: Path) -> None:
    files = {"nginx.conf": MAIN, "conf.d/a.conf": "server {\n  listen 80\n}\n", "conf.d/b.conf": "server { foo; }"}
    disk = load_path(write(tmp_path, files), config_dir="/etc/nginx")
    memory = load_set(files)
    assert tree(disk.root) == tree(memory.root)
    assert (disk.problems, disk.texts, disk.comments) == (memory.problems, memory.texts, memory.comments)


def test_what_is_no_regular_file_is_never_opened(tmp_path: Path) -> None:
    write(
        tmp_path,
        {"nginx.conf": "events {} http {\ninclude fifo;\ninclude socket;\ninclude dir;\ninclude /dev/zero;\n}"},
    )
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "dir").mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        config = load_path(tmp_path)
    assert [(p.kind, p.message, p.place.line) for p in config.problems] == [
        ("unreadable", '"fifo" cannot be read: it is not a regular file', 2),
        ("unreadable", '"socket" cannot be read: it is not a regular file', 3),
        ("unreadable", '"dir" cannot be read: it is a folder', 4),
        ("unreadable", '"/dev/zero" cannot be read: it is not a regular file', 5),
    ]


def test_links_inside_the_folder_are_followed_even_by_their_path_on_the_host(tmp_path: Path) -> None:
    write(tmp_path, {"nginx.conf": "events {} http { include sites-enabled/*; }", "sites-available/a": "gzip on;"})
    (tmp_path / "sites-enabled").mkdir()
    (tmp_path / "sites-enabled" / "relative").symlink_to("../sites-available/a")
    (tmp_path / "sites-enabled" / "absolute").symlink_to("/etc/nginx/sites-available/a")
    (tmp_path / "sites-enabled" / "here").symlink_to(tmp_path / "sites-available" / "a")
    config = load_path(tmp_path, config_dir="/etc/nginx")
    assert config.problems == []
    assert [d.file for d in next(config.http()).children] == [
        "sites-enabled/absolute",
        "sites-enabled/here",
        "sites-enabled/relative",
    ]


@pytest.mark.parametrize("target", ["/etc/passwd", "../../secret", "../out/secret", "/etc/nginx/../passwd"])
def test_a_link_that_leaves_the_folder_is_a_problem(tmp_path: Path, target: str) -> None:
    write(tmp_path, {"secret": "user secret;", "out/secret": "user secret;", "src/nginx.conf": "\ninclude link.conf;"})
    (tmp_path / "src" / "link.conf").symlink_to(target)
    config = load_path(tmp_path / "src", config_dir="/etc/nginx")
    assert problems(config) == [("unreadable", "nginx.conf:2")]
    assert list(config.texts) == ["nginx.conf"]


def test_a_folder_judged_in_place_is_read_as_nginx_reads_it(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "out/mod.conf": "gzip on;",
            "etc/nginx.conf": f"events {{}} http {{ include l.conf; include {tmp_path}/out/*.conf; }}",
        },
    )
    (tmp_path / "etc" / "l.conf").symlink_to(tmp_path / "out" / "mod.conf")
    config = load_path(tmp_path / "etc")
    assert config.problems == []
    assert [d.file for d in next(config.http()).children] == ["l.conf", f"{tmp_path}/out/mod.conf"]


@pytest.mark.parametrize("config_dir", [None, "/etc/nginx"])
def test_link_loops_end(tmp_path: Path, config_dir: str | None) -> None:
    write(tmp_path, {"nginx.conf": "events {}\ninclude a.conf;\ninclude d/d/d/x.conf;\n", "x.conf": ""})
    (tmp_path / "a.conf").symlink_to("b.conf")
    (tmp_path / "b.conf").symlink_to("a.conf")
    (tmp_path / "d").symlink_to(".")
    config = load_path(tmp_path, config_dir=config_dir)
    assert [(p.kind, p.message) for p in config.problems] == [
        ("unreadable", '"a.conf" cannot be read: it is a link that leads back to itself'),
    ]


def test_a_dangling_link_that_a_pattern_finds_is_missing(tmp_path: Path) -> None:
    write(tmp_path, {"nginx.conf": "include conf.d/*.conf;"})
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "a.conf").symlink_to("gone")
    for config_dir in (None, "/etc/nginx"):
        assert problems(load_path(tmp_path, config_dir=config_dir)) == [("include-missing", "nginx.conf:1")]


def test_names_that_are_no_text_are_read_and_shown(tmp_path: Path) -> None:
    write(tmp_path, {"nginx.conf": "events {} http { include conf.d/*; }", "conf.d/a": "gzip on;"})
    os.rename(tmp_path / "conf.d" / "a", os.fsencode(tmp_path / "conf.d") + b"/\xff\x1b[31m")
    config = load_path(tmp_path)
    (gzip,) = next(config.http()).children
    assert gzip.file == "conf.d/\ufffd\x1b[31m"
    gzip.file.encode()


@pytest.mark.root
def test_an_unreadable_file_is_a_problem(tmp_path: Path) -> None:
    write(tmp_path, {"nginx.conf": "events {}\ninclude secret.conf;\ninclude dir/*;\n", "secret.conf": "", "dir/x": ""})
    (tmp_path / "secret.conf").chmod(0)
    (tmp_path / "dir").chmod(0)
    os.chown(tmp_path, 65534, 65534)
    for folder in tmp_path.parents:
        if folder.stat().st_uid == os.getuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o011)
    os.seteuid(65534)
    try:
        config = load_path(tmp_path, config_dir="/etc/nginx")
    finally:
        os.seteuid(0)
        (tmp_path / "dir").chmod(0o700)
    assert [(p.kind, str(p.place)) for p in config.problems] == [
        ("unreadable", "nginx.conf:2"),
        ("unreadable", "nginx.conf:3"),
    ]


@pytest.mark.parametrize("given", ["missing", "fifo", "empty", "no-main", "a\0b"])
def test_what_cannot_be_loaded_at_all_is_an_error_that_names_it(tmp_path: Path, given: str) -> None:
    (tmp_path / "empty").mkdir()
    write(tmp_path, {"no-main/conf.d/a.conf": ""})
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(ConfigError) as error:
        load_path(f"{tmp_path}/{given}")
    assert given.replace("\0", "?") in str(error.value)


def test_an_empty_folder_is_an_error_even_when_partial(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no files"):
        load_path(tmp_path, partial=True)


@pytest.mark.parametrize("name", ["/etc/passwd", "../x", "a/../../x", ".", ""])
def test_paths_of_a_set_stay_below_the_folder(name: str) -> None:
    with pytest.raises(ConfigError, match="is not a path below"):
        load_files({name: b""}, config_dir="/etc/nginx")


def test_config_dir_must_be_absolute() -> None:
    with pytest.raises(ConfigError, match="absolute"):
        load_files({"nginx.conf": b""}, config_dir="etc/nginx")


def test_a_partial_folder_is_listed_through_its_links_once(tmp_path: Path) -> None:
    write(tmp_path, {"shared/a.conf": "gzip on;", "sites-enabled/s": "etag on;"})
    (tmp_path / "conf.d").symlink_to("shared")
    (tmp_path / "shared" / "loop.conf").symlink_to("..")
    config = load_path(tmp_path, config_dir="/etc/nginx", partial=True)
    assert config.problems == []
    assert sorted(d.name for d in next(config.http()).children) == ["etag", "gzip"]


def test_a_partial_folders_part_that_leaves_it_is_a_problem(tmp_path: Path) -> None:
    write(tmp_path, {"src/a.conf": "gzip on;", "out/b.conf": "etag on;"})
    (tmp_path / "src" / "conf.d").symlink_to("../out")
    config = load_path(tmp_path / "src", config_dir="/etc/nginx", partial=True)
    assert problems(config) == [("unreadable", "conf.d:1")]
    assert list(config.texts) == ["a.conf"]


def test_a_pattern_outside_a_source_folder_is_unresolved(tmp_path: Path) -> None:
    write(tmp_path, {"nginx.conf": "include /usr/share/nginx/modules/*.conf;"})
    assert problems(load_path(tmp_path, config_dir="/etc/nginx")) == [("unresolved", "nginx.conf:1")]
    assert load_path(tmp_path, config_dir="/etc/nginx", partial=True).problems == []


def test_the_main_file_must_be_below_the_folder(tmp_path: Path) -> None:
    write(tmp_path, {"src/nginx.conf": "", "nginx.conf": ""})
    with pytest.raises(ConfigError, match="is not below"):
        load_path(tmp_path / "src", main="../nginx.conf")
