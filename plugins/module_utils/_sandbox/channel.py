# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Messages between a world's caller and its first process, over a pair of sockets."""

from __future__ import annotations

import json
import socket
import struct
import typing as t
from dataclasses import dataclass, field

from .._common.json_fields import decode, encode, omit_none
from .._wire.outcomes import ProbeOutcome
from .._wire.probes import Probe
from .._wire.worlds import WorldFacts, WorldFailure

T = t.TypeVar("T")
_HEAD = struct.Struct("=I")


@dataclass
class WorldRequest:
    """Ask the first process to send probes, or to make files; all but one are None.

    Attributes:
        planned: positions in the plan's probes, which the process has since it was forked; their outcomes come packed.
    """

    probes: t.Optional[t.List[Probe]] = omit_none()
    planned: t.Optional[t.List[int]] = omit_none()
    create: t.Optional[t.List[str]] = omit_none()


@dataclass
class WorldReply:
    """The answer of the first process.

    Attributes:
        error: the reason why there is no other answer.
        facts: of the world, in the first reply, which comes unasked.
        packed: the outcomes of planned probes, see `WorldResult`.
        missing: position of a planned probe -> files that nginx reported missing.
        notes: sentences about what the probes had to do without.
        failed: files that could not be made.
    """

    error: t.Optional[WorldFailure] = omit_none()
    facts: t.Optional[WorldFacts] = omit_none()
    outcomes: t.Optional[t.List[ProbeOutcome]] = omit_none()
    packed: t.Optional[str] = omit_none()
    missing: t.Dict[str, t.List[str]] = field(default_factory=dict)
    notes: t.List[str] = field(default_factory=list)
    failed: t.List[str] = field(default_factory=list)


class Channel:
    """One end of the pair."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def fileno(self) -> int:
        """Return the socket's descriptor."""
        return self._sock.fileno()

    def close(self) -> None:
        """Close this end."""
        self._sock.close()

    def settimeout(self, seconds: float) -> None:
        """Let `send` and `receive` raise `socket.timeout` after that time."""
        self._sock.settimeout(seconds)

    def send(self, message: t.Union[WorldRequest, WorldReply]) -> None:
        """Write one message."""
        data = json.dumps(encode(message)).encode("utf-8", "surrogatepass")
        self._sock.sendall(_HEAD.pack(len(data)) + data)

    def receive(self, kind: t.Type[T]) -> t.Optional[T]:
        """Read one message; return None at the end.

        Raises:
            FieldError: it is no message of this kind.
        """
        head = self._exactly(_HEAD.size)
        data = head and self._exactly(_HEAD.unpack(head)[0])
        return decode(kind, json.loads(data.decode("utf-8", "surrogatepass"))) if data else None

    def _exactly(self, size: int) -> bytes:
        parts, left = [], size
        while left:
            part = self._sock.recv(min(left, 1 << 20))
            if not part:
                return b""
            parts.append(part)
            left -= len(part)
        return b"".join(parts)
