# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a plan and a deploy print for hosts, and their last line."""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._rollout.plan import deploy_plan

KEYS = ["lost-3f9a1c2b4d", "outage-0123456789"]
WARNING = {
    "severity": "warning",
    "rule": "host-header",
    "file": "/etc/nginx/a.conf",
    "line": 3,
    "message": "Host is lost",
}


def host(key: str, console: dict[str, t.Any] | None = None, **check: t.Any) -> dict[str, t.Any]:
    refused = bool(console and (console.get("keys") or console.get("others")))
    staged: dict[str, t.Any] = {"state": "planned", "plan": {"key": key}, "findings": [WARNING]}
    if refused:
        staged |= {"failed": True, "msg": "The change would break requests; nothing was changed."}
    behaviour = {"verified": True, "refused": refused, "failed": refused, "changes": [], "console": console, **check}
    return {"__nginx_deploy_staged": staged, "__nginx_deploy_behaviour": behaviour}


def shared(key: str, *, refused: bool) -> dict[str, t.Any]:
    found = host(key, {"keys": ["x"] if refused else []})
    del found["__nginx_deploy_behaviour"]["console"]
    del found["__nginx_deploy_behaviour"]["changes"]
    return found


def console(
    lines: list[str], summary: str, keys: t.Sequence[str] = (), given: t.Sequence[str] = (), others: int = 0
) -> dict[str, t.Any]:
    return {"lines": lines, "summary": summary, "keys": list(keys), "given": list(given), "others": others}


def printed(**hosts: dict[str, t.Any]) -> list[str]:
    return t.cast("list[str]", deploy_plan(hosts, hosts).to_json()["console"])


FAILS = "2 of 41 requests of www.example.com now fail"


def test_hosts_that_are_alike_are_told_once_with_lint_and_one_last_line() -> None:
    told = console(["STOPS lost"], FAILS, KEYS[:1])
    assert printed(web1=host("k", told), web2=shared("k", refused=True)) == [
        "web1, web2: is refused",
        "  warning host-header a.conf:3 Host is lost",
        "  STOPS lost",
        f"If all of this is meant: -e nginx_deploy_accept={KEYS[0]}",
        f"{FAILS}; 1 key has to be accepted",
    ]


def test_hosts_with_other_configurations_that_are_told_the_same_are_told_once() -> None:
    passes = console(["high  redirect-changed"], "1 of 41 requests of a gets something else, none of them fails")
    lines = printed(web1=host("k1", passes), web2=host("k2", passes))
    assert lines == [
        "web1, web2: is to be changed",
        "  warning host-header a.conf:3 Host is lost",
        "  high  redirect-changed",
        "nothing stops: 1 of 41 requests of a gets something else, none of them fails",
    ]


def test_the_keys_of_all_hosts_are_in_one_line_with_those_that_were_given() -> None:
    first = console([], FAILS, KEYS[:1], given=["new-aaaaaaaaaa"])
    second = console([], FAILS, KEYS)
    lines = printed(web1=host("k1", first), web2=host("k2", second))
    assert lines[-2:] == [
        f"If all of this is meant: -e nginx_deploy_accept=new-aaaaaaaaaa,{KEYS[0]},{KEYS[1]}",
        f"{FAILS}; 2 keys have to be accepted",
    ]


def test_what_no_key_accepts_is_said() -> None:
    assert printed(web1=host("k", console([], "all 9 requests get what they got", others=2)))[-1] == (
        "all 9 requests get what they got; 2 reasons stop that no key accepts"
    )


def test_a_host_that_is_refused_for_another_reason_is_in_the_last_line() -> None:
    staged = {"failed": True, "msg": "The configuration is refused\nerror", "findings": [WARNING]}
    lines = printed(web1={"__nginx_deploy_staged": staged})
    assert lines[0] == "web1: is refused"
    assert lines[-1] == "web1: would be refused: The configuration is refused"


def test_nothing_to_do_is_said_in_one_line() -> None:
    assert printed(web1={"__nginx_deploy_staged": {"state": "confirmed"}}) == ["nothing stops: nothing to do"]


def test_a_change_that_was_not_compared_is_not_called_fine() -> None:
    staged = {"state": "planned", "plan": {"key": "k"}, "findings": []}
    lines = printed(web1={"__nginx_deploy_staged": staged})
    assert lines[-1] == "nothing stops: what clients get was not compared"


def test_more_than_a_few_kinds_of_hosts_are_counted() -> None:
    hosts = {f"web{number}": host(f"k{number}", console([f"line {number}"], f"{number} change")) for number in range(9)}
    lines = printed(**hosts)
    assert "... and 4 more hosts that differ: the record has them" in lines
    assert lines[-1] == "nothing stops: 0 change; 1 change; and 7 more kinds of hosts"


def same(other: str, told: dict[str, t.Any]) -> dict[str, t.Any]:
    return {**told, "same_as": other, "same": "the same 1 group"}


def test_a_host_with_the_change_of_another_one_is_told_in_a_line_below_it() -> None:
    first = {**console(["STOPS lost at 192.0.2.1"], FAILS, KEYS[:1]), "same": "the same 1 group"}
    hosts = {"web1": host("k1", first)}
    for number in range(2, 12):
        own = console([f"STOPS lost at 192.0.2.{number}"], FAILS, KEYS[:1])
        hosts[f"web{number}"] = host(f"k{number}", same("web1", own))
    names = ", ".join([*hosts][1:])
    assert printed(**hosts) == [
        "web1: is refused",
        "  warning host-header a.conf:3 Host is lost",
        "  STOPS lost at 192.0.2.1",
        f"{names}: is refused",
        f"  the same 1 group as on web1: {KEYS[0]}",
        f"If all of this is meant: -e nginx_deploy_accept={KEYS[0]}",
        f"{FAILS}; 1 key has to be accepted",
    ]
    plan = deploy_plan(hosts, hosts)
    assert plan.text[-5:-3] == [f"{names}: would be refused", f"  the same 1 group as on web1: {KEYS[0]}"]
    assert sum("STOPS" in line for line in plan.text) == 1
    assert all("STOPS" in line for group in plan.groups for line in group.text if "192.0.2" in line)


def test_the_first_host_of_the_play_is_told_as_a_whole_whichever_searched() -> None:
    searched = {**console(["STOPS at web2"], FAILS, KEYS[:1]), "same": "the same 1 group"}
    lines = printed(
        web1=host("k1", same("web2", console(["STOPS at web1"], FAILS, KEYS[:1]))), web2=host("k2", searched)
    )
    assert lines[:4] == [
        "web1: is refused",
        "  warning host-header a.conf:3 Host is lost",
        "  STOPS at web1",
        "web2: is refused",
    ]
    assert lines[4] == f"  the same 1 group as on web1: {KEYS[0]}"


def test_what_a_host_has_of_its_own_is_told_with_the_reference() -> None:
    first = {**console(["STOPS one"], FAILS, KEYS[:1]), "same": "the same 1 group"}
    second = host("k2", same("web1", console(["STOPS two"], FAILS, KEYS[:1])))
    second["__nginx_deploy_staged"]["findings"] = [WARNING, {**WARNING, "file": "/etc/nginx/b.conf"}]
    second["__nginx_deploy_staged"]["modified"] = ["b.conf"]
    hosts = {"web1": host("k1", first), "web2": second}
    assert printed(**hosts)[3:6] == [
        "web2: is refused",
        "  warning host-header b.conf:3 Host is lost",
        f"  the same 1 group as on web1: {KEYS[0]}",
    ]
    text = deploy_plan(hosts, hosts).text
    assert text[text.index("web2: would be refused") :][:6] == [
        "web2: would be refused",
        "  files:",
        "    ~ b.conf",
        "  lint:",
        "    warning host-header b.conf:3 Host is lost",
        f"  the same 1 group as on web1: {KEYS[0]}",
    ]


def test_a_host_that_is_told_as_nothing_of_the_run_is_told_as_a_whole() -> None:
    lines = printed(web2=host("k2", same("web1", console(["STOPS two"], FAILS, KEYS[:1]))))
    assert lines[:3] == ["web2: is refused", "  warning host-header a.conf:3 Host is lost", "  STOPS two"]
    # Neither is a host whose outcome is another one.
    passes = {**console(["info"], "1 change"), "same": "the same 1 group"}
    lines = printed(web1=host("k1", passes), web2=host("k2", same("web1", console(["STOPS two"], FAILS, KEYS[:1]))))
    assert "  STOPS two" in lines
