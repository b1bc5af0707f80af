# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which patterns can take PCRE very long, shown by a real nginx."""

from __future__ import annotations

import time
import typing as t
from urllib.parse import quote_from_bytes

import pytest

from ansible_collections.failsafe.nginx.plugins.plugin_utils._regex import parse
from ansible_collections.failsafe.nginx.plugins.plugin_utils._regex.ambiguity import ambiguity
from ansible_collections.failsafe.nginx.plugins.plugin_utils._regex.search import matches

EXPONENTIAL = (
    (r"^/(a+)+$", "(a+)+"),
    (r"^/([\w-]*)*/", r"([\w-]*)*"),
    (r"^/(a|a)*$", "(a|a)*"),
    (r"^/(\w+\s?)*$", r"(\w+\s?)*"),
    (r"^/(a|aa)+$", "(a|aa)+"),
    (r"^/([^/]+/?)+\.html$", "([^/]+/?)+"),
    (r"^/(?:\w|\d)+!$", r"(?:\w|\d)+"),
    (r"^/(?:[a-z]+-?)+/?$", "(?:[a-z]+-?)+"),
    (r"^/((ab)*)*$", "((ab)*)*"),
    (r"/(a{1,3}){2,}$", "(a{1,3}){2,}"),
    (r"(x+x+)+y", "(x+x+)+"),
    (r"^/x(?i:(B+|b+)*)$", "(B+|b+)*"),
    # Without an anchor, the pattern's own bytes behind the loop could match by themselves.
    (r"(\w+)+/?$", r"(\w+)+"),
    (r"(a+)+$", "(a+)+"),
)


@pytest.mark.parametrize(("source", "part"), EXPONENTIAL)
def test_exponential(source: str, part: str) -> None:
    pattern = parse(source)
    found = ambiguity(pattern)
    assert found is not None
    assert found.kind == "exponential"
    assert source[found.start : found.end] == part
    assert ambiguity(pattern, polynomial=False) == found
    assert matches(pattern, found.subject(20)) is False


@pytest.mark.nginx
@pytest.mark.parametrize("source", [source for source, _part in EXPONENTIAL[1::2]])
def test_nginx_gives_up(source: str, real_nginx: t.Callable[[str], t.Any]) -> None:
    found = ambiguity(parse(source))
    assert found is not None
    text = source.replace("\\", "\\\\")
    with real_nginx(f'server {{ listen 80; merge_slashes off; location ~ "{text}" {{ return 204; }} }}') as nginx:
        subject = found.subject(40)
        path = quote_from_bytes(subject if subject.startswith(b"/") else b"/" + subject)
        assert nginx.get(f"http://a.test{path}").status == 500
        assert "pcre2_match() failed" in nginx.log() or "pcre_exec() failed" in nginx.log()


@pytest.mark.parametrize("source", ["^.*a.*b$", "^/(.*)/(.*)$", r"^\w*-?\w*$"])
def test_polynomial(source: str) -> None:
    pattern = parse(source)
    found = ambiguity(pattern)
    assert found is not None
    assert found.kind == "polynomial"
    assert ambiguity(pattern, polynomial=False) is None
    assert matches(pattern, found.subject(5)) is False


@pytest.mark.parametrize(
    "source",
    [
        "^(a+)+",
        "^(a+)$",
        "^(?:[a-z]+/)+$",
        "^(?:a++)+$",
        "^([a-z]{2})+$",
        r"\.php$",
        "^(a?)*$",
        "^(/[^/]+)*/?$",
        r"^https://([a-z0-9-]+\.)*example\.com$",
        # The last byte is the only thing that can be absent, and PCRE looks for it first.
        "(.*,)*x",
        "(.*)*(.*)*x",
        r"(a)\1(a+)+$",
    ],
)
def test_harmless(source: str) -> None:
    assert ambiguity(parse(source)) is None


@pytest.mark.parametrize("source", ["^(?:(?:a{50}){20})+$", "(?:a?){500}(?:a*)*$", "(?:a{200}){200}"])
def test_it_ends_within_its_budget(source: str) -> None:
    before = time.process_time()
    ambiguity(parse(source), steps=20_000)
    assert time.process_time() - before < 5
