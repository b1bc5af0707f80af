# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import itertools
import os
import typing as t
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import load_files, load_path
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint import (
    Edit,
    Finding,
    Fix,
    LintError,
    Target,
    fixing,
    lint,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.edits import Editor
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.registry import load_all

RULES = load_all()

UNUSED = "# failsafe:ignore redirect-loop gone since spring"
SITE = f"""events {{}}
http {{
    {UNUSED}
    # keep me
    server {{
        listen 80;   # odd   layout
        server_name a.test;  {UNUSED}
        return 204;
    }}
}}
"""


def relint_of(texts: dict[str, str], rule: str = "suppression-unused") -> fixing.Relint:
    def relint(replaced: t.Mapping[str, bytes]) -> tuple[list[Finding], t.Mapping[str, str]]:
        files = {name: text.encode() for name, text in texts.items()} | dict(replaced)
        config = load_files(files, config_dir="/etc/nginx")
        return [each for each in lint(config) if each.rule in (rule, "syntax-error")], config.texts

    return relint


def test_only_the_comments_go() -> None:
    done = fixing.plan(relint_of({"nginx.conf": SITE}))
    (made,) = done.repairs
    assert made.after == SITE.replace(f"    {UNUSED}\n", "").replace(f"  {UNUSED}", "")
    assert done.findings == []
    assert made.diff("nginx.conf").splitlines() == [
        "--- a/nginx.conf",
        "+++ b/nginx.conf",
        "@@ -1,10 +1,9 @@",
        " events {}",
        " http {",
        f"-    {UNUSED}",
        "     # keep me",
        "     server {",
        "         listen 80;   # odd   layout",
        f"-        server_name a.test;  {UNUSED}",
        "+        server_name a.test;",
        "         return 204;",
        "     }",
        " }",
    ]
    assert fixing.plan(relint_of({"nginx.conf": made.after})).repairs == []


def test_many_neighbours_in_one_go() -> None:
    text = f"events {{}}\nhttp {{\n{UNUSED}\n".replace(UNUSED, f"{UNUSED}\n" * 40) + "}\n"
    (made,) = fixing.plan(relint_of({"nginx.conf": text})).repairs
    assert "failsafe" not in made.after


@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_line_ends_stay(end: str) -> None:
    text = f"events {{}}\r\nhttp {{}} {UNUSED}{end}"
    (made,) = fixing.plan(relint_of({"nginx.conf": text})).repairs
    assert made.after.startswith("events {}\r\nhttp {}")
    assert UNUSED not in made.after
    assert made.diff("x").count("No newline at end of file") == (0 if end else 1) + (
        0 if made.after.endswith("\n") else 1
    )


def test_nothing_is_fixed_where_something_was_not_read() -> None:
    done = fixing.plan(relint_of({"nginx.conf": SITE + "}"}))
    assert done.repairs == []
    assert "syntax-error" in {finding.rule for finding in done.findings}


def test_nothing_is_certain_about_a_part() -> None:
    config = load_files({"nginx.conf": SITE.encode()}, config_dir="/etc/nginx", partial=True)
    unused = [finding for finding in lint(config) if finding.rule == "suppression-unused"]
    assert [finding.fix for finding in unused] == [None, None]


def fixed_text(text: str, *fixes: Fix, worse: t.Callable[[str], bool] = lambda _text: False) -> str:
    """What becomes of a text whose findings have these fixes as long as it is untouched."""

    def relint(replaced: t.Mapping[str, bytes]) -> tuple[list[Finding], t.Mapping[str, str]]:
        now = replaced.get("a", text.encode()).decode()
        found = [Finding("redirect-loop", "error", str(n), "a", 1, fix=fix) for n, fix in enumerate(fixes)]
        if now != text:
            found = [Finding("shadowed-server", "error", "", "a", 1)] if worse(now) else []
        return found, {"a": now}

    done = fixing.plan(relint)
    return done.repairs[0].after if done.repairs else text


def edit(start: int, end: int, replacement: str = "") -> Fix:
    return Fix((Edit("a", start, end, replacement),))


def test_overlapping_fixes_are_not_mixed() -> None:
    assert fixed_text("abcdef", edit(0, 3, "X"), edit(2, 4, "Y"), edit(4, 6, "Z")) == "XdZ"
    assert fixed_text("abcdef", edit(1, 1, "X"), edit(1, 1, "Y")) == "aXbcdef"
    assert fixed_text("abcdef", edit(0, 2), edit(2, 4)) == "ef"
    assert fixed_text("abcdef", edit(0, 2, "X"), edit(0, 2, "X")) == "Xcdef"
    both = edit(0, 1, "X") + edit(5, 6, "X")
    assert fixed_text("abcdef", edit(4, 6, "Y"), both) == "abcdY"


def test_a_fix_that_makes_it_worse_is_left_out() -> None:
    fixes = [edit(n, n + 1, char.upper()) for n, char in enumerate("abcdef")]
    assert fixed_text("abcdef", *fixes, worse=lambda text: "D" in text) == "ABCdEF"
    assert fixed_text("abcdef", edit(0, 1, "D"), worse=lambda text: "D" in text) == "abcdef"


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8), st.text("xyz", max_size=2)), max_size=8))
def test_edits_are_whole_or_not_there(ranges: list[tuple[int, int, str]]) -> None:
    fixes = [edit(min(a, b), max(a, b), new) for a, b, new in ranges]
    findings = [Finding("redirect-loop", "error", "", "a", 1, fix=fix) for fix in fixes]
    groups = fixing._apart(findings)
    edits = sorted(each for group in groups for each in group)
    for one, other in itertools.pairwise(edits):
        assert one.end <= other.start
    kept = sum(each.end - each.start for each in edits)
    (text,) = fixing.edited({"a": "abcdefgh"}, edits).values() or ("abcdefgh",)
    assert len(text) == 8 - kept + sum(len(each.replacement) for each in edits)


def test_words_of_a_directive() -> None:
    text = "events {}\nhttp { #\n  server_name  'a b' # why\n    c.test;  }\n"
    config = load_files({"nginx.conf": text.encode()}, config_dir="/etc/nginx")
    (directive,) = [each for each in config.walk() if each.name == "server_name"]
    editor = Editor(config.texts)
    assert [text[start:end] for start, end in editor.words(directive)] == ["server_name", "'a b'", "c.test", ";"]

    def after(fix: Fix) -> str:
        return fixing.edited(config.texts, fix.edits)["nginx.conf"]

    assert after(editor.replace_word(directive, 2, "d.test")) == text.replace("c.test", "d.test")
    assert after(editor.remove_word(directive, 1)) == text.replace("  'a b'", "")
    assert after(editor.remove(directive)) == "events {}\nhttp { #\n    }\n"
    long = text.replace("'a b'", "a.test " * 2000)
    config = load_files({"nginx.conf": long.encode()}, config_dir="/etc/nginx")
    (directive,) = [each for each in config.walk() if each.name == "server_name"]
    assert len(Editor(config.texts).words(directive)) == 2003


def disk(folder: Path) -> fixing.Relint:
    def relint(replaced: t.Mapping[str, bytes]) -> tuple[list[Finding], t.Mapping[str, str]]:
        config = load_path(folder, replaced=replaced)
        return [each for each in lint(config) if each.rule == "suppression-unused"], config.texts

    return relint


@pytest.mark.root
def test_files_keep_their_mode(tmp_path: Path) -> None:
    path = tmp_path / "nginx.conf"
    path.write_text(SITE)
    path.chmod(0o640)
    os.chown(path, 12345, 23456)
    done = fixing.plan(disk(tmp_path))
    assert path.read_text() == SITE
    fixing.write(str(tmp_path), done.repairs)
    assert UNUSED not in path.read_text()
    there = path.stat()
    assert (there.st_mode & 0o7777, there.st_uid, there.st_gid) == (0o640, 12345, 23456)
    assert [each.name for each in tmp_path.iterdir()] == ["nginx.conf"]


def test_a_link_stays_a_link_and_never_leads_out(tmp_path: Path) -> None:
    inside, outside = tmp_path / "nginx", tmp_path / "other.conf"
    (inside / "parked").mkdir(parents=True)
    (inside / "nginx.conf").write_text("events {}\nhttp { include on/*; }\n")
    (inside / "on").mkdir()
    (inside / "parked" / "a").write_text(UNUSED + "\n")
    (inside / "on" / "a").symlink_to("../parked/a")
    fixing.write(str(inside), fixing.plan(disk(inside)).repairs)
    assert (inside / "on" / "a").is_symlink()
    assert (inside / "parked" / "a").read_text() == ""

    outside.write_text(UNUSED + "\n")
    (inside / "on" / "b").symlink_to(outside)
    with pytest.raises(LintError, match="on/b is not below"):
        fixing.write(str(inside), fixing.plan(disk(inside)).repairs)
    assert outside.read_text() == UNUSED + "\n"


@pytest.mark.parametrize("now", [SITE + "# more\n", None])
def test_a_file_that_changed_meanwhile_is_left_alone(tmp_path: Path, now: str | None) -> None:
    path = tmp_path / "nginx.conf"
    path.write_text(SITE)
    done = fixing.plan(disk(tmp_path))
    if now is None:
        path.unlink()
    else:
        path.write_text(now)
    with pytest.raises(LintError, match="nothing was written"):
        fixing.write(str(tmp_path), done.repairs)
    assert now is None or path.read_text() == now


FIRING = sorted(path for path in (Path(__file__).parent / "fixtures").glob("*/fire/*.conf") if path.is_file())


@pytest.mark.parametrize("version", [None, "1.27.4"])
def test_what_the_rules_offer_to_repair_is_repaired(version: str | None) -> None:
    target = Target.of(version)
    repaired: set[str] = set()
    for path in FIRING:
        data = path.read_bytes()
        if b"http {" not in data:
            data = b"events {}\nhttp {\n" + data + b"}\n"

        def relint(replaced: t.Mapping[str, bytes], data: bytes = data) -> tuple[list[Finding], t.Mapping[str, str]]:
            config = load_files({"nginx.conf": replaced.get("nginx.conf", data)}, config_dir="/etc/nginx")
            return lint(config, target=target), config.texts

        before, texts = relint({})
        if all(finding.fix is None for finding in before):
            continue
        done = fixing.plan(relint)
        if any(RULES[finding.rule].unreadable for finding in before):
            assert not done.repairs
            continue
        offered = {finding.rule for finding in before if finding.fix is not None}
        left = {finding.rule for finding in done.findings if finding.fix is not None}
        assert not left, f"{path}: the fix of {left} repairs nothing"
        assert bool(done.repairs) == bool(offered), path
        comments = [line.strip() for line in texts["nginx.conf"].splitlines() if line.strip().startswith("#")]
        kept = [line for line in comments if "failsafe:ignore" not in line]
        assert all(line in done.texts["nginx.conf"] for line in kept), path
        repaired |= offered
    assert "suppression-unused" in repaired
