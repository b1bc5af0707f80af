# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import shutil
import signal
import socket
import threading
import typing as t
from pathlib import Path

import pytest

from ansible_collections.failsafe.nginx.plugins.module_utils._nginx.instance import NginxError
from ansible_collections.failsafe.nginx.plugins.module_utils._nginx.reload import reload_and_prove, snapshot

pytestmark = pytest.mark.nginx


def reload(nginx: t.Any, text: str, timeout: float = 10.0, **options: t.Any) -> t.Any:
    """Writes a configuration and reloads: what the release engine does."""
    old = nginx.facts()
    nginx.write(text)
    new = nginx.facts()
    return reload_and_prove(nginx.instance, snapshot(nginx.instance, [old, new]), facts=new, timeout=timeout, **options)


def test_success(nginx: t.Any) -> None:
    old = nginx.start()
    proof = reload(nginx, nginx.config(workers="3"))
    assert proof.ok, proof
    assert proof.reason == ""
    assert proof.master_pid == old.pid
    assert len(proof.workers) == 3
    assert not set(proof.workers) & set(old.workers)
    assert 0.05 < proof.seconds < 5
    assert proof.limits == ()
    again = reload(nginx, nginx.config(workers="1"))
    assert again.ok
    assert len(again.workers) == 1


def test_workers_auto(nginx: t.Any) -> None:
    nginx.start()
    proof = reload(nginx, nginx.config(workers="auto"))
    assert proof.ok, proof
    assert len(proof.workers) == os.sysconf("SC_NPROCESSORS_ONLN")


def test_old_workers_that_finish_their_requests_are_counted(nginx: t.Any) -> None:
    nginx.write(nginx.config(workers="1", server=f"limit_rate 20; return 200 {'x' * 1000};"))
    nginx.start()
    with socket.create_connection(("127.0.0.1", nginx.port)) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.recv(10)
        proof = reload(nginx, nginx.config(workers="1"))
        assert proof.ok, proof
        assert proof.old_workers_left == 1


def test_syntax_error(nginx: t.Any) -> None:
    old = nginx.start()
    proof = reload(nginx, nginx.config(http="\nnonsense on;"))
    assert not proof.ok
    assert proof.reason.startswith('[emerg] unknown directive "nonsense" in ')
    number = nginx.config(http="\nnonsense on;").splitlines().index("nonsense on;") + 1
    assert proof.reason.endswith(f"{nginx.instance.conf}:{number}")
    assert proof.seconds < 2
    assert proof.old_workers_left == 2
    assert nginx.master().workers == old.workers


def test_syntax_error_after_the_error_log_moved(nginx: t.Any) -> None:
    nginx.start()
    assert 'unknown directive "nonsense"' in reload(nginx, nginx.config(log="log/new.log", http="nonsense;")).reason


def test_moved_error_log(nginx: t.Any) -> None:
    nginx.start()
    assert reload(nginx, nginx.config(log="log/new.log")).ok
    proof = reload(nginx, nginx.config(log="log/third.log", http="limit_req_zone $uri zone=a:1m rate=1r/s;"))
    assert proof.ok, proof
    # A changed zone is found after nginx opened the new log.
    proof = reload(nginx, nginx.config(log="log/fourth.log", http="limit_req_zone $args zone=a:1m rate=1r/s;"))
    assert not proof.ok
    assert 'limit_req "a" uses the "$args" key while previously it used the "$uri" key' in proof.reason
    assert "limit_req" in (nginx.prefix / "log/fourth.log").read_text()


def test_port_of_another_process(nginx: t.Any, farm: t.Any) -> None:
    nginx.start()
    port = farm("two").port
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        proof = reload(nginx, nginx.config(http=f"server {{ listen 127.0.0.1:{port}; }}"))
    assert not proof.ok
    assert f"bind() to 127.0.0.1:{port} failed (98: Address already in use)" in proof.reason
    assert "still could not bind()" in proof.reason
    assert 2 < proof.seconds < 9
    assert proof.old_workers_left == 2


def test_port_that_is_set_free_in_time(nginx: t.Any, farm: t.Any) -> None:
    nginx.start()
    port = farm("two").port
    other = socket.socket()
    other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    other.bind(("127.0.0.1", port))
    other.listen()

    def free() -> None:
        nginx.await_(lambda: nginx.log.exists() and "bind() to" in nginx.log.read_text())
        other.close()

    helper = threading.Thread(target=free)
    helper.start()
    proof = reload(nginx, nginx.config(http=f"server {{ listen 127.0.0.1:{port}; }}"))
    helper.join()
    assert proof.ok, proof
    assert any("bind() to" in line for line in proof.log_lines)


def test_address_that_is_not_there_is_final_at_once(nginx: t.Any) -> None:
    nginx.start()
    proof = reload(nginx, nginx.config(http="server { listen 192.0.2.77:21499; }"))
    assert not proof.ok
    assert "(99: Cannot assign requested address)" in proof.reason
    assert proof.seconds < 2


def test_no_workers_left(nginx: t.Any) -> None:
    nginx.start()
    proof = reload(nginx, nginx.config(events="worker_connections 2000000000;"))
    assert not proof.ok
    assert "failed (12: Cannot allocate memory)" in proof.reason or "cannot be respawned" in proof.reason
    assert proof.workers == ()
    assert proof.seconds < 5
    # Going back is a reload like any other.
    back = reload(nginx, nginx.config())
    assert back.ok, back


def test_an_upstream_that_no_longer_resolves(nginx: t.Any) -> None:
    nginx.start()
    proof = reload(nginx, nginx.config(server="location /x { proxy_pass http://gone.invalid; }"), timeout=30)
    assert not proof.ok
    assert proof.reason.startswith('[emerg] host not found in upstream "gone.invalid" in ')


def test_a_certificate_that_is_gone(nginx: t.Any) -> None:
    nginx.start()
    tls = f"server {{ listen 127.0.0.2:{nginx.port} ssl; ssl_certificate a.pem; ssl_certificate_key a.pem; }}"
    proof = reload(nginx, nginx.config(http=tls))
    assert not proof.ok
    assert 'cannot load certificate "' in proof.reason
    assert "No such file or directory" in proof.reason


def test_a_binary_that_was_upgraded_since(farm: t.Any, tmp_path: Path) -> None:
    binary = tmp_path / "nginx"
    shutil.copy("/usr/sbin/nginx", binary)
    nginx = farm(binary=str(binary))
    nginx.start()
    shutil.copy("/usr/sbin/nginx", tmp_path / "new")
    (tmp_path / "new").rename(binary)
    proof = reload(nginx, nginx.config(workers="1"))
    assert proof.ok, proof
    assert "was replaced since its master" in proof.limits[0]
    # A module of another build: the old master says so, and goes on with its old workers.
    (nginx.config_dir / "m.so").write_text("built for another nginx")
    refused = reload(nginx, f"load_module {nginx.config_dir}/m.so;\n" + nginx.config())
    assert not refused.ok
    assert refused.reason.startswith("[emerg] dlopen() ")
    assert refused.old_workers_left == 1


def test_master_killed(nginx: t.Any) -> None:
    master = nginx.start()
    before = snapshot(nginx.instance, [nginx.facts()])
    os.kill(master.pid, signal.SIGKILL)
    nginx.await_(lambda: not master.refresh())
    proof = reload_and_prove(nginx.instance, before, facts=nginx.facts())
    assert not proof.ok
    assert f"(pid {master.pid}) is gone" in proof.reason
    for worker in before.workers:
        os.kill(worker, signal.SIGTERM)


def test_master_killed_while_it_loads(nginx: t.Any, farm: t.Any) -> None:
    master = nginx.start()
    workers = set(master.workers)
    port = farm("two").port

    def kill() -> None:
        nginx.await_(lambda: nginx.log.exists() and "bind() to" in nginx.log.read_text())
        os.kill(master.pid, signal.SIGKILL)

    helper = threading.Thread(target=kill)
    helper.start()
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        proof = reload(nginx, nginx.config(http=f"server {{ listen 127.0.0.1:{port}; }}"))
    helper.join()
    assert not proof.ok
    assert "the nginx master is gone: [emerg] bind() to" in proof.reason
    for worker in workers:
        os.kill(worker, signal.SIGTERM)


def test_logs_that_cannot_be_followed_are_said(nginx: t.Any) -> None:
    nginx.write(nginx.config(log="stderr"))
    nginx.start()
    proof = reload(nginx, nginx.config(log="/dev/null", http="error_log syslog:server=127.0.0.1:21498;"))
    assert proof.ok, proof
    assert proof.limits == (
        "stderr cannot be followed",
        "syslog:server=127.0.0.1:21498 cannot be followed",
        "/dev/null is no regular file and cannot be followed",
    )
    # Then only the processes can tell, and that takes the whole time.
    proof = reload(nginx, nginx.config(log="/dev/null", http="nonsense;"), timeout=0.5)
    assert not proof.ok
    assert "still runs its old workers" in proof.reason


def test_log_rotated_in_between(nginx: t.Any) -> None:
    nginx.start()
    nginx.log.write_text("1970/01/01 00:00:00 [emerg] 1#1: something old\n" * 1000)
    old = nginx.facts()
    nginx.write("nonsense;")
    before = snapshot(nginx.instance, [old])
    nginx.log.rename(nginx.prefix / "log/error.log.1")
    nginx.log.write_text("")
    # The master still writes to the file that it has open.
    proof = reload_and_prove(nginx.instance, before, facts=old, timeout=30)
    assert 'unknown directive "nonsense"' in proof.reason


def test_log_truncated_in_between(nginx: t.Any) -> None:
    nginx.start()
    nginx.log.write_text("x" * 100000 + "\n")
    old = nginx.facts()
    nginx.write("nonsense;")
    before = snapshot(nginx.instance, [old])
    nginx.log.write_text("")
    proof = reload_and_prove(nginx.instance, before, facts=old, timeout=30)
    assert 'unknown directive "nonsense"' in proof.reason


def test_old_lines_do_not_count(nginx: t.Any) -> None:
    master = nginx.start()
    nginx.log.write_text(f"2026/01/01 00:00:00 [emerg] {master.pid}#{master.pid}: something old\n")
    assert reload(nginx, nginx.config()).ok


def test_two_instances(farm: t.Any) -> None:
    one, two = farm("one"), farm("two")
    one.start()
    second = two.start()
    assert reload(one, one.config()).ok
    workers = dict(second.workers)
    second.refresh()
    assert second.workers == workers


def test_nothing_runs(nginx: t.Any) -> None:
    with pytest.raises(NginxError, match=r"no nginx master runs .*nginx\.conf: start it"):
        snapshot(nginx.instance, [nginx.facts()])


def test_switching_to_a_single_process_is_refused(nginx: t.Any) -> None:
    nginx.start()
    with pytest.raises(NginxError, match="master_process off"):
        reload(nginx, nginx.config(main="master_process off;"))


def test_without_facts_one_worker_is_enough(nginx: t.Any) -> None:
    nginx.start()
    assert reload_and_prove(nginx.instance, snapshot(nginx.instance, []), facts=None).ok


def test_fewer_workers_than_asked_for(nginx: t.Any) -> None:
    nginx.start()
    facts = nginx.facts()
    before = snapshot(nginx.instance, [facts])
    proof = reload_and_prove(nginx.instance, before, facts=facts._replace(worker_processes=5), timeout=2)
    assert not proof.ok
    assert proof.reason == "after 2 s nginx has 2 of 5 workers"
