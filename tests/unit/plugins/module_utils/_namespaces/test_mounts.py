# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import subprocess
import sys
import time
import typing as t
from pathlib import Path

import pytest

from ansible_collections.failsafe.nginx.plugins.module_utils._namespaces import mounts
from ansible_collections.failsafe.nginx.plugins.module_utils._namespaces.mounts import (
    SandboxError,
    run_in_private_mounts,
)

pytestmark = pytest.mark.root
ROOT = Path(__file__).resolve().parents[5]


def shell(script: str, *binds: tuple[object, object], **options: t.Any) -> str:
    done = run_in_private_mounts([(str(a), str(b)) for a, b in binds], ["sh", "-c", script], **options)
    assert done.returncode == 0, done
    return done.stdout.decode()


def inside_own_mounts(script: str, *arguments: object) -> str:
    """Runs Python in a mount namespace of its own, so that a test can mount what it likes; `script` may call `shell`."""
    head = (
        f"import ctypes, os, subprocess, sys\nsys.path[:0] = [{str(ROOT / 'tests/unit')!r}]\nimport conftest\n"
        "from ansible_collections.failsafe.nginx.plugins.module_utils._namespaces.mounts import *\n"
        "def shell(script, *binds, **options):\n"
        "    done = run_in_private_mounts(binds, ['sh', '-c', script], **options)\n"
        "    assert done.returncode == 0, done\n"
        "    return done.stdout.decode()\n"
        "libc = ctypes.CDLL(None)\nassert libc.unshare(0x20000) == 0\n"
        "def mount(*argv): subprocess.run(['mount', *argv], check=True)\n"
        "mount('--make-rprivate', '/')\n"
    )
    argv = [sys.executable, "-c", head + script, *map(str, arguments)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_folder_in_another_place(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/file").write_text("staged")
    (tmp_path / "b").mkdir()
    (tmp_path / "b/file").write_text("live")
    assert shell(f"cat {tmp_path}/b/file", (tmp_path / "a", tmp_path / "b")) == "staged"
    assert (tmp_path / "b/file").read_text() == "live"


def test_nothing_written_stays(tmp_path: Path) -> None:
    for name in ("source", "target"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("before")
        os.chown(tmp_path / name / "file", 1, 1)
    script = (
        f"cd {tmp_path}/target && echo x > new && echo x > file && chown 33 . file && chmod 777 . && cd .. && echo x > y"
        f" && rm source/file && echo x > source/new && touch /var/zzz /etc/zzz /usr/zzz /dev/shm/zzz && cat target/file"
    )
    assert shell(script, (tmp_path / "source", tmp_path / "target")) == "x\n"
    for name in ("source", "target"):
        assert sorted(path.name for path in (tmp_path / name).iterdir()) == ["file"]
        assert (tmp_path / name / "file").read_text() == "before"
        assert (tmp_path / name / "file").stat().st_uid == 1
        assert (tmp_path / name).stat().st_uid == 0
    assert not [path for path in ("/var/zzz", "/etc/zzz", "/usr/zzz", "/dev/shm/zzz") if Path(path).exists()]
    assert not (tmp_path / "y").exists()


def test_modes_and_owners_are_the_same_inside(tmp_path: Path) -> None:
    script = "stat -c '%a %u %g %n' / /etc /root /run /tmp /usr /var /var/log"
    assert (
        shell(script)
        == subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=True, timeout=120).stdout
    )
    (tmp_path / "a").mkdir(mode=0o2750)
    os.chown(tmp_path / "a", 1, 2)
    (tmp_path / "a").chmod(0o2750)
    assert shell(f"stat -c '%a %u %g' {tmp_path}/b", (tmp_path / "a", tmp_path / "b")) == "2750 1 2\n"


def test_a_target_that_does_not_exist(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/file").write_text("x")
    assert shell(f"cat {tmp_path}/later/on/file", (tmp_path / "a", tmp_path / "later/on")) == "x"
    assert not (tmp_path / "later").exists()


def test_a_file_system_below_an_overlaid_folder_keeps_its_content(tmp_path: Path) -> None:
    out = inside_own_mounts(
        "folder = sys.argv[1]\n"
        "os.makedirs(folder + '/log dir')\nmount('-t', 'tmpfs', 'none', folder + '/log dir')\n"
        "os.mkdir(folder + '/log dir/in'); mount('-t', 'tmpfs', '-o', 'ro', 'none', folder + '/log dir/in')\n"
        "open(folder + '/log dir/kept', 'w').write('kept')\n"
        "open(folder + '/resolv', 'w').write('hidden'); open(folder + '/file', 'w').write('mounted file')\n"
        "mount('--bind', folder + '/file', folder + '/resolv')\n"
        'print(shell(f\'cd {folder}; cat "log dir/kept" resolv; touch "log dir/new" "log dir/in/new"; ! echo x > resolv\'))\n'
        "print(sorted(os.listdir(folder + '/log dir')), open(folder + '/file').read())\n",
        tmp_path,
    )
    assert out == "keptmounted file\n['in', 'kept'] mounted file\n"


def test_inside_a_container_whose_root_is_an_overlay(tmp_path: Path) -> None:
    out = inside_own_mounts(
        "folder = sys.argv[1]\n"
        "for name in ('upper', 'work', 'root', 'tree'): os.mkdir(f'{folder}/{name}')\n"
        "open(folder + '/tree/x', 'w').write('staged')\n"
        "mount('-t', 'tmpfs', 'none', folder + '/upper'); os.mkdir(folder + '/upper/u'); os.mkdir(folder + '/upper/w')\n"
        "mount('-t', 'overlay', 'none', folder + '/root', '-o', f'lowerdir=/,upperdir={folder}/upper/u,workdir={folder}/upper/w')\n"
        "[mount('--rbind', '/' + name, f'{folder}/root/{name}') for name in ('proc', 'dev')]\n"
        "os.chroot(folder + '/root'); os.chdir('/')\n"
        "print(shell('touch /etc/zzz; cat /etc/nginx/x', (folder + '/tree', '/etc/nginx')), os.path.exists('/etc/zzz'))\n",
        tmp_path,
    )
    assert out == "staged False\n"


def test_inside_a_private_world(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/x").write_text("staged")
    script = (
        f"import sys; sys.path[:0] = [{str(ROOT / 'tests/unit')!r}]; import conftest\n"
        "from ansible_collections.failsafe.nginx.plugins.module_utils._namespaces.mounts import run_in_private_mounts\n"
        f"print(run_in_private_mounts([({str(tmp_path / 'a')!r}, '/etc/nginx')], ['cat', '/etc/nginx/x']))"
    )
    done = run_in_private_mounts([], [sys.executable, "-c", script])
    # Deeper than the kernel stacks overlays (FILESYSTEM_MAX_STACK_DEPTH is 2) it has to fail, not to write through.
    assert b"staged" in done.stdout or b"SandboxError" in done.stderr, done


def test_files_are_emptied_inside_only(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("content")
    log.chmod(0o640)
    emptied = [str(log), str(tmp_path / "none"), str(tmp_path), "/proc/self/comm", "/dev/null"]
    assert shell(f"stat -c '%s %a' {log}; echo x >> {log}; cat {log}", emptied=emptied) == "0 640\nx\n"
    assert log.read_text() == "content"


def test_a_file_outside_the_overlays_is_never_emptied(tmp_path: Path) -> None:
    file = Path(f"/dev/failsafe-nginx-test-{os.getpid()}")
    try:
        file.write_text("content")
        (tmp_path / "link").symlink_to(file)
        assert shell(f"cat {file}", emptied=[str(file), str(tmp_path / "link")]) == "content"
        assert file.read_text() == "content"
    finally:
        file.unlink(missing_ok=True)


def test_mounts_do_not_reach_the_host(tmp_path: Path) -> None:
    before = Path("/proc/self/mountinfo").read_text()
    shell(f"mount -t tmpfs none {tmp_path} && touch {tmp_path}/x")
    assert Path("/proc/self/mountinfo").read_text() == before
    assert not list(tmp_path.iterdir())


def test_status_output_and_environment() -> None:
    done = run_in_private_mounts(
        [], ["sh", "-c", "echo $A; echo e >&2; pwd; exit 7"], env={"A": "1", "PATH": "/bin:/usr/bin"}
    )
    assert (done.returncode, done.stdout, done.stderr, done.timed_out) == (7, b"1\n/\n", b"e\n", False)


def test_much_output_does_not_block() -> None:
    done = run_in_private_mounts(
        [], ["sh", "-c", "head -c 3000000 /dev/zero; head -c 300000 /dev/zero >&2"], timeout=20
    )
    assert (len(done.stdout), len(done.stderr)) == (3000000, 300000)


def test_the_deadline_ends_the_whole_group() -> None:
    began = time.monotonic()
    done = run_in_private_mounts([], ["sh", "-c", "sleep 600 & echo $!; sleep 600"], timeout=2)
    assert time.monotonic() - began < 60
    assert done.timed_out
    child = Path(f"/proc/{int(done.stdout)}/stat")
    while child.exists() and child.read_text().split()[2] != "Z":
        assert time.monotonic() - began < 60
        time.sleep(0.01)


@pytest.mark.parametrize("argv", [["/nowhere/nginx"], ["/etc/passwd"], ["/"]])
def test_a_command_that_cannot_run(argv: list[str]) -> None:
    with pytest.raises(SandboxError, match="cannot be run in the private mount namespace"):
        run_in_private_mounts([], argv)


def test_a_source_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match=r"No such file or directory: .*/none'"):
        run_in_private_mounts([(str(tmp_path / "none"), "/etc/nginx")], ["true"])
    with pytest.raises(SandboxError, match="Not a directory"):
        run_in_private_mounts([("/etc/passwd", "/etc/nginx")], ["true"])


def test_a_target_that_is_a_file() -> None:
    with pytest.raises(SandboxError, match="passwd"):
        run_in_private_mounts([("/usr", "/etc/passwd")], ["true"])


def test_denied(tmp_path: Path) -> None:
    script = (
        f"import os, sys; sys.path[:0] = [{str(ROOT / 'tests/unit')!r}]; import conftest\n"
        "from ansible_collections.failsafe.nginx.plugins.module_utils._namespaces.mounts import run_in_private_mounts\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "run_in_private_mounts([], ['true'])"
    )
    done = subprocess.run(
        ["/usr/bin/python3", "-c", script],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path.anchor,
        timeout=120,
    )
    assert "SandboxError: unshare of the mount namespace: Operation not permitted (EPERM)" in done.stderr


def test_no_descriptors_are_left_open() -> None:
    before = len(os.listdir("/proc/self/fd"))
    shell("true")
    with pytest.raises(SandboxError):
        run_in_private_mounts([("/none", "/etc")], ["true"])
    assert len(os.listdir("/proc/self/fd")) == before
    assert shell("ls /proc/self/fd") == "0\n1\n2\n3\n"


def test_it_is_quick() -> None:
    began = time.monotonic()
    for _unused in range(5):
        mounts.run_in_private_mounts([("/etc/nginx", "/etc/nginx")], ["true"])
    assert (time.monotonic() - began) / 5 < 0.5  # 20 ms on an idle machine
