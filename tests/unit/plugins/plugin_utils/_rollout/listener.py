# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A webhook's other end."""

from __future__ import annotations

import contextlib
import json
import threading
import typing as t
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Listener(ThreadingHTTPServer):
    """Answers every request as `answers` says, the last one again and again, and keeps what it was sent.

    An answer is a status, `hang` until the end, or `dribble`: a header that never ends.
    """

    daemon_threads = True

    def __init__(self, *answers: int | str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers, self.got = list(answers or (200,)), list[dict[str, t.Any]]()
        self.over = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/services/T0/SECRET-PATH"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        server = t.cast("Listener", self.server)
        data = self.rfile.read(int(self.headers["Content-Length"]))
        answer = server.answers[min(len(server.got), len(server.answers) - 1)]
        server.got.append({"path": self.path, "headers": dict(self.headers), "body": json.loads(data)})
        if answer == "hang":
            server.over.wait()
        elif answer == "dribble":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            with contextlib.suppress(OSError):
                while not server.over.wait(0.02):
                    self.wfile.write(b"x")
        else:
            self.send_response(int(answer))
            if 300 <= int(answer) < 400:
                self.send_header("Location", server.url + "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

    def log_message(self, *_unused: t.Any) -> None:
        pass


@contextlib.contextmanager
def listening(*answers: int | str) -> Iterator[Listener]:
    """A listener at work."""
    server = Listener(*answers)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        thread.join()
        server.server_close()
