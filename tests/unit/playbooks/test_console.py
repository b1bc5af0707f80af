# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a plan and a deploy print of a change, and accepting it with what they print: real nginx, the real playbooks."""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path

import pytest
from test_behaviour import deployed
from test_deploy import Instance, Play, last_report, play, src, web1

pytestmark = [pytest.mark.nginx, pytest.mark.root]

__all__ = ["deployed", "play", "src", "web1"]

#: What is replaced in the good site, and by what.
ADMIN = ("location /admin/ { deny all; }", "location /admin/ { return 200 open; }")
API = ("location /api/ { return 200 api; }", "location /api/ { return 404; }")
ROBOTS = (
    "location /new/ { return 200 new; }",
    'location /new/ { add_header X-Robots-Tag noindex; add_header Strict-Transport-Security "max-age=31536000" always; return 200 new; }',
)


def keys(text: str) -> list[str]:
    """The keys of the last line to paste."""
    found = re.findall(r"-e nginx_deploy_accept=([a-z0-9,-]+)", text)
    assert found, text
    return found[-1].split(",")


def test_what_changes_is_printed_and_exactly_that_is_accepted(deployed: Path, play: Play) -> None:
    text = deployed.read_text()
    for old, new in (API, ROBOTS):
        assert old in text
        text = text.replace(old, new)
    deployed.write_text(text)
    planned = play(playbook="plan")
    assert planned.rc == 2, planned.output
    refused = play()
    assert refused.rc == 2, refused.output
    for run in (planned, refused):
        assert "STOPS lost www.example.com location /api/" in run.flat
        assert re.search(r"\d+ of \d+ requests of www.example.com now fail; 1 key has to be accepted", run.flat)
        assert "info headers-changed www.example.com location /new/" in run.flat
        assert "no X-Robots-Tag => X-Robots-Tag: noindex" in run.flat
    [key] = keys(planned.flat)
    assert keys(refused.flat) == [key]
    # Another change that stops is not accepted with it, and the line to paste keeps the key that was given.
    deployed.write_text(text.replace(*ADMIN))
    both = play(nginx_deploy_accept=key)
    assert both.rc == 2, both.output
    assert "STOPS access-widened www.example.com location /admin/" in both.flat
    assert "STOPS lost" not in both.flat
    assert len(keys(both.flat)) == 2
    assert keys(both.flat)[0] == key
    assert f"accepted: {key}" in both.flat
    done = play(nginx_deploy_accept=",".join(keys(both.flat)))
    assert done.rc == 0, done.output
    assert "nothing stops: " in done.flat


STATUS = re.compile(r"(ok|changed|skipping): \[\w+\]|\w+ +: ok=.*|(TASK|PLAY)\b.*|")


def test_a_refusal_that_hosts_have_in_common_is_said_and_searched_once(
    play: Play, web1: Instance, src: Path, tmp_path: Path
) -> None:
    """The hosts differ by their folders and ports, so that each one has a comparison of its own."""
    (src / "conf.d" / "site.conf.j2").write_text(
        "server { listen 127.0.0.1:{{ site_port }}; location / { return 404; } }\n"
    )
    others = [Instance(tmp_path / f"web{number}") for number in range(2, 9)]
    fleet = [web1, *others]
    hosts = {each.root.name: each.variables() for each in fleet}
    with contextlib.ExitStack() as stack:
        for each in others:
            stack.callback(each.stop)
            each.start()
        planned = play("-vvv", playbook="plan", hosts=hosts)
        refused = play(hosts=hosts)
        report = json.loads(last_report(tmp_path).read_text())
    assert (planned.rc, refused.rc) == (2, 2), planned.output + refused.output
    staged, compared, searched = 8, 8, 1
    asked = re.findall(r"EXEC /bin/sh -c .*python", planned.output)
    assert len(asked) == staged + compared + searched, planned.output
    [key] = keys(refused.flat)
    alike = ", ".join(f"web{number}" for number in range(2, 9))
    for run, outcome in ((planned, "would be refused"), (refused, "is refused")):
        # -vvv prints results as a whole.
        said = re.split(r"TASK \[Print (?:the plan|what changes)", run.output)[1].partition("\nTASK")[0]
        assert said.count("STOPS outage") == 1, said
        assert len(re.findall(r"guilty.* tried", said)) == 1, said
        assert f"{alike}: {outcome} the same 1 group as on web1: {key}" in re.sub(r"\s+", " ", said)
    assert refused.output.count("STOPS outage") == 1, refused.output
    assert (
        "refused: web1 and 7 more: The change would break requests; nothing was changed. 1 group stops" in refused.flat
    )
    assert refused.output.count("refused, for the same reason as web1") == 1 + 7
    assert refused.output.count("8 refused") == 1
    lines = [line for line in refused.output.splitlines() if not STATUS.fullmatch(line)]
    assert len(lines) <= 80, refused.output
    told = {host for each in report["behaviour"] for host in each["hosts"] if each["changes"][0]["key"] == key}
    assert told == {*hosts}
    assert {line["file"] for line in report["culprits"]} == {"conf.d/site.conf"}
