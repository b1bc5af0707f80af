# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import re
import typing as t
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.failsafe.nginx.plugins.plugin_utils._reports.rollout import (
    FORMATS,
    ReportError,
    build,
    publish,
    render,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._reports.rollout.journal import (
    EventDetails,
    describe,
    read_events,
)
from ansible_collections.failsafe.nginx.plugins.plugin_utils._reports.rollout.timeline import (
    rollout_risk,
    serving_periods,
)
from ansible_collections.failsafe.nginx.tests.unit.plugins.plugin_utils._reports.rollout.rollouts import (
    COMPARED,
    GOOD,
    HOSTILE,
    NEW,
    OLD,
    START,
    at,
    data,
    line,
    record,
    report,
)


def test_the_timeline_is_in_order_with_the_batches_of_hosts() -> None:
    rows = data()["timeline"]
    assert [row["time"] for row in rows] == sorted(row["time"] for row in rows)
    assert rows[0]["event"] == "run_started"
    assert rows[-1]["event"] == "run_finished"
    assert [(row["host"], row["batch"], row["text"]) for row in rows if row["event"] == "gate"] == [
        ("web1", 1, "the gate failed: GET / answered 500")
    ]


def test_the_releases_that_hosts_served() -> None:
    assert data()["served"] == [
        {"host": "web1", "release": NEW, "since": at(3), "until": at(7), "confirmed": None, "trial_seconds": 4.0},
        {"host": "web1", "release": OLD, "since": at(7), "until": None, "confirmed": at(7), "trial_seconds": 0.0},
    ]


def test_impact_is_what_was_taken_back() -> None:
    assert data()["impact"] == {"hosts": ["web1"], "of": 2, "seconds": 4.0, "longest": 4.0}
    assert fine()["impact"]["hosts"] == []


def fine() -> dict[str, t.Any]:
    confirmed = {"host": "web1", "outcome": "confirmed", "release": NEW}
    return data(ok=True, verdict="deployed", hosts=[confirmed], journals={"web1": GOOD})


def test_risk_counts_trials_that_overlap() -> None:
    events = [event for host in ("a", "b") for event in read_events(host, GOOD)]
    assert rollout_risk(serving_periods(events), START + timedelta(seconds=9)).to_json() == {
        "hosts": 2,
        "at_once": 2,
        "seconds": 2.0,
        "host_seconds": 4.0,
    }
    assert rollout_risk([], START).to_json() == {"hosts": 0, "at_once": 0, "seconds": 0, "host_seconds": 0}


INTERRUPTED: t.Final[dict[str, t.Any]] = {
    "finished": None,
    "verdict": "interrupted",
    "hosts": [{"host": "web9", "outcome": "unknown", "reason": "being changed", "since": at(2)}],
    "journals": {"web9": [line(1, "staged")]},
    "behaviour": [],
}


def test_what_is_unknown_is_said() -> None:
    told = data(**INTERRUPTED)
    said = " ".join(told["unknown"])
    for words in ("What web9 did by itself", "What web9 runs now", "on web9: no route check", "its controller did not"):
        assert words in said
    commands = [step["command"] for step in told["next_steps"]]
    assert commands == [
        f"ansible-playbook failsafe.nginx.{words}"
        for words in ("status --limit web9", "report", "unlock --limit web9", "deploy")
    ]


def test_a_host_that_was_asked_after_an_interruption_is_known() -> None:
    by_itself = [line(3, "lease_expired", seconds=180), line(4, "rolled_back", OLD, abandoned=NEW, by="lease")]
    told = {"journal": [line(1, "staged"), line(2, "reload", ok=True), *by_itself], "current": {"running": OLD}}
    made = report(**INTERRUPTED, asked={"web9": told})
    shown = made.to_json()
    assert shown["hosts"][0]["now"] == {"running": OLD}
    assert [row["event"] for row in shown["timeline"] if row["host"]] == [
        "staged", "reload", "lease_expired", "rolled_back",
    ]  # fmt: skip
    assert not [words for words in shown["unknown"] if "did by itself" in words or "runs now" in words]
    assert "failsafe.nginx.report" not in json.dumps(shown["next_steps"])
    assert f"| web9 | unknown |  | {OLD} | being changed |" in render(made, "markdown")
    assert f'<td data-name="runs now">{OLD}</td>' in render(made, "html")


def test_a_record_of_an_older_version_has_a_report_in_which_much_is_unknown() -> None:
    keys = ("journals", "asked", "nginx", "findings", "behaviour", "culprits")
    old = {name: value for name, value in record().items() if name not in keys}
    for row in old["hosts"]:
        del row["since"]
    made = build(old, now=START)
    assert "What web1, web2 did by itself: the journal could not be read" in made.unknown
    for form in FORMATS:
        assert render(made, form)


def test_the_clock_of_a_host_may_be_ahead_or_behind() -> None:
    for shift in (-3600, 3600):
        moved = [line(shift + when, name, ok=True) for when, name in ((1, "staged"), (3, "reload"), (5, "confirmed"))]
        shown = data(journals={"web1": moved, "web2": []})
        assert len([row for row in shown["timeline"] if row["host"] == "web1"]) == len(moved)
        assert shown["risk"]["seconds"] == 2.0


def test_what_the_controller_saw_is_in_the_timeline() -> None:
    refused = {"host": "web1", "outcome": "refused", "reason": "nginx refuses it", "since": at(2)}
    rows = data(hosts=[refused], journals={"web1": []})["timeline"]
    assert [(row["host"], row["tone"], row["text"]) for row in rows if row["event"] == "refused"] == [
        ("web1", "bad", "refused: nginx refuses it")
    ]


def test_nothing_is_left_to_do_after_a_rollout_that_went_well() -> None:
    assert fine()["next_steps"] == []


def test_hosts_that_kept_the_release_can_go_back_to_the_one_before() -> None:
    kept = {"host": "web2", "outcome": "confirmed", "release": NEW, "previous": OLD}
    steps = data(hosts=[kept])["next_steps"]
    command = f"ansible-playbook failsafe.nginx.rollback --limit web2 -e nginx_deploy_release={OLD}"
    assert command in [step["command"] for step in steps]


@pytest.mark.parametrize(
    ("name", "details", "tone", "words"),
    [
        ("activated", {"added": 3000, "modified": ["a"]}, "plain", "3000 added, 1 modified"),
        ("restored", {"txn": {"kind": "rollback"}}, "plain", "the files of r are back"),
        ("restored", {"txn": {"kind": "activate"}}, "bad", "was undone"),
        ("restored", {}, "bad", "was undone"),
        ("lease_expired", {"seconds": 180}, "bad", "ended without a confirmation (180 s)"),
        ("rolled_back", {"abandoned": "n", "by": "lease"}, "bad", "went back to r, away from n, by its lease"),
        ("made_up", {}, "plain", "made up r"),
    ],
)
def test_what_a_line_of_a_journal_says(name: str, details: dict[str, t.Any], tone: str, words: str) -> None:
    told, text = describe(name, "r", EventDetails.from_json(details))
    assert told == tone
    assert words in text


def test_a_failed_run_is_a_draft_of_a_postmortem() -> None:
    text = render(report(), "markdown")
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert headings == ["Summary", "Impact", "Timeline", "Root cause", "Resolution", "Prevention", "Unknown"]
    assert "The guilty line: _unknown_" in text
    assert "1. Correct what the reasons name, and look at the plan: `ansible-playbook failsafe.nginx.plan`" in text
    assert "1 of 2 hosts served the change until it was taken back, the longest for 4.0 s" in text


def test_culprits_and_behaviour_are_told() -> None:
    made = report(
        culprits=[
            {"by": "bisect", "file": "conf.d/a.conf", "line": 16, "kind": "added", "text": "return 302 /;", "before": None,
             "hosts": ["web1"]},
            {"by": "nginx", "file": None, "line": None, "text": "no such file", "hosts": ["web1"]},
        ],
        findings=[
            {"rule": "server-tokens", "severity": "warning", "message": "says its version", "file": "nginx.conf", "line": 4,
             "hosts": ["web1", "web2"]},
        ],
        launch={"job": "42", "user": "anna"},
        left_out={"findings": 17, "culprits": 18},
    )  # fmt: skip
    words = (
        "conf.d/a.conf:16", "+ return 302 /;", "unknown file:?", "redirect-target-changed", "302 /login / 200", "location /x",
        "GET http://www.example.com/", "location /: return 200 -&gt; return 302 /login", "and 2 more groups", "nginx.conf:4",
        "routes.yml:3", "job 42, user anna", "1.22.1", "OPS-7", "and 17 more", "and 18 more",
    )  # fmt: skip
    for form in ("markdown", "html"):
        text = render(made, form)
        for word in words:
            assert (word if form == "html" else word.replace("&gt;", ">")) in text, (form, word)


def test_a_postmortem_is_not_drowned_in_advice() -> None:
    advice = {
        "rule": "server-tokens",
        "severity": "advice",
        "message": "m",
        "file": "nginx.conf",
        "line": 4,
        "hosts": [],
    }
    made = report(findings=[advice])
    assert "server-tokens" not in render(made, "markdown")
    assert "Lint has advice, too" in render(made, "markdown")
    assert "server-tokens" in render(made, "html")
    assert "server-tokens" in render(report(findings=[advice], ok=True), "markdown")


def test_what_was_not_compared_is_said() -> None:
    made = report(behaviour=[{"hosts": ["web1"], "verified": False, "reason": "no namespaces", "changes": []}])
    for form in ("markdown", "html"):
        assert "no namespaces" in render(made, form)
        assert "no route check ran" in render(report(behaviour=[]), form)
    assert "What each request gets before and after on web1, web2: no route check says so" in made.unknown


def _hostile(value: t.Any) -> t.Any:
    if isinstance(value, dict):
        return {name: _hostile(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_hostile(item) for item in value]
    return HOSTILE if isinstance(value, str) else value


@pytest.mark.parametrize("form", FORMATS)
def test_what_hosts_say_is_text_in_every_format(form: str) -> None:
    made = report(
        hosts=[{"host": HOSTILE, "outcome": "failed", "release": NEW, "reason": HOSTILE}],
        text=[HOSTILE],
        rollout=HOSTILE,
        launch={HOSTILE: HOSTILE},
        nginx={HOSTILE: [HOSTILE]},
        counts={HOSTILE: 1},
        journals={HOSTILE: [line(1, "gate", HOSTILE, ok=False, reason=HOSTILE), line(2, HOSTILE, HOSTILE)]},
        asked={HOSTILE: {"journal": [line(3, "reload", HOSTILE)], "current": {"running": HOSTILE, "active": HOSTILE}}},
        findings=[
            dict.fromkeys(("rule", "message", "file", "line"), HOSTILE) | {"hosts": [HOSTILE], "severity": "error"}
        ],
        culprits=[dict.fromkeys(("by", "file", "line", "text"), HOSTILE) | {"hosts": [HOSTILE]}],
        behaviour=[_hostile(COMPARED), {"hosts": [HOSTILE], "verified": False, "reason": HOSTILE}],
        settings={"source": HOSTILE, "metadata": {HOSTILE: HOSTILE}},
        controller={"user": HOSTILE, "host": HOSTILE},
    )
    text = render(made, form)
    if form == "json":
        assert json.loads(text) == made.to_json()
    elif form == "html":
        assert "<script>alert" not in text
        assert text.count("<script>") == 1
    else:
        prose = re.sub(r"(`+) .*? \1(?!`)", "", text)
        assert "<script>" not in prose.replace(r"\<script\>", "")
        assert prose.count("](a)") == prose.count(r"\](a)")
        rows = [row for row in text.splitlines() if row.startswith(r"| \<script")]
        assert {row.count("|") - row.count(r"\|") for row in rows} == {6}


@pytest.mark.parametrize("form", FORMATS)
def test_the_same_data_gives_the_same_text(form: str) -> None:
    assert render(report(), form) == render(report(), form)


def test_the_page_asks_for_nothing_from_elsewhere() -> None:
    page = render(report(), "html")
    assert not re.search(r"(src|href|action)=|url\(|@import|<(link|img|iframe|object|embed)", page)


@pytest.mark.parametrize(
    "broken",
    [
        {"time": "yesterday", "event": "staged"},
        {"time": "2026-11-22T03:00:00", "event": "staged"},
        {"time": at(1)},
        "x",
    ],
)
def test_a_damaged_journal_is_an_error(broken: t.Any) -> None:
    with pytest.raises(ReportError, match="journal of web1"):
        report(journals={"web1": [broken]})


@pytest.mark.parametrize("broken", [{}, {"schema": 2}, {**record(), "started": "?"}, {**record(), "hosts": None}])
def test_a_damaged_record_is_an_error(broken: dict[str, t.Any]) -> None:
    with pytest.raises(ReportError, match="record"):
        build(broken, now=START)


def test_an_unknown_format_is_an_error() -> None:
    with pytest.raises(ReportError, match="pdf"):
        render(report(), "pdf")


EVENTS: t.Final = st.lists(
    st.tuples(
        st.integers(0, 60),
        st.sampled_from(["reload", "confirmed", "rolled_back", "activated", "gate", "lease_expired", "made_up"]),
        st.sampled_from([OLD, NEW]),
        st.booleans(),
    ),
    max_size=12,
)


@settings(max_examples=40)
@given(st.dictionaries(st.sampled_from(["web1", "web2"]), EVENTS))
def test_any_journals_make_a_report_whose_serving_periods_do_not_overlap(
    journals: dict[str, list[tuple[t.Any, ...]]],
) -> None:
    lines = {
        host: [line(when, name, release, ok=ok) for when, name, release, ok in rows] for host, rows in journals.items()
    }
    made = build(record(journals=lines), now=START + timedelta(seconds=60))
    shown = made.to_json()
    for host in journals:
        served = [period for period in shown["served"] if period["host"] == host]
        assert [period["until"] for period in served[:-1]] == [period["since"] for period in served[1:]]
    assert shown["risk"]["at_once"] <= shown["risk"]["hosts"] <= 2
    for form in FORMATS:
        assert render(made, form)


def test_the_files_are_for_their_owner_and_whole(tmp_path: Path) -> None:
    now = START + timedelta(seconds=9)
    paths = publish(record(), tmp_path / "reports", "one", now=now)
    assert [path.name for path in paths] == ["one.report.html", "one.report.md", "one.report.json"]
    assert {path.stat().st_mode & 0o777 for path in paths} == {0o600}
    assert (tmp_path / "reports").stat().st_mode & 0o777 == 0o700
    assert sorted(path.name for path in (tmp_path / "reports").iterdir()) == sorted(path.name for path in paths)
    assert json.loads(paths[2].read_text()) == data()


@pytest.mark.parametrize("odd", [{"settings": 7}, {"behaviour": [{"verified": True}]}, {"text": 1}, {"batches": [{}]}])
def test_whatever_a_record_holds_is_a_report_or_one_kind_of_error(tmp_path: Path, odd: dict[str, t.Any]) -> None:
    with pytest.raises(ReportError, match="cannot be made"):
        publish(record(**odd), tmp_path, "one", now=START)
    assert not list(tmp_path.iterdir())


def test_a_report_that_cannot_be_written_names_its_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ReportError, match=r"file/one\.report\.html cannot be written: "):
        publish(record(), tmp_path / "file", "one", now=START)


def test_names_that_are_no_text_are_written(tmp_path: Path) -> None:
    odd = record(hosts=[{"host": "caf\udce9", "outcome": "failed", "reason": "\udcff"}])
    assert all(path.read_bytes() for path in publish(odd, tmp_path, "one", now=START))
