# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A headless Chromium, used by keyboard alone."""

from __future__ import annotations

import contextlib
import os
import shutil
import typing as t

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

if t.TYPE_CHECKING:
    from pathlib import Path

    from selenium.webdriver.remote.webelement import WebElement

#: Without them Chromium looks for its maker's servers at every start.
_QUIET: t.Final = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip


@contextlib.contextmanager
def chromium(profile: Path) -> t.Iterator[webdriver.Chrome]:
    """A browser with a profile of its own."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or "chromium"
    for switch in (*_QUIET, f"--user-data-dir={profile}"):
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = Service(
        shutil.which("chromedriver") or "chromedriver", env={**os.environ, "NO_PROXY": "localhost,127.0.0.1"}
    )
    driver = webdriver.Chrome(options=options, service=service)
    try:
        yield driver
    finally:
        driver.quit()


def shown(page: webdriver.Chrome) -> list[str]:
    """The lines of the timeline that are to be seen."""
    return [row.text for row in page.find_elements(By.CSS_SELECTOR, "#events tr") if row.is_displayed()]


def tab_to(page: webdriver.Chrome, wanted: str) -> WebElement:
    """The element that the Tab key reaches, by its id or, for a part that folds, by its title."""
    for _press in range(60):
        page.switch_to.active_element.send_keys(Keys.TAB)
        here = page.switch_to.active_element
        if here.get_attribute("id") == wanted or (here.tag_name == "summary" and here.text.startswith(wanted)):
            return here
    pytest.fail(f"the Tab key does not reach {wanted}")


def widths(page: webdriver.Chrome, width: int) -> list[int]:
    """How wide the page and the window are on a phone of this width."""
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        found: list[int] = page.execute_script("return [document.documentElement.scrollWidth, window.innerWidth]")
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    return found


def unfolded_on_paper(page: webdriver.Chrome) -> bool:
    """Whether nothing is folded at the moment of printing."""
    page.execute_script("window.printed = 0; window.addEventListener('beforeprint', () => { window.printed = 1 - "
                        "document.querySelectorAll('details:not([open])').length; })")  # fmt: skip
    page.execute_cdp_cmd("Page.printToPDF", {})
    return bool(page.execute_script("return window.printed === 1"))
