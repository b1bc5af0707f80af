# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Laws of the whole linter: nothing makes it fail, and the same configuration gives the same findings."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import (
    Config,
    ConfigError,
    load_dump,
    load_files,
    load_text,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint import lint
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.formats import FORMATS, LintReport, render
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.registry import load_all

RULES = load_all()

HERE = Path(__file__).parent
ROOT = HERE.parents[4]
GOOD = {
    str(path.relative_to(HERE / "known_good")): path.read_bytes()
    for path in sorted((HERE / "known_good").rglob("*"))
    if path.is_file()
}
FIXTURES = [
    path.read_bytes()
    for path in sorted((HERE / "fixtures").glob("*/*/*"))
    if path.is_file() and path.parts[-3] != "file-encoding"
]
CONTEXTS = (None, "main", "http", "http,server", "http,server,location", "http,upstream", "stream", "stream,server")
BITS = [
    b"{",
    b"}",
    b";",
    b"\n",
    b" ",
    b"'",
    b'"',
    b"#",
    b"\\",
    b"$",
    b"~",
    b"@",
    b"\0",
    b"\xff",
    b"include nginx.conf;",
]


def judge(config: Config) -> None:
    findings = lint(config)
    for finding in findings:
        assert finding.rule in RULES
        assert finding.message
        assert finding.line >= 1
        assert finding.column >= 1
    report = LintReport(findings, config.texts)
    for name in FORMATS:
        assert render(name, report).isascii() or render(name, report).encode()


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=200), st.sampled_from(CONTEXTS))
def test_no_bytes_make_it_fail(data: bytes, context: str | None) -> None:
    judge(load_text(data, context=context))
    judge(load_files({"nginx.conf": data, "a.conf": data}, config_dir="/etc/nginx", main="a.conf"))
    try:
        judge(load_dump(b"# configuration file /etc/nginx/nginx.conf:\n" + data))
    except ConfigError as error:
        assert str(error)  # noqa: PT017 - either is fine


@st.composite
def mutated(draw: st.DrawFn, data: bytes) -> bytes:
    for _round in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 40)))
        part = draw(st.sampled_from([b"", data[start:end] * 2, *BITS]))
        data = data[:start] + part + data[end:]
    return data


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(sorted(GOOD)).flatmap(lambda name: st.tuples(st.just(name), mutated(GOOD[name]))))
def test_no_mutation_of_a_good_tree_makes_it_fail(change: tuple[str, bytes]) -> None:
    judge(load_files(dict([*GOOD.items(), change]), config_dir="/etc/nginx"))


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(FIXTURES).flatmap(mutated))
def test_no_mutation_of_a_fixture_makes_it_fail(data: bytes) -> None:
    judge(load_text(data))


@pytest.mark.parametrize("seed", range(5))
def test_the_order_in_which_files_are_given_does_not_matter(seed: int) -> None:
    names = list(GOOD)
    random.Random(seed).shuffle(names)  # noqa: S311 - no secret
    broken = {
        name: GOOD[name].replace(b"https://", b"http://").replace(b"server_name", b"server_name x") for name in names
    }
    shuffled = load_files(broken, config_dir="/etc/nginx")
    ordered = load_files(dict(sorted(broken.items())), config_dir="/etc/nginx")
    findings = lint(shuffled)
    assert findings
    assert findings == lint(ordered) == lint(shuffled)


def test_hash_seeds_do_not_matter(tmp_path: Path) -> None:
    text = b"events {}\nhttp {\n" + b"".join(data for data in FIXTURES if b"http {" not in data) + b"\n}\n"
    (tmp_path / "nginx.conf").write_bytes(text)
    outputs: list[list[t.Any]] = []
    for seed in ("0", "1", "77"):
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "tools"), "PYTHONHASHSEED": seed}
        command = [sys.executable, "-m", "failsafe_lint", "--format", "json", "."]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, text=True, capture_output=True, check=False, timeout=120
        )
        assert done.returncode in (1, 2), done.stderr
        outputs.append(json.loads(done.stdout)["findings"])
    assert outputs[0]
    assert outputs[0] == outputs[1] == outputs[2]
