# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The nginx of a world: started as on the host, watched, and read by its error logs."""

from __future__ import annotations

import contextlib
import os
import re
import resource
import signal
import subprocess
import textwrap
import time
import typing as t

from .._namespaces.namespaces import SandboxError
from .networks import Networks
from .root_fs import OWN, RootFs, drop_capabilities

ERROR_LOG = OWN + "/error.log"
_OUTPUT = OWN + "/output"
_LINE = re.compile(
    r"^(?:nginx: |\d{4}/\d\d/\d\d \d\d:\d\d:\d\d )\[(\w+)\] (?:\d+#\d+: )?(?:\*\d+ )?(.*)$", re.MULTILINE
)
_SERIOUS = ("error", "crit", "alert", "emerg")
_ABSENT = re.compile(r"No such file or directory|Permission denied")
_CERTIFICATE = re.compile(
    r'(?:cannot load certificate|SSL_CTX_load_verify_(?:locations|file)\(|SSL_CTX_use_certificate\w*\() ?"([^"]+)"'
)
_KEY = re.compile(r'(?:cannot load certificate key |SSL_CTX_use_PrivateKey\w*\()"([^"]+)"')
_GROUP = re.compile(r'^BIO_new_file\("([^"]+)"\) failed')  # ssl_dhparam
_ROUNDS = 50
_READY = 5.0  # seconds from the start of the master to its first worker
_DAEMON = 2.0  # seconds in which it becomes a daemon once it listens, or it never will
_POLL = 0.002
_RARELY = 20  # times as long as a look at the listening sockets took, until the next one


def _pem(label: str, data: str) -> bytes:
    lines = "\n".join(textwrap.wrap(data, 64))
    return f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n".encode()


# For servers whose own key pair is not on this machine, and for stubs that speak TLS. It is public and protects nothing.
KEY = _pem(
    "PRIVATE" + " KEY",
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgSkG70bj124OxP1gDEoMV/OIZASGt4XEfL0lD2EvWoFih"
    "RANCAAQ3z0cDgmrTi6gAl5Wtu8ZcC5vyUwgJFQKBOunA2Eyl5wcEHE7vl67VGgCJORg/Eu3f+QSR2qtl+V86FwqlvUcp",
)
#: CN=failsafe.invalid, P-256, signed by itself, until 2126.
CERTIFICATE = _pem(
    "CERTIFICATE",
    "MIIBqzCCAVCgAwIBAgIUNb6mviuk+PduBEJWwGNdhDl/nnIwCgYIKoZIzj0EAwIwGzEZMBcGA1UEAwwQZmFpbHNhZmUu"
    "aW52YWxpZDAgFw0yNjExMjIxOTE5MjBaGA8yMTI2MTAyOTE5MTkyMFowGzEZMBcGA1UEAwwQZmFpbHNhZmUuaW52YWxp"
    "ZDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABDfPRwOCatOLqACXla27xlwLm/JTCAkVAoE66cDYTKXnBwQcTu+XrtUa"
    "AIk5GD8S7d/5BJHaq2X5XzoXCqW9RymjcDBuMB0GA1UdDgQWBBSOWMF6ejJarT77QGULlmCZkv6GzTAfBgNVHSMEGDAW"
    "gBSOWMF6ejJarT77QGULlmCZkv6GzTAPBgNVHRMBAf8EBTADAQH/MBsGA1UdEQQUMBKCEGZhaWxzYWZlLmludmFsaWQw"
    "CgYIKoZIzj0EAwIDSQAwRgIhAM/FTZ5f/YwsVtUT6bY9yaqwnVGw78cqbmmfAtSJXSHXAiEArcixeb4niZ9tkYn5rvPd"
    "ahSavOf4uImvZ7mLrP36Ipk=",
)
#: Both stand in both files: one file may be named for the certificate and for its key.
_PAIR = CERTIFICATE + KEY
#: The group ffdhe2048 of RFC 7919.
DH = _pem(
    "DH PARAMETERS",
    "MIIBCAKCAQEA//////////+t+FRYortKmq/cViAnPTzx2LnFg84tNpWp4TZBFGQz+8yTnc4kmz75fS/jY2MMddj2gbIC"
    "rsRhetPfHtXV/WVhJDP1H18GbtCFY2VVPe0a87VXE15/V8k1mE8McODmi3fipona8+/och3xWKE2rec1MKzKT0g6eXq8"
    "CrGCsyT7YdEIqUuyyOP7uWrat2DX9GgdT0Kj3jlN9K5W7edjcrsZCwenyO4KbXCeAvzhzffi7MA0BM0oNC9hkXL+nOmF"
    "g/+OTxIy7vKBg8P+OxtMb61zO7X8vC7CIAXFjvGDfRaDssbzSibBsu/6iGtCOGEoXJf//////////wIBAg==",
)


class NginxProcess:
    """The nginx of a world.

    Args:
        pairs: certificate -> key, as the configuration names them.
        freeze: stop all workers but one, so that every request meets the state of the same worker.
        foreground: the configuration says `daemon off`.
        turn: lets the stubs work for at most that many seconds.

    Attributes:
        certificates: paths that were replaced by a self-signed pair.
        milliseconds: that the last start took.
    """

    def __init__(
        self,
        argv: t.Sequence[str],
        env: t.Mapping[str, str],
        networks: Networks,
        root_fs: RootFs,
        *,
        pairs: t.Mapping[str, str],
        freeze: bool,
        foreground: bool,
        turn: t.Callable[[float], object],
    ) -> None:
        self.certificates: t.List[str] = []
        self.milliseconds = 0.0
        self._argv = list(argv)
        self._env = dict(env)
        self._networks = networks
        self._root_fs = root_fs
        self._pairs = dict(pairs)
        self._freeze = freeze
        self._foreground = foreground
        self._turn = turn
        self._master = 0
        self._log = os.open(ERROR_LOG, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
        self._rest = b""

    def start(self, deadline: float) -> None:
        """Start it.

        Raises:
            SandboxError: nginx refuses the tree (its words), or it is not up in time.
        """
        for certificate, key in self._pairs.items():
            if not os.access(certificate, os.R_OK) or not os.access(key, os.R_OK):
                self._plant(certificate, key)
        for _unused in range(_ROUNDS):
            words = self._launch(deadline)
            if not words:
                break
            if not self._mend(words):
                raise SandboxError("; ".join(words), "refused")
        else:
            raise SandboxError("; ".join(words), "refused")
        self._await_worker(deadline)

    def _plant(self, certificate: t.Optional[str], key: t.Optional[str]) -> bool:
        paths = [path for path in dict.fromkeys((certificate, key)) if path and path not in self.certificates]
        done = [path for path in paths if self._root_fs.write(path, _PAIR, 0o600)]
        self.certificates += done
        return bool(done)

    def _mend(self, words: t.Sequence[str]) -> bool:
        # A certificate or key that an include names from somewhere else and this machine lacks.
        for line in words:
            key, certificate = _KEY.search(line), _CERTIFICATE.search(line)
            group = _GROUP.search(line)
            if group and _ABSENT.search(line) and group.group(1) not in self.certificates:
                self.certificates.append(group.group(1))
                return self._root_fs.write(group.group(1), DH)
            # A stand-in may not fit the other half of a pair; two files of the configuration have to fit by themselves.
            if key and (("mismatch" in line and self.certificates) or _ABSENT.search(line)):
                partner = next((c for c, k in self._pairs.items() if k == key.group(1)), None)
                return self._plant(partner, key.group(1))
            if certificate and _ABSENT.search(line):
                return self._plant(certificate.group(1), self._pairs.get(certificate.group(1)))
        return False

    def _launch(self, deadline: float) -> t.List[str]:
        began = time.monotonic()
        with open(_OUTPUT, "wb") as output:
            process = subprocess.Popen(
                self._argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self._env,
                cwd="/",
                start_new_session=True,
                preexec_fn=self._enter,  # noqa: PLW1509
            )
        # The process ends when the daemon is up. With `daemon off` it stays: then its listening sockets tell. Reading them
        # takes the kernel milliseconds in which no name is resolved for nginx, so it is done now and then.
        listening, look = 0.0, began + (0 if self._foreground else _DAEMON)
        while process.poll() is None:
            now = time.monotonic()
            if not listening and now >= look:
                listening = now if self._listening() else 0.0
                look = time.monotonic() + max(_POLL, _RARELY * (time.monotonic() - now))
            if listening and now - listening >= (0 if self._foreground else _DAEMON):
                break
            if time.monotonic() > deadline:
                raise SandboxError("nginx did not start in time", "failed")
            self._turn(_POLL)  # it asks the stub for names
        self.milliseconds = (time.monotonic() - began) * 1000
        if process.returncode:
            with open(_OUTPUT, "rb") as file:
                text = file.read().decode("utf-8", "backslashreplace")
            self.drain()
            words = dict.fromkeys(words for level, words in _LINE.findall(text) if level in _SERIOUS)
            return list(words) or [text.strip()[-500:] or f"nginx ended with status {process.returncode}"]
        self._master = process.pid if process.returncode is None else 0
        return []

    def _enter(self) -> None:
        self._networks.enter_inner()
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        drop_capabilities()

    def _listening(self) -> bool:
        def look() -> bool:
            for name in ("tcp", "tcp6"):
                with contextlib.suppress(OSError), open("/proc/net/" + name, encoding="ascii") as file:
                    if any(line.split()[3] == "0A" for line in file):
                        return True
            return False

        return self._networks.run_inside(look)

    def _await_worker(self, deadline: float) -> None:
        limit = min(deadline, time.monotonic() + _READY)
        while True:
            processes = _processes()
            self._master = self._master or next((pid for pid, (parent, _t) in processes.items() if parent == 1), 0)
            title = processes.get(self._master, (0, ""))[1]
            starting = any(
                parent == self._master and name.startswith("nginx: master") for parent, name in processes.values()
            )
            workers = [pid for pid, (_parent, name) in processes.items() if name.startswith("nginx: worker process")]
            if (workers and not starting) or (
                title and not title.startswith("nginx: master") and time.monotonic() > limit - _READY + 0.1
            ):
                break
            if time.monotonic() > limit or not title:
                words = [words for level, words in _LINE.findall(self.drain()) if level in _SERIOUS]
                text = "; ".join(dict.fromkeys(words))
                raise SandboxError(text or "nginx ended right after its start", "refused" if text else "failed")
            self._turn(_POLL)
        self.drain()
        if self._freeze:
            rest = sorted(workers)[1:]
            for pid in rest:
                os.kill(pid, signal.SIGSTOP)
            # Until it really stands still it waits in epoll_wait, and EPOLLEXCLUSIVE would wake it alone for a connection.
            while any(_state(pid) not in "TtZX" for pid in rest) and time.monotonic() < limit:
                self._turn(_POLL)

    def alive(self) -> bool:
        """Tell whether the master still runs."""
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        try:
            with open(f"/proc/{self._master}/stat", encoding="ascii", errors="replace") as file:
                return file.read().rpartition(")")[2].split()[0] not in "ZX"
        except OSError:
            return False

    def restart(self, deadline: float) -> None:
        """Start it anew: all that it knew of peers, limits and connections is gone.

        Raises:
            SandboxError: it does not come up again.
        """
        if os.getpid() != 1:
            raise SandboxError("this is not the first process of a world", "failed")
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)  # everything in this PID namespace but its first process
        with contextlib.suppress(ChildProcessError):
            while True:
                os.waitpid(-1, 0)
        self._root_fs.forget_sockets()
        self.drain()
        words = self._launch(deadline)
        if words:
            raise SandboxError("nginx did not start again: " + "; ".join(words), "failed")
        self._await_worker(deadline)

    def drain(self) -> str:
        """Return the whole lines that were written to the error logs since the last call."""
        data = os.read(self._log, 1 << 20)
        if not data:
            return ""
        while True:
            more = os.read(self._log, 1 << 20)
            if not more:
                break
            data += more
        lines, _sep, self._rest = (self._rest + data).rpartition(b"\n")
        return lines.decode("utf-8", "backslashreplace")


def _state(pid: int) -> str:
    # The letter of proc(5), "X" for none.
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0]
    except OSError:
        return "X"


def _processes() -> t.Dict[int, t.Tuple[int, str]]:
    # pid -> parent and title, of the world.
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError, IndexError):
                with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                    fields = file.read().rpartition(")")[2].split()
                with open(f"/proc/{name}/cmdline", "rb") as file:
                    title = file.read().rstrip(b"\0").decode("utf-8", "replace")
                if fields[0] not in "ZX":
                    found[int(name)] = (int(fields[1]), title)
    return found


def errors_of(text: str) -> t.List[str]:
    """Return the lines at [error] and worse, without time, process, connection and the description of the request."""
    found = []
    for line in dict.fromkeys(text.splitlines()):  # a line can be in two logs
        match = _LINE.match(line)
        if match and match.group(1) in _SERIOUS:
            found.append(match.group(2).partition(", client: ")[0])
    return found


def raise_limits() -> None:
    """Allow this process as many open files as it may have."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
