# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
import typing as t
from pathlib import Path

import pytest

from ansible_collections.failsafe.nginx.plugins.module_utils._nginx.instance import Instance, NginxError
from ansible_collections.failsafe.nginx.plugins.module_utils._nginx.validate import validate

pytestmark = [pytest.mark.nginx, pytest.mark.root]
METHODS = ["namespace", "copy"]


@pytest.fixture
def tree(nginx: t.Any, tmp_path: Path) -> Path:
    """A staged tree: a copy of the live one, elsewhere."""
    path = tmp_path / "store/releases/r-0123456789ab/tree"
    shutil.copytree(nginx.config_dir, path)
    return path


def seen(folder: Path) -> dict[str, t.Any]:
    """All that a test could have changed: names, kinds, owners, modes, times, content."""
    found: dict[str, t.Any] = {}
    for path in [folder, *sorted(folder.rglob("*"))]:
        status = path.lstat()
        data = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        found[str(path)] = (status.st_ino, status.st_mode, status.st_uid, status.st_gid, status.st_mtime_ns, data)
    return found


@pytest.mark.parametrize("method", METHODS)
def test_valid(nginx: t.Any, tree: Path, method: str) -> None:
    result = validate(nginx.instance, str(tree), methods=[method])
    assert result.ok, result
    assert (result.method, result.message, result.file, result.line, result.dump) == (method, "", None, None, None)
    assert bool(result.limits) == (method == "copy")


@pytest.mark.parametrize("method", METHODS)
def test_syntax_error(nginx: t.Any, tree: Path, method: str) -> None:
    (tree / "nginx.conf").write_text("events {}\nhttp {\n  nonsense on;\n}\n")
    result = validate(nginx.instance, str(tree), methods=[method], dump=True)
    assert not result.ok
    assert result.message == f'unknown directive "nonsense" in {nginx.instance.conf}:3'
    assert (result.file, result.line, result.dump) == (nginx.instance.conf, 3, None)


@pytest.mark.parametrize("method", METHODS)
def test_missing_include(nginx: t.Any, tree: Path, method: str) -> None:
    (tree / "nginx.conf").write_text("events {}\nhttp {\n include conf.d/none.conf;\n}\n")
    result = validate(nginx.instance, str(tree), methods=[method])
    assert not result.ok
    assert f'open() "{nginx.config_dir}/conf.d/none.conf" failed (2: No such file or directory)' in result.message
    assert result.line == 3


@pytest.mark.parametrize("method", METHODS)
def test_an_absolute_include_means_the_staged_file(nginx: t.Any, tree: Path, method: str) -> None:
    text = nginx.config(http=f"include {nginx.config_dir}/site.conf;")
    (tree / "nginx.conf").write_text(text)
    (tree / "site.conf").write_text("broken_here;")
    nginx.write("# fine", "site.conf")
    result = validate(nginx.instance, str(tree), methods=[method])
    assert not result.ok
    assert (result.file, result.line) == (f"{nginx.config_dir}/site.conf", 1)
    (tree / "site.conf").write_text("# fine")
    nginx.write("broken_live;", "site.conf")
    assert validate(nginx.instance, str(tree), methods=[method]).ok


@pytest.mark.parametrize("method", METHODS)
def test_links_with_an_absolute_target_mean_the_staged_file(nginx: t.Any, tree: Path, method: str) -> None:
    (tree / "nginx.conf").write_text(nginx.config(http="include enabled/*;"))
    for folder in ("enabled", "available"):
        (tree / folder).mkdir()
    (tree / "available/site").write_text("broken_here;")
    (tree / "enabled/site").symlink_to(nginx.config_dir / "available/site")
    result = validate(nginx.instance, str(tree), methods=[method])
    assert not result.ok
    assert result.file == f"{nginx.config_dir}/enabled/site"


@pytest.mark.parametrize("method", METHODS)
def test_dump_and_warnings(nginx: t.Any, tree: Path, method: str) -> None:
    twice = f"server {{ listen 127.0.0.1:{nginx.port}; server_name a; }}"
    (tree / "nginx.conf").write_text(nginx.config(http="include a.conf;"))
    (tree / "a.conf").write_text(twice * 2)
    result = validate(nginx.instance, str(tree), methods=[method], dump=True)
    assert result.ok
    files = re.findall(r"^# configuration file (.*):$", result.dump.decode(), re.MULTILINE)
    assert files == [nginx.instance.conf, f"{nginx.config_dir}/a.conf"]
    assert nginx.facts(result.dump.decode()).worker_processes == 2
    assert [warning for warning in result.warnings if 'conflicting server name "a"' in warning]
    assert b"failsafe-nginx-" not in result.dump


def test_nothing_on_the_host_changes(nginx: t.Any, tree: Path) -> None:
    (tree / "nginx.conf").write_text(
        nginx.config(
            log=f"{nginx.prefix}/log/new.log",
            http=f"proxy_cache_path {nginx.prefix}/cache keys_zone=a:1m; access_log {nginx.prefix}/log/access.log;"
            f"server {{ listen unix:{nginx.prefix}/run/new.sock; }}",
        ).replace("user root;", "user www-data;")
    )
    before = seen(nginx.prefix)
    result = validate(nginx.instance, str(tree), methods=["namespace"])
    assert result.ok, result
    assert seen(nginx.prefix) == before
    assert not (nginx.prefix / "run/nginx.pid").exists()
    # The same test as it is usually done does all of that.
    subprocess.run(
        [*nginx.instance.argv("-t", conf=str(tree / "nginx.conf"))], check=True, capture_output=True, timeout=120
    )
    names = set(seen(nginx.prefix))
    assert {f"{nginx.prefix}/{name}" for name in ("run/nginx.pid", "log/new.log", "cache", "temp/proxy")} <= names


def test_the_tree_itself_stays_as_it_is(farm: t.Any, tmp_path: Path) -> None:
    # The config folder is the prefix: logs and temporary folders would land in the staged tree.
    nginx = farm()
    instance = Instance(str(nginx.config_dir), prefix=str(nginx.config_dir))
    for name in ("run", "log", "temp"):
        (nginx.config_dir / name).mkdir()
    tree = tmp_path / "tree"
    shutil.copytree(nginx.config_dir, tree)
    before = seen(tree)
    assert validate(instance, str(tree), methods=["namespace"]).ok
    assert seen(tree) == before


def test_the_unix_socket_of_a_running_nginx_stays(nginx: t.Any, tmp_path: Path) -> None:
    path = f"{nginx.prefix}/run/live.sock"
    nginx.write(nginx.config(http=f"server {{ listen unix:{path}; return 200 live; }}"))
    nginx.start()
    pid = (nginx.prefix / "run/nginx.pid").read_text()
    tree = tmp_path / "tree"
    shutil.copytree(nginx.config_dir, tree)
    result = validate(nginx.instance, str(tree))
    assert (result.ok, result.method) == (True, "namespace")
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)
        client.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert b"live" in client.makefile("rb").read()
    assert (nginx.prefix / "run/nginx.pid").read_text() == pid


def test_a_huge_log_is_not_copied(nginx: t.Any, tmp_path: Path) -> None:
    nginx.start()
    # Sparse: an overlay would copy 3 GB before the first write to it.
    other = nginx.prefix / "log/other.log"
    for log in (nginx.log, other):
        log.touch()
        os.truncate(log, 3 << 30)
    tree = tmp_path / "tree"
    shutil.copytree(nginx.config_dir, tree)
    began = time.monotonic()
    assert validate(nginx.instance, str(tree)).ok
    assert time.monotonic() - began < 10
    # And one that only the candidate names: nginx hits the bound, then it is shown empty too.
    (tree / "nginx.conf").write_text(nginx.config(http="access_log log/other.log;"))
    result = validate(nginx.instance, str(tree))
    assert result.ok, result
    assert result.method == "namespace"
    assert {log.stat().st_size for log in (nginx.log, other)} == {3 << 30}


def test_with_the_prefix_and_globals_of_the_running_master(farm: t.Any, tmp_path: Path) -> None:
    nginx = farm(globals_="worker_priority 1;")
    nginx.start()
    tree = tmp_path / "tree"
    shutil.copytree(nginx.config_dir, tree)
    (tree / "nginx.conf").write_text(nginx.config(main="worker_priority 2;"))
    found = validate(Instance(str(nginx.config_dir)), str(tree))
    assert '"worker_priority" directive is duplicate' in found.message


def test_private_keys_stay_readable(nginx: t.Any, tree: Path) -> None:
    subprocess.run(
        ["/usr/bin/openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=a", "-days", "2",
         "-keyout", tree / "a.key", "-out", tree / "a.pem"], check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    (tree / "a.key").chmod(0o600)
    (tree / "nginx.conf").write_text(nginx.config(http="ssl_certificate a.pem; ssl_certificate_key a.key;"))
    assert validate(nginx.instance, str(tree)).ok
    (tree / "nginx.conf").write_text(
        nginx.config(http="server { listen 127.0.0.1:21497 ssl; ssl_certificate a.pem; ssl_certificate_key a.pem; }")
    )
    result = validate(nginx.instance, str(tree))
    assert not result.ok
    assert "cannot load certificate key" in result.message


@pytest.mark.parametrize("name", ["a b", "c:d,e", 'q"uote', "back\\slash", "new\nline", "ü", "$x", "#c;{"])
@pytest.mark.parametrize("method", METHODS)
def test_hostile_folder_names(farm: t.Any, tmp_path: Path, name: str, method: str) -> None:
    nginx = farm(name)
    tree = tmp_path / f"tree {name}"
    shutil.copytree(nginx.config_dir, tree)
    assert validate(nginx.instance, str(tree), methods=[method]).ok
    (tree / "nginx.conf").write_text("nonsense;")
    result = validate(nginx.instance, str(tree), methods=[method])
    assert not result.ok
    assert 'unknown directive "nonsense"' in result.message


@pytest.mark.parametrize("method", METHODS)
def test_hostile_file_names_and_content(nginx: t.Any, tree: Path, method: str) -> None:
    folder = os.fsencode(tree)
    Path(os.fsdecode(folder + b"/\xff\xfe.conf")).write_bytes(b"nonsense;")
    Path(os.fsdecode(folder + b"/binary.conf")).write_bytes(bytes(range(256)))
    (tree / "loop").symlink_to("loop")
    (tree / "dangling").symlink_to("/nowhere")
    os.mkfifo(tree / "fifo")
    (tree / "nginx.conf").write_text(nginx.config(http="include *.conf.not;"))
    assert validate(nginx.instance, str(tree), methods=[method]).ok
    (tree / "nginx.conf").write_text(nginx.config(http="include [!n]*.conf;"))
    assert not validate(nginx.instance, str(tree), methods=[method]).ok


def test_a_config_folder_that_does_not_exist_yet(nginx: t.Any, tree: Path) -> None:
    instance = Instance(str(nginx.prefix / "later/etc"), prefix=str(nginx.prefix))
    assert validate(instance, str(tree), methods=["namespace"]).ok
    assert not (nginx.prefix / "later").exists()


def test_a_config_folder_that_is_a_link(nginx: t.Any, tree: Path) -> None:
    (nginx.prefix / "link").symlink_to("etc")
    instance = Instance(str(nginx.prefix / "link"), prefix=str(nginx.prefix))
    (tree / "nginx.conf").write_text("nonsense;")
    assert validate(instance, str(tree), methods=["namespace"]).file == f"{nginx.prefix}/link/nginx.conf"


def test_no_tree(nginx: t.Any, tmp_path: Path) -> None:
    with pytest.raises(NginxError, match="no folder"):
        validate(nginx.instance, str(tmp_path / "none"))


def test_empty_tree(nginx: t.Any, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    result = validate(nginx.instance, str(tmp_path / "empty"))
    assert not result.ok
    assert f'open() "{nginx.instance.conf}" failed (2: No such file or directory)' in result.message


def test_a_test_that_hangs_is_ended(nginx: t.Any, tree: Path, tmp_path: Path) -> None:
    slow = tmp_path / "nginx"
    slow.write_text(f'#!/bin/sh\n[ "$1" = -V ] && exec {nginx.instance.binary} -V\nsleep 600 & wait\n')
    slow.chmod(0o755)
    instance = Instance(str(nginx.config_dir), binary=str(slow))
    for method in METHODS:
        began = time.monotonic()
        result = validate(instance, str(tree), methods=[method], timeout=0.3)
        assert time.monotonic() - began < 60
        assert not result.ok
        assert "did not finish its test within 0.3 s" in result.message


def test_the_copy_leaves_no_empty_pid_file(nginx: t.Any, tree: Path) -> None:
    assert validate(nginx.instance, str(tree), methods=["copy"]).ok
    assert not (nginx.prefix / "run/nginx.pid").exists()


SCRIPT = """
import json, os, sys
root, config_dir, prefix, tree, *methods = sys.argv[1:]
sys.path[:0] = [root + "/tests/unit"]
import conftest
from ansible_collections.failsafe.nginx.plugins.module_utils._nginx.instance import Instance
from ansible_collections.failsafe.nginx.plugins.module_utils._nginx.validate import validate
import ctypes
os.setgroups([]); os.setgid(65534); os.setuid(65534)  # after the imports: the checkout may lie where only root looks
ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # PR_SET_DUMPABLE: setuid made /proc/self root's; an exec would have reset it
result = validate(Instance(config_dir, prefix=prefix), tree, **({"methods": methods} if methods else {}))
print(json.dumps(result._replace(dump=None)._asdict()))
"""
ROOT = Path(__file__).resolve().parents[5]


def as_nobody(nginx: t.Any, tree: Path, *methods: str, around: tuple[str, ...] = ()) -> dict[str, t.Any]:
    """The validation by an ordinary user; with the system's Python, since a user's may lie where only root looks."""
    argv = [*around, "/usr/bin/python3", "-c", SCRIPT, ROOT, nginx.config_dir, nginx.prefix, tree, *methods]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode:
        return {"error": done.stderr}
    return json.loads(done.stdout)


@pytest.fixture
def reachable(farm: t.Any) -> t.Iterator[Path]:
    """A folder that an ordinary user can get to: pytest keeps its own to root."""
    folder = Path(tempfile.mkdtemp(prefix="failsafe-test-"))
    folder.chmod(0o711)
    farm.folder = folder
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def users_tree(reachable: Path, nginx: t.Any) -> Path:
    tree = reachable / "store/tree"
    shutil.copytree(nginx.config_dir, tree)
    for path in [reachable, *reachable.rglob("*")]:
        os.chown(path, 65534, 65534)
    return tree


def test_an_ordinary_user(users_tree: Path, nginx: t.Any) -> None:
    (users_tree / "key").write_text("# secret")
    (users_tree / "key").chmod(0o600)
    os.chown(users_tree / "key", 65534, 65534)
    (users_tree / "nginx.conf").write_text(nginx.config(main="include key;"))
    before = seen(nginx.prefix)
    result = as_nobody(nginx, users_tree)
    assert result["ok"], result
    assert result["method"] == "userns"
    assert len(result["limits"]) == 1
    assert "namespace: unshare of the mount namespace: Operation not permitted" in result["limits"][0]
    assert seen(nginx.prefix) == before
    (users_tree / "nginx.conf").write_text("nonsense;")
    assert as_nobody(nginx, users_tree)["file"] == nginx.instance.conf


def test_an_ordinary_user_is_refused_what_this_user_may_not_write(users_tree: Path, nginx: t.Any) -> None:
    (users_tree / "nginx.conf").write_text(nginx.config(log="/var/log/nobody-may.log"))
    result = as_nobody(nginx, users_tree)
    assert not result["ok"]
    assert 'open() "/var/log/nobody-may.log" failed' in result["message"]


def test_a_folder_below_one_of_root(users_tree: Path, nginx: t.Any) -> None:
    # As /var/log/nginx may belong to the user while /var/log is root's.
    (nginx.prefix / "var/log/user").mkdir(parents=True)
    os.chown(nginx.prefix / "var/log/user", 65534, 65534)
    (users_tree / "nginx.conf").write_text(
        nginx.config(log="var/log/user/error.log", http="access_log var/log/no.log;")
    )
    result = as_nobody(nginx, users_tree, "userns")
    assert f'"{nginx.prefix}/var/log/no.log" failed (13: Permission denied)' in result["message"]
    (users_tree / "nginx.conf").write_text(nginx.config(log="var/log/user/error.log"))
    result = as_nobody(nginx, users_tree, "userns")
    assert result["ok"], result
    assert not list((nginx.prefix / "var/log/user").iterdir())


def test_denied_namespaces_end_in_a_copy(users_tree: Path, nginx: t.Any, tmp_path: Path) -> None:
    # In a chroot the kernel refuses a user namespace (user_namespaces(7), EPERM).
    (tmp_path / "root").mkdir()
    script = f'mount --make-rprivate / && mount --rbind / {tmp_path}/root && exec chroot {tmp_path}/root "$@"'
    around = ("/usr/bin/unshare", "-m", "sh", "-c", script, "sh")
    result = as_nobody(nginx, users_tree, around=around)
    assert (result["ok"], result["method"]) == (True, "copy")
    assert result["limits"][1] == (
        "userns: unshare of the mount namespace in a user namespace: Operation not permitted (EPERM)"
    )
    assert "rewritten" in result["limits"][2]


def test_no_method_is_an_error(users_tree: Path, nginx: t.Any) -> None:
    assert "cannot be validated here: namespace: unshare" in as_nobody(nginx, users_tree, "namespace")["error"]
