# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t
from dataclasses import replace

import pytest

from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout.evidence import HostAnswer
from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout.record import Record
from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout.record_files import to_json

STARTED: t.Final = "2026-11-22T12:00:00.000Z"


def line(seq: int, event: str = "staged", time: str = "2026-11-22T12:00:01.000Z", **fields: t.Any) -> dict[str, t.Any]:
    return {"time": time, "seq": seq, "event": event, "release": "r-1", "details": {}, **fields}


def record(known: dict[str, t.Any] | None = None, hosts: t.Iterable[str] = ()) -> Record:
    return replace(Record.begin(hosts, {}), started=STARTED, **(known or {}))


def gather(known: dict[str, t.Any] | None = None, **hosts: dict[str, t.Any]) -> dict[str, t.Any]:
    """Return the record's JSON with what these hosts registered."""
    hostvars = {
        host: {f"__nginx_deploy_{name}": value for name, value in results.items()} for host, results in hosts.items()
    }
    return to_json(record(known, hosts).with_evidence(hostvars))


def test_a_journal_is_what_all_calls_wrote_in_order() -> None:
    found = gather(
        web1={
            "confirmed": {"journal": [line(9)]},
            "staged": {"journal": [line(1)]},
            "gated": {"failed": True, "journal": [line(4), line(5)]},
            "rolled_back": {"skipped": True, "journal": [line(77)]},
        }
    )
    assert [each["seq"] for each in found["journals"]["web1"]] == [1, 4, 5, 9]


@pytest.mark.parametrize(
    ("results", "journal"),
    [
        ({}, None),
        ({"staged": {"unreachable": True, "msg": "no route"}}, None),
        ({"staged": {"failed": True, "msg": "refused by lint, before the host was asked"}}, []),
        ({"staged": {"journal": [line(1)]}, "activated": {"unreachable": True}}, [line(1)]),
        ({"staged": "what a set_fact may leave"}, None),
    ],
)
def test_a_host_that_never_answered_has_no_journal(results: dict[str, t.Any], journal: list[t.Any] | None) -> None:
    assert gather(web1=results)["journals"].get("web1") == journal


def history(*lines: dict[str, t.Any]) -> dict[str, t.Any]:
    return {"journal": {"history": list(lines)[::-1], "current": {"running": "r-0"}}}


def test_what_a_host_tells_begins_where_this_run_began_whatever_its_clock_says() -> None:
    early = "1999-01-01T00:00:00.000Z"
    lines = [line(1, "adopted"), line(2, time=early, metadata={"who": "me"}), line(3, "rolled_back", time=early)]
    found = gather(web1={"staged": {"journal": [line(2, time=early)]}, **history(*lines)})
    assert found["asked"]["web1"]["current"] == {"running": "r-0"}
    assert found["asked"]["web1"]["journal"] == [line(2, time=early), line(3, "rolled_back", time=early)]


def test_without_a_line_of_this_run_the_time_decides() -> None:
    found = gather(web1=history(line(1, time="2026-11-22T11:59:59.999Z"), line(2)))
    assert [each["seq"] for each in found["asked"]["web1"]["journal"]] == [2]


@pytest.mark.parametrize("answer", [{"failed": True, "msg": "x"}, {"unreachable": True}, {"skipped": True}, {}])
def test_a_host_that_did_not_tell_is_not_among_the_asked(answer: dict[str, t.Any]) -> None:
    assert gather(web1={"journal": answer})["asked"] == {}


def test_hosts_that_are_asked_later_add_to_those_before() -> None:
    known = {"asked": {"web9": HostAnswer((), {})}}
    hostvars = {"web1": {"__nginx_deploy_journal": {"history": [], "current": {}}}}
    found = to_json(record(known, ["web1"]).with_answers(hostvars))
    assert set(found["asked"]) == {"web1", "web9"}


def test_what_hosts_share_is_kept_once() -> None:
    finding = {"rule": "server-tokens", "file": "nginx.conf", "line": 4, "severity": "advice", "message": "m"}
    staged = {"findings": [finding], "validation": {"ok": True, "nginx_version": "1.22.1"}}
    found = gather(web1={"staged": staged}, web2={"staged": staged}, web3={"staged": {**staged, "findings": []}})
    assert found["findings"] == [{**finding, "hosts": ["web1", "web2"]}]
    assert found["nginx"] == {"1.22.1": ["web1", "web2", "web3"]}


def test_a_guilty_line_has_what_named_it() -> None:
    searched = {"file": "a.conf", "line": 3, "kind": "added", "text": "rewrite ^ / last;", "before": None}
    refused = {"ok": False, "file": "b.conf", "line": 5, "message": "unknown directive"}
    lint = {"rule": "rewrite-cycle", "file": "c.conf", "line": 7, "message": "loops", "severity": "error"}
    found = gather(
        web1={"bisected": {"culprits": [searched]}},
        web2={"behaviour": {"failed": True, "culprits": [searched]}},
        web3={"staged": {"failed": True, "validation": refused}},
        web4={"staged": {"failed": True, "guilty": [lint], "validation": {"ok": True}}},
    )
    assert [(each["by"], each["file"], each["line"], each["hosts"]) for each in found["culprits"]] == [
        ("bisect", "a.conf", 3, ["web1", "web2"]),
        ("nginx", "b.conf", 5, ["web3"]),
        ("lint", "c.conf", 7, ["web4"]),
    ]
    assert found["culprits"][2]["text"] == "rewrite-cycle: loops"


CHANGE: t.Final = {
    "class": "lost", "risk": "high", "server": "www", "requests": 2, "probes": ["p1"], "notes": [],
    "example": {"request": "GET /", "before": ["200"], "after": ["404"]},
    "cause": [{"line": f"cause {number}", "before": None} for number in range(9)],
}  # fmt: skip


def test_a_comparison_is_kept_once_with_all_its_hosts() -> None:
    compared = {"verified": True, "changes": [CHANGE], "summary": {"requests": 3}, "expectations": [{"ok": True}]}
    alike = {"behaviour": compared}
    there = {"verified": True, "asked_of": "web1", "msg": "as on web1"}
    blind = {"verified": False, "reason": "no namespaces"}
    found = gather(
        web1={"behaviour": compared}, web2={"behaviour": there}, web3={"behaviour": blind}, web4={"behaviour": blind},
        web5={"behaviour": {"skipped": True}}, web6={"behaviour": {"unreachable": True, "msg": "no route"}},
        web7=alike,
    )["behaviour"]  # fmt: skip
    assert [(each["hosts"], each["verified"], each["reason"]) for each in found] == [
        (["web1", "web2", "web7"], True, ""),
        (["web3", "web4"], False, "no namespaces"),
        (["web6"], False, "no route"),
    ]
    assert [len(change["cause"]) for change in found[0]["changes"]] == [3]
    assert found[0]["expectations_failed"] == []
    assert "probes" not in found[0]["changes"][0]


def test_long_lists_are_cut_and_say_so() -> None:
    compared = {"verified": True, "changes": [CHANGE] * 60, "left_out": {"changes": 5}}
    found = gather(web1={"behaviour": compared, "staged": {"findings": [{"line": number} for number in range(60)]}})
    assert (len(found["behaviour"][0]["changes"]), found["behaviour"][0]["changes_left_out"]) == (50, 15)
    assert len(found["findings"]) == 50
    assert found["left_out"] == {"findings": 10, "culprits": 0}
