# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The page in a headless Chromium: it opens without a complaint and is used by keyboard alone."""

from __future__ import annotations

import os
import shutil
import typing as t

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from ansible_collections.failsafe.nginx.plugins.plugin_utils._report import render
from ansible_collections.failsafe.nginx.tests.unit.plugins.plugin_utils._report.rollouts import HOSTILE, NEW, report

if t.TYPE_CHECKING:
    from pathlib import Path

    from selenium.webdriver.remote.webelement import WebElement

#: Without them Chromium looks for its maker's servers at every start.
_QUIET: t.Final = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or "chromium"
    for switch in (*_QUIET, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = Service(
        shutil.which("chromedriver") or "chromedriver", env={**os.environ, "NO_PROXY": "localhost,127.0.0.1"}
    )
    driver = webdriver.Chrome(options=options, service=service)
    yield driver
    driver.quit()


@pytest.fixture
def page(browser: webdriver.Chrome, tmp_path: Path) -> webdriver.Chrome:
    rows = [{"host": HOSTILE, "outcome": "failed", "release": NEW, "reason": f"{HOSTILE} {'long' * 60}"}]
    (tmp_path / "report.html").write_text(render(report(hosts=[*report()["hosts"], *rows]), "html"))
    browser.set_window_size(1200, 900)
    browser.get((tmp_path / "report.html").as_uri())
    return browser


def shown(page: webdriver.Chrome) -> list[str]:
    return [row.text for row in page.find_elements(By.CSS_SELECTOR, "#events tr") if row.is_displayed()]


def tab_to(page: webdriver.Chrome, wanted: str) -> WebElement:
    """The element that the Tab key reaches; as somebody without a mouse would."""
    for _press in range(60):
        page.switch_to.active_element.send_keys(Keys.TAB)
        here = page.switch_to.active_element
        if here.get_attribute("id") == wanted or (here.tag_name == "summary" and here.text.startswith(wanted)):
            return here
    pytest.fail(f"the Tab key does not reach {wanted}")


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
    size = {"width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        widths = page.execute_script("return [document.documentElement.scrollWidth, window.innerWidth]")
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert widths == [390, 390]


def test_paper_shows_what_is_folded(page: webdriver.Chrome) -> None:
    folded = "return document.querySelectorAll('details:not([open])').length"
    assert page.execute_script(folded) > 0
    page.execute_script("window.printed = 0; window.addEventListener('beforeprint', () => { window.printed = 1 - "
                        "document.querySelectorAll('details:not([open])').length; })")  # fmt: skip
    page.execute_cdp_cmd("Page.printToPDF", {})
    assert page.execute_script("return window.printed") == 1
    assert page.execute_script(folded) > 0, "and is as before afterwards"
