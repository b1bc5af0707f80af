# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which files are made up, and when: what this host has stays as it is."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.failsafe.nginx.plugins.module_utils._plan.made_files import FileView, plan_files
from ansible_collections.failsafe.nginx.plugins.module_utils._wire.files import MadeFile

if t.TYPE_CHECKING:
    from pathlib import Path

# The file as both configurations look for it, and where it is made up: on a host, and where nothing of one is shown.
CASES: dict[str, tuple[MadeFile, str, str]] = {
    "an index in a folder that is not there": (MadeFile("/nowhere/i", named=True, before=True), "first", "first"),
    "one that only the new configuration looks for": (MadeFile("/nowhere/i", named=True, before=False), "named", "first"),
    "one in a folder of the host": (MadeFile("{host}/www/i", named=True, before=True), "named", "first"),
    "one that the host has": (MadeFile("{host}/www/there", named=True, before=True), "", "first"),
    "a page": (MadeFile("/nowhere/x", named=False, before=True), "requested", "requested"),
    "a page of the system": (MadeFile("/usr/bin/env", named=False, before=True), "", ""),
    "relative to the prefix": (MadeFile("html/../html/x", named=False, before=True), "requested", "requested"),
    "in the configuration folder of one side": (MadeFile("/etc/nginx/www/one", named=True, before=True), "", ""),
    "in a folder of one side's configuration": (MadeFile("/etc/nginx/www/i", named=True, before=True), "named", "named"),
    "in a folder that neither has": (MadeFile("/etc/nginx/pages/i", named=True, before=True), "first", "first"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("empty", [False, True], ids=["host", "empty"])
def test_what_is_made_up_and_when(case: str, empty: bool, tmp_path: Path) -> None:  # noqa: FBT001
    for path in ("host/www/there", "live/www/one", "new/nginx.conf"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("x")
    file, on_host, elsewhere = CASES[case]
    file = MadeFile(file.path.format(host=tmp_path / "host"), file.named, file.before, [3, 1])
    trees = [str(tmp_path / "live"), str(tmp_path / "new")]
    found = plan_files([file], FileView("/etc/nginx", trees, "/nowhere", empty=empty))
    moments = ["first"] * len(found.first) + [stage.name for stage in found.stages]
    expected = elsewhere if empty else on_host
    assert moments == ([expected] if expected else [])
    assert all(stage.probes == [1, 3] for stage in found.stages)
    made = [*found.first, *(each for stage in found.stages for each in stage.files)]
    assert all(each.path.startswith("/") and ".." not in each.path for each in made)
