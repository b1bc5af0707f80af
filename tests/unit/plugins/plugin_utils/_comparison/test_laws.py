# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What holds for any two outcomes."""

from __future__ import annotations

import json
import typing as t
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.failsafe.nginx.plugins.module_utils._common.json_fields import decode
from ansible_collections.failsafe.nginx.plugins.module_utils._wire.outcomes import ProbeOutcome
from ansible_collections.failsafe.nginx.plugins.module_utils._wire.probes import Probe
from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison import CLASSES, ComparedSide, compare
from ansible_collections.failsafe.nginx.plugins.plugin_utils._reports.route_check import FORMATS, render

TEXTS = st.text("abc/?=<&\x1b\u20ac", max_size=6)
HEADERS = st.lists(
    st.tuples(st.sampled_from(["X-Frame-Options", "Set-Cookie", "Date", "Expires", "ETag", "X-A"]), TEXTS).map(list),
    max_size=3,
)
UPSTREAMS = st.fixed_dictionaries(
    {
        "target": st.sampled_from(["http://a:80", "http://b:80", "fastcgi://unix:/run/x.sock", ""]),
        "protocol": st.just("http"),
        "address": TEXTS,
        "method": st.sampled_from(["GET", ""]),
        "uri": TEXTS,
        "headers": HEADERS,
        "params": st.dictionaries(st.sampled_from(["SCRIPT_FILENAME", "REMOTE_PORT", "X"]), TEXTS, max_size=2),
        "status": st.just(200),
    }
)


def finish(outcome: dict[str, t.Any]) -> ProbeOutcome:
    status, location = outcome["status"], outcome["location"]
    told = {
        **outcome,
        "closed": outcome["closed"] if status is None else None,
        "location": location if status in (301, 302, 308) else None,
        "headers": outcome["headers"] if status is not None else [],
    }
    return decode(ProbeOutcome, told)


OUTCOMES = st.fixed_dictionaries(
    {
        "id": st.just("p"),
        "status": st.sampled_from([None, 200, 204, 301, 302, 308, 401, 403, 404, 500, 502]),
        "closed": st.sampled_from(["refused", "closed", "reset", "timeout", "tls: alert"]),
        "location": st.sampled_from(["http://a.test/a", "http://a.test/b", "/c", "http://[bad/", ""]),
        "headers": HEADERS,
        "body_length": st.integers(0, 2),
        "body_digest": st.sampled_from(["aa", "bb"]),
        "upstreams": st.lists(UPSTREAMS, max_size=2),
        "errors": st.lists(st.sampled_from(['open() "/x" failed (2: No such file)', "cycle"]), max_size=2),
        "hops": st.just([]),
        "chain": st.sampled_from([None, "final", "loop", "external", "too-long"]),
        "trace": st.just([]),
    }
).map(finish)
PAIRS = st.lists(st.tuples(OUTCOMES, OUTCOMES), min_size=1, max_size=6)


def probes_of(number: int) -> list[Probe]:
    listen = {"address": "0.0.0.0", "port": 80, "ssl": False}
    plain = {"origin": "generated", "why": "", "listen": listen, "sni": None, "method": "GET", "host": "a.test"}
    return [
        decode(Probe, {**plain, "id": f"p{index}", "target": f"/{'abcdef'[index]}", "headers": [], "answers": []})
        for index in range(number)
    ]


@given(pairs=PAIRS)
def test_a_configuration_is_like_itself(pairs: list[t.Any]) -> None:
    old = [before for before, _after in pairs]
    assert compare(probes_of(len(old)), old, [replace(each) for each in old]).changes == []


@settings(max_examples=200)
@given(pairs=PAIRS)
def test_no_other_status_is_silent(pairs: list[t.Any]) -> None:
    old, new = ([pair[side] for pair in pairs] for side in (0, 1))
    probes = probes_of(len(pairs))
    report = compare(probes, old, new)
    named = {probe for change in report.changes for probe in change.probes}
    named |= {each.what.removeprefix("request ") for each in report.unverified if each.kind == "unstable"}
    for probe, before, after in zip(probes, old, new, strict=True):
        if before.status != after.status:
            assert probe.id in named
        if (after.status or 0) >= 500 > (before.status or 500):
            assert any(c.name == "error-introduced" and probe.id in c.probes for c in report.changes)
    assert all(change.name in CLASSES for change in report.changes)


@given(pairs=PAIRS)
def test_what_differs_by_itself_changes_nothing(pairs: list[t.Any]) -> None:
    """The new outcomes are those of the second run of the old configuration: no difference is a change."""
    old, again = ([pair[side] for pair in pairs] for side in (0, 1))
    report = compare(probes_of(len(pairs)), ComparedSide(old, again=again), again)
    assert {change.name for change in report.changes} <= {"cached-redirect-loop"}


@settings(max_examples=40)
@given(pairs=PAIRS)
def test_every_report_can_be_written(pairs: list[t.Any]) -> None:
    old, new = ([pair[side] for pair in pairs] for side in (0, 1))
    report = compare(probes_of(len(pairs)), old, new)
    assert json.loads(render("json", report)) == json.loads(json.dumps(report.as_dict()))
    for name in FORMATS:
        assert "\x1b" not in render(name, report)


@given(pairs=PAIRS)
def test_the_gate_follows_the_risks(pairs: list[t.Any]) -> None:
    old, new = ([pair[side] for pair in pairs] for side in (0, 1))
    report = compare(probes_of(len(pairs)), old, new)
    critical, both = report.gate(["critical"]), report.gate(["critical", "high"])
    assert len(critical) <= len(both) <= len(report.gate(["critical", "high", "info"])) == len(report.changes)
    assert bool(critical) == any(each["risk"] == "critical" for each in report.as_dict()["changes"])
