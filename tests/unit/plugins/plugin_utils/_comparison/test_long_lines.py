# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Long lines before and after: the changed part is shown."""

from __future__ import annotations

import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison.long_lines import changed_parts, shortened

POLICY = "Content-Security-Policy: " + "; ".join(f"img-src https://cdn{number}.example.net" for number in range(20))


@pytest.mark.parametrize("place", ["cdn0.", "cdn10.", "cdn19."])
def test_the_changed_part_of_a_long_header_is_shown(place: str) -> None:
    old, new = changed_parts(POLICY, POLICY.replace(place, "evil."), 120)
    assert place in old
    assert "evil." in new
    assert old.startswith("Content-Security-Policy: ")
    assert max(len(old), len(new)) <= 120


def test_short_lines_stay() -> None:
    assert changed_parts("200", "404", 120) == ("200", "404")


def test_a_line_is_compared_with_the_one_of_the_same_title() -> None:
    old = ["200", POLICY]
    new = ["200", "Cache-Control: no-store", POLICY.replace("cdn19.", "evil.")]
    assert shortened(old, new, 120)[0] == ["200", changed_parts(POLICY, new[2], 120)[0]]
    assert "evil." in shortened(old, new, 120)[1][2]


@given(st.text("ab", max_size=80), st.text("ab", max_size=80), st.text("ab", max_size=80), st.text("ab", max_size=80))
def test_texts_that_differ_are_shown_differently_and_bounded(head: str, one: str, other: str, tail: str) -> None:
    old, new = changed_parts(head + one + tail, head + other + tail, 60)
    assert max(len(old), len(new)) <= 60
    if one[:1] != other[:1]:
        assert old != new


def test_a_report_shows_the_changed_part(make: t.Any) -> None:
    value = POLICY.partition(": ")[2]
    headers = [{"Content-Security-Policy": text} for text in (value, value.replace("cdn19.", "evil."))]
    outcomes = [make.side("server { server_name www.example.com; }", [make.outcome(headers=each)]) for each in headers]
    [change] = make.compare([make.probe()], *outcomes).changes
    assert "cdn19." in change.example.before[1]
    assert "evil." in change.example.after[1]
