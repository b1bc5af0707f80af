# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guilty lines on the console: few, and true about what was tried."""

from __future__ import annotations

from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.bisect import (
    WHOLE_FILE,
    BisectResult,
    Cause,
    GuiltyLine,
    SearchedRequest,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.bisect_text import MOST_GUILTY, folded, guilty_text


def added(file: str, line: int, text: str = "return 404;") -> GuiltyLine:
    return GuiltyLine(file, line, "added", text, None)


def result(*lines: GuiltyLine, complete: bool = True) -> BisectResult:
    searched = SearchedRequest("GET /", "200", "404", "status", [Cause([*lines], complete)], None, 3)
    return BisectResult([*lines], [*map(str, lines)], [searched], 60, 278, "", "")


def test_a_whole_file_swallows_its_lines() -> None:
    whole = GuiltyLine("conf.d/maps.conf", 1, "added", WHOLE_FILE, None)
    lines = [added("a.conf", 3), whole, added("conf.d/maps.conf", 4), added("conf.d/maps.conf", 9)]
    assert folded(lines) == ["a.conf:3 + return 404", "conf.d/maps.conf:1 + (the whole file): 2 lines of it"]
    assert folded([whole]) == ["conf.d/maps.conf:1 + (the whole file)"]


def test_a_few_lines_are_shown_and_the_rest_is_counted() -> None:
    lines = [added("a.conf", number) for number in range(1, 41)]
    text = guilty_text(result(*lines))
    assert text[0] == "guilty (60 combinations of 278 changes tried):"
    assert text[1] == "    a.conf:1 + return 404"
    assert len(text) == 1 + MOST_GUILTY + 1
    assert text[-1] == "    ... and 32 more: all in the report"
    assert guilty_text(result(*lines[:MOST_GUILTY]))[-1] == "    a.conf:8 + return 404"


def test_what_was_not_taken_apart_is_not_called_guilty_line_by_line() -> None:
    lines = [added(f"{number // 10}.conf", number) for number in range(100)]
    title, files = guilty_text(result(*lines, complete=False))
    assert title.startswith("guilty (60 combinations of 278 changes tried, then the search ended at its limit):")
    assert "among 100 lines of 10 files" in title
    assert files == "    0.conf, 1.conf, 2.conf, 3.conf, 4.conf, 5.conf, 6.conf, 7.conf and 2 more files"
    few = guilty_text(result(*lines[:2], complete=False))
    assert few[0].endswith("then the search ended at its limit; fewer lines may do):")
    assert few[1:] == ["    0.conf:0 + return 404", "    0.conf:1 + return 404"]


def test_the_host_that_searched_is_named() -> None:
    assert guilty_text(result(added("a.conf", 1)), searched_on="web1")[0].startswith("guilty, as found on web1 (60 ")
    assert guilty_text(result()) == ["No single line explains it in a private world."]
