# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint import Finding, LintError
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.registry import rule
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.suppression.entries import EntrySuppressions, matches
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.suppression.project import NAME
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.suppression.project_file import parse
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.suppression.project_finder import find_project

TODAY = dt.date(2026, 11, 22)
LOOP = Finding("redirect-loop", "error", "m", "conf.d/a.conf", 3)
ENTRY = "suppressions:\n  - rule: redirect-loop\n    path: {path}\n    reason: known\n"


def judged(
    text: str | bytes, *findings: Finding, ignored: tuple[str, ...] = (), partial: bool = False, config_dir: str = ""
) -> list[str]:
    data = text.encode() if isinstance(text, str) else text
    files = [finding.file for finding in findings]
    entries = EntrySuppressions(parse(data, config_dir=config_dir), files, ignored, partial=partial, today=TODAY)
    found = [rule("suppression-invalid").at(fault.place, fault.message) for fault in entries.invalid]
    found += [rule("suppression-expired").at(fault.place, fault.message) for fault in entries.expired]
    found += list(entries.keep(findings))
    found += [rule("suppression-unused").at(fault.place, fault.message) for fault in entries.unused()]
    return [f"{each.file}:{each.line} {each.rule} {each.message}" for each in found]


@pytest.mark.parametrize(
    ("path", "pattern", "expected"),
    [
        ("a.conf", "a.conf", True),
        ("conf.d/a.conf", "*.conf", False),
        ("conf.d/a.conf", "conf.d/*.conf", True),
        ("conf.d/a.conf", "conf.d/?.conf", True),
        ("conf.d/a.conf", "conf.d/[b-z].conf", False),
        ("conf.d/a.conf", "**", True),
        ("conf.d/a.conf", "**/a.conf", True),
        ("a.conf", "**/a.conf", True),
        ("x/y/z/a.conf", "x/**/a.conf", True),
        ("x/a.conf", "x/**/a.conf", True),
        ("y/a.conf", "x/**/a.conf", False),
        ("x/y", "x/**", True),
        ("x/y/z", "*/*", False),
        ("x/y/z", "x/y", False),
        ("x/y/z", "**/y/**/z/**", True),
        ("/etc/nginx/a.conf", "/etc/nginx/*", True),
        ("A.conf", "a.conf", False),
    ],
)
def test_patterns(path: str, pattern: str, expected: bool) -> None:  # noqa: FBT001
    assert matches(path, pattern) is expected


def test_patterns_that_backtrack_elsewhere() -> None:
    assert not matches("/".join("a" * 200), "/".join(["**", "a"] * 60 + ["b"]))


@pytest.mark.parametrize("path", ["conf.d/a.conf", "./conf.d/a.conf", "conf.d/*", '"**"'])
def test_what_an_entry_covers_is_not_reported(path: str) -> None:
    assert judged(ENTRY.format(path=path), LOOP) == []


def test_other_files_and_rules_are() -> None:
    other = Finding("shadowed-server", "error", "m", "conf.d/a.conf", 3)
    found = judged(ENTRY.format(path="conf.d/a.conf"), LOOP, other)
    assert found == ["conf.d/a.conf:3 shadowed-server m"]
    found = judged(ENTRY.format(path="conf.d/b.conf"), LOOP)
    assert found[0] == "conf.d/a.conf:3 redirect-loop m"
    message = (
        "suppression-unused nothing to suppress: no file that nginx reads matches conf.d/b.conf, delete this entry"
    )
    assert found[1] == f".failsafe-lint.yml:2 {message}".replace(":2 ", ":2 ")


def test_a_dump_names_absolute_paths() -> None:
    there = Finding("redirect-loop", "error", "m", "/etc/nginx/conf.d/a.conf", 3)
    assert judged(ENTRY.format(path="conf.d/a.conf"), there, config_dir="/etc/nginx/") == []
    assert judged(ENTRY.format(path="/etc/nginx/conf.d/a.conf"), there) == []


@pytest.mark.parametrize(
    ("day", "rule"), [("2026-11-22", None), ("2026-11-21", "suppression-expired"), ("2027-01-01", None)]
)
def test_the_last_day_still_holds(day: str, rule: str | None) -> None:
    found = judged(ENTRY.format(path="conf.d/a.conf") + f"    expires: {day}\n", LOOP)
    assert [each.split()[1] for each in found] == ([rule, "redirect-loop"] if rule else [])


def test_unused_entries() -> None:
    text = ENTRY.format(path="conf.d/a.conf").replace("redirect-loop", "rewrite-cycle")
    assert "rewrite-cycle finds nothing in conf.d/a.conf" in judged(text, LOOP)[1]
    assert len(judged(text, LOOP, ignored=("rewrite-cycle",))) == 1
    elsewhere = ENTRY.format(path="elsewhere.conf")
    assert len(judged(elsewhere, LOOP, partial=True)) == 1


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("[", 1, "this is no YAML"),
        ("a: b: c", 1, "this is no YAML: mapping values are not allowed here"),
        (b"suppressions: \xff", 1, "this is no YAML"),
        ("x", 1, "the file has to have keys and values: suppressions"),
        ("supressions: []", 1, 'unknown key "supressions", did you mean "suppressions"?'),
        ("\nsuppressions: 7", 2, "suppressions has to be a list"),
        ("suppressions:\n  - redirect-loop", 2, "an entry has to have keys and values: rule, path, reason, expires"),
        (ENTRY.format(path="a") + "    expire: 2027-01-01", 5, 'unknown key "expire", did you mean "expires"?'),
        (ENTRY.format(path="a") + "    expires: soon", 2, 'expires has to be a date such as 2027-01-31, not "soon"'),
        (ENTRY.format(path="a") + "    expires: 2027-02-30", 2, "expires has to be a date"),
        (ENTRY.format(path="a") + "    path: b", 5, '"path" stands here twice'),
        (ENTRY.format(path="[a, b]"), 3, "path has to be one value"),
        (ENTRY.format(path="a").replace("    reason: known\n", ""), 2, "reason is missing"),
        (ENTRY.format(path="a").replace("known", "' '"), 2, "reason is missing"),
        (ENTRY.format(path="a").replace("redirect-loop", "redirect-lop"), 2, 'did you mean "redirect-loop"?'),
        (ENTRY.format(path="a").replace("redirect-loop", "syntax-error"), 2, "syntax-error cannot be suppressed"),
        (ENTRY.format(path="a").replace("redirect-loop", "suppression-unused"), 2, "cannot be suppressed"),
        (ENTRY.format(path="a").replace("redirect-loop", "suppression-expired"), 2, "cannot be suppressed"),
        ("#" * 1_000_001, 1, "larger than"),
        ("[" * 20_000, 1, "this is no YAML"),
        ('"\\UFFFFFFFF"', 1, "this is no YAML"),
    ],
)
def test_what_is_wrong_suppresses_nothing(text: str | bytes, line: int, message: str) -> None:
    found = judged(text, LOOP)
    assert found[0].startswith(f".failsafe-lint.yml:{line} suppression-invalid ")
    assert message in found[0]
    assert "conf.d/a.conf:3 redirect-loop m" in found


@pytest.mark.parametrize("text", ["", "# nothing\n", "suppressions: []\n", "---\n", "suppressions:\n", "null"])
def test_nothing_is_no_finding(text: str) -> None:
    assert judged(text) == []


def test_where_the_file_is_looked_for(tmp_path: Path) -> None:
    assert find_project(str(tmp_path)) is None
    assert find_project(None) is None
    path = tmp_path / NAME
    path.write_text(ENTRY.format(path="a"))
    found = find_project(str(tmp_path))
    assert found is not None
    assert (found.file, len(found.entries)) == (NAME, 1)
    found = find_project(str(tmp_path / "sub"), str(path))
    assert found is not None
    assert found.file == str(path)


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LintError, match=r"none\.yml cannot be read"):
        find_project(str(tmp_path), str(tmp_path / "none.yml"))
    (tmp_path / NAME).symlink_to("nowhere")
    with pytest.raises(LintError, match="cannot be read"):
        find_project(str(tmp_path))
    (tmp_path / NAME).unlink()
    (tmp_path / NAME).mkdir()
    with pytest.raises(LintError, match="no regular file"):
        find_project(str(tmp_path))


WORDS = [
    "suppressions: ",
    " rule: ",
    " path: ",
    "redirect-loop",
    "{",
    "}",
    "[",
    "]",
    "&a ",
    "*a",
    "!!binary ",
    "'",
    '"',
    "\\U",
    "%",
    "? ",
    ": ",
    ",",
    "2027-01-01",
]


@given(
    st.one_of(
        st.binary(max_size=60),
        st.lists(st.sampled_from([*WORDS, "\n", "  - ", "|\n"]), max_size=20).map("".join).map(str.encode),
    )
)
@example(b"&a [*a]")
@example(b"suppressions: &a [*a, *a]")
def test_no_file_makes_it_fail(data: bytes) -> None:
    for line in judged(data):
        assert line.split()[1] in ("suppression-invalid", "suppression-unused")
