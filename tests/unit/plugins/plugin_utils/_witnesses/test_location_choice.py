# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""URIs that a changed location takes over or loses; a real nginx agrees on random locations.

The round prints its seed; `FAILSAFE_SEED` repeats one, `FAILSAFE_SOAK=1` runs many.
"""

from __future__ import annotations

import os
import random
import sys
import typing as t
from urllib.parse import quote

import pytest

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import load_files
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.select import Router
from ansible_collections.failsafe.nginx.plugins.plugin_utils._witnesses.location_choice import LocationChange, path_of
from ansible_collections.failsafe.nginx.tests.unit.plugins.plugin_utils.real_nginx import RealNginx

if t.TYPE_CHECKING:
    from pathlib import Path

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.blocks import Location, Locations

ROUNDS = 30 if os.environ.get("FAILSAFE_SOAK") else 1


def locations(text: str) -> Locations:
    data = f"events {{}} http {{ server {{ listen 80; {text} }} }}".encode()
    return Router(load_files({"nginx.conf": data}, config_dir="/etc/nginx")).servers[0].scope.locations


def named(level: Locations, name: str | None) -> Location | None:
    for location in level.all:
        if f"{location.modifier} {location.name}".strip() == name:
            return location
        inner = named(location.scope.locations, name)
        if inner is not None:
            return inner
    return None


def change(before: str, after: str, old: str | None, new: str | None) -> LocationChange:
    both = locations(before), locations(after)
    return LocationChange(*both, named(both[0], old), named(both[1], new))


SITE = "location / {} location /intern/ {} location ^~ /files/ {} location = /cron.php {} "
PHP = r"location ~ \.php$ {} "


@pytest.mark.parametrize(
    ("before", "after", "old", "new", "uris", "none"),
    [
        (SITE, SITE + PHP, None, r"~ \.php$", {"/intern/x.php", "/x.php"}, {"/files/x.php", "/cron.php"}),
        (SITE + PHP, SITE, r"~ \.php$", None, {"/intern/x.php"}, {"/files/x.php"}),
        (PHP + "location ~ ^/int {}", "location ~ ^/int {}" + PHP, "~ ^/int", "~ ^/int", {"/int.php"}, {"/int"}),
        (PHP, PHP + "location ^~ /intern/ {}", None, "^~ /intern/", {"/intern/x"}, {"/x.php"}),
        (SITE, SITE + "location = /intern/ {}", None, "= /intern/", {"/intern/"}, {"/intern/x"}),
        (
            "location / {} location /a/ { location ~ x$ {} }",
            "location / {} location /a/ { location ~ [xy]$ {} }",
            "~ x$",
            "~ [xy]$",
            {"/a/y"},
            {"/y"},
        ),
        (
            "location ~ ^/a {} location /b {}",
            "location ~ ^/a {} location /b {} location ~ ^/[ab] {}",
            None,
            "~ ^/[ab]",
            {"/b/a"},
            {"/a"},
        ),
    ],
)
def test_takeovers(  # noqa: PLR0917 -- a table
    before: str, after: str, old: str | None, new: str | None, uris: set[str], none: set[str]
) -> None:
    made = change(before, after, old, new)
    found = {takeover.uri for takeover in made.takeovers()}
    assert uris <= found
    assert not none & found


def test_a_hidden_file_rule_in_front_does_not_hide_the_takeover() -> None:
    hidden = r"location ~ /\. {} "
    found = change(hidden + SITE, hidden + SITE + PHP, None, r"~ \.php$").takeovers()
    assert {takeover.words for takeover in found} == {
        r"location / before, location ~ \.php$ after",
        r"location /intern/ before, location ~ \.php$ after",
    }


def test_two_spellings_of_one_pattern_take_nothing_and_are_asked() -> None:
    made = change(r"location ~ \.(gif|png)$ {}", r"location ~ \.(png|gif)$ {}", r"~ \.(gif|png)$", r"~ \.(png|gif)$")
    assert made.takeovers() == []
    assert {"/x.png", "/x.gif"} <= set(made.reached())


def test_what_other_locations_shadow_takes_nothing_and_is_not_reached() -> None:
    made = change("location ~ ^/ {}", r"location ~ ^/ {} location ~ \.js$ {}", None, r"~ \.js$")
    assert (made.takeovers(), made.reached()) == ([], [])


NAMES = (
    "/",
    "/a",
    "/a/",
    "/a/b",
    "^~ /a/c",
    "^~ /b/",
    "= /a",
    "= /a/b.js",
    r"~ \.js$",
    "~ ^/a",
    r"~* \.JS$",
    "~ b",
    "~ ^/[ab]/",
)
URIS = [f"/{one}{two}" for one in ("", "a", "b", "A", "c") for two in ("", "/", "/b", ".js", "/b.js", "/c.JS", "/a")]


class RandomChange:
    """Locations in some order, and the same with one of them added, removed or moved."""

    def __init__(self, seed: int) -> None:
        source = random.Random(seed)  # noqa: S311 - configurations, no secrets
        names = source.sample(NAMES, source.randint(2, 7))
        one = source.choice(names)
        rest = [name for name in names if name != one]
        places = [[*rest[:at], one, *rest[at:]] for at in range(len(rest) + 1)]
        self.before, self.after = source.choice(([names, rest], [rest, names], [names, source.choice(places)]))
        self.old = one if one in self.before else None
        self.new = one if one in self.after else None

    @staticmethod
    def text(names: list[str]) -> str:
        return "".join(f'location {name} {{ return 200 "{name.replace("$", "")}"; }}\n' for name in names)


@pytest.mark.nginx
@pytest.mark.parametrize("number", range(ROUNDS))
def test_nginx_agrees_about_takeovers(number: int, tmp_path: Path) -> None:
    seed = int(os.environ.get("FAILSAFE_SEED", random.SystemRandom().randrange(10**9))) + number
    sys.stdout.write(f"FAILSAFE_SEED={seed}\n")
    cases = [RandomChange(seed + index) for index in range(80)]
    servers = "".join(
        f"server {{ listen 80; server_name {side}{index}.test;\n{case.text(names)} }}\n"
        for index, case in enumerate(cases)
        for side, names in (("b", case.before), ("a", case.after))
    )
    wrong: list[object] = []
    with RealNginx(tmp_path, f"server_names_hash_max_size 4096;\n{servers}") as nginx:
        for index, case in enumerate(cases):
            made = change(case.text(case.before), case.text(case.after), case.old, case.new)
            found = {takeover.uri: takeover for takeover in made.takeovers()}
            moved = set()
            for uri in {*URIS, *found}:
                asked = [nginx.get(f"http://{side}{index}.test{quote(uri)}") for side in "ba"]
                if asked[0] != asked[1]:
                    moved.add(uri)
            if not found.keys() <= moved or bool(moved) is not bool(found):
                wrong.append((case.before, case.after, sorted(moved), sorted(found)))
    assert wrong == []


def test_the_path_of_a_location_names_those_around_it() -> None:
    level = locations("location /a/ { location ~ x { location = /a/x {} } }")
    assert path_of(named(level, "= /a/x")) == (("", "/a/"), ("~", "x"), ("=", "/a/x"))
    assert path_of(None) == ()
