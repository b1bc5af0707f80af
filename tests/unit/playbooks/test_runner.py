# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every playbook as a job of AWX, on two real nginx: its events, its results' sizes, its exit status, what it prints."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest
from controller import Controller, Job, extra_vars
from test_deploy import BIN, ROOT, SITE, Instance

pytestmark = [pytest.mark.nginx, pytest.mark.root]

VAULT_PASSWORD = "what-awx-types-in"
TOKEN, KEY = "hunter2-is-the-token", "the-key-is-under-the-mat"
#: AWX keeps 700,000 bytes of a result. Those of this collection tell of what changes and of forty probes, however many servers there are.
LARGEST_RESULT = 20_000
BYSTANDERS = "".join(f"server {{ listen 127.0.0.1:{{port}}; server_name b{n}.example.com; }}\n" for n in range(60))

HOSTS = ["web1", "web2"]
CHANGED = ["conf.d/secret.conf", "conf.d/site.conf", "tls.key"]
PLAYBOOKS = {path.stem for path in (ROOT / "playbooks").glob("*.yml")}


class Fleet:
    """Two hosts, and a controller with a project for them."""

    def __init__(self, work: Path) -> None:
        self._work = work
        self.hosts = {name: Instance(work / name, more={"www.conf": BYSTANDERS}) for name in HOSTS}
        self._project = work / "project"
        example = ROOT / "examples" / "awx" / "project"
        shutil.copytree(example, self._project, ignore=shutil.ignore_patterns("site", "molecule"))
        for name in ("unlock", "report"):
            (self._project / f"{name}.yml").write_text(f"- ansible.builtin.import_playbook: failsafe.nginx.{name}\n")
        self._write_sources()
        # As AWX keeps a variable that its inventory's source has encrypted. (It reads no group_vars beside a playbook that
        # imports another: Ansible looks for them beside the imported one.)
        token = {"__ansible_vault": self._vault(work / "token", TOKEN)}
        collections = work / "collections" / "ansible_collections" / "failsafe"
        collections.mkdir(parents=True)
        (collections / "nginx").symlink_to(ROOT)
        common = {"nginx_deploy_src": "site", "token": token}
        inventory = {name: {**host.variables(), **common} for name, host in self.hosts.items()}
        self._controller = Controller(work, self._project, work / "collections", inventory, VAULT_PASSWORD)
        self.jobs: dict[str, Job] = {}
        self.changed: dict[str, list[str]] = {}
        self.served: dict[str, list[str]] = {}

    def _write_sources(self) -> None:
        folder = self._project / "site" / "conf.d"
        folder.mkdir(parents=True)
        (folder / "www.conf.j2").write_text(BYSTANDERS.replace("{port}", "{{ site_port }}"))
        site = SITE.format(port="{{ site_port }}", answer="new")
        (folder / "site.conf.j2").write_text(site)
        (folder / "secret.conf.j2").write_text("map $host $token { default '{{ token }}'; }\n")
        self._vault(self._project / "site" / "tls.key", KEY)
        for name in ("broken", "worse"):
            shutil.copytree(self._project / "site", self._project / name)
        loop = SITE.format(port="{{ site_port }}", answer="a").replace("return 200 a", "rewrite ^ / last")
        (self._project / "broken" / "conf.d" / "site.conf.j2").write_text(loop)
        (self._project / "worse" / "conf.d" / "site.conf.j2").write_text(site.replace("200", "500"))

    def _vault(self, path: Path, text: str) -> str:
        path.write_text(text)
        password = self._work / "password"
        password.write_text(VAULT_PASSWORD)
        command = [BIN / "ansible-vault", "encrypt", "--vault-password-file", password, path]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        password.unlink()
        return path.read_text()

    def launch(self, name: str, playbook: str, *arguments: str, check: bool = False, **survey: t.Any) -> None:
        """Run a job, and remember which hosts it changed."""
        if playbook == "deploy":
            survey["nginx_deploy_serial"] = "1, 100%"
        before = {host: files(instance.conf) for host, instance in self.hosts.items()}
        # A container of AWX's has no home that stays.
        survey = {**survey, "nginx_deploy_record": f"{self._work}/records/"}
        self.jobs[name] = self._controller.launch(playbook, *arguments, check=check, **survey)
        self.changed[name] = [host for host in HOSTS if before[host] != files(self.hosts[host].conf)]
        self.served[name] = [host.ask() for host in self.hosts.values()]

    def live(self) -> None:
        """Run one job after the other, as a day brings them."""
        self.launch("lint", "lint", check=True)
        self.launch("lint refuses", "lint", check=True, nginx_deploy_src="broken")
        self.launch("plan", "plan", check=True)
        self.launch("check", "deploy", check=True)
        self.launch("deploy", "deploy", "-vvv")
        self.launch("again", "deploy")
        self.launch("deploy refuses", "deploy", nginx_deploy_src="broken")
        self.launch("deploy fails", "deploy", nginx_deploy_src="worse", nginx_deploy_route_check=False)
        self.launch("status", "status")
        self.launch("report", "report")
        edited = self.hosts["web2"].conf / "conf.d" / "site.conf"
        edited.write_text(edited.read_text() + "# by hand\n")
        self.launch("drift", "drift")
        self.launch("unlock", "unlock")
        self.launch("rollback", "rollback", nginx_deploy_hosts="web1", nginx_deploy_release=self._adopted("web1"))

    def _adopted(self, host: str) -> str:
        manifests = (self.hosts[host].store / "releases").glob("*/manifest.json")
        return next(path.parent.name for path in manifests if '"adopted"' in path.read_text())


def files(folder: Path) -> dict[Path, tuple[bytes, int]]:
    """What a job that changes nothing leaves as it is, the times included."""
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    fleet = Fleet(tmp_path_factory.mktemp("awx"))
    try:
        for host in fleet.hosts.values():
            host.start()
        fleet.live()
        yield fleet
    finally:
        for host in fleet.hosts.values():
            host.stop()


class Ending(t.NamedTuple):
    """How a job has to end: its playbook, its status, the hosts whose files it changes, what they serve, what it says."""

    playbook: str
    rc: int
    changed: list[str]
    served: list[str]
    says: str


OLD, NEW = ["old", "old"], ["new", "new"]
ENDINGS = {
    "lint": Ending("lint", 0, [], OLD, "Lint the rendered source"),
    "lint refuses": Ending("lint", 2, [], OLD, "rewrite-cycle conf.d/site.conf:1"),
    "plan": Ending("plan", 0, [], OLD, "web2: would be changed"),
    "check": Ending("deploy", 0, [], OLD, "2 planned"),
    "deploy": Ending("deploy", 0, HOSTS, NEW, "2 confirmed"),
    "again": Ending("deploy", 0, [], NEW, "2 unchanged"),
    "deploy refuses": Ending("deploy", 2, [], NEW, "2 refused"),
    # The files that were put aside are the ones that come back.
    "deploy fails": Ending("deploy", 2, [], NEW, "rolled back: web1"),
    "status": Ending("status", 0, [], NEW, "nginx 1."),
    "report": Ending("report", 0, [], NEW, "stopped: "),
    "drift": Ending("drift", 2, [], NEW, "web2: changed by hand: conf.d/site.conf"),
    "unlock": Ending("unlock", 0, [], NEW, "End the reservation of the host"),
    "rollback": Ending("rollback", 0, ["web1"], ["old", "new"], "Roll back, reload and prove it"),
}


def test_every_playbook_is_a_job_here() -> None:
    assert {ending.playbook for ending in ENDINGS.values()} == PLAYBOOKS


@pytest.mark.parametrize("name", ENDINGS)
def test_a_job_ends_as_it_should_and_its_status_is_the_truth(fleet: Fleet, name: str) -> None:
    job, ending = fleet.jobs[name], ENDINGS[name]
    assert job.rc == ending.rc, job.stdout
    assert job.status == ("successful" if ending.rc == 0 else "failed")
    assert fleet.changed[name] == ending.changed
    assert fleet.served[name] == ending.served
    assert ending.says in job.text
    failures = {host for stats in job.of("playbook_on_stats") for host in (*stats["failures"], *stats["dark"])}
    assert bool(failures) == (ending.rc != 0)


@pytest.mark.parametrize("name", ["plan", "check", "deploy"])
def test_a_job_tells_a_difference_for_each_file_that_changes(fleet: Fleet, name: str) -> None:
    assert fleet.jobs[name].diffs() == dict.fromkeys(HOSTS, CHANGED)


@pytest.mark.parametrize("name", ["plan", "check", "deploy"])
def test_the_same_difference_is_printed_once(fleet: Fleet, name: str) -> None:
    told = [
        each.get("prepared", "in full")
        for data in fleet.jobs[name].of("runner_on_file_diff")
        for each in (data["diff"] if isinstance(data["diff"], list) else [data["diff"]])
        if each.get("after_header", "").startswith("conf.d/secret.conf")
    ]
    (first, second) = sorted(told, key=len)
    assert first == "in full"
    assert re.fullmatch(r"conf\.d/secret\.conf.*: the same difference as on web[12]\n", second)


@pytest.mark.parametrize("name", ["lint", "again", "status", "report", "unlock"])
def test_a_job_that_changes_nothing_tells_no_difference(fleet: Fleet, name: str) -> None:
    assert not fleet.jobs[name].diffs()


@pytest.mark.parametrize("name", ["lint", "plan", "check", "again", "status", "report", "unlock"])
def test_a_job_that_changes_nothing_counts_no_change(fleet: Fleet, name: str) -> None:
    # What would change is "changed" in check mode, as everywhere in Ansible.
    (stats,) = fleet.jobs[name].of("playbook_on_stats")
    assert bool(stats["changed"]) == (name in {"plan", "check"})


@pytest.mark.parametrize("name", ENDINGS)
def test_results_are_small(fleet: Fleet, name: str) -> None:
    sizes = {
        (event["event"], event["event_data"]["task"]): len(json.dumps(event["event_data"]["res"]))
        for event in fleet.jobs[name].results()
    }
    assert max(sizes.values()) <= LARGEST_RESULT, sizes


@pytest.mark.parametrize("name", ENDINGS)
def test_no_secret_is_in_anything_that_a_job_leaves(fleet: Fleet, name: str) -> None:
    job = fleet.jobs[name]
    left = [path for path in job.artifacts.rglob("*") if path.is_file()]
    assert len(left) > len(job.events)
    for path in left:
        content = path.read_bytes()
        assert not [secret for secret in (TOKEN, KEY, VAULT_PASSWORD) if secret.encode() in content], path


def test_the_secrets_are_where_they_belong(fleet: Fleet) -> None:
    web2 = fleet.hosts["web2"].conf
    assert TOKEN in (web2 / "conf.d" / "secret.conf").read_text()
    assert (web2 / "tls.key").read_text() == KEY


def test_a_job_shows_how_far_it_is(fleet: Fleet) -> None:
    job = fleet.jobs["deploy"]
    told = re.findall(rf"batch (\d) of \d, \d of {len(HOSTS)} hosts done(, \d+ s since the reload)?", job.text)
    assert [number for number, since in told if since], job.stdout
    assert {number for number, _since in told} == {number for number, since in told if since}
    events = [event["stdout"] for event in job.events if event["event"] == "verbose"]
    assert any("since the reload" in line for line in events), "AWX shows what is an event"


def test_variables_are_marked_as_awx_marks_them() -> None:
    assert extra_vars({"ticket": "0123", "list": ["a"], "number": 3}) == (
        "!unsafe 'ticket': !unsafe '0123'\n!unsafe 'list':\n- !unsafe 'a'\n!unsafe 'number': 3\n"
    )
