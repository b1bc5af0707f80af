# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The law of the rules: each has fixtures that fire, fixtures that stay silent, and a page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import Config, load_files, load_path
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint import Finding, lint
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.registry import load_all
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.suppression.project import NAME
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.suppression.project_file import parse
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.target import Target

RULES = load_all()

FIXTURES = Path(__file__).parent / "fixtures"
DOCS = Path(__file__).resolve().parents[5] / "docs" / "rules"
#: What every TLS server and every PHP location needs, and fixtures of other rules leave out.
ALL_NEED = b" ssl_certificate a; ssl_certificate_key b; fastcgi_param SCRIPT_FILENAME x;"
SECTIONS = ("## What nginx does", "## Why it breaks", "## Bad", "## Good", "## References", "## Suppressing it")


def load(path: Path) -> Config:
    if path.is_dir():
        return load_path(path, config_dir="/etc/nginx")
    data = path.read_bytes()
    if path.parts[-3] != "file-encoding" and not re.search(rb"^(events|http)\b", data, re.MULTILINE):
        data = b"events {}\nhttp {" + ALL_NEED + b"\n" + data + b"}\n"
    return load_files({"nginx.conf": data}, config_dir="/etc/nginx")


def findings(path: Path) -> list[Finding]:
    file = path / NAME
    suppressions = parse(file.read_bytes()) if file.exists() else None
    return lint(load(path), project=suppressions, target=Target.of(_version(path)))


def _version(path: Path) -> str | None:
    """What a fixture says of its nginx in its first line."""
    match = re.match(rb"# failsafe-target: (\S+)", path.read_bytes()) if path.is_file() else None
    return match[1].decode() if match else None


def fixtures(kind: str) -> list[Path]:
    return sorted(FIXTURES.glob(f"*/{kind}/*"))


def name(path: Path) -> str:
    return f"{path.parts[-3]}-{path.stem}"


@pytest.mark.parametrize("path", fixtures("fire"), ids=name)
def test_the_rule_fires(path: Path) -> None:
    rule = path.parts[-3]
    found = [finding for finding in findings(path) if finding.rule == rule]
    assert found
    for finding in found:
        assert finding.severity == RULES[rule].severity
        assert finding.line >= 1
        assert finding.message


@pytest.mark.parametrize("path", fixtures("silent"), ids=name)
def test_the_rule_stays_silent(path: Path) -> None:
    rule = path.parts[-3]
    assert [finding for finding in findings(path) if finding.rule == rule] == []


@pytest.mark.parametrize("path", [p for p in fixtures("silent") if not p.parts[-3].startswith("suppression")], ids=name)
def test_good_configurations_are_clean(path: Path) -> None:
    assert [finding for finding in findings(path) if finding.severity != "advice"] == []


@pytest.mark.parametrize("rule", sorted(RULES))
def test_every_rule_keeps_the_law(rule: str) -> None:
    for kind in ("fire", "silent"):
        assert len(list((FIXTURES / rule / kind).iterdir())) >= 3, f"{rule} needs three {kind} fixtures"
    page = (DOCS / f"{rule}.md").read_text()
    assert page.startswith(f"# {rule}\n")
    assert f"**{RULES[rule].severity}**" in page
    assert [section for section in SECTIONS if section not in page] == []


def test_no_fixtures_or_pages_without_a_rule() -> None:
    assert {path.name for path in FIXTURES.iterdir() if path.is_dir()} == set(RULES)
    assert {path.stem for path in DOCS.glob("*.md")} - {"README"} == set(RULES)


@pytest.mark.parametrize("rule", sorted(set(RULES) - {"file-encoding"}))
def test_the_examples_of_a_page_are_fixtures(rule: str) -> None:
    page = (DOCS / f"{rule}.md").read_text()
    language, name = ("yaml", NAME) if rule == "suppression-expired" else ("nginx", "*.conf")
    for kind, section in (("fire", "## Bad"), ("silent", "## Good")):
        example = page.split(f"{section}\n\n```{language}\n")[1].split("\n```")[0]
        files = [path for path in (FIXTURES / rule / kind).rglob(name) if path.is_file()]
        assert example in [path.read_text().rstrip() for path in files]


@pytest.mark.parametrize("rule", sorted(RULES))
def test_the_index_lists_every_rule(rule: str) -> None:
    index = (DOCS / "README.md").read_text()
    assert f"| [{rule}]({rule}.md) | {RULES[rule].severity} | {RULES[rule].summary} |" in index


def test_a_large_good_tree_is_clean() -> None:
    config = load_path(Path(__file__).parent / "known_good", config_dir="/etc/nginx")
    assert [finding.as_dict() for finding in lint(config) if finding.severity != "advice"] == []


@pytest.mark.parametrize(
    "folder", sorted((Path(__file__).parent / "known_good_sites").iterdir()), ids=lambda path: path.name
)
def test_what_people_run_is_clean(folder: Path) -> None:
    """In the style of what projects publish for their users: nothing to say that would have to be said."""
    found = lint(load_path(folder, config_dir="/etc/nginx"))
    assert [finding.as_dict() for finding in found if finding.severity != "advice"] == []


@pytest.mark.parametrize("rule", sorted(RULES))
def test_a_page_says_for_which_versions_and_whether_there_is_a_fix(rule: str) -> None:
    page = (DOCS / f"{rule}.md").read_text()
    since, until = RULES[rule].since, RULES[rule].until
    versions = f"{since} and newer" if since else f"before {until}" if until else "all"
    fires = [finding for path in (FIXTURES / rule / "fire").iterdir() for finding in findings(path)]
    fixed = any(finding.fix is not None for finding in fires if finding.rule == rule)
    assert f"Versions of nginx: {versions}. Fix: {'`--fix`, where it is certain' if fixed else 'by hand'}." in page
