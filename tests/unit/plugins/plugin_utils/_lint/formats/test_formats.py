# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import typing as t
from pathlib import Path
from xml.etree import ElementTree as ET

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import load_dump, load_files
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint import Finding, LintError, Related, lint
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.formats import (
    FORMATS,
    LintReport,
    outcome,
    render,
    sarif,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.registry import load_all

RULES = load_all()

SCHEMA = json.loads((Path(__file__).parent / "sarif-2.1.0.json").read_text())
#: What is told here does not depend on the rules that come later.
RULES_HERE = ("redirect-loop", "shadowed-server", "unknown-directive")
LOOP = """events {}
http {
    server {
        listen 80;
        server_name a.test;
        return   301 http://a.test/;  # 50% off: "a, b" <&>
    }
    \tserver { listen 80; server_name a.test; return 204; }
}
"""


def report(text: str = LOOP, name: str = "nginx.conf", **options: t.Any) -> LintReport:
    config = load_files({name: text.encode()}, config_dir="/etc/nginx", main=name)
    found = [each for each in lint(config) if each.rule in RULES_HERE or RULES[each.rule].unreadable]
    return LintReport(found, config.texts, **options)


def parsed(name: str, made: LintReport) -> t.Any:
    text = render(name, made)
    assert text == render(name, made)
    return ET.fromstring(text) if text.startswith("<?xml") else json.loads(text)  # noqa: S314 - our own output


def test_the_source_line_and_a_caret() -> None:
    findings = [
        Finding("redirect-loop", "error", "in a circle", "nginx.conf", 6, 9),
        Finding("shadowed-server", "warning", "taken", "nginx.conf", 8, 26, (Related("by this", "b.conf", 5),)),
    ]
    assert render("text", LintReport(findings, {"nginx.conf": LOOP}, base="nginx")) == (
        "nginx/nginx.conf:6:9: error: in a circle [redirect-loop]\n"
        '  6 |         return   301 http://a.test/;  # 50% off: "a, b" <&>\n'
        "    |         ^\n"
        "nginx/nginx.conf:8:26: warning: taken [shadowed-server]\n"
        "  8 |     \tserver { listen 80; server_name a.test; return 204; }\n"
        "    |     \t                    ^\n"
        "    nginx/b.conf:5: by this\n"
        "1 error, 1 warning, 0 advice\n"
    )


def test_text_is_safe_for_terminals_and_short() -> None:
    line = "\x1b[2J" + "x" * 500 + "漢\x07;"
    finding = Finding("syntax-error", "error", "a\x1b]0;title\x07\nb", "a\x1b.conf", 1, 506)
    text = render("text", LintReport([finding], {"a\x1b.conf": line}))
    assert all(char.isprintable() or char == "\n" for char in text)
    assert max(map(len, text.splitlines())) < 200
    shown, caret = (row.split("| ", 1)[1] for row in text.splitlines()[1:3])
    assert shown[caret.index("^") - 1] == "?"  # the wide character before it takes two columns


def test_json_is_what_the_module_returns() -> None:
    made = report()
    data = parsed("json", made)
    assert data["findings"] == [finding.as_dict() for finding in made.findings]
    assert data["summary"] == {"error": 2, "warning": 0, "advice": 0}
    assert data["outcome"] == "findings"


@pytest.mark.parametrize(
    ("text", "fail_on", "expected"),
    [
        (LOOP, "error", "findings"),
        (LOOP, "never", "findings"),
        ("events {}\n", "advice", "clean"),
        ("events {}\nhttp { foo_bar 1; }\n", "error", "clean"),
        ("events {}\nhttp { foo_bar 1; }\n", "advice", "findings"),
        ("events {}\nhttp { foo_bar 1; }\n", "never", "findings"),
        (LOOP + "}", "never", "unreadable"),
    ],
)
def test_how_a_run_ended(text: str, fail_on: str, expected: str) -> None:
    assert outcome(report(text).findings, fail_on) == expected


def sarif_of(made: LintReport) -> t.Any:
    data = parsed("sarif", made)
    jsonschema.Draft202012Validator(SCHEMA).validate(data)
    (run,) = data["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert len({rule["id"] for rule in rules}) == len(rules) == len(RULES)
    for rule in rules:
        assert rule["shortDescription"]["text"]
        assert rule["helpUri"].endswith(f"/{rule['id']}.md")
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["message"]["text"]
    return run


def test_the_schema_is_not_a_yes_man() -> None:
    data = parsed("sarif", report())
    data["runs"][0]["results"][0]["level"] = "advice"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(SCHEMA).validate(data)


def test_sarif() -> None:
    run = sarif_of(report(base="deploy/my site"))
    assert run["invocations"] == [{"executionSuccessful": True}]
    loop, shadow = run["results"]
    assert loop["ruleId"] == "redirect-loop"
    assert loop["level"] == "error"
    place = loop["locations"][0]["physicalLocation"]
    assert place == {
        "artifactLocation": {"uri": "deploy/my%20site/nginx.conf"},
        "region": {"startLine": 6, "startColumn": 9},
    }
    assert shadow["relatedLocations"][0]["physicalLocation"]["region"] == {"startLine": 5}


def test_sarif_of_what_was_not_read_is_no_success() -> None:
    assert sarif_of(report(LOOP + "}"))["invocations"] == [{"executionSuccessful": False}]


def test_sarif_of_a_dump_has_absolute_uris() -> None:
    config = load_dump(b"# configuration file /etc/nginx/nginx.conf:\n" + LOOP.encode())
    found = [finding for finding in lint(config) if finding.rule == "redirect-loop"]
    run = sarif_of(LintReport(found, config.texts))
    uri = run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri == "file:///etc/nginx/nginx.conf"


def test_sarif_keeps_the_worst_within_githubs_limit() -> None:
    findings = [Finding("unknown-directive", "advice", "m", "a", line) for line in range(1, sarif.MOST_RESULTS + 2)]
    run = sarif_of(LintReport([*findings, Finding("redirect-loop", "error", "m", "z", 1)]))
    assert len(run["results"]) == sarif.MOST_RESULTS
    assert run["results"][0]["ruleId"] == "redirect-loop"
    (note,) = run["invocations"][0]["toolExecutionNotifications"]
    assert note["message"]["text"].startswith("2 findings are not in this report")


def prints(made: LintReport) -> list[str]:
    return list(made.fingerprints())


def test_fingerprints_stay_when_lines_and_layout_change() -> None:
    before = prints(report())
    moved = LOOP.replace("http {", "\n\n# a comment\nhttp {").replace("return   301", "return\n301")
    assert prints(report(moved)) == before
    assert prints(report(LOOP.replace("http://a.test/", "http://A.test/")))[0] != before[0]
    assert prints(report(base="other"))[0] != before[0]


def test_the_same_directive_twice_has_two_fingerprints() -> None:
    server = "server { listen 80; server_name a.test; return 204; }\n"
    made = prints(report("events {}\nhttp {\n" + server * 3 + "}\n"))
    assert len(made) == len(set(made)) == 2


def test_junit() -> None:
    root = parsed("junit", report())
    (suite,) = root
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("2", "2", "0")
    failure = suite[0].find("failure")
    assert failure.get("message").startswith("GET http://a.test/")
    assert 'return   301 http://a.test/;  # 50% off: "a, b" <&>' in failure.text


def test_junit_counts_what_the_gate_lets_pass_as_passed() -> None:
    (suite,) = parsed("junit", report(fail_on="never"))
    assert (suite.get("tests"), suite.get("failures")) == ("2", "0")
    assert suite[0].find("system-out").text.startswith("error: GET")
    (suite,) = parsed("junit", report("events {}\n"))
    assert (suite.get("tests"), suite[0].get("classname")) == ("1", "nginx.conf")
    (suite,) = parsed("junit", report(LOOP + "}", fail_on="never"))
    assert suite.get("errors") == "1"


def test_github_annotations_are_escaped() -> None:
    related = (Related("x%", "b.conf", 4),)
    made = LintReport([Finding("redirect-loop", "advice", "100%\r\n::error::", "a,b:c.conf", 3, 5, related)], base="n")
    assert render("github", made) == (
        "::notice file=n/a%2Cb%3Ac.conf,line=3,col=5,title=redirect-loop::100%25%0D%0A::error::%0An/b.conf:4 x%25\n"
    )
    assert render("github", LintReport([])) == ""


def test_gitlab() -> None:
    issues = parsed("gitlab", report(base="n"))
    assert [issue["check_name"] for issue in issues] == ["redirect-loop", "shadowed-server"]
    assert issues[0]["location"] == {"path": "n/nginx.conf", "lines": {"begin": 6}}
    assert issues[0]["severity"] == "critical"
    assert len({issue["fingerprint"] for issue in issues}) == 2
    assert parsed("gitlab", LintReport([])) == []


def test_checkstyle() -> None:
    root = parsed("checkstyle", report(base="n"))
    (file,) = root
    assert file.get("name") == "n/nginx.conf"
    assert file[0].attrib | {"message": ""} == {
        "line": "6",
        "column": "9",
        "severity": "error",
        "message": "",
        "source": "failsafe.nginx.redirect-loop",
    }


def test_files_that_stand_elsewhere() -> None:
    made = report(base="n", names={"nginx.conf": "templates/nginx.conf.j2"})
    for name in FORMATS:
        if name != "json":
            assert "templates/nginx.conf.j2" in render(name, made)


def test_an_unknown_format() -> None:
    with pytest.raises(LintError, match="yaml"):
        render("yaml", LintReport([]))


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
FINDINGS = st.builds(
    lambda rule, message, file, line, column, other: Finding(
        rule, RULES[rule].severity, message, file, line, column, (Related(message, other, line),)
    ),
    *(st.sampled_from(sorted(RULES)), TEXT, TEXT, st.integers(1, 9), st.integers(1, 40), TEXT),
)


@settings(deadline=None)
@given(st.lists(FINDINGS, max_size=4), TEXT)
@pytest.mark.parametrize("name", sorted(FORMATS))
def test_every_format_carries_everything(name: str, findings: list[Finding], text: str) -> None:
    made = LintReport(findings, {finding.file: text for finding in findings})
    if name == "sarif":
        assert len(sarif_of(made)["results"]) == len(findings)
    elif name == "github":
        assert render(name, made).count("\n") == len(findings)
    elif name == "text":
        assert render(name, made).encode().count(b"[") >= len(findings)
    else:
        assert parsed(name, made) is not None
