# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Real nginx instances, each in a folder of its own, all stopped at the end."""

from __future__ import annotations

import os
import signal
import time
import typing as t
from pathlib import Path

import pytest

from ansible_collections.failsafe.nginx.plugins.module_utils._nginx.facts import RuntimeFacts, scan
from ansible_collections.failsafe.nginx.plugins.module_utils._nginx.instance import Instance, environment
from ansible_collections.failsafe.nginx.plugins.module_utils._nginx.processes import Master, find_master
from ansible_collections.failsafe.nginx.plugins.module_utils._nginx.service import Service, start
from ansible_collections.failsafe.nginx.tests.unit.ports import free_port


class Nginx:
    """One instance: prefix, configuration folder, and the process if it runs."""

    def __init__(self, prefix: Path, **options: str) -> None:
        self.prefix = prefix
        self.config_dir = prefix / "etc"
        self.port = free_port()
        for name in ("etc", "run", "log", "temp"):
            (prefix / name).mkdir(parents=True, exist_ok=True)
        self.write(self.config())
        self.instance = Instance(str(self.config_dir), prefix=str(prefix), **options)

    def config(
        self,
        *,
        main: str = "",
        http: str = "",
        events: str = "",
        server: str = "",
        log: str = "log/error.log",
        workers: str = "2",
    ) -> str:
        temp = "".join(
            f"{name}_temp_path temp/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        return (
            f"user root;\npid run/nginx.pid;\nerror_log {log};\nworker_processes {workers};\n{main}\nevents {{ {events} }}\n"
            f"http {{\naccess_log off;\n{temp}{http}\nserver {{ listen 127.0.0.1:{self.port}; {server} return 200 ok; }}\n}}\n"
        )

    def write(self, text: str, name: str = "nginx.conf") -> None:
        (self.config_dir / name).write_text(text)

    @property
    def log(self) -> Path:
        return self.prefix / "log/error.log"

    def facts(self, text: str | None = None) -> RuntimeFacts:
        text = (self.config_dir / "nginx.conf").read_text() if text is None else text
        return scan(text.encode(), self.instance.build(), prefix=self.instance.prefix)

    def start(self) -> Master:
        proof = start(self.instance, Service("none"), facts=self.facts())
        assert proof.ok, proof
        return self.master()

    def master(self) -> Master:
        master = find_master(self.instance)
        assert master
        return master

    @staticmethod
    def await_(condition: t.Callable[[], object]) -> None:
        _await(condition)

    def stop(self) -> None:
        # The prefix stands in the title of every nginx that the tests start.
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                title = Path(f"/proc/{name}/cmdline").read_bytes() + b" "
            except OSError:
                continue
            if b"nginx" in title and any(os.fsencode(self.prefix) + end in title for end in (b"/", b" ", b"\0")):
                os.kill(int(name), signal.SIGTERM)
        _await(lambda: find_master(self.instance) is None)


def _await(condition: t.Callable[[], object], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the awaited condition did not come"
        time.sleep(0.01)


class Farm:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.made: list[Nginx] = []

    def __call__(self, name: str = "one", **options: str) -> Nginx:
        self.made.append(Nginx(self.folder / name, **options))
        return self.made[-1]


@pytest.fixture
def farm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> t.Iterator[Farm]:
    # A caller's leftovers must never reach an nginx of the tests.
    monkeypatch.setenv("NGINX", "3;4;")
    assert "NGINX" not in environment()
    made = Farm(tmp_path)
    yield made
    for nginx in made.made:
        nginx.stop()


@pytest.fixture
def nginx(farm: Farm) -> Nginx:
    return farm()
