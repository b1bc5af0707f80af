# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import time
import typing as t

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import load_dump, load_files
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint import Finding, LintError, Related, lint
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.registry import load_all
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.text import count, count_text, gate, report

RULES = load_all()

#: What has nothing to do with the rules under test here, and would be told otherwise.
SETTLED = "server_tokens off; ssl_certificate a; ssl_certificate_key b;"
LOOP = "server {\n    listen 80;\n    server_name a.test;\n    return 301 http://a.test/;\n}\n"


def found(block: str, **options: t.Any) -> list[Finding]:
    partial = options.pop("partial", False)
    data = f"events {{}} worker_processes auto;\nhttp {{ {SETTLED}\n{block}\n}}\n".encode()
    return lint(load_files({"nginx.conf": data}, config_dir="/etc/nginx", partial=partial), **options)


def ids(findings: list[Finding]) -> list[str]:
    return [finding.rule for finding in findings]


def test_ids_are_kebab_case_and_severities_known() -> None:
    for rule_id, rule in RULES.items():
        assert rule_id == rule.id == rule_id.lower().replace("_", "-")
        assert rule.severity in ("error", "warning", "advice")
        assert not rule.summary.endswith(".")


def test_a_finding_as_plain_data() -> None:
    finding = Finding("redirect-loop", "error", "text", "a.conf", 3, 5, (Related("why", "b.conf", 4),))
    assert finding.as_dict() == {
        "rule": "redirect-loop",
        "severity": "error",
        "message": "text",
        "file": "a.conf",
        "line": 3,
        "column": 5,
        "related": [{"message": "why", "file": "b.conf", "line": 4}],
    }


def test_the_chain_names_every_line() -> None:
    block = (
        "server { listen 80; server_name a.test;\n return 301 https://a.test$request_uri; }\n"
        "server { listen 443 ssl; server_name a.test;\n location / {\n return 302 http://a.test$request_uri; } }"
    )
    (finding,) = found(block)
    assert (finding.rule, finding.file, finding.line) == ("redirect-loop", "nginx.conf", 4)
    assert "GET http://a.test/ -> 301 https://a.test/ -> 302 http://a.test/" in finding.message
    assert [place.line for place in finding.related] == [7, 6]


def test_ignored_rules_are_left_out() -> None:
    assert ids(found(LOOP)) == ["redirect-loop"]
    assert found(LOOP, ignore=["redirect-loop"]) == []


@pytest.mark.parametrize("rule", ["no-such-rule", "syntax-error", "include-unresolved"])
def test_what_cannot_be_ignored(rule: str) -> None:
    with pytest.raises(LintError, match=rule):
        found(LOOP, ignore=[rule])


def test_an_ignored_rule_makes_no_suppression_unused() -> None:
    block = LOOP.replace("http://a.test/;", "/x; # failsafe:ignore redirect-loop as told")
    block += "server { listen 81; return 204; }"
    assert found(block, ignore=["redirect-loop"]) == []


def test_a_comment_behind_code_speaks_of_its_line_only() -> None:
    before = "    # failsafe:ignore redirect-loop known\n"
    assert found(LOOP.replace("    return", f"{before}    return")) == []
    assert ids(found(LOOP.replace("    listen", f"{before}    listen"))) == ["suppression-unused", "redirect-loop"]


def test_unreadable_input_cannot_be_suppressed() -> None:
    block = "server {\n# failsafe:ignore wrong-context please\nworker_processes 2;\nreturn 204; }"
    assert sorted(ids(found(block))) == ["suppression-invalid", "wrong-context"]


def test_a_snippet_included_twice_is_reported_once_unless_it_differs() -> None:
    server = "server {{ listen {port}; server_name {name}; include s.conf; {more} }}\n"
    snippet = b"location / {\n    try_files $uri @app;\n}\n"
    main = (
        f"events {{}} worker_processes auto;\nhttp {{ {SETTLED}\n"
        + server.format(port=80, name="a.test", more="")
        + server.format(port=81, name="b.test", more="")
        + server.format(port=82, name="c.test", more="location @app { return 204; }")
        + "}\n"
    )
    config = load_files({"nginx.conf": main.encode(), "s.conf": snippet}, config_dir="/etc/nginx")
    (finding,) = lint(config)
    assert (finding.file, finding.line) == ("s.conf", 2)
    assert [place.line for place in finding.related] == [3, 4]


def test_findings_are_sorted() -> None:
    findings = found(LOOP + LOOP, ignore=["default-server-implicit"])
    places = [(finding.file, finding.line, finding.rule) for finding in findings]
    assert places == sorted(places)
    assert ids(findings) == ["redirect-loop", "shadowed-server"]


def test_a_dump_is_judged_with_its_absolute_paths() -> None:
    dump = f"# configuration file /etc/nginx/nginx.conf:\nevents {{}} worker_processes auto;\nhttp {{ {SETTLED}\n{LOOP}}}\n"
    (finding,) = lint(load_dump(dump.encode()))
    assert finding.file == "/etc/nginx/nginx.conf"


@pytest.mark.parametrize(
    "block",
    [
        "include site/*.conf;",
        "location / { try_files $uri @app; } include site/*.conf;",
        "error_page 404 @x; include /elsewhere/*;",
    ],
)
def test_a_part_of_a_server_is_not_judged_by_what_is_missing(block: str) -> None:
    assert found(f"server {{ listen 80; server_name a.test; {block} }}", partial=True) == []


def test_a_snippet_of_a_server_is_no_server() -> None:
    config = load_files({"loc.conf": b"location / { try_files $uri @app; }\n"}, config_dir="/etc/nginx", partial=True)
    assert lint(config) == []


def test_nothing_is_no_finding() -> None:
    assert found("") == []


@pytest.mark.parametrize(
    ("fail_on", "rules"),
    [
        ("error", {"e", "u"}),
        ("warning", {"e", "u", "w"}),
        ("advice", {"e", "u", "w", "a"}),
        ("never", {"u"}),
    ],
)
def test_the_gate(fail_on: str, rules: set[str]) -> None:
    names = {"e": "redirect-loop", "u": "syntax-error", "w": "suppression-unused", "a": "unknown-directive"}
    findings = [Finding(rule, RULES[rule].severity, "m", "f", 1).as_dict() for rule in names.values()]
    assert {finding["rule"] for finding in gate(findings, fail_on)} == {names[each] for each in rules}
    with pytest.raises(LintError, match="sometimes"):
        gate(findings, "sometimes")


def test_the_text() -> None:
    findings = [Finding("redirect-loop", "error", "m", "a.conf", 3, 1, (Related("why", "b.conf", 4),)).as_dict()]
    expected = "error redirect-loop a.conf:3\n    m\n    b.conf:4 why"
    assert report(findings) == expected
    assert "a.conf:3 (from site/a.conf.j2)" in report(findings, {"a.conf": "site/a.conf.j2"})
    assert count_text(count(findings)) == "1 error, 0 warnings, 0 advice"


def test_cost_grows_with_size_not_faster() -> None:
    def cost(sites: int) -> float:
        block = "".join(
            f"server {{ listen 80; server_name s{n}.test; return 301 https://s{n}.test$request_uri; }}\n"
            f"server {{ listen 443 ssl; server_name s{n}.test; location / {{ try_files $uri /index.html; }} }}\n"
            for n in range(sites)
        )
        data = f"events {{}} worker_processes auto;\nhttp {{ {SETTLED}\n{block}}}\n".encode()
        config = load_files({"nginx.conf": data}, config_dir="/etc/nginx")
        best = 1e9
        for _unused in range(3):
            start = time.process_time()
            assert [finding for finding in lint(config) if finding.severity != "advice"] == []
            best = min(best, time.process_time() - start)
        return best

    assert cost(800) < 8 * 2.5 * cost(100)


WORDS = st.sampled_from(
    [
        *("server", "location", "if", "map", "rewrite", "return", "set", "break", "try_files", "error_page", "listen"),
        *(
            "server_name",
            "internal",
            "index",
            "deny",
            "proxy_pass",
            "include",
            "~",
            "=",
            "^~",
            "/",
            "/a",
            "^/(.*)$",
            "(?R)",
        ),
        *(
            "$uri",
            "$host",
            "$x",
            "${y}",
            "$1",
            "@a",
            "=404",
            "404",
            "301",
            "302",
            "http://a/",
            "https://$host$uri",
            "/b/$1",
        ),
        *(
            "last",
            "permanent",
            "80",
            "443 ssl",
            "*:81",
            "[::]:80",
            "a",
            ".a",
            "*.a",
            "~^(.+)$",
            "_",
            "all",
            "on",
            "($x)",
        ),
        *(
            "(-f",
            "$request_filename)",
            "($uri",
            "!~",
            "x)",
            "default",
            "~^/a",
            "/index.html",
            "/app",
            "$uri/",
            "é",
            "%",
        ),
        *("# failsafe:ignore redirect-loop x\n", "# failsafe:ignore\n", "'", '"', ";", ";", ";", "{", "{", "}", "}"),
    ]
)


@settings(deadline=None, max_examples=300)
@given(st.lists(WORDS, max_size=60))
def test_no_input_makes_lint_fail(words: list[str]) -> None:
    for text in (" ".join(words), f"server {{ listen 80; server_name a; location / {{ {' '.join(words)} }} }}"):
        for finding in found(text):
            assert finding.rule in RULES


def test_blocks_nested_too_deeply() -> None:
    depth = 3000
    block = "server { " + "location / { " * depth + "}" * depth + " }"
    assert ids(found(block)) == ["syntax-error"]


def test_what_the_host_may_have_is_not_missed() -> None:
    text = (
        b"server { listen 443 ssl; server_name a.test; location / { proxy_pass http://$backend; limit_req zone=api; } }"
    )
    config = load_files({"conf.d/a.conf": text}, config_dir="/etc/nginx", partial=True)
    assert [finding.rule for finding in lint(config) if finding.severity != "advice"] == []
