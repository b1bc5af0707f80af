# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a client of a scenario's host sees: real requests from the engine's host to the container's address."""

from __future__ import annotations

import http.client
import json
import os
import ssl
import subprocess
import typing as t
from urllib.parse import urlsplit

if t.TYPE_CHECKING:
    from testinfra.host import Host


class Response(t.NamedTuple):
    """An answer: status, headers by lower-case name, and the body as text."""

    status: int
    headers: dict[str, str]
    body: str


def container(host: Host) -> str:
    """Name the container that a testinfra host is."""
    return f"failsafe-{os.environ['MOLECULE_SCENARIO_NAME']}-{host.backend.host}"


def address(name: str) -> str:
    """Return a container's IPv4 address on the bridge."""
    command = ["docker", "inspect", name]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, timeout=120).stdout)
    return next(network["IPAddress"] for network in found[0]["NetworkSettings"]["Networks"].values())


def fetch(host: Host, url: str, *, method: str = "GET", timeout: float = 60) -> Response:
    """Send one request for a URL to the container that a testinfra host is, see `ask`."""
    return ask(address(container(host)), url, method=method, timeout=timeout)


def ask(where: str, url: str, *, method: str = "GET", timeout: float = 60) -> Response:
    """Send one request for a URL to an address, whatever the URL's name resolves to. Redirects are not followed.

    Raises:
        OSError: the container refused the connection or did not answer in `timeout` seconds.
        http.client.HTTPException: it answered something that is not HTTP.
    """
    parts = urlsplit(url)
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        connection = _TLS(where, parts.hostname or "", parts.port or 443, timeout=timeout)
    else:
        connection = http.client.HTTPConnection(where, parts.port or 80, timeout=timeout)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request(method, target, headers={"Host": parts.netloc, "Connection": "close"})
        answer = connection.getresponse()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return Response(answer.status, headers, answer.read().decode("utf-8", "replace"))
    finally:
        connection.close()


class _TLS(http.client.HTTPSConnection):
    """TLS to an address under another name (SNI); the scenarios' certificates are their own, so nothing is verified."""

    def __init__(self, where: str, name: str, port: int, *, timeout: float) -> None:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        super().__init__(where, port, timeout=timeout, context=context)
        self._name, self._context = name, context

    def connect(self) -> None:
        http.client.HTTPConnection.connect(self)
        self.sock = self._context.wrap_socket(self.sock, server_hostname=self._name)
