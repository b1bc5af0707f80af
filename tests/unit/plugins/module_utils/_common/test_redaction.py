# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Secret values are masked wherever they stand."""

from __future__ import annotations

from ansible_collections.failsafe.nginx.plugins.module_utils._common.redaction import MASK, Redactor


def test_values_are_masked_at_any_depth_and_in_keys() -> None:
    redact = Redactor(["s3cret"])
    assert redact({"a s3cret": ["x", {"b": "s3cret!"}], "n": 1}) == {f"a {MASK}": ["x", {"b": f"{MASK}!"}], "n": 1}


def test_keys_and_packed_values_are_kept_if_asked() -> None:
    redact = Redactor(["s3cret"], keep_keys=True)
    given = {"s3cret": "s3cret", "_dump": "s3cret", "in": [{"_packed": "s3cret", "b": "s3cret"}]}
    assert redact(given) == {"s3cret": MASK, "_dump": "s3cret", "in": [{"_packed": "s3cret", "b": MASK}]}


def test_a_value_that_contains_another_one_is_masked_whole() -> None:
    assert Redactor(["word", "pass-word-long"]).text("pass-word-long word") == f"{MASK} {MASK}"


def test_lines_of_a_value_are_masked_where_they_were_moved_apart() -> None:
    redact = Redactor(["first line of a key\nsecond line of a key\nshort\n"])
    assert redact.text("  first line of a key\n    second line of a key\n short") == f"  {MASK}\n    {MASK}\n short"


def test_short_values_are_left_alone() -> None:
    assert Redactor([" on ", "80", ""]).text("listen 80; on") == "listen 80; on"
    assert Redactor([]).values == ()
