# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Strings that tell two patterns apart: a table, and a real nginx that agrees with what is claimed about mutated patterns.

The round prints its seed; `FAILSAFE_SEED` repeats one, `FAILSAFE_SOAK=1` runs many.
"""

from __future__ import annotations

import os
import random
import sys
import typing as t
from urllib.parse import quote_from_bytes

import pytest

from ansible_collections.failsafe.nginx.plugins.plugin_utils._witnesses.domains import (
    ADDRESS,
    ARGUMENT,
    HEADER,
    HOST,
    METHOD,
    PATH,
    Domain,
    domain_of,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._witnesses.pattern_pairs import (
    Contrast,
    Regex,
    belongs,
    contrast,
    texts_of,
)
from ansible_collections.failsafe.nginx.tests.unit.plugins.plugin_utils._witnesses.mutated_patterns import (
    Mutation,
    loadable,
)
from ansible_collections.failsafe.nginx.tests.unit.plugins.plugin_utils.real_nginx import RealNginx

if t.TYPE_CHECKING:
    from pathlib import Path

SOAK = bool(os.environ.get("FAILSAFE_SOAK"))
ROUNDS = 10 if SOAK else 1


def told(old: str | None, new: str | None, domain: Domain = PATH, *, caseless: bool = False) -> Contrast:
    patterns = [None if each is None else Regex(each, caseless) for each in (old, new)]
    return contrast(patterns[0], patterns[1], domain)


@pytest.mark.parametrize(
    ("old", "new", "domain", "texts"),
    [
        (r"\.(orig|swp|key|dump)$", r"\.(orig|swp|dump)$", PATH, {"/.key", "/x.key"}),
        (r"^/(at|be|ch|dk)/", r"^/(at|be|dk)/", PATH, {"/ch/"}),
        ("^/v[1-3]/", "^/v[1-4]/", PATH, {"/v4/"}),
        ("^/id/[0-9]{3}$", "^/id/[0-9]{3,4}$", PATH, {"/id/0000"}),
        ("^/id/[0-9]{2,5}$", "^/id/[0-9]{3,5}$", PATH, {"/id/00"}),
        ("^/Docs", "^/docs", PATH, {"/Docs", "/docs"}),
        (r"^(www|img|old)\.shop\.test$", r"^(www|img)\.shop\.test$", HOST, {"old.shop.test"}),
        ("wget|nikto", "wget", HEADER, {"nikto"}),
        ("^(PUT|PATCH)$", "^PUT$", METHOD, {"PATCH"}),
        ("^192\\.", "^192\\.168\\.", ADDRESS, {"192.0.0.0"}),
        ("^[a-z]+$", "^[a-z0-9]+$", ARGUMENT, {"0"}),
    ],
)
def test_a_string_is_found_for_what_differs(old: str, new: str, domain: Domain, texts: set[str]) -> None:
    found = told(old, new, domain)
    assert texts <= set(found.texts)
    assert not found.same
    assert all(belongs(text, domain) for text in found.texts)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (r"\.(gif|png)$", r"\.(png|gif)$"),
        ("^/a", "^/a.*"),
        ("/x+$", "/xx*$"),
        ("[[:digit:]]", r"\d"),
        ("^(?=/b)", "^/b"),
    ],
)
def test_one_language_in_two_spellings_is_proven_and_still_asked(old: str, new: str) -> None:
    found = told(old, new)
    assert found.same
    assert found.texts


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (r"^/(.)\1$", r"^/(a|b)\1x?$", "the pattern has a backreference"),
        ("(", "a", "nginx refuses the pattern"),
    ],
)
def test_what_is_beyond_the_search_says_so(old: str, new: str, reason: str) -> None:
    found = told(old, new)
    assert not found.same
    assert found.texts or found.reason == reason


def test_a_pattern_beyond_the_search_is_sampled() -> None:
    assert told(r"^/(a|b)/\1$", r"^/(a|c)/\1$").texts == ("/b/b", "/c/c")


def test_every_alternative_of_a_new_pattern_has_a_string() -> None:
    assert texts_of(Regex(r"^/(css|js|img|fonts)/"), PATH)[:4] == ("/css/", "/js/", "/img/", "/fonts/")


def test_an_ignored_case_is_tried_once() -> None:
    assert told("semrush", "semrush|bytespider", HEADER, caseless=True).texts == ("bytespider",)
    assert "/IMG" in told("^/img", None, PATH).texts or told("^/img", None, PATH).texts == ("/img",)


@pytest.mark.parametrize(
    ("variable", "domain"),
    [("uri", PATH), ("http_user_agent", HEADER), ("arg_page", ARGUMENT), ("host", HOST), ("mine", Domain())],
)
def test_variables_have_what_clients_can_send(variable: str, domain: Domain) -> None:
    assert domain_of(variable) == domain


def block(pairs: list[tuple[Regex, Regex]]) -> str:
    regexes = [each for pair in pairs for each in pair]
    maps = "".join(
        f'map $uri $m{number} {{ "~{"*" if each.caseless else ""}{each.source}" y; default n; }}\n'.replace(
            "\\", "\\\\"
        )
        for number, each in enumerate(regexes)
    )
    fields = ",".join(f"$m{number}" for number in range(len(regexes)))
    return f'variables_hash_max_size 8192;\n{maps}server {{ listen 80; location / {{ return 200 "{fields}"; }} }}'


def ask(nginx: RealNginx, uri: str) -> list[str]:
    answer = nginx.get(f"http://a.test{quote_from_bytes(uri.encode())}")
    assert answer.status == 200, (uri, answer)
    return answer.body.split(",")


@pytest.mark.nginx
@pytest.mark.parametrize("number", range(ROUNDS))
def test_nginx_agrees_about_mutated_patterns(number: int, tmp_path: Path) -> None:
    seed = int(os.environ.get("FAILSAFE_SEED", random.SystemRandom().randrange(10**9))) + number
    sys.stdout.write(f"FAILSAFE_SEED={seed}\n")
    mutation = Mutation(seed)
    pairs = [pair for _unused in range(150) if all(map(loadable, pair := mutation.pair()))]
    contrasts = [contrast(old, new, PATH) for old, new in pairs]
    subjects = {uri for _unused in range(60) if belongs(uri := mutation.subject(), PATH)}
    wrong: list[object] = []
    with RealNginx(tmp_path, block(pairs)) as nginx:
        answers = {uri: ask(nginx, uri) for uri in subjects | {uri for each in contrasts for uri in each.texts[:6]}}
    for index, (pair, found) in enumerate(zip(pairs, contrasts, strict=True)):
        differing = {uri for uri, said in answers.items() if said[2 * index] != said[2 * index + 1]}
        if found.same:
            wrong += [(pair, found, differing)] if differing else []
        else:
            wrong += [(pair, uri) for uri in found.texts[:6] if uri not in differing]
    assert wrong == []
    assert sum(each.same for each in contrasts) < len(contrasts) // 2
    assert sum(bool(each.reason) for each in contrasts) <= len(contrasts) // 10
