# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What arrives from forms, files and command lines, and what it is taken for."""

from __future__ import annotations

import datetime as dt
import math
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout import variables
from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout.errors import RolloutError
from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout.normalisation import (
    VariableSpec,
    described,
    normalise,
)

DEFAULT: t.Final = object()

#: Variable (without its prefix), what arrives, what it means. The first column of what ansible-core 2.19 and newer make of a survey's
#: answer, the second what 2.18 and older do, stand side by side: both have to mean the same.
MEANT: t.Final = [
    ("service", "nginx", "nginx"),
    ("service", " nginx\n", "nginx"),
    ("service", None, DEFAULT),
    ("service", "", DEFAULT),
    ("service", "  \n", DEFAULT),
    ("release", None, DEFAULT),
    ("release", "r-012345678901", "r-012345678901"),
    ("file_mode", "0644", "0644"),
    ("file_mode", "0o644", "0o644"),
    ("lint_fail_on", "never", "never"),
    ("route_check", True, True),
    ("route_check", "yes", True),
    ("route_check", "True", True),
    ("route_check", 1, True),
    ("route_check", "off", False),
    ("route_check", 0, False),
    ("route_check", None, DEFAULT),
    ("require_lease", "", DEFAULT),
    ("keep", 5, 5),
    ("keep", "5", 5),
    ("keep", " 5 ", 5),
    ("keep", 5.0, 5),
    ("keep", "", DEFAULT),
    ("soak", 0.5, 0.5),
    ("soak", "0.5", 0.5),
    ("soak", "30", 30),
    ("soak", 30, 30),
    ("accept", "lost-3f9a1c2b4d", ["lost-3f9a1c2b4d"]),
    (
        "accept",
        " lost-3f9a1c2b4d,\noutage-3f9a1c2b4d new-3f9a1c2b4d ",
        ["lost-3f9a1c2b4d", "outage-3f9a1c2b4d", "new-3f9a1c2b4d"],
    ),
    ("accept", ["lost-3f9a1c2b4d", {"class": "new"}], ["lost-3f9a1c2b4d", {"class": "new"}]),
    ("accept", '["lost-3f9a1c2b4d", {"class": "new"}]', ["lost-3f9a1c2b4d", {"class": "new"}]),
    ("accept", {"class": "new"}, [{"class": "new"}]),
    ("accept", "", DEFAULT),
    ("lint_ignore", ["single-worker"], ["single-worker"]),
    ("lint_ignore", ("single-worker",), ["single-worker"]),
    ("lint_ignore", "single-worker", ["single-worker"]),
    ("lint_ignore", "single-worker, server-tokens", ["single-worker", "server-tokens"]),
    ("lint_ignore", "single-worker\nserver-tokens\n", ["single-worker", "server-tokens"]),
    ("lint_ignore", '["single-worker"]', ["single-worker"]),
    ("lint_ignore", "[]", []),
    ("lint_ignore", None, DEFAULT),
    ("exclude", "*.{a,b}\n*~", ["*.{a,b}", "*~"]),
    (
        "checks",
        '[{"name": "home", "url": "http://www.example.com/"}]',
        [{"name": "home", "url": "http://www.example.com/"}],
    ),
    ("checks", "", DEFAULT),
    ("metadata", '{"ticket": "OPS-1"}', {"ticket": "OPS-1"}),
    ("metadata", None, DEFAULT),
    ("serial", "1, 10%, 50%, 100%", [1, "10%", "50%", "100%"]),
    ("serial", "1\n10 %\n", [1, "10%"]),
    ("serial", '[1, "10%"]', [1, "10%"]),
    ("serial", [1, "2", "10%"], [1, 2, "10%"]),
    ("serial", 1, [1]),
    ("serial", "1", [1]),
    ("serial", "10%", ["10%"]),
    ("serial", None, DEFAULT),
    ("max_failures", "10 %", "10%"),
    ("max_failures", "0", 0),
    ("max_failures", 0, 0),
    ("on_failure", "rollback_fleet", "rollback_fleet"),
    ("record", None, ""),
    ("record", "", ""),
    ("hosts", "web:!web1", "web:!web1"),
    ("hosts", "web1\nweb2\n", "web1,web2"),
    ("hosts", ["web1", "web2"], "web1,web2"),
    ("hosts", "0123,", "0123,"),
]

REFUSED: t.Final = [
    ("service", 83, "arrived as the number 83"),
    ("service", True, "arrived as the boolean true"),
    ("service", 1.1, "arrived as the number 1.1"),
    ("service", dt.date(2026, 1, 2), r"arrived as 2026-01-02 \(a date\)"),
    ("service", ["nginx"], "arrived as a list. Give it one value"),
    ("service", "nginx\nreboot", "one line without control characters"),
    ("service", "nginx\x1b[2J", "one line without control characters"),
    ("file_mode", 420, "Write an octal mode as 0o644"),
    ("lint_fail_on", True, "one of error, warning, advice, never"),
    ("lint_fail_on", "eror", "one of error, warning, advice, never, not the text 'eror'"),
    ("route_check", "maybe", "true or false, not the text 'maybe'"),
    ("route_check", 2, "true or false, not the number 2"),
    ("route_check", 1.0, "true or false"),
    ("keep", True, "whole number"),
    ("keep", "010", "without leading zeros"),
    ("keep", -1, "0 or more"),
    ("keep", 1.5, "whole number"),
    ("keep", "ten", "not the text 'ten'"),
    ("keep", "9" * 5000, "whole number"),
    ("keep", 10**4000, "not a very large number"),
    ("soak", True, "has to be a number"),
    ("soak", math.inf, "has to be a number"),
    ("soak", 10**400, "not a very large number"),
    ("soak", "9" * 5000, "has to be a number"),
    ("soak", math.nan, "has to be a number"),
    ("soak", "1e10", "has to be a number"),
    ("soak", dt.date(2026, 1, 2), "has to be a number"),
    ("lint_ignore", 83, "arrived as the number 83"),
    ("lint_ignore", [True], "one of its items arrived as the boolean true"),
    ("lint_ignore", '["a"', "in JSON"),
    ("checks", "home", "in JSON"),
    ("checks", "[" * 10**5, "nested too deeply"),
    ("checks", ["home"], "one of its items arrived as the text 'home'"),
    ("checks", {"name": "home"}, "arrived as a dictionary"),
    ("metadata", "ticket=OPS-1", "in JSON"),
    ("metadata", "[1]", "has to be a dictionary"),
    ("metadata", 83, "not the number 83"),
    ("serial", 0, "not the number 0"),
    ("serial", "0%", "size of batches"),
    ("serial", "010", "not the text '010'"),
    ("serial", "1, ten", "not the text 'ten'"),
    ("serial", True, "not the boolean true"),
    ("serial", 1.5, "not the number 1.5"),
    ("serial", [], "size of batches"),
    ("serial", "101%", "size of batches"),
    ("serial", -1, "size of batches"),
    ("max_failures", True, "number of hosts or a percentage"),
    ("max_failures", "some", "number of hosts or a percentage"),
    ("max_failures", 0.1, "number of hosts or a percentage"),
    ("on_failure", False, "one of keep, rollback_fleet"),
    ("hosts", 83, "a comma behind it: '0123,'"),
    ("hosts", ["web1", True], "arrived as the boolean true"),
    ("hosts", [], "is empty"),
]


@pytest.mark.parametrize(("name", "value", "meant"), MEANT)
def test_what_is_certain_is_put_right(name: str, value: t.Any, meant: t.Any) -> None:
    name = variables.PREFIX + name
    found = variables.read(name, value)
    expected = variables.specs()[name].default if meant is DEFAULT else meant
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(("name", "value", "words"), REFUSED)
def test_what_is_not_is_refused_with_what_described(name: str, value: t.Any, words: str) -> None:
    with pytest.raises(RolloutError, match=words) as caught:
        variables.read(variables.PREFIX + name, value)
    assert variables.PREFIX + name in str(caught.value)


@pytest.mark.parametrize("name", sorted(variables.specs()))
def test_every_default_means_itself(name: str) -> None:
    default = variables.specs()[name].default
    assert variables.read(name, default) == (variables.specs()[name].empty if default is None else default)


@given(
    st.sampled_from(sorted(variables.specs())),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=5,
    ),
)
def test_whatever_arrives_is_read_once_and_for_all_or_refused(name: str, value: t.Any) -> None:
    try:
        read = variables.read(name, value)
    except RolloutError as error:
        assert name in str(error)  # noqa: PT017 - either is fine
    else:
        if read is not None and read != "":
            assert variables.read(name, read) == read


def test_a_value_that_is_right_is_handed_on_as_it_is() -> None:
    for name, value in (
        ("checks", [{"name": "home"}]),
        ("metadata", {"a": 1}),
        ("service", "nginx"),
        ("lint_ignore", ["a"]),
    ):
        assert variables.read(variables.PREFIX + name, value) is value


def test_nothing_of_what_is_inside_is_told() -> None:
    with pytest.raises(RolloutError) as caught:
        normalise("nginx_deploy_checks", [["hunter2"]], VariableSpec("list", elements="dict"))
    assert "hunter2" not in str(caught.value)
    assert len(described("x" * 1000)) < 120
    assert "\x1b" not in described("\x1b[2J")
