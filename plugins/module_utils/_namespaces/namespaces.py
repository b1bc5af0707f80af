# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Private mounts of a forked child: unshared namespaces, overlays over every file system, folders in other places."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import re
import signal
import stat
import typing as t

# <linux/sched.h>, <linux/mount.h>
CLONE_NEWNS = 0x00020000
CLONE_NEWIPC = 0x08000000
CLONE_NEWPID = 0x20000000
CLONE_NEWUSER = 0x10000000
MS_RDONLY = 1
MS_REMOUNT = 32
MS_BIND = 4096
MS_REC = 16384
MS_PRIVATE = 1 << 18

#: Folders of `/` that hold the kernel's views, not files.
_KERNEL = ("/proc", "/sys", "/dev")
#: File systems without files that nginx reads, and those of containers, of which a host can have hundreds.
_NO_FILES = re.compile(
    "autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|efivarfs|fusectl|hugetlbfs|mqueue|nsfs|overlay"
    "|proc|pstore|ramfs|rpc_pipefs|securityfs|sysfs|tracefs"
)
#: Upper bound for what nginx may write while it tests: names of folders and empty files, in the normal case.
_TMPFS = "size=256m,mode=0755"


class SandboxError(Exception):
    """A private world or mount namespace could not be made. The message names the step and the system's reason.

    Attributes:
        kind: `unavailable` (the system denies it), `refused` (nginx did not start with this tree; the message is nginx's
            own) or `failed` (the world broke or took too long; nothing is known about the tree).
    """

    def __init__(self, message: str, kind: str = "unavailable") -> None:
        super().__init__(message)
        self.kind = kind


class StepError(Exception):
    """A step failed; the text names it and the system's reason."""


class Namespaces:
    """Namespaces that a forked child moves into, with private mounts.

    Made before the fork, so that the child allocates and imports little.

    Args:
        binds, user, emptied, folders: as for `run_in_private_mounts`.
        flags: the namespaces to unshare, as CLONE_ flags.
        writable: show `folders` writable to an ordinary user, as they are to root.

    Attributes:
        tmpfs: path of the file system in memory that holds the upper layers; "" until it is mounted.
    """

    def __init__(
        self,
        binds: t.Sequence[t.Tuple[str, str]],
        *,
        user: bool,
        emptied: t.Sequence[str] = (),
        folders: t.Sequence[str] = (),
        flags: int = CLONE_NEWNS,
        writable: bool = False,
    ) -> None:
        self.binds = [(os.path.abspath(source), os.path.abspath(target)) for source, target in binds]
        self.user = user
        self.tmpfs = ""
        self._emptied = emptied
        self._folders = folders
        self._flags = flags
        self._writable = writable
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._layers = 0
        self._mount_ids: t.Set[bytes] = set()

    def enter(self, report: int, seconds: int) -> None:
        """Move this process, a forked child, into the namespaces.

        Args:
            report: a descriptor that takes the failed step and its reason as text.
            seconds: after which SIGALRM ends this process: a dead NFS server would block it otherwise.

        Raises:
            StepError: a step failed; it was reported.
        """
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(seconds)
            self.build()
            signal.alarm(0)
        except Exception as error:
            # subprocess keeps the type and the text of what is raised here to itself.
            os.write(report, f"{error}".encode("utf-8", "replace"))
            raise

    def build(self, change_root: t.Optional[t.Callable[[], None]] = None) -> None:
        """Unshare the namespaces and make the mounts.

        Args:
            change_root: called once everything is covered, before the binds: gives this process another root folder.

        Raises:
            StepError: a step failed.
        """
        self._unshare()
        self.mount("make mounts private", None, "/", None, MS_REC | MS_PRIVATE)
        # Opened before anything is covered, and after unshare: the kernel takes only mounts of this namespace.
        sources = [(os.open(source, os.O_PATH | os.O_DIRECTORY), target) for source, target in self.binds]
        folders, nested = self._places()
        self._make_tmpfs()
        for path, handle in folders:
            self._cover(path, handle, nested)
        for path, handle in nested.items():
            self._cover_nested(path, handle)
        if change_root is not None:
            change_root()
        for handle, target in sources:
            if not os.path.isdir("/" + target.split("/")[1]):
                raise StepError(f"show {target}: this machine has no folder /{target.split('/')[1]}")
            os.makedirs(target, exist_ok=True)
            self.overlay(handle, target, f"show {os.readlink(_fd(handle))} at {target}")
        for path in self._emptied:
            self._empty(path)
        os.chdir("/")

    def _unshare(self) -> None:
        uid, gid = os.geteuid(), os.getegid()
        if self._libc.unshare(self._flags | (CLONE_NEWUSER if self.user else 0)):
            self._fail("unshare of the mount namespace" + (" in a user namespace" if self.user else ""))
        if self.user:
            # The ids stay what they are: nginx then behaves as it does for this user outside (no chown, no setuid,
            # keys with mode 0600 readable), and exec drops the capabilities that this namespace gave.
            for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
                with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
                    file.write(text)

    def _places(self) -> t.Tuple[t.List[t.Tuple[str, int]], t.Dict[str, int]]:
        # The top-level folders, and the mount points below them (parents first), with a handle on what is there now.
        folders = []
        for name in sorted(os.listdir("/")):
            path = "/" + name
            if path not in _KERNEL and stat.S_ISDIR(os.lstat(path).st_mode):
                folders.append((path, os.open(path, os.O_PATH)))
        tops = {path for path, _handle in folders}
        nested: t.Dict[str, int] = {}
        for path in _mount_points():
            if path in tops or path in nested or any(_below(path, target) for _source, target in self.binds):
                continue
            if path != "/" and (not path.startswith(tuple(top + "/" for top in _KERNEL)) or path == "/dev/shm"):  # noqa: S108
                with contextlib.suppress(OSError):  # hidden under another mount, or of another user
                    nested[path] = os.open(path, os.O_PATH)
        return folders, nested

    def _make_tmpfs(self) -> None:
        # The handle keeps it reachable. It must not be on a folder that is covered later: a recursive bind of that folder
        # would take the tmpfs along and show it instead.
        place = "/proc/driver" if os.path.isdir("/proc/driver") else "/tmp"  # noqa: S108
        self.mount("mount a tmpfs for the overlays", "tmpfs", place, "tmpfs", 0, _TMPFS)
        self.tmpfs = _fd(os.open(place, os.O_PATH))

    def _cover(self, path: str, handle: int, nested: t.Mapping[str, int]) -> None:
        with contextlib.suppress(StepError):
            self.overlay(handle, path, f"overlay on {path}")
            return
        # A file system that cannot be a lower layer; or, in a user namespace, a folder with mounts of the outer
        # namespace below it, since an overlay would uncover what they hide. Then forbid writes there, and cover what
        # lies between those mounts.
        self._keep(path, handle)
        points = _mount_points(every=True) if self.user else []
        if any(_below(mount, path) for mount in points if mount != path):
            for entry in _entries(path):
                inner = os.path.join(path, entry)
                # Not searchable for this user, so not writable either; or gone since.
                with contextlib.suppress(PermissionError, FileNotFoundError):
                    if inner not in points and stat.S_ISDIR(os.lstat(inner).st_mode):
                        self._cover(inner, os.open(inner, os.O_PATH), nested)

    def _cover_nested(self, path: str, handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            self._cover(path, handle, {})
        elif os.path.lexists(path):
            self._keep(path, handle)  # a file that is a mount point, such as a container's /etc/resolv.conf

    def _keep(self, path: str, handle: int) -> None:
        self.mount(f"keep {path}", _fd(handle), path, None, MS_BIND | MS_REC)
        # A user namespace may not drop the flags that a mount has.
        flags = os.statvfs(path).f_flag & (os.ST_NOSUID | os.ST_NODEV | os.ST_NOEXEC | os.ST_NOATIME | os.ST_NODIRATIME)
        self.mount(f"make {path} read-only", None, path, None, MS_REMOUNT | MS_BIND | MS_RDONLY | flags)

    def overlay(self, handle: int, target: str, step: str) -> None:
        """Lay an overlay of the folder behind `handle` on `target`."""
        self._layers += 1
        upper, work = f"{self.tmpfs}/u{self._layers}", f"{self.tmpfs}/w{self._layers}"
        os.mkdir(work)
        self._mirror(_fd(handle), upper)
        for folder in self._folders if self.user else ():
            # The kernel makes a folder in the upper layer before anything is made in it, with the owner of the original.
            # It cannot where the user namespace has no such owner. So these are made here, owned by this user.
            if _below(folder, target) and folder != target:
                self._mirror_down(_fd(handle), upper, os.path.relpath(folder, target).split("/"))
        options = f"lowerdir={_fd(handle)},upperdir={upper},workdir={work}"
        options += ",userxattr" if self.user else ""
        self.mount(step, "overlay", target, "overlay", 0, options)
        self.adopt(target)

    def adopt(self, path: str) -> None:
        """Count the mount that a path is on as one of these namespaces' own, whose files may be written."""
        handle = os.open(path, os.O_PATH)
        self._mount_ids.add(_mount_id(handle))
        os.close(handle)

    def owns(self, handle: int) -> bool:
        """Tell whether a descriptor is on a mount whose files may be written: any other shows the host's own."""
        return _mount_id(handle) in self._mount_ids

    def _mirror_down(self, original: str, upper: str, names: t.Sequence[str]) -> None:
        with contextlib.suppress(OSError):  # it ends where there is no such folder, or none that may be entered
            for name in names:
                original, upper = f"{original}/{name}", f"{upper}/{name}"
                if os.path.islink(original) or not os.path.isdir(original):
                    return
                self._mirror(original, upper)

    def _mirror(self, original: str, upper: str) -> None:
        # A folder in the upper layer that permits what the original permits.
        if os.path.isdir(upper):
            return
        os.mkdir(upper)
        seen = os.stat(original)
        mode = stat.S_IMODE(seen.st_mode)
        if self.user:
            # An owner that this namespace lacks is shown as the overflow id: the owner alone does not tell.
            if self._writable:
                mode = 0o755
            elif not os.access(original, os.W_OK, effective_ids=True):
                mode = 0o555
            elif seen.st_uid != os.geteuid():
                mode |= 0o700
        else:
            os.chown(upper, seen.st_uid, seen.st_gid)
        os.chmod(upper, mode)

    def _empty(self, path: str) -> None:
        with contextlib.suppress(OSError):
            handle = os.open(path, os.O_PATH)
            # Truncate only what lies in an overlay of these namespaces: anywhere else it would be the live file.
            if stat.S_ISREG(os.fstat(handle).st_mode) and self.owns(handle):
                os.close(os.open(_fd(handle), os.O_WRONLY | os.O_TRUNC))
            os.close(handle)

    def mount(  # noqa: PLR0917
        self, step: str, source: t.Optional[str], target: str, kind: t.Optional[str], flags: int, options: str = ""
    ) -> None:
        """Mount a file system or a path on a folder.

        Raises:
            StepError: it failed; the message begins with `step`.
        """
        arguments = [None if value is None else os.fsencode(value) for value in (source, target, kind)]
        if self._libc.mount(*arguments, ctypes.c_ulong(flags), os.fsencode(options) or None):
            self._fail(step)

    def _fail(self, step: str) -> t.NoReturn:
        number = ctypes.get_errno()
        raise StepError(f"{step}: {os.strerror(number)} ({errno.errorcode.get(number, number)})")


def _mount_points(*, every: bool = False) -> t.List[str]:
    # Parents first: proc(5), mountinfo. Without `every` only file systems that nginx may read files of.
    points = []
    with open("/proc/self/mountinfo", "rb") as file:
        for line in file:
            fields, _sep, rest = line.partition(b" - ")
            if every or not _NO_FILES.fullmatch(rest.split()[0].decode()):
                point = re.sub(rb"\\([0-7]{3})", lambda octal: bytes([int(octal.group(1), 8)]), fields.split()[4])
                points.append(os.fsdecode(point))
    return sorted(points)


def _entries(path: str) -> t.List[str]:
    try:
        return sorted(os.listdir(path))
    except PermissionError:  # not readable for this user; what is searchable nevertheless stays read-only
        return []


def _fd(handle: int) -> str:
    return f"/proc/self/fd/{handle}"


def _mount_id(handle: int) -> bytes:
    with open(f"/proc/self/fdinfo/{handle}", "rb") as file:
        for line in file:
            if line.startswith(b"mnt_id:"):
                return line.split()[1]
    raise OSError(errno.ENOENT, "no mnt_id in fdinfo")


def _below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")
