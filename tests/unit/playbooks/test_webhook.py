# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a webhook is told of a rollout, and that a rollout does not care whether it listens."""

from __future__ import annotations

import sys
from pathlib import Path

from scripted_fleet import SERIAL, Deploy, fleet

sys.path.insert(0, str(Path(__file__).parents[1] / "plugins" / "plugin_utils" / "_rollout"))

from listener import listening


def test_begin_rollback_and_end_are_posted_and_the_url_is_seen_nowhere(deploy: Deploy) -> None:
    with listening() as server:
        url = f"nginx_deploy_webhook_url={server.url}"
        run = deploy(fleet(web2={"gated": "GET / answered 500"}), *SERIAL, "-e", url, "-vvv")
        bodies = [got["body"] for got in server.got]
    assert run.rc == 2, run.output
    assert [body["event"] for body in bodies] == ["started", "rolled_back", "done"]
    assert {body["rollout"] for body in bodies} == {run.record["rollout"]}
    assert bodies[1]["rolled_back"] == ["web2"]
    assert (bodies[2]["verdict"], bodies[2]["ok"], bodies[2]["hosts"]) == ("stopped", False, 6)
    assert "SECRET" not in run.output.replace(f"-e {url}", "")
    assert "SECRET" not in str(run.record)


def test_a_webhook_without_a_listener_changes_neither_the_rollout_nor_its_status(deploy: Deploy) -> None:
    with listening(404) as server:
        run = deploy({"web1": {}}, "-e", f"nginx_deploy_webhook_url={server.url}", "-e", "nginx_deploy_record=")
    assert run.rc == 0, run.output
    assert "1 confirmed" in run.output
    flat = " ".join(run.output.split())
    assert flat.count(f"http://127.0.0.1:{server.server_port} answered 404") == 2, "begin and end"
    assert "SECRET" not in run.output


def test_a_refusal_is_posted_and_check_mode_is_not(deploy: Deploy) -> None:
    with listening() as server:
        url = f"nginx_deploy_webhook_url={server.url}"
        deploy({"web1": {"staged": {"state": "planned"}}}, "-e", url, "--check")
        assert not server.got
        deploy({"web1": {"staged": "redirect loop"}}, "-e", url)
        assert [got["body"]["event"] for got in server.got] == ["started", "refused"]
        assert "refused: web1: redirect loop" in server.got[1]["body"]["summary"]
