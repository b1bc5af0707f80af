# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stand in for Shwitter's application: answer every request with its path and Host header.

Usage: backend.py NAME=ADDRESS:PORT ... It ends when its standard input is closed, so it never outlives its parent.
"""

from __future__ import annotations

import json
import sys
import threading
import typing as t
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Application(BaseHTTPRequestHandler):
    """A handler that answers 200 with the path and the Host header of the request, as JSON."""

    protocol_version = "HTTP/1.1"
    name: t.ClassVar[str] = ""

    def do_GET(self) -> None:
        """Answer one request; its body, if any, is not looked at."""
        answer = {
            "service": "shwitter",
            "server": self.name,
            "path": self.path,
            "host": self.headers.get("Host"),
            "user": self.headers.get("X-Shwitter-User"),
            "forwarded_for": self.headers.get("X-Forwarded-For"),
            "forwarded_proto": self.headers.get("X-Forwarded-Proto"),
            "connection": self.headers.get("Connection"),
        }
        body = (json.dumps(answer) + "\n").encode()
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Shwitter-User", "alice")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_POST = do_GET  # noqa: N815  http.server finds methods by these names

    def log_message(self, *_: t.Any) -> None:
        """Say nothing: nginx's access log knows more."""


class Server(ThreadingHTTPServer):
    """A server that is not upset when an nginx that stops resets the connections it kept."""

    daemon_threads = True

    def handle_error(self, request: t.Any, client_address: t.Any) -> None:
        """Report everything but a connection that the other side broke."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def main(arguments: list[str]) -> None:
    """Serve until standard input ends."""
    for argument in arguments:
        name, _sep, place = argument.partition("=")
        address, _sep, port = place.rpartition(":")
        handler = type(name, (Application,), {"name": name})
        server = Server((address, int(port)), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1:])
