# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Nothing gets out of a world, nothing of it stays."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import typing as t
from pathlib import Path

import pytest

from ansible_collections.failsafe.nginx.plugins.module_utils._common.json_fields import decode
from ansible_collections.failsafe.nginx.plugins.module_utils._nginx.instance import Instance
from ansible_collections.failsafe.nginx.plugins.module_utils._sandbox.world import World
from ansible_collections.failsafe.nginx.plugins.module_utils._wire.probes import Probe

pytestmark = [pytest.mark.root, pytest.mark.nginx]
ROOT = Path(__file__).resolve().parents[5]
SETUP = f"""
import sys; sys.path[:0] = [{str(ROOT / "tests/unit")!r}]; import conftest, json, os
from ansible_collections.failsafe.nginx.plugins.module_utils._nginx.instance import Instance
from ansible_collections.failsafe.nginx.plugins.module_utils._sandbox.world import World
from ansible_collections.failsafe.nginx.plugins.module_utils._common.json_fields import decode, encode
from ansible_collections.failsafe.nginx.plugins.module_utils._wire.probes import Probe
job = json.loads(sys.argv[1])
probes = [decode(Probe, each) for each in job["probes"]]
"""
RUN = (
    SETUP
    + "with World(Instance(**job['instance']), user=job['user']) as w:\n"
    + "    print(json.dumps([encode(each) for each in w.probe(probes)]))\n"
)
SEVERAL = SETUP + (
    "from ansible_collections.failsafe.nginx.plugins.module_utils._sandbox.worlds import WorldSettings, WorldSpec, run_worlds\n"
    "print(os.getpid(), flush=True)\n"
    "settings = WorldSettings(user=job['user'])\n"
    "run_worlds(Instance(**job['instance']), [WorldSpec('a'), WorldSpec('b')], probes * 200000, settings)\n"
)
HANG = SETUP + (
    "world = World(Instance(**job['instance']), user=job['user'])\n"
    "print(open(f'/proc/{world._child}/task/{world._child}/children').read().strip(), flush=True)\n"
    "world.probe(probes * 200000)\n"
)
WAYS = {"root": {}, "nobody": {"user": 65534, "group": 65534, "extra_groups": []}, "user namespace": {}}


@pytest.fixture(params=WAYS)
def how(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def folder() -> t.Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="failsafe-isolation-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def python(how: str) -> str:
    return "/usr/bin/python3" if how == "nobody" else sys.executable


def command(how: str, script: str, config: Path, probes: list[dict[str, t.Any]]) -> list[str]:
    job = {"instance": {"config_dir": str(config)}, "user": how != "root", "probes": probes}
    return [python(how), "-c", script, json.dumps(job)]


def run(how: str, config: Path, *probes: dict[str, t.Any]) -> list[dict[str, t.Any]]:
    done = subprocess.run(
        command(how, RUN, config, list(probes)),
        capture_output=True,
        text=True,
        check=False,
        **t.cast("t.Any", WAYS[how]),
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return t.cast("list[dict[str, t.Any]]", json.loads(done.stdout))


def probe(target: str = "/", number: int = 80, **other: t.Any) -> dict[str, t.Any]:
    listen = {"address": "0.0.0.0", "port": number, "ssl": False}
    return {"id": "p", "listen": listen, "method": "GET", "target": target, "host": "x", **other}


def write(config: Path, http: str, top: str = "") -> None:
    config.mkdir(mode=0o755, exist_ok=True)
    text = f"{top}\nevents {{ worker_connections 64; }}\nhttp {{ {http} }}\n"
    (config / "nginx.conf").write_text(text)


def state(*folders: Path) -> dict[str, t.Any]:
    found: dict[str, t.Any] = {}
    for top in folders:
        for path in [top, *sorted(top.rglob("*"))]:
            seen = path.lstat()
            content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
            found[str(path)] = (seen.st_mode, seen.st_uid, seen.st_gid, seen.st_mtime_ns, content)
    return found


def listening(*ports: int) -> set[str]:
    """The sockets of this machine that listen on these ports: others come and go with other programs."""
    found = set()
    for name in ("tcp", "tcp6", "udp", "udp6"):
        for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] in {"0A", "07"} and int(fields[1].rpartition(":")[2], 16) in ports:
                found.add(f"{name} {fields[1]} {fields[9]}")  # address, inode: another socket is not the same
    return found


def mounted() -> list[str]:
    # Containers come and go on a machine that builds them.
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return [line for line in lines if "docker" not in line]


@pytest.fixture
def live(folder: Path) -> t.Iterator[tuple[Path, int]]:
    """An nginx that serves, with logs, a cache, a pid file and a socket; its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = free.getsockname()[1]
    for name in ("log", "cache", "run"):
        (folder / name).mkdir()
    write(
        folder / "etc",
        f"access_log {folder}/log/access.log; proxy_cache_path {folder}/cache keys_zone=c:1m;"
        f'server {{ listen 127.0.0.1:{number}; listen unix:{folder}/run/n.sock; location / {{ return 200 "live"; }}'
        f" location /cached {{ proxy_cache c; proxy_cache_valid 1h; proxy_pass http://unix:{folder}/run/n.sock:/; }} }}",
        top=f"worker_processes 2; pid {folder}/run/nginx.pid; error_log {folder}/log/error.log warn;",
    )
    subprocess.run(["/usr/sbin/nginx", "-c", f"{folder}/etc/nginx.conf"], check=True, timeout=120)
    master = int((folder / "run/nginx.pid").read_text())
    yield folder, number
    os.kill(master, signal.SIGTERM)
    limit = time.monotonic() + 60
    while Path(f"/proc/{master}").exists():
        assert time.monotonic() < limit
        time.sleep(0.01)


def ask(number: int, target: str) -> bytes:
    with socket.create_connection(("127.0.0.1", number), 5) as sock:
        sock.sendall(f"GET {target} HTTP/1.0\r\n\r\n".encode())
        data = b""
        while part := sock.recv(65536):
            data += part
        return data


def test_the_live_nginx_is_untouched(live: tuple[Path, int], how: str) -> None:
    folder, number = live
    assert ask(number, "/cached").endswith(b"live")
    before, open_before, mounts = state(folder), listening(number), mounted()
    assert len(open_before) == 1
    local = {"address": "127.0.0.1", "port": number, "ssl": False}
    socket_listen = {"address": f"unix:{folder}/run/n.sock", "ssl": False}
    answers = run(
        how,
        folder / "etc",
        probe("/", listen=local),
        probe("/cached", listen=local),
        probe("/nothing", listen=socket_listen),
    )
    assert [answer["status"] for answer in answers] == [200, 200, 200]
    assert state(folder) == before
    assert listening(number) == open_before
    assert mounted() == mounts
    assert ask(number, "/").endswith(b"live")


def test_what_a_configuration_writes_vanishes(folder: Path, how: str) -> None:
    targets = [folder / "dav", folder / "own", folder / "store"]
    for target in targets:
        target.mkdir(mode=0o777)
        target.chmod(0o777)
    (folder / "dav/kept").write_text("kept")
    (folder / "own/error.log").write_text("kept")
    (folder / "own/error.log").chmod(0o666)
    write(
        folder / "etc",
        f"server {{ listen 80; root {folder}/dav; dav_methods PUT DELETE; client_body_temp_path {folder}/own/body;"
        f" location /store {{ proxy_store {folder}/store/x; proxy_pass http://10.0.0.1; }}"
        f" access_log {folder}/own/access.log; access_log /etc/failsafe-test; access_log /usr/failsafe-test; }}",
        top=f"pid {folder}/own/pid; error_log {folder}/own/error.log debug; user nobody nogroup;",
    )
    before = state(folder)
    put, deleted, stored = run(
        how,
        folder / "etc",
        probe("/new", method="PUT", body="x"),
        probe("/kept", method="DELETE"),
        probe("/store"),
    )
    if (
        how == "root"
    ):  # an ordinary user's world cannot write to a folder of another user, as its nginx could not outside
        assert (put["status"], deleted["status"]) == (201, 204)
    assert stored["status"] == 200
    assert state(folder) == before
    assert not [path for path in ("/etc/failsafe-test", "/usr/failsafe-test") if os.path.lexists(path)]


@pytest.mark.parametrize("path", ["/proc/sys/kernel/core_pattern", "/sys/kernel/mm/ksm/run", "/dev/vda"])
def test_the_kernel_and_devices_cannot_be_written(folder: Path, how: str, path: str) -> None:
    existed = os.path.exists(path)
    content = Path(path).read_bytes() if path.startswith(("/proc", "/sys")) and existed else b""
    write(folder / "etc", f"log_format x 'failsafe'; access_log {path} x; server {{ listen 80; return 204; }}")
    done = subprocess.run(
        command(how, RUN, folder / "etc", [probe()]),
        capture_output=True,
        text=True,
        check=False,
        **t.cast("t.Any", WAYS[how]),
        timeout=120,
    )
    if path.startswith("/dev"):
        assert not os.path.exists(path) or path == "/dev/vda"
    else:
        assert f'open() "{path}" failed' in done.stderr
    assert os.path.exists(path) == existed
    assert not content or Path(path).read_bytes() == content


def test_the_hosts_sockets_cannot_be_reached(folder: Path, how: str) -> None:
    hits: list[str] = []
    servers = [socket.create_server(("127.0.0.1", 0)), socket.create_server(("::1", 0), family=socket.AF_INET6)]
    for path in (folder / "upstream.sock", folder / "hidden.sock", Path(f"/run/failsafe-test-{os.getpid()}.sock")):
        servers.append(socket.socket(socket.AF_UNIX))
        servers[-1].bind(str(path))
        path.chmod(0o777)
        servers[-1].listen()
    servers.append(socket.socket(socket.AF_UNIX))
    servers[-1].bind(f"\0failsafe-test-{os.getpid()}")
    servers[-1].listen()

    def serve(server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                server.accept()[0].close()
                hits.append(str(server.getsockname()))

    for server in servers:
        threading.Thread(target=serve, args=(server,), daemon=True).start()
    v4, v6 = servers[0].getsockname()[1], servers[1].getsockname()[1]
    write(
        folder / "etc",
        f"server {{ listen 80; location /a {{ proxy_pass http://127.0.0.1:{v4}; }}"
        f" location /b {{ proxy_pass http://[::1]:{v6}; }} location /c {{ proxy_pass http://unix:{folder}/upstream.sock:/; }}"
        f' location /d {{ set $x hidden; proxy_pass "http://unix:{folder}/$x.sock:/"; }}'
        f" location /e {{ proxy_pass http://unix:/run/failsafe-test-{os.getpid()}.sock; }}"
        f' location /f {{ set $y run; proxy_pass "http://unix:/$y/failsafe-test-{os.getpid()}.sock:/"; }} }}',
    )
    try:
        answers = run(how, folder / "etc", *map(probe, ["/a", "/b", "/c", "/d", "/e"]))
    finally:
        for server in servers:
            server.shutdown(socket.SHUT_RDWR)  # ends the accept() that holds it
            server.close()
        Path(f"/run/failsafe-test-{os.getpid()}.sock").unlink()
    assert not hits
    assert [answer["status"] for answer in answers] == [200, 200, 200, 502, 200]


def test_nothing_can_be_reached_from_outside(folder: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = free.getsockname()[1]
    write(folder / "etc", f"server {{ listen {number}; listen unix:{folder}/n.sock; return 204; }}")
    with World(Instance(str(folder / "etc"))) as world:
        assert world.probe([decode(Probe, probe(number=number))])[0].status == 204
        assert not listening(number)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", number), 1)
        assert not (folder / "n.sock").exists()


def descendants(pid: int) -> set[int]:
    found = {pid}
    for name in os.listdir("/proc"):
        with contextlib.suppress(OSError, ValueError):
            if int(Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()[1]) == pid:
                found |= descendants(int(name))
    return found


def test_kill_9_of_the_runner_leaves_nothing(folder: Path, how: str) -> None:
    write(folder / "etc", "server { listen 80; return 204; }", top="worker_processes 3;")
    argv = command(how, HANG, folder / "etc", [probe()])
    runner = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, **t.cast("t.Any", WAYS[how]))
    assert runner.stdout
    first = int(runner.stdout.readline())
    spaces = {kind: os.readlink(f"/proc/{first}/ns/{kind}") for kind in ("mnt", "net", "pid", "ipc")}
    assert all(os.readlink(f"/proc/self/ns/{kind}") != name for kind, name in spaces.items())
    processes = descendants(runner.pid) - {runner.pid}
    assert len(processes) >= 6  # the waiter, the first process, the master, its workers
    runner.kill()
    runner.wait()
    runner.stdout.close()
    limit = time.monotonic() + 60
    while any(Path(f"/proc/{pid}").exists() for pid in processes):
        assert time.monotonic() < limit, [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in processes]
        time.sleep(0.01)
    # A namespace lives as long as a process, an open file or a mount refers to it: there is none.
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError):
                assert os.readlink(f"/proc/{name}/ns/net") != spaces["net"]
    assert spaces["net"].removeprefix("net:") not in Path("/proc/self/mountinfo").read_text()


def test_no_process_is_left_when_a_world_is_closed(folder: Path) -> None:
    write(folder / "etc", "server { listen 80; return 204; }")
    world = World(Instance(str(folder / "etc")))
    processes = descendants(os.getpid()) - {os.getpid()}
    assert len(processes) >= 4
    world.close()
    assert not [pid for pid in processes if Path(f"/proc/{pid}").exists()]


def test_folders_at_the_top_are_the_worlds_own(folder: Path, how: str) -> None:
    before = sorted(os.listdir("/"))
    write(
        folder / "etc",
        "server { listen 80; root /failsafe-docroot; }",
        top="pid /failsafe.pid; lock_file /failsafe.lock;",
    )
    (answer,) = run(how, folder / "etc", probe("/x"))
    assert answer["errors"] == ['open() "/failsafe-docroot/x" failed (2: No such file or directory)']
    with World(Instance(str(folder / "etc")), user=how != "root") as world:
        assert world.create_files(["/failsafe-docroot/x"]) == []
        assert world.probe([decode(Probe, probe("/x"))])[0].status == 200
    assert sorted(os.listdir("/")) == before


def test_kill_9_of_a_runner_of_several_worlds(folder: Path, how: str) -> None:
    write(folder / "etc", "server { listen 80; return 204; }")
    argv = command(how, SEVERAL, folder / "etc", [probe()])
    runner = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, **t.cast("t.Any", WAYS[how]))
    assert runner.stdout
    assert int(runner.stdout.readline()) == runner.pid
    limit = time.monotonic() + 60
    while len(processes := descendants(runner.pid)) < 11:  # twice: runner, waiter, first process, master, worker
        assert time.monotonic() < limit, processes
        time.sleep(0.01)
    runner.kill()
    runner.wait()
    runner.stdout.close()
    while any(Path(f"/proc/{pid}").exists() for pid in processes):
        assert time.monotonic() < limit
        time.sleep(0.01)
