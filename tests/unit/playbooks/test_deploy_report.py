# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real deploy whose controller is killed, what happened on its host afterwards, and the page of it in a headless Chromium."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import typing as t
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from test_deploy import Instance, Play, last_report, play, src, web1

from ansible_collections.failsafe.nginx.tests.unit.plugins.plugin_utils._reports.rollout.chromium import (
    chromium,
    shown,
    tab_to,
    unfolded_on_paper,
    widths,
)

pytestmark = pytest.mark.nginx

__all__ = ["play", "src", "web1"]

#: Seconds after which something is stuck, on a machine that does much else.
PATIENCE: t.Final = 180


def wait_for(condition: t.Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def controllers() -> list[int]:
    """The ansible-playbook that this process runs; its workers have another parent."""
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            parent = re.search(r"^PPid:\s+(\d+)$", status.read_text(), re.MULTILINE)
            command = status.with_name("cmdline").read_bytes()
        except OSError:
            continue
        if parent and int(parent[1]) == os.getpid() and b"ansible-playbook" in command:
            found.append(int(status.parent.name))
    return found


def test_a_host_that_went_back_without_its_controller_tells_of_it_in_the_report(
    play: Play, web1: Instance, tmp_path: Path
) -> None:
    journal = web1.store / "journal.jsonl"
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(play, nginx_deploy_route_check=False, nginx_deploy_soak=4)
        wait_for(lambda: (journal.exists() and '"reload"' in journal.read_text()) or run.done())
        for controller in controllers():
            os.kill(controller, signal.SIGKILL)
        assert run.result().rc == -signal.SIGKILL, run.result().output
    report = json.loads(last_report(tmp_path).read_text())
    assert (report["verdict"], [row["outcome"] for row in report["hosts"]]) == ("interrupted", ["unknown"])
    assert "What web1 did by itself" in " ".join(report["unknown"])
    # As a person at the host's keyboard would; the module that was under way has its lock until it ends.
    engine = [sys.executable, "-I", web1.store / "failsafe-nginx.pyz", "rollback"]
    wait_for(lambda: subprocess.run(engine, capture_output=True, check=False, timeout=PATIENCE).returncode == 0)
    assert web1.ask() == "old"

    again = play(playbook="report")
    assert again.rc == 0, again.output
    report = json.loads(last_report(tmp_path).read_text())
    told = [row["event"] for row in report["timeline"] if row["host"] == "web1"]
    assert told[0] == "staged"
    assert told[-1] == "rolled_back"
    assert {"activated", "reload"} < set(told)
    assert report["impact"]["hosts"] == ["web1"]
    assert report["hosts"][0]["now"]["running"] == report["hosts"][0]["now"]["confirmed"]
    assert "**went back to " in last_report(tmp_path, "md").read_text()
    look_at(last_report(tmp_path, "html"), tmp_path / "profile")


def look_at(file: Path, profile: Path) -> None:
    """The page of a real run opens without a complaint, is used by keyboard, and fits a phone and paper."""
    with chromium(profile) as page:
        page.set_window_size(1200, 900)
        page.get(file.as_uri())
        assert page.title.startswith("Interrupted: ")
        assert page.get_log("browser") == []
        everything = shown(page)
        tab_to(page, "host").send_keys("web1")
        only = shown(page)
        assert 0 < len(only) < len(everything)
        tab_to(page, "trouble").send_keys(Keys.SPACE)
        assert 0 < len(shown(page)) < len(only)
        tab_to(page, "Who served what").send_keys(Keys.ENTER)
        assert "r-" in page.find_element(By.ID, "served").text
        assert widths(page, 390) == [390, 390]
        tab_to(page, "Hosts").send_keys(Keys.ENTER)
        assert page.find_element(By.ID, "hosts").get_attribute("open") is None
        assert unfolded_on_paper(page)
