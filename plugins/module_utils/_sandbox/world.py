# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The private world: an nginx with a candidate tree, started where nothing gets in or out, and asked requests."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import select
import signal
import socket
import struct
import time
import traceback
import typing as t
import zlib

from ansible_collections.failsafe.nginx.plugins.module_utils._namespaces.mounts import SandboxError
from ansible_collections.failsafe.nginx.plugins.module_utils._nginx.instance import Instance

from . import init

_BATCH = 500  # probes per message
_HEAD = struct.Struct("=I")
_GRACE = 5.0  # seconds after the deadline, in which the world itself says so


def available(*, user: t.Optional[bool] = None) -> t.Optional[str]:
    """None where a world can be built, else why not: the step that the system denies.

    Args:
        user: in a user namespace, as an ordinary user builds it; by default as the caller's id demands.
    """
    receiver, sender = os.pipe()
    child = os.fork()
    if not child:
        os.close(receiver)
        try:
            os.write(sender, init.attempt(user=_in_namespace(user)).encode("utf-8", "replace"))
        finally:
            os._exit(0)
    os.close(sender)
    with open(receiver, "rb") as file:
        answer = file.read().decode("utf-8", "replace")
    os.waitpid(child, 0)
    return None if answer == "ok" else answer or "the child that tried it died"


def _in_namespace(user: t.Optional[bool]) -> bool:  # noqa: FBT001
    return os.geteuid() != 0 if user is None else user


class World:
    """One nginx in a world of its own; a context manager.

    Args:
        instance: which nginx.
        tree: the folder shown at `instance.config_dir`; None shows what is there.
        listens: `listen` dictionaries as in probes, of all configurations that are compared.
        edge: what is in front of these servers, see `redirects.next_probe`.
        deadline: seconds for everything; then the world ends.
        fs: "host" shows the machine's files, "empty" the system's only (nothing of /var, /srv, /home and such).
        trace: the tree is instrumented and logs block ids.
        user: build it in a user namespace; by default where the caller is not root.
        replaced: absolute path -> content of files that nginx shall find there in this world.

    Attributes:
        facts: `boot_ms` (without nginx's own start), `nginx_ms`, `certificates` (paths that were replaced by a
            self-signed one), `notes`.

    Raises:
        SandboxError: see its `kind`.
    """

    def __init__(
        self,
        instance: Instance,
        tree: t.Optional[str] = None,
        *,
        listens: t.Sequence[t.Mapping[str, t.Any]] = (),
        edge: t.Sequence[t.Mapping[str, t.Any]] = (),
        deadline: float = 300.0,
        fs: str = "host",
        trace: bool = False,
        user: t.Optional[bool] = None,
        replaced: t.Optional[t.Mapping[str, bytes]] = None,
    ) -> None:
        began = time.monotonic()
        self._deadline = began + deadline
        self._child = 0
        plan = init.WorldPlan(
            instance,
            tree or instance.config_dir,
            listens=[dict(listen) for listen in listens],
            edge=[dict(entry) for entry in edge],
            seconds=deadline,
            empty=fs == "empty",
            trace=trace,
            user=_in_namespace(user),
            replaced=replaced or {},
        )
        self._channel, other = socket.socketpair()
        parent = os.getpid()
        self._child = os.fork()
        if not self._child:
            _become(other, plan, parent)
        other.close()
        try:
            self.facts: t.Dict[str, t.Any] = self._receive()
        except BaseException:
            self.close()
            raise
        self.facts["boot_ms"] = round((time.monotonic() - began) * 1000 - self.facts["nginx_ms"], 1)

    def probe(self, probes: t.Sequence[t.Mapping[str, t.Any]]) -> t.List[t.Dict[str, t.Any]]:
        """Sends probes one after the other; their outcomes, in the same order.

        Raises:
            SandboxError: the world broke; there is no outcome then.
        """
        outcomes: t.List[t.Dict[str, t.Any]] = []
        for start in range(0, len(probes), _BATCH):
            reply = self._call({"probe": list(probes[start : start + _BATCH])})
            outcomes += reply["outcomes"]
            self.facts["notes"] = list(dict.fromkeys([*self.facts["notes"], *reply["notes"]]))
        return outcomes

    def create_files(self, paths: t.Sequence[str]) -> t.List[str]:
        """Makes empty files in the world, with the folders above them; returns those that could not be made."""
        return list(self._call({"create": list(paths)})["failed"])

    def close(self) -> None:
        """Ends the world; nothing of it is left when this returns."""
        self._channel.close()
        child, self._child = self._child, 0
        if not child:
            return
        with contextlib.suppress(ChildProcessError):
            # The first process of the PID namespace sees the end of the channel; it takes all others with it, and its
            # parent ends after it.
            limit = time.monotonic() + _GRACE
            while os.waitpid(child, os.WNOHANG) == (0, 0):
                if time.monotonic() > limit:
                    os.kill(child, signal.SIGKILL)
                    os.waitpid(child, 0)
                    return
                time.sleep(0.001)

    def __enter__(self) -> World:  # noqa: PYI034 - Self is Python 3.11's
        return self

    def __exit__(self, *_unused: object) -> None:
        self.close()

    def _call(self, message: t.Mapping[str, t.Any]) -> t.Dict[str, t.Any]:
        try:
            send(self._channel, message)
        except OSError as error:
            raise SandboxError(f"the world has ended: {error}", "failed") from error
        return self._receive()

    def _receive(self) -> t.Dict[str, t.Any]:
        self._channel.settimeout(max(0.1, self._deadline + _GRACE - time.monotonic()))
        try:
            message = receive(self._channel)
        except socket.timeout as error:
            raise SandboxError("the world did not answer before its deadline", "failed") from error
        except OSError as error:
            raise SandboxError(f"the world has ended: {error}", "failed") from error
        if message is None:
            raise SandboxError("the world ended without a word", "failed")
        if "error" in message:
            raise SandboxError(message["error"]["message"], message["error"]["kind"])
        return message


def _become(channel: socket.socket, plan: init.WorldPlan, parent: int) -> t.NoReturn:
    # Never returns into the caller's code, whatever happens.
    try:
        init.build(channel, plan, parent, lambda message: send(channel, message), lambda: receive(channel))
    except SandboxError as error:
        _tell(channel, str(error), error.kind)
    except BaseException as error:  # noqa: BLE001
        last = traceback.extract_tb(error.__traceback__)[-1]
        _tell(channel, f"{error or type(error).__name__} ({os.path.basename(last.filename)}:{last.lineno})", "failed")
    finally:
        os._exit(0)


def _tell(channel: socket.socket, message: str, kind: str) -> None:
    with contextlib.suppress(OSError):
        send(channel, {"error": {"kind": kind, "message": message}})


def send(channel: socket.socket, message: t.Mapping[str, t.Any]) -> None:
    """Writes one message."""
    data = json.dumps(message).encode("utf-8", "surrogatepass")
    channel.sendall(_HEAD.pack(len(data)) + data)


def receive(channel: socket.socket) -> t.Optional[t.Dict[str, t.Any]]:
    """Reads one message; None at the end."""
    head = _exactly(channel, _HEAD.size)
    data = head and _exactly(channel, _HEAD.unpack(head)[0])
    return json.loads(data.decode("utf-8", "surrogatepass")) if data else None


def _exactly(channel: socket.socket, size: int) -> bytes:
    parts, left = [], size
    while left:
        part = channel.recv(min(left, 1 << 20))
        if not part:
            return b""
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def run_worlds(job: t.Mapping[str, t.Any]) -> t.Dict[str, t.Any]:
    """Runs the same probes in several worlds, each in a process of its own, at the same time.

    Args:
        job: `instance` (arguments of `Instance`), `worlds` (each `name`, `tree` and, where they differ from the job's,
            World's other options), `probes`, and `listens`, `edge`, `deadline`, `fs`, `user` for all of them. A world
            with `create` makes these files first; one with `second` true sends those probes again that missed a file, with all
            such files made, see `second` in the result. `fields` of a world are the only ones that its outcomes keep; then
            redirects are followed only where `hops` is one. `replaced` of a world has its content as base64. With `packed`
            true lists of outcomes are lists of strings, base64 of zlib of JSON of some outcomes each: many outcomes are
            large, and nobody between here and their reader needs them.

    Returns:
        `worlds`: name -> `outcomes` and `facts`, or `error` with `kind` and `message`. With `second` also `asked_again`, the
        positions of the probes that were sent again, and `second`, their outcomes.
    """
    children = []
    parent = os.getpid()
    for spec in job["worlds"]:
        receiver, sender = os.pipe()
        child = os.fork()
        if not child:
            try:
                init.die_with_parent(parent)
                os.close(receiver)
                data = json.dumps(_run(job, spec)).encode("utf-8", "surrogatepass")
                with open(sender, "wb") as file:
                    file.write(data)
            finally:
                os._exit(0)
        os.close(sender)
        children.append((spec["name"], child, receiver))
    results = _gather({receiver: name for name, _child, receiver in children})
    for _name, child, _receiver in children:
        os.waitpid(child, 0)
    return {"worlds": results}


def _gather(receivers: t.Dict[int, str]) -> t.Dict[str, t.Any]:
    parts: t.Dict[str, t.List[bytes]] = {name: [] for name in receivers.values()}
    waiting = dict(receivers)
    while waiting:
        for handle in select.select(list(waiting), [], [])[0]:
            data = os.read(handle, 1 << 20)
            if data:
                parts[waiting[handle]].append(data)
            else:
                os.close(handle)
                del waiting[handle]
    broken = {"error": {"kind": "failed", "message": "the process of this world died"}}
    texts = {name: b"".join(chunks).decode("utf-8", "surrogatepass") for name, chunks in parts.items()}
    return {name: json.loads(text) if text else broken for name, text in texts.items()}


def _run(job: t.Mapping[str, t.Any], spec: t.Mapping[str, t.Any]) -> t.Dict[str, t.Any]:
    options = {key: job[key] for key in ("listens", "edge", "deadline", "fs", "user") if job.get(key) is not None}
    options.update({key: spec[key] for key in ("listens", "edge", "deadline", "fs", "user", "trace") if key in spec})
    replaced = {path: base64.b64decode(content) for path, content in (spec.get("replaced") or {}).items()}
    try:
        with World(Instance(**job["instance"]), spec.get("tree"), replaced=replaced, **options) as world:
            if spec.get("create"):
                world.create_files(spec["create"])
            result = _ask(world, job["probes"], _Kept(job, spec), second=bool(spec.get("second")))
            return {**result, "facts": world.facts}
    except SandboxError as error:
        return {"error": {"kind": error.kind, "message": str(error)}}
    except Exception as error:  # noqa: BLE001 - the caller's process shall hear of it
        return {"error": {"kind": "failed", "message": f"{type(error).__name__}: {error}"}}


def _ask(world: World, probes: t.Sequence[t.Dict[str, t.Any]], kept: _Kept, *, second: bool) -> t.Dict[str, t.Any]:
    missing: t.Dict[str, None] = {}
    positions: t.List[int] = []
    found: t.List[t.Any] = []
    for start in range(0, len(probes), _BATCH):
        outcomes = world.probe(kept.sent(probes[start : start + _BATCH]))
        for position, outcome in enumerate(outcomes if second else (), start):
            paths = missing_files([outcome])
            missing.update(dict.fromkeys(paths))
            positions += [position] if paths else []
        kept.add(found, outcomes)
    if not positions:
        return {"outcomes": found}
    world.create_files(list(missing))
    # Only what missed a file gets something else now.
    later: t.List[t.Any] = []
    for start in range(0, len(positions), _BATCH):
        kept.add(later, world.probe(kept.sent([probes[at] for at in positions[start : start + _BATCH]])))
    return {"outcomes": found, "asked_again": positions, "second": later}


class _Kept:
    # What is kept of outcomes, and how.

    def __init__(self, job: t.Mapping[str, t.Any], spec: t.Mapping[str, t.Any]) -> None:
        self._packed = bool(job.get("packed"))
        self._fields = spec.get("fields")

    def sent(self, probes: t.Sequence[t.Dict[str, t.Any]]) -> t.Sequence[t.Dict[str, t.Any]]:
        if self._fields is None or "hops" in self._fields:
            return probes
        return [{**probe, "follow": False} for probe in probes]

    def add(self, found: t.List[t.Any], outcomes: t.List[t.Dict[str, t.Any]]) -> None:
        if self._fields is not None:
            outcomes = [{name: outcome[name] for name in self._fields} for outcome in outcomes]
        if self._packed:
            data = json.dumps(outcomes).encode("utf-8", "surrogatepass")
            found.append(base64.b64encode(zlib.compress(data, 1)).decode("ascii"))
        else:
            found += outcomes


_MISSING = re.compile(r'^open\(\) "(/[^"]+)" failed \(2: |^"(/[^"]+)" is not found \(2: ')


def missing_files(outcomes: t.Iterable[t.Mapping[str, t.Any]]) -> t.List[str]:
    """The files that nginx reported missing in some outcomes, in order: what `create_files` takes."""
    found: t.Dict[str, None] = {}
    for outcome in outcomes:
        for line in outcome["errors"]:
            match = _MISSING.match(line)
            if match:
                found[match.group(1) or match.group(2)] = None
    return list(found)
