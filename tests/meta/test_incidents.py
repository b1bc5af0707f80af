# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""docs/incidents.md is what its generator makes, with an entry and a transcript for each incident and no other one."""

from __future__ import annotations

import re
import runpy

import pytest
from project import ROOT

# Makes the collection importable.
runpy.run_path(str(ROOT / "tests" / "unit" / "conftest.py"))

from ansible_collections.failsafe.nginx.tests.incidents.incident import CASES, Incident, incidents  # noqa: E402
from ansible_collections.failsafe.nginx.tests.incidents.page import PAGE, page  # noqa: E402
from ansible_collections.failsafe.nginx.tests.incidents.transcript import LONGEST, comparable, shorten  # noqa: E402

ALL = incidents()


def test_the_page_is_what_the_generator_makes() -> None:
    assert PAGE.read_text() == page(ALL), "docs/incidents.md is another one: make incidents WRITE=1 INCIDENTS=0"


def test_every_folder_is_an_incident_with_an_entry() -> None:
    folders = {path.name for path in CASES.iterdir()}
    assert (
        folders
        == {each.name for each in ALL}
        == set(re.findall(r"; played as `(\S+)`\.$", PAGE.read_text(), re.MULTILINE))
    )


def test_no_two_entries_have_one_heading() -> None:
    assert len({each.title for each in ALL}) == len(ALL)


@pytest.mark.parametrize("incident", ALL, ids=lambda incident: incident.name)
def test_every_incident_has_a_transcript(incident: Incident) -> None:
    assert incident.transcript.exists(), f"make incidents WRITE=1 INCIDENTS={incident.name}"
    assert 2 <= len(incident.transcript.read_text().splitlines()) <= LONGEST


OUTPUT = """
TASK [Print what changes for clients, once for hosts that are alike] ***********
ok: [web1] =>
    msg: |-
        web1: is refused
          nginx behaviour: 20 requests, 20 changed, 0 unverified, coverage 2/2 blocks; 1 change: 1 shown
          STOPS outage   shop.test   whole listener 127.100.136.1:8080   10 requests
            +   403 "/tmp/incident-7_fj9qmx/web1/www/a" is forb…
              key: outage-302377e1a2
          guilty (3 combinations of 1 change tried):
              nginx.conf:3 + deny all
          routes.yml:  accept: [{key: [outage-0123456789], until: 2026-12-31, reason: ...}]
        web2: is refused
          nginx behaviour: 20 requests, 20 changed, 0 unverified, coverage 2/2 blocks; 1 change: 1 shown
        10 of 20 requests of shop.test now fail

TASK [Print the verdict] *******************************************************
ok: [web1] =>
    msg:
    - 1 pending, 1 rolled back
    - 'rolled back: web1: status 404; nginx says: host: "a"; guilty: conf.d/site.conf:4'
"""


@pytest.mark.parametrize(
    ("one", "other"),
    [("127.100.136.1", "127.109.201.1"), ("certificate 3869c8b95046", "certificate 16465e010f5e")],
    ids=["an address", "a fingerprint"],
)
def test_a_word_of_one_run_is_replaced_where_a_line_is_wrapped(one: str, other: str) -> None:
    said = OUTPUT.replace("10 requests", f"10 requests of {'a' * 40} {'b' * 24} {one} and more")
    assert comparable(shorten(said)) == comparable(shorten(said.replace(one, other)))
    assert one not in " ".join(shorten(said).split())


def test_a_transcript_has_no_words_of_one_machine() -> None:
    assert shorten(OUTPUT).splitlines() == [
        "web1: is refused",
        "  nginx behaviour: 20 requests, 20 changed, 0 unverified, coverage 2/2 blocks; 1 change: 1 shown",
        "  STOPS outage   shop.test   whole listener 198.51.100.1:8080   10 requests",
        '    +   403 "/srv/web1/www/a" is forb…',
        "      key: outage-302377e1a2",
        "10 of 20 requests of shop.test now fail",
        "1 pending, 1 rolled back",
        'rolled back: web1: status 404; nginx says: host: "a"; guilty: conf.d/site.conf:4',
    ]


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("10 requests", "11 requests", True),
        ("10 of 20", "3 of 9", True),
        ("20 changed", "19 changed", True),
        ("forb…", "forbid…", True),
        ("302377e1a2", "cdf5a97361", True),
        ("whole listener", "whole server", False),
        ("key: outage", "key: lost", False),
        ('host: "a"', 'host: "b"', True),
        ("site.conf:4", "site.conf:5", False),
        ("status 404", "status 502", False),
        ("outage", "lost", False),
        ("403", "404", False),
        ("1 shown", "1 without effect", False),
        ("shop.test   whole", "blog.test   whole", False),
    ],
)
def test_what_the_console_says_is_compared_but_not_how_often_it_asked(old: str, new: str, *, same: bool) -> None:
    assert old in OUTPUT
    assert (comparable(shorten(OUTPUT)) == comparable(shorten(OUTPUT.replace(old, new)))) is same
