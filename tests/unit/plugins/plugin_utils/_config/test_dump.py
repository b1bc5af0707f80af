# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import (
    Config,
    ConfigError,
    load_dump,
)

MAIN = "events {}\nhttp {\n  include conf.d/*.conf;\n}\n"


def problems(config: Config) -> list[tuple[str, str]]:
    return [(problem.kind, str(problem.place)) for problem in config.problems]


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
