# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every link of every page leads somewhere. Links to other sites are only read: no network is needed."""

from __future__ import annotations

import re
import typing as t
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from project import ROOT, files

PAGES = files("*.md")
CODE = re.compile(r"^(```|~~~).*?^\1[`~]*$|(`+)(?!`).+?(?<!`)\2(?!`)", re.MULTILINE | re.DOTALL)
LINK = re.compile(
    r"(?<!\\)\]\(\s*<?([^()\s>]*(?:\([^()\s]*\)[^()\s>]*)*)>?(?:\s+\"[^\"]*\")?\s*\)|<((?:https?|mailto):[^>\s]+)>"
)
HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}")


def links(text: str) -> list[str]:
    """List the targets of a page's links; what is code is no link."""
    return [inline or bare for inline, bare in LINK.findall(CODE.sub("", text))]


@cache
def anchors(page: Path) -> frozenset[str]:
    """Name a page's headings as GitHub and myst-parser do: both begin a repeated one's number with 1."""
    seen: dict[str, int] = {}
    found = set()
    text = re.sub(r"^(```|~~~).*?^\1[`~]*$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    for title in re.findall(r"^#{1,6}\s+(.+?)\s*$", text, re.MULTILINE):
        shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).lower()
        slug = re.sub(r"\s", "-", re.sub(r"[^\w\- ]", "", shown))
        number = seen.get(slug, 0)
        seen[slug] = number + 1
        found.add(f"{slug}-{number}" if number else slug)
    return frozenset(found)


def wrong(page: Path, link: str) -> str:
    """Say what is wrong with a link, empty if nothing is."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        if parts.scheme == "mailto":
            return "" if re.fullmatch(r"[^@\s]+@[^@\s]+", parts.path) else "no address"
        return "" if parts.scheme == "https" and HOST.fullmatch(parts.netloc) else "no https URL"
    target = page if not parts.path else page.parent / unquote(parts.path)
    if not target.exists() or ROOT not in target.resolve().parents:
        return "no such file"
    if parts.fragment and parts.fragment not in anchors(target.resolve()):
        return "no such heading"
    return "" if link else "empty"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    assert {link: reason for link in links(page.read_text()) if (reason := wrong(page, link))} == {}


@pytest.mark.parametrize(
    ("link", "reason"),
    [
        ("docs/plan.md#without-a-fleet", ""),
        ("docs/plan.md#without-a-flea", "no such heading"),
        ("docs/plane.md", "no such file"),
        ("../elsewhere", "no such file"),
        ("https://nginx.org/en/docs/", ""),
        ("http://nginx.org/", "no https URL"),
        ("https://nginx org/", "no https URL"),
        ("htps://nginx.org/", "no https URL"),
        ("", "empty"),
    ],
)
def test_a_link_that_leads_nowhere_is_found(link: str, reason: str) -> None:
    assert wrong(ROOT / "README.md", link) == reason


def test_what_is_code_is_no_link() -> None:
    text = '[a](b.md) `[c](d.md)`\n```yaml\nx: [e](f.md)\n```\n<https://g.test/> [h](i_(j).md) [k](l.md "m")\n'
    assert links(text) == ["b.md", "https://g.test/", "i_(j).md", "l.md"]


def guides() -> t.Iterator[str]:
    yield from (path.stem for path in files("docs/*.md") if path.parent == ROOT / "docs")


def test_the_index_names_only_guides_that_are_there() -> None:
    named = set(re.findall(r"^guides/([a-z-]+)$", (ROOT / "tools/docs-index.md").read_text(), re.MULTILINE))
    assert named
    assert named <= set(guides())


def test_every_rules_page_is_listed_once() -> None:
    listed = re.findall(r"^\| \[([a-z0-9-]+)\]\(\1\.md\)", (ROOT / "docs/rules/README.md").read_text(), re.MULTILINE)
    assert listed == sorted(path.stem for path in files("docs/rules/*.md") if path.stem != "README")


def included() -> t.Iterator[str]:
    kinds = ("modules", "lookup", "filter", "callback")
    yield from (path.stem for kind in kinds for path in files(f"plugins/{kind}/*.py") if path.stem != "__init__")
    yield from (path.stem for path in files("playbooks/*.yml"))
    yield from {path.parents[1].name for path in files("roles/*/meta/main.yml")}


@pytest.mark.parametrize("name", sorted(set(included())))
def test_the_readme_names_what_is_included(name: str) -> None:
    assert f"`failsafe.nginx.{name}`" in (ROOT / "README.md").read_text()
