# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Client addresses on which two lists of networks decide differently; a real nginx agrees on random lists."""

from __future__ import annotations

import ipaddress
import os
import random
import sys
import typing as t

import pytest

from ansible_collections.failsafe.nginx.plugins.plugin_utils._witnesses.networks import (
    MOST,
    access_contrast,
    geo_contrast,
    spans_of,
)
from ansible_collections.failsafe.nginx.tests.unit.plugins.plugin_utils.real_nginx import RealNginx

if t.TYPE_CHECKING:
    from pathlib import Path

Rules = list[tuple[str, str]]


def rules(text: str) -> Rules:
    entries = (line.partition(" ") for line in text.split(";") if line)
    return [(verb.strip(), entry.strip()) for verb, _blank, entry in entries]


@pytest.mark.parametrize(
    ("old", "new", "addresses"),
    [
        ("allow 10.2.0.0/15;deny all", "allow 10.2.0.0/16;deny all", {"10.3.0.0", "10.3.255.255"}),
        ("allow 10.2.0.0/16;deny all", "allow 10.2.0.0/16;allow 10.4.0.9;deny all", {"10.4.0.9"}),
        ("allow 2001:db8:a::/48;deny all", "deny all", {"2001:db8:a::", "2001:db8:a:ffff:ffff:ffff:ffff:ffff"}),
        ("", "deny 203.0.113.0/24", {"203.0.113.0", "203.0.113.255"}),
        ("deny all", "allow all", {"198.51.100.1", "2001:db8::1"}),
        ("deny 10.0.0.7;allow 10.0.0.0/24;deny all", "allow 10.0.0.0/24;deny 10.0.0.7;deny all", {"10.0.0.7"}),
    ],
)
def test_an_address_is_found_at_each_edge_that_moved(old: str, new: str, addresses: set[str]) -> None:
    found = access_contrast(rules(old), rules(new))
    assert addresses <= set(found.addresses)
    assert not found.same


def test_rules_that_decide_alike_are_proven_and_asked_at_their_edges() -> None:
    found = access_contrast(rules("deny 10.0.0.4;deny 10.0.0.0/24"), rules("deny 10.0.0.0/24"))
    assert found.same
    assert found.addresses == ("10.0.0.4", "10.0.0.3", "10.0.0.5")


@pytest.mark.parametrize(
    ("old", "new", "addresses"),
    [
        ({"default": "a", "10.0.0.0/8": "b"}, {"default": "a", "10.0.0.0/8": "b", "10.9.0.0/16": "c"}, {"10.9.0.0"}),
        ({"default": "a"}, {"default": "b"}, {"198.51.100.1", "2001:db8::1"}),
        ({"192.0.2.4-192.0.2.9": "x"}, {"192.0.2.4-192.0.2.7": "x"}, {"192.0.2.8", "192.0.2.9"}),
    ],
)
def test_geo_takes_the_smallest_network(old: dict[str, str], new: dict[str, str], addresses: set[str]) -> None:
    assert addresses <= set(geo_contrast(old, new).addresses)


def test_a_long_list_is_spread_and_bounded() -> None:
    new = {f"10.{high}.{low}.0/24": "x" for high in range(20) for low in range(50)}
    found = geo_contrast({}, new)
    assert len(found.addresses) <= MOST
    assert any(address.startswith("10.19.") for address in found.addresses)
    assert not geo_contrast(new, new).same


@pytest.mark.parametrize(("entry", "count"), [("all", 2), ("unix:", 0), ("10.0.0.0/8", 1), ("::1", 1), ("a-b", 0)])
def test_entries_are_read(entry: str, count: int) -> None:
    assert len(spans_of(entry)) == count


@pytest.mark.nginx
@pytest.mark.root
def test_nginx_agrees_about_random_lists(tmp_path: Path) -> None:
    """The client comes by a header that nginx trusts, so that one connection asks for every address."""
    seed = int(os.environ.get("FAILSAFE_SEED", random.SystemRandom().randrange(10**9)))
    sys.stdout.write(f"FAILSAFE_SEED={seed}\n")
    source = random.Random(seed)  # noqa: S311 - networks, no secrets

    def some() -> Rules:
        made: Rules = []
        for _unused in range(source.randint(0, 4)):
            number = int(ipaddress.IPv4Address("10.0.0.0")) + source.randrange(8) * 64
            network = ipaddress.ip_network((number, source.choice((32, 28, 26, 24))), strict=False)
            made.append((source.choice(("allow", "deny")), str(network)))
        return [*made, ("deny", "all")] if source.random() < 0.6 else made

    pairs = [(some(), some()) for _unused in range(40)]
    servers = "".join(
        f"server {{ listen 80; server_name {side}{index}.test; set_real_ip_from 127.0.0.1; real_ip_header X-Client; "
        f"{' '.join(f'{verb} {entry};' for verb, entry in each)} location / {{ try_files /index.html =404; }} }}\n"
        for index, pair in enumerate(pairs)
        for side, each in zip("ba", pair, strict=True)
    )
    everywhere = [str(ipaddress.IPv4Address("10.0.0.0") + number) for number in range(0, 600, 7)]
    wrong: list[object] = []
    with RealNginx(tmp_path, f"server_names_hash_max_size 4096;\n{servers}") as nginx:
        for index, (old, new) in enumerate(pairs):
            found = access_contrast(old, new)
            asked = [
                each
                for each in dict.fromkeys((*found.addresses, *everywhere[:: 1 if found.same else 20]))
                if "." in each
            ]
            differing = {
                address
                for address in asked
                if len({nginx.get(f"http://{side}{index}.test/", {"X-Client": address}).status for side in "ba"}) > 1
            }
            expected = set() if found.same else {each for each in found.addresses if "." in each}
            if not expected <= differing or (found.same and differing):
                wrong.append((old, new, found, differing))
    assert wrong == []
