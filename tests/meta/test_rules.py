# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The law of the house for lint rules: one rule is one file, and its id leads to the file, the page and the fixtures."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
import typing as t

import pytest
from project import COLLECTION, ROOT

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint import registry
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule

LINT = ROOT / "plugins" / "plugin_utils" / "_lint"
RULES = LINT / "rules"
FIXTURES = ROOT / "tests" / "unit" / "plugins" / "plugin_utils" / "_lint" / "fixtures"
PAGES = ROOT / "docs" / "rules"
#: The longest rule file of a readable size; what is longer has a part for `analysis/`.
LONGEST = 200


def test_the_files_are_those_of_the_registry() -> None:
    files = {".".join(path.relative_to(RULES).with_suffix("").parts) for path in RULES.rglob("*.py")}
    rules = {name for name in files if not name.endswith("__init__")}
    assert rules == set(registry.MODULES.values())
    assert files - rules == {"__init__", *(f"{family}.__init__" for family in registry.FAMILIES)}


def test_an_id_is_in_one_family() -> None:
    ids = [rule for rules in registry.FAMILIES.values() for rule in rules]
    assert len(ids) == len(set(ids)) == len(registry.MODULES)


def test_a_family_lists_its_rules_in_order() -> None:
    for family, rules in registry.FAMILIES.items():
        assert sorted(rules) == list(rules), family


@pytest.mark.parametrize("rule", sorted(registry.MODULES))
def test_an_id_leads_to_its_file_page_and_fixtures(rule: str) -> None:
    assert registry.MODULES[rule].rpartition(".")[2] == rule.replace("-", "_")
    assert (PAGES / f"{rule}.md").read_text().startswith(f"# {rule}\n")
    assert {path.name for path in (FIXTURES / rule).iterdir()} == {"fire", "silent"}


def test_no_page_and_no_fixtures_without_a_rule() -> None:
    assert {path.stem for path in PAGES.glob("*.md")} - {"README"} == set(registry.MODULES)
    assert {path.name for path in FIXTURES.iterdir() if path.is_dir()} == set(registry.MODULES)


@pytest.mark.parametrize("rule", sorted(registry.MODULES))
def test_a_rule_module_has_a_rule_and_a_check(rule: str) -> None:
    module = importlib.import_module(f"{COLLECTION}plugins.plugin_utils._lint.rules.{registry.MODULES[rule]}")
    rules = [each for each in vars(module).values() if isinstance(each, Rule)]
    assert rules == [module.RULE]
    assert module.RULE.id == rule
    tree = ast.parse((RULES / f"{registry.MODULES[rule].replace('.', '/')}.py").read_text())
    public = [each.name for each in tree.body if isinstance(each, _DEFINITIONS) and not each.name.startswith("_")]
    assert public == ["check"]
    assert ast.get_docstring(tree)


_DEFINITIONS: t.Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@pytest.mark.parametrize("rule", sorted(registry.MODULES))
def test_a_rule_imports_no_other_rule_and_is_short(rule: str) -> None:
    path = RULES / f"{registry.MODULES[rule].replace('.', '/')}.py"
    text = path.read_text()
    imported = {each.module or "" for each in ast.walk(ast.parse(text)) if isinstance(each, ast.ImportFrom)}
    assert not [module for module in imported if "_lint.rules" in module]
    assert len(text.splitlines()) <= LONGEST


def test_one_registry() -> None:
    """No other file makes rules or lists them; analysis knows none."""
    for path in sorted(LINT.rglob("*.py")):
        if RULES in path.parents:
            continue
        tree = ast.parse(path.read_text())
        called = {
            each.func.id for each in ast.walk(tree) if isinstance(each, ast.Call) and isinstance(each.func, ast.Name)
        }
        assert "Rule" not in called, path
        imported = {each.module or "" for each in ast.walk(tree) if isinstance(each, ast.ImportFrom)}
        assert not [module for module in imported if "_lint.rules" in module or module.startswith("rules")], path


def test_ids_are_known_without_loading_a_rule() -> None:
    code = (
        "import sys; sys.path.insert(0, 'tools'); import failsafe_lint; failsafe_lint.register();"
        f"from {COLLECTION}plugins.plugin_utils._lint import registry, engine;"
        "assert len(registry.MODULES) > 100;"
        "sys.exit(sum('_lint.rules.' in name for name in sys.modules))"
    )

    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False, timeout=60)
    assert done.returncode == 0
