# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The file system of a world: the candidate in its place, devices, names and logs of its own, no way to the host's."""

from __future__ import annotations

import contextlib
import ctypes
import os
import stat
import struct
import typing as t

from .._namespaces.namespaces import (
    CLONE_NEWIPC,
    CLONE_NEWNS,
    CLONE_NEWPID,
    MS_BIND,
    MS_RDONLY,
    MS_REC,
    MS_REMOUNT,
    Namespaces,
    StepError,
)
from .networks import NAMESERVER

_NODES = ("null", "zero", "full", "random", "urandom", "tty")
#: Folder of the stubs' own files, and the log that an instrumented tree writes.
OWN = "/run/failsafe"
TRACE = "/run/failsafe-trace.log"
_SYSTEM = {"bin", "dev", "etc", "lib", "lib32", "lib64", "libx32", "nix", "proc", "run", "sbin", "sys", "usr"}
_WALK = 20000  # entries of one folder that is searched for sockets
_HOSTS = "127.0.0.1 localhost\n::1 localhost\n"
_NAMES = "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nnetworks: files\nservices: files\n"
_KERNEL = ("/proc", "/sys", "/dev")
_MS_MOVE = 8192
_NET_BIND_SERVICE = 10


def is_system(path: str) -> bool:
    """Tell whether an absolute path is in one of the folders that every world shows."""
    return path.split("/", 2)[1] in _SYSTEM


class RootFs:
    """The root file system of a world, built in a forked child.

    Args:
        tree: is shown at `config_dir`; "" for nothing.
        needed: paths that must stay visible when `empty` holds: the binary, the prefix.
        written: files that nginx makes or appends to; what is there is not shown.
        emptied: folders shown empty: caches.
        empty: show nothing of the host but the system's folders, and make the folders of `written`.
        sockets: paths of unix sockets that may be the host's.
        accounts: names that must exist.
        listens: paths of unix sockets that nginx may bind.
    """

    def __init__(
        self,
        tree: str,
        config_dir: str,
        *,
        user: bool,
        needed: t.Sequence[str] = (),
        written: t.Sequence[str] = (),
        emptied: t.Sequence[str] = (),
        empty: bool = False,
        sockets: t.Sequence[str] = (),
        accounts: t.Sequence[str] = (),
        listens: t.Sequence[str] = (),
    ) -> None:
        self._hidden = sorted({*_bound_sockets(), *_found_sockets("/run"), *sockets, *listens, *_beside(sockets)})
        folders = {os.path.dirname(path) for path in (*written, *self._hidden, *emptied, OWN + "/x")}
        self._namespaces = Namespaces(
            [(tree, config_dir)] if tree else [],
            user=user,
            folders=sorted(folders | {config_dir}),
            flags=CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWPID,
            writable=True,
        )
        self._user = user
        try:
            self._mode = stat.S_IMODE(os.stat(config_dir).st_mode)
        except OSError:
            self._mode = 0o755
        self._needed = needed
        self._written = written
        self._caches = emptied
        self._blank = empty
        self._accounts = accounts
        self._listens = listens

    def build(self) -> None:
        """Unshare the namespaces and mount everything but /proc.

        Raises:
            Exception: a step failed; the message names it and the system's reason.
        """
        self._namespaces.build(self._change_root)
        for _source, target in self._namespaces.binds:
            os.chmod(target, self._mode)  # a temporary folder of the candidate is closed to nginx's workers
        if self._blank:
            self._clear()
        self._open_up()
        for path in self._hidden:
            self.remove(path)
        self._devices()
        self._system()
        self._names()
        for path in self._caches:
            if os.path.isdir(path) and (self._user or os.listdir(path)):
                self._tmpfs_on(path)
        for path in self._written:
            if self._blank or path.startswith(OWN):
                self.make_parent(path)
            if not os.path.islink(path) and os.path.isfile(path):
                self.remove(path)

    def _change_root(self) -> None:
        # Everything is moved into another root folder: what is made at its top vanishes too.
        root = f"{self._namespaces.tmpfs}/root"
        os.mkdir(root)
        for name in sorted(os.listdir("/")):
            source, target = "/" + name, f"{root}/{name}"
            if os.path.islink(source):
                os.symlink(os.readlink(source), target)
            elif os.path.isdir(source):
                os.mkdir(target)
                # A namespace's inherited mounts cannot be moved, those of the overlays can and keep their ids.
                kind = MS_BIND | MS_REC if source in _KERNEL else _MS_MOVE
                self._namespaces.mount(f"move {source}", source, target, None, kind)
        os.chroot(root)
        os.chdir("/")
        self._namespaces.adopt("/")
        for _source, target in self._namespaces.binds:
            self.make_parent(target + "/x")

    def mount_proc(self, *, first: bool = False) -> None:
        """Mount a /proc in which the kernel's settings can be written: a container's is read-only.

        Args:
            first: this is the first process of the PID namespace, whose /proc has to be its own.
        """
        try:
            self._namespaces.mount("mount /proc", "proc", "/proc", "proc", 0xE)  # nosuid, nodev, noexec
        except StepError:
            if first:
                raise

    def seal(self) -> None:
        """Make /proc read-only, once the kernel's settings of the world are made."""
        with contextlib.suppress(StepError):  # a shared /proc is guarded by the system
            flags = MS_REMOUNT | MS_BIND | MS_RDONLY | 0xE
            self._namespaces.mount("make /proc read-only", None, "/proc", None, flags)

    def make_parent(self, path: str) -> bool:
        """Make the folders above a path, in the world only; return False where that is impossible."""
        folder = os.path.dirname(path)
        if not os.path.isdir(folder):
            if folder == path or not self.make_parent(folder):
                return False
            try:
                os.mkdir(folder)
                os.chmod(folder, 0o755)  # noqa: S103
            except OSError:
                return False
        if self._user and self._is_own(folder) and not os.access(folder, os.W_OK):
            handle = os.open(folder, os.O_PATH)
            with contextlib.suppress(StepError):  # then the step that needs it fails, and says so
                self._namespaces.overlay(handle, folder, f"overlay on {folder}")
            os.close(handle)
        return self._is_own(folder)

    def remove(self, path: str) -> None:
        """Delete a file in the world, or cover it where its folder cannot be written."""
        if not os.path.lexists(path):
            return
        try:
            if self._is_own(os.path.dirname(path)):
                os.unlink(path)
                return
        except OSError:
            pass
        with contextlib.suppress(StepError, OSError):  # not reachable here: not for nginx either
            blank = os.path.join(self._namespaces.tmpfs, "blank")
            os.close(os.open(blank, os.O_WRONLY | os.O_CREAT, 0o600))
            self._namespaces.mount("cover", blank, os.path.realpath(path), None, MS_BIND)

    def write(self, path: str, content: bytes, mode: int = 0o644) -> bool:
        """Make or replace a file in the world; return False where that is impossible."""
        if self.make_parent(path):
            with contextlib.suppress(OSError):
                temporary = os.path.join(os.path.dirname(path), ".failsafe")
                with open(temporary, "wb") as file:
                    file.write(content)
                os.chmod(temporary, mode)
                os.rename(temporary, path)
                return True
        try:
            source = f"{self._namespaces.tmpfs}/file{abs(hash(path))}"
            with open(source, "wb") as file:
                file.write(content)
            os.chmod(source, mode)
            self._namespaces.mount(f"show {path}", source, os.path.realpath(path), None, MS_BIND)
        except (StepError, OSError):
            return False
        return True

    def forget_sockets(self) -> None:
        """Delete the sockets that a killed nginx left bound; those of the stubs stay."""
        for path in self._listens:
            self.remove(path)

    def _is_own(self, folder: str) -> bool:
        try:
            handle = os.open(folder, os.O_PATH | os.O_DIRECTORY)
        except OSError:
            return False
        try:
            return self._namespaces.owns(handle)
        finally:
            os.close(handle)

    def _tmpfs_on(self, path: str, mode: str = "0755") -> None:
        seen = os.stat(path)
        self._namespaces.mount(f"mount a tmpfs on {path}", "tmpfs", path, "tmpfs", 0, f"size=64m,mode={mode}")
        if not self._user:
            os.chown(path, seen.st_uid, seen.st_gid)
        self._namespaces.adopt(path)

    def _clear(self) -> None:
        binds = [(os.open(target, os.O_PATH), target) for _source, target in self._namespaces.binds]
        for name in sorted(os.listdir("/")):
            path = "/" + name
            keep = name in _SYSTEM or any(f"{needed}/".startswith(path + "/") for needed in self._needed)
            if not keep and os.path.isdir(path) and not os.path.islink(path):
                self._tmpfs_on(path)
        for handle, target in binds:
            if not os.path.isdir(target) and self.make_parent(target + "/x"):
                self._namespaces.mount(f"show {target}", f"/proc/self/fd/{handle}", target, None, MS_BIND)
            os.close(handle)
        for name in ("tmp", "var/tmp", "var/log", "var/lib", "var/cache", "var/run"):
            if self.make_parent(f"/{name}/x") and name.endswith("tmp"):
                os.chmod("/" + name, 0o1777)  # noqa: S103

    def _open_up(self) -> None:
        # Where no overlay was possible, a folder that nginx writes to is an empty one.
        needed = [*self._needed, *(target for _source, target in self._namespaces.binds)]
        for folder in sorted({os.path.dirname(path) for path in self._written} | {os.path.dirname(OWN)}):
            real = os.path.realpath(folder)
            if any(f"{path}/".startswith(real + "/") for path in needed):
                continue
            if os.path.isdir(real) and real != "/" and not self._is_own(real):
                self._tmpfs_on(real)

    def _devices(self) -> None:
        nodes = [(name, os.open("/dev/" + name, os.O_PATH)) for name in _NODES if os.path.exists("/dev/" + name)]
        self._tmpfs_on("/dev")
        for name, handle in nodes:
            os.close(os.open("/dev/" + name, os.O_WRONLY | os.O_CREAT, 0o666))
            self._namespaces.mount(f"show /dev/{name}", f"/proc/self/fd/{handle}", "/dev/" + name, None, MS_BIND)
            os.close(handle)
        for number, name in enumerate(("stdin", "stdout", "stderr")):
            os.symlink(f"/proc/self/fd/{number}", "/dev/" + name)
        os.symlink("/proc/self/fd", "/dev/fd")
        os.mkdir("/dev/shm")  # noqa: S108
        os.chmod("/dev/shm", 0o1777)  # noqa: S103, S108

    def _system(self) -> None:
        # With one processor `worker_processes auto` means one worker: always the same worker answers.
        self._tmpfs_on("/sys")
        os.makedirs("/sys/devices/system/cpu")
        for name in ("online", "possible", "present"):
            with open("/sys/devices/system/cpu/" + name, "w", encoding="ascii") as file:
                file.write("0\n")

    def _names(self) -> None:
        self.write("/etc/resolv.conf", f"nameserver {NAMESERVER}\noptions ndots:0 timeout:2\nsearch .\n".encode())
        self.write("/etc/hosts", _HOSTS.encode())
        self.write("/etc/nsswitch.conf", _NAMES.encode())
        for path, tail in (("/etc/passwd", ":/:/bin/false"), ("/etc/group", "")):
            with open(path, encoding="utf-8", errors="surrogateescape") as file:
                lines = file.read().splitlines()
            known = {line.partition(":")[0] for line in lines}
            # In a user namespace there is one id, and every account has it.
            number = (os.geteuid() if tail else os.getegid()) if self._user else 65534
            extra = [name for name in self._accounts if name not in known] if self._blank or self._user else []
            entry = f":x:{number}:{os.getegid() if self._user else 65534}::/:/bin/false" if tail else f":x:{number}:"
            names = [*known, *extra] if self._user else extra
            text = "".join(f"{name}{entry}\n" for name in names)
            if names:
                text = text if self._user else "\n".join(lines) + "\n" + text
                self.write(path, text.encode("utf-8", "surrogateescape"))


def _bound_sockets() -> t.Set[str]:
    found = set()
    with contextlib.suppress(OSError), open("/proc/net/unix", encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            fields = line.rstrip("\n").split(None, 7)
            if len(fields) == 8 and fields[7].startswith("/"):  # noqa: PLR2004
                found.add(fields[7])
    return found


def _beside(paths: t.Iterable[str]) -> t.Set[str]:
    # A path with variables in it can become any in its folder.
    found: t.Set[str] = set()
    for path in paths:
        if "$" in path:
            found |= _found_sockets(os.path.dirname(path.partition("$")[0] + "x"))
    return found


def _found_sockets(top: str) -> t.Set[str]:
    found = set()
    entries = 0
    for folder, folders, names in os.walk(top):
        entries += len(names) + len(folders)
        if entries > _WALK:
            break
        for name in names:
            path = os.path.join(folder, name)
            with contextlib.suppress(OSError):
                if stat.S_ISSOCK(os.lstat(path).st_mode):
                    found.add(path)
    return found


def drop_capabilities() -> None:
    """Drop every capability that nginx does not need: code in a configuration must not leave the world."""
    # <linux/capability.h>: CHOWN, DAC_OVERRIDE, FOWNER, KILL, SETGID, SETUID, NET_BIND_SERVICE, NET_ADMIN, NET_RAW,
    # SYS_RESOURCE. Both NET ones reach the world's own networks only.
    libc = ctypes.CDLL(None, use_errno=True)
    for number in range(64):
        if number not in {0, 1, 3, 5, 6, 7, 10, 12, 13, 24}:
            libc.prctl(24, number, 0, 0, 0)  # PR_CAPBSET_DROP
    libc.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
    if os.geteuid():
        # nginx may bind low ports in its own network, also where /proc/sys cannot be written to say so.
        head, sets = struct.pack("=Ii", 0x20080522, 0), ctypes.create_string_buffer(24)
        libc.capget(head, sets)
        effective, permitted = struct.unpack_from("=II", sets)
        struct.pack_into("=III", sets, 0, effective, permitted, permitted & 1 << _NET_BIND_SERVICE)
        libc.capset(head, sets)
        libc.prctl(47, 2, _NET_BIND_SERVICE, 0, 0)  # PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE
