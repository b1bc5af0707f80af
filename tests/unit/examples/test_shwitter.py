# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The example's claims, against a real nginx: what each change passes, and what it breaks."""

from __future__ import annotations

import difflib
import json
import sys
import tempfile
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible.utils.vars import combine_vars
from ansible.vars.manager import VariableManager

from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import load_files
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint import Finding, lint
from ansible_collections.failsafe.nginx.plugins.plugin_utils._render._templar import render_source

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / "examples" / "shwitter"

sys.path.insert(0, str(ROOT / "tools" / "demo"))
from shwitter.fleet import Fleet, run_quietly  # noqa: E402
from shwitter.host import Answer, Host  # noqa: E402


def _render(fleet: Fleet, host: Host, change: str | None) -> t.Any:
    loader = DataLoader()
    inventory = InventoryManager(loader=loader, sources=[str(EXAMPLE / "inventory")])
    variables = VariableManager(loader=loader, inventory=inventory)
    task_vars = combine_vars(variables.get_vars(host=inventory.get_host(host.name)), fleet.variables())
    templar = Templar(loader=loader, variables=task_vars)
    return render_source(str(fleet.candidate(change)), templar=templar, loader=loader, task_vars=task_vars)


class Site:
    """One instance that runs the site with one change."""

    def __init__(self, work: Path, change: str | None) -> None:
        self.fleet = Fleet(work)
        self.fleet.prepare()
        self.host = self.fleet.hosts[1]
        self.candidate = _render(self.fleet, self.host, change)
        for entry in self.candidate.entries:
            path = self.host.config_dir / entry.path
            if entry.type == "directory":
                path.mkdir(exist_ok=True)
            else:
                path.write_bytes(entry.content)
        self.tested = run_quietly(self.fleet.command(self.host, "-t"))

    def get(self, url: str, **options: str) -> Answer:
        return self.host.ask(url, **options)

    def error_log(self) -> str:
        return (self.host.root / "log" / "error.log").read_text()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Site]:
    change = getattr(request, "param", None)
    running = Site(tmp_path_factory.mktemp(change or "site"), change)
    # A root's workers run as another user, who has to come through pytest's private folders.
    for parent in running.fleet.work.parents:
        if parent == Path(tempfile.gettempdir()):
            break
        parent.chmod(parent.stat().st_mode | 0o055)
    with running.fleet.running(running.host):
        yield running


GOOD = [
    ("https://www.shwitter.example/", 200, ""),
    ("https://www.shwitter.example/@alice", 200, ""),
    ("https://www.shwitter.example/robots.txt", 200, ""),
    ("https://www.shwitter.example/home", 301, "https://www.shwitter.example{s}/"),
    ("https://www.shwitter.example/user/alice", 301, "https://www.shwitter.example{s}/@alice"),
    ("https://www.shwitter.example/api/profile", 200, ""),
    ("https://www.shwitter.example/api/profile_list", 200, ""),
    ("https://www.shwitter.example/api/timeline", 200, ""),
    ("https://api.shwitter.example/api/profile?id=7", 200, ""),
    ("https://api.shwitter.example/api/profile_list", 200, ""),
    ("https://api.shwitter.example/api/login", 200, ""),
    ("https://api.shwitter.example/", 302, "https://www.shwitter.example{s}/developers"),
    ("https://api.shwitter.example/wp-login.php", 404, ""),
    ("https://static.shwitter.example/app.0badcafe.css", 200, ""),
    ("https://static.shwitter.example/", 200, ""),
    ("https://static.shwitter.example/missing.png", 404, ""),
    ("https://static.shwitter.example/.git/config", 403, ""),
    ("https://admin.shwitter.example/users", 200, ""),
    ("https://admin.shwitter.example/nginx-status", 200, ""),
    ("https://shwitter.example/a?b=c", 301, "https://www.shwitter.example{s}/a?b=c"),
    ("https://old.shwitter.example/faq.php", 301, "https://www.shwitter.example{s}/help"),
    ("https://m.shwitter.example/u/alice", 301, "https://www.shwitter.example{s}/@alice"),
    ("http://shwitter.example/a", 301, "https://www.shwitter.example{s}/a"),
    ("http://www.shwitter.example/a?b=c", 301, "https://www.shwitter.example{s}/a?b=c"),
    ("http://api.shwitter.example/api/profile", 301, "https://api.shwitter.example{s}/api/profile"),
    ("http://old.shwitter.example/whatever", 301, "https://www.shwitter.example{s}/"),
    ("http://127.0.0.12/healthz", 200, ""),
]


def _check(site: Site, url: str, status: int, location: str) -> None:
    answer = site.get(url)
    assert (answer.status, answer.headers.get("location", "")) == (
        status,
        location.format(s=f":{site.fleet.ports.https}"),
    )


@pytest.mark.nginx
class TestSite:
    def test_nginx_accepts_it_without_a_warning(self, site: Site) -> None:
        assert "test is successful" in site.tested
        assert "[" not in site.tested

    @pytest.mark.parametrize(("url", "status", "location"), GOOD)
    def test_serves(self, site: Site, url: str, status: int, location: str) -> None:
        _check(site, url, status, location)

    def test_the_application_gets_the_name_and_the_client(self, site: Site) -> None:
        got = json.loads(site.get("https://www.shwitter.example/@bob?x=1").body)
        assert got | {"server": ""} == {
            "service": "shwitter",
            "server": "",
            "path": "/@bob?x=1",
            "host": "www.shwitter.example",
            "user": "alice",
            "forwarded_for": "127.0.0.1",
            "forwarded_proto": "https",
            "connection": None,
        }

    def test_a_header_chooses_the_next_version(self, site: Site) -> None:
        url = "https://api.shwitter.example/api/profile"
        assert json.loads(site.get(url, X_Shwitter_Version="next").body)["server"] == "app-next"
        assert json.loads(site.get(url).body)["server"] in {"app-a", "app-b"}

    def test_a_websocket_handshake_reaches_the_application(self, site: Site) -> None:
        answer = site.get("https://www.shwitter.example/api/stream", Upgrade="websocket", Connection="Upgrade")
        assert json.loads(answer.body)["connection"] == "upgrade"

    def test_a_challenge_is_served_without_tls(self, site: Site) -> None:
        challenges = site.fleet.work / "acme" / ".well-known" / "acme-challenge"
        challenges.mkdir(parents=True)
        (challenges / "token").write_text("proof")
        answer = site.get("http://www.shwitter.example/.well-known/acme-challenge/token")
        assert (answer.status, answer.body) == (200, "proof")

    def test_admin_is_closed_to_strangers(self, site: Site) -> None:
        assert site.get("https://admin.shwitter.example/users", source="127.9.9.9").status == 403

    def test_strangers_are_limited_and_monitoring_is_not(self, site: Site) -> None:
        url = "https://api.shwitter.example/api/login"
        assert {site.get(url).status for _unused in range(12)} == {200}
        assert 429 in {site.get(url, source="127.9.9.8").status for _unused in range(30)}

    @pytest.mark.parametrize("name", ["www", "api", "static", "admin"])
    def test_security_headers_are_on_every_answer(self, site: Site, name: str) -> None:
        for path in ("", "missing"):
            headers = site.get(f"https://{name}.shwitter.example/{path}").headers
            assert headers["strict-transport-security"] == "max-age=63072000"
            assert headers["x-content-type-options"] == "nosniff"

    def test_a_foreign_name_gets_no_certificate(self, site: Site) -> None:
        with pytest.raises(OSError, match=r"(?i)unrecognized.name"):
            site.get("https://shwitter.invalid/")

    def test_fingerprinted_files_are_cached_for_ever(self, site: Site) -> None:
        assert "immutable" in site.get("https://static.shwitter.example/app.0badcafe.css").headers["cache-control"]
        assert site.get("https://static.shwitter.example/index.html").headers["cache-control"] == "no-cache"


@pytest.mark.nginx
@pytest.mark.parametrize("site", ["outage"], indirect=True)
class TestOutage:
    def test_nginx_accepts_it_without_a_warning(self, site: Site) -> None:
        assert "test is successful" in site.tested
        assert "[" not in site.tested

    @pytest.mark.parametrize("path", ["", "@alice", "api/profile", "api/profile?id=7", "api/profile_list"])
    def test_everything_that_people_look_at_answers_500(self, site: Site, path: str) -> None:
        assert site.get(f"https://www.shwitter.example/{path}").status == 500

    def test_so_does_the_api(self, site: Site) -> None:
        assert site.get("https://api.shwitter.example/api/profile").status == 500
        assert site.get("https://api.shwitter.example/api/timeline").status == 200

    def test_nginx_says_so_per_request_only(self, site: Site) -> None:
        site.get("https://api.shwitter.example/api/profile_list")
        assert 'rewrite or internal redirection cycle while processing "/api/profile_list"' in site.error_log()
        assert not any(f"[{level}]" in site.error_log() for level in ("emerg", "alert", "crit"))


@pytest.mark.nginx
@pytest.mark.parametrize("site", ["early-cutover"], indirect=True)
class TestEarlyCutover:
    def test_nginx_accepts_it_without_a_warning(self, site: Site) -> None:
        assert "test is successful" in site.tested
        assert "[" not in site.tested

    def test_applications_lose_the_profile(self, site: Site) -> None:
        assert site.get("https://api.shwitter.example/api/profile").status == 502

    @pytest.mark.parametrize(
        ("url", "status", "location"), [row for row in GOOD if "//api.shwitter.example/api/profile?" not in row[0]]
    )
    def test_nothing_else_changes(self, site: Site, url: str, status: int, location: str) -> None:
        _check(site, url, status, location)


@pytest.mark.nginx
@pytest.mark.parametrize("site", ["fix"], indirect=True)
class TestFix:
    def test_nginx_accepts_it_without_a_warning(self, site: Site) -> None:
        assert "test is successful" in site.tested
        assert "[" not in site.tested

    @pytest.mark.parametrize("host", ["www", "api"])
    @pytest.mark.parametrize("name", ["profile", "profile_list"])
    def test_both_names_reach_the_one_call(self, site: Site, host: str, name: str) -> None:
        answer = site.get(f"https://{host}.shwitter.example/api/{name}?id=7")
        assert (answer.status, json.loads(answer.body)["path"]) == (200, "/api/profile_list?id=7")

    @pytest.mark.parametrize(("url", "status", "location"), GOOD)
    def test_nothing_else_changes(self, site: Site, url: str, status: int, location: str) -> None:
        _check(site, url, status, location)


def _findings(work: Path, change: str | None) -> list[Finding]:
    """What lint finds before any host is asked, advice left out."""
    fleet = Fleet(work)
    try:
        fleet.prepare()
        candidate = _render(fleet, fleet.hosts[0], change)
    finally:
        fleet.ports.claim.close()
    config = load_files(candidate.files(), config_dir=str(fleet.hosts[0].config_dir), partial=True)
    return [finding for finding in lint(config) if finding.severity != "advice"]


@pytest.mark.parametrize("change", [None, "early-cutover", "fix"])
def test_lint_is_silent_about_what_loads_and_routes(tmp_path: Path, change: str | None) -> None:
    assert _findings(tmp_path, change) == []


def test_lint_refuses_the_outage_and_names_its_line(tmp_path: Path) -> None:
    (finding,) = _findings(tmp_path, "outage")
    lines = (EXAMPLE / "changes" / "outage" / "snippets" / "api.conf").read_text().splitlines()
    assert (finding.severity, finding.rule, finding.file) == ("error", "rewrite-cycle", "snippets/api.conf")
    assert lines[finding.line - 1].strip() == "rewrite ^/api/profile /api/profile_list last;"
    assert "/api/profile -> /api/profile_list -> /api/profile_list" in finding.message


@pytest.mark.parametrize(
    ("change", "added"),
    [("outage", 2), ("early-cutover", 14), ("fix", 5)],
)
def test_a_change_only_adds_lines_to_the_site(change: str, added: int) -> None:
    lines = []
    for path in sorted((EXAMPLE / "changes" / change).rglob("*")):
        if path.is_file():
            before = EXAMPLE / "site" / path.relative_to(EXAMPLE / "changes" / change)
            lines += [
                line
                for line in difflib.ndiff(before.read_text().splitlines(), path.read_text().splitlines())
                if line[:2] in {"+ ", "- "}
            ]
    assert [line[0] for line in lines] == ["+"] * added
