# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Patterns, keys and extensions in real private worlds: variations of each kind, each a server of its own in one world."""

from __future__ import annotations

import os
import random
import sys
import typing as t

import pytest

from ansible_collections.failsafe.nginx.tests.unit.plugins.plugin_utils._plan.compared import compare_folders, folder
from ansible_collections.failsafe.nginx.tests.unit.plugins.plugin_utils._witnesses.mutated_patterns import (
    Mutation,
    loadable,
)

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison import RouteCheckReport

pytestmark = [pytest.mark.nginx, pytest.mark.root]


class Compared:
    """Variations before and after, compared at once.

    Attributes:
        report: of the comparison.
        classes: the number of the variation, the target and the class of each changed request.
    """

    def __init__(self, before: Iterable[str], after: Iterable[str], http: tuple[str, str] = ("", "")) -> None:
        sides = [
            folder(f"http {{ {more}\n{self._sites(bodies)} }}")
            for bodies, more in zip((before, after), http, strict=True)
        ]
        one, self.report = compare_folders(*sides)
        probes = {probe.id: probe for probe in one.probes}
        self.classes = {
            (int(str(probes[each].host)[1:].partition(".")[0]), probes[each].target, change.name)
            for change in self.report.changes
            for each in change.probes
        }
        self.gated = {change.name for change in self.report.changes if change.risk == "critical"}

    @staticmethod
    def _sites(bodies: Iterable[str]) -> str:
        return "\n".join(
            f"server {{ listen 80; server_name v{number}.test; root /srv/v{number}; {body} }}"
            for number, body in enumerate(bodies)
        )

    def of(self, number: int) -> dict[str, set[str]]:
        """The changed targets of a variation, and their classes."""
        found: dict[str, set[str]] = {}
        for variation, target, name in self.classes:
            if variation == number:
                found.setdefault(target, set()).add(name)
        return found


def states(report: RouteCheckReport) -> set[str]:
    return {account.state for account in report.accounts}


#: A rule that refuses, its narrower form, and what is open now.
DENIED = (
    (r"~* \.(swp|orig|key)$", r"~* \.(swp|orig)$", "/x.key"),
    (r"~ /\.(git|svn|htpasswd)", r"~ /\.(git|svn)", "/.htpasswd"),
    (r"~ \.(inc|tpl|yml)$", r"~ \.(inc|yml)$", "/x.tpl"),
    (r"~ ^/(private|internal|logs)/", r"~ ^/(private|internal)/", "/logs/"),
    (r"~* \.bak$", r"~ \.bak$", "/x.Bak"),
    (r"~ \.php[3-7]?$", r"~ \.php$", "/x.php3"),
    ("^~ /secret", "^~ /secret/", "/secret"),
    (r"~ (~|\.save)$", r"~ ~$", "/x.save"),
    (r"~ ^/dump-[0-9]+\.sql$", r'~ "^/dump-[0-9]{4}\.sql$"', "/dump-0.sql"),
    (r"~* ^/[^/]+\.(zip|rar)$", r"~* ^/[^/]+\.zip$", "/x.rar"),
)


def test_a_refusal_that_lost_an_alternative_is_access_widened() -> None:
    body = "location / {{ proxy_pass http://10.3.0.1; }} location {} {{ deny all; }}"
    found = Compared([body.format(old) for old, _new, _uri in DENIED], [body.format(new) for _old, new, _uri in DENIED])
    for number, (_old, _new, uri) in enumerate(DENIED):
        assert "access-widened" in found.of(number).get(uri, ()), (number, uri, found.of(number))
    assert states(found.report) == {"shown"}
    assert "access-widened" in found.gated


#: A pattern of a redirect, the same without one of its choices, and a URL of that choice.
ALTERNATIVES = (
    ("location ~ ^/(da|fi|no|sv)/$", "location ~ ^/(da|fi|sv)/$", "/no/"),
    ("location ~ ^/shop/(cart|wish)", "location ~ ^/shop/cart", "/shop/wish"),
    ("location ~* ^/(Jobs|Press)$", "location ~* ^/Jobs$", "/press"),
    ("location ~ ^/y20[12][0-9]$", "location ~ ^/y202[0-9]$", "/y2010"),
    ("location ~ ^/p/[a-z]+/?$", "location ~ ^/p/[a-z]+$", "/p/x/"),
    ("location ~ ^/(de|fr)(-ch)?/", "location ~ ^/(de|fr)/", "/de-ch/"),
    ("if ($arg_page ~ ^(about|imprint)$)", "if ($arg_page ~ ^about$)", "/?page=imprint"),
    ("location = /go", "location = /og", "/go"),
    ("if ($uri ~ ^/t/(one|two)$)", "if ($uri ~ ^/t/one$)", "/t/two"),
    ("location ^~ /promo", "location ^~ /promo-2", "/promo"),
)


def test_an_alternative_that_is_gone_is_shown_with_a_url_of_it() -> None:
    body = "{} {{ return 302 /elsewhere; }} location / {{ proxy_pass http://10.3.0.1; }}"
    found = Compared(
        [body.format(old) for old, _new, _uri in ALTERNATIVES], [body.format(new) for _old, new, _uri in ALTERNATIVES]
    )
    for number, (_old, _new, uri) in enumerate(ALTERNATIVES):
        assert uri in found.of(number), (number, uri, found.of(number))
    assert states(found.report) == {"shown"}


#: Rules for bots that became rules for browsers.
BOTS = (
    ("~* (semrush|dotbot)", "~* (semrush|dotbot|mozilla)"),
    ("~* semrush", "~* (semrush|mozilla/5)"),
    ("~ ^Bad", "~ ^(Bad|Mozilla)"),
    ("~* evil", "~* (evil|)"),
    ("~* ^$", "~* ^."),
    ("~* petal", "~* (petal|applewebkit|gecko)"),
    ("~* bot", "~* o"),
    ("~ Wget", "!~ Wget"),
    ('= "bad"', '!= "bad"'),
    ("~* ahrefs", "~* [a-z]"),
)


@pytest.mark.parametrize("by_map", [False, True])
def test_a_rule_for_bots_that_matches_browsers_stops(*, by_map: bool) -> None:
    rules = [pair for pair in BOTS if not by_map or all(each.startswith("~") for each in pair)]
    http, bodies = [], []
    for which in (0, 1):
        given = [pair[which] for pair in rules]
        maps = "".join(
            f'map $http_user_agent $bad{number} {{ default 0; "{each.replace(" ", "", 1)}" 1; }}\n'
            for number, each in enumerate(given)
        )
        http.append(maps if by_map else "")
        conditions = [f"$bad{number}" if by_map else f"$http_user_agent {each}" for number, each in enumerate(given)]
        bodies.append(
            [f"if ({each}) {{ return 403; }} location / {{ proxy_pass http://10.3.0.1; }}" for each in conditions]
        )
    found = Compared(bodies[0], bodies[1], (http[0], http[1]))
    for number, pair in enumerate(rules):
        assert "outage" in set().union(*found.of(number).values()), (pair, found.of(number))
    assert "outage" in found.gated


#: `types` before and after, a place that hands out files, and a file of a lost type.
WEB = "text/html html; text/css css; application/javascript js; image/svg+xml svg; font/woff2 woff2;"
TYPES = (
    (WEB, WEB.replace("text/css css; ", ""), "location / {}", "/x.css"),
    (WEB, WEB.replace(" image/svg+xml svg;", ""), "location / {}", "/x.svg"),
    (WEB, WEB.replace("application/javascript", "text/javascript"), "location / {}", "/x.js"),
    (WEB, "text/html html;", "location /static/ {}", "/static/x.css"),
    (WEB, WEB.replace("woff2;", "woff;"), "", "/x.woff2"),
    (WEB, "", "location ^~ /assets/ {}", "/assets/x.js"),
    ("text/plain abc;", "text/plain abd;", "default_type a/b;", "/x.abc"),
    (WEB, WEB.replace("css", "scss"), "location /a/ { location /a/b/ {} }", "/a/b/x.css"),
    (WEB, WEB + "application/wasm wasm;", "default_type x/y;", "/x.wasm"),
    (WEB, WEB.replace("text/html html;", "text/plain html;"), "location /docs/ { alias /opt/d/; }", "/docs/x.html"),
)


def test_a_lost_type_is_shown_by_a_file_of_it() -> None:
    found = Compared(
        [f"types {{ {old} }} {place}" for old, _new, place, _uri in TYPES],
        [f"types {{ {new} }} {place}" for _old, new, place, _uri in TYPES],
    )
    for number, (_old, _new, _place, uri) in enumerate(TYPES):
        assert "content-type-changed" in found.of(number).get(uri, ()), (number, uri, found.of(number))


def test_two_spellings_of_one_language_are_without_effect() -> None:
    pairs = ((r"\.(gif|png)$", r"\.(png|gif)$"), ("^/a", "^/a.*"), ("^/[0-9]", r"^/\d"), ("^/b(c|d)", "^/b[cd]"))
    body = "location ~ {} {{ return 410; }} location / {{ proxy_pass http://10.3.0.1; }}"
    found = Compared([body.format(old) for old, _new in pairs], [body.format(new) for _old, new in pairs])
    assert found.classes == set()
    assert [account.state for account in found.report.accounts] == ["without-effect"] * len(pairs)


def test_an_edit_that_changes_the_language_is_never_without_effect() -> None:
    seed = int(os.environ.get("FAILSAFE_SEED", random.SystemRandom().randrange(10**9)))
    sys.stdout.write(f"FAILSAFE_SEED={seed}\n")
    mutation = Mutation(seed)
    pairs = [pair for _unused in range(60) if all(map(loadable, pair := mutation.pair()))]
    subjects = [mutation.subject() for _unused in range(400)]
    bodies = [
        [
            f'location ~{"*" if pair[which].caseless else ""} "{pair[which].source.replace(chr(92), chr(92) * 2)}" '
            "{ return 410; } location / { proxy_pass http://10.3.0.1; }"
            for pair in pairs
        ]
        for which in (0, 1)
    ]
    report = Compared(bodies[0], bodies[1]).report
    without = {
        name for account in report.accounts if account.state == "without-effect" for name in account.change.servers
    }
    wrong = [
        (pair, uri)
        for number, pair in enumerate(pairs)
        for uri in subjects
        if f"v{number}.test" in without and pair[0].matches(uri) is not pair[1].matches(uri)
    ]
    assert wrong == []
    assert sum(account.state == "shown" for account in report.accounts) > len(pairs) // 2
