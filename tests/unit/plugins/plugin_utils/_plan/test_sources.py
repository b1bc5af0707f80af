# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The two sides of a comparison, whatever names them."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest

from ansible_collections.failsafe.nginx.plugins.module_utils._plan.folders import FolderEntry, FolderSpec
from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import ConfigError
from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.errors import PlanError
from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.sources import changed_files, rendered, source
from ansible_collections.failsafe.nginx.plugins.plugin_utils._render.candidate import Candidate, Rendered

WHERE = {"config_dir": "/etc/nginx", "main": "nginx.conf"}
MAIN = "events {}\nhttp { include conf.d/*.conf; }\n"
SITE = "server {\n    listen 80;\n}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    site = tmp_path / "site"
    (site / "conf.d").mkdir(parents=True)
    (site / "nginx.conf").write_text(MAIN)
    (site / "conf.d" / "a.conf").write_text(SITE)
    (site / "key.pem").write_bytes(b"\x00secret")
    (site / ".git").mkdir()
    (site / ".git" / "config").write_text("x")
    return site


def content(spec: FolderSpec, path: str) -> bytes:
    (entry,) = [entry for entry in spec.entries or () if entry.path == path]
    return base64.b64decode(entry.content or "")


@pytest.mark.parametrize(("name", "spec"), [
    ("live", FolderSpec("live")), ("r-0123456789ab", FolderSpec("release", id="r-0123456789ab")),
])  # fmt: skip
def test_what_lies_on_the_host_is_read_there(name: str, spec: FolderSpec) -> None:
    side = source(name, **WHERE, bases=["/nowhere"])
    assert (side.spec, side.config) == (spec, None)
    with pytest.raises(PlanError, match="was not read"):
        _unread = side.loaded


def test_a_folder_is_everything_in_it_but_what_is_excluded(folder: Path) -> None:
    side = source("site", **WHERE, bases=["/nowhere", str(folder.parent)])
    assert side.files == {"nginx.conf": MAIN.encode(), "conf.d/a.conf": SITE.encode()}
    assert content(side.spec, "key.pem") == b"\x00secret"
    assert {entry.path for entry in side.spec.entries or ()} == {"nginx.conf", "conf.d", "conf.d/a.conf", "key.pem"}
    assert side.loaded.problems == []


def test_links_are_sent_as_links_and_pipes_not_at_all(folder: Path) -> None:
    (folder / "link.conf").symlink_to("conf.d/a.conf")
    os.mkfifo(folder / "pipe")
    entries = {entry.path: entry for entry in source(str(folder), **WHERE, bases=["/"]).spec.entries or ()}
    assert (entries["link.conf"].kind, entries["link.conf"].content) == ("link", "conf.d/a.conf")
    assert "pipe" not in entries


def test_a_dump_shows_paths_below_the_folder_as_a_folder_does(folder: Path, tmp_path: Path) -> None:
    dump = (
        f"# configuration file /etc/nginx/nginx.conf:\n{MAIN}\n# configuration file /etc/nginx/conf.d/a.conf:\n{SITE}\n"
    )
    (tmp_path / "dump").write_text(dump)
    side = source("dump", **WHERE, bases=[str(tmp_path)])
    assert side.files == {"nginx.conf": MAIN.encode(), "conf.d/a.conf": SITE.encode()}
    servers = [(each.file, each.line) for each in side.loaded.walk() if each.name == "listen"]
    assert servers == [("conf.d/a.conf", 2)]
    whole = source(str(folder), **WHERE, bases=["/"])
    assert [str(each.place) for each in whole.loaded.walk()] == [str(each.place) for each in side.loaded.walk()]


def test_a_dump_of_another_folder_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "dump").write_text(f"# configuration file /opt/nginx/nginx.conf:\n{MAIN}\n")
    with pytest.raises(PlanError, match="config_dir and main"):
        source("dump", **WHERE, bases=[str(tmp_path)])


def test_a_single_file_is_a_main_file(tmp_path: Path) -> None:
    (tmp_path / "my.conf").write_text("events {}\n")
    assert source("my.conf", **WHERE, bases=[str(tmp_path)]).files == {"nginx.conf": b"events {}\n"}


@pytest.mark.parametrize("name", ["gone", "r-0123", "../gone", "LIVE", ""])
def test_what_is_nothing_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises((PlanError, ConfigError)):
        source(name, **WHERE, bases=[str(tmp_path / "nowhere")])


def test_a_rendered_source_lies_over_what_is_not_managed_and_keeps_its_secrets() -> None:
    candidate = Candidate(
        (Rendered("a.conf", "file", b"x;"), Rendered("l", "link", target="a.conf")), secrets=("s3cret",)
    )
    side = rendered("src", candidate)
    assert side.spec.over == "owned"
    assert side.spec.entries == [
        FolderEntry("a.conf", "file", None, base64.b64encode(b"x;").decode()),
        FolderEntry("l", "link", None, "a.conf"),
    ]
    assert side.secrets == ("s3cret",)


def test_what_a_folder_includes_from_elsewhere_is_the_hosts(folder: Path) -> None:
    # As Debian's: modules by links out of the folder, and a file that certbot keeps.
    (folder / "modules-enabled").mkdir()
    (folder / "modules-enabled" / "50-mod.conf").symlink_to("/usr/share/nginx/modules-available/mod.conf")
    (folder / "nginx.conf").write_text(f"include modules-enabled/*.conf;\n{MAIN}")
    (folder / "conf.d" / "a.conf").write_text("server {\n    include /etc/letsencrypt/options-ssl-nginx.conf;\n}\n")
    side = source(str(folder), **WHERE, bases=["/"])
    assert side.loaded.problems == []
    assert list(side.outside) == [
        'nginx.conf:1: "modules-enabled/50-mod.conf" cannot be read: it is a link to "/usr/share/nginx/modules-available/mod.conf", which leaves the folder',
        'conf.d/a.conf:2: "/etc/letsencrypt/options-ssl-nginx.conf" is included, but it lies outside what was given',
    ]
    link = FolderEntry("modules-enabled/50-mod.conf", "link", None, "/usr/share/nginx/modules-available/mod.conf")
    assert link in (side.spec.entries or ())
    assert "let the task run on a host that has these files" in side.advice("/etc/nginx")


def test_what_a_folder_itself_lacks_is_no_file_of_the_host(folder: Path) -> None:
    (folder / "nginx.conf").write_text(f"include lost.conf;\ninclude /usr/share/x.conf;\n{MAIN}")
    side = source(str(folder), **WHERE, bases=["/"])
    assert (side.outside, len(side.loaded.problems)) == ((), 2)


def test_a_single_file_lacks_all_that_it_includes(tmp_path: Path) -> None:
    (tmp_path / "alone.conf").write_text("events {}\nhttp { include mime.types; include /opt/*.conf; }\n")
    side = source("alone.conf", **WHERE, bases=[str(tmp_path)])
    assert side.loaded.problems == []
    assert len(side.outside) == 2
    assert source("alone.conf", **WHERE, bases=[str(tmp_path)]).with_dump(
        b"# configuration file /etc/nginx/nginx.conf:\nevents {}\n", "/etc/nginx").outside == ()  # fmt: skip


def test_a_file_that_nginx_does_not_print_is_compared_where_both_sides_are_here(folder: Path) -> None:
    old = source("site", **WHERE, bases=[str(folder.parent)])
    assert changed_files(old, source("site", **WHERE, bases=[str(folder.parent)])) == []
    (folder / "key.pem").write_bytes(b"\x00another")
    assert changed_files(old, source("site", **WHERE, bases=[str(folder.parent)])) == ["key.pem"]


def test_it_may_differ_where_only_the_host_has_the_other_one(folder: Path) -> None:
    """A certificate that was replaced under its name is no change of the configuration."""
    new = source("site", **WHERE, bases=[str(folder.parent)])
    dump = "".join(f"# configuration file /etc/nginx/{path}:\n{data.decode()}\n" for path, data in new.files.items())
    live = source("live", **WHERE, bases=[]).with_dump(dump.encode(), "/etc/nginx")
    assert changed_files(live, new) == ["key.pem"]


def test_staging_tells_what_differs_where_the_host_has_both() -> None:
    live, release = (source(name, **WHERE, bases=[]) for name in ("live", "r-0123456789ab"))
    assert changed_files(live, release, ["tls/b.pem", "a.pem"]) == ["a.pem", "tls/b.pem"]
    assert changed_files(live, release, []) == []


def test_it_is_not_known_what_differs_where_the_host_has_both_and_nothing_was_staged() -> None:
    live, release = (source(name, **WHERE, bases=[]) for name in ("live", "r-0123456789ab"))
    assert changed_files(live, release) is None
    assert changed_files(live, source("live", **WHERE, bases=[])) == []
