# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The search over folders, with a world that is a plain function of the folder."""

from __future__ import annotations

import os
import typing as t
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.failsafe.nginx.plugins.module_utils._plan.ddmin import BisectError
from ansible_collections.failsafe.nginx.plugins.module_utils._plan.oracle import ASPECTS, aspect_of, differing, verdict
from ansible_collections.failsafe.nginx.plugins.module_utils._plan.search import ChangeSearch, SearchInput
from ansible_collections.failsafe.nginx.plugins.module_utils._plan.search_jobs import SearchAnswer, SearchRequest
from ansible_collections.failsafe.nginx.plugins.module_utils._plan.trees import TreeError
from ansible_collections.failsafe.nginx.plugins.module_utils._wire.outcomes import ProbeOutcome, UpstreamRequest
from ansible_collections.failsafe.nginx.plugins.module_utils._wire.probes import ListenSocket, Probe
from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.edits import Edits, edits

World = Callable[[dict[str, str]], t.Any]

GOOD = ProbeOutcome("p1", 200, headers=[["Date", "x"]], body_length=2, body_digest="abc")


def request() -> SearchRequest:
    return SearchRequest(Probe("p1", ListenSocket("::")), list(ASPECTS))


def outcome(**what: t.Any) -> ProbeOutcome:
    return replace(GOOD, **what)


def write(folder: Path, tree: dict[str, str]) -> Path:
    for path, text in tree.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


def read(folder: str) -> dict[str, str]:
    return {
        os.path.relpath(os.path.join(place, name), folder): Path(place, name).read_text()
        for place, _folders, names in os.walk(folder)
        for name in names
    }


def changes(before: dict[str, str], after: dict[str, str]) -> Edits:
    def config(tree: dict[str, str]) -> dict[str, bytes]:
        return {path: text.encode() for path, text in tree.items() if path.endswith(".conf")}

    return edits(config(before), config(after))


def find(
    tmp_path: Path,
    before: dict[str, str],
    after: dict[str, str],
    world: World,
    *,
    limit: int | None = None,
    budget: int | None = None,
    requests: int = 1,
) -> tuple[SearchAnswer, list[list[str]]]:
    """The result, and the texts of the changes of every cause."""
    made = changes(before, after)
    wanted = SearchInput(
        str(write(tmp_path / "before", before)),
        str(write(tmp_path / "after", after)),
        made.files,
        made.units,
        [request()] * requests,
        limit,
        budget,
    )
    (tmp_path / "work").mkdir()

    def ask(folder: str, probes: list[Probe]) -> list[ProbeOutcome] | None:
        answer = world(read(folder))
        return None if answer is None else [answer for _probe in probes]

    result = ChangeSearch(wanted, ask, str(tmp_path / "work")).run()
    causes = [
        [
            result.others.get(str(number)) or made.changes[number].text_after or made.changes[number].text_before
            for number in cause.changes
        ]
        for cause in result.results[0].causes
    ]
    return result, causes


MANY = {f"conf.d/{number}.conf": f"server {{\n  listen 80;\n  root /{number};\n}}\n" for number in range(20)}


def test_the_guilty_line_of_many_changes_is_named_and_the_rest_is_fine(tmp_path: Path) -> None:
    after = {path: text.replace("root", "# new\n  index x;\n  root").replace("80", "81") for path, text in MANY.items()}
    after["conf.d/7.conf"] = after["conf.d/7.conf"].replace("index x;", "index x; rewrite loop;")

    def world(tree: dict[str, str]) -> ProbeOutcome:
        return outcome(status=500 if any("rewrite loop;" in text for text in tree.values()) else 200)

    result, causes = find(tmp_path, MANY, after, world)
    assert causes == [["rewrite loop;"]]
    only = result.results[0]
    assert (only.aspect, only.complement, only.causes[0].complete) == ("status", "pass", True)
    assert result.worlds <= 20


def one_cause_of_many(tree: dict[str, str]) -> ProbeOutcome:
    """Fail where five of twenty files are new."""
    return outcome(status=500 if all("index" in tree[f"conf.d/{number}.conf"] for number in (1, 6, 9, 14, 18)) else 200)


def test_requests_that_fail_for_one_cause_share_what_was_tried(tmp_path: Path) -> None:
    after = {path: text.replace("root", "index x;\n  root") for path, text in MANY.items()}
    worlds = []
    for requests in (1, 3):
        (tmp_path / str(requests)).mkdir()
        result, causes = find(tmp_path / str(requests), MANY, after, one_cause_of_many, requests=requests)
        assert causes == [["index x;"] * 5]
        assert all(each.causes == result.results[0].causes for each in result.results)
        worlds.append(result.worlds)
    assert worlds[0] <= 60
    assert worlds[1] - worlds[0] <= 5, "the second request begins with the cause of the first one"


def test_a_used_up_budget_ends_the_search_and_says_nothing_about_the_rest(tmp_path: Path) -> None:
    after = {path: text.replace("root", "index x;\n  root") for path, text in MANY.items()}
    result, causes = find(tmp_path, MANY, after, one_cause_of_many, budget=12, requests=3)
    assert result.worlds <= 12 + 3
    assert 5 < len(causes[0]) < 20
    for each in result.results:
        assert (each.complement, each.causes[0].complete) == (None, False)
        assert each.causes[0].changes == result.results[0].causes[0].changes


def test_two_causes_that_break_it_independently_are_both_named(tmp_path: Path) -> None:
    before = {"a.conf": "a;\n", "b.conf": "b;\n", "c.conf": "c;\n"}
    after = {"a.conf": "a;\nbad 1;\n", "b.conf": "b;\nfine;\n", "c.conf": "c;\nbad 2;\n"}
    result, causes = find(tmp_path, before, after, lambda tree: outcome(status=502 if "bad" in str(tree) else 200))
    assert sorted(causes) == [["bad 1;"], ["bad 2;"]]
    assert result.results[0].complement == "pass"


def test_a_removed_line_and_what_needs_it_are_unresolved_apart(tmp_path: Path) -> None:
    before = {"a.conf": "upstream a { server 1; }\npass a;\n"}
    after = {"a.conf": "upstream b { server 2; }\npass b;\n"}

    def world(tree: dict[str, str]) -> ProbeOutcome | None:
        text = tree["a.conf"]
        name = "b" if "pass b" in text else "a"
        if f"upstream {name} {{ server" not in " ".join(text.split()):
            return None
        return outcome(upstreams=[UpstreamRequest(name, method="GET", uri="/")])

    result, causes = find(tmp_path, before, after, world)
    assert result.results[0].aspect == "upstream"
    assert "pass b;" in causes[0]
    assert result.results[0].causes[0].complete


def test_a_file_that_is_no_configuration_is_a_change_as_a_whole(tmp_path: Path) -> None:
    before = {"nginx.conf": "a;\n", "users": "me:1\n", "same.pem": "x"}
    after = {"nginx.conf": "a;\nb;\n", "users": "you:2\n", "same.pem": "x"}
    result, causes = find(tmp_path, before, after, lambda tree: outcome(status=401 if "you" in tree["users"] else 200))
    assert causes == [["users"]]
    assert list(result.others.values()) == ["users"]


def test_an_outcome_that_did_not_change_has_no_cause(tmp_path: Path) -> None:
    result, causes = find(tmp_path, {"a.conf": "a;"}, {"a.conf": "b;"}, lambda _tree: outcome())
    assert (result.results[0].aspect, causes) == (None, [])


@pytest.mark.parametrize(("bad", "words"), [("a;", "from before"), ("b;", "all of the changes")])
def test_a_side_that_does_not_load_is_said(tmp_path: Path, bad: str, words: str) -> None:
    def world(tree: dict[str, str]) -> ProbeOutcome | None:
        return None if tree["a.conf"] == bad else outcome()

    with pytest.raises(BisectError, match=words):
        find(tmp_path, {"a.conf": "a;"}, {"a.conf": "b;"}, world)


def test_a_folder_that_is_a_link_to_live_files_is_never_written_through(tmp_path: Path) -> None:
    live = write(tmp_path / "live", {"a.conf": "a;"})
    (tmp_path / "before").mkdir()
    (tmp_path / "before" / "sites").symlink_to(live)
    made = changes({"sites/a.conf": "a;"}, {"sites/a.conf": "b;"})
    wanted = SearchInput(str(tmp_path / "before"), None, made.files, made.units, [request()])
    (tmp_path / "work").mkdir()
    with pytest.raises(TreeError, match="leaves the configuration folder"):
        ChangeSearch(wanted, lambda _folder, _probes: [outcome()], str(tmp_path / "work")).run()
    assert (live / "a.conf").read_text() == "a;"


def test_pipes_are_left_out_and_links_and_modes_stay(tmp_path: Path) -> None:
    before = write(tmp_path / "before", {"a.conf": "a;", "available/x": "x;"})
    (before / "enabled").symlink_to("available/x")
    (before / "a.conf").chmod(0o600)
    os.mkfifo(before / "pipe")
    (tmp_path / "work").mkdir()
    modes: list[tuple[int, bool, bool]] = []

    def ask(folder: str, _probes: list[Probe]) -> list[ProbeOutcome]:
        path = Path(folder)
        modes.append(
            ((path / "a.conf").stat().st_mode & 0o777, (path / "enabled").is_symlink(), (path / "pipe").exists())
        )
        return [outcome(status=500 if "b" in (path / "a.conf").read_text() else 200)]

    made = changes({"a.conf": "a;"}, {"a.conf": "b;"})
    ChangeSearch(SearchInput(str(before), None, made.files, made.units, [request()]), ask, str(tmp_path / "work")).run()
    assert set(modes) == {(0o600, True, False)}


ASPECT_CASES: dict[str, tuple[dict[str, t.Any], str | None]] = {
    "nothing": ({}, None),
    "the status": ({"status": 500, "location": "/x"}, "status"),
    "refused": ({"status": None, "closed": "refused"}, "status"),
    "the loop": ({"chain": "loop"}, "chain"),
    "the location": ({"location": "/y"}, "location"),
    "the upstream": ({"upstreams": [UpstreamRequest("http://b", method="GET", uri="/")]}, "upstream"),
    "a date": ({"headers": [["Date", "later"]]}, None),
    "a header": ({"headers": [["Date", "x"], ["X-A", "1"]]}, "header:x-a"),
    "the body": ({"body_digest": "def"}, "body"),
}


@pytest.mark.parametrize("case", ASPECT_CASES)
def test_the_weightiest_aspect_is_the_one_that_is_followed(case: str) -> None:
    what, aspect = ASPECT_CASES[case]
    after = outcome(**what)
    assert differing(ASPECTS, GOOD, GOOD, after) == aspect
    if aspect:
        assert verdict(aspect, GOOD, after, GOOD) == "pass"
        assert verdict(aspect, GOOD, after, after) == "fail"


def test_a_lost_security_header_is_followed_before_any_other() -> None:
    before = outcome(headers=[["X-A", "1"], ["Strict-Transport-Security", "max-age=1"]])
    after = outcome(headers=[["X-A", "2"]])
    assert differing(ASPECTS, before, before, after) == "header:strict-transport-security"
    assert differing(["header:x-a"], before, before, after) == "header:x-a"


def test_what_differs_from_itself_is_noise() -> None:
    again, after = outcome(location="/2"), outcome(location="/3", body_digest="f")
    assert differing(ASPECTS, GOOD, again, after) == "body"


def test_an_outcome_of_neither_side_is_unresolved() -> None:
    assert verdict("status", GOOD, outcome(status=500), outcome(status=404)) == "unresolved"
    assert aspect_of("status", outcome(status=404)) == [404, None]
