# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Messages about a run to a chat or an alert manager. Nothing here raises: no deploy ends because of a message."""

from __future__ import annotations

import json
import threading
import time
import typing as t
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from http.client import HTTPException
from ssl import SSLCertVerificationError
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

from ansible.module_utils.urls import open_url

from .plain_json import JsonObject
from .verdict import FleetVerdict

SCHEMA: t.Final = 1
TIMEOUT: t.Final = 5.0  # seconds for each of two tries

_PAUSE: t.Final = 1.0  # seconds between them
_LINES: t.Final = 20  # of the summary
_SERVER_ERROR: t.Final = 500
# Characters with a meaning in a message of Slack's: docs.slack.dev/messaging/formatting-message-text
_ENTITIES: t.Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


@dataclass(frozen=True)
class WebhookMessage:
    """The body of a message; its fields are in docs/fleet.md."""

    event: str
    rollout: str
    hosts: int
    text: str
    rolled_back: list[str] = field(default_factory=list)
    verdict: str | None = None
    ok: bool | None = None
    counts: dict[str, int] = field(default_factory=dict)
    summary: list[str] = field(default_factory=list)
    metadata: JsonObject = field(default_factory=dict)
    time: str = ""
    schema: int = SCHEMA

    def to_json(self) -> JsonObject:
        """Write it."""
        return asdict(self)


def message(
    event: str,
    rollout: str,
    hosts: int,
    *,
    verdict: FleetVerdict | None = None,
    names: Iterable[str] = (),
    metadata: JsonObject | None = None,
) -> WebhookMessage | None:
    """Make the message for an event of the record; None for an event without one.

    Args:
        event: as `nginx_rollout_record` has it.
        rollout: the run's id.
        hosts: the number of targeted hosts.
        verdict: the state of the rollout.
        names: hosts that are rolled back with the fleet.
        metadata: the user's words about the deploy.
    """
    known = verdict or FleetVerdict()
    head = known.text[0] if known.text else ""
    back = [row.host for row in known.hosts if row.outcome == "rolled_back"]
    back += [name for name in names if name not in back]
    final = event == "finished"
    if event == "settling" and back:
        name, text = "rolled_back", f"{_some(back)} rolled back; {head}"
    elif event == "started":
        name, text = "started", f"started on {hosts} hosts"
    elif final:
        name, text = ("refused" if known.verdict == "refused" else "done"), f"{known.verdict}: {head}"
    else:
        return None
    return WebhookMessage(
        event=name,
        rollout=rollout,
        hosts=hosts,
        text=f"nginx deploy {rollout}: {text}".translate(_ENTITIES),
        rolled_back=back,
        verdict=(known.verdict or None) if final else None,
        ok=known.ok if final else None,
        counts=known.counts,
        summary=list(known.text[:_LINES]),
        metadata=metadata or {},
        time=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
    )


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _LINES} more" if len(names) > _LINES else ""
    return ", ".join(names[:_LINES]) + more


def send(url: str, body: JsonObject, *, timeout: float = TIMEOUT, pause: float = _PAUSE) -> str:
    """Post a message, twice at most.

    Args:
        url: where to.
        body: the JSON of the message.
        timeout: seconds for each try.
        pause: seconds between them.

    Returns:
        Why it did not arrive, with no more of the URL than its host; "" if it did.
    """
    try:
        parts = urlsplit(url)
        place = f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")
    except (ValueError, TypeError, AttributeError):
        return "nginx_deploy_webhook_url is no URL"
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return "nginx_deploy_webhook_url has to begin with https:// or http:// and a host"
    data = json.dumps(body, default=str).encode("ascii")
    failure, again = _bounded(url, data, timeout)
    if failure and again:
        time.sleep(pause)
        failure, again = _bounded(url, data, timeout)
    return f"{place} {failure}" if failure else ""


def _bounded(url: str, data: bytes, timeout: float) -> tuple[str, bool]:
    """Post in a thread: a socket's timeout covers neither the resolver nor a server that answers byte by byte."""
    answers: list[tuple[str, bool]] = []
    thread = threading.Thread(target=lambda: answers.append(_post(url, data, timeout)), daemon=True)
    thread.start()
    thread.join(timeout)
    return answers[0] if answers else (f"did not answer within {timeout:g} s", True)


def _post(url: str, data: bytes, timeout: float) -> tuple[str, bool]:
    """Return why it failed, or "", and whether another try may help."""
    try:
        open_url(
            url,
            data=data,
            method="POST",
            headers={"Content-Type": "application/json"},
            http_agent="failsafe.nginx",
            timeout=timeout,
            follow_redirects="none",
            force_basic_auth=True,  # where the URL has a user
            use_netrc=False,
        ).close()
    except HTTPError as error:
        return f"answered {error.code}", error.code >= _SERVER_ERROR
    except TimeoutError:
        return f"did not answer within {timeout:g} s", True
    except URLError as error:
        return _of_connection(error.reason)
    except (OSError, HTTPException) as error:
        return _of_connection(error)
    except Exception as error:  # noqa: BLE001 - Ansible raises errors of many types
        return f"could not be asked ({type(error).__name__})", False
    return "", False


def _of_connection(reason: object) -> tuple[str, bool]:
    if isinstance(reason, SSLCertVerificationError):
        return f"has a certificate that is not trusted: {reason.verify_message}", False
    if isinstance(reason, TimeoutError):
        return "did not answer in time", True
    words = reason.strerror if isinstance(reason, OSError) and reason.strerror else type(reason).__name__
    return f"cannot be reached: {words}", True
