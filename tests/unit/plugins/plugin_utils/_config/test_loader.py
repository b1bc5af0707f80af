# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import (
    Config,
    ConfigError,
    Directive,
    Place,
    _build,
    load_dump,
    load_files,
    load_path,
)

MAIN = "events {}\nhttp {\n  include conf.d/*.conf;\n}\n"


def load(main: str = MAIN, *, partial: bool = False, **files: str) -> Config:
    """`load(main, conf_d__a="...")` puts its second file at conf.d/a.conf."""
    named = {name.replace("conf_d__", "conf.d/") + ".conf": text for name, text in files.items()}
    return load_set({"nginx.conf": main, **named}, partial=partial)


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


def parents_are_right(config: Config) -> bool:
    def check(directives: list[Directive], parent: Directive | None) -> bool:
        return all(
            d.parent is parent and check(d.include or [], parent) and check(d.block or [], d) for d in directives
        )

    return check(config.root, None)


# -- the tree


def test_includes_are_resolved_in_byte_order_with_their_own_places() -> None:
    files = {
        "conf_d__b": "server { listen 2; }",
        "conf_d__a": "server { listen 1; }",
        "conf_d__B": "map $a $b { x y; }",
    }
    config = load(**files)
    (http,) = config.http()
    assert [(d.name, str(d.place)) for d in http.children] == [
        ("map", "conf.d/B.conf:1"),
        ("server", "conf.d/a.conf:1"),
        ("server", "conf.d/b.conf:1"),
    ]
    assert config.problems == []
    assert parents_are_right(config)
    assert list(config.texts) == ["nginx.conf", "conf.d/B.conf", "conf.d/a.conf", "conf.d/b.conf"]


def test_a_snippet_included_twice_is_judged_in_both_contexts() -> None:
    config = load("events {} http { include x.conf; server { location / { include x.conf; } } }", x="internal;\n")
    assert [(p.kind, p.message) for p in config.problems] == [
        ("context", 'directive "internal" is not allowed in "http"'),
    ]
    first, second = [d for d in config.walk() if d.name == "internal"]
    assert first is not second
    assert first.args is not second.args
    assert (first.parent and first.parent.name, second.parent and second.parent.name) == ("http", "location")


def test_a_fault_in_a_snippet_included_twice_is_reported_once() -> None:
    config = load("events {} http { include x.conf; include x.conf; }", x="server { listen 80 }")
    assert problems(config) == [("syntax", "x.conf:1")]
    assert len(config.comments) == 0


def test_the_arguments_of_if_are_its_condition() -> None:
    config = load(
        'events {} http { server { if ($a = "b c") { return 200; } if ( $x ) { return 201; } if (!-f $y) { return 202; } } }',
    )
    assert [d.args for d in config.walk() if d.name == "if"] == [["$a", "=", "b c"], ["$x"], ["!-f", "$y"]]
    assert next(d.raw_args for d in config.walk() if d.name == "if") == ["$a", "=", '"b c"']
    assert config.problems == []


def test_lua_blocks_are_directives_whose_last_argument_is_the_code() -> None:
    config = load("events {} http { server { location / { content_by_lua_block { ngx.say('}') } } } }")
    (lua,) = [d for d in config.walk() if d.name.endswith("_by_lua_block")]
    assert (lua.args, lua.block) == ([" ngx.say('}') "], None)
    assert config.problems == []


def test_comments_carry_their_place() -> None:
    config = load("events {} # tail\n# own\nhttp { include conf.d/*.conf; }", conf_d__a="# in a\n")
    assert [(c.text, c.place, c.own_line) for c in config.comments] == [
        (" tail", Place("nginx.conf", 1, 11), False),
        (" own", Place("nginx.conf", 2, 1), True),
        (" in a", Place("conf.d/a.conf", 1, 1), True),
    ]


def test_absolute_includes_below_the_config_folder_are_in_the_set() -> None:
    config = load(
        "events {} http { include /etc/nginx/x.conf; include /etc/nginx/./y*.conf; }", x="gzip on;", y1="etag on;"
    )
    assert [d.name for d in next(config.http()).children] == ["gzip", "etag"]
    assert config.problems == []


def test_relative_includes_start_from_the_main_files_folder() -> None:
    config = load_files(
        {
            "sub/main.conf": b"events {} http { include a/b.conf; }",
            "sub/a/b.conf": b"include a/c.conf;",
            "sub/a/c.conf": b"gzip on;",
        },
        config_dir="/etc/nginx",
        main="sub/main.conf",
    )
    assert config.problems == []
    assert [d.name for d in next(config.http()).children] == ["gzip"]


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*.conf", ["a.conf", "b.conf"]),
        ("?.conf", ["a.conf", "b.conf"]),
        ("[!a].conf", ["b.conf"]),
        ("[^a].conf", ["b.conf"]),
        ("[a-b].c*", ["a.conf", "a.conf~", "b.conf"]),
        (".*.conf", [".h.conf"]),
        ("*", ["a.conf", "a.conf~", "b.conf"]),
        ("*/x.conf", ["d/x.conf"]),
        ("*/*", ["d/x.conf", "d/y"]),
        ("[]a].conf", ["a.conf"]),
        ("a*b*c*d", []),
        ("[", []),
        ("none/*.conf", []),
    ],
)
def test_patterns_find_what_glob_finds(pattern: str, names: list[str]) -> None:
    found = dict.fromkeys(["i/a.conf", "i/b.conf", "i/.h.conf", "i/a.conf~", "i/d/x.conf", "i/d/y"], "")
    if pattern == "*":
        found = {name: text for name, text in found.items() if "/d/" not in name}
    config = load_set({"nginx.conf": f"include i/{pattern};", **found})
    assert list(config.texts)[1:] == [f"i/{name}" for name in names]
    assert config.problems == []


# -- what cannot be read


def test_a_missing_include_is_a_problem_with_the_nearest_name() -> None:
    config = load_set({"nginx.conf": "events {}\nhttp {\n  include mime.typs;\n}\n", "mime.types": ""})
    (problem,) = config.problems
    assert (problem.kind, str(problem.place), problem.place.column) == ("include-missing", "nginx.conf:3", 3)
    assert problem.message == '"mime.typs" is included, but there is no such file, did you mean "mime.types"?'


def test_what_a_partial_set_lacks_lives_on_the_host() -> None:
    main = "events {} http { include mime.types; include /etc/letsencrypt/x.conf; include /usr/share/nginx/*.conf; }"
    assert load(main, partial=True).problems == []
    assert problems(load(main)) == [
        ("include-missing", "nginx.conf:1"),
        ("include-missing", "nginx.conf:1"),
        ("unresolved", "nginx.conf:1"),
    ]
    assert load(main, partial=True).partial


def test_an_include_cycle_is_named_with_its_chain() -> None:
    config = load("events {}\ninclude a.conf;\n", a="include b.conf;", b="\ninclude a.conf;")
    (problem,) = config.problems
    assert (problem.kind, str(problem.place)) == ("include-cycle", "b.conf:2")
    assert problem.message == "include cycle: a.conf -> b.conf -> a.conf"
    assert problem.related == (('"b.conf" is included here', Place("a.conf", 1, 1)),)


def test_a_file_that_includes_itself_by_a_pattern_is_a_cycle() -> None:
    config = load("events {} http { include conf.d/*.conf; }", conf_d__a="include conf.d/*.conf;")
    assert problems(config) == [("include-cycle", "conf.d/a.conf:1")]


def test_includes_that_multiply_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_build, "MAX_SIZE", 20_000)
    files = {f"f{i}": f"include f{i + 1}.conf; include f{i + 1}.conf; include f{i + 1}.conf;" for i in range(40)}
    config = load("events {} http { include f0.conf; }", **files, f40="gzip on;")
    assert {problem.kind for problem in config.problems} == {"unresolved"}


def test_a_long_chain_of_includes_ends() -> None:
    files = {f"f{i}": f"include f{i + 1}.conf;" for i in range(1000)}
    config = load("include f0.conf;", **files, f1000="")
    assert [p.kind for p in config.problems] == ["unresolved"]
    assert len(config.texts) == _build.MAX_INCLUDES


@pytest.mark.parametrize(
    ("data", "line", "message"),
    [
        (b"events {}\n# caf\xe9\n", 2, "byte 0xe9 is not UTF-8"),
        (b"events {}\n\nuser a\0b;", 3, "NUL byte: this is not a text file"),
        (
            b"\xef\xbb\xbfevents {}",
            1,
            "the file starts with a byte order mark, which nginx reads as part of the first word",
        ),
    ],
)
def test_what_is_no_text_is_a_problem_and_the_rest_is_still_read(data: bytes, line: int, message: str) -> None:
    config = load_files({"nginx.conf": data}, config_dir="/etc/nginx")
    assert [(p.kind, p.message, p.place.line) for p in config.problems] == [("encoding", message, line)]
    assert next(config.walk()).name == "events"


def test_an_empty_file_is_fine() -> None:
    assert load("events {} include x.conf;", x="").problems == []


def test_a_hundred_thousand_directives_take_seconds() -> None:
    server = "server {\n listen 80;\n server_name %d.example.com;\n location / { return 200 ok; }\n}\n"
    main = "events {}\nhttp {\n" + "".join(server % number for number in range(20_000)) + "}\n"
    start = time.process_time()
    config = load(main)
    assert time.process_time() - start < 15  # 1.7 s on the machine this was written on
    assert sum(1 for _ in config.walk()) == 100_002
    assert config.problems == []


# -- folders on disk


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
    config = load_path(tmp_path, config_dir="/etc/nginx")
    assert config.problems == []
    assert [d.file for d in next(config.http()).children] == ["sites-enabled/absolute", "sites-enabled/relative"]


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


# -- snippets


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


# -- dumps


def dump(*files: tuple[str, str]) -> bytes:
    return "".join(f"# configuration file {name}:\n{text}\n" for name, text in files).encode()


def test_a_dump_shows_absolute_paths() -> None:
    data = b"nginx: test is successful\n" + dump(("/e/nginx.conf", MAIN), ("/e/conf.d/a.conf", "server { listen 80 }"))
    config = load_dump(data)
    assert problems(config) == [("syntax", "/e/conf.d/a.conf:1")]
    assert config.texts["/e/nginx.conf"] == MAIN


def test_a_marker_inside_a_file_is_a_comment_of_that_file() -> None:
    marker = "# configuration file /e/conf.d/a.conf:\n"
    config = load_dump(
        dump(
            ("/e/nginx.conf", "events {}\n# configuration file /x/y.conf:\nhttp {\ninclude conf.d/*.conf;\n}"),
            ("/e/conf.d/a.conf", f"{marker}server {{\n listen 80\n}}"),
        ),
    )
    assert problems(config) == [("syntax", "/e/conf.d/a.conf:3")]
    assert list(config.texts) == ["/e/nginx.conf", "/e/conf.d/a.conf"]
    assert len(list(config.http())) == 1


def test_two_names_of_one_file_are_one_file() -> None:
    config = load_dump(
        dump(
            ("/e/nginx.conf", "include a.conf;\ninclude ./a.conf;"),
            ("/e/a.conf", "user x;"),
            ("/e/./a.conf", "user x;"),
        ),
    )
    assert [d.args for d in config.walk()] == [["x"], ["x"]]


@pytest.mark.parametrize("data", [b"", b"nginx: [emerg] no\n", b"# configuration file relative:\n", b"\0\xff"])
def test_what_is_no_dump_is_an_error(data: bytes) -> None:
    with pytest.raises(ConfigError, match="nginx -T"):
        load_dump(data)


def test_a_dump_without_the_main_file_asked_for_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r'no file "/x/nginx\.conf"'):
        load_dump(dump(("/e/nginx.conf", "")), main="/x/nginx.conf")


# -- laws

NOISE = st.one_of(
    st.binary(max_size=80),
    st.lists(
        st.sampled_from(
            [
                b"http{",
                b"server {",
                b"include *;",
                b"include ../nginx.conf;",
                b"}",
                b"if ($a)",
                b"'",
                b"[",
                b"\xff",
                b"\n",
                b"geo $x {",
            ]
        ),
        max_size=20,
    ).map(b"".join),
)


@given(
    st.dictionaries(
        st.sampled_from(["nginx.conf", "a", "conf.d/a.conf", "sites-enabled/b", "stream.d/c.conf"]), NOISE, min_size=1
    )
)
def test_no_bytes_crash_the_loader(files: dict[str, bytes]) -> None:
    config = load_files(files, config_dir="/etc/nginx", partial=True)
    assert parents_are_right(config)
    for problem in config.problems:
        problem.message.encode()
        assert problem.place.file in files


@given(st.binary(max_size=300))
def test_no_bytes_crash_the_dump(data: bytes) -> None:
    load_dump(b"# configuration file /e/nginx.conf:\n" + data)
