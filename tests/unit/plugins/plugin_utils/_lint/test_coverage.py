# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The page on linting names rules that there are, and every rule."""

from __future__ import annotations

import re
from pathlib import Path

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.registry import load_all

RULES = load_all()

PAGE = Path(__file__).resolve().parents[5] / "docs" / "linting.md"
#: About what could not be read, and what no other linter has.
OURS = {"file-encoding", "file-unreadable", "include-unresolved", "unknown-directive"}


def test_the_table_names_every_rule_and_no_other() -> None:
    table = PAGE.read_text().partition("## What is checked")[2]
    named = {
        name
        for row in table.splitlines()
        if row.startswith("| ")
        for name in re.findall(r"`([a-z0-9]+(?:-[a-z0-9]+)+|ssrf)`", row.rstrip(" |").rpartition(" | ")[2])
    }
    assert named - set(RULES) == set()
    assert set(RULES) - named == OURS
