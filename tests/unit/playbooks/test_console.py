# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a plan and a deploy print of a change, and accepting it with what they print: real nginx, the real playbooks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from test_behaviour import deployed
from test_deploy import Play, play, src, web1

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
