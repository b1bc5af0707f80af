# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts of one run that have a change and its refusal in common: the first one searches for guilty lines, in real worlds."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

from ansible_collections.failsafe.nginx.plugins.module_utils._common.json_fields import encode
from ansible_collections.failsafe.nginx.plugins.module_utils._common.packing import pack, unpack
from ansible_collections.failsafe.nginx.plugins.module_utils._plan import host as on_host
from ansible_collections.failsafe.nginx.plugins.module_utils._plan.search_jobs import SearchJob
from ansible_collections.failsafe.nginx.plugins.module_utils._plan.search_worlds import search_worlds
from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.errors import HostError
from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.run_cache import RunCache
from ansible_collections.failsafe.nginx.tests.unit.plugins.plugin_utils._plan.test_route_check_task import RealHost, run

pytestmark = [pytest.mark.nginx, pytest.mark.root]

CONF = """\
events {{}}
http {{
    access_log /srv/{name}/access.log;
    server {{
        listen {address}:8080;
        server_name www.example.com;
        location / {{ return 200 front; }}
        location /api/ {{ return 200 "api of {name}"; }}
        location /app/ {{ return 200 app; }}
    }}
}}
"""
BROKEN = ('return 200 "api of {name}"', 'return 404 "no api at {name}"')
FAIL_ON = ["critical", "lost"]


class Host(RealHost):
    """A host of a run: its configurations have its own name and address."""

    def __init__(self, run_folder: Path, name: str, number: int, *edits: tuple[str, str]) -> None:
        self.folder = run_folder / name
        super().__init__(self.folder, self.folder / "old")
        self.host, self.host_names = name, [name]
        self.cache = RunCache(str(run_folder))
        self.searches = 0
        self.fails = False
        text = CONF
        for side, changes in (("old", ()), ("new", edits)):
            for old, new in changes:
                assert old in text
                text = text.replace(old, new)
            (self.folder / side).mkdir(parents=True)
            (self.folder / side / "nginx.conf").write_text(text.format(name=name, address=f"127.0.0.{number}"))

    def ask(self, module: str, step: str, job: object, arguments: t.Mapping[str, object]) -> object:
        if module != "nginx_bisect":
            return super().ask(module, step, job, arguments)
        self.searches += 1
        if self.fails:
            raise HostError({"failed": True, "msg": "the world broke"})
        answer = search_worlds(self.options, on_host.unpack_job(SearchJob, pack(encode(job))))
        return unpack(on_host.pack_answer(answer))

    def check(self, *, planned: bool = True, **more: object) -> dict[str, t.Any]:
        plan = {"key": self.host, "before": None, "after": None}
        return run(self, plan=plan if planned else None, **{"fail_on": FAIL_ON, **more})


def group_keys(result: dict[str, t.Any]) -> list[str]:
    return [each["key"] for each in result["guilty"]]


def test_the_second_host_with_a_refusal_refers_to_the_first_and_returns_everything(tmp_path: Path) -> None:
    first, second = Host(tmp_path, "web1", 11, BROKEN), Host(tmp_path, "web2", 12, BROKEN)
    one, two = first.check(), second.check()
    assert (first.searches, second.searches) == (1, 0)
    assert ("searched_on" in one, two["searched_on"], two["console"]["same_as"]) == (False, "web1", "web1")
    assert two["console"]["same"] == one["console"]["same"] == "the same 1 group"
    assert group_keys(one) == group_keys(two) != []
    assert one["brief"] == two["brief"]
    # The lines are its own: the same statement with its own words.
    assert one["lines"] == ['nginx.conf:8 ~ return 200 "api of web1" -> return 404 "no api at web1"']
    assert two["lines"] == ['nginx.conf:8 ~ return 200 "api of web2" -> return 404 "no api at web2"']
    assert "guilty, as found on web1 (" in two["msg"]
    assert {*one} - {*two} == set()
    assert [each["class"] for each in two["changes"]] == [each["class"] for each in one["changes"]]
    assert two["console"]["lines"][0] == one["console"]["lines"][0]


@pytest.mark.parametrize(
    "edits",
    {
        "the same key and one more change": (BROKEN, ("server_name", "send_timeout 9s;\n        server_name")),
        "the same key and another line": (("http {{", "# one line more\nhttp {{"), BROKEN),
        "another key": ((BROKEN[0], "return 500"),),
        "one more group": (BROKEN, ("return 200 app", "return 404")),
        "words of another host": ((BROKEN[0], 'return 404 "no api at web1"'),),
    }.values(),
)
def test_what_is_not_the_same_is_searched_and_told_by_itself(
    tmp_path: Path, edits: tuple[tuple[str, str], ...]
) -> None:
    first, second = Host(tmp_path, "web1", 11, BROKEN), Host(tmp_path, "web2", 12, *edits)
    first.check()
    result = second.check()
    assert second.searches == 1
    assert "same_as" not in result["console"]
    assert "searched_on" not in result
    assert any(line.startswith("guilty (") for line in result["console"]["lines"])


def test_other_options_and_tasks_without_a_run_share_nothing(tmp_path: Path) -> None:
    hosts = [Host(tmp_path, f"web{number}", 10 + number, BROKEN) for number in range(1, 4)]
    hosts[0].check()
    assert "same_as" not in hosts[1].check(accept=["lost-0123456789"])["console"]
    assert "same_as" not in hosts[2].check(planned=False)["console"]
    assert [host.searches for host in hosts] == [1, 1, 1]


def test_a_search_that_failed_is_no_answer_for_others(tmp_path: Path) -> None:
    hosts = [Host(tmp_path, f"web{number}", 10 + number, BROKEN) for number in range(1, 4)]
    hosts[0].fails = True
    results = [host.check() for host in hosts]
    assert [host.searches for host in hosts] == [1, 1, 0]
    assert "The guilty lines were not found: " in results[0]["msg"]
    assert results[2]["searched_on"] == "web2"


def test_a_change_that_passes_is_told_once_too(tmp_path: Path) -> None:
    harmless = ("return 200 app", "return 200 another")
    first, second = Host(tmp_path, "web1", 11, harmless), Host(tmp_path, "web2", 12, harmless)
    assert (first.check()["refused"], first.searches) == (False, 0)
    told = second.check()["console"]
    assert (told["same"], told["same_as"]) == ("the same 1 group", "web1")
