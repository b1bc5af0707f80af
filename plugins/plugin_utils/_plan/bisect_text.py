# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The guilty lines as the console shows them: a few, with a whole file in one line."""

from __future__ import annotations

import typing as t
from collections import defaultdict
from collections.abc import Sequence

from ansible_collections.failsafe.nginx.plugins.plugin_utils._markup.wording import counted

from .bisect import WHOLE_FILE, BisectResult, GuiltyLine

#: Guilty lines that are shown; others are counted.
MOST_GUILTY: t.Final = 8


def guilty_text(found: BisectResult, *, searched_on: str = "", rest: str = "all in the report") -> list[str]:
    """Return the result of a search in words, in at most ten lines.

    Args:
        found: the result.
        searched_on: the host that searched, where it was another one.
        rest: where the lines are that are left out.
    """
    if not found.culprits:
        return ["No single line explains it in a private world."]
    tried = f"{counted(found.worlds, 'combination')} of {counted(found.changes, 'change')} tried"
    title = f"guilty, as found on {searched_on}" if searched_on else "guilty"
    if not found.is_smallest and len(found.culprits) > MOST_GUILTY:
        # Which of them it takes is not known, so the files say as much as the lines.
        files = list(dict.fromkeys(line.file for line in found.culprits))
        left = len(files) - MOST_GUILTY
        names = ", ".join(files[:MOST_GUILTY]) + (f" and {counted(left, 'more file')}" if left > 0 else "")
        many = f"among {counted(len(found.culprits), 'line')} of {counted(len(files), 'file')}"
        return [f"{title} ({tried}, then the search ended at its limit): {many}, {rest}", f"    {names}"]
    end = "" if found.is_smallest else ", then the search ended at its limit; fewer lines may do"
    shown = folded(found.culprits)
    left = len(shown) - MOST_GUILTY
    more = [f"    ... and {left} more: {rest}"] if left > 0 else []
    return [f"{title} ({tried}{end}):", *(f"    {line}" for line in shown[:MOST_GUILTY]), *more]


def folded(lines: Sequence[GuiltyLine]) -> list[str]:
    """Return guilty lines as text; a file that was added or removed as a whole is one line, with the number of its lines."""
    by_file: dict[str, list[GuiltyLine]] = defaultdict(list)
    for line in lines:
        by_file[line.file].append(line)
    shown: list[str] = []
    for found in by_file.values():
        whole = [line for line in found if WHOLE_FILE in (line.text, line.before)]
        inner = len(found) - len(whole)
        if whole:
            shown.append(f"{whole[0]}: {counted(inner, 'line')} of it" if inner else str(whole[0]))
        else:
            shown += map(str, found)
    return shown
