# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What a chat or an alert manager is told of a run. Nothing here raises: nobody's deploy ends for a message."""

from __future__ import annotations

import json
import threading
import time
import typing as t
from collections.abc import Mapping
from datetime import UTC, datetime
from http.client import HTTPException
from ssl import SSLCertVerificationError
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

from ansible.module_utils.urls import open_url

SCHEMA: t.Final = 1
TIMEOUT: t.Final = 5.0  # seconds for each of two tries

_PAUSE: t.Final = 1.0  # seconds between them
_LINES: t.Final = 20  # of the summary
_SERVER_ERROR: t.Final = 500
# What has a meaning in a message of Slack's: docs.slack.dev/messaging/formatting-message-text
_ENTITIES: t.Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def message(
    event: str,
    rollout: str,
    hosts: int,
    *,
    verdict: Mapping[str, t.Any] | None = None,
    names: t.Iterable[str] = (),
    metadata: Mapping[str, t.Any] | None = None,
) -> dict[str, t.Any] | None:
    """The body for an event of the record, None for one that nobody is told of.

    Args:
        event: as `nginx_rollout_record` has it.
        rollout: the run's id.
        hosts: how many are targeted.
        verdict: what `judge_fleet` says.
        names: hosts that go back with the fleet.
        metadata: what the user says about the deploy.

    """
    told = verdict or {}
    lines = [str(line) for line in told.get("text") or ()]
    back = [row["host"] for row in told.get("hosts") or () if row["outcome"] == "rolled_back"]
    back += [name for name in names if name not in back]
    final = event == "finished"
    word = str(told.get("verdict") or "") if final else ""
    if event == "settling" and back:
        name, text = "rolled_back", f"{_some(back)} rolled back; {lines[0] if lines else ''}"
    elif event == "started":
        name, text = "started", f"started on {hosts} hosts"
    elif final:
        name, text = ("refused" if word == "refused" else "done"), f"{word}: {lines[0] if lines else ''}"
    else:
        return None
    return {
        "schema": SCHEMA,
        "event": name,
        "rollout": rollout,
        "time": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "hosts": hosts,
        "rolled_back": back,
        "verdict": word or None,
        "ok": bool(told.get("ok")) if final else None,
        "counts": dict(told.get("counts") or {}),
        "summary": lines[:_LINES],
        "metadata": dict(metadata or {}),
        "text": f"nginx deploy {rollout}: {text}".translate(_ENTITIES),
    }


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _LINES} more" if len(names) > _LINES else ""
    return ", ".join(names[:_LINES]) + more


def send(url: str, body: Mapping[str, t.Any], *, timeout: float = TIMEOUT, pause: float = _PAUSE) -> str:
    """Post it, twice at most. Returns why it did not arrive, empty if it did, with no more of the URL than its host."""
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
    """One try that ends in time: a socket's timeout covers neither the resolver nor a server that dribbles."""
    answers: list[tuple[str, bool]] = []
    thread = threading.Thread(target=lambda: answers.append(_post(url, data, timeout)), daemon=True)
    thread.start()
    thread.join(timeout)
    return answers[0] if answers else (f"did not answer within {timeout:g} s", True)


def _post(url: str, data: bytes, timeout: float) -> tuple[str, bool]:
    """Why it failed, empty if it did not, and whether another try may help."""
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
    except Exception as error:  # noqa: BLE001 - whatever Ansible makes of it
        return f"could not be asked ({type(error).__name__})", False
    return "", False


def _of_connection(reason: t.Any) -> tuple[str, bool]:
    if isinstance(reason, SSLCertVerificationError):
        return f"has a certificate that is not trusted: {reason.verify_message}", False
    if isinstance(reason, TimeoutError):
        return "did not answer in time", True
    words = reason.strerror if isinstance(reason, OSError) and reason.strerror else type(reason).__name__
    return f"cannot be reached: {words}", True
