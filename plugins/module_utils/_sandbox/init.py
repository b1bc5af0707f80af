# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The processes of a world: one unshares and waits, the other is its first process and serves the caller."""

from __future__ import annotations

import codecs
import contextlib
import ctypes
import gzip
import os
import re
import signal
import socket
import ssl
import time
import typing as t

from .._common.json_fields import encode
from .._common.packing import pack
from .._namespaces.namespaces import SandboxError, StepError
from .._nginx.instance import Instance, environment
from .._wire.outcomes import BlockTrace
from .._wire.probes import EdgeEntry, ListenSocket, Probe
from .._wire.worlds import WorldFacts
from . import nginx_process
from .channel import Channel, WorldReply, WorldRequest
from .connections import udp_sockets
from .dns import DnsNames
from .event_loop import EventLoop
from .networks import Networks, is_literal
from .nginx_process import NginxProcess
from .prober import Prober, missing_files
from .root_fs import OWN, TRACE, RootFs
from .scan import Scan
from .stub import Stub

# Looked up late otherwise, when the caller's files may be out of sight.
for _name in ("ascii", "idna", "latin-1"):
    codecs.lookup(_name)

_PDEATHSIG, _DUMPABLE = 1, 4  # <linux/prctl.h>
_LOOSE = re.compile(r"(?:stderr|syslog:|memory:|/dev/|\||off$|.*\$)")
_RESOLVERS = 64
_COMPRESSED = ".gz"
_MADE = 1_600_000_000  # time of a made-up file: `expires modified` counts from it, and both worlds have the same
_LENGTH = 2048  # bytes of a made-up file, at least: `gzip_min_length` is often 1,000 or 1,400
_ATTEMPT, _LATE = 30, 10  # seconds


class WorldPlan:
    """All that a world is made of, worked out in the caller's process. Arguments: as those of `World`."""

    def __init__(
        self,
        instance: Instance,
        tree: str,
        *,
        listens: t.Sequence[ListenSocket],
        edge: t.Sequence[EdgeEntry],
        seconds: float,
        empty: bool,
        trace: bool,
        user: bool,
        replaced: t.Mapping[str, bytes],
        probes: t.Sequence[Probe],
    ) -> None:
        self.replaced, self.probes = replaced, probes
        if not os.path.isdir(tree):
            raise SandboxError(f"no folder {tree} to start nginx with", "failed")
        self.listens, self.edge, self.seconds, self.trace = listens, edge, seconds, trace
        self.scan = Scan(tree)
        self._instance = instance
        build = instance.build()
        self.prefix = instance.prefix or build.prefix
        self.conf_dir = os.path.dirname(instance.conf)
        self.addresses = {
            address for address in [*self.scan.listens, *(listen.address for listen in listens)] if is_literal(address)
        }
        own = [listen.address[5:] for listen in listens if listen.address.startswith("unix:")]
        own += [address[5:] for address in self.scan.listens if address.startswith("unix:")]
        self.unix = [path for path in self.scan.unix if path not in own and "$" not in path]
        self.error_logs = [self._full(path) for path in self.scan.paths("error_log") if not _LOOSE.match(path)]
        globals_ = (instance.globals_ or "").strip()
        globals_ += "" if not globals_ or globals_.endswith((";", "}")) else ";"
        runner = instance.at(
            binary=instance.binary,
            prefix=instance.prefix,
            globals_=f"{globals_} error_log {nginx_process.ERROR_LOG} warn;".strip(),
        )
        self.argv = runner.argv()
        self.pairs = self._pairs()
        self.root_fs = RootFs(
            tree,
            instance.config_dir,
            user=user,
            needed=[instance.binary, self.prefix, build.prefix],
            written=self._written(),
            emptied=[self._full(path) for path in self.scan.paths("_cache_path", *(("_temp_path",) if user else ()))]
            + (self._compiled() if user else []),
            empty=empty,
            sockets=self.scan.unix,
            accounts=self.scan.user,
            listens=own,
        )

    def _full(self, path: str) -> str:
        return os.path.join(self.prefix, path)

    def _pairs(self) -> t.Dict[str, str]:
        pairs = {}
        for paths in zip(self.scan.files["ssl_certificate"], self.scan.files["ssl_certificate_key"]):
            if not any("$" in path or path.startswith(("data:", "engine:")) for path in paths):
                pairs[os.path.join(self.conf_dir, paths[0])] = os.path.join(self.conf_dir, paths[1])
        return pairs

    def _compiled(self) -> t.List[str]:
        arguments = (argument[2:].partition("=") for argument in self._instance.build().arguments)
        return [self._full(path) for option, _sep, path in arguments if option.endswith("-temp-path") and path]

    def _written(self) -> t.List[str]:
        build = self._instance.build()
        paths = [
            path
            for path in self.scan.paths("_log", "pid", "lock_file", "_temp_path", "_cache_path")
            if not _LOOSE.match(path)
        ]
        options = dict(argument[2:].partition("=")[::2] for argument in build.arguments if argument.startswith("--"))
        paths += [
            options[option] for option in ("http-log-path", "lock-path") if options.get(option)
        ] + self._compiled()
        paths += [build.pid_path, build.error_log_path, OWN + "/x", TRACE]
        return sorted({os.path.join(self.prefix, path) for path in paths if path.startswith("/") or "/" in path})


def attempt(*, user: bool) -> str:
    """Try the steps that systems deny, in a forked child; return "ok" or the reason."""
    try:
        die_with_parent(os.getppid())
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(_ATTEMPT)  # a file system that does not answer
        root_fs = RootFs("", "/", user=user)
        root_fs.build()
        root_fs.mount_proc()
        Networks()
        receiver, sender = os.pipe()
        first = os.fork()
        if not first:
            os.write(sender, _attempt_first(root_fs).encode("utf-8", "replace"))
            os._exit(0)
        os.waitpid(first, 0)
        return os.read(receiver, 4096).decode("utf-8", "replace")
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the reason
        return str(error) or type(error).__name__


def _attempt_first(root_fs: RootFs) -> str:
    try:
        root_fs.mount_proc(first=True)
    except Exception as error:  # noqa: BLE001 - as above
        return str(error)
    return "ok"


def build(channel: Channel, plan: WorldPlan, parent: int) -> None:
    """Build the world and serve it: all that the forked child does.

    Raises:
        SandboxError: it could not be built.
    """
    deadline = time.monotonic() + plan.seconds
    _detach(channel, parent)
    signal.alarm(int(plan.seconds) + _LATE)  # this process is outside of the PID namespace, where signals are obeyed
    try:
        plan.root_fs.build()
        die_with_parent(parent)  # again: new credentials have reset it
        plan.root_fs.mount_proc()
        networks = Networks()
    except Exception as error:
        raise SandboxError(str(error)) from error
    first = os.fork()
    if first:
        channel.close()
        os.waitpid(first, 0)
        return
    die_with_parent(0)
    try:
        _serve(channel, plan, networks, deadline)
    except StepError as error:
        raise SandboxError(str(error)) from error


def _detach(channel: Channel, parent: int) -> None:
    # None of the caller's files and sockets is kept open.
    die_with_parent(parent)
    for number in range(1, signal.NSIG):
        with contextlib.suppress(OSError, ValueError):
            if number not in {signal.SIGKILL, signal.SIGSTOP}:
                signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(null, number)
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2 and int(name) != channel.fileno():  # noqa: PLR2004
            with contextlib.suppress(OSError):
                os.close(int(name))


def die_with_parent(parent: int) -> None:
    """Make the kernel kill this process when its parent ends; end it if that happened already."""
    libc = ctypes.CDLL(None)
    libc.prctl(_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.prctl(_DUMPABLE, 1, 0, 0, 0)  # else /proc/self is root's, where a process has changed its id
    if os.getppid() != parent:
        os._exit(1)  # it died before


def _serve(channel: Channel, plan: WorldPlan, networks: Networks, deadline: float) -> None:
    nginx_process.raise_limits()
    plan.root_fs.mount_proc(first=True)
    for address in sorted(plan.addresses):
        networks.add(address)
    stub = _stub(plan, networks)
    _join_logs(plan)
    server = NginxProcess(
        plan.argv,
        environment(),
        networks,
        plan.root_fs,
        pairs=plan.pairs,
        freeze="reuseport" not in plan.scan.words,
        foreground="daemon off" in plan.scan.words or "daemon off" in " ".join(plan.argv),
        turn=stub.loop.turn,
    )
    for path, content in plan.replaced.items():
        if not plan.root_fs.write(path, content):
            raise SandboxError(f"{path} cannot be replaced in the world", "failed")
    plan.root_fs.seal()
    networks.settle()
    server.start(deadline)
    for port in sorted(plan.scan.ports):
        stub.serve_inside(networks, port)
    for _address, port in sorted(plan.scan.resolvers):
        for kind in (socket.AF_INET, socket.AF_INET6)[: 1 + networks.ipv6]:
            stub.serve_names(networks.socket_inside(kind, socket.SOCK_DGRAM), port, device=b"lo")
    if "udp" in plan.scan.words:
        _serve_datagrams(stub, networks, plan)
    prober = Prober(
        server,
        networks,
        stub,
        listens=plan.listens,
        edge=plan.edge,
        names=plan.scan.names,
        several=plan.scan.several,
        trace=plan.trace,
        deadline=deadline,
        seconds=plan.seconds,
    )
    facts = WorldFacts(round(server.milliseconds, 1), certificates=server.certificates, notes=_notes(networks))
    channel.send(WorldReply(facts=facts))
    _answer_requests(channel, plan, prober)


def _serve_datagrams(stub: Stub, networks: Networks, plan: WorldPlan) -> None:
    # Those ports of nginx's own network that it holds itself are left to it: two UDP sockets may share one.
    held = {port for _address, port, _inode in networks.run_inside(udp_sockets)}
    for port in sorted(plan.scan.ports):
        for kind in (socket.AF_INET, socket.AF_INET6)[: 1 + networks.ipv6]:
            stub.serve_names(socket.socket(kind, socket.SOCK_DGRAM), port)
            if port not in held:
                stub.serve_names(networks.socket_inside(kind, socket.SOCK_DGRAM), port, device=b"lo")


def _answer_requests(channel: Channel, plan: WorldPlan, prober: Prober) -> None:
    while True:
        request = channel.receive(WorldRequest)
        if request is None:
            return
        if request.create is not None:
            failed = [path for path in request.create if not _create(plan.root_fs, path)]
            if request.create and "open_file_cache" in plan.scan.words:
                prober.forget()  # nginx may know by heart that a file is missing (open_file_cache_errors)
            channel.send(WorldReply(failed=failed))
        elif request.planned is not None:
            channel.send(_packed_reply(plan, prober, request.planned))
        else:
            channel.send(WorldReply(outcomes=prober.run(request.probes or []), notes=prober.notes))


def _packed_reply(plan: WorldPlan, prober: Prober, positions: t.List[int]) -> WorldReply:
    # Packed here, once: between this process and the reader on the controller no process needs a single outcome.
    outcomes = prober.run([plan.probes[position] for position in positions], follow=not plan.trace)
    missing = {str(position): missing_files([one]) for position, one in zip(positions, outcomes) if one.errors}
    kept = [BlockTrace(one.id, one.trace) for one in outcomes] if plan.trace else outcomes
    return WorldReply(
        packed=pack([encode(one) for one in kept], level=1),
        missing={position: paths for position, paths in missing.items() if paths},
        notes=prober.notes,
    )


def _notes(networks: Networks) -> t.List[str]:
    return [] if networks.ipv6 else ["this kernel has no IPv6: listeners and upstreams of that family are not there"]


def _create(root_fs: RootFs, path: str) -> bool:
    # The content tells which file it is, and is long enough to be compressed. A compressed copy has that of its file.
    original = path[: -len(_COMPRESSED)] if path.endswith(_COMPRESSED) else path
    content = f"made up: {original}\n".encode("utf-8", "surrogateescape")
    content *= 1 + _LENGTH // len(content)
    if original != path:
        content = gzip.compress(content)
    if not os.path.isabs(path):
        return False
    if os.path.lexists(path):
        return True
    made = root_fs.write(path, content)
    if made:
        os.utime(path, (_MADE, _MADE))
    return made


def _stub(plan: WorldPlan, networks: Networks) -> Stub:
    for name, content in (("certificate.pem", nginx_process.CERTIFICATE), ("key.pem", nginx_process.KEY)):
        plan.root_fs.write(f"{OWN}/{name}", content, 0o600)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(OWN + "/certificate.pem", OWN + "/key.pem")
    with contextlib.suppress(ssl.SSLError, ValueError):
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.set_ciphers("ALL:@SECLEVEL=0")
    context.set_alpn_protocols(["h2", "http/1.1"])
    stub = Stub(EventLoop(), DnsNames(), context)
    for port in sorted(plan.scan.ports):
        stub.serve_at(networks, "192.0.2.1", port)
    for port in sorted({53, *(port for _address, port in plan.scan.resolvers)})[:_RESOLVERS]:
        for kind in (socket.AF_INET, socket.AF_INET6)[: 1 + networks.ipv6]:
            stub.serve_names(socket.socket(kind, socket.SOCK_DGRAM), port)
    for path in plan.unix:
        if (
            plan.root_fs.make_parent(path)
            and not os.path.lexists(path)
            and stub.listen(socket.socket(socket.AF_UNIX), path)
        ):
            os.chmod(path, 0o777)  # noqa: S103 - nginx's workers have another id
    return stub


def _join_logs(plan: WorldPlan) -> None:
    # All error logs become one: the order of the lines is kept, and one file tells whether a probe wrote any.
    plan.root_fs.write(nginx_process.ERROR_LOG, b"", 0o666)
    for path in plan.error_logs:
        if os.path.isdir(os.path.dirname(path)) and plan.root_fs.make_parent(path):
            plan.root_fs.remove(path)
            with contextlib.suppress(OSError):
                os.symlink(nginx_process.ERROR_LOG, path)
