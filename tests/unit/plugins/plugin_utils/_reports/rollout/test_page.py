# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The page in a headless Chromium: it opens without a complaint and is used by keyboard alone."""

from __future__ import annotations

import typing as t

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from ansible_collections.failsafe.nginx.plugins.plugin_utils._reports.rollout import render
from ansible_collections.failsafe.nginx.tests.unit.plugins.plugin_utils._reports.rollout.chromium import (
    chromium,
    shown,
    tab_to,
    unfolded_on_paper,
    widths,
)
from ansible_collections.failsafe.nginx.tests.unit.plugins.plugin_utils._reports.rollout.rollouts import (
    HOSTILE,
    NEW,
    record,
    report,
)

if t.TYPE_CHECKING:
    from pathlib import Path

    from selenium import webdriver


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[webdriver.Chrome]:
    with chromium(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


@pytest.fixture
def page(browser: webdriver.Chrome, tmp_path: Path) -> webdriver.Chrome:
    rows = [{"host": HOSTILE, "outcome": "failed", "release": NEW, "reason": f"{HOSTILE} {'long' * 60}"}]
    (tmp_path / "report.html").write_text(render(report(hosts=[*record()["hosts"], *rows]), "html"))
    browser.set_window_size(1200, 900)
    browser.get((tmp_path / "report.html").as_uri())
    return browser


def test_it_opens_without_a_complaint(page: webdriver.Chrome) -> None:
    assert page.title.startswith("Stopped: ")
    assert page.get_log("browser") == []


def test_what_a_host_says_does_not_run(page: webdriver.Chrome) -> None:
    # An alert would make every further command fail.
    assert HOSTILE in page.find_element(By.ID, "hosts").text


def test_the_timeline_is_filtered_by_keyboard(page: webdriver.Chrome) -> None:
    everything = shown(page)
    tab_to(page, "host").send_keys("web1")
    only = shown(page)
    assert 0 < len(only) < len(everything)
    assert all("web1" in row for row in only)
    tab_to(page, "trouble").send_keys(Keys.SPACE)
    assert [row.split("\n")[0] for row in shown(page)] != []
    assert all("gate failed" in row or "went back" in row for row in shown(page))
    assert page.find_element(By.ID, "shown").text == f"2 of {len(everything)} lines"


def test_a_part_is_folded_by_keyboard(page: webdriver.Chrome) -> None:
    part = page.find_element(By.ID, "served")
    assert part.get_attribute("open") is None
    tab_to(page, "Who served what").send_keys(Keys.ENTER)
    assert part.get_attribute("open") is not None
    assert "r-000000000002" in part.text


def test_a_phone_shows_it_without_scrolling_sideways(page: webdriver.Chrome) -> None:
    assert widths(page, 390) == [390, 390]


def test_a_wide_window_breaks_no_name_of_a_host(page: webdriver.Chrome) -> None:
    lines = """return [...document.querySelectorAll('#hosts tr td:first-child')].slice(0, 2).map((cell) => {
        const text = document.createRange();
        text.selectNodeContents(cell);
        return text.getClientRects().length;
    })"""
    assert page.execute_script(lines) == [1, 1]
    assert page.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")


def test_paper_shows_what_is_folded(page: webdriver.Chrome) -> None:
    folded = "return document.querySelectorAll('details:not([open])').length"
    assert page.execute_script(folded) > 0
    assert unfolded_on_paper(page)
    assert page.execute_script(folded) > 0, "and is as before afterwards"
