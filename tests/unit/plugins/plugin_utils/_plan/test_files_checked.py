# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files of a route check, in real private worlds: each server is a kind of change of its own."""

from __future__ import annotations

import base64
import os
import pwd
import typing as t
from collections import defaultdict

import pytest

from ansible_collections.failsafe.nginx.plugins.module_utils._common.json_fields import encode
from ansible_collections.failsafe.nginx.plugins.module_utils._common.packing import pack, unpack
from ansible_collections.failsafe.nginx.plugins.module_utils._plan import host
from ansible_collections.failsafe.nginx.plugins.module_utils._plan.folders import FolderEntry, FolderSpec
from ansible_collections.failsafe.nginx.plugins.module_utils._plan.jobs import RouteCheckJob
from ansible_collections.failsafe.nginx.plugins.module_utils._plan.route_check import run
from ansible_collections.failsafe.nginx.plugins.plugin_utils._comparison import RouteCheckReport
from ansible_collections.failsafe.nginx.plugins.plugin_utils._config import load_files
from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.route_check import RouteCheck, read_answer
from ansible_collections.failsafe.nginx.plugins.plugin_utils._plan.sources import ConfigSource
from ansible_collections.failsafe.nginx.plugins.plugin_utils._reports.route_check.console import console_text

if t.TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.nginx, pytest.mark.root]
TYPES: t.Final = "types { text/css css; text/html html; application/javascript js; image/svg+xml svg; }"


def side(http: str, main: str) -> ConfigSource:
    files = {"nginx.conf": f"{main}\nevents {{ worker_connections 64; }}\nhttp {{\n{http}\n}}\n".encode()}
    entries = [FolderEntry(path, "file", None, base64.b64encode(data).decode()) for path, data in files.items()]
    return ConfigSource("x", FolderSpec("files", entries=entries), load_files(files, config_dir="/etc/nginx"), files)


def check(before: str, after: str, *, main: tuple[str, str] = ("", ""), fs: str | None = None) -> RouteCheckReport:
    one = RouteCheck(side(before, main[0]), side(after, main[1]))
    job = host.unpack_job(RouteCheckJob, pack(encode(one.job())))
    options = host.HostOptions("/etc/nginx", store="/nowhere", timeout=120.0, fs=fs)
    return one.judge(read_answer(unpack(host.pack_answer(run(options, job)))))


def named(kinds: t.Mapping[str, tuple[str, str, t.Any]], which: int) -> str:
    return TYPES + "".join(
        f"server {{ listen 80; server_name s{number}.example.com; {kind[which]} }}\n"
        for number, kind in enumerate(kinds.values())
    )


def classes_by_kind(report: RouteCheckReport, kinds: t.Iterable[str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    names = {f"s{number}.example.com": kind for number, kind in enumerate(kinds)}
    for change in report.changes:
        for server in change.servers:
            found[names[server]].add(change.name)
    return {kind: found[kind] for kind in names.values()}


SPA: t.Final = "root /srv/spa/dist; location / { try_files $uri $uri/ /index.html; }"
PHP: t.Final = (
    r"root /srv/php; index index.php; location / { try_files $uri $uri/ /index.php?$args; }"
    r" location ~ \.php$ { try_files $uri =404; fastcgi_pass unix:/run/blue.sock;"
    r" fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name; }"
)

# What the server holds before and after, and the classes of what its requests get.
KINDS: t.Final[dict[str, tuple[str, str, set[str]]]] = {
    "nothing": (SPA, SPA + " ", set()),
    "a fallback that does not exist": (SPA, SPA.replace("/index.html", "/index.htm"), {"error-introduced"}),
    "a fallback of another folder": (SPA, SPA.replace("/index.html", "/v2/index.html"), {"file-changed"}),
    "no fallback": (SPA, SPA.replace("$uri/ /index.html", "=404"), {"lost", "status-changed"}),
    "a fallback in place of a refusal": (
        SPA.replace("/index.html", "=404"),
        SPA,
        {"status-changed"},
    ),
    "a location of its own for assets is gone": (
        SPA + " location /assets/ { expires 1y; }",
        SPA,
        {"headers-changed", "new"},
    ),
    "not found is not logged": (
        "root /srv/quiet; location /static/ { }",
        "root /srv/quiet; location /static/ { log_not_found off; }",
        set(),
    ),
    "less is logged": ("root /srv/crit; location /a/ { }", "root /srv/crit; error_log /var/log/x.log crit; location /a/ { }", set()),
    "another socket of the application": (PHP, PHP.replace("blue", "green"), {"upstream-changed"}),
    "the front page of the application is gone": (PHP, PHP.replace("index index.php", "index index.html"), {"lost"}),
    "a parameter of the application": (PHP, PHP.replace("fastcgi_param", "fastcgi_param B c; fastcgi_param"), {"upstream-headers-changed"}),
    "another root": ("root /srv/one;", "root /srv/two;", {"file-changed"}),
    "a root above": ("root /srv/deep/www;", "root /srv/deep;", {"file-changed", "outage", "status-changed"}),
    "an alias without its slash": (
        "location /f/ { alias /srv/files/; }",
        "location /f/ { alias /srv/files; }",
        {"file-changed", "lost"},
    ),
    "a new location with its own page": (SPA, SPA + " location /admin/ { try_files $uri /admin.html; }", {"file-changed", "served-by"}),
    "misses are remembered": (
        "root /srv/known; open_file_cache max=100; open_file_cache_errors on; expires 1h;",
        "root /srv/known; open_file_cache max=100; open_file_cache_errors on; expires 2h;",
        {"headers-changed"},
    ),
    "an error page": (
        "root /srv/page; error_page 404 /404.html; add_header X-A 1 always;",
        "root /srv/page; error_page 404 /404.html; add_header X-A 2 always;",
        {"headers-changed"},
    ),
    "compressed copies are sent": ("root /srv/copies; location / { }", "root /srv/copies; gzip_static on; location / { }", {"headers-changed"}),
    "compressed copies are sent no more": ("root /srv/plain; gzip_static on;", "root /srv/plain;", {"headers-changed"}),
    "copies in place of what is compressed on the way": ("root /srv/both; gzip on;", "root /srv/both; gzip on; gzip_static on;", set()),
    "a style sheet is text": ("root /srv/css; location / { }", "root /srv/css; location / { types { text/plain css; } }", {"content-type-changed"}),
}  # fmt: skip


def test_each_kind_of_change_of_files_is_what_clients_see() -> None:
    report = check(named(KINDS, 0), named(KINDS, 1))
    assert classes_by_kind(report, KINDS) == {kind: expected for kind, (_before, _after, expected) in KINDS.items()}


PHP_ROOT: t.Final = "root /srv/mark; " + PHP.partition(";")[2]
#: What the server holds before and after, and the note of each group about files.
MOVED: t.Final[dict[str, tuple[str, str, list[str]]]] = {
    "a root": ("root /srv/x;", "root /srv/xx;", ["/srv/xx instead of /srv/x"]),
    "a root, not found is not logged": (
        "log_not_found off; root /srv/x;",
        "log_not_found off; root /srv/xx;",
        ["/srv/xx instead of /srv/x"],
    ),
    "a root behind try_files": (
        "root /srv/x; location / { try_files $uri =404; }",
        "root /srv/xx; location / { try_files $uri =404; }",
        ["/srv/xx instead of /srv/x"],
    ),
    "a root of a fallback": (SPA, SPA.replace("/srv/spa/dist", "/srv/spa/dits"), ["/srv/spa/dits instead of /srv/spa/dist"]),
    "a root of an application": (PHP_ROOT, PHP_ROOT.replace("mark", "mrak"), ["/srv/mrak instead of /srv/mark"]),
    "an alias": ("location /s/ { alias /srv/x/; }", "location /s/ { alias /srv/xx/; }", ["/srv/xx/ instead of /srv/x/"]),
    "a root of a location that is added": (
        "root /srv/x; location /s/ { }",
        "root /srv/x; location /s/ { root /srv/y; }",
        ["/srv/y instead of /srv/x"],
    ),
    "a root of a location that is removed": (
        "root /srv/x; location /s/ { root /srv/y; }",
        "root /srv/x; location /s/ { }",
        ["/srv/x instead of /srv/y"],
    ),
    "a root of a name": ("root /srv/$host;", "root /srv/www/$host;", ["/srv/www/$host instead of /srv/$host"]),
    "two roots": (
        "root /srv/x; location /s/ { root /srv/y; }",
        "root /srv/xx; location /s/ { root /srv/yy; }",
        ["/srv/xx instead of /srv/x", "/srv/yy instead of /srv/y"],
    ),
    "another fallback in the same folder": (SPA, SPA.replace("/index.html", "/v2/index.html"), []),
    "a text in place of a file": ("root /srv/x;", "root /srv/x; location /x { return 200 text; }", []),
    "an application in place of files": ("root /srv/x;", "root /srv/x; location / { proxy_pass http://10.0.0.9:80; }", []),
}  # fmt: skip


def test_files_of_another_folder_are_told_as_such() -> None:
    report = check(named(MOVED, 0), named(MOVED, 1))
    found: dict[str, set[str]] = {kind: set() for kind in MOVED}
    for change in report.changes:
        for server in change.servers:
            notes = {note.removeprefix("files now come from ") for note in change.notes if note.startswith("files now")}
            found[list(MOVED)[int(server[1:].partition(".")[0])]] |= notes
    assert found == {kind: set(expected) for kind, (_before, _after, expected) in MOVED.items()}
    lines = console_text(report, report.gate()).lines
    assert any(line.endswith("   files now come from /srv/xx/ instead of /srv/x/") for line in lines), lines


def test_files_that_were_made_up_are_told() -> None:
    report = check(named(KINDS, 0), named(KINDS, 1))
    (told,) = (each.reason for each in report.unverified if "made up" in each.reason)
    assert "/srv/" in told
    (group,) = (change for change in report.changes if change.name == "content-type-changed")
    before, after = group.example.before[1], group.example.after[1]
    assert (before, after) == ("Content-Type: application/javascript", "Content-Type: text/plain")


@pytest.fixture
def pages(tmp_path: Path) -> t.Iterator[Path]:
    """Return a folder that one account can read; every account can enter the folders above."""
    folder = tmp_path / "pages"
    folder.mkdir()
    (folder / "index.html").write_text("the page of this host\n")
    owner = pwd.getpwnam("www-data")
    for path in (folder, folder / "index.html"):
        os.chown(path, owner.pw_uid, owner.pw_gid)
        path.chmod(0o550 if path.is_dir() else 0o440)
    parents = [each for each in folder.parents if str(each).startswith("/tmp/")]
    modes = [each.stat().st_mode for each in parents]
    for each in parents:
        each.chmod(0o755)
    yield folder
    for each, mode in zip(parents, modes, strict=True):
        each.chmod(mode)


def test_files_of_a_host_are_what_its_workers_can_read(pages: Path) -> None:
    http = f"server {{ listen 80; server_name www.example.com; root {pages}; }}"
    report = check(http, http, main=("user www-data;", "user nobody nogroup;"), fs="host")
    assert [change.name for change in report.changes if change.requests] != []
    before, after = report.changes[0].example.before[0], report.changes[0].example.after[0]
    assert before.startswith("200 22 bytes")
    assert after.startswith("403 ")
    assert "Permission denied" in after


def test_what_a_host_has_is_not_made_up_and_what_it_lacks_is_lost(pages: Path) -> None:
    http = f"server {{ listen 80; server_name www.example.com; root {pages}; location / {{ try_files $uri /index.html; }} }}"
    report = check(http, http.replace(str(pages), f"{pages}-2"), main=("user www-data;",) * 2, fs="host")
    assert "error-introduced" in {change.name for change in report.changes}


#: A folder of downloads: no request of the check meets one of its files.
DOWNLOADS: t.Final = ("a/one.zip", "a/two.zip", "b/c/three.zip")
#: What the new folder has, None where it does not exist, and what of the change stops.
NEW_FOLDERS: dict[str, tuple[list[str] | None, set[str]]] = {
    "it does not exist": (None, {"lost"}),
    "it is empty": ([], {"lost"}),
    "it has other files": (["other.zip"], {"lost"}),
    "it has the same files elsewhere": (["one.zip", "two.zip"], {"lost"}),
    "it has them all": (list(DOWNLOADS), set()),
    "it has some of them": (["a/two.zip"], set()),
    "it has more": ([*DOWNLOADS, "d/four.zip"], set()),
}
FOLDERS: t.Final = {
    "root": "root {}; location / {{ try_files $uri =404; }}",
    "root of a location": "location /get/ {{ root {}; try_files $uri =404; }}",
    "alias": "location /get/ {{ alias {}/; try_files $uri =404; }}",
}


@pytest.mark.parametrize("text", FOLDERS.values(), ids=FOLDERS)
@pytest.mark.parametrize("case", NEW_FOLDERS)
def test_a_folder_of_the_host_without_any_file_of_the_old_one_stops(case: str, text: str, pages: Path) -> None:
    names, stops = NEW_FOLDERS[case]
    old, new = pages.parent / "old", pages.parent / "new"
    for folder, inner in ((old, DOWNLOADS), (new, names)):
        for name in inner or ():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(name)
    if names == []:
        new.mkdir()
    http = f"server {{{{ listen 80; server_name www.example.com; {text} }}}}"
    report = check(http.format(old), http.format(new), fs="host")
    assert {each.name for each in report.gate()} == stops
    notes = {note for change in report.changes for note in change.notes if note.startswith("files now")}
    assert notes
    ends = {"does not exist"} if names is None else {"has none of them"} if stops else {str(old), f"{old}/"}
    assert all(note.endswith(tuple(ends)) for note in notes), notes


def test_a_fix_of_a_configuration_that_nginx_refuses_is_checked_by_itself() -> None:
    http = "server { listen 80; server_name www.example.com; location / { return 200 fine; } }"
    report = check(http + " bogus_directive on;", http)
    assert report.gate() == []
    assert any("nothing to compare with: nginx does not load" in each.reason for each in report.unverified)
    broken = http.replace("return 200 fine;", "rewrite ^ /x last;")
    assert {change.name for change in check(http + " bogus_directive on;", broken).changes} == {"error-introduced"}
