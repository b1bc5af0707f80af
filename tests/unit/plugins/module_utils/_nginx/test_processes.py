# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import signal
import subprocess
import typing as t
from pathlib import Path

import pytest

from ansible_collections.failsafe.nginx.plugins.module_utils._nginx.instance import Instance, NginxError, environment
from ansible_collections.failsafe.nginx.plugins.module_utils._nginx.processes import (
    Options,
    _same_root,
    find_master,
    open_logs,
    parse_options,
)
from ansible_collections.failsafe.nginx.plugins.module_utils._nginx.service import Service, start, stop


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        (" /usr/sbin/nginx", Options()),
        (" nginx -c /etc/n.conf", Options(conf="/etc/n.conf")),
        (" nginx -c/etc/n.conf -p/p", Options(conf="/etc/n.conf", prefix="/p")),
        (" nginx -g daemon on; master_process on;", Options(globals_="daemon on; master_process on;")),
        (" nginx -g daemon off; -c /a b/n.conf -e stderr", Options("/a b/n.conf", None, "daemon off;")),
        (" nginx -q -c x", Options(conf="x")),
        (" nginx -c", Options()),
        ("", Options()),
    ],
)
def test_options_out_of_a_title(title: str, expected: Options) -> None:
    assert parse_options(title) == expected


@pytest.mark.nginx
def test_nothing_runs(nginx: t.Any) -> None:
    assert find_master(nginx.instance) is None


@pytest.mark.nginx
def test_two_instances_side_by_side(farm: t.Any) -> None:
    one, two = farm("one"), farm("two")
    first, second = one.start(), two.start()
    assert first.pid != second.pid
    assert find_master(one.instance).pid == first.pid
    assert find_master(two.instance).pid == second.pid
    assert not first.workers.keys() & second.workers.keys()
    assert len(first.workers) == 2
    assert find_master(Instance(str(farm("three").config_dir))) is None
    os.kill(first.pid, signal.SIGQUIT)
    one.await_(lambda: not first.refresh())
    assert first.workers == {}
    assert find_master(one.instance) is None
    assert second.refresh()


@pytest.mark.nginx
def test_what_a_master_was_started_with(farm: t.Any) -> None:
    nginx = farm("a b", globals_="worker_rlimit_nofile 500;")
    master = nginx.start()
    assert master.options.conf == nginx.instance.conf
    assert master.options.prefix == str(nginx.prefix) + "/"
    assert master.options.globals_ == "worker_rlimit_nofile 500;"
    assert not master.exe_deleted
    as_run = master.instance(Instance(str(nginx.config_dir)))
    assert as_run.argv() == nginx.instance.argv()[:1] + as_run.argv()[1:]
    assert as_run.globals_ == nginx.instance.globals_
    assert str(nginx.log) in open_logs(master)


@pytest.mark.nginx
def test_a_configuration_file_named_relative_to_the_prefix(nginx: t.Any) -> None:
    subprocess.run(
        [nginx.instance.binary, "-p", nginx.prefix, "-c", "etc/nginx.conf"], env=environment(), check=True, timeout=120
    )
    nginx.await_(lambda: find_master(nginx.instance))
    assert nginx.master().options.conf == "etc/nginx.conf"


@pytest.mark.nginx
def test_a_title_cut_short_for_want_of_environment(nginx: t.Any) -> None:
    # argv and environment together bound the title; with no environment the configuration's name is cut off.
    binary = nginx.instance.binary
    subprocess.run(
        [binary, "-p", nginx.prefix, "-c", nginx.instance.conf], executable=binary, env={}, check=True, timeout=120
    )
    nginx.await_((nginx.prefix / "run/nginx.pid").exists)
    pid = int((nginx.prefix / "run/nginx.pid").read_text())
    title = Path(f"/proc/{pid}/cmdline")
    try:
        nginx.await_(lambda: title.read_text().startswith("nginx: master"))
        assert nginx.instance.conf not in title.read_text()
        nginx.await_(lambda: find_master(nginx.instance))
        assert nginx.master().pid == pid
    finally:
        os.kill(pid, signal.SIGTERM)
        nginx.await_(lambda: find_master(nginx.instance) is None)


@pytest.mark.nginx
def test_a_single_process_is_refused(nginx: t.Any) -> None:
    nginx.write(nginx.config(main="master_process off;"))
    with pytest.raises(NginxError, match="master_process off"):
        start(nginx.instance, Service("none"), facts=nginx.facts())
    subprocess.run(nginx.instance.argv(), env=environment(), check=True, timeout=120)
    nginx.await_((nginx.prefix / "run/nginx.pid").exists)
    with pytest.raises(NginxError, match="without a master process"):
        find_master(nginx.instance)
    os.kill(int((nginx.prefix / "run/nginx.pid").read_text()), signal.SIGKILL)
    nginx.await_(lambda: find_master(nginx.instance) is None)


@pytest.mark.nginx
def test_a_binary_upgrade_is_refused(nginx: t.Any) -> None:
    master = nginx.start()
    os.kill(master.pid, signal.SIGUSR2)
    pid_file = nginx.prefix / "run/nginx.pid"

    def upgraded() -> int:
        # nginx moves the file away and writes it anew: for a moment it is not there.
        try:
            pid = int(pid_file.read_text())
        except (FileNotFoundError, ValueError):
            return 0
        return 0 if pid == master.pid else pid

    nginx.await_(upgraded)
    new = upgraded()

    nginx.await_(lambda: Path(f"/proc/{new}/task/{new}/children").read_text())
    with pytest.raises(NginxError, match="several nginx masters"):
        find_master(nginx.instance)
    os.kill(master.pid, signal.SIGQUIT)
    nginx.await_(lambda: not master.refresh())
    assert nginx.master().pid == new


@pytest.mark.nginx
@pytest.mark.parametrize("content", [b"", b"not a number", b"99999999", b"1\n", b"\xff\xfe"])
def test_a_useless_pid_file(nginx: t.Any, content: bytes) -> None:
    (nginx.prefix / "run/nginx.pid").write_bytes(content)
    assert find_master(nginx.instance) is None


@pytest.mark.nginx
def test_another_root_is_not_ours(nginx: t.Any) -> None:
    # A container's nginx has the same title and another root: here a chroot over a bind of the root's top folders.
    root = nginx.prefix / "root"
    root.mkdir()
    script = (
        f"mount --make-rprivate / && mount -t tmpfs none {root} && cd {root} && for d in usr lib lib64 etc dev proc tmp var;"
        f" do if [ -L /$d ]; then cp -a /$d .; else mkdir $d && mount --rbind /$d $d; fi; done;"
        f' exec chroot . "$@"'
    )
    argv = ["unshare", "-m", "sh", "-c", script, "sh", *nginx.instance.argv("-g", "daemon off;")]
    process = subprocess.Popen(argv, env=environment(), stderr=subprocess.PIPE)
    try:
        nginx.await_(
            lambda: Path(f"/proc/{process.pid}/cmdline").read_bytes().startswith(b"nginx: master") or process.poll()
        )
        assert process.poll() is None, process.stderr.read()
        assert find_master(nginx.instance) is None
    finally:
        process.terminate()
        process.communicate(timeout=10)


@pytest.mark.root
@pytest.mark.parametrize(("unshare", "ours"), [([], True), (["unshare", "--pid", "--fork", "--kill-child"], False)])
def test_a_containers_process_is_not_of_this_machine_for_an_ordinary_user_either(
    unshare: list[str], *, ours: bool
) -> None:
    # Whose root another user's process has cannot be read: its namespace has to tell.
    process = subprocess.Popen([*unshare, "sh", "-c", "echo; exec sleep 600"], stdout=subprocess.PIPE)
    try:
        process.stdout.readline()
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        child = os.fork()
        if not child:
            status = 2
            try:
                os.setuid(65534)
                status = int(_same_root(int(children[0]) if unshare else process.pid))
            finally:
                os._exit(status)
        _pid, status = os.waitpid(child, 0)
    finally:
        process.kill()
        process.communicate()
    assert os.waitstatus_to_exitcode(status) == ours


@pytest.mark.nginx
def test_start_and_stop(nginx: t.Any) -> None:
    facts = nginx.facts()
    proof = start(nginx.instance, Service("none"), facts=facts)
    assert proof.ok
    assert len(proof.workers) == 2
    again = start(nginx.instance, Service("none"), facts=facts)
    assert (again.ok, again.master_pid) == (True, proof.master_pid)
    gone = stop(nginx.instance, Service("none"), facts=facts)
    assert gone.ok, gone
    assert find_master(nginx.instance) is None
    assert stop(nginx.instance, Service("none"), facts=facts).ok


@pytest.mark.nginx
def test_a_start_that_fails_has_the_words_of_nginx(nginx: t.Any) -> None:
    nginx.write("events {}\nhttp { nonsense; }")
    proof = start(nginx.instance, Service("none"))
    assert not proof.ok
    assert 'unknown directive "nonsense"' in proof.reason
    assert proof.master_pid is None


@pytest.mark.nginx
def test_start_in_the_foreground(nginx: t.Any) -> None:
    nginx.write(nginx.config(main="daemon off;"))
    proof = start(nginx.instance, Service("none"), facts=nginx.facts())
    assert proof.ok, proof
    assert stop(nginx.instance, Service("none"), facts=nginx.facts()).ok


def test_managers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NginxError, match="no service manager 'openrc'"):
        Service("openrc")
    calls = tmp_path / "calls"
    for name, text in {
        "systemctl": f'echo "systemctl $*" >> {calls}; [ "$1" = status ] && echo "nginx.service failed"; [ "$1" = stop ]',
        "journalctl": "echo 'nginx: [emerg] host not found in upstream \"x\" in /etc/nginx/a.conf:3'; echo other",
    }.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    instance = Instance(str(tmp_path / "none"), binary="/bin/true")
    service = Service("systemd", "web")
    assert "host not found in upstream" in service.start(instance, 5)
    assert not service.stop(instance, None, 5)
    assert calls.read_text().splitlines()[0] == "systemctl start web"
    assert "systemctl stop web" in calls.read_text()
    with pytest.raises(NginxError, match=r"/etc/init\.d/no-such cannot be run"):
        Service("sysvinit", "no-such").start(instance, 5)
