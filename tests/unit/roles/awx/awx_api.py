# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""As much of AWX's REST API (v2) as awx.awx's modules need to make objects, kept in memory.

It knows nothing about the objects: it stores what it is sent and finds what it is asked for, as AWX's list views do.
The one oddity that it repeats is AWX's own: an approval template has no `identifier`.
"""

from __future__ import annotations

import json
import threading
import typing as t
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

_TYPES: t.Final = {"inventories": "inventory"}
_TEMPLATES: t.Final = ("job_templates", "workflow_job_templates", "workflow_approval_templates")


class Awx:
    """The objects: `{collection: {id: object}}`; `writes` counts the requests that changed one."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[int, dict[str, t.Any]]] = {}
        self.related: dict[str, t.Any] = {}
        self.writes: list[str] = []
        self._next = 1
        self.create("organizations", {"name": "Default"})
        self.writes.clear()

    def create(self, kind: str, fields: dict[str, t.Any]) -> dict[str, t.Any]:
        number, self._next = self._next, self._next + 1
        url = f"/api/v2/{kind}/{number}/"
        related = {"survey_spec": f"{url}survey_spec/", "hosts": f"{url}hosts/", "children": f"{url}children/"}
        item = {
            "description": "",
            **fields,
            "id": number,
            "url": url,
            "type": _TYPES.get(kind, kind.removesuffix("s")),
            "related": related,
            "summary_fields": {},
        }
        if kind == "projects":
            item["scm_revision"] = "f" * 40
        self.objects.setdefault(kind, {})[number] = item
        self.writes.append(f"POST {kind} {fields.get('name', fields.get('identifier'))}")
        return item

    def named(self, kind: str) -> dict[str, dict[str, t.Any]]:
        """The objects of one collection by name."""
        return {item.get("name") or item["identifier"]: item for item in self.objects.get(kind, {}).values()}

    def find(self, kind: str, wanted: dict[str, str]) -> list[dict[str, t.Any]]:
        kinds = _TEMPLATES if kind == "unified_job_templates" else (kind,)
        items = [item for name in kinds for item in self.objects.get(name, {}).values()]
        wanted = {name.removeprefix("or__"): value for name, value in wanted.items()}
        return [item for item in items if all(str(item.get(name)) == value for name, value in wanted.items())]

    def handle(self, method: str, path: str, query: dict[str, str], body: dict[str, t.Any]) -> tuple[int, t.Any]:
        kind, *rest = path.removeprefix("/api/v2/").strip("/").split("/")
        if not rest:
            return (201, self.create(kind, body)) if method == "POST" else (200, _page(self.find(kind, query)))
        item = self.objects.get(kind, {}).get(int(rest[0]))
        if item is None:
            return 404, {"detail": "Not found."}
        if len(rest) == 1:
            if method == "PATCH":
                item.update(body)
                if item["type"] == "workflow_approval_template":
                    item.pop("identifier", None)
                self.writes.append(f"PATCH {kind} {item.get('name', item.get('identifier'))}")
            return 200, item
        return self._sub(method, item, rest[1], body)

    def _sub(self, method: str, item: dict[str, t.Any], name: str, body: dict[str, t.Any]) -> tuple[int, t.Any]:
        key = f"{item['url']}{name}/"
        if name == "create_approval_template":
            approval = self.create("workflow_approval_templates", {"name": body["name"], "timeout": body["timeout"]})
            item.update(unified_job_template=approval["id"])
            item["related"]["unified_job_template"] = approval["url"]
            return 201, approval
        if name == "survey_spec":
            if method == "POST":
                self.related[key] = body
                self.writes.append(f"POST survey of {item['name']}")
            return 200, self.related.get(key, {})
        ids = self.related.setdefault(key, [])
        if method == "POST":
            (ids.remove if body.get("disassociate") else ids.append)(body["id"])
            self.writes.append(f"POST {name} of {item.get('name', item.get('identifier'))}")
            return 204, None
        every = {number: each for items in self.objects.values() for number, each in items.items()}
        return 200, _page([every[number] for number in ids])


def _page(items: list[dict[str, t.Any]]) -> dict[str, t.Any]:
    return {"count": len(items), "next": None, "previous": None, "results": items}


class Server:
    """Serves an `Awx` on a free port of the loopback interface while the `with` block runs."""

    def __init__(self, awx: Awx) -> None:
        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                split = urlsplit(self.path)
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length) or b"{}")
                status, answer = awx.handle(self.command, split.path, dict(parse_qsl(split.query)), body)
                data = b"" if answer is None else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("X-API-Product-Name", "AWX")
                self.send_header("X-API-Product-Version", "24.6.1")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PATCH = answer  # noqa: N815 - http.server's names

            def log_message(self, *_arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> t.Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_details: object) -> None:
        self._server.shutdown()
        self._server.server_close()
