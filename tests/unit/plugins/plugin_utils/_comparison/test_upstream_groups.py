# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Upstreams by name and peers: another one, the same under a new name, or the same with other peers."""

from __future__ import annotations

import pytest

from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison.outcome_diff import UpstreamCall
from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison.sides import ServedBy
from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison.upstream_groups import (
    UpstreamGroup,
    UpstreamGroups,
    is_another,
    peers_text,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import load_files
from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import walk
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.marker import Block, around, block_text

# Upstream blocks and the target before, the same now; is it another upstream, and what is told of its peers.
CASES: dict[str, tuple[str, str, str, str, bool, str]] = {
    "nothing": ("upstream a { server h1; server h2; }", "a", "upstream a { server h2; server h1:80; }", "a", False, ""),
    "one of three": (
        "upstream a { server h1:81; server h2:81; server h3:81; }",
        "a",
        "upstream a { server h1:81; server h9:81; server h3:81; }",
        "a",
        False,
        "upstream a: 1 of 3 peers replaced: h2:81 by h9:81",
    ),
    "one more": (
        "upstream a { server h1; }",
        "a",
        "upstream a { server h1; server h2; }",
        "a",
        False,
        "upstream a: 1 peer added to 1: h2:80",
    ),
    "two less": (
        "upstream a { server h1; server h2; server h3; }",
        "a",
        "upstream a { server h1; server h2 down; }",
        "a",
        False,
        "upstream a: 2 of 3 peers removed: h2:80, h3:80",
    ),
    "a swap of two that share a peer": (
        "upstream w { server h1; } upstream r { server h2; server h1 backup; }",
        "w",
        "upstream w { server h1; } upstream r { server h2; server h1 backup; }",
        "r",
        True,
        "upstream r: 1 peer added to 1: h2:80",
    ),
    "a new name": ("upstream a { server h1; }", "a", "upstream b { server h1; }", "b", False, ""),
    "a name for an address": (
        "",
        "h1:8080",
        "upstream a { server h1:8080; server h2:8080; }",
        "a",
        False,
        "upstream a: 1 peer added to 1: h2:8080",
    ),
    "the address of one peer of an upstream that was there": (
        "upstream a { server h1; server h2; }",
        "h1",
        "upstream a { server h1; server h2; }",
        "a",
        True,
        "upstream a: 1 peer added to 1: h2:80",
    ),
    "a socket": ("", "unix:/run/x.sock:/uri", "upstream a { server unix:/run/x.sock; }", "a", False, ""),
    "weights": ("upstream a { server h1 weight=2; }", "a", "upstream a { server h1 max_fails=0; }", "a", False, ""),
}  # fmt: skip


def group_of(upstreams: str, target: str) -> tuple[UpstreamGroups, UpstreamGroup]:
    text = f"events {{}}\nhttp {{ {upstreams} server {{ location / {{ proxy_pass http://{target}; }} }} }}"
    config = load_files({"nginx.conf": text.encode()}, config_dir="/etc/nginx")
    location = next(each for each in walk(config.root) if each.name == "location")
    block = Block("l1", "location", block_text(location), location.place, (), around(location))
    groups = UpstreamGroups(config)
    peers = groups.names.get(target) or {target.removesuffix(":/uri") if ":" in target else f"{target}:80"}
    found = groups.of(ServedBy(None, block, True, (block,)), UpstreamCall("", min(peers), "GET", "/"))
    assert found is not None
    return groups, found


@pytest.mark.parametrize("case", CASES)
def test_upstreams_are_told_apart_by_name_and_peers(case: str) -> None:
    old, old_target, new, new_target, another, text = CASES[case]
    before, first = group_of(old, old_target)
    after, second = group_of(new, new_target)
    assert (is_another(first, second, before, after), peers_text(first, second)) == (another, text)
