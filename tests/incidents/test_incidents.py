# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every incident through the deploy playbook with its defaults, while clients ask all the time."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import typing as t
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from ansible_collections.failsafe.nginx.tests.incidents.deploy import Deploy, Run
from ansible_collections.failsafe.nginx.tests.incidents.hosts import (
    Application,
    Clients,
    Instance,
    Network,
    lay_out,
)
from ansible_collections.failsafe.nginx.tests.incidents.incident import Incident, incidents
from ansible_collections.failsafe.nginx.tests.incidents.transcript import comparable, shorten

if t.TYPE_CHECKING:
    from collections.abc import Iterator

ALL = incidents()
_LOGS = Path(__file__).resolve().parents[2] / "build" / "incidents"
#: The lines that a search found, and the place in each of them.
_GUILTY = re.compile(r"^ *guilty \([^)]*\):\n((?:^ {8,}.*\n)+)", re.MULTILINE)
_PLACE = re.compile(r"^ *([\w./-]+\.conf:\d+) [-+~>] ", re.MULTILINE)
#: The cause is another line than the search finds: the server that becomes the default one, the order of two locations.
_ANOTHER_LINE = {"underscore-is-no-catch-all", "uploads-run-php"}
_KEYS = re.compile(r"nginx_deploy_accept=(\S+)")


class Fleet(t.NamedTuple):
    """The hosts of an incident: the first is the canary."""

    instances: list[Instance]
    deploy: Deploy


@contextmanager
def fleet(incident: Incident, top: Path) -> Iterator[Fleet]:
    """Start two hosts with what ran before, and the application behind them."""
    top.chmod(0o755)
    network = Network(ALL.index(incident))
    with ExitStack() as stack:
        if incident.backend:
            stack.callback(Application(incident.backend, network.backend).stop)
        instances = [
            Instance(incident, top / f"web{number}", network.address(number), network.backend) for number in (1, 2)
        ]
        for instance in instances:
            stack.callback(instance.stop)
            instance.start()
        deploy = Deploy(top, instances)
        if incident.managed:
            lay_out(incident, "before", top / "src")
            run = deploy.run(nginx_deploy_serial=["100%"])
            assert run.rc == 0, run.output
            shutil.rmtree(top / "src")
        lay_out(incident, "candidate", top / "src")
        yield Fleet(instances, deploy)


@pytest.fixture
def top() -> Iterator[Path]:
    """Return a folder that workers of every user can pass; pytest's own is closed to them."""
    with tempfile.TemporaryDirectory(prefix="incident-") as name:
        yield Path(name)


@pytest.mark.incident
@pytest.mark.nginx
@pytest.mark.root
@pytest.mark.parametrize("incident", ALL, ids=lambda incident: incident.name)
def test_a_deploy_ends_as_the_incident_tells(incident: Incident, top: Path) -> None:
    with fleet(incident, top) as (instances, deploy):
        before = [instance.files() for instance in instances]
        clients = [Clients(incident.clients, instance) for instance in instances]
        run = deploy.run(**incident.variables)
        for each in clients:
            each.stop()
        after = [instance.files() for instance in instances]
        unchanged = [old == new for old, new in zip(before, after, strict=True)]
        canary, other = (each.errors for each in clients)
        assert all(each.answers for each in clients), run.output
        assert not other, f"clients of a host behind the canary saw {dict(other)}\n{run.output}"
        if incident.verdict == "deployed":
            assert (run.rc, unchanged, dict(canary)) == (0, [False, False], {}), run.output
        else:
            assert (run.rc != 0, unchanged) == (True, [True, True]), run.output
        if incident.verdict == "refused":
            assert (dict(canary), run.activated) == ({}, []), run.output
        if incident.verdict == "rolled back":
            assert run.activated == ["web1"], run.output
        for words in incident.says:
            assert words in run.flat, f"{words!r} is not said:\n{run.output}"
        if incident.name not in _ANOTHER_LINE:
            _names_what_is_guilty(run)
        _says_what_is_kept(incident, run)
        if incident.key:
            _accepted(deploy, run)


def _names_what_is_guilty(run: Run) -> None:
    """Hold the causes of the groups, which the comparison names, against the lines that a search found."""
    for guilty in _GUILTY.finditer(run.output):
        places = _PLACE.findall(guilty[1])
        told = run.output[: guilty.start()]
        named = [place for place in places if re.search(rf"(?<![\w/]){re.escape(place)}\b", told)]
        assert named or not places, f"no cause names {', '.join(places)}:\n{run.output}"


def _says_what_is_kept(incident: Incident, run: Run) -> None:
    """Hold the console against the transcript of docs/incidents.md; write one that is not there yet."""
    _LOGS.mkdir(parents=True, exist_ok=True)
    (_LOGS / f"{incident.name}.txt").write_text(run.output)
    said = shorten(run.output)
    if os.environ.get("FAILSAFE_WRITE") or not incident.transcript.exists():
        incident.transcript.write_text(said)
    advice = f"the console says something else now: make incidents WRITE=1 INCIDENTS={incident.name}"
    assert comparable(said) == comparable(incident.transcript.read_text()), f"{advice}\n{said}"


def _accepted(deploy: Deploy, refused: Run) -> None:
    """Deploy with the line that the refusal ends with."""
    keys = _KEYS.findall(refused.flat)
    assert keys, f"no line to paste:\n{refused.output}"
    # Half of the keys is not enough: each group is accepted by its own.
    names = keys[-1].strip("'\"").split(",")
    if len(names) > 1:
        assert deploy.run(nginx_deploy_accept=",".join(names[1:])).rc != 0
    done = deploy.run(nginx_deploy_accept=",".join(names), nginx_deploy_serial=["100%"])
    assert done.rc == 0, done.output
