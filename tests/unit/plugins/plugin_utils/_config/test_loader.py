# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import (
    Config,
    Directive,
    Place,
    _build,
    load_dump,
    load_files,
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


def parents_are_right(config: Config) -> bool:
    def check(directives: list[Directive], parent: Directive | None) -> bool:
        return all(
            d.parent is parent and check(d.include or [], parent) and check(d.block or [], d) for d in directives
        )

    return check(config.root, None)


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


def test_a_directive_that_swallowed_the_next_one_says_so() -> None:
    config = load("events {}\nhttp {\n  root /x\n  gzip on;\n}\n")
    assert [(p.kind, p.message, p.place.line) for p in config.problems] == [
        ("arguments", 'invalid number of arguments in "root" directive, is a ";" missing before "gzip"?', 3),
    ]


def test_an_empty_file_is_fine() -> None:
    assert load("events {} include x.conf;", x="").problems == []


def test_a_hundred_thousand_directives_take_seconds() -> None:
    server = "server {\n listen 80;\n server_name %d.example.com;\n location / { return 200 ok; }\n}\n"
    main = "events {}\nhttp {\n" + "".join(server % number for number in range(20_000)) + "}\n"
    start = time.process_time()
    config = load(main)
    assert time.process_time() - start < 15  # 1.7 s on the machine this was written on
    assert sum(1 for _unused in config.walk()) == 100_002
    assert config.problems == []


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
