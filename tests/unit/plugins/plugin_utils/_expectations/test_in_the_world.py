# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Generated probes and the example's expectations in a real nginx's private world."""

from __future__ import annotations

import shutil
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

from ansible_collections.failsafe.nginx.plugins.module_utils._common.json_fields import decode
from ansible_collections.failsafe.nginx.plugins.module_utils._common.packing import unpack
from ansible_collections.failsafe.nginx.plugins.module_utils._nginx.instance import Instance
from ansible_collections.failsafe.nginx.plugins.module_utils._sandbox.worlds import WorldSettings, WorldSpec, run_worlds
from ansible_collections.failsafe.nginx.plugins.module_utils._wire.outcomes import BlockTrace, ProbeOutcome
from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import Config, load_path
from ansible_collections.failsafe.nginx.plugins.plugin_utils._expectations import Expectations
from ansible_collections.failsafe.nginx.plugins.plugin_utils._probes import ProbePlan, plan_probes
from ansible_collections.failsafe.nginx.plugins.plugin_utils._render._templar import render_source
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routing.marker import instrument

ROOT = Path(__file__).resolve().parents[5]
EXAMPLE = ROOT / "examples" / "shwitter"

sys.path.insert(0, str(ROOT / "tools" / "demo"))
from shwitter.fleet import Fleet  # noqa: E402

pytestmark = [pytest.mark.root, pytest.mark.nginx]

SITE = r"""
map $http_upgrade $up { default upgrade; '' close; }
map $http_x_pool $pool { default api; next canary; }
map $uri $moved { default /; /a.php /a; ~^/u/(?<n>[a-z]+)$ /@$n; }
geo $inside { default 0; 10.0.0.0/8 1; }
upstream api { server 10.9.0.1:8080; server 10.9.0.2; }
upstream canary { server canary.internal:81; }
server {
    listen 80 default_server;
    listen [::]:80;
    server_name a.test b.test *.c.test ~^(?<sub>[a-z]+)\.d\.test$;
    error_page 404 @gone;
    if ($http_x_forwarded_proto = http) { return 301 https://$host$request_uri; }
    location / { auth_request /auth; proxy_pass http://$pool; proxy_set_header Up $up; error_page 502 = @down; }
    location = /auth {
        internal;
        proxy_pass http://10.9.0.9/verify;
        proxy_pass_request_body off;
        proxy_set_header Content-Length "";
    }
    location /api/ {
        proxy_pass http://api;
        proxy_intercept_errors on;
        location ~ \.php$ { fastcgi_pass 10.9.0.3:9000; }
    }
    location /loop { rewrite ^/loop/(\d+)$ /end/$1 last; return 404; }
    location /end/ { return 200 end; }
    location /adm { if ($inside) { return 204; } allow 10.0.0.0/8; deny all; return 200 adm; }
    location ~ \.(css|js)$ { try_files $uri @static; root /nonexistent; }
    location ~ /\. { return 403; }
    location "/a b/" { return 200 spaced; }
    location @static { return 200 static; }
    location @down { return 200 down; }
    location @gone { return 404 gone; }
    location /files/ { internal; return 200 file; }
    location /moved/ { return 301 $moved; }
    location /post { limit_except GET { deny all; } return 200 posted; }
}
server { listen 80; server_name "" e.test; location /nameless { return 200 nameless; } }
server { listen 8080; server_name _; location = /healthz { return 200 ok; } }
server { listen 80; server_name a.test; location /never { return 200 never; } }
"""


def run(
    config_dir: Path, config: Config, plan: ProbePlan, work: Path, **instance: str
) -> tuple[list[t.Any], list[t.Any], t.Any]:
    """Outcomes, those of the instrumented configuration, and what its marks stand for."""
    marked, markers = instrument(config)
    traced = work / "traced"
    shutil.copytree(config_dir, traced)
    for name, data in marked.items():
        (traced / name).write_bytes(data)
    worlds = run_worlds(
        Instance(str(config_dir), **instance),
        [WorldSpec("plain", str(config_dir)), WorldSpec("traced", str(traced), traced=True)],
        plan.probes,
        WorldSettings(listens=plan.listens, deadline=120.0),
    )
    assert worlds["plain"].error is None, worlds
    assert worlds["traced"].error is None, worlds
    plain, traces = (
        [decode(kind, each) for part in worlds[name].outcomes or () for each in unpack(part)]
        for name, kind in (("plain", ProbeOutcome), ("traced", BlockTrace))
    )
    return plain, traces, markers


@pytest.fixture
def work() -> Iterator[Path]:
    # Workers run as another user: pytest's own folders are private.
    folder = Path(tempfile.mkdtemp(prefix="failsafe-routes-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_every_block_that_probes_are_made_for_is_reached(work: Path) -> None:
    folder = work / "etc"
    folder.mkdir(mode=0o755)
    (folder / "nginx.conf").write_text(
        f"user www-data;\npid {work}/nginx.pid;\nerror_log {work}/error.log;\nevents {{}}\n"
        f"http {{\naccess_log {work}/access.log;\n{SITE}\n}}\n"
    )
    config = load_path(str(folder), config_dir=str(folder))
    plan = plan_probes(config, config)
    outcomes, traced, markers = run(folder, config, plan, work)
    reached = {(markers[mark].place.file, markers[mark].place.line) for each in traced for mark in each.trace}
    wanted = {(block.file, block.line) for probe in plan.probes for block in probe.blocks}
    assert wanted
    assert wanted - reached == set()
    assert len(plan.probes) == len(outcomes) > 0
    assert [(each.side, each.block) for each in plan.unprobed] == [
        (side, block) for side in ("after", "before") for block in ("server", "location /never")
    ]
    malformed = [probe for probe, each in zip(plan.probes, outcomes, strict=True) if each.status == 400]
    assert malformed == []
    assert [(probe, each) for probe, each in zip(plan.probes, outcomes, strict=True) if each.closed] == []


class Example:
    """The example's first host with one change."""

    def __init__(self, work: Path, change: str | None) -> None:
        self.fleet = Fleet(work)
        self.fleet.prepare()
        self.work = work
        self.host = self.fleet.hosts[0]
        for entry in self._render(change).entries:
            path = self.host.config_dir / entry.path
            if entry.type == "directory":
                path.mkdir(exist_ok=True)
            else:
                path.write_bytes(entry.content)

    def _render(self, change: str | None) -> t.Any:
        loader = DataLoader()
        inventory = InventoryManager(loader=loader, sources=[str(EXAMPLE / "inventory")])
        variables = VariableManager(loader=loader, inventory=inventory)
        task_vars = combine_vars(variables.get_vars(host=inventory.get_host(self.host.name)), self.fleet.variables())
        templar = Templar(loader=loader, variables=task_vars)
        return render_source(str(self.fleet.candidate(change)), templar=templar, loader=loader, task_vars=task_vars)

    def failed(self) -> dict[str, set[str]]:
        """The expectations that do not hold, and their fields."""
        text = (EXAMPLE / "routes.yml").read_text()
        ports = self.fleet.ports
        expectations = Expectations.load(
            text.replace("22443", str(ports.https)).replace("22080", str(ports.http)), "routes.yml"
        )
        folder = self.host.config_dir
        config = load_path(str(folder), config_dir=str(folder))
        plan = plan_probes(None, config, expectations=expectations, limit=0)
        outcomes, traced, markers = run(folder, config, plan, self.work, prefix=str(self.host.root))
        results = expectations.check(outcomes, config=config, markers=markers, traced=traced)
        assert len(results) == len(plan.probes) > 20
        failed: dict[str, set[str]] = {}
        for result in results:
            if not result.ok:
                failed.setdefault(result.name, set()).update(result.failed)
        return failed


@pytest.mark.parametrize("change", [None, "fix"])
def test_the_example_is_as_expected(work: Path, change: str | None) -> None:
    assert Example(work, change).failed() == {}


def test_the_outage_is_not(work: Path) -> None:
    assert Example(work, "outage").failed() == {
        "pages are made for their reader": {"status", "upstream", "errors"},
        "no page without a profile": {"status", "upstream"},
        "both profile calls answer, on both sites": {"status", "upstream", "errors"},
        "old links find their new page": {"final: status"},
    }
