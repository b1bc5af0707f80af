# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Patterns that were written to hang, exhaust or crash their reader end soon, in little memory."""

from __future__ import annotations

import time
import tracemalloc

import pytest

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.regex_charsets import backtracks
from ansible_collections.failsafe.nginx.plugins.plugin_utils._regex import RegexError, parse
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.pattern import compile_pattern
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.sampler import sample_pattern

#: CPU seconds, far above what any of these takes.
SECONDS = 2.0
MANY = "1" * 5000


@pytest.mark.parametrize(
    "pattern",
    [
        "(?:(?:(?:){65535}){65535}){65535}(?:x+)+y",
        r"(?:(?:(?:(?:)){65535}){65535}){65535}(?:x+)+y",
        "((){65535}){65535}(x+)+y",
        "/(?:a{60000}){60000}",
        "/((a{2000})\\2{60000}){5000}",
        "(?<=(a" + "(?1)" * 2000 + "))b",
        "(?>" * 240 + "a" * 20_000 + ")" * 240,
        "(?<=" * 240 + "a" * 20_000 + ")" * 240,
    ],
    ids=lambda pattern: pattern[:24],
)
def test_a_hostile_pattern_ends_soon(pattern: str) -> None:
    start = time.process_time()
    backtracks(pattern)
    assert time.process_time() - start < SECONDS


@pytest.mark.parametrize("pattern", ["/(?:a{60000}){60000}", "/((a{2000})\\2{60000}){5000}"])
def test_no_sample_is_made_of_what_is_too_long(pattern: str) -> None:
    start = time.process_time()
    assert sample_pattern(pattern) == ()
    assert time.process_time() - start < SECONDS


@pytest.mark.parametrize("pattern", ["^/(a{19000})*b$", "^/a{19000}(b+)*$"])
def test_a_long_pattern_takes_little_memory(pattern: str) -> None:
    parse(pattern)
    tracemalloc.start()
    backtracks(pattern)
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40_000_000


@pytest.mark.parametrize(
    "pattern",
    [
        f"(a)\\g{{{MANY}}}",
        f"(?{MANY})",
        f"(a)(?({MANY})b)",
        f"a{{{MANY}}}",
        f"a{{1,{MANY}}}",
        f"(?C{MANY})",
    ],
    ids=lambda pattern: pattern[:8],
)
def test_a_number_of_thousands_of_digits_is_refused(pattern: str) -> None:
    with pytest.raises(RegexError):
        parse(pattern)
    assert compile_pattern(pattern) is None
    assert sample_pattern(pattern) == ()


def test_zeros_before_a_number_count_for_nothing() -> None:
    assert parse("a{" + "0" * 5000 + "2}").root == parse("a{2}").root


def test_a_long_number_behind_a_backslash_is_octal() -> None:
    assert parse(f"(a)\\{MANY}").root == parse(f"(a)I{MANY[3:]}").root
