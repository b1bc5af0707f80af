# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of directives: complete, and right where a directive's context decides."""

from __future__ import annotations

import pytest
from crossplane.analyzer import DIRECTIVES

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import load_files
from ansible_collections.failsafe.nginx.plugins.plugin_utils._config._crossplane import DATA_BLOCKS
from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive
from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.recent_directives import NEWER
from ansible_collections.failsafe.nginx.plugins.plugin_utils._witnesses.directive_table import (
    ENTRIES,
    TABLE,
    Answer,
    ByRequest,
    Invisible,
    Unexercised,
    sight_of,
    sight_of_change,
)

#: In nginx's source but not in the table of crossplane, nor among those that came later.
UNLISTED = {"max_headers"}


def test_every_directive_of_nginx_is_in_the_table() -> None:
    known = {*DIRECTIVES, *NEWER}
    assert known - TABLE.keys() == set()
    assert TABLE.keys() - known == UNLISTED


def test_every_block_of_data_is_in_the_table() -> None:
    assert ENTRIES.keys() == DATA_BLOCKS


def test_reasons_are_parts_of_sentences() -> None:
    reasons = {each.reason for each in TABLE.values() if isinstance(each, (Invisible, Unexercised))}
    assert {each for each in reasons if each.endswith(".") or each != each.strip() or not each} == set()


CONFIG = """
events {}
http {
    map $uri $a { /x 1; }
    upstream app { least_conn; server 10.0.0.1:80 weight=2; }
    server { add_header X 1; add_header Y 1 always; proxy_pass http://app; lua_code_cache off; }
}
stream { server { listen 53; proxy_pass app; proxy_timeout 1s; } }
mail { server { listen 25; protocol smtp; timeout 1s; } }
"""


def directive(text: str) -> Directive:
    config = load_files({"nginx.conf": CONFIG.encode()}, config_dir="/etc/nginx")
    return next(each for each in config.walk() if " ".join([each.name, *each.args]).startswith(text))


@pytest.mark.parametrize(
    ("text", "sight"),
    [
        ("/x 1", ByRequest("map")),
        ("least_conn", "balancing"),
        ("server 10.0.0.1:80", Answer("peer")),
        ("add_header X", Answer("success", "response_headers")),
        ("add_header Y", Answer("any", "response_headers")),
        ("proxy_pass http", Answer("upstream", "encoded")),
        ("proxy_pass app", ByRequest("stream")),
        ("proxy_timeout", "timeouts"),
        ("protocol smtp", Unexercised("mail is not probed")),
        ("lua_code_cache", Unexercised("a directive of another module")),
    ],
)
def test_a_context_decides(text: str, sight: object) -> None:
    found = sight_of(directive(text))
    assert (found.kind if isinstance(found, Invisible) else found) == sight


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("10.0.0.1:80 weight=3", False),
        ("10.0.0.1:80 weight=2 backup", False),
        ("10.0.0.1:80 down", True),
        ("10.0.0.2:80", True),
    ],
)
def test_the_share_of_a_peer_is_not_seen(words: str, shown: bool) -> None:  # noqa: FBT001
    before = directive("server 10.0.0.1:80")
    after = Directive("server", words.split(), "nginx.conf", 5, 1, before.parent)
    assert (sight_of_change(before, after) == Answer("peer")) is shown
