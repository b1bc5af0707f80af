# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The private world: an nginx with a candidate tree, started where nothing gets in or out, and sent probes."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
import traceback
import typing as t

from .._common.json_fields import FieldError
from .._namespaces.namespaces import SandboxError
from .._nginx.instance import Instance
from .._wire.outcomes import ProbeOutcome
from .._wire.probes import EdgeEntry, ListenSocket, Probe
from .._wire.worlds import WorldFacts, WorldFailure
from . import init
from .channel import Channel, WorldReply, WorldRequest

#: Probes per message.
BATCH = 500
_GRACE = 5.0  # seconds after the deadline, in which the world itself reports that its time is over


def available(*, user: t.Optional[bool] = None) -> t.Optional[str]:
    """Try to build a world; return None where that works, else the step that the system denies and its reason.

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
        tree: the folder shown at `instance.config_dir`; None shows the live one.
        listens: sockets of all configurations that are compared, where redirects are followed.
        edge: proxies in front of these servers, see `redirects.next_probe`.
        deadline: seconds for everything; then the world ends.
        fs: "host" shows the machine's files, "empty" the system's only (nothing of /var, /srv, /home and such).
        trace: the tree is instrumented and logs block ids.
        user: build it in a user namespace; by default where the caller is not root.
        replaced: absolute path -> content of files that nginx finds there in this world.
        probes: that `probe_planned` sends.

    Raises:
        SandboxError: see its `kind`.
    """

    def __init__(
        self,
        instance: Instance,
        tree: t.Optional[str] = None,
        *,
        listens: t.Sequence[ListenSocket] = (),
        edge: t.Sequence[EdgeEntry] = (),
        deadline: float = 300.0,
        fs: str = "host",
        trace: bool = False,
        user: t.Optional[bool] = None,
        replaced: t.Optional[t.Mapping[str, bytes]] = None,
        probes: t.Sequence[Probe] = (),
    ) -> None:
        began = time.monotonic()
        self._deadline = began + deadline
        self._child = 0
        plan = init.WorldPlan(
            instance,
            tree or instance.config_dir,
            listens=listens,
            edge=edge,
            seconds=deadline,
            empty=fs == "empty",
            trace=trace,
            user=_in_namespace(user),
            replaced=replaced or {},
            probes=probes,
        )
        own, other = socket.socketpair()
        self._channel = Channel(own)
        parent = os.getpid()
        self._child = os.fork()
        if not self._child:
            _become(Channel(other), plan, parent)
        other.close()
        try:
            facts: WorldFacts = t.cast("t.Any", self._receive().facts)
            self.facts = facts
        except BaseException:
            self.close()
            raise
        self.facts.boot_ms = round((time.monotonic() - began) * 1000 - self.facts.nginx_ms, 1)

    def probe(self, probes: t.Sequence[Probe]) -> t.List[ProbeOutcome]:
        """Send probes one after the other; return their outcomes in the same order.

        Raises:
            SandboxError: the world broke; there is no outcome then.
        """
        outcomes: t.List[ProbeOutcome] = []
        for start in range(0, len(probes), BATCH):
            reply = self._call(WorldRequest(probes=list(probes[start : start + BATCH])))
            outcomes += reply.outcomes or []
            self._note(reply)
        return outcomes

    def probe_planned(self, positions: t.Sequence[int]) -> t.Tuple[str, t.Dict[int, t.List[str]]]:
        """Send some of the planned probes, one after the other; in an instrumented tree no redirect is followed.

        Args:
            positions: of the probes, not more than `BATCH`.

        Returns:
            The packed outcomes, see `WorldResult`, and the files that nginx reported missing, by position.

        Raises:
            SandboxError: the world broke; there is no outcome then.
        """
        reply = self._call(WorldRequest(planned=list(positions)))
        self._note(reply)
        return reply.packed or "", {int(position): paths for position, paths in reply.missing.items()}

    def create_files(self, paths: t.Sequence[str]) -> t.List[str]:
        """Make files in the world that are not there, with the folders above them; return those that could not be made."""
        return self._call(WorldRequest(create=list(paths))).failed

    def close(self) -> None:
        """End the world; nothing of it is left when this returns."""
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

    def _note(self, reply: WorldReply) -> None:
        self.facts.notes = list(dict.fromkeys([*self.facts.notes, *reply.notes]))

    def _call(self, request: WorldRequest) -> WorldReply:
        try:
            self._channel.send(request)
        except OSError as error:
            raise SandboxError(f"the world has ended: {error}", "failed") from error
        return self._receive()

    def _receive(self) -> WorldReply:
        self._channel.settimeout(max(0.1, self._deadline + _GRACE - time.monotonic()))
        try:
            reply = self._channel.receive(WorldReply)
        except socket.timeout as error:
            raise SandboxError("the world did not answer before its deadline", "failed") from error
        except OSError as error:
            raise SandboxError(f"the world has ended: {error}", "failed") from error
        except FieldError as error:
            raise SandboxError(f"the world's answer cannot be read: {error}", "failed") from error
        if reply is None:
            raise SandboxError("the world ended without a word", "failed")
        if reply.error is not None:
            raise SandboxError(reply.error.message, reply.error.kind)
        return reply


def _become(channel: Channel, plan: init.WorldPlan, parent: int) -> t.NoReturn:
    # Never returns into the caller's code, whatever happens.
    try:
        init.build(channel, plan, parent)
    except SandboxError as error:
        _tell(channel, str(error), error.kind)
    except BaseException as error:  # noqa: BLE001
        last = traceback.extract_tb(error.__traceback__)[-1]
        _tell(channel, f"{error or type(error).__name__} ({os.path.basename(last.filename)}:{last.lineno})", "failed")
    finally:
        os._exit(0)


def _tell(channel: Channel, message: str, kind: str) -> None:
    with contextlib.suppress(OSError):
        channel.send(WorldReply(error=WorldFailure(kind, message)))
