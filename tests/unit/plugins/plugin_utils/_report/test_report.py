# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import re
import typing as t
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.failsafe.nginx.plugins.plugin_utils._report import FORMATS, ReportError, build, render
from ansible_collections.failsafe.nginx.plugins.plugin_utils._report.journal import read
from ansible_collections.failsafe.nginx.plugins.plugin_utils._report.serving import risk, spells
from ansible_collections.failsafe.nginx.tests.unit.plugins.plugin_utils._report.rollouts import (
    CANARY,
    GOOD,
    HOSTILE,
    NEW,
    OLD,
    START,
    at,
    line,
    record,
    report,
)


def test_the_timeline_is_in_order_and_says_who_did_what_in_which_batch() -> None:
    rows = report()["timeline"]
    assert [row["time"] for row in rows] == sorted(row["time"] for row in rows)
    assert rows[0]["event"] == "run_started"
    assert rows[-1]["event"] == "run_finished"
    assert [(row["host"], row["batch"], row["text"]) for row in rows if row["event"] == "gate"] == [
        ("web1", 1, "the gate failed: GET / answered 500")
    ]
    assert not [row for row in rows if row["release"] == OLD and row["event"] == "confirmed"], "before the run"


def test_who_served_what_until_when() -> None:
    assert report()["served"] == [
        {"host": "web1", "release": NEW, "since": at(3), "until": at(7), "confirmed": None, "trial_seconds": 4.0},
        {"host": "web1", "release": OLD, "since": at(7), "until": None, "confirmed": at(7), "trial_seconds": 0.0},
    ]


def test_impact_is_what_was_taken_back() -> None:
    assert report()["impact"] == {"hosts": ["web1"], "of": 2, "seconds": 4.0, "longest": 4.0}
    fine = record(ok=True, verdict="deployed", hosts=[{"host": "web1", "outcome": "confirmed", "release": NEW}])
    assert build(fine, {"web1": GOOD}, now=START)["impact"]["hosts"] == []


def test_risk_counts_trials_that_overlap() -> None:
    events = [event for host in ("a", "b") for event in read(host, GOOD, START)]
    assert risk(spells(events), START + timedelta(seconds=9)) == {
        "hosts": 2,
        "at_once": 2,
        "seconds": 2.0,
        "host_seconds": 4.0,
    }
    assert risk([], START) == {"hosts": 0, "at_once": 0, "seconds": 0, "host_seconds": 0}


def test_what_is_unknown_is_said() -> None:
    interrupted = record(
        finished=None, verdict="interrupted", hosts=[{"host": "web9", "outcome": "unknown", "reason": "being changed"}]
    )
    data = build(interrupted, {}, now=START + timedelta(seconds=9))
    assert any("web9" in said and "journal" in said for said in data["unknown"])
    assert any("controller" in said for said in data["unknown"])
    assert any(step["command"] == "ansible-playbook failsafe.nginx.status --limit web9" for step in data["next_steps"])


def test_nothing_is_left_to_do_after_a_rollout_that_went_well() -> None:
    fine = record(ok=True, verdict="deployed", hosts=[{"host": "web1", "outcome": "confirmed", "release": NEW}])
    assert build(fine, {"web1": GOOD}, now=START)["next_steps"] == []


def test_a_failed_run_is_a_draft_of_a_postmortem() -> None:
    text = render(report(), "markdown")
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert headings == ["Summary", "Impact", "Timeline", "Root cause", "Resolution", "Prevention", "Unknown"]
    assert "The guilty line: _unknown_" in text
    assert "1. Correct what the reasons name, and look at the plan: `ansible-playbook failsafe.nginx.plan`" in text
    assert "1 of 2 hosts served the change until it was taken back, the longest for 4.0 s" in text


def test_culprits_and_behaviour_are_told() -> None:
    data = build(
        record(),
        {"web1": CANARY, "web2": []},
        now=START,
        culprits=[{"file": "conf.d/a.conf", "line": 16, "text": "return 302 /;"}],
        behaviour={
            "changes": [{"class": "redirect-loop", "example": {"request": "GET /", "before": "200", "after": "loop"}}]
        },
    )
    for form in ("markdown", "html"):
        text = render(data, form)
        assert "conf.d/a.conf:16" in text
        assert "redirect-loop" in text


@pytest.mark.parametrize("form", FORMATS)
def test_what_hosts_say_is_text_in_every_format(form: str) -> None:
    data = report(
        hosts=[{"host": HOSTILE, "outcome": "failed", "release": NEW, "reason": HOSTILE}],
        text=[HOSTILE],
        rollout=HOSTILE,
    )
    text = render(data, form)
    if form == "json":
        assert json.loads(text) == data
    elif form == "html":
        assert "<script>alert" not in text
        assert text.count("<script>") == 1
    else:
        assert "<script>" not in text.replace(r"\<script\>", "")
        assert all(row.count("|") - row.count(r"\|") == 5 for row in text.splitlines() if row.startswith(r"| \<script"))


@pytest.mark.parametrize("form", FORMATS)
def test_the_same_data_gives_the_same_text(form: str) -> None:
    assert render(report(), form) == render(report(), form)


def test_the_page_asks_for_nothing_from_elsewhere() -> None:
    page = render(report(), "html")
    assert not re.search(r"(src|href)=|url\(|@import|https?://", page)


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
        build(record(), {"web1": [broken]}, now=START)


@pytest.mark.parametrize("broken", [{}, {"schema": 2}, {**record(), "started": "?"}, {**record(), "hosts": None}])
def test_a_damaged_record_is_an_error(broken: dict[str, t.Any]) -> None:
    with pytest.raises(ReportError, match="record"):
        build(broken, {}, now=START)


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
def test_any_journals_make_a_report_whose_spells_do_not_overlap(journals: dict[str, list[tuple[t.Any, ...]]]) -> None:
    lines = {
        host: [line(when, name, release, ok=ok) for when, name, release, ok in rows] for host, rows in journals.items()
    }
    data = build(record(), lines, now=START + timedelta(seconds=60))
    for host in journals:
        served = [spell for spell in data["served"] if spell["host"] == host]
        assert [spell["until"] for spell in served[:-1]] == [spell["since"] for spell in served[1:]]
    assert data["risk"]["at_once"] <= data["risk"]["hosts"] <= 2
    for form in FORMATS:
        assert render(data, form)
